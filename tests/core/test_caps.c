// SPDX-License-Identifier: MIT
/*
 * The capability builder: offsets, links, register contents, refusals.
 *
 * Try it:  make build/test_caps && build/test_caps
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "caps.h"

static struct mb_config c;

static int fresh(void **state)
{
	const struct mb_config_ids ids = { .vendor = 0x1234, .device = 1, .int_pin = 1 };

	(void)state;
	memset(&c, 0xa5, sizeof(c));
	mb_config_init(&c, &ids);
	return 0;
}

static void test_list(void **state)
{
	u8 three[3] = { 7, 8, 9 };

	(void)state;
	assert_int_equal(mb_config_read(&c, 0x34, 1), 0);
	assert_int_equal(mb_config_read(&c, 6, 2), 0);
	assert_int_equal(mb_cap_pm(&c), 0x40);
	assert_int_equal(mb_config_read(&c, 0x34, 1), 0x40);
	assert_int_equal(mb_config_read(&c, 6, 2), 0x10);
	assert_int_equal(mb_config_read(&c, 0x40, 2), 0x0001);
	assert_int_equal(mb_cap_vendor(&c, three, NULL, 3), 0x48);	/* 6 bytes: next at 0x50 */
	assert_int_equal(mb_cap_msi(&c, 0, false, false), 0x50);	/* 10 bytes */
	assert_int_equal(mb_cap_msix(&c, 0, 0, 1, 0x10), 0x5c);
	assert_int_equal(mb_cap_express(&c, false), 0x68);
	assert_int_equal(mb_config_read(&c, 0x40, 2), 0x4801);
	assert_int_equal(mb_config_read(&c, 0x48, 2), 0x5009);
	assert_int_equal(mb_config_read(&c, 0x50, 2), 0x5c05);
	assert_int_equal(mb_config_read(&c, 0x5c, 2), 0x6811);
	assert_int_equal(mb_config_read(&c, 0x68, 2), 0x0010);
	assert_int_equal(c.pm, 0x40);
	assert_int_equal(c.msi, 0x50);
	assert_int_equal(c.msix, 0x5c);
	assert_int_equal(c.express, 0x68);
	assert_int_equal(mb_cap_pm(&c), -1);		/* once each */
	assert_int_equal(mb_cap_msi(&c, 0, true, true), -1);
	assert_int_equal(mb_cap_msix(&c, 0, 0, 1, 0x10), -1);
	assert_int_equal(mb_cap_express(&c, false), -1);
}

static void test_room(void **state)
{
	u8 bytes[189] = { 0 };
	int n = 0;

	(void)state;
	assert_int_equal(mb_cap_vendor(&c, bytes, NULL, 190), -1);
	assert_int_equal(mb_cap_vendor(&c, bytes, NULL, ~0u), -1);
	while (mb_cap_vendor(&c, bytes, NULL, 13) >= 0)
		n++;
	assert_int_equal(n, 12);			/* 192 bytes of 16 each */
	assert_int_equal(mb_cap_pm(&c), -1);
	assert_int_equal(c.pm, 0);
	fresh(state);
	assert_int_equal(mb_cap_vendor(&c, bytes, NULL, 189), 0x40);	/* all of it */
	assert_int_equal(mb_config_read(&c, 0x42, 1), 192);
	assert_int_equal(mb_cap_vendor(&c, bytes, NULL, 0), -1);
	assert_int_equal(mb_config_read(&c, 0x41, 1), 0);
}

/* The list begins at 0x100, each header points at the next, and bytes are what was given */
static void test_extended(void **state)
{
	static u8 long_one[4096];
	u8 bytes[5] = { 1, 2, 3, 4, 5 }, wmask[5] = { 0xff, 0, 0, 0, 0xf0 }, w1c[5] = { 0, 0xff };
	u32 bad;

	(void)state;
	assert_int_equal(mb_config_read(&c, 0x100, 4), 0);
	assert_int_equal(mb_cap_extended(&c, 0x0003, 1, bytes, NULL, NULL, 5), 0x100);
	assert_int_equal(mb_config_read(&c, 0x100, 4), 0x00010003);
	assert_int_equal(mb_cap_extended(&c, 0xabcd, 15, bytes, wmask, w1c, 5), 0x10c);
	assert_int_equal(mb_cap_extended(&c, 0xabcd, 0, NULL, NULL, NULL, 0), 0x118);
	assert_int_equal(mb_config_read(&c, 0x100, 4), 0x10c10003);
	assert_int_equal(mb_config_read(&c, 0x10c, 4), 0x118fabcd);
	assert_int_equal(mb_config_read(&c, 0x118, 4), 0x0000abcd);
	assert_int_equal(mb_config_read(&c, 0x104, 4), 0x04030201);
	mb_config_write(&c, 0x104, 4, ~0u);
	assert_int_equal(mb_config_read(&c, 0x104, 4), 0x04030201);
	mb_config_write(&c, 0x110, 4, ~0u);
	assert_int_equal(mb_config_read(&c, 0x110, 4), 0x040300ff);
	mb_config_write(&c, 0x114, 1, 0xaa);
	assert_int_equal(mb_config_read(&c, 0x114, 1), 0xa5);
	mb_config_write(&c, 0x100, 4, 0);
	assert_int_equal(mb_config_read(&c, 0x100, 4), 0x10c10003);
	assert_int_equal(mb_cap_extended(&c, 0, 0, NULL, NULL, NULL, 0), -1);
	assert_int_equal(mb_cap_extended(&c, 1, 16, NULL, NULL, NULL, 0), -1);
	assert_int_equal(mb_cap_extended(&c, 1, 0, long_one, NULL, NULL, 4093), -1);
	assert_int_equal(mb_cap_extended(&c, 1, 0, long_one, NULL, NULL, ~0u), -1);
	assert_int_equal(mb_cap_extended(&c, 1, 0, long_one, NULL, NULL, 0x1000 - 0x11c - 4), 0x11c);
	assert_int_equal(mb_cap_extended(&c, 1, 0, NULL, NULL, NULL, 0), -1);
	assert_int_equal(mb_config_read(&c, 0x11c, 4), 0x00000001);
	assert_int_equal(mb_config_check(&c, &bad), 0);		/* as an image, too */
	assert_int_equal(mb_cap_extended(&c, 1, 0, NULL, NULL, NULL, 0), -1);
}

static void test_express(void **state)
{
	u32 at, links;

	(void)state;
	at = (u32)mb_cap_express(&c, false);
	assert_int_equal(mb_config_read(&c, at + 2, 2), 0x0002);
	links = mb_config_read(&c, at + 0x0c, 4);
	assert_int_equal(links & 0xf, 3);		/* 8 GT/s */
	assert_int_equal(links >> 4 & 0x3f, 4);		/* x4 */
	assert_int_equal(mb_config_read(&c, at + 0x12, 2) & 0x3ff, 0x43);
	assert_int_equal(mb_config_read(&c, at + 4, 4) >> 28 & 1, 0);	/* no FLR */
	assert_int_equal(mb_config_read(&c, at + 8, 2), 0x2810);
	mb_config_write(&c, at + 8, 2, 0xffff);
	assert_int_equal(mb_config_read(&c, at + 8, 2), 0x79ff);	/* FLR bit not there */
	mb_config_set(&c, at + 0x0a, 2, 0x000f);
	mb_config_write(&c, at + 0x0a, 2, 0x0005);
	assert_int_equal(mb_config_read(&c, at + 0x0a, 2), 0x000a);
	mb_config_write(&c, at + 0x28, 2, 0xffff);
	assert_int_equal(mb_config_read(&c, at + 0x28, 2), 0x001f);
	mb_config_write(&c, at + 0x0c, 4, 0);
	assert_int_equal(mb_config_read(&c, at + 0x0c, 4), links);
}

static void test_flr(void **state)
{
	u32 at;

	(void)state;
	at = (u32)mb_cap_express(&c, true);
	assert_int_equal(mb_config_read(&c, at + 4, 4), 0x10008021);
	assert_int_equal(mb_config_write(&c, at + 8, 2, 0x8000), MB_CFG_FLR);
	assert_int_equal(mb_config_read(&c, at + 8, 2), 0);	/* Initiate FLR reads as 0 */
	assert_int_equal(mb_config_write(&c, at + 9, 1, 0xa0), MB_CFG_FLR);
	assert_int_equal(mb_config_write(&c, at + 8, 1, 0x80), 0);
	assert_int_equal(mb_config_write(&c, at + 8, 4, 0x28ff), 0);
}

/* Every shape: where data, mask and pending are, and which bits take a write */
static void test_msi(void **state)
{
	unsigned int log2, wide, mask;

	(void)state;
	for (log2 = 0; log2 <= 5; log2++)
		for (wide = 0; wide < 2; wide++)
			for (mask = 0; mask < 2; mask++) {
				u32 at, data = wide ? 12 : 8, all = log2 == 5 ? ~0u :
									(1u << (1 << log2)) - 1;

				fresh(state);
				at = (u32)mb_cap_msi(&c, log2, wide, mask);
				assert_int_equal(mb_config_read(&c, at + 2, 2),
						 log2 << 1 | wide << 7 | mask << 8);
				mb_config_write(&c, at + 2, 2, 0xffff);
				assert_int_equal(mb_config_read(&c, at + 2, 2),
						 0x71 | log2 << 1 | wide << 7 | mask << 8);
				mb_config_write(&c, at + 4, 4, ~0u);
				assert_int_equal(mb_config_read(&c, at + 4, 4), ~3u);
				mb_config_write(&c, at + data, 2, 0xbeef);
				assert_int_equal(mb_config_read(&c, at + data, 2), 0xbeef);
				mb_config_write(&c, at + data + 4, 4, ~0u);
				assert_int_equal(mb_config_read(&c, at + data + 4, 4),
						 mask ? all : 0);
				assert_int_equal(c.cap_end, at + data + (mask ? 12 : 4));
			}
	fresh(state);
	assert_int_equal(mb_cap_msi(&c, 6, true, true), -1);
	assert_int_equal(mb_config_read(&c, 0x34, 1), 0);
}

static void test_msix(void **state)
{
	struct mb_msix_place p;
	u32 at;

	(void)state;
	assert_int_equal(mb_caps_msix(&c, &p), 0);
	assert_int_equal(p.count, 0);
	assert_int_equal(mb_cap_msix(&c, 6, 0, 1, 0x10), -1);
	assert_int_equal(mb_cap_msix(&c, 0, 4, 1, 0x20), -1);
	assert_int_equal(mb_cap_msix(&c, 0, 0, 1, 0x14), -1);
	assert_int_equal(mb_cap_msix(&c, 0, 0, 0, 0x10), -1);
	assert_int_equal(mb_cap_msix(&c, 0, 0, 2049, 0x10000), -1);
	assert_int_equal(mb_cap_msix(&c, 0, 0, 2, 0x18), -1);		/* PBA inside the table */
	assert_int_equal(mb_cap_msix(&c, 0, 0x8, 2, 0), 0x40);		/* just before it */
	fresh(state);
	at = (u32)mb_cap_msix(&c, 2, 0x2000, 2048, 0xa000);
	assert_int_equal(at, 0x40);
	mb_config_write(&c, at, 4, ~0u);
	assert_int_equal(mb_config_read(&c, at + 2, 2), 0xc7ff);
	mb_config_write(&c, at + 4, 4, ~0u);
	assert_int_equal(mb_config_read(&c, at + 4, 4), 0x2002);
	assert_int_equal(mb_config_read(&c, at + 8, 4), 0xa002);
	assert_int_equal(mb_caps_msix(&c, &p), -1);			/* no such BAR yet */
	mb_config_bar(&c, 2, 0x8000, MB_BAR_64);
	assert_int_equal(mb_caps_msix(&c, &p), -1);			/* too small */
	mb_config_bar(&c, 2, 0x10000, MB_BAR_64);
	assert_int_equal(mb_caps_msix(&c, &p), 0);
	assert_int_equal(p.count, 2048);
	assert_int_equal(p.table_bar, 2);
	assert_int_equal(p.table_offset, 0x2000);
	assert_int_equal(p.pba_bar, 2);
	assert_int_equal(p.pba_offset, 0xa000);
}

static void test_vendor(void **state)
{
	u8 bytes[5] = { 1, 2, 3, 4, 5 }, mask[5] = { 0, 0, 0xf0, 0, 0xff };

	(void)state;
	assert_int_equal(mb_cap_vendor(&c, bytes, mask, 5), 0x40);
	assert_int_equal(mb_config_read(&c, 0x40, 4), 0x01080009);
	assert_int_equal(mb_config_read(&c, 0x44, 4), 0x05040302);
	mb_config_write(&c, 0x44, 4, ~0u);
	assert_int_equal(mb_config_read(&c, 0x44, 4), 0xff04f302);
	assert_int_equal(mb_cap_vendor(&c, bytes, NULL, 5), 0x48);	/* more than one may be */
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_list, fresh),
		cmocka_unit_test_setup(test_room, fresh),
		cmocka_unit_test_setup(test_extended, fresh),
		cmocka_unit_test_setup(test_express, fresh),
		cmocka_unit_test_setup(test_flr, fresh),
		cmocka_unit_test_setup(test_msi, fresh),
		cmocka_unit_test_setup(test_msix, fresh),
		cmocka_unit_test_setup(test_vendor, fresh),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
