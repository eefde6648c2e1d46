// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * Carries out a decoded x86-64 instruction: addresses, the bus, and everything that only moves.
 *
 * MOV comes first, since that is what readl() and writel() are.
 *
 * Try it: make test-quick (tests/core/test_decode_cpu.c)
 */
#include "emulate_x86_priv.h"

#define PAGE 4096

u64 mb_seg_base(const struct mb_insn *in, const struct mb_cpu *cpu)
{
	if (in->seg == MB_SEG_NONE)
		return 0;
	return in->seg == MB_SEG_FS ? cpu->fs_base : cpu->gs_base;
}

u64 mb_address(const struct mb_insn *in, const struct mb_cpu *cpu, u64 more)
{
	u64 a = (u64)in->disp + more;

	if (in->base < 16)
		a += cpu->gpr[in->base];
	else if (in->base == MB_REG_RIP)
		a += cpu->rip + in->len;
	if (in->index < 16)
		a += cpu->gpr[in->index] << in->scale;
	if (in->flags & MB_INSN_ADDR32)
		a = (u32)a;
	return a + mb_seg_base(in, cpu);
}

/* The bit number in a register is signed and reaches beyond the operand (SDM vol. 2, BT). */
static u64 bit_offset(const struct mb_insn *in, const struct mb_cpu *cpu)
{
	s64 bit = (s64)mb_sign_extend(cpu->gpr[in->reg], in->reg_size);
	s64 bits = 8 * in->mem_size;

	return (u64)((bit & ~(bits - 1)) >> 3);
}

u64 mb_insn_address(const struct mb_insn *in, const struct mb_cpu *cpu)
{
	u64 a;

	switch (in->op) {
	case MB_OP_BT: case MB_OP_BTS: case MB_OP_BTR: case MB_OP_BTC:
		return mb_address(in, cpu, in->flags & MB_INSN_IMM ? 0 : bit_offset(in, cpu));
	case MB_OP_POP:
		/* RSP as the base counts after it was incremented (SDM vol. 2, POP). */
		return mb_address(in, cpu, in->base == MB_REG_RSP ? in->mem_size : 0);
	case MB_OP_MOVS: case MB_OP_LODS: case MB_OP_CMPS:
		a = cpu->gpr[MB_REG_RSI];
		return (in->flags & MB_INSN_ADDR32 ? (u32)a : a) + mb_seg_base(in, cpu);
	case MB_OP_STOS: case MB_OP_SCAS:
		a = cpu->gpr[MB_REG_RDI];
		return in->flags & MB_INSN_ADDR32 ? (u32)a : a;
	}
	return mb_address(in, cpu, 0);
}

static int failed(struct mb_cpu *cpu, u64 addr, bool write, int result)
{
	cpu->fault_addr = addr;
	cpu->fault_write = write;
	return result;
}

/* At most 8 bytes, all on one side. */
static inline int piece(struct mb_cpu *cpu, const struct mb_bus *bus, bool mmio, u64 addr,
			void *data, unsigned int size, bool write)
{
	if (mmio)
		return bus->mmio(bus->ctx, addr, data, size, write) ?
		       failed(cpu, addr, write, MB_EMU_ABORTED) : MB_EMU_DONE;
	return bus->mem(bus->ctx, addr, data, size, write) ?
	       failed(cpu, addr, write, MB_EMU_FAULT) : MB_EMU_DONE;
}

int mb_access(struct mb_cpu *cpu, const struct mb_bus *bus, u64 addr, void *data,
	      unsigned int size, bool write)
{
	unsigned int n, head;
	bool mmio;
	u8 *p = data;
	int ret;

	for (;;) {
		n = size < 8 ? size : 8;
		mmio = mb_is_mmio(bus, addr);
		head = PAGE - (unsigned int)(addr & (PAGE - 1));
		if (head < n && mb_is_mmio(bus, addr + n - 1) != mmio)
			n = head;
		ret = piece(cpu, bus, mmio, addr, p, n, write);
		size -= n;
		if (ret || !size)
			return ret;
		addr += n;
		p += n;
	}
}

int mb_probe(struct mb_cpu *cpu, const struct mb_bus *bus, u64 from, u64 to, unsigned int size)
{
	if (!bus->probe || !mb_is_mmio(bus, from) || mb_is_mmio(bus, to))
		return MB_EMU_DONE;
	return bus->probe(bus->ctx, to, size) ? failed(cpu, to, true, MB_EMU_FAULT) : MB_EMU_DONE;
}

static inline int emu_mov(const struct mb_insn *in, struct mb_cpu *cpu, const struct mb_bus *bus)
{
	u64 addr = mb_address(in, cpu, 0), v = 0;
	int ret;

	if (in->flags & MB_INSN_TO_REG) {
		ret = mb_access(cpu, bus, addr, &v, in->mem_size, false);
		if (!ret)
			mb_set_reg(in, cpu, v);
		return ret;
	}
	v = in->flags & MB_INSN_IMM ? in->imm : mb_get_reg(in, cpu);
	return mb_access(cpu, bus, addr, &v, in->mem_size, true);
}

static u64 swap_bytes(u64 v, unsigned int size)
{
	u64 r = 0;

	for (; size; size--, v >>= 8)
		r = r << 8 | (v & 0xff);
	return r;
}

static int emu_movbe(const struct mb_insn *in, struct mb_cpu *cpu, const struct mb_bus *bus)
{
	u64 addr = mb_address(in, cpu, 0), v = 0;
	int ret;

	if (in->flags & MB_INSN_TO_REG) {
		ret = mb_access(cpu, bus, addr, &v, in->mem_size, false);
		if (!ret)
			mb_set_reg(in, cpu, swap_bytes(v, in->mem_size));
		return ret;
	}
	v = swap_bytes(mb_get_reg(in, cpu), in->mem_size);
	return mb_access(cpu, bus, addr, &v, in->mem_size, true);
}

/* Condition codes in pairs, the odd one negated (SDM vol. 1, appendix B). */
static bool condition(unsigned int cond, u64 f)
{
	bool less = !(f & MB_FLAG_SF) != !(f & MB_FLAG_OF), v = false;

	switch (cond >> 1) {
	case 0:
		v = f & MB_FLAG_OF;
		break;
	case 1:
		v = f & MB_FLAG_CF;
		break;
	case 2:
		v = f & MB_FLAG_ZF;
		break;
	case 3:
		v = f & (MB_FLAG_CF | MB_FLAG_ZF);
		break;
	case 4:
		v = f & MB_FLAG_SF;
		break;
	case 5:
		v = f & MB_FLAG_PF;
		break;
	case 6:
		v = less;
		break;
	case 7:
		v = less || (f & MB_FLAG_ZF);
		break;
	}
	return v != (cond & 1);
}

static int emu_load(const struct mb_insn *in, struct mb_cpu *cpu, const struct mb_bus *bus)
{
	u64 v = 0;
	int ret = mb_access(cpu, bus, mb_address(in, cpu, 0), &v, in->mem_size, false);

	if (ret)
		return ret;
	if (in->op == MB_OP_MOVSX)
		v = mb_sign_extend(v, in->mem_size);
	else if (!condition(in->cond, cpu->rflags))
		v = mb_get_reg(in, cpu); /* a 32-bit CMOVcc clears the upper half anyway */
	mb_set_reg(in, cpu, v);
	return MB_EMU_DONE;
}

static int emu_push(const struct mb_insn *in, struct mb_cpu *cpu, const struct mb_bus *bus)
{
	u64 addr = mb_address(in, cpu, 0), sp = cpu->gpr[MB_REG_RSP] - in->mem_size, v = 0;
	int ret = mb_probe(cpu, bus, addr, sp, in->mem_size);

	if (!ret)
		ret = mb_access(cpu, bus, addr, &v, in->mem_size, false);
	if (!ret)
		ret = mb_access(cpu, bus, sp, &v, in->mem_size, true);
	if (!ret)
		cpu->gpr[MB_REG_RSP] = sp;
	return ret;
}

static int emu_pop(const struct mb_insn *in, struct mb_cpu *cpu, const struct mb_bus *bus)
{
	u64 sp = cpu->gpr[MB_REG_RSP], v = 0;
	int ret = mb_access(cpu, bus, sp, &v, in->mem_size, false);

	if (!ret)
		ret = mb_access(cpu, bus, mb_insn_address(in, cpu), &v, in->mem_size, true);
	if (!ret)
		cpu->gpr[MB_REG_RSP] = sp + in->mem_size;
	return ret;
}

static int emu_rest(const struct mb_insn *in, struct mb_cpu *cpu, const struct mb_bus *bus)
{
	u64 v;

	switch (in->op) {
	case MB_OP_MOVSX:
	case MB_OP_CMOV:
		return emu_load(in, cpu, bus);
	case MB_OP_MOVBE:
		return emu_movbe(in, cpu, bus);
	case MB_OP_SETCC:
		v = condition(in->cond, cpu->rflags);
		return mb_access(cpu, bus, mb_address(in, cpu, 0), &v, 1, true);
	case MB_OP_PUSH:
		return emu_push(in, cpu, bus);
	case MB_OP_POP:
		return emu_pop(in, cpu, bus);
	case MB_OP_MOVS:
	case MB_OP_STOS:
	case MB_OP_LODS:
	case MB_OP_CMPS:
	case MB_OP_SCAS:
		return mb_emu_string(in, cpu, bus);
	case MB_OP_VMOV:
	case MB_OP_VMOVL:
	case MB_OP_VMOVH:
		return mb_emu_vector(in, cpu, bus);
	}
	return mb_emu_alu(in, cpu, bus);
}

int mb_emulate(const struct mb_insn *in, struct mb_cpu *cpu, const struct mb_bus *bus)
{
	int ret;

	if (in->op == MB_OP_MOV)
		ret = emu_mov(in, cpu, bus);
	else
		ret = emu_rest(in, cpu, bus);
	if (ret == MB_EMU_DONE)
		cpu->rip += in->len;
	return ret;
}
