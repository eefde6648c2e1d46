// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * Carries out x86-64 arithmetic with a memory operand, flags included.
 *
 * Memory is read once, and written once if at all; registers and flags change only after that,
 * so a failed access leaves them as they were.
 *
 * Try it: make test-quick (tests/core/test_decode_cpu.c)
 */
#include "emulate_x86_priv.h"

#define ZSP (MB_FLAG_ZF | MB_FLAG_SF | MB_FLAG_PF)

static inline bool top_bit(u64 v, unsigned int size)
{
	return v >> (8 * size - 1) & 1;
}

static inline void put_flag(u64 *flags, u64 flag, bool on)
{
	*flags = on ? *flags | flag : *flags & ~flag;
}

static void put_zsp(u64 *flags, u64 r, unsigned int size)
{
	unsigned int p = r & 0xff;

	/* Parity of the low byte; no builtin: it may become a call into a compiler library. */
	p ^= p >> 4;
	p ^= p >> 2;
	p ^= p >> 1;
	put_flag(flags, MB_FLAG_ZF, r == 0);
	put_flag(flags, MB_FLAG_SF, top_bit(r, size));
	put_flag(flags, MB_FLAG_PF, !(p & 1));
}

/* The carry out of each bit of a + b (+ 1) is where both have it, or one has and r has not. */
static u64 add(u64 a, u64 b, bool carry, unsigned int size, u64 *flags)
{
	u64 r = (a + b + carry) & mb_mask(size);

	put_flag(flags, MB_FLAG_CF, top_bit((a & b) | ((a | b) & ~r), size));
	put_flag(flags, MB_FLAG_OF, top_bit((a ^ r) & (b ^ r), size));
	put_flag(flags, MB_FLAG_AF, (a ^ b ^ r) & 0x10);
	put_zsp(flags, r, size);
	return r;
}

static u64 sub(u64 a, u64 b, bool borrow, unsigned int size, u64 *flags)
{
	u64 r = (a - b - borrow) & mb_mask(size);

	put_flag(flags, MB_FLAG_CF, top_bit((~a & b) | ((~a | b) & r), size));
	put_flag(flags, MB_FLAG_OF, top_bit((a ^ b) & (a ^ r), size));
	put_flag(flags, MB_FLAG_AF, (a ^ b ^ r) & 0x10);
	put_zsp(flags, r, size);
	return r;
}

static u64 logic(u64 r, unsigned int size, u64 *flags)
{
	*flags &= ~(u64)(MB_FLAG_CF | MB_FLAG_OF);
	put_zsp(flags, r, size);
	return r;
}

u64 mb_alu(unsigned int op, u64 a, u64 b, unsigned int size, u64 *flags)
{
	bool cf = *flags & MB_FLAG_CF;
	u64 r;

	switch (op) {
	case MB_OP_ADD:
		return add(a, b, false, size, flags);
	case MB_OP_ADC:
		return add(a, b, cf, size, flags);
	case MB_OP_SUB:
	case MB_OP_CMP:
		return sub(a, b, false, size, flags);
	case MB_OP_SBB:
		return sub(a, b, cf, size, flags);
	case MB_OP_OR:
		return logic(a | b, size, flags);
	case MB_OP_AND:
	case MB_OP_TEST:
		return logic(a & b, size, flags);
	case MB_OP_XOR:
		return logic(a ^ b, size, flags);
	case MB_OP_NOT:
		return ~a & mb_mask(size);
	case MB_OP_NEG:
		return sub(0, a, false, size, flags);
	case MB_OP_INC:
	case MB_OP_DEC:
		r = op == MB_OP_INC ? add(a, 1, false, size, flags) : sub(a, 1, false, size, flags);
		put_flag(flags, MB_FLAG_CF, cf);
		return r;
	}
	return a;
}

static u64 rotate(unsigned int op, u64 a, unsigned int count, unsigned int size, u64 *flags)
{
	unsigned int top = 8 * size - 1;
	bool cf = *flags & MB_FLAG_CF, out;

	/* RCL, RCR go round bits + 1 positions, the others round bits; stepping does both. */
	for (; count; count--) {
		if (op == MB_OP_ROL || op == MB_OP_RCL) {
			out = a >> top & 1;
			a = (a << 1 | (op == MB_OP_ROL ? out : cf)) & mb_mask(size);
		} else {
			out = a & 1;
			a = a >> 1 | (u64)(op == MB_OP_ROR ? out : cf) << top;
		}
		cf = out;
	}
	put_flag(flags, MB_FLAG_CF, cf);
	if (op == MB_OP_ROL || op == MB_OP_RCL)
		put_flag(flags, MB_FLAG_OF, top_bit(a, size) != cf);
	else
		put_flag(flags, MB_FLAG_OF, top_bit(a, size) != top_bit(a << 1, size));
	return a;
}

u64 mb_shift(unsigned int op, u64 a, unsigned int count, unsigned int size, u64 *flags)
{
	u64 m = mb_mask(size), s = mb_sign_extend(a, size), r;
	unsigned int bits = 8 * size;
	bool cf, of;

	count &= size == 8 ? 63 : 31;
	if (!count)
		return a;
	switch (op) {
	case MB_OP_SHL:
		r = a << count & m;
		cf = count <= bits && (a >> (bits - count) & 1);
		of = top_bit(r, size) != cf;
		break;
	case MB_OP_SHR:
		r = a >> count;
		cf = a >> (count - 1) & 1;
		of = top_bit(a, size);
		break;
	case MB_OP_SAR:
		r = (u64)((s64)s >> count) & m;
		cf = (u64)((s64)s >> (count - 1)) & 1;
		of = false;
		break;
	default:
		return rotate(op, a, count, size, flags);
	}
	put_flag(flags, MB_FLAG_CF, cf);
	put_flag(flags, MB_FLAG_OF, of);
	put_zsp(flags, r, size);
	return r;
}

/* Signed or unsigned a * b; the low half is returned, the high half stored. */
static u64 multiply(u64 a, u64 b, unsigned int size, bool is_signed, u64 *high, u64 *flags)
{
	unsigned __int128 r;
	u64 low, fits;

	if (is_signed)
		r = (unsigned __int128)((__int128)(s64)mb_sign_extend(a, size) *
					(s64)mb_sign_extend(b, size));
	else
		r = (unsigned __int128)a * b;
	low = (u64)r & mb_mask(size);
	/* No shift of 128 bits by a variable: it may become a call into a compiler library. */
	*high = size == 8 ? (u64)(r >> 64) : (u64)r >> (8 * size) & mb_mask(size);
	fits = is_signed && top_bit(low, size) ? mb_mask(size) : 0;
	put_flag(flags, MB_FLAG_CF, *high != fits);
	put_flag(flags, MB_FLAG_OF, *high != fits);
	return low;
}

static void one_operand_multiply(const struct mb_insn *in, struct mb_cpu *cpu, u64 mem)
{
	unsigned int n = in->mem_size;
	u64 high, low = multiply(cpu->gpr[MB_REG_RAX] & mb_mask(n), mem, n,
				 in->op == MB_OP_IMUL1, &high, &cpu->rflags);

	if (n == 1) {
		mb_set_gpr(cpu, MB_REG_RAX, high << 8 | low, 2);
		return;
	}
	mb_set_gpr(cpu, MB_REG_RAX, low, n);
	mb_set_gpr(cpu, MB_REG_RDX, high, n);
}

static int emu_mul(const struct mb_insn *in, struct mb_cpu *cpu, const struct mb_bus *bus)
{
	u64 mem = 0, high, other;
	int ret = mb_access(cpu, bus, mb_address(in, cpu, 0), &mem, in->mem_size, false);

	if (ret)
		return ret;
	if (in->op != MB_OP_IMUL) {
		one_operand_multiply(in, cpu, mem);
		return MB_EMU_DONE;
	}
	other = in->flags & MB_INSN_IMM ? in->imm : mb_get_reg(in, cpu);
	mb_set_reg(in, cpu, multiply(mem, other & mb_mask(in->mem_size), in->mem_size, true, &high,
				     &cpu->rflags));
	return MB_EMU_DONE;
}

static int emu_bit(const struct mb_insn *in, struct mb_cpu *cpu, const struct mb_bus *bus)
{
	u64 addr = mb_insn_address(in, cpu), mem = 0, bit;
	u64 number = in->flags & MB_INSN_IMM ? in->imm : cpu->gpr[in->reg];
	int ret = mb_access(cpu, bus, addr, &mem, in->mem_size, false);
	bool was;

	if (ret)
		return ret;
	bit = 1ULL << (number & (8 * in->mem_size - 1));
	was = mem & bit;
	if (in->op == MB_OP_BTS)
		mem |= bit;
	else if (in->op == MB_OP_BTR)
		mem &= ~bit;
	else if (in->op == MB_OP_BTC)
		mem ^= bit;
	if (in->op != MB_OP_BT)
		ret = mb_access(cpu, bus, addr, &mem, in->mem_size, true);
	if (!ret)
		put_flag(&cpu->rflags, MB_FLAG_CF, was);
	return ret;
}

/* XCHG, XADD, CMPXCHG. CMPXCHG writes even when it does not match (SDM vol. 2, CMPXCHG). */
static int emu_exchange(const struct mb_insn *in, struct mb_cpu *cpu, const struct mb_bus *bus)
{
	u64 addr = mb_address(in, cpu, 0), mem = 0, flags = cpu->rflags;
	u64 reg = mb_get_reg(in, cpu), store = reg, acc;
	unsigned int n = in->mem_size;
	int ret = mb_access(cpu, bus, addr, &mem, n, false);

	if (ret)
		return ret;
	if (in->op == MB_OP_XADD) {
		store = mb_alu(MB_OP_ADD, mem, reg, n, &flags);
	} else if (in->op == MB_OP_CMPXCHG) {
		acc = cpu->gpr[MB_REG_RAX] & mb_mask(n);
		mb_alu(MB_OP_CMP, acc, mem, n, &flags);
		if (acc != mem)
			store = mem;
	}
	ret = mb_access(cpu, bus, addr, &store, n, true);
	if (ret)
		return ret;
	if (in->op != MB_OP_CMPXCHG)
		mb_set_reg(in, cpu, mem);
	else if (!(flags & MB_FLAG_ZF))
		mb_set_gpr(cpu, MB_REG_RAX, mem, n);
	cpu->rflags = flags;
	return MB_EMU_DONE;
}

/* CMPXCHG8B, CMPXCHG16B: rDX:rAX is compared, rCX:rBX stored. */
static int emu_cmpxchg2(const struct mb_insn *in, struct mb_cpu *cpu, const struct mb_bus *bus)
{
	unsigned int n = in->mem_size / 2;
	u64 addr = mb_address(in, cpu, 0), m = mb_mask(n), mem[2] = { 0, 0 }, old[2], store[2];
	bool same;
	int ret;

	if ((in->flags & MB_INSN_ALIGNED) && (addr & (in->mem_size - 1)))
		return MB_EMU_REFUSED;	/* #GP */
	ret = mb_access(cpu, bus, addr, mem, in->mem_size, false);
	if (ret)
		return ret;
	old[0] = mem[0] & m;
	old[1] = n == 4 ? mem[0] >> 32 : mem[1];
	same = old[0] == (cpu->gpr[MB_REG_RAX] & m) && old[1] == (cpu->gpr[MB_REG_RDX] & m);
	store[0] = same ? cpu->gpr[MB_REG_RBX] & m : old[0];
	store[1] = same ? cpu->gpr[MB_REG_RCX] & m : old[1];
	if (n == 4)
		store[0] |= store[1] << 32;
	ret = mb_access(cpu, bus, addr, store, in->mem_size, true);
	if (ret)
		return ret;
	put_flag(&cpu->rflags, MB_FLAG_ZF, same);
	if (!same) {
		mb_set_gpr(cpu, MB_REG_RAX, old[0], n);
		mb_set_gpr(cpu, MB_REG_RDX, old[1], n);
	}
	return MB_EMU_DONE;
}

/* Everything of the form dst = dst op src. */
static int emu_binary(const struct mb_insn *in, struct mb_cpu *cpu, const struct mb_bus *bus)
{
	u64 addr = mb_address(in, cpu, 0), mem = 0, flags = cpu->rflags, r;
	u64 src = in->flags & MB_INSN_IMM ? in->imm : mb_get_reg(in, cpu);
	unsigned int n = in->mem_size;
	int ret = mb_access(cpu, bus, addr, &mem, n, false);

	if (ret)
		return ret;
	src &= mb_mask(n);
	if (in->op >= MB_OP_ROL && in->op <= MB_OP_SAR) {
		if (!(in->flags & MB_INSN_IMM))
			src = cpu->gpr[MB_REG_RCX];
		r = mb_shift(in->op, mem, src & 0xff, n, &flags);
	} else if (in->flags & MB_INSN_TO_REG) {
		r = mb_alu(in->op, src, mem, n, &flags);
	} else {
		r = mb_alu(in->op, mem, src, n, &flags);
	}
	if (in->flags & MB_INSN_WRITE)
		ret = mb_access(cpu, bus, addr, &r, n, true);
	if (ret)
		return ret;
	if ((in->flags & MB_INSN_TO_REG) && in->op != MB_OP_CMP)
		mb_set_reg(in, cpu, r);
	cpu->rflags = flags;
	return MB_EMU_DONE;
}

int mb_emu_alu(const struct mb_insn *in, struct mb_cpu *cpu, const struct mb_bus *bus)
{
	switch (in->op) {
	case MB_OP_BT: case MB_OP_BTS: case MB_OP_BTR: case MB_OP_BTC:
		return emu_bit(in, cpu, bus);
	case MB_OP_XCHG: case MB_OP_XADD: case MB_OP_CMPXCHG:
		return emu_exchange(in, cpu, bus);
	case MB_OP_CMPXCHG8B:
		return emu_cmpxchg2(in, cpu, bus);
	case MB_OP_IMUL: case MB_OP_MUL1: case MB_OP_IMUL1:
		return emu_mul(in, cpu, bus);
	}
	return emu_binary(in, cpu, bus);
}
