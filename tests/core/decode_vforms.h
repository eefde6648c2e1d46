/* SPDX-License-Identifier: MIT */
/*
 * Every accepted vector move in its SSE, VEX and EVEX encodings, made at random.
 *
 * Used by test_decode_cpu.c. Try it: make test-quick
 */
#ifndef MB_TEST_DECODE_VFORMS_H
#define MB_TEST_DECODE_VFORMS_H

#include "decode_gen.h"

enum { EN_SSE = 1, EN_VEX = 2, EN_EVEX = 4, EN_ALL = 7 };
enum { VF_STORE = 1, VF_ALIGN = 2, VF_L0 = 4, VF_NDS = 8, VF_W = 16, VF_BW = 32 };
enum { WX, W0, W1 };		/* EVEX.W; VEX.W is random unless VF_W */

struct vtest {
	const char *name;
	u8 map, opcode, pp, bytes, encodings, flags, evex_w;	/* pp: 0, 1 = 66, 2 = F3, 3 = F2 */
};

static const struct vtest vtests[] = {
	{ "movups load", 1, 0x10, 0, 0, EN_ALL, 0, W0 },
	{ "movups store", 1, 0x11, 0, 0, EN_ALL, VF_STORE, W0 },
	{ "movupd load", 1, 0x10, 1, 0, EN_ALL, 0, W1 },
	{ "movupd store", 1, 0x11, 1, 0, EN_ALL, VF_STORE, W1 },
	{ "movss load", 1, 0x10, 2, 4, EN_ALL, 0, W0 },
	{ "movss store", 1, 0x11, 2, 4, EN_ALL, VF_STORE, W0 },
	{ "movsd load", 1, 0x10, 3, 8, EN_ALL, 0, W1 },
	{ "movsd store", 1, 0x11, 3, 8, EN_ALL, VF_STORE, W1 },
	{ "movlps load", 1, 0x12, 0, 8, EN_ALL, VF_L0 | VF_NDS, W0 },
	{ "movlps store", 1, 0x13, 0, 8, EN_ALL, VF_L0 | VF_STORE, W0 },
	{ "movlpd load", 1, 0x12, 1, 8, EN_ALL, VF_L0 | VF_NDS, W1 },
	{ "movlpd store", 1, 0x13, 1, 8, EN_ALL, VF_L0 | VF_STORE, W1 },
	{ "movhps load", 1, 0x16, 0, 8, EN_ALL, VF_L0 | VF_NDS, W0 },
	{ "movhps store", 1, 0x17, 0, 8, EN_ALL, VF_L0 | VF_STORE, W0 },
	{ "movhpd load", 1, 0x16, 1, 8, EN_ALL, VF_L0 | VF_NDS, W1 },
	{ "movhpd store", 1, 0x17, 1, 8, EN_ALL, VF_L0 | VF_STORE, W1 },
	{ "movaps load", 1, 0x28, 0, 0, EN_ALL, VF_ALIGN, W0 },
	{ "movaps store", 1, 0x29, 0, 0, EN_ALL, VF_ALIGN | VF_STORE, W0 },
	{ "movapd load", 1, 0x28, 1, 0, EN_ALL, VF_ALIGN, W1 },
	{ "movapd store", 1, 0x29, 1, 0, EN_ALL, VF_ALIGN | VF_STORE, W1 },
	{ "movntps", 1, 0x2b, 0, 0, EN_ALL, VF_ALIGN | VF_STORE, W0 },
	{ "movntpd", 1, 0x2b, 1, 0, EN_ALL, VF_ALIGN | VF_STORE, W1 },
	{ "movd/q load", 1, 0x6e, 1, 0, EN_ALL, VF_L0 | VF_W, WX },
	{ "movd/q store", 1, 0x7e, 1, 0, EN_ALL, VF_L0 | VF_W | VF_STORE, WX },
	{ "movq load", 1, 0x7e, 2, 8, EN_ALL, VF_L0, W1 },
	{ "movq store", 1, 0xd6, 1, 8, EN_ALL, VF_L0 | VF_STORE, W1 },
	{ "movdqa load", 1, 0x6f, 1, 0, EN_ALL, VF_ALIGN, WX },
	{ "movdqa store", 1, 0x7f, 1, 0, EN_ALL, VF_ALIGN | VF_STORE, WX },
	{ "movdqu load", 1, 0x6f, 2, 0, EN_ALL, 0, WX },
	{ "movdqu store", 1, 0x7f, 2, 0, EN_ALL, VF_STORE, WX },
	{ "movdqu8/16 load", 1, 0x6f, 3, 0, EN_EVEX, VF_BW, WX },
	{ "movdqu8/16 store", 1, 0x7f, 3, 0, EN_EVEX, VF_BW | VF_STORE, WX },
	{ "movntdq", 1, 0xe7, 1, 0, EN_ALL, VF_ALIGN | VF_STORE, W0 },
	{ "lddqu", 1, 0xf0, 3, 0, EN_SSE | EN_VEX, 0, WX },
	{ "movntdqa", 2, 0x2a, 1, 0, EN_ALL, VF_ALIGN, W0 },
};

#define VTESTS (sizeof(vtests) / sizeof(vtests[0]))

static void put_vex(struct kase *k, const struct vtest *v, bool w, u8 vvvv, u8 l)
{
	u8 low = (u8)((~vvvv & 15) << 3 | l << 2 | v->pp);

	if (v->map == 1 && !w && !bit3(k->index) && !bit3(k->base) && !one_in(3)) {
		put(k, 0xc5);
		put(k, (u8)(!bit3(k->reg) << 7 | low));
		return;
	}
	put(k, 0xc4);
	put(k, (u8)(!bit3(k->reg) << 7 | !bit3(k->index) << 6 | !bit3(k->base) << 5 | v->map));
	put(k, (u8)(w << 7 | low));
}

static void put_evex(struct kase *k, const struct vtest *v, bool w, u8 vvvv, u8 l)
{
	put(k, 0x62);
	put(k, (u8)(!(k->reg & 8) << 7 | !bit3(k->index) << 6 | !bit3(k->base) << 5 |
		    !(k->reg & 16) << 4 | v->map));
	put(k, (u8)(w << 7 | (~vvvv & 15) << 3 | 4 | v->pp));
	put(k, (u8)(l << 5 | !(vvvv & 16) << 3));
}

static bool make_vector(struct kase *k, const struct vtest *v, int encoding)
{
	static const u8 mandatory[] = { 0, 0x66, 0xf3, 0xf2 };
	u8 l = 0, vvvv = 0;
	unsigned int n, i;
	bool w;

	*k = (struct kase){ .name = v->name, .vec = true };
	k->reg = (u8)below(encoding == EN_EVEX ? 32 : 16);
	for (i = 0; i < 16; i++)
		k->gpr[i] = interesting();
	w = one_in(2);
	if (encoding == EN_EVEX && v->evex_w != WX)
		w = v->evex_w == W1;
	if (encoding != EN_SSE && !(v->flags & VF_L0))
		l = (u8)below(encoding == EN_EVEX ? 3 : 2);
	if (encoding != EN_SSE && (v->flags & VF_NDS))
		vvvv = (u8)below(encoding == EN_EVEX ? 32 : 16);
	n = v->flags & VF_W ? (w ? 8 : 4) : v->bytes ? v->bytes : 16u << l;

	random_address(k, encoding == EN_EVEX ? n : 1);
	if ((v->flags & VF_ALIGN) && !one_in(8))
		k->target &= ~(u64)(n - 1);
	if (k->index == MB_REG_NONE && (k->base == MB_REG_NONE || k->base == MB_REG_RIP)) {
		k->disp = (s64)(k->target - seg_base(k));
		if (k->base == MB_REG_RIP)
			k->disp -= (s64)(uintptr_t)native.code + 2048;
		if (k->asize)
			k->disp = (s32)k->disp;
	}
	if (!aim(k) || !address_fits(k))
		return false;

	if (encoding == EN_SSE) {
		put_prefixes(k, v->pp == 1, v->pp > 1 ? mandatory[v->pp] : 0, false);
		if (w || bit3(k->reg) || bit3(k->index) || bit3(k->base))
			put(k, (u8)(0x40 | w << 3 | bit3(k->reg) << 2 | bit3(k->index) << 1 |
				    bit3(k->base)));
		put(k, 0x0f);
		if (v->map == 2)
			put(k, 0x38);
	} else {
		put_prefixes(k, false, 0, false);
		if (encoding == EN_VEX)
			put_vex(k, v, w, vvvv, l);
		else
			put_evex(k, v, w, vvvv, l);
	}
	put(k, v->opcode);
	put_modrm(k, k->reg, encoding == EN_EVEX ? n : 1);
	return true;
}

#endif
