// SPDX-License-Identifier: GPL-2.0-only
/*
 * dma_ops.c: the driver's side of strict DMA: the dma_map_ops of a device of ours, and what changed
 * in them between kernel versions. It exists so that an untouched driver, which calls the DMA API as
 * always, tells us what its device may touch.
 *
 * Try it:  tests/vm/run dma
 */
#include <linux/llist.h>
#include <linux/scatterlist.h>
#include <linux/slab.h>
#include <linux/version.h>
#include <linux/vmalloc.h>

#include "dma.h"

/* ---- mappings ------------------------------------------------------------------------------ */

static dma_addr_t map_locked(struct pciem_dma *d, enum dma_kind kind, void *kaddr,
			     phys_addr_t phys, size_t len, enum dma_data_direction dir)
{
	u64 low_bits = phys & (dma_get_min_align_mask(d->dev) | ~PAGE_MASK);

	return pciem_dma_begin(d, kind, kaddr, low_bits, len, dir);
}

static dma_addr_t map(struct device *dev, enum dma_kind kind, void *kaddr, phys_addr_t phys,
		      size_t len, enum dma_data_direction dir)
{
	struct pciem_dma *d = dma_of(dev);
	unsigned long flags;
	dma_addr_t bus;

	spin_lock_irqsave(&d->lock, flags);
	bus = map_locked(d, kind, kaddr, phys, len, dir);
	spin_unlock_irqrestore(&d->lock, flags);
	return bus;
}

/* Tells a mistake of the driver; d->lock held, and released here, as in dma.c's refuse(). */
static noinline void tell_mistake(struct pciem_dma *d, const char *wrong, u64 bus, size_t len,
				  unsigned long flags)
	__releases(&d->lock)
{
	struct dma_near near;

	pciem_dma_explain(d, bus, len, &near);
	spin_unlock_irqrestore(&d->lock, flags);
	if (!__ratelimit(&d->mistakes))
		return;
	dma_warn(d, "driver %s %s: %#llx+%zu (%s)\n", d->driver, wrong, bus, len,
		 dev_name(d->dev));
	pciem_dma_print_near(d, &near);
}

/* Returns whether there was a mapping to end; then its memory in *@kaddr, *@size. */
static bool unmap_memory(struct device *dev, enum dma_kind kind, u64 bus, size_t len,
			 enum dma_data_direction dir, void **kaddr, size_t *size)
{
	struct pciem_dma *d = dma_of(dev);
	unsigned long flags;
	const char *wrong;
	bool ended;

	spin_lock_irqsave(&d->lock, flags);
	ended = pciem_dma_end(d, kind, bus, len, dir, kaddr, size, &wrong);
	if (wrong)
		tell_mistake(d, wrong, bus, len, flags);
	else
		spin_unlock_irqrestore(&d->lock, flags);
	return ended;
}

static void unmap(struct device *dev, enum dma_kind kind, u64 bus, size_t len,
		  enum dma_data_direction dir)
{
	void *kaddr;
	size_t size;

	unmap_memory(dev, kind, bus, len, dir, &kaddr, &size);
}

/* Elements of a scatterlist that are mapped or unmapped under one hold of the lock. */
#define SG_BATCH	16

static void op_unmap_sg(struct device *dev, struct scatterlist *sgl, int nents,
			enum dma_data_direction dir, unsigned long attrs)
{
	struct pciem_dma *d = dma_of(dev);
	const char *wrong;
	struct scatterlist *sg;
	unsigned long flags;
	void *kaddr;
	size_t size;
	int i;

	spin_lock_irqsave(&d->lock, flags);
	for_each_sg(sgl, sg, nents, i) {
		pciem_dma_end(d, DMA_SG, sg_dma_address(sg), sg_dma_len(sg), dir, &kaddr, &size,
			      &wrong);
		if (!wrong && (i + 1) % SG_BATCH)
			continue;
		if (wrong)
			tell_mistake(d, wrong, sg_dma_address(sg), sg_dma_len(sg), flags);
		else
			spin_unlock_irqrestore(&d->lock, flags);
		spin_lock_irqsave(&d->lock, flags);
	}
	spin_unlock_irqrestore(&d->lock, flags);
}

static int op_map_sg(struct device *dev, struct scatterlist *sgl, int nents,
		     enum dma_data_direction dir, unsigned long attrs)
{
	struct pciem_dma *d = dma_of(dev);
	struct scatterlist *sg;
	unsigned long flags;
	int i;

	spin_lock_irqsave(&d->lock, flags);
	for_each_sg(sgl, sg, nents, i) {
		sg->dma_address = map_locked(d, DMA_SG, sg_virt(sg), sg_phys(sg), sg->length, dir);
		if (sg->dma_address == DMA_MAPPING_ERROR)
			break;
		sg_dma_len(sg) = sg->length;
		if ((i + 1) % SG_BATCH)
			continue;
		spin_unlock_irqrestore(&d->lock, flags);
		spin_lock_irqsave(&d->lock, flags);
	}
	spin_unlock_irqrestore(&d->lock, flags);
	if (i == nents)
		return nents;
	op_unmap_sg(dev, sgl, i, dir, attrs);
	return -ENOMEM;
}

/* Memory is coherent on x86: there is nothing to do but to see that the driver means a mapping. */
static void op_sync(struct device *dev, dma_addr_t bus, size_t len, enum dma_data_direction dir)
{
	struct pciem_dma *d = dma_of(dev);
	struct dma_mapping *m;
	unsigned long flags;

	if (!len)
		return;
	spin_lock_irqsave(&d->lock, flags);
	m = pciem_dma_floor(d, bus);
	if (!m || bus > m->last || m->last - bus < len - 1)
		tell_mistake(d, "syncs what is not mapped", bus, len, flags);
	else
		spin_unlock_irqrestore(&d->lock, flags);
}

static void op_sync_sg(struct device *dev, struct scatterlist *sgl, int nents,
		       enum dma_data_direction dir)
{
	struct scatterlist *sg;
	int i;

	for_each_sg(sgl, sg, nents, i)
		op_sync(dev, sg_dma_address(sg), sg_dma_len(sg), dir);
}

/* ---- memory -------------------------------------------------------------------------------- */

static LLIST_HEAD(late);	/* vmalloc'd memory that was let go where nobody may sleep */

static void free_late(struct work_struct *work)
{
	struct llist_node *n = llist_del_all(&late), *next;

	for (; n; n = next) {
		next = n->next;
		vfree(n);
	}
}

static DECLARE_WORK(late_work, free_late);

void pciem_dma_free_memory(enum dma_kind kind, void *kaddr, size_t size)
{
	if (kind == DMA_PAGES) {
		__free_pages(virt_to_page(kaddr), get_order(size));
	} else if (kind == DMA_COHERENT && !is_vmalloc_addr(kaddr)) {
		free_pages_exact(kaddr, PAGE_ALIGN(size));
	} else if (kind == DMA_COHERENT && preemptible()) {
		vfree(kaddr);
	} else if (kind == DMA_COHERENT) {
		llist_add(kaddr, &late);	/* the memory itself is the list's node */
		schedule_work(&late_work);
	}
}

/* Bus addresses are contiguous whatever the memory is: large pieces need no contiguous pages. */
static void *alloc_memory(size_t size, gfp_t gfp)
{
	void *p = NULL;

	size = PAGE_ALIGN(size);
	gfp = (gfp & ~__GFP_COMP) | __GFP_ZERO | __GFP_NOWARN;
	if (size <= PAGE_SIZE << PAGE_ALLOC_COSTLY_ORDER || !gfpflags_allow_blocking(gfp))
		p = alloc_pages_exact(size, gfp);
	if (!p && gfpflags_allow_blocking(gfp))
		p = __vmalloc(size, gfp);
	return p;
}

static void *op_alloc(struct device *dev, size_t size, dma_addr_t *bus, gfp_t gfp,
		      unsigned long attrs)
{
	void *p = alloc_memory(size, gfp);

	if (!p)
		return NULL;
	*bus = map(dev, DMA_COHERENT, p, 0, size, DMA_BIDIRECTIONAL);
	if (*bus != DMA_MAPPING_ERROR)
		return p;
	pciem_dma_free_memory(DMA_COHERENT, p, size);
	return NULL;
}

static void op_free(struct device *dev, size_t size, void *vaddr, dma_addr_t bus,
		    unsigned long attrs)
{
	void *p;

	if (unmap_memory(dev, DMA_COHERENT, bus, size, DMA_BIDIRECTIONAL, &p, &size))
		pciem_dma_free_memory(DMA_COHERENT, p, size);
}

static struct page *op_alloc_pages(struct device *dev, size_t size, dma_addr_t *bus,
				   enum dma_data_direction dir, gfp_t gfp)
{
	struct page *page = alloc_pages(gfp | __GFP_ZERO, get_order(size));

	if (!page)
		return NULL;
	*bus = map(dev, DMA_PAGES, page_address(page), 0, size, dir);
	if (*bus != DMA_MAPPING_ERROR)
		return page;
	__free_pages(page, get_order(size));
	return NULL;
}

static void op_free_pages(struct device *dev, size_t size, struct page *page, dma_addr_t bus,
			  enum dma_data_direction dir)
{
	void *p;

	if (unmap_memory(dev, DMA_PAGES, bus, size, dir, &p, &size))
		pciem_dma_free_memory(DMA_PAGES, p, size);
}

static struct page *page_at(void *p)
{
	return is_vmalloc_addr(p) ? vmalloc_to_page(p) : virt_to_page(p);
}

/* dma_mmap_coherent(): the driver maps its coherent memory to its own user. */
static int op_mmap(struct device *dev, struct vm_area_struct *vma, void *p, dma_addr_t bus,
		   size_t size, unsigned long attrs)
{
	unsigned long n = vma_pages(vma), off = vma->vm_pgoff, all = PAGE_ALIGN(size) >> PAGE_SHIFT;
	unsigned long i;
	int rc = 0;

	if (off > all || n > all - off)
		return -ENXIO;
	for (i = 0; !rc && i < n; i++)
		rc = remap_pfn_range(vma, vma->vm_start + (i << PAGE_SHIFT),
				     page_to_pfn(page_at(p + ((off + i) << PAGE_SHIFT))),
				     PAGE_SIZE, vma->vm_page_prot);
	return rc;
}

static int op_get_sgtable(struct device *dev, struct sg_table *sgt, void *p, dma_addr_t bus,
			  size_t size, unsigned long attrs)
{
	struct scatterlist *sg;
	unsigned int i;
	int rc = sg_alloc_table(sgt, PAGE_ALIGN(size) >> PAGE_SHIFT, GFP_KERNEL);

	if (rc)
		return rc;
	for_each_sgtable_sg(sgt, sg, i) {
		size_t off = (size_t)i << PAGE_SHIFT;

		sg_set_page(sg, page_at(p + off), min_t(size_t, PAGE_SIZE, size - off), 0);
	}
	return 0;
}

/* ---- limits -------------------------------------------------------------------------------- */

static int op_supported(struct device *dev, u64 mask)
{
	return mask >= DMA_BIT_MASK(24);
}

/* Where a driver would be content with 32 bits, it may be: that is 1 GiB of bus addresses. */
static u64 op_required_mask(struct device *dev)
{
	return DMA_BIT_MASK(32);
}

static size_t op_max_size(struct device *dev)
{
	u64 lo, hi = pciem_dma_window(dev, false, &lo);

	return min_t(u64, SZ_256M, rounddown_pow_of_two((hi - lo) / 4));
}

/* ---- what kernel versions call differently ------------------------------------------------- */

#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 19, 0)
/* One entry for memory and MMIO. */
static enum dma_kind phys_kind(unsigned long attrs)
{
	return attrs & DMA_ATTR_MMIO ? DMA_RESOURCE : DMA_SINGLE;
}

static dma_addr_t op_map_phys(struct device *dev, phys_addr_t phys, size_t len,
			      enum dma_data_direction dir, unsigned long attrs)
{
	enum dma_kind kind = phys_kind(attrs);

	return map(dev, kind, kind == DMA_SINGLE ? phys_to_virt(phys) : NULL, phys, len, dir);
}

static void op_unmap_phys(struct device *dev, dma_addr_t bus, size_t len,
			  enum dma_data_direction dir, unsigned long attrs)
{
	unmap(dev, phys_kind(attrs), bus, len, dir);
}
#else
static dma_addr_t op_map_page(struct device *dev, struct page *page, unsigned long off,
			      size_t len, enum dma_data_direction dir, unsigned long attrs)
{
	return map(dev, DMA_SINGLE, page_address(page) + off, page_to_phys(page) + off, len, dir);
}

static void op_unmap_page(struct device *dev, dma_addr_t bus, size_t len,
			  enum dma_data_direction dir, unsigned long attrs)
{
	unmap(dev, DMA_SINGLE, bus, len, dir);
}

static dma_addr_t op_map_resource(struct device *dev, phys_addr_t phys, size_t len,
				  enum dma_data_direction dir, unsigned long attrs)
{
	return map(dev, DMA_RESOURCE, NULL, phys, len, dir);
}

static void op_unmap_resource(struct device *dev, dma_addr_t bus, size_t len,
			      enum dma_data_direction dir, unsigned long attrs)
{
	unmap(dev, DMA_RESOURCE, bus, len, dir);
}
#endif

const struct dma_map_ops pciem_dma_ops = {
	.alloc			= op_alloc,
	.free			= op_free,
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 10, 0)
	.alloc_pages_op		= op_alloc_pages,
#else
	.alloc_pages		= op_alloc_pages,
#endif
	.free_pages		= op_free_pages,
	.mmap			= op_mmap,
	.get_sgtable		= op_get_sgtable,
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 19, 0)
	.map_phys		= op_map_phys,
	.unmap_phys		= op_unmap_phys,
#else
	.map_page		= op_map_page,
	.unmap_page		= op_unmap_page,
	.map_resource		= op_map_resource,
	.unmap_resource		= op_unmap_resource,
#endif
	.map_sg			= op_map_sg,
	.unmap_sg		= op_unmap_sg,
	.sync_single_for_cpu	= op_sync,
	.sync_single_for_device	= op_sync,
	.sync_sg_for_cpu	= op_sync_sg,
	.sync_sg_for_device	= op_sync_sg,
	.dma_supported		= op_supported,
	.get_required_mask	= op_required_mask,
	.max_mapping_size	= op_max_size,
};

void pciem_dma_flush_late(void)
{
	flush_work(&late_work);
}
