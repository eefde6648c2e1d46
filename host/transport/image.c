// SPDX-License-Identifier: MIT
/*
 * image.c: registers in configuration space on the kernel's bus. The kernel
 * answers reads of them by itself, from an image without a writable bit in
 * them; a driver's write waits for us, goes through the same code as on every
 * bus, and what it has changed is in the image before the driver goes on.
 *
 * Try it:  tests/vm/run config
 */
#include <stdlib.h>
#include <sys/ioctl.h>

#include "../../kernel/uapi/pciem.h"
#include "image.h"

static uint32_t readable(const struct mb_device *dev, uint32_t row)
{
	const struct mb_reg *r = &dev->config.rows[row];

	return dev->config.state[r->target].value & r->rd;
}

static int poke(const struct mb_image *im, const struct mb_reg *r, uint32_t mask, uint32_t value)
{
	struct pciem_config_poke arg = { r->offset, r->size, mask, value };

	return ioctl(im->fd, PCIEM_CONFIG_POKE, &arg);
}

int mb_image_show(struct mb_image *im, const struct mb_device *dev, struct mb_config *c)
{
	uint32_t i;

	im->shown = calloc(dev->desc.nconfig + 1, sizeof(*im->shown));
	if (!im->shown)
		return -1;
	for (i = 0; i < dev->desc.nconfig; i++) {
		const struct mb_reg *r = &dev->config.rows[i];

		im->shown[i] = readable(dev, i);
		mb_config_set(c, r->offset, r->size, im->shown[i]);
	}
	return 0;
}

static void mark(uint8_t *bitmap, uint32_t from, uint32_t n)
{
	for (; n--; from++)
		bitmap[from / 8] |= 1u << from % 8;
}

int mb_image_watch(struct mb_image *im, const struct mb_device *dev)
{
	uint8_t bitmap[PCIEM_SPACE_SIZE / 8] = { 0 };
	struct pciem_config_watch arg = { (uintptr_t)bitmap };
	uint32_t i;

	for (i = 0; i < dev->desc.nconfig; i++)
		mark(bitmap, dev->config.rows[i].offset, dev->config.rows[i].size);
	if (dev->desc.config_events)
		mark(bitmap, 0, PCIEM_SPACE_SIZE);
	return ioctl(im->fd, PCIEM_CONFIG_WATCH, &arg);
}

uint32_t mb_image_misplaced(struct mb_image *im, const struct mb_device *dev)
{
	uint32_t i;

	for (i = 0; i < dev->desc.nconfig; i++)
		if (poke(im, &dev->config.rows[i], 0, 0))
			return i;
	return MB_NONE;
}

void mb_image_update(struct mb_image *im, const struct mb_device *dev)
{
	uint32_t i;

	for (i = 0; i < dev->desc.nconfig; i++) {
		uint32_t now = readable(dev, i);

		if (now != im->shown[i] && !poke(im, &dev->config.rows[i], ~0u, now))
			im->shown[i] = now;
	}
}

void mb_image_free(struct mb_image *im)
{
	free(im->shown);
	im->shown = NULL;
}
