/* SPDX-License-Identifier: MIT */
/*
 * The emulator's side of the comparison: a copy of the data whose middle page is the device,
 * vector registers in an array, and which flags the SDM leaves open.
 *
 * Used by test_decode_cpu.c. Try it: make test-quick
 */
#ifndef MB_TEST_DECODE_MODEL_H
#define MB_TEST_DECODE_MODEL_H

#include "decode_native.h"
#include "emulate_x86.h"

#define ARITH (MB_FLAG_CF | MB_FLAG_PF | MB_FLAG_AF | MB_FLAG_ZF | MB_FLAG_SF | MB_FLAG_OF)

static struct {
	u8 data[DATA_SIZE];		/* the emulator's copy */
	u8 vec[32][64];
	unsigned int reads, writes, odd;
	u32 limit;
} model;

static bool in_data(u64 addr, unsigned int size)
{
	u64 off = addr - (u64)(uintptr_t)native.data;

	return off < DATA_SIZE && off + size <= DATA_SIZE;
}

static bool on_device(u64 addr)
{
	return addr - (u64)(uintptr_t)native.data - 4096 < 4096;
}

static int transfer(u64 addr, void *data, unsigned int size, bool write)
{
	u8 *p = model.data + (addr - (u64)(uintptr_t)native.data);

	if (size < 1 || size > 8)
		model.odd++;
	if (!in_data(addr, size))
		return -1;
	if (write)
		memcpy(p, data, size);
	else
		memcpy(data, p, size);
	*(write ? &model.writes : &model.reads) += 1;
	return 0;
}

static int on_mmio(void *ctx, u64 addr, void *data, unsigned int size, bool write)
{
	(void)ctx;
	if (!on_device(addr) || !on_device(addr + size - 1))
		model.odd++;
	return transfer(addr, data, size, write);
}

static int on_mem(void *ctx, u64 addr, void *data, unsigned int size, bool write)
{
	(void)ctx;
	if (on_device(addr) || on_device(addr + size - 1))
		model.odd++;
	return transfer(addr, data, size, write);
}

static int vec_get(void *ctx, unsigned int reg, u8 *data, unsigned int size)
{
	(void)ctx;
	memcpy(data, model.vec[reg], size);
	return 0;
}

static int vec_set(void *ctx, unsigned int reg, const u8 *data, unsigned int size, bool clear)
{
	(void)ctx;
	memcpy(model.vec[reg], data, size);
	if (clear)
		memset(model.vec[reg] + size, 0, 64 - size);
	return 0;
}

static const struct mb_vec_ops vec_ops = { vec_get, vec_set };

/* To the end, through however many MB_EMU_AGAIN. */
static int emulate(const struct mb_insn *in, struct mb_cpu *cpu)
{
	struct mb_bus bus = {
		.mmio = on_mmio, .mem = on_mem,
		.mmio_start = (u64)(uintptr_t)native.data + 4096,
		.mmio_end = (u64)(uintptr_t)native.data + 8192,
		.max_count = model.limit,
	};
	u64 rip = cpu->rip;
	int ret;

	model.reads = model.writes = 0;
	do {
		ret = mb_emulate(in, cpu, &bus);
		if (ret != MB_EMU_DONE)
			assert_int_equal(cpu->rip, rip);
	} while (ret == MB_EMU_AGAIN);
	return ret;
}

/* ---- what the SDM leaves undefined ---- */

static u64 shift_undefined(const struct mb_insn *in, const u64 *gpr)
{
	unsigned int n = (in->flags & MB_INSN_IMM ? in->imm : gpr[MB_REG_RCX]) & 0xff;
	u64 undef = 0;

	n &= in->mem_size == 8 ? 63 : 31;
	if (n != 1)
		undef |= MB_FLAG_OF;
	if (in->op >= MB_OP_SHL)
		undef |= MB_FLAG_AF;
	if ((in->op == MB_OP_SHL || in->op == MB_OP_SHR) && n >= 8u * in->mem_size)
		undef |= MB_FLAG_CF;
	return n ? undef : 0;
}

static u64 undefined_flags(const struct mb_insn *in, const u64 *gpr)
{
	switch (in->op) {
	case MB_OP_AND: case MB_OP_OR: case MB_OP_XOR: case MB_OP_TEST:
		return MB_FLAG_AF;
	case MB_OP_BT: case MB_OP_BTS: case MB_OP_BTR: case MB_OP_BTC:
		return MB_FLAG_OF | MB_FLAG_SF | MB_FLAG_AF | MB_FLAG_PF;
	case MB_OP_IMUL: case MB_OP_MUL1: case MB_OP_IMUL1:
		return MB_FLAG_SF | MB_FLAG_ZF | MB_FLAG_AF | MB_FLAG_PF;
	}
	if (in->op >= MB_OP_ROL && in->op <= MB_OP_SAR)
		return shift_undefined(in, gpr);
	return 0;
}

#endif
