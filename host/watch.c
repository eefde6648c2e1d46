// SPDX-License-Identifier: MIT
/*
 * watch.c: looking on while a device works: a trace of the driver's accesses,
 * the latest DMA, the driver's mappings, and configuration space as it stands.
 * Nothing here changes anything.
 *
 * Try it:  printf 'trace on\nedu.liveness:write(5)\n' | ./moonbar run lua/devices/edu.lua
 */
#include <string.h>

#include "config.h"
#include "transport/transport.h"

/* ---- accesses ------------------------------------------------------------------- */

void mb_trace(struct mb_device *dev, bool on)
{
	dev->traced = on;
}

static uint32_t row_at(const struct mb_regs *rf, uint32_t bar, uint64_t offset)
{
	uint32_t i = bar < MB_NR_BARS ? mb_regs_find(rf, bar, offset) : MB_NONE;

	return i < rf->nrows && rf->rows[i].bar == bar && rf->rows[i].offset <= offset ? i : MB_NONE;
}

void mb_watch_access(struct mb_device *dev, enum mb_trace_kind kind, uint32_t bar,
		     uint64_t offset, uint32_t size, uint64_t data)
{
	bool config = kind == MB_TRACE_CONFIG_READ || kind == MB_TRACE_CONFIG_WRITE;
	uint32_t row = row_at(config ? &dev->config : &dev->regs, config ? 0 : bar, offset);
	struct mb_call keep = dev->call;

	if (config && row != MB_NONE)
		row += dev->desc.nrows;
	dev->call.bar = bar;
	dev->call.offset = offset;
	dev->call.size = size;
	dev->call.value = data & mb_size_mask(size);
	dev->call.raw = kind;
	mb_dispatch(dev, MB_EV_TRACE, row);
	dev->call = keep;
}

/* ---- DMA -------------------------------------------------------------------------- */

static void record(struct mb_watch *w, const struct mb_dma_piece *piece, enum mb_dma_why why)
{
	w->dma[w->dma_count++ % MB_DMA_RECENT] = (struct mb_dma_done){ *piece, why };
}

void mb_watch_dma(struct mb_device *dev, const struct mb_dma_piece *piece, uint32_t count,
		  uint32_t done, enum mb_dma_why why)
{
	uint32_t n = done + (why != MB_DMA_OK && done < count), i;
	struct mb_watch *w = &dev->watch;

	if (n > MB_DMA_RECENT)
		w->dma_count += n - MB_DMA_RECENT;
	for (i = n > MB_DMA_RECENT ? n - MB_DMA_RECENT : 0; i < n; i++)
		record(w, &piece[i], i < done ? MB_DMA_OK : why);
}

uint64_t mb_dma_recent(const struct mb_device *dev, struct mb_dma_done *out, uint32_t room,
		       uint32_t *got)
{
	const struct mb_watch *w = &dev->watch;
	uint64_t n = w->dma_count < MB_DMA_RECENT ? w->dma_count : MB_DMA_RECENT, i;

	if (n > room)
		n = room;
	for (i = 0; i < n; i++)
		out[i] = w->dma[(w->dma_count - n + i) % MB_DMA_RECENT];
	*got = n;
	return w->dma_count;
}

int mb_dma_mapping(const struct mb_device *dev, uint32_t i, struct mb_dma_mapping *out)
{
	if (!dev->bus || !dev->bus->dma_mapping)
		return -1;
	return dev->bus->dma_mapping(dev, i, out);
}

void mb_dma_inherit(struct mb_device *to, struct mb_device *from)
{
	if (to->bus && to->bus == from->bus && to->bus->dma_inherit)
		to->bus->dma_inherit(to, from);
}

/* ---- configuration space -------------------------------------------------------------- */

int mb_config_image(struct mb_device *dev, uint8_t *image)
{
	uint32_t i, j;

	if (!dev->bus || !dev->bus->config_image || dev->bus->config_image(dev, image))
		return -1;
	for (i = 0; i < dev->desc.nconfig; i++) {
		const struct mb_reg *r = &dev->config.rows[i];
		uint64_t v = dev->config.state[r->target].value & r->rd;

		for (j = 0; j < r->size; j++)
			image[r->offset + j] = v >> 8 * j;
	}
	return 0;
}
