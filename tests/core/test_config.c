// SPDX-License-Identifier: MIT
/*
 * Configuration space: what bus accesses read, change and report, and which
 * images from outside are refused.
 *
 * Try it:  make build/test_config && build/test_config
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "caps.h"

static const struct mb_config_ids ids = {
	.vendor = 0x1234, .device = 0x11e8, .subsys_vendor = 0x1af4, .subsys_device = 0x1100,
	.class_code = 0x010802, .revision = 0x10, .int_pin = 1,
};

static struct mb_config *fresh(void)
{
	static struct mb_config c;

	memset(&c, 0xa5, sizeof(c));
	mb_config_init(&c, &ids);
	return &c;
}

/* PCI 3.0 §6.2.5.1: software writes ones, reads back, and the size is what stayed 0 */
static u64 sized_by_software(struct mb_config *c, unsigned int index)
{
	u32 at = 0x10 + 4 * index, low, high = ~0u, flags;

	flags = mb_config_read(c, at, 4) & 0xf;
	mb_config_write(c, at, 4, ~0u);
	low = mb_config_read(c, at, 4) & ~0xfu;
	if (flags & 4) {
		mb_config_write(c, at + 4, 4, ~0u);
		high = mb_config_read(c, at + 4, 4);
	}
	return ~((u64)high << 32 | low) + 1;
}

static void test_identity(void **state)
{
	struct mb_config *c = fresh();

	(void)state;
	assert_int_equal(mb_config_read(c, 0, 4), 0x11e81234);
	assert_int_equal(mb_config_read(c, 8, 4), 0x01080210);
	assert_int_equal(mb_config_read(c, 0x2c, 4), 0x11001af4);
	assert_int_equal(mb_config_read(c, 0x3d, 1), 1);
	assert_int_equal(mb_config_read(c, 0x0e, 1), 0);
	assert_int_equal(mb_config_read(c, 4, 4), 0);
	assert_int_equal(mb_config_read(c, 0x100, 4), 0);
	assert_int_equal(mb_config_write(c, 0, 4, 0), 0);
	assert_int_equal(mb_config_read(c, 0, 4), 0x11e81234);
}

static void test_access_sizes(void **state)
{
	struct mb_config *c = fresh();
	struct mb_config before;

	(void)state;
	assert_int_equal(mb_config_read(c, 0, 1), 0x34);
	assert_int_equal(mb_config_read(c, 1, 1), 0x12);
	assert_int_equal(mb_config_read(c, 2, 2), 0x11e8);
	assert_int_equal(mb_config_read(c, 1, 2), 0xffff);
	assert_int_equal(mb_config_read(c, 2, 4), 0xffffffff);
	assert_int_equal(mb_config_read(c, 0, 3), 0xffffff);
	assert_int_equal(mb_config_read(c, 0, 8), 0xffffffff);
	assert_int_equal(mb_config_read(c, 4096, 1), 0xff);
	assert_int_equal(mb_config_read(c, 0xfffffffc, 4), 0xffffffff);
	assert_int_equal(mb_config_read(c, 4092, 4), 0);

	before = *c;
	assert_int_equal(mb_config_write(c, 5, 2, 0xffff), 0);
	assert_int_equal(mb_config_write(c, 6, 4, 0xffffffff), 0);
	assert_int_equal(mb_config_write(c, 4, 8, 0xffffffff), 0);
	assert_int_equal(mb_config_write(c, 4, 0, 0xffffffff), 0);
	assert_int_equal(mb_config_write(c, 4096, 4, 0xffffffff), 0);
	assert_memory_equal(&before, c, sizeof(before));
}

static void test_command_and_status(void **state)
{
	struct mb_config *c = fresh();

	(void)state;
	assert_int_equal(mb_config_write(c, 4, 2, 0xffff), MB_CFG_COMMAND);
	assert_int_equal(mb_config_read(c, 4, 2), 0x0546);
	assert_int_equal(mb_config_write(c, 4, 2, 0x0546), 0);	/* the same again */
	assert_int_equal(mb_config_write(c, 5, 1, 0), MB_CFG_COMMAND);
	assert_int_equal(mb_config_read(c, 4, 2), 0x0046);

	mb_config_set(c, 6, 2, 0xf900);
	assert_int_equal(mb_config_write(c, 4, 4, 0x80000046), 0);
	assert_int_equal(mb_config_read(c, 6, 2), 0x7900);	/* the written 1 cleared one */
	mb_config_write(c, 6, 2, 0xffff);
	assert_int_equal(mb_config_read(c, 6, 2), 0);

	mb_config_set_intx(c, true);
	assert_int_equal(mb_config_read(c, 6, 2), 0x0008);
	mb_config_write(c, 6, 2, 0xffff);
	assert_int_equal(mb_config_read(c, 6, 2), 0x0008);	/* read-only */
	mb_config_set_intx(c, false);
	assert_int_equal(mb_config_read(c, 6, 2), 0);
}

static void test_bars(void **state)
{
	struct mb_config *c = fresh();

	(void)state;
	assert_int_equal(mb_config_bar(c, 0, 0x4000, 0), 0);
	assert_int_equal(mb_config_bar(c, 1, 0x10, MB_BAR_PREFETCH), 0);
	assert_int_equal(mb_config_bar(c, 2, 1ull << 33, MB_BAR_64 | MB_BAR_PREFETCH), 0);
	assert_int_equal(mb_config_bar(c, 4, 0x1000000, MB_BAR_64), 0);
	assert_int_equal(mb_config_read(c, 0x10, 4), 0);
	assert_int_equal(mb_config_read(c, 0x14, 4), 8);
	assert_int_equal(mb_config_read(c, 0x18, 4), 0xc);
	assert_int_equal(mb_config_read(c, 0x20, 4), 4);
	assert_true(sized_by_software(c, 0) << 32 >> 32 == 0x4000);
	assert_true(sized_by_software(c, 1) << 32 >> 32 == 0x10);
	assert_true(sized_by_software(c, 2) == 1ull << 33);
	assert_true(sized_by_software(c, 4) == 0x1000000);
	assert_true(mb_config_bar_size(c, 0) == 0x4000);
	assert_true(mb_config_bar_size(c, 1) == 0x10);
	assert_true(mb_config_bar_size(c, 2) == 1ull << 33);
	assert_true(mb_config_bar_size(c, 3) == 0);
	assert_true(mb_config_bar_size(c, 4) == 0x1000000);
	assert_true(mb_config_bar_size(c, 5) == 0);
	assert_true(mb_config_bar_size(c, 6) == 0);

	mb_config_write(c, 0x10, 4, 0xfebf7fff);
	assert_true(mb_config_bar_address(c, 0) == 0xfebf4000);
	assert_int_equal(mb_config_write(c, 0x18, 4, 0), 0);	/* 8 GiB: no bit down there */
	assert_int_equal(mb_config_write(c, 0x1c, 4, 0x12), MB_CFG_BAR);
	assert_true(mb_config_bar_address(c, 2) == 0x1200000000ull);
	assert_true(mb_config_bar_address(c, 3) == 0);
	assert_int_equal(mb_config_write(c, 0x1e, 1, 0x80), MB_CFG_BAR);
	assert_true(mb_config_bar_address(c, 2) == 0x80001200000000ull);
}

static void test_bar_mistakes(void **state)
{
	struct mb_config *c = fresh();

	(void)state;
	assert_int_equal(mb_config_bar(c, 6, 0x1000, 0), -1);
	assert_int_equal(mb_config_bar(c, ~0u, 0x1000, 0), -1);
	assert_int_equal(mb_config_bar(c, 0, 0x1001, 0), -1);
	assert_int_equal(mb_config_bar(c, 0, 0x3000, 0), -1);
	assert_int_equal(mb_config_bar(c, 0, 8, 0), -1);
	assert_int_equal(mb_config_bar(c, 0, 1ull << 32, 0), -1);
	assert_int_equal(mb_config_bar(c, 0, 1ull << 32, MB_BAR_64), 0);
	assert_true(mb_config_bar_size(c, 0) == 1ull << 32);
	assert_int_equal(mb_config_bar(c, 1, 0x1000, 0), -1);		/* the upper half of 0 */
	assert_int_equal(mb_config_bar(c, 5, 0x1000, MB_BAR_64), -1);	/* no register for it */
	assert_int_equal(mb_config_bar(c, 4, 0x100, MB_BAR_IO), -1);
	assert_int_equal(mb_config_bar(c, 4, 0x1000, 2), -1);
	assert_int_equal(mb_config_bar(c, 4, 0x1000, 0x10), -1);
	assert_int_equal(mb_config_bar(c, 3, 0x1000, 0), 0);
	assert_int_equal(mb_config_bar(c, 2, 0x1000, MB_BAR_64), -1);	/* 3 is taken */
	assert_int_equal(mb_config_bar(c, 3, 0, 0), 0);
	assert_int_equal(mb_config_bar(c, 2, 0x1000, MB_BAR_64), 0);
	assert_int_equal(mb_config_bar(c, 0, 0, 0), 0);			/* gives 1 back too */
	assert_int_equal(mb_config_bar(c, 1, 0x1000, 0), 0);
	assert_true(mb_config_bar_size(c, 0) == 0);
	assert_true(mb_config_bar_size(c, 1) == 0x1000);
	assert_true(mb_config_bar_size(c, 2) == 0x1000);
}

static void test_power_states(void **state)
{
	struct mb_config *c = fresh();
	u32 at;

	(void)state;
	at = (u32)mb_cap_pm(c) + 4;
	assert_int_equal(mb_config_write(c, at, 2, 3), MB_CFG_PM);
	assert_int_equal(mb_config_read(c, at, 2), 0x000b);
	assert_int_equal(mb_config_write(c, at, 2, 1), 0);	/* no D1: stays in D3hot */
	assert_int_equal(mb_config_read(c, at, 2), 0x000b);
	assert_int_equal(mb_config_write(c, at, 4, 0), MB_CFG_PM);
	assert_int_equal(mb_config_read(c, at, 2), 0x0008);
	mb_config_set(c, at - 2, 2, 0x0603);			/* now with D1 and D2 */
	assert_int_equal(mb_config_write(c, at, 1, 1), MB_CFG_PM);
	assert_int_equal(mb_config_write(c, at, 1, 2), MB_CFG_PM);
	assert_int_equal(mb_config_read(c, at, 1), 0x0a);
}

static void test_what_changed(void **state)
{
	struct mb_config *c = fresh();
	u32 msi, msix;

	(void)state;
	msi = (u32)mb_cap_msi(c, 3, true, true);
	msix = (u32)mb_cap_msix(c, 0, 0, 8, 0x800);
	assert_int_equal(mb_config_write(c, msi + 2, 2, 1), MB_CFG_MSI);
	assert_int_equal(mb_config_write(c, msi, 4, 1 << 16), 0);
	assert_int_equal(mb_config_write(c, msi + 4, 4, 0xfee00000), 0);	/* address: nobody asks */
	assert_int_equal(mb_config_write(c, msi + 16, 4, 0x55), MB_CFG_MSI);
	assert_int_equal(mb_config_write(c, msi + 19, 1, 0xff), 0);	/* 8 messages: no bits there */
	assert_int_equal(mb_config_write(c, msix + 2, 2, 0xc000), MB_CFG_MSIX);
	assert_int_equal(mb_config_write(c, msix + 2, 2, 0xc000), 0);
	assert_int_equal(mb_config_write(c, 0x3c, 1, 11), 0);
	assert_int_equal(mb_config_read(c, 0x3c, 1), 11);

	c = fresh();
	msi = (u32)mb_cap_msi(c, 5, false, true);
	assert_int_equal(mb_config_write(c, msi + 12, 4, ~0u), MB_CFG_MSI);
	assert_int_equal(mb_config_read(c, msi + 12, 4), 0xffffffff);
}

static void test_live_bits(void **state)
{
	struct mb_config *c = fresh();
	u32 msi;

	(void)state;
	assert_true(mb_config_live(c, 4, 4));
	assert_true(mb_config_live(c, 6, 1));
	assert_false(mb_config_live(c, 4, 2));
	assert_false(mb_config_live(c, 8, 4));
	mb_config_set_msi_pending(c, 0xff);			/* no MSI: must touch nothing */
	assert_int_equal(mb_config_read(c, 0, 4), 0x11e81234);
	msi = (u32)mb_cap_msi(c, 3, true, true);
	mb_config_set_msi_pending(c, 0x81);
	assert_int_equal(mb_config_read(c, msi + 20, 4), 0x81);
	assert_true(mb_config_live(c, msi + 20, 4));
	assert_false(mb_config_live(c, msi + 16, 4));
	mb_config_write(c, msi + 20, 4, 0);
	assert_int_equal(mb_config_read(c, msi + 20, 4), 0x81);	/* read-only */

	c = fresh();
	msi = (u32)mb_cap_msi(c, 0, true, false);
	mb_config_set_msi_pending(c, 1);
	assert_int_equal(mb_config_read(c, msi + 16, 4), 0);
	assert_false(mb_config_live(c, msi + 16, 4));
}

static void test_find_cap(void **state)
{
	struct mb_config *c = fresh();

	(void)state;
	assert_int_equal(mb_config_find_cap(c, MB_CAP_PM), 0);
	mb_cap_express(c, false);
	mb_cap_pm(c);
	assert_int_equal(mb_config_find_cap(c, MB_CAP_EXPRESS), 0x40);
	assert_int_equal(mb_config_find_cap(c, MB_CAP_PM), 0x7c);
	assert_int_equal(mb_config_find_cap(c, MB_CAP_MSIX), 0);
	c->val[0x7d] = 0x40;					/* circular */
	assert_int_equal(mb_config_find_cap(c, MB_CAP_MSIX), 0);
	assert_int_equal(mb_config_find_cap(c, MB_CAP_PM), 0x7c);
}

/* ---- images from outside -------------------------------------------------------- */

static struct mb_config *whole(void)
{
	struct mb_config *c = fresh();
	u8 vendor[5] = { 1, 2, 3, 4, 5 }, mask[5] = { 0, 0, 0xff, 0, 0 };

	mb_cap_pm(c);			/* 0x40 */
	mb_cap_express(c, false);		/* 0x48 */
	mb_cap_msi(c, 2, true, true);	/* 0x84 */
	mb_cap_msix(c, 0, 0, 4, 0x800);	/* 0x9c */
	mb_cap_vendor(c, vendor, mask, 5);	/* 0xa8 */
	return c;
}

static void refused(struct mb_config *c, u32 where)
{
	u32 bad = ~0u;

	assert_int_equal(mb_config_check(c, &bad), -1);
	assert_int_equal(bad, where);
}

static void test_check_accepts(void **state)
{
	struct mb_config *c = whole();
	u32 bad = 0;

	(void)state;
	mb_config_bar(c, 0, 0x4000, MB_BAR_64);
	c->val[0x30] = 1;
	c->pm = c->msi = c->msix = c->express = 0;
	assert_int_equal(mb_config_check(c, &bad), 0);
	assert_int_equal(c->pm, 0x40);
	assert_int_equal(c->express, 0x48);
	assert_int_equal(c->msi, 0x84);
	assert_int_equal(c->msix, 0x9c);
	assert_true(mb_config_bar_size(c, 0) == 0);	/* BARs and ROM are not the image's */
	assert_int_equal(mb_config_read(c, 0x30, 4), 0);
	assert_int_equal(mb_cap_vendor(c, NULL, NULL, 0), -1);	/* and the list is closed */

	c = fresh();
	assert_int_equal(mb_config_check(c, &bad), 0);	/* no capability at all */
	mb_config_set(c, 0x100, 4, 0x14810001);		/* AER, then at 0x148 the end */
	mb_config_set(c, 0x148, 4, 0x00010003);
	assert_int_equal(mb_config_check(c, &bad), 0);
}

static void test_check_header(void **state)
{
	struct mb_config *c;

	(void)state;
	c = whole(); mb_config_set(c, 0, 2, 0xffff); refused(c, 0);
	c = whole(); mb_config_set(c, 0, 2, 0); refused(c, 0);
	c = whole(); mb_config_set(c, 0, 2, 1); refused(c, 0);
	c = whole(); c->val[0x0e] = 1; refused(c, 0x0e);
	c = whole(); c->val[0x0e] = 0x80; refused(c, 0x0e);
	c = whole(); c->wmask[0x0e] = 1; refused(c, 0x0e);
	c = whole(); c->wmask[2] = 1; refused(c, 2);
	c = whole(); c->val[0x3d] = 5; refused(c, 0x3d);
	c = whole(); c->wmask[0x3d] = 1; refused(c, 0x3d);
	c = whole(); c->wmask[4] |= 1; refused(c, 4);
	c = whole(); c->wmask[0x7f0] = c->w1c[0x7f0] = 8; refused(c, 0x7f0);
}

static void test_check_caps(void **state)
{
	struct mb_config *c;

	(void)state;
	c = whole(); c->val[0xa9] = 0x40; refused(c, 0x40);	/* circular */
	c = whole(); c->val[0x41] = 0x40; refused(c, 0x40);
	c = whole(); c->val[0x34] = 0x20; refused(c, 0x34);
	c = whole(); c->val[0x34] = 0x41; refused(c, 0x34);
	c = whole(); c->val[0xa9] = 0xae; refused(c, 0xa9);
	c = whole(); c->val[6] = 0; refused(c, 0x34);		/* a list that STATUS denies */
	c = whole(); c->val[0xa9] = 0xfc; c->val[0xfc] = MB_CAP_PM; refused(c, 0xfc);
	c = whole(); c->val[0xaa] = 0xff; refused(c, 0xa8);	/* longer than the space */
	c = whole(); c->val[0x41] = 0x50; c->val[0x50] = 0x20; refused(c, 0x48 + 8);
	c = whole(); c->wmask[0x41] = 1; refused(c, 0x41);
	c = whole(); c->wmask[0x34] = 4; refused(c, 0x34);
	c = whole(); c->wmask[0x86] |= 2; refused(c, 0x86);	/* MSI: messages offered */
	c = whole(); c->wmask[0x87] |= 1; refused(c, 0x86);
	c = whole(); c->val[0x86] |= 7 << 1; refused(c, 0x84);	/* 128 messages */
	c = whole(); c->wmask[0x9e] = 1; refused(c, 0x9e);	/* MSI-X: size */
	c = whole(); c->wmask[0xa1] = 1; refused(c, 0xa1);	/* and table */
	c = whole(); c->val[0xa9] = 0xb0; c->val[0xb0] = MB_CAP_PM; refused(c, 0xb0);	/* twice */
}

static void test_check_ext_caps(void **state)
{
	struct mb_config *c;

	(void)state;
	c = whole(); mb_config_set(c, 0x100, 4, 0x10010001); refused(c, 0x100);	/* itself */
	c = whole(); mb_config_set(c, 0x100, 4, 0x14210001); refused(c, 0x100);	/* unaligned */
	c = whole(); mb_config_set(c, 0x100, 4, 0x04010001); refused(c, 0x100);	/* below 0x100 */
	c = whole(); mb_config_set(c, 0x100, 4, 0x14810001); refused(c, 0x148);	/* nothing there */
	c = whole(); mb_config_set(c, 0x100, 4, 0x00010001); c->wmask[0x103] = 1; refused(c, 0x103);
	c = whole(); mb_config_set(c, 0x100, 4, 0xffffffff); refused(c, 0x100);
}

/* Whatever bytes come: an answer, no access outside (the sanitiser sees it), and what was accepted works */
static void test_check_random(void **state)
{
	struct mb_config *c;
	struct mb_msix_place place;
	unsigned int round, i, accepted = 0;
	u32 bad;

	(void)state;
	srand(1);
	for (round = 0; round < 20000; round++) {
		c = whole();
		for (i = 0; i < 1 + round % 4; i++) {
			u32 at = rand() % 2 ? rand() % 0x110 : rand() % 4096;
			u8 *to = rand() % 2 ? c->val : rand() % 2 ? c->wmask : c->w1c;

			to[at] = (u8)rand();
		}
		bad = ~0u;
		if (mb_config_check(c, &bad)) {
			assert_in_range(bad, 0, 4095);
			continue;
		}
		accepted++;
		for (i = 0; i < 50; i++)
			mb_config_write(c, rand() % 4200, 1 << rand() % 3, (u32)rand());
		mb_config_set_msi_pending(c, ~0u);
		mb_config_find_cap(c, (u8)rand());
		mb_caps_msix(c, &place);
	}
	assert_in_range(accepted, 100, 19900);
}

/* Pokes go where no capability is, or behind the length of a vendor-specific one. */
static void test_poke(void **state)
{
	struct mb_config *c = fresh();
	int vendor, pm, i;

	(void)state;
	pm = mb_cap_pm(c);
	vendor = mb_cap_vendor(c, (const u8 *)"\1\2\3", NULL, 3);
	assert_int_equal(mb_config_poke(c, 0x60, 4, 0x00ffff00, 0x12345678), 0);
	assert_int_equal(mb_config_read(c, 0x60, 4), 0x00345600);
	assert_int_equal(mb_config_poke(c, 0x62, 1, ~0u, 0xfff), 0);
	assert_int_equal(mb_config_read(c, 0x60, 4), 0x00ff5600);
	assert_int_equal(mb_config_write(c, 0x60, 4, 0), 0);
	assert_int_equal(mb_config_read(c, 0x60, 4), 0x00ff5600);
	assert_int_equal(mb_config_poke(c, vendor + 4, 2, ~0u, 0xabcd), 0);
	assert_int_equal(mb_config_read(c, vendor + 4, 2), 0xabcd);
	for (i = 0; i < MB_CONFIG_CAPS; i++)
		assert_int_equal(mb_config_poke(c, i, 1, ~0u, 0), -1);
	for (i = 0; i < 8; i++)
		assert_int_equal(mb_config_poke(c, pm + i, 1, 0, 0), -1);
	for (i = 0; i < 3; i++)
		assert_int_equal(mb_config_poke(c, vendor + i, 1, ~0u, 0), -1);
	assert_int_equal(mb_config_poke(c, vendor, 4, ~0u, 0), -1);
	assert_int_equal(mb_config_poke(c, 0x61, 2, ~0u, 0), -1);
	assert_int_equal(mb_config_poke(c, 0x60, 3, ~0u, 0), -1);
	assert_int_equal(mb_config_poke(c, 0x60, 8, ~0u, 0), -1);
	assert_int_equal(mb_config_poke(c, 4096, 1, ~0u, 0), -1);
	assert_int_equal(mb_config_poke(c, 0x102, 2, ~0u, 0), -1);	/* would begin a list */
	assert_int_equal(mb_config_poke(c, 0x104, 4, ~0u, 5), 0);

	mb_config_set(c, 0x100, 4, 0x20010001);		/* an extended capability, and the next */
	mb_config_set(c, 0x200, 4, 0x10010002);		/* in a circle */
	assert_int_equal(mb_config_poke(c, 0x100, 4, ~0u, 0), -1);
	assert_int_equal(mb_config_poke(c, 0x203, 1, ~0u, 0), -1);
	assert_int_equal(mb_config_poke(c, 0x204, 4, ~0u, 1), 0);
	c->val[pm + 1] = (u8)pm;			/* and an ordinary one */
	assert_int_equal(mb_config_poke(c, pm, 1, ~0u, 0), -1);
	assert_int_equal(mb_config_poke(c, 0xf0, 1, ~0u, 0), 0);
}

static void test_power_state(void **state)
{
	struct mb_config *c = fresh();
	int pm;

	(void)state;
	assert_int_equal(mb_config_power(c), 0);
	pm = mb_cap_pm(c);
	assert_int_equal(mb_config_write(c, pm + 4, 2, 3), MB_CFG_PM);
	assert_int_equal(mb_config_power(c), 3);
	assert_int_equal(mb_config_write(c, pm + 4, 2, 0), MB_CFG_PM);
	assert_int_equal(mb_config_power(c), 0);
}

/* PCIe 6.0 §6.6.2: what a Function Level Reset puts back, and what it leaves alone. */
static void test_reset(void **state)
{
	static u8 image[MB_CONFIG_SIZE];
	struct mb_config *c = fresh();
	int express = mb_cap_express(c, true), msi = mb_cap_msi(c, 2, true, false);
	int pm = mb_cap_pm(c);
	u32 status = mb_config_read(c, MB_PCI_STATUS, 2);

	(void)state;
	mb_config_bar(c, 0, 4096, 0);
	mb_config_bar(c, 2, 1ull << 33, MB_BAR_64 | MB_BAR_PREFETCH);
	memcpy(image, c->val, sizeof(image));
	assert_int_equal(mb_config_reset(c, image), 0);
	mb_config_write(c, MB_PCI_COMMAND, 2, 0x0406);
	mb_config_set(c, MB_PCI_STATUS, 2, status | 0x8000);
	mb_config_write(c, MB_PCI_BAR0, 4, 0xfebf0000);
	mb_config_write(c, MB_PCI_BAR0 + 12, 4, 0x80);
	mb_config_write(c, MB_PCI_INT_LINE, 1, 9);
	mb_config_write(c, msi + 2, 2, 1);
	mb_config_write(c, msi + 4, 4, 0xfee00000);
	mb_config_write(c, pm + 4, 2, 3);
	mb_config_write(c, express + 8, 2, 0x584f);	/* MPS 512, reads of 4 KiB, no relaxed order */
	mb_config_write(c, express + 0x10, 2, 0x0042);
	mb_config_write(c, express + 0x30, 2, 0x0001);
	mb_config_write(c, express + 0x28, 2, 0x0015);
	mb_config_poke(c, 0xf0, 4, ~0u, 0x12345678);	/* the model's: its own reset */
	assert_int_equal(mb_config_reset(c, image),
			 MB_CFG_COMMAND | MB_CFG_BAR | MB_CFG_MSI | MB_CFG_PM);
	assert_int_equal(mb_config_read(c, MB_PCI_COMMAND, 2), 0);
	assert_int_equal(mb_config_read(c, MB_PCI_STATUS, 2), status);
	assert_int_equal(mb_config_read(c, MB_PCI_BAR0, 4), 0);
	assert_int_equal(mb_config_read(c, MB_PCI_BAR0 + 8, 4), MB_BAR_64 | MB_BAR_PREFETCH);
	assert_int_equal(mb_config_read(c, MB_PCI_BAR0 + 12, 4), 0);
	assert_int_equal(mb_config_read(c, MB_PCI_INT_LINE, 1), 0);
	assert_int_equal(mb_config_read(c, msi + 4, 4), 0);
	assert_int_equal(mb_config_power(c), 0);
	assert_int_equal(mb_config_read(c, express + 8, 2), 0x2810 | 0x40);
	assert_int_equal(mb_config_read(c, express + 0x10, 2), 0x0042);
	assert_int_equal(mb_config_read(c, express + 0x30, 2), 0x0001);
	assert_int_equal(mb_config_read(c, express + 0x28, 2), 0);
	assert_int_equal(mb_config_read(c, 0xf0, 4), 0x12345678);
	assert_int_equal(mb_config_bar_size(c, 2), 1ull << 33);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_identity),
		cmocka_unit_test(test_access_sizes),
		cmocka_unit_test(test_command_and_status),
		cmocka_unit_test(test_bars),
		cmocka_unit_test(test_bar_mistakes),
		cmocka_unit_test(test_power_states),
		cmocka_unit_test(test_what_changed),
		cmocka_unit_test(test_live_bits),
		cmocka_unit_test(test_find_cap),
		cmocka_unit_test(test_check_accepts),
		cmocka_unit_test(test_check_header),
		cmocka_unit_test(test_check_caps),
		cmocka_unit_test(test_check_ext_caps),
		cmocka_unit_test(test_check_random),
		cmocka_unit_test(test_poke),
		cmocka_unit_test(test_power_state),
		cmocka_unit_test(test_reset),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
