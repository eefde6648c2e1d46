// SPDX-License-Identifier: MIT
/*
 * device.c: a device from its description to its end, and the doors that lead
 * on to whatever bus it is on.
 *
 * Try it:  make build/test_host && build/test_host
 */
#include <stdlib.h>
#include <string.h>

#include "transport/transport.h"

static int by_place(const void *a, const void *b)
{
	const struct mb_reg *x = a, *y = b;

	if (x->bar != y->bar)
		return x->bar < y->bar ? -1 : 1;
	return x->offset < y->offset ? -1 : x->offset > y->offset;
}

static int ram_by_place(const void *a, const void *b)
{
	const struct mb_ram *x = a, *y = b;

	if (x->bar != y->bar)
		return x->bar < y->bar ? -1 : 1;
	return x->offset < y->offset ? -1 : x->offset > y->offset;
}

/* Rows name each other by their place in the description; put them in map order. */
static int adopt_rows(struct mb_device *dev, const struct mb_desc *desc, struct mb_error *err)
{
	uint32_t n = desc->nrows, i;

	for (i = 0; i < n; i++) {
		dev->rows[i] = desc->rows[i];
		dev->rows[i].id = i;
	}
	qsort(dev->rows, n, sizeof(*dev->rows), by_place);
	for (i = 0; i < n; i++)
		dev->row_of[dev->rows[i].id] = i;
	for (i = 0; i < n; i++) {
		struct mb_reg *r = &dev->rows[i];
		u32 *refs[] = { &r->target, &r->lock, &r->enable };

		for (unsigned int k = 0; k < 3; k++) {
			if (*refs[k] == MB_NONE)
				continue;
			if (*refs[k] >= n)
				return mb_fail(err, "%s: row %u (offset %#x) refers to row %u of %u",
					       desc->name, r->id, r->offset, *refs[k], n);
			*refs[k] = dev->row_of[*refs[k]];
		}
	}
	for (i = 0; i < n; i++) {
		const struct mb_reg *r = &dev->rows[i];

		if (r->vector != MB_NONE && r->enable != MB_NONE && !(r->flags & MB_REG_ENABLE)) {
			struct mb_reg *e = &dev->rows[dev->rows[r->enable].target];

			e->flags |= MB_REG_ENABLE;
			e->vector = r->vector;
		}
	}
	return 0;
}

static int check_bars(const struct mb_desc *d, struct mb_error *err)
{
	for (uint32_t i = 0; i < MB_NR_BARS; i++) {
		uint64_t size = d->bar[i].size;

		if (!size)
			continue;
		if (size < 16 || size & (size - 1))
			return mb_fail(err, "%s: BAR %u: size %#llx is not a power of two from 16 up",
				       d->name, i, (unsigned long long)size);
		if (d->bar[i].is64 && (i == 5 || d->bar[i + 1].size))
			return mb_fail(err, "%s: BAR %u: a 64-bit BAR also takes BAR %u, which %s",
				       d->name, i, i + 1, i == 5 ? "does not exist" : "is in use");
		if (!d->bar[i].is64 && size > 1ull << 31)
			return mb_fail(err, "%s: BAR %u: more than 2 GiB needs a 64-bit BAR", d->name, i);
	}
	return 0;
}

static int check_places(struct mb_device *dev, struct mb_error *err)
{
	uint32_t i;

	for (i = 0; i < dev->desc.nrows; i++) {
		const struct mb_reg *r = &dev->rows[i];

		if (r->bar < MB_NR_BARS &&
		    (uint64_t)r->offset + r->size > dev->desc.bar[r->bar].size)
			return mb_fail(err, "%s: row %u ends at %#x, beyond BAR %u", dev->desc.name,
				       r->id, r->offset + r->size, r->bar);
	}
	for (i = 0; i < dev->desc.nram; i++) {
		const struct mb_ram *m = &dev->ram[i];

		if (m->bar < MB_NR_BARS && (m->offset > dev->desc.bar[m->bar].size ||
					    m->size > dev->desc.bar[m->bar].size - m->offset))
			return mb_fail(err, "%s: memory at %#llx ends beyond BAR %u", dev->desc.name,
				       (unsigned long long)m->offset, m->bar);
	}
	return 0;
}

/* Configuration registers are a register file of their own, with one "BAR": the space. */
static int build_config(struct mb_device *dev, const struct mb_desc *desc, struct mb_error *err)
{
	struct mb_reg *rows = calloc(desc->nconfig + 1, sizeof(*rows));
	uint32_t bad;

	dev->config = (struct mb_regs){
		.rows = rows, .nrows = desc->nconfig, .ops = &mb_dispatch_config_ops, .ctx = dev,
		.state = calloc(desc->nconfig + 1, sizeof(*dev->config.state)),
	};
	if (!rows || !dev->config.state)
		return mb_fail(err, "%s: no memory for %u registers in configuration space",
			       desc->name, desc->nconfig);
	if (desc->nconfig)
		memcpy(rows, desc->config, desc->nconfig * sizeof(*rows));
	if (mb_regs_init(&dev->config, &bad))
		return mb_fail(err, "%s: configuration row %u (offset %#x) is out of order, overlaps its neighbour or has a mask, size or reference out of range",
			       desc->name, bad, rows[bad].offset);
	for (bad = 0; bad < desc->nconfig; bad++)
		if (rows[bad].bar || rows[bad].size > 4 || rows[bad].offset + rows[bad].size > 4096)
			return mb_fail(err, "%s: configuration row %u (offset %#x) is larger than 4 bytes or beyond the 4 KiB of configuration space",
				       desc->name, bad, rows[bad].offset);
	mb_regs_reset(&dev->config, true);
	return 0;
}

static int build(struct mb_device *dev, const struct mb_desc *desc, struct mb_error *err)
{
	uint32_t bad = MB_NONE;

	if (check_bars(desc, err))
		return -1;
	dev->rows = calloc(desc->nrows + 1, sizeof(*dev->rows));
	dev->row_of = calloc(desc->nrows + 1, sizeof(*dev->row_of));
	dev->ram = calloc(desc->nram + 1, sizeof(*dev->ram));
	dev->own_state = calloc(desc->nrows + 1, sizeof(*dev->own_state));
	if (!dev->rows || !dev->row_of || !dev->ram || !dev->own_state)
		return mb_fail(err, "%s: no memory for %u registers", desc->name, desc->nrows);
	if (adopt_rows(dev, desc, err))
		return -1;
	if (desc->nram)
		memcpy(dev->ram, desc->ram, desc->nram * sizeof(*dev->ram));
	qsort(dev->ram, desc->nram, sizeof(*dev->ram), ram_by_place);
	if (check_places(dev, err))
		return -1;
	dev->regs = (struct mb_regs){
		.rows = dev->rows, .state = dev->own_state, .ram = dev->ram,
		.nrows = desc->nrows, .nram = desc->nram, .ops = &mb_dispatch_ops, .ctx = dev,
	};
	if (mb_regs_init(&dev->regs, &bad)) {
		if (bad == MB_NONE)
			return mb_fail(err, "%s: a ram piece overlaps a register or another piece",
				       desc->name);
		return mb_fail(err, "%s: row %u (offset %#x) overlaps its neighbour or has a mask, size or reference out of range",
			       desc->name, dev->rows[bad].id, dev->rows[bad].offset);
	}
	mb_regs_reset(&dev->regs, true);
	return build_config(dev, desc, err);
}

struct mb_device *mb_device_new(const struct mb_desc *desc, mb_handler handler, void *ctx,
				struct mb_error *err)
{
	struct mb_device *dev;

	if (desc->nrows > MB_MAX_ROWS || desc->nconfig > MB_MAX_ROWS ||
	    desc->ncaps > MB_MAX_CAPS) {
		mb_fail(err, "%s: %u registers and %u capabilities; at most %u and %u", desc->name,
			desc->nrows, desc->ncaps, MB_MAX_ROWS, MB_MAX_CAPS);
		return NULL;
	}
	dev = calloc(1, sizeof(*dev));
	if (!dev) {
		mb_fail(err, "%s: no memory", desc->name);
		return NULL;
	}
	dev->desc = *desc;
	dev->desc.name[sizeof(dev->desc.name) - 1] = 0;
	dev->handler = handler;
	dev->ctx = ctx;
	dev->clock_base = mb_monotonic();
	dev->soonest = UINT64_MAX;
	if (build(dev, desc, err)) {
		mb_device_free(dev);
		return NULL;
	}
	dev->desc.rows = dev->rows;
	dev->desc.ram = dev->ram;
	dev->desc.config = dev->config.rows;
	return dev;
}

void mb_device_free(struct mb_device *dev)
{
	if (!dev)
		return;
	if (dev->bus)
		dev->bus->detach(dev);
	free(dev->rows);
	free(dev->row_of);
	free(dev->ram);
	free(dev->own_state);
	free((void *)dev->config.rows);
	free(dev->config.state);
	free(dev->timer);
	free(dev);
}

struct mb_call *mb_call_of(struct mb_device *dev)
{
	return &dev->call;
}

const struct mb_reg *mb_rows(const struct mb_device *dev, uint32_t *n)
{
	if (n)
		*n = dev->desc.nrows;
	return dev->rows;
}

struct mb_reg_state *mb_state(struct mb_device *dev)
{
	return dev->regs.state;
}

struct mb_reg_state *mb_config_state(struct mb_device *dev)
{
	return dev->config.state;
}

uint32_t mb_row_of(const struct mb_device *dev, uint32_t id)
{
	return id < dev->desc.nrows ? dev->row_of[id] : MB_NONE;
}

void mb_poke(struct mb_device *dev, uint32_t row, uint64_t mask, uint64_t value, bool raise)
{
	const struct mb_reg *r;
	struct mb_reg_state *st;
	uint64_t before;

	if (row >= dev->desc.nrows) {
		row -= dev->desc.nrows;
		if (row < dev->desc.nconfig) {
			row = dev->config.rows[row].target;
			mb_regs_poke(&dev->config.state[row],
				     mask & mb_size_mask(dev->config.rows[row].size), value);
			mb_dispatch_config_changed(dev);
		}
		return;
	}
	row = dev->rows[row].target;
	r = &dev->rows[row];
	st = &dev->regs.state[row];
	before = __atomic_load_n(&st->value, __ATOMIC_RELAXED);
	mb_regs_poke(st, mask & mb_size_mask(r->size), value);
	if (r->flags & MB_REG_ENABLE && (before & mask) != (value & mask))
		mb_dispatch_enabled(dev, row);
	else if (r->vector != MB_NONE && (raise || (before & mask) != (value & mask)))
		mb_irq(dev, r->vector, raise ? MB_IRQ_RAISE : MB_IRQ_EVAL);
}

/* ---- on to the bus ------------------------------------------------------------ */

struct mb_span mb_ram(struct mb_device *dev, uint32_t bar, uint64_t offset, uint64_t len)
{
	uint32_t i;

	for (i = 0; dev->bus && i < dev->desc.nram; i++) {
		const struct mb_ram *m = &dev->ram[i];

		if (m->bar == bar && offset >= m->offset && len <= m->size &&
		    offset - m->offset <= m->size - len)
			return dev->bus->ram(dev, bar, offset, len);
	}
	return (struct mb_span){ 0 };
}

int mb_irq(struct mb_device *dev, uint32_t vector, enum mb_irq_op op)
{
	return dev->bus && !dev->removed ? dev->bus->irq(dev, vector, op) : 0;
}

enum mb_irq_mode mb_irq_mode(const struct mb_device *dev)
{
	return dev->bus ? dev->bus->irq_mode(dev) : MB_IRQ_NONE;
}

enum mb_dma_why mb_dma(struct mb_device *dev, const struct mb_dma_piece *piece, uint32_t count,
		       uint32_t raise, uint32_t *done)
{
	enum mb_dma_why why;
	uint32_t unused;

	if (!done)
		done = &unused;
	*done = 0;
	if (!dev->bus || dev->removed)
		return MB_DMA_NOT_ATTACHED;
	why = dev->bus->dma(dev, piece, count, raise, done);
	mb_watch_dma(dev, piece, count, *done, why);
	return why;
}

const char *mb_dma_why_text(enum mb_dma_why why)
{
	static const char *const text[] = {
		"done", "never mapped by the driver", "after unmap", "beyond the driver's mapping",
		"against the mapping's direction", "bus mastering is off", "not memory",
		"bad address in the host", "the device is on no bus",
	};

	return why < sizeof(text) / sizeof(text[0]) ? text[why] : "unknown";
}

static int attach(struct mb_device *dev, const struct mb_transport *bus, const char *path,
		  struct mb_error *err)
{
	if (dev->bus)
		return mb_fail(err, "%s: is on the %s bus already", dev->desc.name, dev->bus->name);
	if (bus->attach(dev, path, err)) {
		dev->regs.state = dev->own_state;
		return -1;
	}
	dev->bus = bus;
	dev->removed = false;
	return 0;
}

int mb_attach_sim(struct mb_device *dev, bool stepped, struct mb_error *err)
{
	if (attach(dev, &mb_sim, NULL, err))
		return -1;
	dev->stepped = stepped;
	return 0;
}

int mb_attach_pciem(struct mb_device *dev, const char *path, struct mb_error *err)
{
	return attach(dev, &mb_pciem, path ? path : "/dev/pciem", err);
}

int mb_start(struct mb_device *dev, struct mb_error *err)
{
	if (!dev->bus)
		return mb_fail(err, "%s: is on no bus; attach it first", dev->desc.name);
	if (dev->started)
		return mb_fail(err, "%s: is started already", dev->desc.name);
	if (dev->bus->start(dev, err))
		return -1;
	dev->started = true;
	return 0;
}

int mb_stop(struct mb_device *dev, struct mb_error *err)
{
	if (!dev->bus || !dev->started)
		return mb_fail(err, "%s: is not started", dev->desc.name);
	return dev->bus->stop(dev, err);
}

void mb_detach(struct mb_device *dev)
{
	if (dev->bus)
		dev->bus->detach(dev);
	dev->ntimers = 0;
}

int mb_serve(struct mb_device *dev, struct mb_error *err)
{
	int n;

	if (!dev->bus)
		return mb_fail(err, "%s: is on no bus; attach it first", dev->desc.name);
	n = dev->bus->serve(dev, err);
	if (n < 0)
		return -1;
	return n + (dev->stepped ? 0 : mb_timers_run(dev, 64));
}

int mb_fd(const struct mb_device *dev)
{
	return dev->bus ? dev->bus->fd(dev) : -1;
}

bool mb_sleep(struct mb_device *dev)
{
	return !dev->bus || dev->bus->sleep(dev);
}

uint64_t mb_bus_read(struct mb_device *dev, uint32_t bar, uint64_t offset, uint32_t size)
{
	uint64_t data;

	if (!dev->bus || !dev->bus->bus_read || dev->removed)
		return mb_size_mask(size);
	data = dev->bus->bus_read(dev, bar, offset, size);
	if (dev->traced)
		mb_watch_access(dev, MB_TRACE_READ, bar, offset, size, data);
	return data;
}

void mb_bus_write(struct mb_device *dev, uint32_t bar, uint64_t offset, uint32_t size,
		  uint64_t data)
{
	if (!dev->bus || !dev->bus->bus_write || dev->removed)
		return;
	if (dev->traced)
		mb_watch_access(dev, MB_TRACE_WRITE, bar, offset, size, data);
	dev->bus->bus_write(dev, bar, offset, size, data);
}

uint32_t mb_config_read32(struct mb_device *dev, uint32_t offset, uint32_t size)
{
	uint32_t value;

	if (!dev->bus || !dev->bus->config_read || dev->removed)
		return mb_size_mask(size);
	value = dev->bus->config_read(dev, offset, size);
	if (dev->traced)
		mb_watch_access(dev, MB_TRACE_CONFIG_READ, 0, offset, size, value);
	return value;
}

void mb_config_write32(struct mb_device *dev, uint32_t offset, uint32_t size, uint32_t value)
{
	if (!dev->bus || !dev->bus->config_write || dev->removed)
		return;
	if (dev->traced)
		mb_watch_access(dev, MB_TRACE_CONFIG_WRITE, 0, offset, size, value);
	dev->bus->config_write(dev, offset, size, value);
}

int mb_bus_reset(struct mb_device *dev, uint32_t kind, struct mb_error *err)
{
	if (!dev->bus || !dev->bus->bus_read)
		return mb_fail(err, "%s: %s", dev->desc.name, dev->bus ?
			       "its driver, which could reset it, is the kernel's" :
			       "is on no bus");
	if (kind > 3)
		return mb_fail(err, "%s: reset %u; there are 0 (cold) to 3 (bus)", dev->desc.name,
			       kind);
	mb_dispatch_reset(dev, kind);
	return 0;
}

uint32_t mb_irq_take(struct mb_device *dev, uint32_t vector)
{
	return dev->bus && dev->bus->irq_take ? dev->bus->irq_take(dev, vector) : 0;
}

void *mb_dma_alloc(struct mb_device *dev, uint64_t size, uint64_t *bus)
{
	void *p;

	if (!dev->bus || !dev->bus->dma_map || !size || size > 1ull << 40)
		return NULL;
	p = aligned_alloc(4096, (size + 4095) & ~4095ull);
	if (!p)
		return NULL;
	memset(p, 0, (size + 4095) & ~4095ull);
	*bus = dev->bus->dma_map(dev, p, size, 3, true);
	if (!*bus) {
		free(p);
		return NULL;
	}
	return p;
}

uint64_t mb_dma_map(struct mb_device *dev, void *ptr, uint64_t size, uint32_t dir)
{
	if (!dev->bus || !dev->bus->dma_map || !size || !dir || dir > 3)
		return 0;
	return dev->bus->dma_map(dev, ptr, size, dir, false);
}

int mb_dma_unmap(struct mb_device *dev, uint64_t bus)
{
	return dev->bus && dev->bus->dma_unmap ? dev->bus->dma_unmap(dev, bus) : -1;
}
