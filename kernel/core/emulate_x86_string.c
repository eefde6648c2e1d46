// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * Carries out MOVS, STOS, LODS, CMPS and SCAS, which is what memcpy_toio() and memset_io() are.
 *
 * One element at a time, in the instruction's width: a device sees the accesses it would see on
 * a bus that does not combine them. rCX, rSI and rDI are up to date after each element, so that
 * a fault or the count limit leaves the state from which the CPU would go on.
 *
 * Try it: make test-quick (tests/core/test_decode_cpu.c)
 */
#include "emulate_x86_priv.h"

static u64 reg_addr(const struct mb_insn *in, u64 v)
{
	return in->flags & MB_INSN_ADDR32 ? (u32)v : v;
}

static void step(const struct mb_insn *in, struct mb_cpu *cpu, unsigned int reg)
{
	u64 n = in->mem_size;

	if (cpu->rflags & MB_FLAG_DF)
		n = -n;
	cpu->gpr[reg] = reg_addr(in, cpu->gpr[reg] + n);
}

/* Flags go to *@flags, not to @cpu: a fault in a later element must find the old ones. */
static int element(const struct mb_insn *in, struct mb_cpu *cpu, const struct mb_bus *bus,
		   u64 *flags)
{
	u64 si = reg_addr(in, cpu->gpr[MB_REG_RSI]) + mb_seg_base(in, cpu);
	u64 di = reg_addr(in, cpu->gpr[MB_REG_RDI]);
	u64 v = cpu->gpr[MB_REG_RAX] & mb_mask(in->mem_size), w = 0;
	unsigned int n = in->mem_size;
	bool has_si = in->op == MB_OP_MOVS || in->op == MB_OP_LODS || in->op == MB_OP_CMPS;
	bool has_di = in->op != MB_OP_LODS;
	int ret = MB_EMU_DONE;

	/* CMPS reads rDI first: the SDM does not say, CPUs do. */
	if (in->op == MB_OP_MOVS)
		ret = mb_probe(cpu, bus, si, di, n);
	else if (in->op == MB_OP_CMPS || in->op == MB_OP_SCAS)
		ret = mb_access(cpu, bus, di, &w, n, false);
	if (!ret && has_si) {
		v = 0;
		ret = mb_access(cpu, bus, si, &v, n, false);
	}
	if (!ret && (in->op == MB_OP_MOVS || in->op == MB_OP_STOS))
		ret = mb_access(cpu, bus, di, &v, n, true);
	if (ret)
		return ret;

	if (in->op == MB_OP_LODS)
		mb_set_gpr(cpu, MB_REG_RAX, v, n);
	else if (in->op == MB_OP_CMPS || in->op == MB_OP_SCAS)
		mb_alu(MB_OP_CMP, v, w, n, flags);
	if (has_si)
		step(in, cpu, MB_REG_RSI);
	if (has_di)
		step(in, cpu, MB_REG_RDI);
	return MB_EMU_DONE;
}

int mb_emu_string(const struct mb_insn *in, struct mb_cpu *cpu, const struct mb_bus *bus)
{
	u64 flags = cpu->rflags, *cx = &cpu->gpr[MB_REG_RCX];
	bool compares = in->op == MB_OP_CMPS || in->op == MB_OP_SCAS;
	u32 done = 0;
	int ret;

	if (!(in->flags & (MB_INSN_REP | MB_INSN_REPNE))) {
		ret = element(in, cpu, bus, &flags);
		if (!ret)
			cpu->rflags = flags;
		return ret;
	}
	while (reg_addr(in, *cx)) {
		if (bus->max_count && done++ == bus->max_count)
			return MB_EMU_AGAIN;
		ret = element(in, cpu, bus, &flags);
		if (ret)
			return ret;
		*cx = reg_addr(in, *cx - 1);
		if (compares && !(flags & MB_FLAG_ZF) == !(in->flags & MB_INSN_REPNE))
			break;
	}
	cpu->rflags = flags;
	return MB_EMU_DONE;
}
