/* SPDX-License-Identifier: MIT */
/*
 * Random numbers, random addresses, and the bytes that encode them: what decode_forms.h and
 * decode_vforms.h make test cases from.
 *
 * The encoder is written from the SDM's opcode pages and shares no line with the decoder under
 * test, so that a mistake in one shows against the other. Used by test_decode_cpu.c.
 *
 * Try it: make test-quick
 */
#ifndef MB_TEST_DECODE_GEN_H
#define MB_TEST_DECODE_GEN_H

#include "decode_native.h"

/* ---- random numbers: xorshift64*, the seed is printed by the test ---- */

static u64 rnd_state;

static u64 rnd(void)
{
	rnd_state ^= rnd_state >> 12;
	rnd_state ^= rnd_state << 25;
	rnd_state ^= rnd_state >> 27;
	return rnd_state * 0x2545f4914f6cdd1dULL;
}

static unsigned int below(unsigned int n)
{
	return (unsigned int)((rnd() >> 32) % n);
}

static bool one_in(unsigned int n)
{
	return below(n) == 0;
}

/* Values at which carries and signs happen, and ordinary ones. */
static u64 interesting(void)
{
	static const u64 edge[] = {
		0, 1, 2, 0x7f, 0x80, 0xff, 0x7fff, 0x8000, 0xffff, 0x7fffffff, 0x80000000,
		0xffffffff, 0x7fffffffffffffff, 0x8000000000000000, 0xffffffffffffffff,
	};

	return one_in(3) ? edge[below(sizeof(edge) / sizeof(edge[0]))] : rnd();
}

/* ---- one test case ---- */

struct kase {
	u8 code[32];
	unsigned int len;
	const char *name;
	bool vec;
	u64 gpr[16];
	/* the memory operand */
	u8 base, index, scale, seg, reg;
	bool asize;
	s64 disp;
	int disp_bytes;			/* 0, 1, 4 */
	u64 target;
};

static void put(struct kase *k, u8 c)
{
	k->code[k->len++] = c;
}

static void put_number(struct kase *k, u64 v, unsigned int n)
{
	for (; n; n--, v >>= 8)
		put(k, (u8)v);
}

static u64 seg_base(const struct kase *k)
{
	return k->seg == MB_SEG_FS ? native.fs_base : k->seg == MB_SEG_GS ? native.gs_base : 0;
}

static u64 effective(const struct kase *k)
{
	u64 a = (u64)k->disp;

	if (k->base == MB_REG_RIP)
		a += (u64)(uintptr_t)native.code + 2048;
	else if (k->base != MB_REG_NONE)
		a += k->gpr[k->base];
	if (k->index != MB_REG_NONE)
		a += k->gpr[k->index] << k->scale;
	return (k->asize ? (u32)a : a) + seg_base(k);
}

/* Anywhere in the data, often at a page's edge, now and then where it faults. */
static u64 random_target(void)
{
	u64 data = (u64)(uintptr_t)native.data;

	if (one_in(32))
		return data + (one_in(2) ? 0 : DATA_SIZE) + below(80) - 64;
	if (one_in(3))
		return data + 4096 * (1 + below(DATA_PAGES - 1)) + below(33) - 16;
	return data + 512 + below(DATA_SIZE - 1024);
}

/* Sets base or index so that the operand is at the target; disp is given. False: no way. */
static bool aim(struct kase *k)
{
	u64 want = k->target - seg_base(k) - (u64)k->disp;
	u64 high = k->asize ? rnd() << 32 : 0;

	if (k->base == MB_REG_RIP || k->base == MB_REG_NONE) {
		if (k->index == MB_REG_NONE)
			return effective(k) == k->target;
		k->gpr[k->index] = want >> k->scale;
		if (k->asize)
			k->gpr[k->index] = ((u32)want >> k->scale) | high;
		else if (k->scale)
			k->gpr[k->index] |= rnd() << (64 - k->scale);
	} else if (k->index == k->base) {
		/* v + (v << scale); not with FS, whose base differs from run to run */
		if (k->seg == MB_SEG_FS)
			return false;
		k->gpr[k->base] = (k->asize ? (u32)want : want) / (1 + (1u << k->scale)) | high;
	} else {
		if (k->index != MB_REG_NONE)
			want -= k->gpr[k->index] << k->scale;
		k->gpr[k->base] = k->asize ? (u32)want | high : want;
	}
	return effective(k) == k->target;
}

static void random_address(struct kase *k, unsigned int n8)
{
	u64 next = (u64)(uintptr_t)native.code + 2048, want;

	k->target = random_target();
	k->seg = one_in(8) ? (one_in(2) ? MB_SEG_FS : MB_SEG_GS) : MB_SEG_NONE;
	k->asize = one_in(8);
	k->base = (u8)below(16);
	k->index = MB_REG_NONE;
	k->scale = 0;
	k->disp = 0;
	k->disp_bytes = below(3) * 2;
	if (k->disp_bytes == 2)
		k->disp_bytes = 1;
	if (one_in(2)) {
		k->index = (u8)below(16);
		k->scale = (u8)below(4);
		if (k->index == MB_REG_RSP)
			k->index = MB_REG_NONE;
		if (one_in(4)) {
			k->base = MB_REG_NONE;
			k->disp_bytes = 4;
		}
	} else if (one_in(6)) {
		k->base = one_in(2) ? MB_REG_RIP : MB_REG_NONE;
		k->disp_bytes = 4;
	}
	if (k->disp_bytes == 0 && (k->base & 7) == 5 && k->base < 16)
		k->disp_bytes = 1;	/* rBP and r13 have no form without */
	if (k->disp_bytes == 1)
		k->disp = (s64)(s8)rnd() * (s64)n8;
	else if (k->disp_bytes == 4)
		k->disp = (s32)rnd();
	if (k->index == MB_REG_NONE && (k->base == MB_REG_RIP || k->base == MB_REG_NONE)) {
		want = k->target - seg_base(k) - (k->base == MB_REG_RIP ? next : 0);
		k->disp = k->asize ? (s32)want : (s64)want;
	}
}

static bool address_fits(const struct kase *k)
{
	return k->disp == (s32)k->disp;
}

static void put_modrm(struct kase *k, u8 reg, unsigned int n8)
{
	u8 mod = k->disp_bytes == 4 ? 2 : (u8)k->disp_bytes;
	bool sib = k->index != MB_REG_NONE || k->base == MB_REG_NONE || (k->base & 7) == 4;

	reg = (u8)((reg & 7) << 3);
	if (k->base == MB_REG_RIP) {
		put(k, reg | 5);
	} else if (!sib && !one_in(8)) {
		put(k, (u8)(mod << 6) | reg | (k->base & 7));
	} else {
		put(k, (u8)((k->base == MB_REG_NONE ? 0 : mod << 6) | reg | 4));
		put(k, (u8)(k->scale << 6 |
			    (k->index == MB_REG_NONE ? 4 : k->index & 7) << 3 |
			    (k->base == MB_REG_NONE ? 5 : k->base & 7)));
	}
	put_number(k, (u64)(k->disp_bytes == 1 ? k->disp / (s64)n8 : k->disp),
		   (unsigned int)k->disp_bytes);
}

static bool bit3(u8 reg)
{
	return reg < 16 && (reg & 8);
}

/* Legacy prefixes in any order. */
static void put_prefixes(struct kase *k, bool osize, u8 rep, bool lock)
{
	static const u8 null_seg[] = { 0x26, 0x2e, 0x36, 0x3e };
	u8 p[8], t;
	unsigned int n = 0, i, j;

	if (osize)
		p[n++] = 0x66;
	if (k->asize)
		p[n++] = 0x67;
	if (k->seg)
		p[n++] = k->seg == MB_SEG_FS ? 0x64 : 0x65;
	else if (one_in(32))
		p[n++] = null_seg[below(4)];
	if (lock)
		p[n++] = 0xf0;
	if (rep)
		p[n++] = rep;
	for (i = 0; i < n; i++) {
		j = below(n);
		t = p[i];
		p[i] = p[j];
		p[j] = t;
	}
	if (n && !k->vec && one_in(64))
		put(k, (u8)(0x40 | below(16)));	/* a REX too early: of no effect */
	for (i = 0; i < n; i++)
		put(k, p[i]);
}

#endif
