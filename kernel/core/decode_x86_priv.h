/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * What the files of the decoder share: the cursor over the code bytes and the prefixes seen.
 *
 * Private to decode_x86*.c. Try it: make test-quick
 */
#ifndef MB_CORE_DECODE_X86_PRIV_H
#define MB_CORE_DECODE_X86_PRIV_H

#include "decode_x86.h"

/*
 * @over is sticky: reading past the end gives zeros and sets it, and only mb_decode() looks at
 * it, once, so that no step in between has to.
 */
struct mb_dec {
	const u8 *p;
	u8 pos;
	u8 end;			/* min(bytes given, 15) */
	bool over;
	bool osize;		/* 66h */
	bool asize;		/* 67h */
	bool lock;
	bool rex;		/* any REX: no AH … BH */
	bool w;
	u8 rep;			/* the last of F2h, F3h, or 0 */
	u8 seg;
	u8 r, x, b;		/* what to OR into ModRM.reg, SIB.index, ModRM.rm or SIB.base */
	u8 vvvv;
	u8 vlen;		/* vector bytes: 16, 32, 64 */
	bool evex;
};

static inline u8 mb_dec_peek(struct mb_dec *d)
{
	if (d->pos < d->end)
		return d->p[d->pos];
	d->over = true;
	return 0;
}

static inline u8 mb_dec_next(struct mb_dec *d)
{
	u8 c = mb_dec_peek(d);

	d->pos++;
	return c;
}

/* A little-endian number of @n bytes, sign-extended; @n is 1, 2, 4 or 8. */
static inline s64 mb_dec_number(struct mb_dec *d, unsigned int n)
{
	u64 v = 0;
	unsigned int i;

	for (i = 0; i < n; i++)
		v |= (u64)mb_dec_next(d) << (8 * i);
	return (s64)(v << (64 - 8 * n)) >> (64 - 8 * n);
}

/*
 * ModRM, SIB and displacement. Returns ModRM's /reg (three bits), or -1 when the operand is a
 * register. @n8: what an 8-bit displacement counts in (EVEX; 1 otherwise).
 */
int mb_dec_modrm(struct mb_dec *d, struct mb_insn *in, unsigned int n8);

/* The opcode map 1 (0F) or 2 (0F 38) vector moves, legacy, VEX and EVEX. False: not one. */
bool mb_dec_vector(struct mb_dec *d, struct mb_insn *in, unsigned int map, u8 opcode);

/* After C4, C5 or 62: the rest of the prefix, opcode and operands. False: not one. */
bool mb_dec_vex(struct mb_dec *d, struct mb_insn *in, u8 first);

#endif
