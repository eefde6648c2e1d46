// SPDX-License-Identifier: GPL-2.0-only
/*
 * emulate.c: carries out an instruction that is more than a plain MOV: hands the
 * registers to the emulator of core/ and back, the device's side of each access
 * to trap.c, and the other side to memory, the kernel's or a user's.
 *
 * Try it:  tools/lab -- tests/vm/trap.t
 */
#include <linux/uaccess.h>

#include "core/emulate_x86.h"
#include "trap.h"

/* ---- what the emulator asks for ------------------------------------------------------------------ */

static bool trap_is_mmio(void *ctx, u64 addr)
{
	struct trap *t = ctx;
	u64 phys;

	if ((addr & PAGE_MASK) == t->va)
		return true;
	return pciem_trapped_address(addr, &phys);
}

static int trap_mmio(void *ctx, u64 addr, void *data, unsigned int size, bool write)
{
	struct trap *t = ctx;
	u64 phys = t->phys + (addr & ~PAGE_MASK), v = 0;

	if ((addr & PAGE_MASK) != t->va && !pciem_trapped_address(addr, &phys))
		return -1;
	if (write)
		memcpy(&v, data, size);
	v = pciem_trap_access(t, phys, size, v, write);
	if (!write)
		memcpy(data, &v, size);
	return 0;
}

static int copy_kernel(void *data, unsigned long addr, unsigned int size, bool write)
{
	void *at = (void *)addr;

	if (addr < PAGE_OFFSET)		/* what lies between user and kernel is nobody's */
		return -1;
	if (write) {
		switch (size) {
		case 1:
			__put_kernel_nofault((u8 *)at, (u8 *)data, u8, fault);
			return 0;
		case 2:
			__put_kernel_nofault((u16 *)at, (u16 *)data, u16, fault);
			return 0;
		case 4:
			__put_kernel_nofault((u32 *)at, (u32 *)data, u32, fault);
			return 0;
		case 8:
			__put_kernel_nofault((u64 *)at, (u64 *)data, u64, fault);
			return 0;
		}
	} else {
		switch (size) {
		case 1:
			__get_kernel_nofault((u8 *)data, (u8 *)at, u8, fault);
			return 0;
		case 2:
			__get_kernel_nofault((u16 *)data, (u16 *)at, u16, fault);
			return 0;
		case 4:
			__get_kernel_nofault((u32 *)data, (u32 *)at, u32, fault);
			return 0;
		case 8:
			__get_kernel_nofault((u64 *)data, (u64 *)at, u64, fault);
			return 0;
		}
	}
	while (size--)		/* cut at a page's end: any number of bytes */
		if (copy_kernel(data + size, addr + size, 1, write))
			goto fault;
	return 0;
fault:
	return -1;
}

/* The other side of a string instruction: kernel memory, or a user's, as in copy_to_user(). */
static int trap_mem(void *ctx, u64 addr, void *data, unsigned int size, bool write)
{
	struct trap *t = ctx;
	unsigned long left;

	if (addr >= TASK_SIZE_MAX)
		return copy_kernel(data, addr, size, write);
	if (!t->may_sleep)
		pagefault_disable();
	left = write ? copy_to_user((void __user *)addr, data, size) :
		       copy_from_user(data, (void __user *)addr, size);
	if (!t->may_sleep)
		pagefault_enable();
	return left ? -1 : 0;
}

/* Would a store there succeed? What it clobbers is what the store is about to overwrite. */
static int trap_probe(void *ctx, u64 addr, unsigned int size)
{
	u64 v;

	if (trap_mem(ctx, addr, &v, size, false))
		return -1;
	return trap_mem(ctx, addr, &v, size, true);
}

/* ---- one instruction ------------------------------------------------------------------ */

static void registers_in(struct mb_cpu *cpu, const struct pt_regs *r)
{
	*cpu = (struct mb_cpu) {
		.gpr = { r->ax, r->cx, r->dx, r->bx, r->sp, r->bp, r->si, r->di,
			 r->r8, r->r9, r->r10, r->r11, r->r12, r->r13, r->r14, r->r15 },
		.rip = r->ip,
		.rflags = r->flags,
	};
}

static void registers_out(const struct mb_cpu *cpu, struct pt_regs *r)
{
	const u64 *g = cpu->gpr;

	r->ax = g[0], r->cx = g[1], r->dx = g[2], r->bx = g[3];
	r->sp = g[4], r->bp = g[5], r->si = g[6], r->di = g[7];
	r->r8 = g[8], r->r9 = g[9], r->r10 = g[10], r->r11 = g[11];
	r->r12 = g[12], r->r13 = g[13], r->r14 = g[14], r->r15 = g[15];
	r->ip = cpu->rip;
	r->flags = cpu->rflags;
}

static const struct mb_bus bus_template = {
	.mmio = trap_mmio, .mem = trap_mem, .probe = trap_probe, .is_mmio = trap_is_mmio,
	.max_count = 128,	/* then back to the instruction, where interrupts and others get in */
};

void pciem_emulate(struct trap *t, struct pt_regs *regs, const struct mb_insn *insn)
{
	struct mb_bus bus = bus_template;
	struct mb_cpu cpu;

	bus.ctx = t;
	registers_in(&cpu, regs);
	switch (mb_emulate(insn, &cpu, &bus)) {
	case MB_EMU_DONE:
	case MB_EMU_AGAIN:
		registers_out(&cpu, regs);
		return;
	case MB_EMU_REFUSED:
		pciem_trap_refused(t, regs, insn->len);
		regs->ip += insn->len;
		return;
	case MB_EMU_ABORTED:	/* not ours any more: look again */
		registers_out(&cpu, regs);
		return;
	default:	/* the fault of a memory operand: once more, for the kernel to answer */
		registers_out(&cpu, regs);
		pciem_trap_pass(regs);
	}
}
