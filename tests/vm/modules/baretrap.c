// SPDX-License-Identifier: GPL-2.0-only
/*
 * baretrap.c: times a trap that does nothing: a read of a page that is not
 * present, caught where kernel/trap.c catches a driver's, seen to be ours by its
 * page table entry, and skipped in the handler that takes the fault's place.
 * Loading it measures and then fails on purpose; only one module can hook the
 * function, so pciem.ko must not be loaded.
 *
 *   insmod baretrap.ko; dmesg | grep BARETRAP
 */
#include <linux/ftrace.h>
#include <linux/gfp.h>
#include <linux/ktime.h>
#include <linux/module.h>
#include <linux/sched.h>
#include <linux/sort.h>
#include <linux/vmalloc.h>

#include "linux_compat.h"

#define ROUNDS	5

static unsigned int count = 100000;
module_param(count, uint, 0444);
static unsigned long page_at;

/* Takes the place of bad_area_nosemaphore(): over one_round()'s instruction. */
static void skip(struct pt_regs *regs)
{
	regs->ip += 2;
}

static void notrace hook(unsigned long ip, unsigned long parent, struct ftrace_ops *ops,
			 struct ftrace_regs *fregs)
{
	struct pt_regs *r = pciem_hook_regs(fregs);
	unsigned int level;
	pte_t *ptep = lookup_address(r->dx, &level);

	if (ptep && level == PG_LEVEL_4K && (r->dx & PAGE_MASK) == page_at &&
	    (pte_flags(pciem_ptep_get(ptep)) & (_PAGE_PRESENT | _PAGE_PROTNONE)) == _PAGE_PROTNONE)
		r->ip = (unsigned long)skip;
}

static struct ftrace_ops ops = { .func = hook, .flags = FTRACE_OPS_FL_IPMODIFY };

static int by_value(const void *a, const void *b)
{
	u64 x = *(const u64 *)a, y = *(const u64 *)b;

	return x < y ? -1 : x > y;
}

static u64 one_round(void)
{
	u64 start = ktime_get_ns();
	unsigned int i, v;

	for (i = 0; i < count; i++) {
		asm volatile(".byte 0x8b, 0x02"	/* mov (%%rdx), %%eax */
			     : "=a"(v) : "d"(page_at) : "memory");
		if (i % 1024 == 1023)
			cond_resched();
	}
	return ktime_get_ns() - start;
}

static int measure(void)
{
	static const char name[] = "bad_area_nosemaphore";
	u64 ns[ROUNDS];
	int i, ret = ftrace_set_filter(&ops, (unsigned char *)name, sizeof(name) - 1, 1);

	if (!ret)
		ret = register_ftrace_function(&ops);
	if (ret)
		goto out;
	for (i = 0; i < ROUNDS; i++)
		ns[i] = one_round();
	unregister_ftrace_function(&ops);
	sort(ns, ROUNDS, sizeof(ns[0]), by_value, NULL);
	pr_info("BARETRAP median %llu.%llu ns\n", ns[ROUNDS / 2] / count,
		ns[ROUNDS / 2] * 10 / count % 10);
	ret = -ECANCELED;
out:
	ftrace_free_filter(&ops);
	return ret;
}

static int __init baretrap_init(void)
{
	struct page *page = alloc_page(GFP_KERNEL);
	void *map;
	int ret = -ENOMEM;

	if (!page)
		return ret;
	/* not present for the CPU, present for vunmap() */
	map = count ? vmap(&page, 1, VM_MAP, __pgprot(_PAGE_PROTNONE)) : NULL;
	if (map) {
		page_at = (unsigned long)map;
		ret = measure();
		vunmap(map);
	}
	__free_page(page);
	return ret;
}
module_init(baretrap_init);

MODULE_DESCRIPTION("times a trap that does nothing");
MODULE_LICENSE("GPL");
