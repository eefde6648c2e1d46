/* SPDX-License-Identifier: MIT */
/*
 * Every accepted form with general registers, and the string operations, made at random.
 *
 * Used by test_decode_cpu.c. Try it: make test-quick
 */
#ifndef MB_TEST_DECODE_FORMS_H
#define MB_TEST_DECODE_FORMS_H

#include "decode_gen.h"

enum { SZ_8, SZ_V, SZ_STACK, SZ_3264, SZ_NARROW8, SZ_NARROW16, SZ_DWORD, SZ_PAIR };
enum { IM_0, IM_8, IM_Z };
enum { GF_BIT = 1, GF_PUSH = 2, GF_POP = 4, GF_MOVBE = 8, GF_MOVDIRI = 16 };

/* How the variants of a row differ: in the opcode, by 1 or by 8, or in ModRM.reg. */
enum { BY_1 = 1, BY_8 = 8, BY_EXT = 0 };

struct gform {
	const char *name;
	u8 map, opcode;
	s8 ext;				/* ModRM.reg, or -1: a register */
	u8 size, imm, flags;
	u8 lock;			/* a bit per variant: takes LOCK */
	u8 variants, by;		/* 0: there is but the one */
};

static const struct gform gforms[] = {
	{ "mov m8,r8", 0, 0x88, -1, SZ_8, IM_0, 0, 0, 0, 0 },
	{ "mov m,r", 0, 0x89, -1, SZ_V, IM_0, 0, 0, 0, 0 },
	{ "mov r8,m8", 0, 0x8a, -1, SZ_8, IM_0, 0, 0, 0, 0 },
	{ "mov r,m", 0, 0x8b, -1, SZ_V, IM_0, 0, 0, 0, 0 },
	{ "mov m8,i8", 0, 0xc6, 0, SZ_8, IM_8, 0, 0, 0, 0 },
	{ "mov m,i", 0, 0xc7, 0, SZ_V, IM_Z, 0, 0, 0, 0 },
	{ "movzx r,m8", 1, 0xb6, -1, SZ_NARROW8, IM_0, 0, 0, 0, 0 },
	{ "movzx r,m16", 1, 0xb7, -1, SZ_NARROW16, IM_0, 0, 0, 0, 0 },
	{ "movsx r,m8", 1, 0xbe, -1, SZ_NARROW8, IM_0, 0, 0, 0, 0 },
	{ "movsx r,m16", 1, 0xbf, -1, SZ_NARROW16, IM_0, 0, 0, 0, 0 },
	{ "movsxd", 0, 0x63, -1, SZ_DWORD, IM_0, 0, 0, 0, 0 },
	{ "movnti", 1, 0xc3, -1, SZ_3264, IM_0, 0, 0, 0, 0 },
	{ "movdiri", 2, 0xf9, -1, SZ_3264, IM_0, GF_MOVDIRI, 0, 0, 0 },
	{ "movbe r,m", 2, 0xf0, -1, SZ_V, IM_0, GF_MOVBE, 0, 0, 0 },
	{ "movbe m,r", 2, 0xf1, -1, SZ_V, IM_0, GF_MOVBE, 0, 0, 0 },
	/* ADD OR ADC SBB AND SUB XOR CMP; the last takes no LOCK */
	{ "alu m8,r8", 0, 0x00, -1, SZ_8, IM_0, 0, 0x7f, 8, BY_8 },
	{ "alu m,r", 0, 0x01, -1, SZ_V, IM_0, 0, 0x7f, 8, BY_8 },
	{ "alu r8,m8", 0, 0x02, -1, SZ_8, IM_0, 0, 0, 8, BY_8 },
	{ "alu r,m", 0, 0x03, -1, SZ_V, IM_0, 0, 0, 8, BY_8 },
	{ "alu m8,i8", 0, 0x80, 0, SZ_8, IM_8, 0, 0x7f, 8, BY_EXT },
	{ "alu m,i", 0, 0x81, 0, SZ_V, IM_Z, 0, 0x7f, 8, BY_EXT },
	{ "alu m,i8", 0, 0x83, 0, SZ_V, IM_8, 0, 0x7f, 8, BY_EXT },
	{ "test m8,r8", 0, 0x84, -1, SZ_8, IM_0, 0, 0, 0, 0 },
	{ "test m,r", 0, 0x85, -1, SZ_V, IM_0, 0, 0, 0, 0 },
	{ "test m8,i8", 0, 0xf6, 0, SZ_8, IM_8, 0, 0, 0, 0 },
	{ "test m,i", 0, 0xf7, 0, SZ_V, IM_Z, 0, 0, 0, 0 },
	{ "not, neg, mul, imul m8", 0, 0xf6, 2, SZ_8, IM_0, 0, 3, 4, BY_EXT },
	{ "not, neg, mul, imul m", 0, 0xf7, 2, SZ_V, IM_0, 0, 3, 4, BY_EXT },
	{ "inc, dec m8", 0, 0xfe, 0, SZ_8, IM_0, 0, 3, 2, BY_EXT },
	{ "inc, dec m", 0, 0xff, 0, SZ_V, IM_0, 0, 3, 2, BY_EXT },
	{ "imul r,m", 1, 0xaf, -1, SZ_V, IM_0, 0, 0, 0, 0 },
	{ "imul r,m,i", 0, 0x69, -1, SZ_V, IM_Z, 0, 0, 0, 0 },
	{ "imul r,m,i8", 0, 0x6b, -1, SZ_V, IM_8, 0, 0, 0, 0 },
	/* ROL ROR RCL RCR SHL SHR, and after the hole SAR */
	{ "shift m8,i8", 0, 0xc0, 0, SZ_8, IM_8, 0, 0, 6, BY_EXT },
	{ "shift m,i8", 0, 0xc1, 0, SZ_V, IM_8, 0, 0, 6, BY_EXT },
	{ "shift m8,1", 0, 0xd0, 0, SZ_8, IM_0, 0, 0, 6, BY_EXT },
	{ "shift m,1", 0, 0xd1, 0, SZ_V, IM_0, 0, 0, 6, BY_EXT },
	{ "shift m8,cl", 0, 0xd2, 0, SZ_8, IM_0, 0, 0, 6, BY_EXT },
	{ "shift m,cl", 0, 0xd3, 0, SZ_V, IM_0, 0, 0, 6, BY_EXT },
	{ "sar m8,i8", 0, 0xc0, 7, SZ_8, IM_8, 0, 0, 0, 0 },
	{ "sar m,i8", 0, 0xc1, 7, SZ_V, IM_8, 0, 0, 0, 0 },
	{ "sar m8,1", 0, 0xd0, 7, SZ_8, IM_0, 0, 0, 0, 0 },
	{ "sar m,1", 0, 0xd1, 7, SZ_V, IM_0, 0, 0, 0, 0 },
	{ "sar m8,cl", 0, 0xd2, 7, SZ_8, IM_0, 0, 0, 0, 0 },
	{ "sar m,cl", 0, 0xd3, 7, SZ_V, IM_0, 0, 0, 0, 0 },
	/* BT BTS BTR BTC; the first takes no LOCK */
	{ "bit m,r", 1, 0xa3, -1, SZ_V, IM_0, GF_BIT, 0xe, 4, BY_8 },
	{ "bit m,i8", 1, 0xba, 4, SZ_V, IM_8, 0, 0xe, 4, BY_EXT },
	{ "xchg8", 0, 0x86, -1, SZ_8, IM_0, 0, 1, 0, 0 },
	{ "xchg", 0, 0x87, -1, SZ_V, IM_0, 0, 1, 0, 0 },
	{ "cmpxchg8", 1, 0xb0, -1, SZ_8, IM_0, 0, 1, 0, 0 },
	{ "cmpxchg", 1, 0xb1, -1, SZ_V, IM_0, 0, 1, 0, 0 },
	{ "cmpxchg8b/16b", 1, 0xc7, 1, SZ_PAIR, IM_0, 0, 1, 0, 0 },
	{ "xadd8", 1, 0xc0, -1, SZ_8, IM_0, 0, 1, 0, 0 },
	{ "xadd", 1, 0xc1, -1, SZ_V, IM_0, 0, 1, 0, 0 },
	{ "push m", 0, 0xff, 6, SZ_STACK, IM_0, GF_PUSH, 0, 0, 0 },
	{ "pop m", 0, 0x8f, 0, SZ_STACK, IM_0, GF_POP, 0, 0, 0 },
	{ "cmovcc", 1, 0x40, -1, SZ_V, IM_0, 0, 0, 16, BY_1 },
	{ "setcc", 1, 0x90, -1, SZ_8, IM_0, 0, 0, 16, BY_1 },
};

#define GFORMS (sizeof(gforms) / sizeof(gforms[0]))

/* Row @f's variant @v as a row of its own. */
static struct gform gform_variant(const struct gform *f, unsigned int v)
{
	struct gform one = *f;

	if (f->by == BY_EXT)
		one.ext = (s8)(f->ext + (int)v);
	else
		one.opcode = (u8)(f->opcode + f->by * v);
	one.lock = f->lock >> (v & 7) & 1;
	return one;
}

static bool gform_runs_here(const struct gform *f)
{
	return (!(f->flags & GF_MOVBE) || native.movbe) &&
	       (!(f->flags & GF_MOVDIRI) || native.movdiri);
}

/* The stack must be in the data too; with RSP as the base it decides where the operand is. */
static bool aim_stack(struct kase *k, const struct gform *f, unsigned int size)
{
	k->gpr[MB_REG_RSP] = random_target();
	if (k->base != MB_REG_RSP)
		return aim(k);
	if (k->index != MB_REG_NONE || k->seg)
		return false;
	if (k->disp_bytes == 4)
		k->disp = below(512) - 256;
	k->target = k->gpr[MB_REG_RSP] + (u64)k->disp + (f->flags & GF_POP ? size : 0);
	return true;
}

static bool aim_general(struct kase *k, const struct gform *f, unsigned int size)
{
	unsigned int garbage = size >= 8 ? 0 : 8 * size;

	if (f->flags & (GF_PUSH | GF_POP))
		return aim_stack(k, f, size);
	if (f->flags & GF_BIT) {
		if (k->reg == k->base || k->reg == k->index)
			return false;
		k->gpr[k->reg] = (u64)(s64)((int)below(4096) - 2048);
		if (garbage)
			k->gpr[k->reg] = (k->gpr[k->reg] & ((1ULL << garbage) - 1)) |
					 rnd() << garbage;
	}
	if (f->size == SZ_PAIR && !one_in(8))
		k->target &= ~15ULL;
	return aim(k);
}

/* False: this draw cannot be encoded or aimed; draw again. */
static bool make_general(struct kase *k, const struct gform *f)
{
	bool osize = false, w = false, rex;
	unsigned int size = 1, i, imm;
	u8 x;

	*k = (struct kase){ .name = f->name, .reg = (u8)below(16) };
	for (i = 0; i < 16; i++)
		k->gpr[i] = interesting();
	random_address(k, 1);
	if (f->ext >= 0)
		k->reg = (u8)f->ext;
	if (f->size == SZ_3264) {
		w = one_in(2);
	} else if (f->size == SZ_PAIR) {
		w = native.cx16 && one_in(2);
	} else {
		w = one_in(3);
		osize = one_in(3);
	}
	if (f->size != SZ_8)
		size = w ? 8 : osize ? 2 : f->size == SZ_STACK ? 8 : 4;
	if (!aim_general(k, f, size) || !address_fits(k))
		return false;

	x = 0;
	if (f->map == 0 && one_in(64))
		x = one_in(2) ? 0xf2 : 0xf3;	/* of no effect on these */
	put_prefixes(k, osize, x, f->lock && one_in(4));
	rex = w || bit3(k->base) || bit3(k->index) || (f->ext < 0 && bit3(k->reg));
	if (rex || one_in(4))
		put(k, (u8)(0x40 | w << 3 | (f->ext < 0 && bit3(k->reg)) << 2 |
			    bit3(k->index) << 1 | bit3(k->base)));
	if (f->map)
		put(k, 0x0f);
	if (f->map == 2)
		put(k, 0x38);
	put(k, f->opcode);
	put_modrm(k, k->reg, 1);
	imm = f->imm == IM_8 ? 1 : f->imm == IM_Z ? (size > 4 ? 4 : size) : 0;
	put_number(k, interesting(), imm);
	return true;
}

/* MOV between the accumulator and an address in the instruction. */
static void make_moffs(struct kase *k)
{
	bool w = one_in(3), osize = one_in(3);
	unsigned int i;

	*k = (struct kase){ .name = "mov moffs", .base = MB_REG_NONE, .index = MB_REG_NONE };
	for (i = 0; i < 16; i++)
		k->gpr[i] = interesting();
	k->target = random_target();
	k->asize = one_in(4);
	k->seg = one_in(4) ? (k->asize || one_in(2) ? MB_SEG_GS : MB_SEG_FS) : MB_SEG_NONE;
	put_prefixes(k, osize, 0, false);
	if (w || one_in(4))
		put(k, (u8)(0x40 | w << 3 | below(8)));
	put(k, (u8)(0xa0 + below(4)));
	put_number(k, k->target - seg_base(k), k->asize ? 4 : 8);
}

/* ---- strings ---- */

static void make_string(struct kase *k)
{
	static const u8 ops[] = { 0xa4, 0xa6, 0xaa, 0xac, 0xae };
	static const char *const names[] = { "movs", "cmps", "stos", "lods", "scas" };
	unsigned int which = below(5), i;
	bool compares = which == 1 || which == 4;
	u8 reps[] = { 0, 0xf3, compares ? 0xf2 : 0xf3 }, rep = reps[below(3)];
	bool w = one_in(3), osize = one_in(3);

	*k = (struct kase){ .name = names[which], .base = MB_REG_NONE, .index = MB_REG_NONE };
	for (i = 0; i < 16; i++)
		k->gpr[i] = interesting();
	k->asize = one_in(6);
	k->seg = one_in(6) ? MB_SEG_GS : MB_SEG_NONE;
	k->target = random_target();
	k->gpr[MB_REG_RSI] = k->target - seg_base(k);
	k->gpr[MB_REG_RDI] = one_in(4) ? k->target + below(33) - 16 : random_target();
	k->gpr[MB_REG_RCX] = one_in(32) ? 64 + below(300) : below(12);
	if (one_in(2))
		k->gpr[MB_REG_RAX] = 0x0101010101010101ULL * below(2);
	if (k->asize) {
		k->gpr[MB_REG_RSI] = (u32)k->gpr[MB_REG_RSI] | rnd() << 32;
		k->gpr[MB_REG_RDI] |= rnd() << 32;
		k->gpr[MB_REG_RCX] |= rnd() << 32;
	}
	put_prefixes(k, osize, rep, false);
	if (w || one_in(8))
		put(k, (u8)(0x40 | w << 3 | below(8)));
	put(k, (u8)(ops[which] | !one_in(3)));
}

#endif
