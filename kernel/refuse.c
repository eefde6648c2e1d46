// SPDX-License-Identifier: GPL-2.0-only
/*
 * refuse.c: reading the instruction that faulted, and what becomes of one that
 * cannot be carried out: it is named in the log, once, with its bytes.
 *
 * Try it:  tools/lab -- tests/vm/trap.t
 */
#include <linux/hash.h>
#include <linux/uaccess.h>

#include "trap.h"

#define PASSES	8

static struct {
	struct task_struct *task;
	unsigned long ip;
} passes[PASSES];
unsigned int pciem_trap_npasses;
static DEFINE_RAW_SPINLOCK(passes_lock);

static unsigned long told[1 << 8];	/* addresses of refused instructions, hashed */

/* As many bytes as can be read there; code may end with its page. */
static unsigned int fetch(unsigned long ip, u8 *code)
{
	unsigned int n = MB_INSN_MAX, in_page = PAGE_SIZE - offset_in_page(ip);

	if (!copy_from_kernel_nofault(code, (void *)ip, n))
		return n;
	n = min(n, in_page);
	return copy_from_kernel_nofault(code, (void *)ip, n) ? 0 : n;
}

bool pciem_trap_decode(const struct pt_regs *regs, struct mb_insn *insn)
{
	u8 code[MB_INSN_MAX];

	/* PUSH would write where this fault's own frame is. */
	return mb_decode(code, fetch(regs->ip, code), insn) == MB_DECODE_OK &&
	       insn->op != MB_OP_PUSH && insn->seg == MB_SEG_NONE;
}

void pciem_trap_refused(const struct trap *t, const struct pt_regs *regs, unsigned int skipped)
{
	unsigned long *seen = &told[hash_long(regs->ip, 8)];
	u8 code[MB_INSN_MAX];
	unsigned int n;

	if (t->s)
		pciem_count(t->s, refused_instructions);
	if (xchg(seen, regs->ip) == regs->ip)
		return;
	n = fetch(regs->ip, code);
	pr_err("pciem %d: the instruction at %pS (%*ph) on a BAR is not known: %s\n",
	       t->s ? t->s->id : -1, (void *)regs->ip, n, code,
	       skipped ? "skipped" : "left to the kernel");
}

void pciem_trap_pass(const struct pt_regs *regs)
{
	unsigned long flags;
	int i;

	raw_spin_lock_irqsave(&passes_lock, flags);
	for (i = 0; i < PASSES; i++) {
		if (passes[i].task)
			continue;
		passes[i].task = current;
		passes[i].ip = regs->ip;
		WRITE_ONCE(pciem_trap_npasses, pciem_trap_npasses + 1);
		break;
	}
	raw_spin_unlock_irqrestore(&passes_lock, flags);
}

bool pciem_trap_passes(const struct pt_regs *regs)
{
	unsigned long flags;
	bool found = false;
	int i;

	raw_spin_lock_irqsave(&passes_lock, flags);
	for (i = 0; i < PASSES && !found; i++) {
		if (passes[i].task != current || passes[i].ip != regs->ip)
			continue;
		passes[i].task = NULL;
		WRITE_ONCE(pciem_trap_npasses, pciem_trap_npasses - 1);
		found = true;
	}
	raw_spin_unlock_irqrestore(&passes_lock, flags);
	return found;
}
