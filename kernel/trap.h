/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * trap.h: what trap.c, fast.c and refuse.c share: the fault on its way to an answer.
 *
 * Try it:  tools/lab -- tests/vm/trap.t
 */
#ifndef PCIEM_TRAP_H
#define PCIEM_TRAP_H

#include <linux/ptrace.h>

#include "core/decode_x86.h"
#include "pciem.h"

/**
 * struct trap - one fault
 * @s: @bar: @start: whose address, held; NULL: nobody's. @start: the BAR's bus address
 * @va: @phys: the page that faulted, by kernel address and by bus address
 * @may_sleep: the interrupted code may
 */
struct trap {
	struct pciem_session *s;
	int bar;
	u64 start;
	unsigned long va;
	u64 phys;
	bool may_sleep;
};

/**
 * struct pciem_move - a plain MOV between memory and a general register or a constant
 * @len: of the instruction; @size: of the access
 * @base: @reg: where struct pt_regs keeps the registers; @disp: beside @base
 * @row: the row it was for the last time
 */
struct pciem_move {
	u8 len, size, base, reg;
	bool write, immediate;
	u32 row;
	s64 disp;
	u64 imm;
};

enum pciem_fast {
	PCIEM_FAST_DONE,
	PCIEM_FAST_ROW,		/* nothing done: a register, but not one for the short way */
	PCIEM_FAST_UNKNOWN,	/* nothing done */
};

/* fast.c; interrupts off, not in an NMI. */

/* *@move: the instruction at regs->ip if it is such a one, on this CPU until interrupts are on. */
enum pciem_fast pciem_fast(struct pt_regs *regs, unsigned long address, u64 phys,
			   struct pciem_move **move);
u64 pciem_move_data(const struct pciem_move *m, struct pt_regs *regs);	/* what it writes */
/* What it leaves behind: what it read, and the next instruction. */
void pciem_move_done(const struct pciem_move *m, struct pt_regs *regs, u64 data);

/* trap.c */

extern unsigned int pciem_trap_change;	/* another number whenever the list of sessions changes */
/* Whose it is; interrupts off, which keeps the session. NULL: nobody's. */
struct pciem_session *pciem_trap_find(u64 phys, int *bar, u64 *offset);

/* Memory decoding on and in D0 (PCIe 6.0 §7.5.1.1.3, §5.3.1.4)? One aligned byte each: no lock. */
static inline bool pciem_decodes(const struct pciem_session *s)
{
	const struct mb_config *c = &s->config;

	return READ_ONCE(c->val[MB_PCI_COMMAND]) & MB_COMMAND_MEMORY &&
	       !(c->pm && (READ_ONCE(c->val[c->pm + 4]) & 3) == 3);
}

/* refuse.c */

/* The instruction at regs->ip. False: not one that is known. */
bool pciem_trap_decode(const struct pt_regs *regs, struct mb_insn *insn);
/* Says, once an address, that this instruction is not carried out. @skipped: bytes, 0: not skipped */
void pciem_trap_refused(const struct trap *t, const struct pt_regs *regs, unsigned int skipped);
/* The kernel itself shall answer the fault that this instruction is about to make again. */
void pciem_trap_pass(const struct pt_regs *regs);
bool pciem_trap_passes(const struct pt_regs *regs);
extern unsigned int pciem_trap_npasses;		/* such instructions on their way: mostly none */

#endif
