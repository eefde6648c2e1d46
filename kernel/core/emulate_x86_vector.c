// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * Carries out the vector moves, through the caller's access to the vector registers.
 *
 * Try it: make test-quick (tests/core/test_decode_cpu.c)
 */
#include "emulate_x86_priv.h"

static void copy8(u8 *to, const u8 *from)
{
	unsigned int i;

	for (i = 0; i < 8; i++)
		to[i] = from[i];
}

/* MOVLPS and MOVHPS: eight bytes from memory, the other eight of the 128 from reg2. */
static int load_half(const struct mb_insn *in, struct mb_cpu *cpu, const struct mb_bus *bus,
		     u64 addr)
{
	u8 mem[8] = { 0 }, v[16] = { 0 };
	int ret;

	if (cpu->vec->get(cpu->vec_ctx, in->reg2, v, 16))
		return MB_EMU_REFUSED;
	ret = mb_access(cpu, bus, addr, mem, 8, false);
	if (ret)
		return ret;
	copy8(in->op == MB_OP_VMOVH ? v + 8 : v, mem);
	if (cpu->vec->set(cpu->vec_ctx, in->reg, v, 16, in->flags & MB_INSN_VEX))
		return MB_EMU_REFUSED;
	return MB_EMU_DONE;
}

int mb_emu_vector(const struct mb_insn *in, struct mb_cpu *cpu, const struct mb_bus *bus)
{
	u64 addr = mb_address(in, cpu, 0);
	u8 v[MB_VEC_MAX] = { 0 };
	int ret;

	if (!cpu->vec)
		return MB_EMU_REFUSED;
	if ((in->flags & MB_INSN_ALIGNED) && (addr & (in->mem_size - 1)))
		return MB_EMU_REFUSED;	/* #GP */

	if (in->flags & MB_INSN_TO_REG) {
		if (in->op != MB_OP_VMOV)
			return load_half(in, cpu, bus, addr);
		ret = mb_access(cpu, bus, addr, v, in->mem_size, false);
		if (ret)
			return ret;
		if (cpu->vec->set(cpu->vec_ctx, in->reg, v, in->reg_size,
				  in->flags & MB_INSN_VEX))
			return MB_EMU_REFUSED;
		return MB_EMU_DONE;
	}
	if (cpu->vec->get(cpu->vec_ctx, in->reg, v, in->reg_size))
		return MB_EMU_REFUSED;
	return mb_access(cpu, bus, addr, in->op == MB_OP_VMOVH ? v + 8 : v, in->mem_size, true);
}
