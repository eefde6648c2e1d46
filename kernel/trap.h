/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * trap.h: what trap.c and refuse.c share: the fault on its way to an answer.
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

/* The instruction at regs->ip. False: not one that is known. */
bool pciem_trap_decode(const struct pt_regs *regs, struct mb_insn *insn);
/* Says, once an address, that this instruction is not carried out. @skipped: bytes, 0: not skipped */
void pciem_trap_refused(const struct trap *t, const struct pt_regs *regs, unsigned int skipped);
/* The kernel itself shall answer the fault that this instruction is about to make again. */
void pciem_trap_pass(const struct pt_regs *regs);
bool pciem_trap_passes(const struct pt_regs *regs);

#endif
