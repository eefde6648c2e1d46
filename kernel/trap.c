// SPDX-License-Identifier: GPL-2.0-only
/*
 * trap.c: how a driver's access gets here. There is nothing at a BAR's bus
 * addresses, so a mapping of one is made not present, the CPU faults, and the
 * instruction is carried out by emulation on whatever the access means.
 *
 * Try it:  tools/lab -- tests/vm/trap.t
 *
 * Two functions of the kernel are hooked by ftrace. ioremap_page_range() gets a
 * protection that is not present for the CPU but present for vunmap(), and an
 * address one page further: physical and virtual address then never share the
 * alignment of a huge page, so that every page has an entry of its own.
 * bad_area_nosemaphore() is what the kernel calls for a fault it cannot explain;
 * if the entry is one of those, it becomes trap_fault(), which runs in ordinary
 * exception context: where the interrupted code might sleep, so may the trap.
 */
#include <linux/kprobes.h>
#include <linux/module.h>
#include <linux/rculist.h>
#include <linux/uaccess.h>

#include <asm/tlbflush.h>
#include <asm/trap_pf.h>

#include "core/decode_x86.h"
#include "core/emulate_x86.h"
#include "pciem.h"
#include "trap.h"

static LIST_HEAD(sessions);		/* RCU; sessions on a bus */
static DEFINE_SPINLOCK(sessions_lock);
unsigned int pciem_trap_change;

/* ---- mappings ------------------------------------------------------------------------ */

/* Pages between what an entry says and what it stands for: one, or with SKEW_TWO two. */
#define SKEW		1
#define SKEW_TWO	_PAGE_SOFTW1

/* The entry of an address that may be in a mapping of ours; false: it has none of 4 KiB. */
static __always_inline bool entry_at(unsigned long va, pte_t *pte)
{
	unsigned int level;
	pte_t *ptep;

	if (va < VMALLOC_START || va >= VMALLOC_END)
		return false;
	ptep = lookup_address(va, &level);
	if (!ptep || level != PG_LEVEL_4K)
		return false;
	*pte = pciem_ptep_get(ptep);
	return true;
}

static __always_inline bool is_trapping(pte_t pte)
{
	return (pte_flags(pte) & (_PAGE_PRESENT | _PAGE_PROTNONE)) == _PAGE_PROTNONE;
}

/* Is this address in a mapping of ours that is not present? Then *@phys is the bus address. */
static __always_inline bool trapped_address(unsigned long va, u64 *phys)
{
	unsigned long pfn;
	pte_t pte;

	if (!entry_at(va, &pte) || !is_trapping(pte))
		return false;
	pfn = pte_pfn(pte) - SKEW - !!(pte_flags(pte) & SKEW_TWO);
	*phys = ((u64)pfn << PAGE_SHIFT) | offset_in_page(va);
	return true;
}

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
static bool show_page(struct page *page, unsigned long va)
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
	if (!is_trapping(was))		/* another CPU was first, or it is being unmapped */
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

/* ---- whose address it is ----------------------------------------------------------------- */

static void accesses_over(struct percpu_ref *ref)
{
	complete(&container_of(ref, struct pciem_session, accesses)->quiet);
}

int pciem_trap_add(struct pciem_session *s)
{
	int ret = percpu_ref_init(&s->accesses, accesses_over, 0, GFP_KERNEL);

	if (ret)
		return ret;
	init_completion(&s->quiet);
	spin_lock(&sessions_lock);
	list_add_rcu(&s->windows, &sessions);
	WRITE_ONCE(pciem_trap_change, pciem_trap_change + 1);
	spin_unlock(&sessions_lock);
	s->trapping = true;
	return 0;
}

void pciem_trap_remove(struct pciem_session *s)
{
	if (!s->trapping)
		return;
	s->trapping = false;
	spin_lock(&sessions_lock);
	list_del_rcu(&s->windows);
	WRITE_ONCE(pciem_trap_change, pciem_trap_change + 1);
	spin_unlock(&sessions_lock);
	/* Its switch to one counter waits for an RCU grace period, and so for readers of the list. */
	percpu_ref_kill(&s->accesses);
	wait_for_completion(&s->quiet);
	percpu_ref_exit(&s->accesses);
}

static __always_inline int bar_at(struct pciem_session *s, u64 phys, u64 *start)
{
	int i;

	for (i = 0; i < MB_NR_BARS; i++) {
		*start = READ_ONCE(s->bar[i].start);
		if (*start && phys - *start < s->bar[i].size)
			return i;
	}
	return -1;
}

/* Finds the session and BAR at @phys and holds the session; false: nobody's. */
static bool find_window(struct trap *t, u64 phys)
{
	struct pciem_session *s;

	if (t->s) {
		t->bar = bar_at(t->s, phys, &t->start);
		if (t->bar >= 0)
			return true;
		percpu_ref_put(&t->s->accesses);
		t->s = NULL;
	}
	rcu_read_lock();
	list_for_each_entry_rcu(s, &sessions, windows) {
		t->bar = bar_at(s, phys, &t->start);
		if (t->bar >= 0 && percpu_ref_tryget_live(&s->accesses)) {
			t->s = s;
			break;
		}
	}
	rcu_read_unlock();
	return t->s;
}

struct pciem_session *pciem_trap_find(u64 phys, int *bar, u64 *offset)
{
	struct pciem_session *s;
	u64 start;

	list_for_each_entry_rcu(s, &sessions, windows, irqs_disabled()) {
		*bar = bar_at(s, phys, &start);
		if (*bar >= 0) {
			*offset = phys - start;
			return s;
		}
	}
	return NULL;
}

static bool any_window(u64 phys, u64 len)
{
	struct pciem_session *s;
	int i;

	list_for_each_entry_rcu(s, &sessions, windows, rcu_read_lock_sched_held()) {
		for (i = 0; i < MB_NR_BARS; i++) {
			u64 start = READ_ONCE(s->bar[i].start);

			if (start && phys < start + s->bar[i].size && start < phys + len)
				return true;
		}
	}
	return false;
}

/* ---- one access ----------------------------------------------------------------------------- */

static u64 access_one(struct trap *t, u64 offset, unsigned int size, u64 data, bool write)
{
	struct pciem_session *s = t->s;
	u32 bar = t->bar;

	pciem_count(s, traps);
	if (READ_ONCE(s->dead) || !pciem_decodes(s))
		return ~0ull;
	if (s->msix.count && pciem_msix_covers(s, bar, offset, size)) {
		if (!write)
			return pciem_msix_read(s, bar, offset, size);
		pciem_msix_write(s, bar, offset, size, data);
		return 0;
	}
	if (s->native)
		return pciem_queue_access(s, bar, offset, size, data, write, t->may_sleep);
	return pciem_compat_access(s, bar, offset, size, data, write);
}

static u64 access_phys(struct trap *t, u64 phys, unsigned int size, u64 data, bool write)
{
	u64 v = 0, offset;
	unsigned int i;

	if (in_nmi())
		return ~0ull;	/* nothing here may be locked there */
	/* Nobody's: a mapping that outlived its device, or whose BAR has moved. */
	if (!t->s || phys - t->start >= t->s->bar[t->bar].size)
		if (!find_window(t, phys))
			return ~0ull;
	offset = phys - t->start;
	if (likely(offset + size <= t->s->bar[t->bar].size))
		return access_one(t, offset, size, data, write);
	for (i = 0; i < size; i++)	/* over the BAR's end */
		v |= (access_phys(t, phys + i, 1, data >> 8 * i & 0xff, write) & 0xff) <<
		     8 * i;
	return v;
}

/* ---- what the emulator asks for ------------------------------------------------------------------ */

static bool trap_is_mmio(void *ctx, u64 addr)
{
	struct trap *t = ctx;
	u64 phys;

	if ((addr & PAGE_MASK) == t->va)
		return true;
	return trapped_address(addr, &phys);
}

static int trap_mmio(void *ctx, u64 addr, void *data, unsigned int size, bool write)
{
	struct trap *t = ctx;
	u64 phys = t->phys + (addr & ~PAGE_MASK), v = 0;

	if ((addr & PAGE_MASK) != t->va && !trapped_address(addr, &phys))
		return -1;
	if (write)
		memcpy(&v, data, size);
	v = access_phys(t, phys, size, v, write);
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

/* ---- the fault --------------------------------------------------------------------------------------- */

/* Sleeping in a fault is sleeping in the interrupted code: could that have called schedule()? */
static bool may_sleep(const struct pt_regs *regs)
{
	return regs->flags & X86_EFLAGS_IF && IS_ENABLED(CONFIG_PREEMPT_COUNT) &&
	       IS_ENABLED(CONFIG_PREEMPT_RCU) && !preempt_count() && !rcu_preempt_depth() &&
	       !pagefault_disabled() && !is_idle_task(current) &&
	       READ_ONCE(current->__state) == TASK_RUNNING;	/* no: wait_event(q, readl(r)) */
}

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

static void emulate(struct trap *t, struct pt_regs *regs, const struct mb_insn *insn)
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

/* A page of memory that was not shown yet? Interrupts are off. */
static bool show(struct trap *t, unsigned long address)
{
	struct page *page = NULL;

	if (t->s && !READ_ONCE(t->s->dead) && pciem_decodes(t->s))
		page = pciem_bar_direct(t->s, t->bar, (t->phys | offset_in_page(address)) - t->start,
					GFP_ATOMIC);
	return page && show_page(page, address);
}

/* @cached: the instruction, if fast.c knows it */
static noinline void trap_slow(struct pt_regs *regs, unsigned long address, u64 phys,
			       const struct pciem_move *cached, enum pciem_fast fast)
{
	struct trap t = {
		.va = address & PAGE_MASK, .phys = phys & PAGE_MASK, .may_sleep = may_sleep(regs),
	};
	bool irqs = regs->flags & X86_EFLAGS_IF;
	struct pciem_move m;
	struct mb_insn insn;

	if (in_nmi() || !find_window(&t, phys))
		t.s = NULL;
	if (fast == PCIEM_FAST_UNKNOWN && show(&t, address))
		goto out;
	if (cached) {
		m = *cached;
	} else if (!pciem_trap_decode(regs, &insn)) {
		pciem_trap_refused(&t, regs, 0);
		pciem_trap_pass(regs);
		goto out;
	}
	if (irqs)
		local_irq_enable();
	if (cached)
		pciem_move_done(&m, regs, access_phys(&t, phys, m.size, pciem_move_data(&m, regs),
						      m.write));
	else
		emulate(&t, regs, &insn);
	if (irqs)
		local_irq_disable();
out:
	if (t.s)
		percpu_ref_put(&t.s->accesses);
}

/* Takes the place of bad_area_nosemaphore(); interrupts are off, as there. */
static void trap_fault(struct pt_regs *regs, unsigned long error_code, unsigned long address,
		       u64 phys)
{
	enum pciem_fast fast = PCIEM_FAST_UNKNOWN;
	struct pciem_move *m = NULL;

	if (likely(!in_nmi()))
		fast = pciem_fast(regs, address, phys, &m);
	if (fast != PCIEM_FAST_DONE)
		trap_slow(regs, address, phys, m, fast);
}

/* ---- hooks ------------------------------------------------------------------------------------------------- */

/* Another CPU has shown the page since this one faulted: the instruction runs again. */
static void fault_again(void)
{
}

static bool notrace is_present_by_now(unsigned long error_code, unsigned long va)
{
	pte_t pte;

	return !(error_code & X86_PF_PROT) && entry_at(va, &pte) &&
	       pte_flags(pte) & _PAGE_PRESENT;
}

static void notrace fault_hook(unsigned long ip, unsigned long parent, struct ftrace_ops *ops,
			       struct ftrace_regs *fregs)
{
	struct pt_regs *r = pciem_hook_regs(fregs);
	struct pt_regs *regs = (struct pt_regs *)r->di;
	u64 phys;

	if (user_mode(regs))
		return;
	if (!trapped_address(r->dx, &phys)) {
		if (is_present_by_now(r->si, r->dx))
			r->ip = (unsigned long)fault_again;
		return;
	}
	if (READ_ONCE(pciem_trap_npasses) && pciem_trap_passes(regs))
		return;
	r->cx = phys;
	r->ip = (unsigned long)trap_fault;
}

/* ioremap_page_range(addr, end, phys, prot) */
static void notrace map_hook(unsigned long ip, unsigned long parent, struct ftrace_ops *ops,
			     struct ftrace_regs *fregs)
{
	struct pt_regs *r = pciem_hook_regs(fregs);

	rcu_read_lock_sched_notrace();
	if (any_window(r->dx, r->si - r->di)) {
		/* of two skews one leaves the two addresses unlike in their place in 2 MiB */
		bool two = (((r->dx - r->di) >> PAGE_SHIFT) + SKEW) % PTRS_PER_PTE == 0;

		r->dx += (SKEW + two) * PAGE_SIZE;
		r->cx = _PAGE_PROTNONE | (two ? SKEW_TWO : 0);
	}
	rcu_read_unlock_sched_notrace();
}

/* Takes the place of pci_mmap_resource_range(): there is nothing at these addresses to map. */
static int refuse_mmap(struct pci_dev *pdev, int bar, struct vm_area_struct *vma)
{
	pr_info_ratelimited("pciem: %s: mmap of BAR %d by user space is not supported\n",
			    pci_name(pdev), bar);
	return -EOPNOTSUPP;
}

static void notrace mmap_hook(unsigned long ip, unsigned long parent, struct ftrace_ops *ops,
			      struct ftrace_regs *fregs)
{
	struct pt_regs *r = pciem_hook_regs(fregs);
	struct pciem_session *s;

	rcu_read_lock_sched_notrace();
	list_for_each_entry_rcu(s, &sessions, windows, rcu_read_lock_sched_held())
		if (READ_ONCE(s->pdev) == (struct pci_dev *)r->di)
			r->ip = (unsigned long)refuse_mmap;
	rcu_read_unlock_sched_notrace();
}

static struct hook {
	const char *name;
	struct ftrace_ops ops;
} hooks[] = {
	{ "ioremap_page_range", { .func = map_hook } },
	{ "pci_mmap_resource_range", { .func = mmap_hook } },
	{ "bad_area_nosemaphore", { .func = fault_hook } },
};

static void remove_hooks(int n)
{
	while (n--) {
		unregister_ftrace_function(&hooks[n].ops);
		ftrace_free_filter(&hooks[n].ops);
	}
	synchronize_rcu();	/* a fault of a mapping that outlived its device may be on its way out */
}

int pciem_trap_init(void)
{
	int i, ret;

	for (i = 0; i < ARRAY_SIZE(hooks); i++) {
		struct ftrace_ops *ops = &hooks[i].ops;

		/* PERMANENT: nobody may turn ftrace off under us */
		ops->flags = FTRACE_OPS_FL_IPMODIFY | FTRACE_OPS_FL_PERMANENT;
		ret = ftrace_set_filter(ops, (unsigned char *)hooks[i].name,
					strlen(hooks[i].name), 1);
		if (!ret)
			ret = register_ftrace_function(ops);
		if (ret) {
			pr_err("pciem: %s cannot be hooked: %d; is ftrace off or is it patched?\n",
			       hooks[i].name, ret);
			ftrace_free_filter(ops);
			remove_hooks(i);
			return ret;
		}
	}
	return 0;
}

void pciem_trap_exit(void)
{
	remove_hooks(ARRAY_SIZE(hooks));
}
