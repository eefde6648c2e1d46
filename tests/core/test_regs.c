// SPDX-License-Identifier: MIT
/*
 * test_regs.c: the register file: every access word, byte enables, accesses
 * over several rows, gaps, locks, aliases, hooks, interrupts, what is refused;
 * and random masks and accesses against an oracle that works bit by bit.
 *
 * Try it:  make build/test_regs && build/test_regs
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "regs.h"

#define MAX_ROWS	32

static struct {
	struct mb_reg row[MAX_ROWS];
	struct mb_reg_state state[MAX_ROWS];
	struct mb_ram ram[2];
	struct mb_regs rf;
	u8 memory[64];
	int errors[8], irqs, raises, hooks;
	u32 last_row;
	int answer;		/* of the write hook */
	u64 answer_value, seen_old, seen_raw, seen_value;
} t;

static u64 read_hook(void *ctx, u32 row, u64 stored)
{
	(void)ctx;
	t.hooks++;
	t.last_row = row;
	return stored + 1;
}

static int write_hook(void *ctx, u32 row, u64 old, u64 raw, u64 *value)
{
	(void)ctx;
	t.hooks++;
	t.last_row = row;
	t.seen_old = old;
	t.seen_raw = raw;
	t.seen_value = *value;
	if (t.answer == 1)
		*value = t.answer_value;
	return t.answer;
}

static void irq(void *ctx, u32 row, bool raised)
{
	(void)ctx;
	t.irqs++;
	t.raises += raised;
	t.last_row = row;
}

static void ram(void *ctx, u32 bar, u64 offset, void *data, unsigned int size, bool write)
{
	(void)ctx;
	assert_int_equal(bar, 0);
	assert_true(offset >= 0x100 && offset + size <= 0x140);
	if (write)
		memcpy(t.memory + offset - 0x100, data, size);
	else
		memcpy(data, t.memory + offset - 0x100, size);
}

static void guest_error(void *ctx, enum mb_guest_error what, u32 row, u32 bar, u64 offset,
			unsigned int size, u64 value)
{
	(void)ctx, (void)row, (void)bar, (void)offset, (void)size, (void)value;
	t.errors[what]++;
}

static const struct mb_regs_ops ops = { read_hook, write_hook, irq, ram, guest_error };

static struct mb_reg plain(u32 offset, u8 size)
{
	u64 all = mb_size_mask(size);

	return (struct mb_reg){ .offset = offset, .size = size, .rd = all, .wr = all,
				.lock = MB_NONE, .vector = MB_NONE, .enable = MB_NONE };
}

static struct mb_reg *add(struct mb_reg r)
{
	struct mb_reg *p = &t.row[t.rf.nrows];

	*p = r;
	p->target = t.rf.nrows++;
	return p;
}

static void ready(void)
{
	u32 bad;

	assert_int_equal(mb_regs_init(&t.rf, &bad), 0);
	mb_regs_reset(&t.rf, true);
}

static int setup(void **state)
{
	(void)state;
	memset(&t, 0, sizeof(t));
	t.rf.rows = t.row;
	t.rf.state = t.state;
	t.rf.ram = t.ram;
	t.rf.ops = &ops;
	return 0;
}

static u64 rd(u64 offset, unsigned int size)
{
	return mb_regs_read(&t.rf, 0, offset, size);
}

static void wr(u64 offset, unsigned int size, u64 data)
{
	mb_regs_write(&t.rf, 0, offset, size, data);
}

static void access_words(void **state)
{
	struct mb_reg *r = add(plain(0, 4));

	(void)state;
	*r = (struct mb_reg){ .size = 4, .rd = 0xffffffff, .reset = 0xff00ff00, .wr = 0xf,
			      .w1c = 0xf0, .w1s = 0xf00, .w1t = 0xf000, .w0c = 0xf0000,
			      .w0s = 0xf00000, .w0t = 0xf000000, .lock = MB_NONE,
			      .vector = MB_NONE, .enable = MB_NONE };
	r->reset = 0x0f0ff0f0;
	ready();
	assert_int_equal(rd(0, 4), 0x0f0ff0f0);
	wr(0, 4, 0xffffffff);	/* ones: wr takes, w1c clears, w1s sets, w1t toggles */
	assert_int_equal(rd(0, 4), 0x0f0f0f0f);
	wr(0, 4, 0);		/* zeros: wr takes, w0c clears, w0s sets, w0t toggles */
	assert_int_equal(rd(0, 4), 0x00f00f00);
	assert_int_equal(t.errors[MB_GE_READ_ONLY], 0);
}

static void read_effects(void **state)
{
	struct mb_reg *r = add(plain(0, 1));

	(void)state;
	r->rc = 0x0f;
	r->rs = 0xf0;
	r->reset = 0x0f;
	ready();
	assert_int_equal(rd(0, 1), 0x0f);
	assert_int_equal(rd(0, 1), 0xf0);
}

static void once_until_reset(void **state)
{
	struct mb_reg *r = add(plain(0, 4));

	(void)state;
	r->once = 0xffff;
	r->sticky = 0xff000000;
	ready();
	wr(0, 4, 0x11112222);
	wr(0, 4, 0x33334444);
	assert_int_equal(rd(0, 4), 0x33332222);
	mb_regs_reset(&t.rf, false);
	assert_int_equal(rd(0, 4), 0x33000000);
	wr(0, 2, 0x5555);
	assert_int_equal(rd(0, 2), 0x5555);
}

static void write_only_and_reserved(void **state)
{
	struct mb_reg *r = add(plain(0, 4));

	(void)state;
	r->rd = 0xffff;
	r->wr = 0xffffff;
	r->reserved = 0xff000000;
	ready();
	wr(0, 4, 0x12345678);
	assert_int_equal(rd(0, 4), 0x5678);
	assert_int_equal(t.state[0].value, 0x345678);
	assert_int_equal(t.errors[MB_GE_RESERVED], 1);
	wr(0, 2, 0);		/* the reserved byte is not enabled */
	assert_int_equal(t.errors[MB_GE_RESERVED], 1);
}

static void bytes_of_rows(void **state)
{
	(void)state;
	add(plain(0, 4));
	add(plain(4, 2));
	add(plain(6, 1));
	add(plain(8, 8));
	ready();
	wr(0, 8, 0x8877665544332211ull);
	assert_int_equal(t.state[0].value, 0x44332211);
	assert_int_equal(t.state[1].value, 0x6655);
	assert_int_equal(t.state[2].value, 0x77);
	assert_int_equal(t.errors[MB_GE_UNMAPPED_WRITE], 1);	/* byte 7 */
	assert_int_equal(rd(2, 4), 0x66554433);
	assert_int_equal(rd(0, 8), 0xff77665544332211ull);
	assert_int_equal(t.errors[MB_GE_UNMAPPED_READ], 1);
	wr(9, 2, 0xabcd);
	assert_int_equal(t.state[3].value, 0xabcd00);
	wr(12, 4, 0xdeadbeef);
	assert_true(rd(8, 8) == 0xdeadbeef00abcd00ull);
	assert_int_equal(rd(0x80, 2), 0xffff);
}

static void sizes(void **state)
{
	(void)state;
	add(plain(0, 4))->sizes = 4;
	ready();
	wr(0, 2, 0x1234);
	assert_int_equal(t.errors[MB_GE_SIZE_WRITE], 1);
	assert_int_equal(rd(0, 2), 0xffff);
	assert_int_equal(t.errors[MB_GE_SIZE_READ], 1);
	assert_int_equal(rd(0, 4), 0);
}

static void locks(void **state)
{
	struct mb_reg *r;

	(void)state;
	add(plain(0, 4));
	r = add(plain(4, 4));
	r->lock = 0;
	r->lock_mask = 2;
	ready();
	wr(4, 4, 1);
	wr(0, 4, 2);
	wr(4, 4, 7);
	assert_int_equal(rd(4, 4), 1);
	assert_int_equal(t.errors[MB_GE_LOCKED], 1);
	wr(0, 4, 5);
	wr(4, 4, 7);
	assert_int_equal(rd(4, 4), 7);
}

static void aliases_and_interrupts(void **state)
{
	struct mb_reg *status, *raise, *ack, *enable;

	(void)state;
	status = add(plain(0, 4));
	raise = add(plain(4, 4));
	ack = add(plain(8, 4));
	enable = add(plain(12, 4));
	status->wr = 0;
	status->vector = 3;
	status->enable = 3;
	enable->flags = MB_REG_ENABLE;
	enable->vector = 3;
	raise->target = ack->target = 0;
	raise->wr = ack->wr = raise->rd = ack->rd = 0;
	raise->w1s = ack->w1c = 0xffffffff;
	ready();
	wr(4, 4, 5);
	assert_int_equal(rd(0, 4), 5);
	assert_int_equal(t.irqs, 1);
	assert_int_equal(t.raises, 1);
	assert_false(mb_regs_level(&t.rf, 3));
	wr(12, 4, 4);
	assert_int_equal(t.irqs, 2);
	assert_int_equal(t.raises, 1);
	assert_true(mb_regs_level(&t.rf, 3));
	assert_true(mb_regs_level(&t.rf, MB_NONE));
	assert_false(mb_regs_level(&t.rf, 2));
	wr(4, 4, 4);		/* set already: a raise all the same */
	assert_int_equal(t.raises, 2);
	wr(8, 4, 4);
	assert_int_equal(rd(0, 4), 1);
	assert_false(mb_regs_level(&t.rf, 3));
	assert_int_equal(rd(4, 4), 0);
	wr(0, 4, 9);
	assert_int_equal(t.errors[MB_GE_READ_ONLY], 1);
}

static void hooks_and_routes(void **state)
{
	(void)state;
	add(plain(0, 4));
	add(plain(4, 4))->flags = MB_REG_READ_HOOK;
	add(plain(8, 4))->flags = MB_REG_WRITE_HOOK;
	add(plain(12, 4))->flags = MB_REG_DOORBELL;
	add(plain(16, 4))->flags = MB_REG_WRITE_HOOK | MB_REG_SYNC;
	ready();
	assert_int_equal(mb_regs_route(&t.rf, 0, 0, 4, false), MB_LOCAL);
	assert_int_equal(mb_regs_route(&t.rf, 0, 4, 4, false), MB_WAIT);
	assert_int_equal(mb_regs_route(&t.rf, 0, 4, 4, true), MB_LOCAL);
	assert_int_equal(mb_regs_route(&t.rf, 0, 0, 8, false), MB_WAIT);
	assert_int_equal(mb_regs_route(&t.rf, 0, 8, 4, true), MB_POST);
	assert_int_equal(mb_regs_route(&t.rf, 0, 12, 4, true), MB_POST);
	assert_int_equal(mb_regs_route(&t.rf, 0, 12, 8, true), MB_WAIT);
	assert_int_equal(mb_regs_route(&t.rf, 0, 16, 4, true), MB_WAIT);
	assert_int_equal(mb_regs_route(&t.rf, 0, 99, 4, true), MB_LOCAL);
	assert_int_equal(rd(4, 4), 1);
	wr(8, 4, 5);
	assert_int_equal(rd(8, 4), 5);
	t.answer = 1;
	t.answer_value = 0x99;
	wr(8, 1, 6);
	assert_int_equal(rd(8, 4), 0x99);
	assert_int_equal(t.seen_old, 5);
	assert_int_equal(t.seen_value, 6);
	t.answer = 2;
	wr(8, 2, 0x1234);
	assert_int_equal(rd(8, 4), 0x99);
	t.answer = 0;
	wr(12, 4, 77);
	assert_int_equal(t.seen_raw, 77);
	assert_int_equal(t.state[3].value, 0);
	assert_int_equal(t.hooks, 5);
}

static void memory(void **state)
{
	(void)state;
	add(plain(0xfc, 4));
	t.ram[0] = (struct mb_ram){ .offset = 0x100, .size = 0x40 };
	t.rf.nram = 1;
	ready();
	wr(0xfe, 4, 0x44332211);
	assert_int_equal(t.state[0].value, 0x22110000);
	assert_int_equal(t.memory[0], 0x33);
	assert_int_equal(rd(0xfe, 4), 0x44332211);
	wr(0x13e, 4, 0x44332211);
	assert_int_equal(rd(0x13e, 4), 0xffff2211);
	assert_int_equal(t.errors[MB_GE_UNMAPPED_WRITE], 1);
}

static void bad_maps(void **state)
{
	u32 bad;

	(void)state;
	add(plain(0, 4));
	add(plain(2, 4));
	assert_int_equal(mb_regs_init(&t.rf, &bad), -1);
	assert_int_equal(bad, 1);
	t.row[1].offset = 4;
	assert_int_equal(mb_regs_init(&t.rf, &bad), 0);
	t.row[1].size = 3;
	assert_int_equal(mb_regs_init(&t.rf, &bad), -1);
	t.row[1].size = 2;		/* masks beyond its width now */
	assert_int_equal(mb_regs_init(&t.rf, &bad), -1);
	t.row[1] = plain(4, 4);
	t.row[1].target = 9;
	assert_int_equal(mb_regs_init(&t.rf, &bad), -1);
	t.row[1].target = 1;
	t.row[1].lock = 2;
	assert_int_equal(mb_regs_init(&t.rf, &bad), -1);
	t.row[1].lock = MB_NONE;
	t.row[1].bar = 6;
	assert_int_equal(mb_regs_init(&t.rf, &bad), -1);
	t.row[1].bar = 0;
	t.row[1].offset = 0xfffffffe;
	assert_int_equal(mb_regs_init(&t.rf, &bad), -1);
	t.row[1].offset = 4;
	t.ram[0] = (struct mb_ram){ .offset = 6, .size = 4 };
	t.rf.nram = 1;
	assert_int_equal(mb_regs_init(&t.rf, &bad), -1);
	assert_int_equal(bad, MB_NONE);
}

/* ---- against an oracle -------------------------------------------------------------- */

static u64 seed;

static u64 rnd(void)		/* xorshift64* (Marsaglia, Vigna) */
{
	seed ^= seed >> 12;
	seed ^= seed << 25;
	seed ^= seed >> 27;
	return seed * 0x2545f4914f6cdd1dull;
}

enum word { RO, RW, WO, W1C, W1S, W1T, W0C, W0S, W0T, RC, RS, RSVD, WORDS };

/* One bit, one access word, as a person would say it. */
static int write_bit(enum word w, int old, int d)
{
	switch (w) {
	case RW:
	case WO:
	case RC:
	case RS:
		return d;
	case W1C:
		return d ? 0 : old;
	case W1S:
		return d ? 1 : old;
	case W1T:
		return d ? !old : old;
	case W0C:
		return d ? old : 0;
	case W0S:
		return d ? old : 1;
	case W0T:
		return d ? old : !old;
	default:
		return old;
	}
}

static int read_bit(enum word w, int *bit)
{
	int v = *bit;

	if (w == RC)
		*bit = 0;
	if (w == RS)
		*bit = 1;
	return w == WO || w == RSVD ? 0 : v;
}

static void set_word(struct mb_reg *r, enum word w, unsigned int bit)
{
	u64 b = 1ull << bit;
	u64 *mask[WORDS] = { [RW] = &r->wr, [WO] = &r->wr, [W1C] = &r->w1c, [W1S] = &r->w1s,
			     [W1T] = &r->w1t, [W0C] = &r->w0c, [W0S] = &r->w0s, [W0T] = &r->w0t,
			     [RC] = &r->wr, [RS] = &r->wr, [RSVD] = &r->reserved };

	if (mask[w])
		*mask[w] |= b;
	if (w == RC)
		r->rc |= b;
	if (w == RS)
		r->rs |= b;
	if (w != WO && w != RSVD)
		r->rd |= b;
}

#define SPAN	64

static void one_map(void)
{
	static enum word word[SPAN * 8];
	static int bit[SPAN * 8], mapped[SPAN];
	u32 at = 0;
	int i, k;

	setup(NULL);
	memset(mapped, 0, sizeof(mapped));
	while (at < SPAN && t.rf.nrows < MAX_ROWS) {
		u8 size = 1 << rnd() % 4;
		struct mb_reg *r;

		if (rnd() % 4 == 0 || at + size > SPAN) {
			at++;
			continue;
		}
		r = add((struct mb_reg){ .offset = at, .size = size, .lock = MB_NONE,
					 .vector = MB_NONE, .enable = MB_NONE });
		for (i = 0; i < 8 * size; i++) {
			enum word w = rnd() % WORDS;

			word[8 * at + i] = w;
			bit[8 * at + i] = w == RSVD ? 0 : rnd() & 1;
			r->reset |= (u64)bit[8 * at + i] << i;
			set_word(r, w, i);
		}
		for (i = 0; i < size; i++)
			mapped[at + i] = 1;
		at += size;
	}
	ready();
	for (k = 0; k < 200; k++) {
		unsigned int size = 1 + rnd() % 8, off = rnd() % (SPAN - 8);
		u64 data = rnd() & mb_size_mask(size), want = 0, got;

		if (rnd() & 1) {
			wr(off, size, data);
			for (i = 0; i < (int)(8 * size); i++)
				if (mapped[off + i / 8])
					bit[8 * off + i] = write_bit(word[8 * off + i],
								     bit[8 * off + i],
								     data >> i & 1);
			continue;
		}
		/* a read clears and sets the whole register, not only the bytes asked for */
		for (i = 0; i < (int)(8 * size); i++)
			want |= (u64)(mapped[off + i / 8] ?
				      (word[8 * off + i] == WO || word[8 * off + i] == RSVD ? 0 :
				       bit[8 * off + i]) : 1) << i;
		for (i = 0; i < (int)t.rf.nrows; i++) {
			struct mb_reg *r = &t.row[i];

			if (r->offset >= off + size || r->offset + r->size <= off)
				continue;
			for (int b = 0; b < 8 * r->size; b++)
				read_bit(word[8 * r->offset + b], &bit[8 * r->offset + b]);
		}
		got = rd(off, size);
		if (got != want)
			fail_msg("read %u at %#x: %#llx, the oracle says %#llx", size, off,
				 (unsigned long long)got, (unsigned long long)want);
	}
}

static void against_oracle(void **state)
{
	const char *s = getenv("SEED");
	u64 first = s ? strtoull(s, NULL, 0) : 1;
	int n;

	(void)state;
	for (n = 0; n < 2000; n++) {
		seed = (first + n) * 0x9e3779b97f4a7c15ull | 1;
		one_map();
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(access_words, setup),
		cmocka_unit_test_setup(read_effects, setup),
		cmocka_unit_test_setup(once_until_reset, setup),
		cmocka_unit_test_setup(write_only_and_reserved, setup),
		cmocka_unit_test_setup(bytes_of_rows, setup),
		cmocka_unit_test_setup(sizes, setup),
		cmocka_unit_test_setup(locks, setup),
		cmocka_unit_test_setup(aliases_and_interrupts, setup),
		cmocka_unit_test_setup(hooks_and_routes, setup),
		cmocka_unit_test_setup(memory, setup),
		cmocka_unit_test_setup(bad_maps, setup),
		cmocka_unit_test(against_oracle),
	};

	return cmocka_run_group_tests_name("regs", tests, NULL, NULL);
}
