// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * Decoder for x86-64 instructions that access memory: the SSE, AVX and AVX-512 moves.
 *
 * Device access with vector registers is memcpy() in user space: C libraries pick 16-, 32- or
 * 64-byte moves by what the CPU has. Only plain moves are here; arithmetic, conversions, masked
 * and broadcast forms are refused.
 *
 * Try it: make test-quick (tests/core/test_decode_x86.c)
 */
#include "decode_x86_priv.h"

enum {
	P0 = 1, P66 = 2, PF3 = 4, PF2 = 8,	/* the mandatory prefix, as a set */
	PSD = P0 | P66,				/* "packed single" and "packed double" */
};

enum {
	V_ST	= 0x01,		/* to memory */
	V_AL	= 0x02,		/* address must be aligned */
	V_L0	= 0x04,		/* VEX.L, EVEX.L'L must be 0 */
	V_NDS	= 0x08,		/* a VEX load takes the other half from VEX.vvvv */
	V_W0	= 0x10,		/* EVEX.W must be 0 */
	V_W1	= 0x20,		/* EVEX.W must be 1 */
	V_WPD	= 0x40,		/* EVEX.W is 1 for packed double, 0 for packed single */
	V_EVEX	= 0x80,		/* exists only with EVEX */
	V_NOEVEX = 0x100,	/* does not exist with EVEX */
};

enum { S_VL = 0, S_W = 1, S_32 = 4, S_64 = 8 };	/* memory: vector length, by W, fixed */

static const struct vform {
	u8 map, opcode, pp, op, size;
	u16 attr;
} vforms[] = {
	{ 1, 0x10, PSD, MB_OP_VMOV, S_VL, V_WPD },
	{ 1, 0x11, PSD, MB_OP_VMOV, S_VL, V_ST | V_WPD },
	{ 1, 0x10, PF3, MB_OP_VMOV, S_32, V_W0 },
	{ 1, 0x11, PF3, MB_OP_VMOV, S_32, V_ST | V_W0 },
	{ 1, 0x10, PF2, MB_OP_VMOV, S_64, V_W1 },
	{ 1, 0x11, PF2, MB_OP_VMOV, S_64, V_ST | V_W1 },
	{ 1, 0x12, PSD, MB_OP_VMOVL, S_64, V_L0 | V_NDS | V_WPD },
	{ 1, 0x13, PSD, MB_OP_VMOVL, S_64, V_L0 | V_ST | V_WPD },
	{ 1, 0x16, PSD, MB_OP_VMOVH, S_64, V_L0 | V_NDS | V_WPD },
	{ 1, 0x17, PSD, MB_OP_VMOVH, S_64, V_L0 | V_ST | V_WPD },
	{ 1, 0x28, PSD, MB_OP_VMOV, S_VL, V_AL | V_WPD },
	{ 1, 0x29, PSD, MB_OP_VMOV, S_VL, V_ST | V_AL | V_WPD },
	{ 1, 0x2b, PSD, MB_OP_VMOV, S_VL, V_ST | V_AL | V_WPD },
	{ 1, 0x6e, P66, MB_OP_VMOV, S_W, V_L0 },
	{ 1, 0x7e, P66, MB_OP_VMOV, S_W, V_L0 | V_ST },
	{ 1, 0x7e, PF3, MB_OP_VMOV, S_64, V_L0 | V_W1 },
	{ 1, 0xd6, P66, MB_OP_VMOV, S_64, V_L0 | V_ST | V_W1 },
	{ 1, 0x6f, P66, MB_OP_VMOV, S_VL, V_AL },
	{ 1, 0x7f, P66, MB_OP_VMOV, S_VL, V_ST | V_AL },
	{ 1, 0x6f, PF3, MB_OP_VMOV, S_VL, 0 },
	{ 1, 0x7f, PF3, MB_OP_VMOV, S_VL, V_ST },
	{ 1, 0x6f, PF2, MB_OP_VMOV, S_VL, V_EVEX },
	{ 1, 0x7f, PF2, MB_OP_VMOV, S_VL, V_ST | V_EVEX },
	{ 1, 0xe7, P66, MB_OP_VMOV, S_VL, V_ST | V_AL | V_W0 },
	{ 1, 0xf0, PF2, MB_OP_VMOV, S_VL, V_NOEVEX },
	{ 2, 0x2a, P66, MB_OP_VMOV, S_VL, V_AL | V_W0 },
};

static const struct vform *find(unsigned int map, u8 opcode, u8 pp, bool evex)
{
	const struct vform *f, *end = vforms + sizeof(vforms) / sizeof(vforms[0]);

	for (f = vforms; f < end; f++) {
		if (f->map != map || f->opcode != opcode || !(f->pp & pp))
			continue;
		return f->attr & (evex ? V_NOEVEX : V_EVEX) ? NULL : f;
	}
	return NULL;
}

static bool evex_w_fits(const struct vform *f, u8 pp, bool w)
{
	if (f->attr & V_W0)
		return !w;
	if (f->attr & V_W1)
		return w;
	if (f->attr & V_WPD)
		return w == !!(pp & P66);
	return true;
}

/* @pp: one of P0 …; @vex: VEX or EVEX, whose fields are in @d. */
static bool vector(struct mb_dec *d, struct mb_insn *in, unsigned int map, u8 opcode, u8 pp,
		   bool vex)
{
	const struct vform *f = find(map, opcode, pp, d->evex);
	bool nds;

	if (!f || ((f->attr & V_L0) && d->vlen != 16))
		return false;
	if (d->evex && !evex_w_fits(f, pp, d->w))
		return false;
	nds = vex && (f->attr & V_NDS);
	if (vex && !nds && d->vvvv)
		return false;

	in->op = f->op;
	in->mem_size = f->size;
	if (f->size == S_VL)
		in->mem_size = d->vlen;
	else if (f->size == S_W)
		in->mem_size = d->w ? 8 : 4;
	in->reg_size = in->mem_size > 16 ? in->mem_size : 16;
	if (!(f->attr & V_ST))
		in->flags |= MB_INSN_TO_REG;
	if (f->attr & V_AL)
		in->flags |= MB_INSN_ALIGNED;
	if (vex)
		in->flags |= MB_INSN_VEX;
	if (mb_dec_modrm(d, in, d->evex ? in->mem_size : 1) < 0)
		return false;
	in->reg2 = nds ? d->vvvv : in->reg;
	return true;
}

bool mb_dec_vector(struct mb_dec *d, struct mb_insn *in, unsigned int map, u8 opcode)
{
	/* F2 and F3 win over 66. MMX, the same opcodes with no prefix, is not in the table. */
	u8 pp = d->rep == 0xf3 ? PF3 : d->rep ? PF2 : d->osize ? P66 : P0;

	d->vlen = 16;
	return vector(d, in, map, opcode, pp, false);
}

/* SDM vol. 2 §2.3.5. The register bits are stored inverted. */
static void vex_fields(struct mb_dec *d, u8 first, unsigned int *map, u8 *pp)
{
	u8 a = mb_dec_next(d), b = a;

	d->r = a & 0x80 ? 0 : 8;
	*map = 1;
	if (first == 0xc4) {
		d->x = a & 0x40 ? 0 : 8;
		d->b = a & 0x20 ? 0 : 8;
		*map = a & 0x1f;
		b = mb_dec_next(d);
		d->w = b & 0x80;
	}
	d->vvvv = (~b >> 3) & 15;
	d->vlen = b & 4 ? 32 : 16;
	*pp = b & 3;
}

/* SDM vol. 2 §2.7.1. False: a mask, broadcast or a bit that must be otherwise. */
static bool evex_fields(struct mb_dec *d, unsigned int *map, u8 *pp)
{
	u8 a = mb_dec_next(d), b = mb_dec_next(d), c = mb_dec_next(d);

	d->evex = true;
	d->r = (a & 0x80 ? 0 : 8) | (a & 0x10 ? 0 : 16);
	d->x = a & 0x40 ? 0 : 8;
	d->b = a & 0x20 ? 0 : 8;
	*map = a & 7;
	d->w = b & 0x80;
	d->vvvv = ((~b >> 3) & 15) | (c & 8 ? 0 : 16);
	*pp = b & 3;
	d->vlen = (u8)(16 << ((c >> 5) & 3));
	return !(a & 8) && (b & 4) && !(c & 0x97) && (c & 0x60) != 0x60;
}

bool mb_dec_vex(struct mb_dec *d, struct mb_insn *in, u8 first)
{
	static const u8 pps[4] = { P0, P66, PF3, PF2 };
	unsigned int map = 0;
	u8 pp = 0;

	/* #UD with any of these before it (SDM vol. 2 §2.3.2). */
	if (d->osize || d->rep || d->lock || d->rex)
		return false;
	if (first != 0x62)
		vex_fields(d, first, &map, &pp);
	else if (!evex_fields(d, &map, &pp))
		return false;
	return vector(d, in, map, mb_dec_next(d), pps[pp], true);
}
