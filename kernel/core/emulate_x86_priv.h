/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * What the files of the emulator share: registers by width, the bus, and the three families.
 *
 * Private to emulate_x86*.c. Try it: make test-quick
 */
#ifndef MB_CORE_EMULATE_X86_PRIV_H
#define MB_CORE_EMULATE_X86_PRIV_H

#include "emulate_x86.h"

static inline u64 mb_mask(unsigned int size)
{
	return size >= 8 ? ~0ULL : (1ULL << (8 * size)) - 1;
}

static inline u64 mb_sign_extend(u64 v, unsigned int size)
{
	unsigned int shift = 64 - 8 * size;

	return (u64)((s64)(v << shift) >> shift);
}

/* Writing 32 bits clears the upper half, writing fewer keeps the rest (SDM vol. 1 §3.4.1.1). */
static inline void mb_set_gpr(struct mb_cpu *cpu, unsigned int reg, u64 v, unsigned int size)
{
	u64 m = mb_mask(size);

	if (size >= 4)
		cpu->gpr[reg] = v & m;
	else
		cpu->gpr[reg] = (cpu->gpr[reg] & ~m) | (v & m);
}

/* The register operand, in its own width. */
static inline u64 mb_get_reg(const struct mb_insn *in, const struct mb_cpu *cpu)
{
	u64 v = cpu->gpr[in->reg];

	if (in->flags & MB_INSN_HIGH8)
		v >>= 8;
	return v & mb_mask(in->reg_size);
}

static inline void mb_set_reg(const struct mb_insn *in, struct mb_cpu *cpu, u64 v)
{
	u64 *r = &cpu->gpr[in->reg];

	if (in->flags & MB_INSN_HIGH8)
		*r = (*r & ~0xff00ULL) | (v & 0xff) << 8;
	else
		mb_set_gpr(cpu, in->reg, v, in->reg_size);
}

static inline bool mb_is_mmio(const struct mb_bus *bus, u64 addr)
{
	if (bus->is_mmio)
		return bus->is_mmio(bus->ctx, addr);
	return addr >= bus->mmio_start && addr < bus->mmio_end;
}

/* One access of any size. MB_EMU_DONE, _FAULT or _ABORTED. */
int mb_access(struct mb_cpu *cpu, const struct mb_bus *bus, u64 addr, void *data,
	      unsigned int size, bool write);

/* Before a device at @from is read for a store to @to: MB_EMU_FAULT if the store would fail. */
int mb_probe(struct mb_cpu *cpu, const struct mb_bus *bus, u64 from, u64 to, unsigned int size);

u64 mb_seg_base(const struct mb_insn *in, const struct mb_cpu *cpu);

/* Effective address plus @more bytes, with the segment's base. */
u64 mb_address(const struct mb_insn *in, const struct mb_cpu *cpu, u64 more);

/*
 * Arithmetic on values of @size bytes. All take their operands with the bits above @size zero,
 * return the result likewise and change *@flags; flags the SDM leaves undefined stay.
 */
u64 mb_alu(unsigned int op, u64 dst, u64 src, unsigned int size, u64 *flags);
u64 mb_shift(unsigned int op, u64 dst, unsigned int count, unsigned int size, u64 *flags);

/* The families. Each returns enum mb_emu_result and leaves RIP to mb_emulate(). */
int mb_emu_alu(const struct mb_insn *in, struct mb_cpu *cpu, const struct mb_bus *bus);
int mb_emu_string(const struct mb_insn *in, struct mb_cpu *cpu, const struct mb_bus *bus);
int mb_emu_vector(const struct mb_insn *in, struct mb_cpu *cpu, const struct mb_bus *bus);

#endif
