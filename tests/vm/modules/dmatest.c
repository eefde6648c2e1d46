// SPDX-License-Identifier: MIT
/*
 * dmatest.c: a driver that maps memory for its device in every way the DMA API has, rightly and
 * wrongly, when a test asks for it. It exists to test strict DMA with calls no good driver makes.
 *
 * Try it:  tests/vm/run dma
 */
#include <linux/delay.h>
#include <linux/dma-map-ops.h>
#include <linux/dmapool.h>
#include <linux/fs.h>
#include <linux/idr.h>
#include <linux/miscdevice.h>
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/pci.h>
#include <linux/scatterlist.h>
#include <linux/slab.h>
#include <linux/uaccess.h>
#include <linux/vmalloc.h>

#include "dmatest.h"

struct unit {
	struct device *dev;	/* NULL: no such device; with a reference of our own */
	bool bound, keep;
	struct dma_pool *pool;
};

struct region {
	struct dmatest_map map;
	struct device *dev;
	struct dma_pool *pool;
	struct scatterlist *sg;
	struct sg_table *table;
	struct page *page;
	void *mem[DMATEST_ENTS];
};

static struct unit units[DMATEST_DEVICES];
static DEFINE_IDR(regions);
static DEFINE_MUTEX(lock);

static enum dma_data_direction dir_of(const struct region *r)
{
	return (enum dma_data_direction)r->map.dir;
}

/* ---- making and ending regions ------------------------------------------------------------- */

static unsigned int order_of(const struct region *r)
{
	return get_order(r->map.offset + r->map.len);
}

static void free_region(struct region *r)
{
	unsigned int i;

	if (r->map.kind <= DMATEST_SG)
		for (i = 0; i < r->map.nents; i++)
			if (r->mem[i])
				free_pages((unsigned long)(r->mem[i] - r->map.offset), order_of(r));
	kfree(r->sg);
	kfree(r);
}

static int map_streaming(struct region *r)
{
	struct dmatest_map *m = &r->map;
	unsigned int i;

	for (i = 0; i < m->nents; i++) {
		unsigned long p = __get_free_pages(GFP_KERNEL, order_of(r));

		if (!p)
			return -ENOMEM;
		r->mem[i] = (void *)p + m->offset;
		memset(r->mem[i], 0xa5, m->len);
	}
	if (m->kind == DMATEST_SINGLE) {
		m->bus[0] = dma_map_single(r->dev, r->mem[0], m->len, dir_of(r));
		return dma_mapping_error(r->dev, m->bus[0]);
	}
	if (m->kind == DMATEST_PAGE) {
		m->bus[0] = dma_map_page(r->dev, virt_to_page(r->mem[0] - m->offset), m->offset,
					 m->len, dir_of(r));
		return dma_mapping_error(r->dev, m->bus[0]);
	}
	r->sg = kcalloc(m->nents, sizeof(*r->sg), GFP_KERNEL);
	if (!r->sg)
		return -ENOMEM;
	sg_init_table(r->sg, m->nents);
	for (i = 0; i < m->nents; i++)
		sg_set_buf(&r->sg[i], r->mem[i], m->len);
	if (dma_map_sg(r->dev, r->sg, m->nents, dir_of(r)) != m->nents)
		return -EIO;
	for (i = 0; i < m->nents; i++)
		m->bus[i] = sg_dma_address(&r->sg[i]);
	return 0;
}

static int map_memory(struct region *r)
{
	struct dmatest_map *m = &r->map;
	dma_addr_t bus = 0;

	switch (m->kind) {
	case DMATEST_COHERENT:
		r->mem[0] = dma_alloc_coherent(r->dev, m->len, &bus, GFP_KERNEL);
		break;
	case DMATEST_POOL:
		r->mem[0] = dma_pool_alloc(r->pool, GFP_KERNEL, &bus);
		break;
	case DMATEST_PAGES:
		r->page = dma_alloc_pages(r->dev, m->len, &bus, dir_of(r), GFP_KERNEL);
		if (r->page)
			r->mem[0] = page_address(r->page);
		break;
	case DMATEST_NONCONTIGUOUS:
		r->table = dma_alloc_noncontiguous(r->dev, m->len, dir_of(r), GFP_KERNEL, 0);
		if (r->table)
			bus = sg_dma_address(r->table->sgl);
		if (r->table)
			r->mem[0] = sg_virt(r->table->sgl);
		break;
	}
	if (!r->mem[0])
		return -ENOMEM;
	memset(r->mem[0], 0xa5, m->len);
	m->bus[0] = bus;
	return 0;
}

static int map_region(struct region *r)
{
	if (r->map.kind == DMATEST_RESOURCE) {
		r->map.bus[0] = dma_map_resource(r->dev, 0xfee00000, r->map.len, dir_of(r), 0);
		return dma_mapping_error(r->dev, r->map.bus[0]);
	}
	return r->map.kind <= DMATEST_SG ? map_streaming(r) : map_memory(r);
}

static void unmap_region(struct region *r)
{
	struct dmatest_map *m = &r->map;

	switch (m->kind) {
	case DMATEST_SINGLE:
		dma_unmap_single(r->dev, m->bus[0], m->len, dir_of(r));
		break;
	case DMATEST_PAGE:
		dma_unmap_page(r->dev, m->bus[0], m->len, dir_of(r));
		break;
	case DMATEST_SG:
		dma_unmap_sg(r->dev, r->sg, m->nents, dir_of(r));
		break;
	case DMATEST_COHERENT:
		dma_free_coherent(r->dev, m->len, r->mem[0], m->bus[0]);
		break;
	case DMATEST_POOL:
		dma_pool_free(r->pool, r->mem[0], m->bus[0]);
		break;
	case DMATEST_PAGES:
		dma_free_pages(r->dev, m->len, r->page, m->bus[0], dir_of(r));
		break;
	case DMATEST_NONCONTIGUOUS:
		dma_free_noncontiguous(r->dev, m->len, r->table, dir_of(r));
		break;
	case DMATEST_RESOURCE:
		dma_unmap_resource(r->dev, m->bus[0], m->len, dir_of(r), 0);
		break;
	}
}

/* The mistakes are made with dma_unmap_single, on whatever the region is. */
static void end_region(struct region *r, u32 how)
{
	struct dmatest_map *m = &r->map;

	switch (how) {
	case DMATEST_WRONG_LENGTH:
		dma_unmap_single(r->dev, m->bus[0], m->len + 1, dir_of(r));
		break;
	case DMATEST_WRONG_DIRECTION:
		dma_unmap_single(r->dev, m->bus[0], m->len,
				 m->dir == DMATEST_BOTH ? DMA_TO_DEVICE : DMA_BIDIRECTIONAL);
		break;
	case DMATEST_WRONG_CALL:
		dma_unmap_single(r->dev, m->bus[0], m->len, dir_of(r));
		return;		/* and it may still be there */
	case DMATEST_TWICE:
		unmap_region(r);
		dma_unmap_single(r->dev, m->bus[0], m->len, dir_of(r));
		break;
	case DMATEST_RIGHT:
		unmap_region(r);
		break;
	}
	idr_remove(&regions, m->id);
	free_region(r);
}

/* ---- what the test asks for ---------------------------------------------------------------- */

static bool sane(const struct dmatest_map *m)
{
	if (!m->len || m->len > SZ_128M || m->offset >= PAGE_SIZE || m->dir > DMATEST_FROM_DEVICE)
		return false;
	if (m->kind == DMATEST_SG)
		return m->nents && m->nents <= DMATEST_ENTS;
	return m->kind <= DMATEST_RESOURCE && m->nents <= 1 &&
	       (m->kind != DMATEST_POOL || m->len <= 256);
}

static int do_map(struct unit *u, struct dmatest_map *m)
{
	struct region *r;
	int id, rc;

	if (!sane(m))
		return -EINVAL;
	if (m->kind == DMATEST_POOL && !u->pool)
		u->pool = dma_pool_create("dmatest", u->dev, 256, 256, 0);
	r = kzalloc(sizeof(*r), GFP_KERNEL);
	if (!r)
		return -ENOMEM;
	m->nents = max(m->nents, 1u);
	r->map = *m;
	r->dev = u->dev;
	r->pool = u->pool;
	rc = map_region(r);
	if (rc) {
		free_region(r);
		return rc;
	}
	id = idr_alloc(&regions, r, 1, 0, GFP_KERNEL);
	r->map.id = id;
	*m = r->map;
	return id < 0 ? id : 0;
}

static int do_mem(struct dmatest_mem *a)
{
	struct region *r = idr_find(&regions, a->id);
	void __user *user = (void __user *)(uintptr_t)a->user;
	void *p;

	if (!r || a->ent >= r->map.nents)
		return -ENOENT;
	if (a->op == DMATEST_SYNC) {	/* may lie outside: that is a test */
		dma_sync_single_for_cpu(r->dev, r->map.bus[a->ent] + a->offset, a->len, dir_of(r));
		dma_sync_single_for_device(r->dev, r->map.bus[a->ent] + a->offset, a->len,
					   dir_of(r));
		return 0;
	}
	if (!r->mem[a->ent] || a->offset > r->map.len || a->len > r->map.len - a->offset)
		return -EINVAL;
	p = r->mem[a->ent] + a->offset;
	if (a->op == DMATEST_WRITE)
		return copy_from_user(p, user, a->len) ? -EFAULT : 0;
	return copy_to_user(user, p, a->len) ? -EFAULT : 0;
}

static int do_race(struct unit *u, struct dmatest_race *a)
{
	u64 __user *user = (u64 __user *)(uintptr_t)a->bus;
	char *b = kmalloc(a->len, GFP_KERNEL);
	u32 i;

	if (!b)
		return -ENOMEM;
	a->late = a->hit = 0;
	for (i = 0; i < a->rounds && !signal_pending(current); i++) {
		dma_addr_t bus;

		memset(b, 0, a->len);
		bus = dma_map_single(u->dev, b, a->len, DMA_FROM_DEVICE);
		if (put_user((u64)bus, user))
			break;
		udelay(i % 50);
		dma_unmap_single(u->dev, bus, a->len, DMA_FROM_DEVICE);
		a->hit += !!b[a->len - 1];
		memset(b, 0x5a, a->len);
		udelay(i % 7);
		a->late += !!memchr_inv(b, 0x5a, a->len);
		cond_resched();
	}
	a->rounds = i;
	kfree(b);
	return 0;
}

static void one_round(struct device *d, void *b, struct scatterlist *sg, struct dmatest_many *a,
		      u64 *last)
{
	dma_addr_t bus;

	if (a->nents) {
		if (dma_map_sg(d, sg, a->nents, DMA_TO_DEVICE))
			dma_unmap_sg(d, sg, a->nents, DMA_TO_DEVICE);
		return;
	}
	bus = dma_map_single(d, b, PAGE_SIZE, DMA_TO_DEVICE);
	if (dma_mapping_error(d, bus))
		return;
	dma_unmap_single(d, bus, PAGE_SIZE, DMA_TO_DEVICE);
	a->lowest = min_t(u64, a->lowest, bus);
	a->highest = max_t(u64, a->highest, bus + PAGE_SIZE - 1);
	a->falls += bus <= *last;
	*last = bus;
}

static int do_many(struct unit *u, struct dmatest_many *a)
{
	const struct dma_map_ops *saved = get_dma_ops(u->dev);
	dma_addr_t *live = kvcalloc(a->live + 1, sizeof(*live), GFP_KERNEL);
	void *b = (void *)__get_free_page(GFP_KERNEL);
	struct scatterlist *sg = kcalloc(DMATEST_ENTS, sizeof(*sg), GFP_KERNEL);
	u64 last = 0, t;
	u32 i;
	int rc = dma_set_mask_and_coherent(u->dev, DMA_BIT_MASK(a->bits));

	if (rc || !live || !b || !sg || a->nents > DMATEST_ENTS) {
		rc = rc ? rc : -ENOMEM;
		goto out;
	}
	sg_init_table(sg, max(a->nents, 1u));
	for (i = 0; i < a->nents; i++)
		sg_set_buf(&sg[i], b, PAGE_SIZE);
	if (a->direct)
		set_dma_ops(u->dev, NULL);
	for (i = 0; i < a->live; i++)
		live[i] = dma_map_single(u->dev, b, PAGE_SIZE, DMA_TO_DEVICE);
	a->lowest = U64_MAX;
	t = ktime_get_ns();
	for (i = 0; i < a->count; i++) {
		one_round(u->dev, b, sg, a, &last);
		cond_resched();
	}
	a->ns = (ktime_get_ns() - t) / max(a->count, 1u);
	for (i = 0; i < a->live; i++)
		if (!dma_mapping_error(u->dev, live[i]))
			dma_unmap_single(u->dev, live[i], PAGE_SIZE, DMA_TO_DEVICE);
	set_dma_ops(u->dev, saved);
out:
	dma_set_mask_and_coherent(u->dev, DMA_BIT_MASK(64));
	kvfree(live);
	free_page((unsigned long)b);
	kfree(sg);
	return rc;
}

static int do_sgtable(u32 id)
{
	struct region *r = idr_find(&regions, id);
	struct sg_table sgt;
	struct scatterlist *sg;
	char *p;
	int i, rc;

	if (!r || r->map.kind != DMATEST_COHERENT)
		return -ENOENT;
	rc = dma_get_sgtable(r->dev, &sgt, r->mem[0], r->map.bus[0], r->map.len);
	if (rc)
		return rc;
	p = r->mem[0];
	for_each_sgtable_sg(&sgt, sg, i) {
		if (memcmp(sg_virt(sg), p, sg->length))
			rc = -EIO;
		p += sg->length;
	}
	if (p != r->mem[0] + r->map.len)
		rc = -EIO;
	sg_free_table(&sgt);
	return rc;
}

static void drop(struct unit *u)
{
	if (!u->dev || u->bound)
		return;
	dma_pool_destroy(u->pool);
	put_device(u->dev);
	*u = (struct unit){ };
}

/* Requests that need no device that is there. */
static long late_ioctl(struct unit *u, unsigned int cmd, unsigned long arg)
{
	union {
		struct dmatest_end end;
		struct dmatest_mem mem;
	} a;
	struct region *r;

	switch (cmd) {
	case DMATEST_END:
		if (copy_from_user(&a, (void __user *)arg, sizeof(a.end)))
			return -EFAULT;
		r = idr_find(&regions, a.end.id);
		if (r)
			end_region(r, a.end.how);
		return r ? 0 : -ENOENT;
	case DMATEST_MEM:
		if (copy_from_user(&a, (void __user *)arg, sizeof(a.mem)))
			return -EFAULT;
		return do_mem(&a.mem);
	case DMATEST_SGTABLE:
		return do_sgtable(arg);
	case DMATEST_DROP:
		drop(u);
		return 0;
	}
	return -ENODEV;
}

static long do_ioctl(struct unit *u, unsigned int cmd, unsigned long arg)
{
	void __user *user = (void __user *)arg;
	union {
		struct dmatest_race race;
		struct dmatest_many many;
	} a;
	struct dmatest_map *m;
	long rc;

	switch (u->bound ? cmd : 0) {
	case DMATEST_MAP:
		m = memdup_user(user, sizeof(*m));
		if (IS_ERR(m))
			return PTR_ERR(m);
		rc = do_map(u, m);
		if (!rc && copy_to_user(user, m, sizeof(*m)))
			rc = -EFAULT;
		kfree(m);
		return rc;
	case DMATEST_RACE:
		if (copy_from_user(&a, user, sizeof(a.race)))
			return -EFAULT;
		rc = do_race(u, &a.race);
		return copy_to_user(user, &a, sizeof(a.race)) ? -EFAULT : rc;
	case DMATEST_MANY:
		if (copy_from_user(&a, user, sizeof(a.many)))
			return -EFAULT;
		rc = do_many(u, &a.many);
		return copy_to_user(user, &a, sizeof(a.many)) ? -EFAULT : rc;
	case DMATEST_MASTER:
		if (arg)
			pci_set_master(to_pci_dev(u->dev));
		else
			pci_clear_master(to_pci_dev(u->dev));
		return 0;
	case DMATEST_KEEP:
		u->keep = true;
		return 0;
	}
	return late_ioctl(u, cmd, arg);
}

static long dmatest_ioctl(struct file *f, unsigned int cmd, unsigned long arg)
{
	long rc;

	if (cmd == DMATEST_SELECT) {
		if (arg >= DMATEST_DEVICES)
			return -EINVAL;
		f->private_data = &units[arg];
		return units[arg].bound ? 0 : -ENODEV;
	}
	if (mutex_lock_interruptible(&lock))
		return -EINTR;
	rc = do_ioctl(f->private_data, cmd, arg);
	mutex_unlock(&lock);
	return rc;
}

static int dmatest_open(struct inode *inode, struct file *f)
{
	f->private_data = &units[0];
	return 0;
}

/* Page offset: the id, at 4096 pages each. */
static int dmatest_mmap(struct file *f, struct vm_area_struct *vma)
{
	struct region *r;
	int rc = -ENOENT;

	mutex_lock(&lock);
	r = idr_find(&regions, vma->vm_pgoff >> 12);
	vma->vm_pgoff &= 0xfff;
	if (r && r->map.kind == DMATEST_COHERENT)
		rc = dma_mmap_coherent(r->dev, vma, r->mem[0], r->map.bus[0], r->map.len);
	mutex_unlock(&lock);
	return rc;
}

static const struct file_operations fops = {
	.owner = THIS_MODULE,
	.open = dmatest_open,
	.unlocked_ioctl = dmatest_ioctl,
	.mmap = dmatest_mmap,
};

static struct miscdevice misc = { .minor = MISC_DYNAMIC_MINOR, .name = "dmatest", .fops = &fops };

/* ---- the driver ---------------------------------------------------------------------------- */

static int probe(struct pci_dev *pdev, const struct pci_device_id *id)
{
	struct unit *u;
	int rc;

	if (pdev->subsystem_device >= DMATEST_DEVICES)
		return -ENODEV;
	rc = dma_set_mask_and_coherent(&pdev->dev, DMA_BIT_MASK(64));
	if (rc)
		return rc;
	pci_set_master(pdev);
	u = &units[pdev->subsystem_device];
	mutex_lock(&lock);
	if (u->dev)
		rc = -EBUSY;
	else
		*u = (struct unit){ .dev = get_device(&pdev->dev), .bound = true };
	mutex_unlock(&lock);
	if (!rc)
		pci_set_drvdata(pdev, u);
	return rc;
}

static void remove(struct pci_dev *pdev)
{
	struct unit *u = pci_get_drvdata(pdev);
	struct region *r;
	int id;

	mutex_lock(&lock);
	u->bound = false;
	if (!u->keep) {
		idr_for_each_entry(&regions, r, id)
			if (r->dev == u->dev)
				end_region(r, DMATEST_RIGHT);
		drop(u);
	}
	mutex_unlock(&lock);
}

static const struct pci_device_id ids[] = { { PCI_DEVICE(DMATEST_VENDOR, DMATEST_DEVICE) }, { } };
MODULE_DEVICE_TABLE(pci, ids);

static struct pci_driver driver = {
	.name = "dmatest", .id_table = ids, .probe = probe, .remove = remove,
};

static int __init dmatest_init(void)
{
	int rc = misc_register(&misc);

	if (rc)
		return rc;
	rc = pci_register_driver(&driver);
	if (rc)
		misc_deregister(&misc);
	return rc;
}

static void __exit dmatest_exit(void)
{
	pci_unregister_driver(&driver);
	misc_deregister(&misc);
	idr_destroy(&regions);
}

module_init(dmatest_init);
module_exit(dmatest_exit);
MODULE_DESCRIPTION("Moonbar's DMA test driver");
MODULE_LICENSE("Dual MIT/GPL");
