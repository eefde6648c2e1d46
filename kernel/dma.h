/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * dma.h: what the files of strict DMA share. dma_ops.c is the driver's side (dma_map_ops),
 * dma_map.c the mappings themselves, dma.c the device's side (ioctls), dma_life.c where a device
 * comes in and goes. It exists so that pciem.h shows the rest of the module a few functions and
 * nothing else.
 *
 * Try it:  tools/lab -- dmesg | grep 'strict DMA'
 */
#ifndef PCIEM_DMA_H
#define PCIEM_DMA_H

#include <linux/dma-map-ops.h>
#include <linux/kref.h>
#include <linux/ratelimit.h>
#include <linux/rbtree.h>
#include <linux/spinlock.h>

#include "pciem.h"

enum dma_kind { DMA_SINGLE, DMA_SG, DMA_RESOURCE, DMA_COHERENT, DMA_PAGES };

#define DMA_MAX_SITES	8	/* stack frames remembered of a map and of an unmap */
#define DMA_ENDED	512	/* ended mappings remembered, to tell stale from wild ... */
#define DMA_REUSE	256	/* ... and above this many, the oldest serves a new mapping */
#define DMA_GUARD	PAGE_SIZE	/* bus addresses left unused after a mapping, at least */

/**
 * struct dma_mapping - one stretch of bus addresses that the driver has mapped
 * @node: in pciem_dma.tree, ordered by @start; mappings are disjoint
 * @start: @last: bus addresses of the first and the last byte
 * @kaddr: the first byte in the kernel's view, all of it contiguous there; NULL: not RAM
 * @left: the driver let go of the device without ending it: translates no more
 * @site: stack of the map call, then of the unmap call; pciem_dma_sites frames each, 0 ends
 *
 * Under pciem_dma.lock.
 */
struct dma_mapping {
	struct rb_node node;
	u64 start, last;
	void *kaddr;
	u8 kind, dir;
	bool left;
	unsigned long site[];
};

/**
 * struct pciem_dma - what one device's driver has mapped
 * @ref: the session and the struct device hold one each, and every ioctl under way
 * @lock: tree, cursors, history, @session; held while bytes are copied, so that unmap returns
 *	only when the device has let go. A leaf; any context.
 * @session: NULL after pciem_dma_destroy()
 * @cursor: where the next bus address is looked for: streaming, coherent
 * @low: @high: all bus addresses ever handed out of each lie between
 * @ended: ring of mappings that are over, from @oldest to @newest (counters, modulo DMA_ENDED)
 * @strict: false: this kernel cannot give a device operations of its own
 * @ops: the device's dma_ops points here, which is how dma_ops.c finds the rest
 * @release: the struct device's own release function
 * @driver: name of the driver that is or was bound last
 */
struct pciem_dma {
	struct kref ref;
	struct rcu_head rcu;	/* get_dma() may be looking at @ref */
	spinlock_t lock;
	struct rb_root tree;
	struct pciem_session *session;
	u64 cursor[2], low[2], high[2];
	unsigned int oldest, newest;
	unsigned int live;
	bool strict;
	int id;
	struct device *dev;
	struct dma_map_ops ops;
	void (*release)(struct device *dev);
	char driver[32];
	struct ratelimit_state refusals, mistakes;
	struct dma_mapping *ended[DMA_ENDED];
};

/* What a report says of the mapping it is about; a copy, since the lock is gone by then. */
struct dma_near {
	bool known, ended;
	u8 kind, dir;
	u64 start, last;
	unsigned long site[2 * DMA_MAX_SITES];
};

extern unsigned int pciem_dma_sites;

/* ---- dma_map.c ----------------------------------------------------------------------------- */

int pciem_dma_cache_create(void);
void pciem_dma_cache_destroy(void);
struct pciem_dma *pciem_dma_new(struct pciem_session *s);	/* one reference; NULL: no memory */
void pciem_dma_put(struct pciem_dma *d);			/* may sleep */

/* Makes a mapping; d->lock held. Returns its bus address or DMA_MAPPING_ERROR.
 * @low_bits: its bus address is this in its bits below the page (or the device's alignment mask)
 */
dma_addr_t pciem_dma_begin(struct pciem_dma *d, enum dma_kind kind, void *kaddr, u64 low_bits,
			   size_t len, enum dma_data_direction dir);
/* Ends one; d->lock held. False: there is none that this call may end. Else its @kaddr and @size
 * are stored, for the caller to free. *@wrong: what is wrong with the call, or NULL.
 */
bool pciem_dma_end(struct pciem_dma *d, enum dma_kind kind, u64 bus, size_t len,
		   enum dma_data_direction dir, void **kaddr, size_t *size, const char **wrong);
/* The mapping with the highest start not above @bus, or NULL; d->lock held. */
struct dma_mapping *pciem_dma_floor(struct pciem_dma *d, u64 bus);
/* Why [bus, bus + len) is refused, given that it is not within one mapping; d->lock held. Stores
 * the mapping that it is about, if there is one: what lies there, or lay there, or is nearest.
 */
enum pciem_dma_why pciem_dma_explain(struct pciem_dma *d, u64 bus, u64 len, struct dma_near *near);
/* The driver is gone: what it left translates no more. Says how much that is. */
void pciem_dma_leave(struct pciem_dma *d);
/* One message about @near, with the call sites if they are recorded. */
void pciem_dma_print_near(struct pciem_dma *d, const struct dma_near *near);
/* The bus addresses for @dev's masks; returns the last, stores the first. */
u64 pciem_dma_window(struct device *dev, bool coherent, u64 *lo);

#define dma_warn(d, fmt, ...)	pr_warn("pciem %d: " fmt, (d)->id, ##__VA_ARGS__)

/* ---- dma_ops.c ------------------------------------------------------------------------------ */

extern const struct dma_map_ops pciem_dma_ops;
/* Memory of a coherent mapping or of dma_alloc_pages(); any context. */
void pciem_dma_free_memory(enum dma_kind kind, void *kaddr, size_t size);
void pciem_dma_flush_late(void);	/* what a worker is to free is freed */

/* Of a device whose operations are ours. */
static inline struct pciem_dma *dma_of(struct device *dev)
{
	return container_of(get_dma_ops(dev), struct pciem_dma, ops);
}

#endif
