// SPDX-License-Identifier: GPL-2.0-only
/*
 * bar.c: the memory behind BARs. There is none at a BAR's address; a page of RAM
 * is found for each page of the BAR that holds memory when somebody first
 * touches it, and the driver, the host and the trap path share it.
 *
 * Try it:  tools/lab -- build/vm/compat
 */
#include <linux/highmem.h>
#include <linux/mm.h>

#include "pciem.h"

void pciem_bars_init(struct pciem_session *s)
{
	int i;

	for (i = 0; i < MB_NR_BARS; i++)
		xa_init_flags(&s->bar[i].pages, XA_FLAGS_LOCK_IRQ);
}

/* A page that the driver's mapping still shows, since it never unmapped it, must not serve
 * anybody else: it is lost.
 */
void pciem_bars_free(struct pciem_session *s)
{
	unsigned long index, lost = 0;
	struct page *page;
	int i;

	for (i = 0; i < MB_NR_BARS; i++) {
		xa_for_each(&s->bar[i].pages, index, page) {
			if (pciem_trap_mapped(page)) {
				lost++;
				continue;
			}
			set_page_private(page, 0);
			put_page(page);
		}
		xa_destroy(&s->bar[i].pages);
	}
	if (lost)
		pciem_warn(s, "the driver never unmapped %lu pages of its BARs: they are lost\n",
			   lost);
}

struct page *pciem_bar_page(struct pciem_session *s, u32 bar, u64 offset, gfp_t gfp)
{
	struct xarray *pages = &s->bar[bar].pages;
	unsigned long index = offset >> PAGE_SHIFT, flags;
	struct page *page = xa_load(pages, index), *there;

	if (page)
		return page;
	page = alloc_page(gfp | __GFP_ZERO | __GFP_NOWARN);
	if (!page)
		return NULL;
	/* The tree's own nodes come without waiting, so that callers with interrupts off do too. */
	xa_lock_irqsave(pages, flags);
	there = __xa_cmpxchg(pages, index, NULL, page, GFP_ATOMIC | __GFP_NOWARN);
	xa_unlock_irqrestore(pages, flags);
	if (!there)
		return page;
	put_page(page);
	return xa_is_err(there) ? NULL : there;
}

/* Does BAR @bar alone lie in the page of bus addresses at @offset of it, at the page's start? */
static bool page_is_its_own(struct pciem_session *s, u32 bar, u64 offset)
{
	u64 start = READ_ONCE(s->bar[bar].start), page = start + offset;
	int i;

	if (offset_in_page(start))
		return false;
	if (s->bar[bar].size >= PAGE_SIZE)
		return true;
	for (i = 0; i < MB_NR_BARS; i++) {
		u64 other = READ_ONCE(s->bar[i].start);

		if (i != bar && s->bar[i].size && other >= page && other < page + PAGE_SIZE)
			return false;
	}
	return true;
}

/* Is [from, to) of the BAR one stretch of ram() pieces? */
static bool all_ram(const struct mb_regs *rf, u32 bar, u64 from, u64 to)
{
	u32 i, lo = 0, hi = rf->nram;

	while (lo < hi) {
		u32 mid = lo + (hi - lo) / 2;
		const struct mb_ram *m = &rf->ram[mid];

		if (m->bar < bar || (m->bar == bar && m->offset + m->size <= from))
			lo = mid + 1;
		else
			hi = mid;
	}
	for (i = lo; i < rf->nram && from < to; i++) {
		const struct mb_ram *m = &rf->ram[i];

		if (m->bar != bar || m->offset > from)
			return false;
		from = m->offset + m->size;
	}
	return from >= to;
}

static bool overlaps(u64 a, u64 alen, u64 b, u64 blen)
{
	return a < b + blen && b < a + alen;
}

static bool has_msix(struct pciem_session *s, u32 bar, u64 from, u64 len)
{
	const struct mb_msix_place *p = &s->msix;

	return p->count &&
	       ((p->table_bar == bar && overlaps(from, len, p->table_offset, 16ull * p->count)) ||
		(p->pba_bar == bar &&
		 overlaps(from, len, p->pba_offset, 8ull * MB_MSIX_PBA_WORDS(p->count))));
}

struct page *pciem_bar_direct(struct pciem_session *s, u32 bar, u64 offset, gfp_t gfp)
{
	const struct pciem_bar *b = &s->bar[bar];
	u64 from = offset & PAGE_MASK, to = min_t(u64, from + PAGE_SIZE, b->size);

	if (!page_is_its_own(s, bar, from) || has_msix(s, bar, from, to - from))
		return NULL;
	if (s->native ? !all_ram(&s->regs, bar, from, to) : READ_ONCE(b->trace))
		return NULL;
	return pciem_bar_page(s, bar, from, gfp);
}

/* One element as the CPU would: whole if it is aligned. */
static void copy_element(void *to, const void *from, unsigned int size)
{
	unsigned long both = (unsigned long)to | (unsigned long)from | size;

	if (size == 8 && !(both & 7))
		WRITE_ONCE(*(u64 *)to, READ_ONCE(*(const u64 *)from));
	else if (size == 4 && !(both & 3))
		WRITE_ONCE(*(u32 *)to, READ_ONCE(*(const u32 *)from));
	else if (size == 2 && !(both & 1))
		WRITE_ONCE(*(u16 *)to, READ_ONCE(*(const u16 *)from));
	else
		memcpy(to, from, size);
}

void pciem_bar_copy(struct pciem_session *s, u32 bar, u64 offset, void *data, unsigned int size,
		    bool write)
{
	while (size) {
		unsigned int n = min_t(unsigned int, size, PAGE_SIZE - offset_in_page(offset));
		struct page *page = write ? pciem_bar_page(s, bar, offset, GFP_ATOMIC) :
				    xa_load(&s->bar[bar].pages, offset >> PAGE_SHIFT);
		void *at = page ? page_address(page) + offset_in_page(offset) : NULL;

		if (!write && !at)
			memset(data, 0, n);	/* nobody has written there */
		else if (!at)
			pr_warn_ratelimited("pciem %d: BAR %u: no memory, a write is lost\n",
					    s->id, bar);
		else if (write)
			copy_element(at, data, n);
		else
			copy_element(data, at, n);
		offset += n;
		data += n;
		size -= n;
	}
}

/* ---- the host's own view ------------------------------------------------------------ */

/* vm_pgoff of such a mapping is that of PCIEM_MMAP_BAR, whichever fd it was made from. */
static vm_fault_t bar_fault(struct vm_fault *vmf)
{
	struct pciem_session *s = vmf->vma->vm_file->private_data;
	u64 at = (u64)vmf->pgoff << PAGE_SHIFT;
	u32 bar = (at >> 40) - 1;
	u64 offset = at - PCIEM_MMAP_BAR(bar);
	struct page *page;

	if (bar >= MB_NR_BARS || offset >= s->bar[bar].size)
		return VM_FAULT_SIGBUS;
	page = pciem_bar_page(s, bar, offset, GFP_KERNEL_ACCOUNT);
	if (!page)
		return VM_FAULT_OOM;
	get_page(page);
	vmf->page = page;
	return 0;
}

static const struct vm_operations_struct bar_vm_ops = { .fault = bar_fault };

int pciem_bar_mmap(struct pciem_session *s, struct vm_area_struct *vma, u32 bar, u64 offset)
{
	u64 len = vma->vm_end - vma->vm_start, size = PAGE_ALIGN(s->bar[bar].size);

	if (smp_load_acquire(&s->phase) < PCIEM_REGISTERED)
		return -EINVAL;
	if (!(vma->vm_flags & VM_SHARED) || offset > size || len > size - offset)
		return -EINVAL;
	vma->vm_pgoff = (PCIEM_MMAP_BAR(bar) + offset) >> PAGE_SHIFT;
	vma->vm_ops = &bar_vm_ops;
	vm_flags_set(vma, VM_DONTEXPAND | VM_DONTDUMP);
	return 0;
}

static int bars_mmap(struct file *f, struct vm_area_struct *vma)
{
	if (vma->vm_pgoff >= MB_NR_BARS)
		return -EINVAL;
	return pciem_bar_mmap(f->private_data, vma, vma->vm_pgoff, 0);
}

static int bars_release(struct inode *inode, struct file *f)
{
	pciem_session_put(f->private_data);
	return 0;
}

const struct file_operations pciem_bars_fops = {
	.owner = THIS_MODULE,
	.mmap = bars_mmap,
	.release = bars_release,
};
