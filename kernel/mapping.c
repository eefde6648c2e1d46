// SPDX-License-Identifier: GPL-2.0-only
/*
 * mapping.c: the page-table entries of what a driver has mapped of a BAR. They
 * begin not present (trap.c says how); a page that is memory is shown, that is
 * made present, when it is first touched, and taken back if it is to be traced.
 *
 * Try it:  tools/lab -- tests/vm/compat.t
 */
#include <linux/mm.h>
#include <linux/smp.h>

#include "trap.h"

/* The entry at kernel address @va if it shows @page. Nobody frees the table while it does. */
static pte_t *entry_of(unsigned long va, struct page *page)
{
	unsigned int level;
	pte_t *ptep = va ? lookup_address(va, &level) : NULL;
	pte_t pte;

	if (!ptep || level != PG_LEVEL_4K)
		return NULL;
	pte = pciem_ptep_get(ptep);
	return pte_flags(pte) & _PAGE_PRESENT && pte_pfn(pte) == page_to_pfn(page) ? ptep : NULL;
}

bool pciem_trap_mapped(struct page *page)
{
	return entry_of(page_private(page), page);
}

/* Unless it has changed: iounmap() takes no lock of ours. */
static bool exchange_entry(pte_t *ptep, pte_t was, pte_t is)
{
	return cmpxchg(&ptep->pte, was.pte, is.pte) == was.pte;
}

/* A page of memory shows itself to the driver; from not present to present nothing needs to be
 * flushed. One kernel address a page is remembered, to take it back by: a second mapping of the
 * same page goes on trapping while the first is there.
 */
bool pciem_show_page(struct page *page, unsigned long va)
{
	unsigned long old = page_private(page);
	unsigned int level;
	pte_t *ptep, was;

	va &= PAGE_MASK;
	if (old != va) {
		if (entry_of(old, page) ||
		    cmpxchg(&page->private, old, va) != old)
			return false;
	}
	ptep = lookup_address(va, &level);
	if (!ptep || level != PG_LEVEL_4K)
		return false;
	was = pciem_ptep_get(ptep);
	if (!pciem_entry_traps(was))		/* another CPU was first, or it is being unmapped */
		return pte_flags(was) & _PAGE_PRESENT && pte_pfn(was) == page_to_pfn(page);
	return exchange_entry(ptep, was, pfn_pte(page_to_pfn(page), PAGE_KERNEL));
}

static void flush_page(void *va)
{
	asm volatile("invlpg (%0)" : : "r" (va) : "memory");
}

void pciem_trap_again(struct pciem_session *s, u32 bar)
{
	unsigned long index, va;
	struct page *page;

	synchronize_rcu();	/* whoever decided to show a page before it was traced has done so */
	xa_for_each(&s->bar[bar].pages, index, page) {
		unsigned long pfn = (READ_ONCE(s->bar[bar].start) >> PAGE_SHIFT) + index + SKEW;
		pte_t *ptep;

		va = page_private(page);
		ptep = entry_of(va, page);
		if (!ptep || !exchange_entry(ptep, pfn_pte(page_to_pfn(page), PAGE_KERNEL),
					     pfn_pte(pfn, __pgprot(_PAGE_PROTNONE))))
			continue;
		on_each_cpu(flush_page, (void *)va, 1);
		cond_resched();
	}
}
