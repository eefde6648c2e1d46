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
#include "intr.h"
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
	uint8_t reset[MB_CONFIG_SIZE];	/* configuration space as it began */
	struct mb_intr intr;
	uint32_t nmessages;
	uint32_t *taken;		/* delivered and not asked for yet, a count a message */
	uint8_t *ram[MB_NR_BARS];	/* whole BARs that have memory */
	struct sim_map *maps;
	uint64_t next_bus;
};

/* ---- interrupts ------------------------------------------------------------------ */

static enum mb_irq_mode irq_mode(const struct mb_device *dev)
{
	const struct mb_intr *in = &((struct sim *)dev->bus_data)->intr;

	if (in->mode == MB_INTR_INTX)
		return in->pin && !in->intx_off ? MB_IRQ_INTX : MB_IRQ_NONE;
	return in->mode == MB_INTR_MSI ? MB_IRQ_MSI : MB_IRQ_MSIX;
}

/* Every message that may go out now does. */
static void deliver(struct sim *s)
{
	uint32_t m;

	for (m = mb_intr_next(&s->intr, 0); m != MB_NO_VECTOR; m = mb_intr_next(&s->intr, m + 1))
		if (mb_intr_claim(&s->intr, m))
			s->taken[m]++;
}

static int irq(struct mb_device *dev, uint32_t vector, enum mb_irq_op op)
{
	struct sim *s = dev->bus_data;

	if (mb_intr_op(&s->intr, vector, (enum mb_intr_op)op))
		return -1;
	deliver(s);
	return 0;
}

static uint32_t irq_take(struct mb_device *dev, uint32_t vector)
{
	struct sim *s = dev->bus_data;
	uint32_t n = 0;

	if (irq_mode(dev) == MB_IRQ_INTX)
		return vector == 0 && mb_intr_line(&s->intr);
	if (vector < s->nmessages) {
		n = s->taken[vector];
		s->taken[vector] = 0;
	}
	return n;
}

/* ---- the driver's accesses --------------------------------------------------------- */

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

	if (!decodes(dev, bar, offset, size))
		return mb_size_mask(size);
	if (mb_intr_covers(&s->intr, bar, offset, size))
		return mb_intr_read(&s->intr, bar, offset, size);
	return mb_regs_read(&dev->regs, bar, offset, size);
}

static void bus_write(struct mb_device *dev, uint32_t bar, uint64_t offset, uint32_t size,
		      uint64_t data)
{
	struct sim *s = dev->bus_data;

	data &= mb_size_mask(size);
	if (!decodes(dev, bar, offset, size))
		return;
	if (mb_intr_covers(&s->intr, bar, offset, size)) {
		mb_intr_write(&s->intr, bar, offset, size, data);
		deliver(s);
	} else {
		mb_regs_write(&dev->regs, bar, offset, size, data);
	}
}

/* What the core answers (config.h): 1, 2 or 4 bytes, aligned */
static bool is_config_access(uint32_t offset, uint32_t size)
{
	return (size == 1 || size == 2 || size == 4) && offset < MB_CONFIG_SIZE &&
	       !(offset & (size - 1));
}

static uint32_t config_read(struct mb_device *dev, uint32_t offset, uint32_t size)
{
	struct sim *s = dev->bus_data;

	if (mb_config_live(&s->config, offset, size))
		mb_intr_live(&s->intr, &s->config);
	if (!is_config_access(offset, size))
		return mb_size_mask(size);
	return mb_dispatch_config_read(dev, offset, size, mb_config_read(&s->config, offset, size));
}

/* What a write to configuration space changed, a Function Level Reset included */
static uint32_t write_image(struct sim *s, uint32_t offset, uint32_t size, uint32_t value)
{
	uint32_t changed = mb_config_write(&s->config, offset, size, value);

	if (changed & MB_CFG_FLR) {
		changed |= mb_config_reset(&s->config, s->reset);
		mb_intr_reset(&s->intr, &s->config);
	} else if (changed & (MB_CFG_COMMAND | MB_CFG_MSI | MB_CFG_MSIX)) {
		mb_intr_config(&s->intr, &s->config);
	}
	deliver(s);
	return changed;
}

static void config_write(struct mb_device *dev, uint32_t offset, uint32_t size, uint32_t value)
{
	struct sim *s = dev->bus_data;
	uint32_t changed;

	if (!is_config_access(offset, size))
		return;
	changed = write_image(s, offset, size, value);
	if (changed & MB_CFG_COMMAND) {
		dev->call.value = mb_config_get(&s->config, MB_PCI_COMMAND, 2);
		mb_dispatch(dev, MB_EV_COMMAND, MB_NONE);
	}
	if (changed & MB_CFG_PM) {
		dev->call.value = mb_config_get(&s->config, s->config.pm + 4, 1) & 3;
		mb_dispatch(dev, MB_EV_POWER, MB_NONE);
	}
	if (changed & MB_CFG_FLR)
		mb_dispatch_reset(dev, 1);
	mb_dispatch_config_write(dev, offset, size, value);
}

static int config_image(struct mb_device *dev, uint8_t *image)
{
	struct sim *s = dev->bus_data;

	mb_intr_live(&s->intr, &s->config);
	memcpy(image, s->config.val, MB_CONFIG_SIZE);
	return 0;
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

static int dma_mapping(const struct mb_device *dev, uint32_t i, struct mb_dma_mapping *out)
{
	const struct sim_map *m = ((struct sim *)dev->bus_data)->maps;

	for (; m && i; i--)
		m = m->next;
	if (!m)
		return 0;
	*out = (struct mb_dma_mapping){ m->bus, m->size, m->ptr, m->dir };
	return 1;
}

static void dma_inherit(struct mb_device *to, struct mb_device *from)
{
	struct sim *new = to->bus_data, *old = from->bus_data;
	struct sim_map **last = &new->maps;

	while (*last)
		last = &(*last)->next;
	*last = old->maps;
	old->maps = NULL;
	if (old->next_bus > new->next_bus)
		new->next_bus = old->next_bus;
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
	free(s->intr.msix.table);
	free(s->intr.msix.pba);
	free(s->taken);
	free(s);
	dev->bus_data = NULL;
	dev->bus = NULL;
	dev->started = false;
}

static int make_interrupts(struct mb_device *dev, struct sim *s, struct mb_error *err)
{
	struct mb_msix_place place;
	struct mb_msix_entry *table;
	uint64_t *pba;

	mb_caps_msix(&s->config, &place);
	s->nmessages = place.count > 32 ? place.count : 32;
	table = calloc(place.count + 1, sizeof(*table));
	pba = calloc(MB_MSIX_PBA_WORDS(place.count) + 1, sizeof(*pba));
	s->taken = calloc(s->nmessages, sizeof(*s->taken));
	if (table && pba && s->taken && !mb_intr_init(&s->intr, &s->config, &dev->regs, table, pba))
		return 0;
	free(table);
	free(pba);
	s->intr.msix = (struct mb_msix){ 0 };
	return mb_fail(err, "%s: no memory for its interrupts", dev->desc.name);
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
	memcpy(s->reset, s->config.val, sizeof(s->reset));
	s->next_bus = SIM_FIRST_BUS;
	if (make_interrupts(dev, s, err))
		goto fail;
	for (i = 0; i < dev->desc.nram; i++) {
		uint32_t bar = dev->ram[i].bar;

		if (!s->ram[bar])
			s->ram[bar] = calloc(1, dev->desc.bar[bar].size);
		if (!s->ram[bar]) {
			mb_fail(err, "%s: no memory for BAR %u", dev->desc.name, bar);
			goto fail;
		}
	}
	return 0;
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

static bool pending(const struct mb_device *dev)
{
	(void)dev;
	return false;
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
	.serve = serve, .pending = pending, .fd = no_fd, .sleep = sleep_now, .irq = irq, .irq_mode = irq_mode,
	.dma = dma, .ram = ram, .bus_read = bus_read, .bus_write = bus_write,
	.config_read = config_read, .config_write = config_write, .irq_take = irq_take,
	.dma_map = dma_map, .dma_unmap = dma_unmap, .dma_mapping = dma_mapping,
	.dma_inherit = dma_inherit, .config_image = config_image,
};
