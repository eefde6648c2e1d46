// SPDX-License-Identifier: MIT
/*
 * Random bytes into the decoder, and what it takes into the emulator.
 *
 * The decoder reads whatever a fault's RIP points at, so nothing in it may crash, read past the
 * bytes it was given, or go on for ever. The input's first byte is how many bytes the decoder
 * gets, the rest is code, registers and the answers of the bus.
 *
 * Try it: cd tests/fuzz && clang -g -O1 -fsanitize=fuzzer,address,undefined -I../../kernel/core \
 *	fuzz_decode.c ../../kernel/core/decode_x86*.c ../../kernel/core/emulate_x86*.c \
 *	-o ../../build/fuzz_decode && ../../build/fuzz_decode -max_total_time=30
 */
#include <stdlib.h>
#include <string.h>

#include "emulate_x86.h"

struct source {
	const u8 *p;
	size_t left;
};

static void take(struct source *s, void *to, size_t n)
{
	size_t have = n < s->left ? n : s->left;

	memset(to, 0, n);
	memcpy(to, s->p, have);
	s->p += have;
	s->left -= have;
}

static int access_bus(void *ctx, u64 addr, void *data, unsigned int size, bool write)
{
	u8 c;

	(void)addr;
	if (size < 1 || size > 8)
		abort();
	if (!write)
		take(ctx, data, size);
	take(ctx, &c, 1);
	return c == 0xff;
}

static int probe(void *ctx, u64 addr, unsigned int size)
{
	u8 c;

	(void)addr;
	(void)size;
	take(ctx, &c, 1);
	return c == 0xff;
}

static int vec_get(void *ctx, unsigned int reg, u8 *data, unsigned int size)
{
	if (reg > 31 || size > MB_VEC_MAX)
		abort();
	take(ctx, data, size);
	return 0;
}

static int vec_set(void *ctx, unsigned int reg, const u8 *data, unsigned int size, bool clear)
{
	(void)ctx;
	(void)clear;
	if (reg > 31 || size > MB_VEC_MAX)
		abort();
	return data[0] == 0xff;
}

static void check_fields(const struct mb_insn *in, size_t n)
{
	if (in->len < 1 || in->len > n || in->len > MB_INSN_MAX || in->op == MB_OP_NONE ||
	    in->op >= MB_OP_COUNT || in->mem_size < 1 || in->mem_size > 64 ||
	    (in->mem_size & (in->mem_size - 1)) || in->reg > 31 || in->reg2 > 31 ||
	    (in->op < MB_OP_VMOV && in->reg > 15) || in->scale > 3 || in->cond > 15 ||
	    (in->base > MB_REG_RIP && in->base != MB_REG_NONE) ||
	    (in->index > 15 && in->index != MB_REG_NONE) ||
	    !(in->flags & (MB_INSN_READ | MB_INSN_WRITE)))
		abort();
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t size);

int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
	static const struct mb_vec_ops ops = { vec_get, vec_set };
	struct mb_bus bus = {
		.mmio = access_bus, .mem = access_bus, .probe = probe,
		.mmio_start = 0x1000, .mmio_end = 1ULL << 63, .max_count = 100,
	};
	struct source s = { data, size };
	struct mb_cpu cpu;
	struct mb_insn in;
	u8 n, *code;
	int ret;

	take(&s, &n, 1);
	n &= 31;
	/* Exactly n bytes on the heap: the sanitizer sees a read past them. */
	code = malloc(n ? n : 1);
	if (!code)
		return 0;
	take(&s, code, n);
	ret = mb_decode(code, n, &in);
	free(code);
	if (ret == MB_DECODE_SHORT && n >= MB_INSN_MAX)
		abort();
	if (ret != MB_DECODE_OK)
		return 0;
	check_fields(&in, n);

	take(&s, &cpu, offsetof(struct mb_cpu, vec));
	cpu.vec = n & 16 ? &ops : NULL;
	cpu.vec_ctx = bus.ctx = &s;
	ret = mb_emulate(&in, &cpu, &bus);
	if (ret < MB_EMU_DONE || ret > MB_EMU_AGAIN)
		abort();
	mb_insn_address(&in, &cpu);
	return 0;
}
