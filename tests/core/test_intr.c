// SPDX-License-Identifier: MIT
/*
 * A function's interrupts as a whole: INTx as a level, the ways between the
 * three mechanisms, vectors bound to registers, the table on the bus.
 *
 * Try it:  make build/test_intr && build/test_intr
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "intr.h"

enum { STATUS0, STATUS1, ENABLE1, NROWS };

static struct mb_config c;
static struct mb_intr in;
static struct mb_msix_entry table[8];
static u64 pba[1];
static struct mb_reg rows[NROWS];
static struct mb_reg_state regs_state[NROWS];
static struct mb_regs regs;

/* Rows: a status for vector 0, always enabled; one for vector 1 with an enable register */
static void make_regs(void)
{
	u32 bad, i;

	memset(rows, 0, sizeof(rows));
	memset(regs_state, 0, sizeof(regs_state));
	for (i = 0; i < NROWS; i++) {
		rows[i].offset = 0x1000 + 8 * i;
		rows[i].size = 4;
		rows[i].rd = rows[i].wr = 0xffffffff;
		rows[i].lock = rows[i].enable = rows[i].vector = MB_NONE;
		rows[i].target = i;
	}
	rows[STATUS0].vector = 0;
	rows[STATUS1].vector = 1;
	rows[STATUS1].enable = ENABLE1;
	rows[ENABLE1].vector = 1;
	rows[ENABLE1].flags = MB_REG_ENABLE;
	memset(&regs, 0, sizeof(regs));
	regs.rows = rows;
	regs.nrows = NROWS;
	regs.state = regs_state;
	assert_int_equal(mb_regs_init(&regs, &bad), 0);
}

static int fresh(void **state)
{
	const struct mb_config_ids ids = { .vendor = 0x1234, .device = 1, .int_pin = 1 };

	(void)state;
	make_regs();
	mb_config_init(&c, &ids);
	mb_config_bar(&c, 0, 0x4000, 0);
	mb_cap_msi(&c, 2, true, true);
	mb_cap_msix(&c, 0, 0x2000, 8, 0x3000);
	mb_config_write(&c, 4, 2, MB_COMMAND_MASTER);
	assert_int_equal(mb_intr_init(&in, &c, &regs, table, pba), 0);
	return 0;
}

static void config(u32 offset, unsigned int size, u32 data)
{
	if (mb_config_write(&c, offset, size, data))
		mb_intr_config(&in, &c);
}

static void poke(u32 row, u64 value)
{
	mb_regs_poke(&regs_state[row], ~0ull, value);
}

static void use_msix(void)
{
	u32 v;

	config(c.msix + 2, 2, 0x8000);
	for (v = 0; v < 8; v++)
		mb_intr_write(&in, 0, 0x200c + 16 * v, 4, 0);
}

static void test_intx_level(void **state)
{
	(void)state;
	assert_int_equal(in.mode, MB_INTR_INTX);
	assert_false(mb_intr_line(&in));
	assert_int_equal(mb_intr_op(&in, 5, MB_INTR_RAISE), 0);	/* only a level speaks */
	assert_false(mb_intr_line(&in));
	assert_int_equal(mb_intr_op(&in, 5, MB_INTR_ASSERT), 0);
	assert_int_equal(mb_intr_op(&in, 2, MB_INTR_ASSERT), 0);
	assert_true(mb_intr_line(&in));
	mb_intr_line_taken(&in);
	assert_true(mb_intr_line(&in));				/* a level stays */
	mb_intr_op(&in, 5, MB_INTR_DEASSERT);
	assert_true(mb_intr_line(&in));
	config(4, 2, MB_COMMAND_MASTER | MB_COMMAND_INTX_OFF);
	assert_false(mb_intr_line(&in));
	assert_true(mb_intr_status(&in));			/* §7.5.1.1.4 */
	mb_intr_live(&in, &c);
	assert_int_equal(mb_config_read(&c, 6, 2) & MB_STATUS_INTERRUPT, MB_STATUS_INTERRUPT);
	config(4, 2, 0);					/* INTx needs no bus mastering */
	assert_true(mb_intr_line(&in));
	mb_intr_op(&in, 2, MB_INTR_DEASSERT);
	assert_false(mb_intr_status(&in));
	assert_int_equal(mb_intr_next(&in, 0), MB_NO_VECTOR);
}

static void test_intx_rows(void **state)
{
	(void)state;
	poke(STATUS0, 4);
	assert_true(mb_intr_line(&in));
	poke(STATUS0, 0);
	poke(STATUS1, 4);
	assert_false(mb_intr_line(&in));			/* not enabled */
	poke(ENABLE1, 0xc);
	assert_true(mb_intr_line(&in));
	poke(STATUS1, 3);
	assert_false(mb_intr_line(&in));
}

static void test_pulse(void **state)
{
	(void)state;
	mb_intr_inject(&in, 99);
	assert_true(mb_intr_line(&in));
	mb_intr_line_taken(&in);
	assert_false(mb_intr_line(&in));
	c.val[MB_PCI_INT_PIN] = 0;				/* a function without INTx */
	mb_intr_init(&in, &c, NULL, table, pba);
	mb_intr_inject(&in, 0);
	assert_false(mb_intr_status(&in));
}

static void test_msix_raise(void **state)
{
	(void)state;
	use_msix();
	assert_int_equal(in.mode, MB_INTR_MSIX);
	mb_intr_op(&in, 3, MB_INTR_ASSERT);
	assert_false(mb_intr_status(&in));			/* no INTx beside it */
	assert_int_equal(mb_intr_op(&in, 7, MB_INTR_RAISE), 0);
	assert_int_equal(mb_intr_op(&in, 8, MB_INTR_RAISE), -1);
	assert_int_equal(mb_intr_op(&in, 0, 9), -1);
	assert_int_equal(mb_intr_next(&in, 0), 7);
	assert_true(mb_intr_claim(&in, 7));
	assert_int_equal(mb_intr_next(&in, 0), MB_NO_VECTOR);
	mb_intr_inject(&in, 8);					/* out of range: nothing */
	assert_int_equal(mb_intr_next(&in, 0), MB_NO_VECTOR);
	mb_intr_inject(&in, 6);
	assert_int_equal(mb_intr_next(&in, 0), 6);
}

static void test_rows_as_messages(void **state)
{
	(void)state;
	use_msix();
	mb_intr_op(&in, 1, MB_INTR_RAISE);			/* status clear: nothing to say */
	assert_int_equal(mb_intr_next(&in, 0), MB_NO_VECTOR);
	poke(STATUS1, 1);
	mb_intr_op(&in, 1, MB_INTR_RAISE);			/* set but not enabled */
	assert_int_equal(mb_intr_next(&in, 0), MB_NO_VECTOR);
	poke(ENABLE1, 1);
	mb_intr_op(&in, 1, MB_INTR_EVAL);			/* the level rises */
	assert_true(mb_intr_claim(&in, 1));
	mb_intr_op(&in, 1, MB_INTR_EVAL);			/* it is up already */
	assert_int_equal(mb_intr_next(&in, 0), MB_NO_VECTOR);
	mb_intr_op(&in, 1, MB_INTR_RAISE);			/* a message per raise */
	assert_true(mb_intr_claim(&in, 1));
	poke(STATUS1, 0);
	mb_intr_op(&in, 1, MB_INTR_EVAL);
	poke(STATUS1, 1);
	mb_intr_op(&in, 1, MB_INTR_EVAL);
	assert_true(mb_intr_claim(&in, 1));
}

static void test_switching(void **state)
{
	(void)state;
	poke(STATUS0, 1);
	assert_true(mb_intr_line(&in));
	config(c.msi + 2, 2, 1 | 1 << 4);			/* its rise was under INTx */
	assert_int_equal(in.mode, MB_INTR_MSI);
	assert_false(mb_intr_line(&in));
	assert_true(mb_intr_claim(&in, 0));
	assert_int_equal(mb_intr_message(&in, 5), 1);		/* 2 granted */
	mb_intr_op(&in, 5, MB_INTR_RAISE);
	assert_true(mb_intr_claim(&in, 1));
	config(c.msi + 16, 4, 1);
	mb_intr_op(&in, 0, MB_INTR_RAISE);
	mb_intr_live(&in, &c);
	assert_int_equal(mb_config_read(&c, c.msi + 20, 4), 1);
	assert_int_equal(mb_intr_next(&in, 0), MB_NO_VECTOR);
	config(c.msi + 16, 4, 0);
	assert_int_equal(mb_intr_next(&in, 0), 0);
	config(c.msi + 2, 2, 0);
	assert_int_equal(in.mode, MB_INTR_INTX);
	assert_true(mb_intr_line(&in));				/* the cause is still there */
	use_msix();
	assert_true(mb_intr_claim(&in, 0));
	mb_intr_op(&in, 4, MB_INTR_ASSERT);
	config(c.msix + 2, 2, 0x8000 | 0x4000);
	mb_intr_op(&in, 4, MB_INTR_RAISE);
	poke(STATUS0, 0);
	mb_intr_reset(&in, &c);
	assert_int_equal(mb_intr_read(&in, 0, 0x3000, 8), 0);
	assert_int_equal(mb_intr_read(&in, 0, 0x204c, 4), 1);
}

static void test_table_on_the_bus(void **state)
{
	(void)state;
	assert_true(mb_intr_covers(&in, 0, 0x2000, 1));
	assert_true(mb_intr_covers(&in, 0, 0x1ffc, 8));
	assert_true(mb_intr_covers(&in, 0, 0x207f, 1));
	assert_false(mb_intr_covers(&in, 0, 0x2080, 8));
	assert_false(mb_intr_covers(&in, 0, 0x1ff8, 8));
	assert_false(mb_intr_covers(&in, 1, 0x2000, 4));
	assert_true(mb_intr_covers(&in, 0, 0x3000, 4));
	assert_true(mb_intr_covers(&in, 0, 0x3004, 8));
	assert_false(mb_intr_covers(&in, 0, 0x3008, 4));
	use_msix();
	mb_intr_write(&in, 0, 0x200c, 4, 1);
	mb_intr_op(&in, 2, MB_INTR_ASSERT);
	in.bound[0] = 0;
	mb_intr_op(&in, 0, MB_INTR_RAISE);
	assert_int_equal(mb_intr_read(&in, 0, 0x3000, 8), 1);
	mb_intr_write(&in, 0, 0x3000, 8, 0);			/* the PBA is read-only */
	assert_int_equal(mb_intr_read(&in, 0, 0x3000, 4), 1);
	assert_int_equal(mb_intr_next(&in, 0), MB_NO_VECTOR);
	mb_intr_write(&in, 0, 0x2000, 8, 0x1fee00004ull);
	mb_intr_write(&in, 0, 0x2008, 8, 0x77);			/* data, and unmasked */
	assert_true(mb_intr_read(&in, 0, 0x2000, 8) == 0x1fee00004ull);
	assert_int_equal(mb_intr_next(&in, 0), 0);
	mb_intr_write(&in, 0, 0x1ffe, 8, 0xffffffffffff1234ull);	/* only what is the table's */
	assert_true(mb_intr_read(&in, 0, 0x1ffe, 8) == 0xfffffffffffc0000ull);
}

static void test_no_msix(void **state)
{
	const struct mb_config_ids ids = { .vendor = 0x1234, .device = 1, .int_pin = 1 };

	(void)state;
	mb_config_init(&c, &ids);
	assert_int_equal(mb_intr_init(&in, &c, NULL, NULL, NULL), 0);
	assert_false(mb_intr_covers(&in, 0, 0, 8));
	assert_int_equal(mb_intr_op(&in, 2047, MB_INTR_ASSERT), 0);
	assert_true(mb_intr_line(&in));
	assert_int_equal(mb_intr_op(&in, 2048, MB_INTR_ASSERT), -1);
	assert_int_equal(mb_intr_op(&in, ~0u, MB_INTR_ASSERT), -1);
	mb_cap_msix(&c, 0, 0, 8, 0x80);
	assert_int_equal(mb_intr_init(&in, &c, NULL, table, pba), -1);	/* no BAR 0 */
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_intx_level, fresh),
		cmocka_unit_test_setup(test_intx_rows, fresh),
		cmocka_unit_test_setup(test_pulse, fresh),
		cmocka_unit_test_setup(test_msix_raise, fresh),
		cmocka_unit_test_setup(test_rows_as_messages, fresh),
		cmocka_unit_test_setup(test_switching, fresh),
		cmocka_unit_test_setup(test_table_on_the_bus, fresh),
		cmocka_unit_test(test_no_msix),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
