// SPDX-License-Identifier: MIT
/*
 * MSI and MSI-X: masks, pending bits, the table on the bus; no vector lost.
 *
 * Try it:  make build/test_msi && build/test_msi
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "msi.h"

static struct mb_config c;
static struct mb_msi msi;
static struct mb_msix msix;
static struct mb_msix_entry table[MB_MSIX_MAX];
static u64 pba[MB_MSIX_PBA_WORDS(MB_MSIX_MAX)];

static void set_up(unsigned int log2, unsigned int count)
{
	const struct mb_config_ids ids = { .vendor = 0x1234, .device = 1, .int_pin = 1 };

	mb_config_init(&c, &ids);
	mb_cap_msi(&c, log2, true, true);
	mb_cap_msix(&c, 0, 0, count, 0x8000);
	mb_config_write(&c, 4, 2, MB_COMMAND_MASTER);
	memset(table, 0xa5, sizeof(table));
	memset(pba, 0xa5, sizeof(pba));
	mb_msi_init(&msi, 1u << log2);
	mb_msix_init(&msix, table, pba, count);
}

static void msi_control(u16 control, u32 mask)
{
	mb_config_write(&c, c.msi + 2, 2, control);
	mb_config_write(&c, c.msi + 16, 4, mask);
	mb_msi_config(&msi, &c);
}

static void msix_control(u16 control)
{
	mb_config_write(&c, c.msix + 2, 2, control);
	mb_msix_config(&msix, &c);
}

static void bus_master(bool on)
{
	mb_config_write(&c, 4, 2, on ? MB_COMMAND_MASTER : 0);
	mb_msi_config(&msi, &c);
	mb_msix_config(&msix, &c);
}

static void test_msi_messages(void **state)
{
	(void)state;
	set_up(3, 4);
	msi_control(0, 0);
	assert_false(mb_msi_raise(&msi, 0));		/* disabled: says nothing, keeps nothing */
	msi_control(1 | 2 << 4, 0);			/* 4 of 8 granted */
	assert_int_equal(mb_msi_next(&msi, 0), MB_NO_VECTOR);
	assert_int_equal(mb_msi_message(&msi, 3), 3);
	assert_int_equal(mb_msi_message(&msi, 4), 0);
	assert_int_equal(mb_msi_message(&msi, 2047), 3);
	assert_true(mb_msi_raise(&msi, 2));
	assert_true(mb_msi_raise(&msi, 2));		/* twice before it is sent: one message */
	assert_int_equal(mb_msi_next(&msi, 0), 2);
	assert_int_equal(mb_msi_next(&msi, 3), MB_NO_VECTOR);
	assert_true(mb_msi_claim(&msi, 2));
	assert_false(mb_msi_claim(&msi, 2));
	assert_false(mb_msi_raise(&msi, 8));		/* no such message */
	msi_control(1 | 5 << 4, 0);			/* 32 granted of 8 */
	assert_int_equal(mb_msi_message(&msi, 9), 1);
	msi_control(1 | 7 << 4, 0);			/* reserved encoding */
	assert_int_equal(mb_msi_message(&msi, 9), 1);
}

static void test_msi_masks(void **state)
{
	(void)state;
	set_up(3, 4);
	msi_control(1 | 3 << 4, 0x82);
	assert_false(mb_msi_raise(&msi, 1));
	assert_false(mb_msi_raise(&msi, 7));
	assert_true(mb_msi_raise(&msi, 0));
	assert_int_equal(msi.pending, 0x83);
	assert_true(mb_msi_claim(&msi, 0));
	assert_false(mb_msi_claim(&msi, 1));
	msi_control(1 | 3 << 4, 0x02);
	assert_int_equal(mb_msi_next(&msi, 0), 7);
	bus_master(false);
	assert_false(mb_msi_ready(&msi, 7));		/* a message is a memory write */
	assert_false(mb_msi_raise(&msi, 3));
	bus_master(true);
	assert_int_equal(mb_msi_next(&msi, 0), 3);
	assert_true(mb_msi_claim(&msi, 7));
	msi_control(0 | 3 << 4, 0x02);
	assert_int_equal(msi.pending, 0);
}

static void test_msi_32(void **state)
{
	u32 v;

	(void)state;
	set_up(5, 1);
	msi_control(1 | 5 << 4, 0x7fffffff);
	for (v = 0; v < 32; v++)
		assert_int_equal(mb_msi_raise(&msi, v), v == 31);
	assert_int_equal(msi.pending, ~0u);
	assert_true(mb_msi_claim(&msi, 31));
	msi_control(1 | 5 << 4, 0);
	for (v = 0; v < 31; v++) {
		assert_int_equal(mb_msi_next(&msi, 0), v);
		assert_true(mb_msi_claim(&msi, v));
	}
	assert_int_equal(mb_msi_next(&msi, 0), MB_NO_VECTOR);
}

static void test_msi_without_mask_bits(void **state)
{
	const struct mb_config_ids ids = { .vendor = 0x1234, .device = 1 };

	(void)state;
	mb_config_init(&c, &ids);
	mb_cap_msi(&c, 1, false, false);
	mb_config_write(&c, 4, 2, MB_COMMAND_MASTER);
	mb_config_write(&c, c.msi + 8, 2, 0xffff);	/* data, not a mask */
	mb_config_write(&c, c.msi + 2, 2, 1 | 1 << 4);
	mb_msi_init(&msi, 2);
	mb_msi_config(&msi, &c);
	assert_true(mb_msi_raise(&msi, 1));
	assert_int_equal(msi.mask, 0);

	mb_msi_init(&msi, 0);				/* no MSI at all */
	mb_msi_config(&msi, &c);
	assert_false(mb_msi_raise(&msi, 0));
	assert_int_equal(mb_msi_next(&msi, 0), MB_NO_VECTOR);
}

static void test_table_after_reset(void **state)
{
	u32 i;

	(void)state;
	set_up(0, MB_MSIX_MAX);
	for (i = 0; i < MB_MSIX_MAX; i++) {
		assert_true(mb_msix_table_read(&msix, 16 * i, 8) == 0);
		assert_true(mb_msix_table_read(&msix, 16 * i + 8, 8) == 1ull << 32);
	}
	for (i = 0; i < MB_MSIX_MAX / 8; i += 8)
		assert_true(mb_msix_pba_read(&msix, i, 8) == 0);
}

static void test_table_accesses(void **state)
{
	(void)state;
	set_up(0, 4);
	mb_msix_table_write(&msix, 16, 4, 0xfee0100f);
	assert_int_equal(mb_msix_table_read(&msix, 16, 4), 0xfee0100c);	/* dword-aligned */
	mb_msix_table_write(&msix, 20, 4, 0x11);
	assert_true(mb_msix_table_read(&msix, 16, 8) == 0x11fee0100cull);
	mb_msix_table_write(&msix, 24, 8, 0xffffffff12345678ull);
	assert_int_equal(mb_msix_table_read(&msix, 24, 4), 0x12345678);
	assert_int_equal(mb_msix_table_read(&msix, 28, 4), 1);		/* the rest is reserved */
	mb_msix_table_write(&msix, 28, 1, 0);
	assert_int_equal(table[1].control, 0);
	assert_int_equal(mb_msix_table_read(&msix, 25, 1), 0x56);
	assert_int_equal(mb_msix_table_read(&msix, 26, 2), 0x1234);
	assert_int_equal(mb_msix_table_read(&msix, 25, 3), 0x123456);
	mb_msix_table_write(&msix, 28, 8, 0xaabbccdd00000001ull);	/* over two entries */
	assert_int_equal(table[1].control, 1);
	assert_true(table[2].address == 0xaabbccdc);
	assert_true(mb_msix_table_read(&msix, 28, 8) == 0xaabbccdc00000001ull);
	mb_msix_table_write(&msix, 60, 8, 0);				/* over the end */
	assert_int_equal(table[3].control, 0);
	assert_true(mb_msix_table_read(&msix, 60, 8) == 0);
	assert_true(mb_msix_table_read(&msix, 0xfffffffc, 8) == 0);
	mb_msix_table_write(&msix, 0xfffffffc, 8, ~0ull);
	mb_msix_table_write(&msix, 64, 8, ~0ull);
	assert_true(table[0].address == 0);
}

static void test_msix_masks(void **state)
{
	(void)state;
	set_up(0, 70);
	assert_false(mb_msix_raise(&msix, 0));			/* disabled */
	msix_control(0x8000);
	assert_int_equal(mb_msix_next(&msix, 0), MB_NO_VECTOR);
	assert_false(mb_msix_raise(&msix, 69));			/* entry masked */
	assert_false(mb_msix_raise(&msix, 70));
	assert_true(mb_msix_pba_read(&msix, 8, 8) == 1 << 5);
	assert_int_equal(mb_msix_pba_read(&msix, 8, 1), 0x20);
	assert_int_equal(mb_msix_next(&msix, 0), MB_NO_VECTOR);
	mb_msix_table_write(&msix, 69 * 16 + 12, 4, 0);
	assert_int_equal(mb_msix_next(&msix, 0), 69);
	msix_control(0xc000);					/* function mask */
	assert_false(mb_msix_ready(&msix, 69));
	assert_false(mb_msix_claim(&msix, 69));
	msix_control(0x8000);
	bus_master(false);
	assert_false(mb_msix_claim(&msix, 69));
	bus_master(true);
	assert_true(mb_msix_claim(&msix, 69));
	assert_true(mb_msix_pba_read(&msix, 8, 8) == 0);
	assert_false(mb_msix_claim(&msix, 69));
	assert_true(mb_msix_raise(&msix, 69));
	mb_msix_table_write(&msix, 69 * 16 + 12, 4, 1);		/* masked on its way out */
	assert_false(mb_msix_claim(&msix, 69));
	mb_msix_table_write(&msix, 69 * 16 + 12, 4, 0);
	assert_true(mb_msix_claim(&msix, 69));
	mb_msix_raise(&msix, 3);
	msix_control(0);
	assert_true(mb_msix_pba_read(&msix, 0, 8) == 0);
}

/* Against a slow model: raised at least once since last sent ⇔ pending; sent only when nothing masks */
static void test_none_lost(void **state)
{
	static bool raised[100], masked[100];
	bool function = false, master = true;
	unsigned int round, i, sent = 0;

	(void)state;
	srand(7);
	set_up(0, 100);
	msix_control(0x8000);
	for (i = 0; i < 100; i++)
		masked[i] = true;
	for (round = 0; round < 200000; round++) {
		unsigned int v = rand() % 100;

		switch (rand() % 8) {
		case 0:
			masked[v] = !masked[v];
			mb_msix_table_write(&msix, v * 16 + 12, 4, masked[v]);
			break;
		case 1:
			function = rand() % 4 == 0;
			msix_control(function ? 0xc000 : 0x8000);
			break;
		case 2:
			master = rand() % 4 != 0;
			bus_master(master);
			break;
		case 3:
			i = mb_msix_next(&msix, v);
			for (; v < 100 && (!raised[v] || masked[v] || function || !master); v++)
				;
			assert_int_equal(i, v < 100 ? v : MB_NO_VECTOR);
			if (i == MB_NO_VECTOR)
				break;
			assert_true(mb_msix_claim(&msix, i));
			raised[i] = false;
			sent++;
			break;
		default:
			raised[v] = true;
			assert_int_equal(mb_msix_raise(&msix, v), !masked[v] && !function && master);
		}
		v %= 100;
		assert_int_equal(mb_msix_pba_read(&msix, v / 8, 1) >> v % 8 & 1, raised[v]);
	}
	assert_in_range(sent, 1000, 200000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_msi_messages),
		cmocka_unit_test(test_msi_masks),
		cmocka_unit_test(test_msi_32),
		cmocka_unit_test(test_msi_without_mask_bits),
		cmocka_unit_test(test_table_after_reset),
		cmocka_unit_test(test_table_accesses),
		cmocka_unit_test(test_msix_masks),
		cmocka_unit_test(test_none_lost),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
