// SPDX-License-Identifier: MIT
/*
 * sim.c: the simulated bus. The driver's side is this process: its reads and
 * writes run on the register file at once, so nothing is ever queued and every
 * promise of the bus holds by order alone. Configuration space, MSI, MSI-X and
 * register file are the code that runs in the kernel.
 *
 * Try it:  ./moonbar run --on sim lua/devices/edu.lua
 */
#include <stdlib.h>
#include <string.h>

#include "../space.h"
#include "msi.h"
#include "transport.h"

#define SIM_FIRST_BUS	0x100000ull	/* never 0: a zeroed pointer must not translate */
#define SIM_PAGE	4096ull

struct sim_map {
	uint64_t bus, size;
	uint8_t *ptr;
	uint32_t dir;
	bool owned;
	struct sim_map *next;
};

struct sim {
	struct mb_config config;
	struct mb_msi msi;
	struct mb_msix msix;
	struct mb_msix_place place;
	uint32_t nvectors;
	uint32_t *taken;		/* messages delivered, a count a vector */
	uint8_t *level, *asserted;	/* last level seen, explicit INTx levels */
	bool intx;			/* the line */
	uint8_t *ram[MB_NR_BARS];	/* whole BARs that have memory */
	struct sim_map *maps;
	uint64_t next_bus;
};

static bool in(uint64_t offset, uint32_t size, uint64_t from, uint64_t len)
{
	return offset < from + len && offset + size > from;
}

/* ---- interrupts ------------------------------------------------------------------ */

static enum mb_irq_mode irq_mode(const struct mb_device *dev)
{
	const struct sim *s = dev->bus_data;

	if (s->msix.enabled)
		return MB_IRQ_MSIX;
	if (s->msi.enabled)
		return MB_IRQ_MSI;
	if (!dev->desc.intx || mb_config_get(&s->config, MB_PCI_COMMAND, 2) & MB_COMMAND_INTX_OFF)
		return MB_IRQ_NONE;
	return MB_IRQ_INTX;
}

/* Every vector that may speak now does. */
static void deliver(struct sim *s)
{
	uint32_t v;

	for (v = mb_msix_next(&s->msix, 0); v != MB_NO_VECTOR; v = mb_msix_next(&s->msix, v + 1))
		if (mb_msix_claim(&s->msix, v))
			s->taken[v]++;
	for (v = mb_msi_next(&s->msi, 0); v != MB_NO_VECTOR; v = mb_msi_next(&s->msi, v + 1))
		if (mb_msi_claim(&s->msi, v))
			s->taken[v]++;
}

static bool has_rows(const struct mb_device *dev, uint32_t vector)
{
	uint32_t i;

	for (i = 0; i < dev->desc.nrows; i++)
		if (dev->rows[i].vector == vector && !(dev->rows[i].flags & MB_REG_ENABLE))
			return true;
	return false;
}

static void message(struct sim *s, uint32_t vector)
{
	if (s->msix.enabled)
		mb_msix_raise(&s->msix, vector);
	else if (s->msi.enabled)
		mb_msi_raise(&s->msi, mb_msi_message(&s->msi, vector));
	deliver(s);
}

static void intx_line(struct mb_device *dev)
{
	struct sim *s = dev->bus_data;
	bool line = mb_regs_level(&dev->regs, MB_NONE);
	uint32_t v;

	for (v = 0; v < s->nvectors && !line; v++)
		line = s->asserted[v];
	s->intx = line && dev->desc.intx;
}

static int irq(struct mb_device *dev, uint32_t vector, enum mb_irq_op op)
{
	struct sim *s = dev->bus_data;
	bool bound, was, is;

	if (vector == MB_NONE && op == MB_IRQ_EVAL) {
		for (vector = 0; vector < s->nvectors; vector++)
			s->level[vector] = mb_regs_level(&dev->regs, vector);
		intx_line(dev);
		return 0;
	}
	if (vector >= s->nvectors)
		return -1;
	if (op == MB_IRQ_ASSERT || op == MB_IRQ_DEASSERT) {
		s->asserted[vector] = op == MB_IRQ_ASSERT;
		intx_line(dev);
		return 0;
	}
	bound = has_rows(dev, vector);
	was = s->level[vector];
	is = bound && mb_regs_level(&dev->regs, vector);
	s->level[vector] = is;
	intx_line(dev);
	if (op == MB_IRQ_RAISE ? is || !bound : is && !was)
		message(s, vector);
	return 0;
}

static uint32_t irq_take(struct mb_device *dev, uint32_t vector)
{
	struct sim *s = dev->bus_data;
	uint32_t n = 0;

	if (irq_mode(dev) == MB_IRQ_INTX)
		return vector == 0 && s->intx;
	if (vector < s->nvectors) {
		n = s->taken[vector];
		s->taken[vector] = 0;
	}
	return n;
}

/* ---- the driver's accesses --------------------------------------------------------- */

static bool is_msix(const struct sim *s, uint32_t bar, uint64_t offset, uint32_t size, bool *pba)
{
	if (!s->place.count)
		return false;
	*pba = bar == s->place.pba_bar && in(offset, size, s->place.pba_offset,
					     8 * MB_MSIX_PBA_WORDS(s->place.count));
	return *pba || (bar == s->place.table_bar &&
			in(offset, size, s->place.table_offset,
			   MB_MSIX_ENTRY_SIZE * s->place.count));
}

static bool decodes(struct mb_device *dev, uint32_t bar, uint64_t offset, uint32_t size)
{
	struct sim *s = dev->bus_data;

	return dev->started && bar < MB_NR_BARS && size && size <= 8 &&
	       offset < dev->desc.bar[bar].size && size <= dev->desc.bar[bar].size - offset &&
	       mb_config_get(&s->config, MB_PCI_COMMAND, 2) & MB_COMMAND_MEMORY;
}

static uint64_t bus_read(struct mb_device *dev, uint32_t bar, uint64_t offset, uint32_t size)
{
	struct sim *s = dev->bus_data;
	bool pba;

	if (!decodes(dev, bar, offset, size))
		return mb_size_mask(size);
	if (is_msix(s, bar, offset, size, &pba))
		return pba ? mb_msix_pba_read(&s->msix, offset - s->place.pba_offset, size) :
			     mb_msix_table_read(&s->msix, offset - s->place.table_offset, size);
	return mb_regs_read(&dev->regs, bar, offset, size);
}

static void bus_write(struct mb_device *dev, uint32_t bar, uint64_t offset, uint32_t size,
		      uint64_t data)
{
	struct sim *s = dev->bus_data;
	bool pba;

	if (!decodes(dev, bar, offset, size))
		return;
	if (!is_msix(s, bar, offset, size, &pba)) {
		mb_regs_write(&dev->regs, bar, offset, size, data & mb_size_mask(size));
	} else if (!pba) {
		mb_msix_table_write(&s->msix, offset - s->place.table_offset, size, data);
		deliver(s);
	}
}

static uint32_t config_read(struct mb_device *dev, uint32_t offset, uint32_t size)
{
	struct sim *s = dev->bus_data;

	mb_config_set_intx(&s->config, s->intx);
	mb_config_set_msi_pending(&s->config, s->msi.pending);
	return mb_config_read(&s->config, offset, size);
}

static void config_write(struct mb_device *dev, uint32_t offset, uint32_t size, uint32_t value)
{
	struct sim *s = dev->bus_data;
	uint32_t changed = mb_config_write(&s->config, offset, size, value);

	if (changed & (MB_CFG_COMMAND | MB_CFG_MSI | MB_CFG_MSIX)) {
		mb_msi_config(&s->msi, &s->config);
		mb_msix_config(&s->msix, &s->config);
		deliver(s);
	}
	if (changed & MB_CFG_COMMAND) {
		dev->call.value = mb_config_get(&s->config, MB_PCI_COMMAND, 2);
		mb_dispatch(dev, MB_EV_COMMAND, MB_NONE);
	}
}

/* ---- memory ------------------------------------------------------------------------- */

static uint64_t dma_map(struct mb_device *dev, void *ptr, uint64_t size, uint32_t dir, bool owned)
{
	struct sim *s = dev->bus_data;
	uint64_t in_page = (uintptr_t)ptr % SIM_PAGE;
	struct sim_map *m = calloc(1, sizeof(*m));
	uint64_t limit = dev->desc.dma_bits ? mb_size_mask(8) >> (64 - dev->desc.dma_bits) : ~0ull;

	if (!m || size > limit || s->next_bus + in_page > limit - size) {
		free(m);
		return 0;
	}
	*m = (struct sim_map){ s->next_bus + in_page, size, ptr, dir, owned, s->maps };
	s->maps = m;
	/* a page between two mappings, and no address twice: what is stale never translates */
	s->next_bus += (in_page + size + SIM_PAGE - 1) / SIM_PAGE * SIM_PAGE + SIM_PAGE;
	return m->bus;
}

static int dma_unmap(struct mb_device *dev, uint64_t bus)
{
	struct sim *s = dev->bus_data;
	struct sim_map **p, *m;

	for (p = &s->maps; (m = *p); p = &m->next)
		if (m->bus == bus) {
			*p = m->next;
			if (m->owned)
				free(m->ptr);
			free(m);
			return 0;
		}
	return -1;
}

static enum mb_dma_why copy(struct sim *s, const struct mb_dma_piece *p)
{
	struct sim_map *m;

	for (m = s->maps; m; m = m->next) {
		if (p->bus < m->bus || p->bus >= m->bus + m->size)
			continue;
		if (p->length > m->size - (p->bus - m->bus))
			return MB_DMA_BOUNDS;
		if (!(m->dir & p->flags))
			return MB_DMA_DIRECTION;
		if (p->flags == 2)
			memcpy(m->ptr + (p->bus - m->bus), (void *)(uintptr_t)p->user, p->length);
		else
			memcpy((void *)(uintptr_t)p->user, m->ptr + (p->bus - m->bus), p->length);
		return MB_DMA_OK;
	}
	return p->bus >= SIM_FIRST_BUS && p->bus < s->next_bus ? MB_DMA_STALE : MB_DMA_WILD;
}

static enum mb_dma_why dma(struct mb_device *dev, const struct mb_dma_piece *piece, uint32_t count,
			   uint32_t raise, uint32_t *done)
{
	struct sim *s = dev->bus_data;

	if (!(mb_config_get(&s->config, MB_PCI_COMMAND, 2) & MB_COMMAND_MASTER))
		return MB_DMA_NO_BUS_MASTER;
	for (*done = 0; *done < count; ++*done) {
		enum mb_dma_why why = copy(s, &piece[*done]);

		if (why != MB_DMA_OK)
			return why;
	}
	if (raise != MB_NONE)
		irq(dev, raise, MB_IRQ_RAISE);
	return MB_DMA_OK;
}

static struct mb_span ram(struct mb_device *dev, uint32_t bar, uint64_t offset, uint64_t len)
{
	struct sim *s = dev->bus_data;

	if (!s->ram[bar])
		return (struct mb_span){ 0 };
	return (struct mb_span){ s->ram[bar] + offset, len };
}

/* ---- life --------------------------------------------------------------------------------- */

static void detach(struct mb_device *dev)
{
	struct sim *s = dev->bus_data;
	unsigned int i;

	while (s->maps)
		dma_unmap(dev, s->maps->bus);
	for (i = 0; i < MB_NR_BARS; i++)
		free(s->ram[i]);
	free(s->msix.table);
	free(s->msix.pba);
	free(s->taken);
	free(s->level);
	free(s->asserted);
	free(s);
	dev->bus_data = NULL;
	dev->bus = NULL;
	dev->started = false;
}

static bool alloc_vectors(struct sim *s, const struct mb_desc *d)
{
	struct mb_msix_entry *table;
	uint32_t i, msi = 0;
	uint64_t *pba;

	for (i = 0; i < d->ncaps; i++)
		if (d->cap[i].id == MB_CAP_ID_MSI)
			msi = d->cap[i].vectors;
	mb_msi_init(&s->msi, msi);
	table = calloc(s->place.count + 1, sizeof(*table));
	pba = calloc(MB_MSIX_PBA_WORDS(s->place.count) + 1, sizeof(*pba));
	mb_msix_init(&s->msix, table, pba, s->place.count);
	s->nvectors = s->place.count > 32 ? s->place.count : 32;
	s->taken = calloc(s->nvectors, sizeof(*s->taken));
	s->level = calloc(s->nvectors, 1);
	s->asserted = calloc(s->nvectors, 1);
	return table && pba && s->taken && s->level && s->asserted;
}

static int attach(struct mb_device *dev, const char *path, struct mb_error *err)
{
	struct sim *s = calloc(1, sizeof(*s));
	uint32_t i;

	(void)path;
	dev->bus_data = s;
	if (!s)
		return mb_fail(err, "%s: no memory", dev->desc.name);
	if (mb_space_build(&s->config, &dev->desc, err))
		goto fail;
	mb_caps_msix(&s->config, &s->place);
	s->next_bus = SIM_FIRST_BUS;
	if (!alloc_vectors(s, &dev->desc))
		goto no_memory;
	for (i = 0; i < dev->desc.nram; i++) {
		uint32_t bar = dev->ram[i].bar;

		if (!s->ram[bar])
			s->ram[bar] = calloc(1, dev->desc.bar[bar].size);
		if (!s->ram[bar])
			goto no_memory;
	}
	return 0;
no_memory:
	mb_fail(err, "%s: no memory for its BARs", dev->desc.name);
fail:
	detach(dev);
	return -1;
}

/* What firmware and a driver's pci_enable_device() and pci_set_master() would have done. */
static int start(struct mb_device *dev, struct mb_error *err)
{
	struct sim *s = dev->bus_data;
	uint64_t next = 0xe0000000ull, next64 = 0x800000000ull;
	uint32_t i;

	(void)err;
	for (i = 0; i < MB_NR_BARS; i++) {
		uint64_t size = dev->desc.bar[i].size, *at = dev->desc.bar[i].is64 ? &next64 : &next;

		if (!size)
			continue;
		*at = (*at + size - 1) & ~(size - 1);
		mb_config_write(&s->config, MB_PCI_BAR0 + 4 * i, 4, *at);
		if (dev->desc.bar[i].is64)
			mb_config_write(&s->config, MB_PCI_BAR0 + 4 * i + 4, 4, *at >> 32);
		*at += size;
	}
	dev->started = true;
	config_write(dev, MB_PCI_COMMAND, 2, MB_COMMAND_MEMORY | MB_COMMAND_MASTER);
	return 0;
}

static int stop(struct mb_device *dev, struct mb_error *err)
{
	(void)err;
	dev->removed = true;
	dev->started = false;
	mb_dispatch(dev, MB_EV_REMOVED, MB_NONE);
	return 0;
}

static int serve(struct mb_device *dev, struct mb_error *err)
{
	(void)dev;
	(void)err;
	return 0;
}

static int no_fd(const struct mb_device *dev)
{
	(void)dev;
	return -1;
}

static bool sleep_now(struct mb_device *dev)
{
	(void)dev;
	return true;
}

const struct mb_transport mb_sim = {
	.name = "simulated", .attach = attach, .start = start, .stop = stop, .detach = detach,
	.serve = serve, .fd = no_fd, .sleep = sleep_now, .irq = irq, .irq_mode = irq_mode,
	.dma = dma, .ram = ram, .bus_read = bus_read, .bus_write = bus_write,
	.config_read = config_read, .config_write = config_write, .irq_take = irq_take,
	.dma_map = dma_map, .dma_unmap = dma_unmap,
};
