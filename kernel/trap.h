/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * trap.h: what trap.c, mapping.c, fast.c, emulate.c and refuse.c share: the fault
 * on its way to an answer.
 *
 * Try it:  tools/lab -- tests/vm/trap.t
 */
#ifndef PCIEM_TRAP_H
#define PCIEM_TRAP_H

#include <linux/mm.h>
#include <linux/pgtable.h>
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
	PCIEM_FAST_ASKED,	/* the host has been asked and may take longer than one waits here */
	PCIEM_FAST_ROW,		/* nothing done: a register, but not one for the short way */
	PCIEM_FAST_UNKNOWN,	/* nothing done */
};

/* fast.c; interrupts off, not in an NMI. */

/**
 * struct pciem_asked - a request that waits for its answer: a promise to call
 *	pciem_queue_answer(), or pciem_queue_forget() if the session has gone
 */
struct pciem_asked {
	struct pciem_session *s;
	struct pciem_request req;
};

/* *@move: the instruction at regs->ip if it is such a one, on this CPU until interrupts are on. */
enum pciem_fast pciem_fast(struct pt_regs *regs, unsigned long address, u64 phys,
			   struct pciem_move **move, struct pciem_asked *asked);
u64 pciem_move_data(const struct pciem_move *m, struct pt_regs *regs);	/* what it writes */
/* What it leaves behind: what it read, and the next instruction. */
void pciem_move_done(const struct pciem_move *m, struct pt_regs *regs, u64 data);

/* mapping.c */

/* Pages between what an entry says and what it stands for: one, or with SKEW_TWO two. */
#define SKEW		1
#define SKEW_TWO	_PAGE_SOFTW1

/* As lookup_address(), of which the calls alone would be a fifth of a trap: a vmalloc address's entry for
 * 4 KiB. That range is the same in every address space.
 */
static __always_inline pte_t *pciem_entry_of(unsigned long va)
{
	pgd_t *pgd = pgd_offset_pgd(READ_ONCE(current->active_mm)->pgd, va);
	p4d_t *p4d;
	pud_t *pud;
	pmd_t *pmd;

	if (!pgd_present(*pgd))
		return NULL;
	p4d = p4d_offset(pgd, va);
	if (!p4d_present(*p4d))
		return NULL;
	pud = pud_offset(p4d, va);
	if (!pud_present(*pud) || pud_leaf(*pud))
		return NULL;
	pmd = pmd_offset(pud, va);
	if (!pmd_present(*pmd) || pmd_leaf(*pmd))
		return NULL;
	return pte_offset_kernel(pmd, va);
}

/* The entry of an address that may be in a mapping of ours; false: it has none of 4 KiB. */
static __always_inline bool pciem_entry_at(unsigned long va, pte_t *pte)
{
	pte_t *ptep;

	if (va < VMALLOC_START || va >= VMALLOC_END)
		return false;
	ptep = pciem_entry_of(va);
	if (!ptep)
		return false;
	*pte = pciem_ptep_get(ptep);
	return true;
}

static __always_inline bool pciem_entry_traps(pte_t pte)
{
	return (pte_flags(pte) & (_PAGE_PRESENT | _PAGE_PROTNONE)) == _PAGE_PROTNONE;
}

/* Is this address in a mapping of ours that is not present? Then *@phys is the bus address. */
static __always_inline bool pciem_trapped_address(unsigned long va, u64 *phys)
{
	unsigned long pfn;
	pte_t pte;

	if (!pciem_entry_at(va, &pte) || !pciem_entry_traps(pte))
		return false;
	pfn = pte_pfn(pte) - SKEW - !!(pte_flags(pte) & SKEW_TWO);
	*phys = ((u64)pfn << PAGE_SHIFT) | offset_in_page(va);
	return true;
}

/* Shows a page of memory at a kernel address whose entry traps. False: it goes on trapping. */
bool pciem_show_page(struct page *page, unsigned long va);

/* emulate.c; interrupts as the interrupted code had them. */

void pciem_emulate(struct trap *t, struct pt_regs *regs, const struct mb_insn *insn);

/* trap.c */

/* One access at a bus address, 1 to 8 bytes: what it reads, or 0. */
u64 pciem_trap_access(struct trap *t, u64 phys, unsigned int size, u64 data, bool write);

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
