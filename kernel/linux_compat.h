/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * linux_compat.h: where Linux 6.1, 6.12 and 7.2 differ, said once. The rest of
 * the module is written for the newest of them.
 *
 * Try it:  tools/module 6.1 6.12 7.2
 */
#ifndef PCIEM_LINUX_COMPAT_H
#define PCIEM_LINUX_COMPAT_H

#include <linux/eventfd.h>
#include <linux/ftrace.h>
#include <linux/mm.h>
#include <linux/pgtable.h>
#include <linux/version.h>

#ifndef CONFIG_DYNAMIC_FTRACE_WITH_ARGS
#error "pciem needs a kernel with CONFIG_DYNAMIC_FTRACE_WITH_ARGS (all stock x86-64 ones have it)"
#endif

/* The registers at the entry of a hooked function; what is stored there is what it gets. */
static inline struct pt_regs *pciem_hook_regs(struct ftrace_regs *fregs)
{
#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 12, 0)
	return &fregs->regs;
#else
	return &arch_ftrace_regs(fregs)->regs;
#endif
}

#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 3, 0)
static inline void vm_flags_set(struct vm_area_struct *vma, unsigned long flags)
{
	vma->vm_flags |= flags;
}
#endif

static inline void pciem_eventfd_signal(struct eventfd_ctx *ctx)
{
#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 8, 0)
	eventfd_signal(ctx, 1);
#else
	eventfd_signal(ctx);
#endif
}

static inline pte_t pciem_ptep_get(pte_t *ptep)
{
#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 7, 0)
	return READ_ONCE(*ptep);
#else
	return ptep_get(ptep);
#endif
}

#endif
