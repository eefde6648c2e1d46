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

/* An instruction whose next fault is the kernel's. It may never fault again, if what it met first is
 * the fault of its other operand: the entry is good for the same operands and a second.
 */
static struct pass {
	struct task_struct *task;
	unsigned long ip, cx, si, di, since;
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
	struct pass *p, *use = NULL;
	unsigned long flags;

	if (in_nmi())
		return;
	raw_spin_lock_irqsave(&passes_lock, flags);
	for (p = passes; p < passes + PASSES; p++)
		if (!use || (use->task && (!p->task || time_before(p->since, use->since))))
			use = p;
	if (!use->task)
		WRITE_ONCE(pciem_trap_npasses, pciem_trap_npasses + 1);
	*use = (struct pass) { current, regs->ip, regs->cx, regs->si, regs->di, jiffies };
	raw_spin_unlock_irqrestore(&passes_lock, flags);
}

bool pciem_trap_passes(const struct pt_regs *regs)
{
	unsigned long flags;
	bool found = false;
	struct pass *p;

	if (in_nmi())
		return false;
	raw_spin_lock_irqsave(&passes_lock, flags);
	for (p = passes; p < passes + PASSES; p++) {
		bool is = p->task == current && p->ip == regs->ip && p->cx == regs->cx &&
			  p->si == regs->si && p->di == regs->di;

		if (!p->task || (!is && time_before(jiffies, p->since + HZ)))
			continue;
		found |= is && time_before(jiffies, p->since + HZ);
		p->task = NULL;
		WRITE_ONCE(pciem_trap_npasses, pciem_trap_npasses - 1);
	}
	raw_spin_unlock_irqrestore(&passes_lock, flags);
	return found;
}
