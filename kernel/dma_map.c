// SPDX-License-Identifier: GPL-2.0-only
/*
 * dma_map.c: the mappings of one device: a tree of disjoint stretches of bus addresses, and where
 * the next one goes. It exists because a bus address must never be a physical address, nor be used
 * again soon: then a stale or a wild one does not translate, and says so.
 *
 * Try it:  tests/vm/run dma
 */
#include <linux/slab.h>
#include <linux/stacktrace.h>

#include "dma.h"

unsigned int pciem_dma_sites;
module_param_named(dma_sites, pciem_dma_sites, uint, 0444);
MODULE_PARM_DESC(dma_sites, "stack frames kept of each DMA map and unmap, 0 to 8 (0)");

static struct kmem_cache *cache;

int pciem_dma_cache_create(void)
{
	size_t size;

	pciem_dma_sites = min_t(unsigned int, pciem_dma_sites, DMA_MAX_SITES);
	size = sizeof(struct dma_mapping) + 2 * pciem_dma_sites * sizeof(unsigned long);
	cache = kmem_cache_create("pciem_dma_mapping", size, 0, SLAB_HWCACHE_ALIGN, NULL);
	return cache ? 0 : -ENOMEM;
}

void pciem_dma_cache_destroy(void)
{
	kmem_cache_destroy(cache);
}

struct pciem_dma *pciem_dma_new(struct pciem_session *s)
{
	struct pciem_dma *d = kzalloc(sizeof(*d), GFP_KERNEL);

	if (!d)
		return NULL;
	kref_init(&d->ref);
	spin_lock_init(&d->lock);
	d->tree = RB_ROOT;
	d->session = s;
	d->id = s->id;
	d->strict = true;
	d->low[0] = d->low[1] = U64_MAX;
	ratelimit_state_init(&d->refusals, DEFAULT_RATELIMIT_INTERVAL, DEFAULT_RATELIMIT_BURST);
	ratelimit_state_init(&d->mistakes, DEFAULT_RATELIMIT_INTERVAL, DEFAULT_RATELIMIT_BURST);
	ratelimit_set_flags(&d->refusals, RATELIMIT_MSG_ON_RELEASE);
	ratelimit_set_flags(&d->mistakes, RATELIMIT_MSG_ON_RELEASE);
	return d;
}

static void release(struct kref *ref)
{
	struct pciem_dma *d = container_of(ref, struct pciem_dma, ref);
	struct dma_mapping *m, *next;
	unsigned int i;

	rbtree_postorder_for_each_entry_safe(m, next, &d->tree, node) {
		pciem_dma_free_memory(m->kind, m->kaddr, m->last - m->start + 1);
		kmem_cache_free(cache, m);
	}
	for (i = d->oldest; i != d->newest; i++)
		kmem_cache_free(cache, d->ended[i % DMA_ENDED]);
	kfree_rcu(d, rcu);
}

void pciem_dma_put(struct pciem_dma *d)
{
	kref_put(&d->ref, release);
}

static struct dma_mapping *mapping_of(struct rb_node *n)
{
	return rb_entry_safe(n, struct dma_mapping, node);
}

struct dma_mapping *pciem_dma_floor(struct pciem_dma *d, u64 bus)
{
	struct rb_node *n = d->tree.rb_node;
	struct dma_mapping *m, *best = NULL;

	while (n) {
		m = mapping_of(n);
		if (m->start <= bus) {
			best = m;
			n = n->rb_right;
		} else {
			n = n->rb_left;
		}
	}
	return best;
}

/*
 * Where bus addresses for a device's mask are: the top quarter of what it can address, 48 bits at
 * most. For 32 bits that is 3 GiB and up, on a PC mostly not RAM, so that not even a physical
 * address taken for a bus address translates. A smaller mask has no such luxury and gives more.
 * Streaming mappings get the lower half, coherent ones the upper: neither soon reuses the other's.
 */
u64 pciem_dma_window(struct device *dev, bool coherent, u64 *lo)
{
	u64 mask = coherent ? dev->coherent_dma_mask : dma_get_mask(dev);
	u64 hi = min_t(u64, min_not_zero(mask, dev->bus_dma_limit), DMA_BIT_MASK(48));

	*lo = hi >= DMA_BIT_MASK(32) ? hi - (hi >> 2) : hi >> 2;
	if (hi <= DMA_BIT_MASK(32))
		hi = min_t(u64, hi, 0xfedfffff);	/* a write to 0xfeexxxxx is an interrupt */
	if (coherent)
		*lo += (hi - *lo) / 2;
	else
		hi -= (hi - *lo) / 2;
	*lo = ALIGN(*lo, PAGE_SIZE);
	return hi;
}

/* Where a mapping at @bus goes in the tree, and its neighbours there. */
struct place {
	struct rb_node **link, *parent;
	struct dma_mapping *prev, *next;
};

static void find_place(struct pciem_dma *d, u64 bus, struct place *p)
{
	*p = (struct place){ .link = &d->tree.rb_node };
	while (*p->link) {
		struct dma_mapping *m = mapping_of(*p->link);

		p->parent = *p->link;
		if (m->start <= bus) {
			p->prev = m;
			p->link = &p->parent->rb_right;
		} else {
			p->next = m;
			p->link = &p->parent->rb_left;
		}
	}
}

/* Moves @a up so that no @bound (a mask) is crossed, where that is possible at all. */
static u64 within_boundary(u64 a, u64 low_bits, size_t len, u64 bound, u64 align)
{
	if (low_bits + len - 1 > bound)
		return a;
	if (((a + low_bits) & ~bound) == ((a + low_bits + len - 1) & ~bound))
		return a;
	return ALIGN((a | bound) + 1, align);
}

/*
 * Finds room at the cursor, which only rises until the window ends: an address comes back after the
 * whole window was used. A live mapping in the way is stepped over, once for each round of the
 * cursor, so that the cost is constant over time. DMA_MAPPING_ERROR when the window is full.
 */
static u64 find_room(struct pciem_dma *d, bool coherent, u64 low_bits, size_t len, u64 align,
		     struct place *p)
{
	u64 bound = coherent ? U64_MAX : dma_get_seg_boundary(d->dev);
	u64 span = PAGE_ALIGN(low_bits + len) + DMA_GUARD, a = d->cursor[coherent], lo;
	u64 hi = pciem_dma_window(d->dev, coherent, &lo);
	bool wrapped = false;

	if (a > hi)
		a = lo;			/* the driver has set a smaller mask since */
	for (;;) {
		a = within_boundary(ALIGN(max(a, lo), align), low_bits, len, bound, align);
		if (a > hi || hi - a < span - 1) {
			if (wrapped)
				return DMA_MAPPING_ERROR;
			wrapped = true;
			a = lo;
			continue;
		}
		find_place(d, a, p);
		if (p->prev && PAGE_ALIGN(p->prev->last + 1) + DMA_GUARD > a)
			a = PAGE_ALIGN(p->prev->last + 1) + DMA_GUARD;
		else if (p->next && p->next->start < a + span)
			a = PAGE_ALIGN(p->next->last + 1) + DMA_GUARD;
		else
			break;
	}
	d->cursor[coherent] = a + span;
	d->low[coherent] = min(d->low[coherent], a);
	d->high[coherent] = max(d->high[coherent], a + span - 1);
	return a + low_bits;
}

static struct dma_mapping *take_oldest(struct pciem_dma *d)
{
	return d->ended[d->oldest++ % DMA_ENDED];
}

/* A record, by preference one that ended long ago: no allocation in the steady state. */
static struct dma_mapping *new_record(struct pciem_dma *d)
{
	if (d->newest - d->oldest > DMA_REUSE)
		return take_oldest(d);
	return kmem_cache_alloc(cache, GFP_ATOMIC | __GFP_NOWARN);
}

static void end_record(struct pciem_dma *d, struct dma_mapping *m)
{
	if (d->newest - d->oldest == DMA_ENDED)
		kmem_cache_free(cache, take_oldest(d));
	d->ended[d->newest++ % DMA_ENDED] = m;
}

static void save_site(struct dma_mapping *m, bool unmap)
{
	unsigned long *site = m->site + (unmap ? pciem_dma_sites : 0);
	unsigned int n;

	if (!pciem_dma_sites)
		return;
	n = stack_trace_save(site, pciem_dma_sites, 3);
	if (n < pciem_dma_sites)
		site[n] = 0;
}

static void count_live(struct pciem_dma *d, int by)
{
	d->live += by;
	if (d->session)
		d->session->stats.outstanding = d->live;
}

dma_addr_t pciem_dma_begin(struct pciem_dma *d, enum dma_kind kind, void *kaddr, u64 low_bits,
			   size_t len, enum dma_data_direction dir)
{
	bool coherent = kind == DMA_COHERENT;
	u64 align = max_t(u64, dma_get_min_align_mask(d->dev) + 1ULL, PAGE_SIZE);
	struct dma_mapping *m;
	struct place p;
	u64 bus;

	if (!len || !d->session)
		return DMA_MAPPING_ERROR;
	if (coherent)
		align = max_t(u64, roundup_pow_of_two(len), PAGE_SIZE);
	m = new_record(d);
	if (!m)
		return DMA_MAPPING_ERROR;
	bus = find_room(d, coherent, low_bits, len, align, &p);
	if (bus == DMA_MAPPING_ERROR) {
		kmem_cache_free(cache, m);
		return bus;
	}
	m->start = bus;
	m->last = bus + len - 1;
	m->kaddr = kaddr;
	m->kind = kind;
	m->dir = dir;
	m->left = false;
	save_site(m, false);
	rb_link_node(&m->node, p.parent, p.link);
	rb_insert_color(&m->node, &d->tree);
	count_live(d, 1);
	return bus;
}

static bool streaming(enum dma_kind kind)
{
	return kind == DMA_SINGLE || kind == DMA_SG || kind == DMA_RESOURCE;
}

bool pciem_dma_end(struct pciem_dma *d, enum dma_kind kind, u64 bus, size_t len,
		   enum dma_data_direction dir, void **kaddr, size_t *size, const char **wrong)
{
	struct dma_mapping *m = pciem_dma_floor(d, bus);

	*wrong = NULL;
	if (!m || m->start != bus) {
		*wrong = "unmaps what is not mapped";
		return false;
	}
	if (m->kind != kind)
		*wrong = "unmaps with the wrong call";
	else if (m->last - m->start + 1 != len)
		*wrong = "unmaps with the wrong length";
	else if (m->dir != dir)
		*wrong = "unmaps with the wrong direction";
	/* Memory and its mapping end together: a call that is not for memory leaves it be. */
	if (m->kind != kind && !(streaming(m->kind) && streaming(kind)))
		return false;
	*kaddr = m->kaddr;
	*size = m->last - m->start + 1;
	save_site(m, true);
	rb_erase(&m->node, &d->tree);
	if (!m->left)
		count_live(d, -1);
	end_record(d, m);
	return true;
}

static void remember(struct dma_near *near, const struct dma_mapping *m, bool ended)
{
	*near = (struct dma_near){
		.known = true, .ended = ended, .kind = m->kind, .dir = m->dir,
		.start = m->start, .last = m->last,
	};
	memcpy(near->site, m->site, (ended ? 2 : 1) * pciem_dma_sites * sizeof(m->site[0]));
}

/* The ended mapping that has a byte of [bus, last], the newest first; NULL: none remembered. */
static struct dma_mapping *find_ended(struct pciem_dma *d, u64 bus, u64 last)
{
	unsigned int i;

	for (i = d->newest; i != d->oldest; i--) {
		struct dma_mapping *m = d->ended[(i - 1) % DMA_ENDED];

		if (m->start <= last && bus <= m->last)
			return m;
	}
	return NULL;
}

/* How far a mapping is from [bus, last]; 0 if they overlap. */
static u64 distance(const struct dma_mapping *m, u64 bus, u64 last)
{
	if (m->start > last)
		return m->start - last;
	return bus > m->last ? bus - m->last : 0;
}

static struct dma_mapping *nearest(struct pciem_dma *d, u64 bus, u64 last)
{
	struct dma_mapping *below = pciem_dma_floor(d, bus), *above;

	above = mapping_of(below ? rb_next(&below->node) : rb_first(&d->tree));
	if (!below || (above && distance(above, bus, last) < distance(below, bus, last)))
		return above;
	return below;
}

enum pciem_dma_why pciem_dma_explain(struct pciem_dma *d, u64 bus, u64 len, struct dma_near *near)
{
	u64 last = bus + max(len, 1ULL) - 1;
	struct dma_mapping *live, *ended;

	near->known = false;
	if (last < bus)
		return PCIEM_DMA_WILD;
	live = nearest(d, bus, last);
	if (live && live->left && !distance(live, bus, last)) {
		remember(near, live, false);
		return PCIEM_DMA_STALE;
	}
	ended = find_ended(d, bus, last);
	if (ended && !(live && !distance(live, bus, last))) {
		remember(near, ended, true);
		return PCIEM_DMA_STALE;
	}
	if (live)
		remember(near, live, false);
	if (live && distance(live, bus, last) <= DMA_GUARD)
		return PCIEM_DMA_BOUNDS;
	/* What was handed out once and is forgotten since. */
	if ((bus >= d->low[0] && bus <= d->high[0]) || (bus >= d->low[1] && bus <= d->high[1]))
		return PCIEM_DMA_STALE;
	return PCIEM_DMA_WILD;
}

void pciem_dma_leave(struct pciem_dma *d)
{
	struct dma_near near = { };
	unsigned int n = 0;
	unsigned long flags;
	struct rb_node *r;

	spin_lock_irqsave(&d->lock, flags);
	for (r = rb_first(&d->tree); r; r = rb_next(r)) {
		struct dma_mapping *m = mapping_of(r);

		if (m->left)
			continue;
		m->left = true;
		if (!n++)
			remember(&near, m, false);
	}
	count_live(d, -(int)n);
	spin_unlock_irqrestore(&d->lock, flags);
	if (!n)
		return;
	dma_warn(d, "driver %s left %u DMA mappings of %s behind, the first:\n", d->driver, n,
		 dev_name(d->dev));
	pciem_dma_print_near(d, &near);
}

static void print_site(struct pciem_dma *d, const char *what, const unsigned long *site)
{
	unsigned int i;

	for (i = 0; i < pciem_dma_sites && site[i]; i++)
		dma_warn(d, "    %s %pS\n", i ? "called from" : what, (void *)site[i]);
}

void pciem_dma_print_near(struct pciem_dma *d, const struct dma_near *near)
{
	static const char * const kinds[] = { "single", "sg", "resource", "coherent", "pages" };
	static const char * const dirs[] = { "both ways", "to the device", "from the device", "?" };

	if (!near->known)
		return;
	dma_warn(d, "  %s mapping %#llx+%llu, %s%s\n", kinds[near->kind], near->start,
		 near->last - near->start + 1, dirs[near->dir], near->ended ? ", unmapped" : "");
	print_site(d, "mapped at", near->site);
	if (near->ended)
		print_site(d, "unmapped at", near->site + pciem_dma_sites);
}
