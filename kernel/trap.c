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
#include <linux/module.h>
#include <linux/rculist.h>

#include <asm/trap_pf.h>

#include "trap.h"

static LIST_HEAD(sessions);		/* RCU; sessions on a bus */
static DEFINE_SPINLOCK(sessions_lock);
unsigned int pciem_trap_change;

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

u64 pciem_trap_access(struct trap *t, u64 phys, unsigned int size, u64 data, bool write)
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
		v |= (pciem_trap_access(t, phys + i, 1, data >> 8 * i & 0xff, write) & 0xff) <<
		     8 * i;
	return v;
}

/* ---- the fault --------------------------------------------------------------------------------------- */

/* Sleeping in a fault is sleeping in the interrupted code: could that have called schedule()? */
static bool may_sleep(const struct pt_regs *regs)
{
	return pciem_may_sleep(regs->flags & X86_EFLAGS_IF);
}

/* A page of memory that was not shown yet? Interrupts are off. */
static bool show(struct trap *t, unsigned long address)
{
	struct page *page = NULL;

	if (t->s && !READ_ONCE(t->s->dead) && pciem_decodes(t->s))
		page = pciem_bar_direct(t->s, t->bar, (t->phys | offset_in_page(address)) - t->start,
					GFP_ATOMIC);
	return page && pciem_show_page(page, address);
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
		pciem_move_done(&m, regs, pciem_trap_access(&t, phys, m.size, pciem_move_data(&m, regs),
						      m.write));
	else
		pciem_emulate(&t, regs, &insn);
	if (irqs)
		local_irq_disable();
out:
	if (t.s)
		percpu_ref_put(&t.s->accesses);
}

/* The answer to what fast.c has asked. */
static noinline void trap_wait(struct pt_regs *regs, const struct pciem_move *cached,
			       struct pciem_asked *asked)
{
	struct pciem_session *s = asked->s;
	struct pciem_move m = *cached;
	bool sleeps = may_sleep(regs), irqs = regs->flags & X86_EFLAGS_IF;
	u64 data = ~0ull;

	if (percpu_ref_tryget_live(&s->accesses)) {
		if (irqs)
			local_irq_enable();
		data = pciem_queue_answer(s, &asked->req, sleeps);
		if (irqs)
			local_irq_disable();
		percpu_ref_put(&s->accesses);
	} else {
		pciem_queue_forget(s, &asked->req);
	}
	pciem_move_done(&m, regs, data);
}

/* Takes the place of bad_area_nosemaphore(); interrupts are off, as there. */
static void trap_fault(struct pt_regs *regs, unsigned long error_code, unsigned long address,
		       u64 phys)
{
	enum pciem_fast fast = PCIEM_FAST_UNKNOWN;
	struct pciem_move *m = NULL;
	struct pciem_asked asked;

	if (likely(!in_nmi()))
		fast = pciem_fast(regs, address, phys, &m, &asked);
	if (fast == PCIEM_FAST_DONE)
		return;
	if (fast == PCIEM_FAST_ASKED)
		trap_wait(regs, m, &asked);
	else
		trap_slow(regs, address, phys, m, fast);
}

/* ---- hooks ------------------------------------------------------------------------------------------------- */

/* Another CPU has shown the page since this one faulted: the instruction runs again. */
static void fault_again(void)
{
}

static bool notrace is_present_by_now(unsigned long error_code, unsigned long va)
{
	unsigned int level;
	pte_t *ptep;

	if (error_code & X86_PF_PROT || va < VMALLOC_START || va >= VMALLOC_END)
		return false;
	ptep = lookup_address(va, &level);
	return ptep && level == PG_LEVEL_4K && pte_flags(pciem_ptep_get(ptep)) & _PAGE_PRESENT;
}

static void notrace fault_hook(unsigned long ip, unsigned long parent, struct ftrace_ops *ops,
			       struct ftrace_regs *fregs)
{
	struct pt_regs *r = pciem_hook_regs(fregs);
	struct pt_regs *regs = (struct pt_regs *)r->di;
	u64 phys;

	if (user_mode(regs))
		return;
	if (!pciem_trapped_address(r->dx, &phys)) {
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
