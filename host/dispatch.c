// SPDX-License-Identifier: MIT
/*
 * dispatch.c: from the register file to the device's handler: the far end of
 * the street that an access takes.
 *
 * Try it:  make build/test_host && build/test_host
 */
#include <string.h>

#include "transport/transport.h"

int mb_dispatch(struct mb_device *dev, enum mb_event event, uint32_t row)
{
	return dev->handler ? dev->handler(dev->ctx, event, row, &dev->call) : -1;
}

static u64 read_hook(void *ctx, u32 row, u64 stored)
{
	struct mb_device *dev = ctx;

	dev->call.value = stored;
	return mb_dispatch(dev, MB_EV_READ, row) < 0 ? stored : dev->call.value;
}

static int write_hook(void *ctx, u32 row, u64 old, u64 raw, u64 *value)
{
	struct mb_device *dev = ctx;
	int what;

	dev->call.value = dev->rows[row].flags & MB_REG_DOORBELL ? raw : *value;
	dev->call.old = old;
	dev->call.raw = raw;
	what = mb_dispatch(dev, MB_EV_WRITE, row);
	*value = dev->call.value;
	return what < 0 ? 0 : what;
}

void mb_dispatch_enabled(struct mb_device *dev, uint32_t row)
{
	uint32_t i, last = MB_NONE;

	for (i = 0; i < dev->desc.nrows; i++) {
		const struct mb_reg *r = &dev->rows[i];

		if (r->enable == MB_NONE || dev->rows[r->enable].target != row ||
		    r->vector == MB_NONE || r->vector == last)
			continue;
		last = r->vector;	/* arrays: the same vector, row after row */
		mb_irq(dev, last, MB_IRQ_EVAL);
	}
}

static void irq(void *ctx, u32 row, bool raised)
{
	struct mb_device *dev = ctx;

	if (dev->rows[row].flags & MB_REG_ENABLE)
		mb_dispatch_enabled(dev, row);
	else
		mb_irq(dev, dev->rows[row].vector, raised ? MB_IRQ_RAISE : MB_IRQ_EVAL);
}

static void ram(void *ctx, u32 bar, u64 offset, void *data, unsigned int size, bool write)
{
	struct mb_span s = mb_ram(ctx, bar, offset, size);

	if (!s.ptr)
		memset(data, write ? 0 : 0xff, write ? 0 : size);
	else if (write)
		memcpy(s.ptr, data, size);
	else
		memcpy(data, s.ptr, size);
}

void mb_dispatch_guest_error(struct mb_device *dev, enum mb_guest_error what, uint32_t row,
			     uint32_t bar, uint64_t offset, unsigned int size, uint64_t value)
{
	struct mb_call keep = dev->call;	/* it may happen inside a write */

	dev->call.bar = bar;
	dev->call.offset = offset;
	dev->call.value = value;
	dev->call.raw = size;
	dev->call.size = what;
	mb_dispatch(dev, MB_EV_GUEST_ERROR, row);
	dev->call = keep;
}

static void guest_error(void *ctx, enum mb_guest_error what, u32 row, u32 bar, u64 offset,
			unsigned int size, u64 value)
{
	mb_dispatch_guest_error(ctx, what, row, bar, offset, size, value);
}

void mb_dispatch_config_changed(struct mb_device *dev)
{
	if (dev->bus && dev->bus->config_changed && !dev->removed)
		dev->bus->config_changed(dev);
}

void mb_dispatch_reset(struct mb_device *dev, uint32_t kind)
{
	uint32_t i;

	mb_regs_reset(&dev->regs, !kind);
	mb_regs_reset(&dev->config, !kind);
	mb_dispatch_config_changed(dev);
	for (i = 0; i < dev->desc.nrows; i++)
		if (dev->rows[i].vector != MB_NONE && !(dev->rows[i].flags & MB_REG_ENABLE))
			mb_irq(dev, dev->rows[i].vector, MB_IRQ_EVAL);
	dev->call.value = kind;
	mb_dispatch(dev, MB_EV_RESET, MB_NONE);
}

/* ---- registers in configuration space: to the handler, rows after those of the BARs ---- */

static u64 config_read_hook(void *ctx, u32 row, u64 stored)
{
	struct mb_device *dev = ctx;

	dev->call.value = stored;
	return mb_dispatch(dev, MB_EV_READ, dev->desc.nrows + row) < 0 ? stored : dev->call.value;
}

static int config_write_hook(void *ctx, u32 row, u64 old, u64 raw, u64 *value)
{
	struct mb_device *dev = ctx;
	int what;

	dev->call.value = dev->config.rows[row].flags & MB_REG_DOORBELL ? raw : *value;
	dev->call.old = old;
	dev->call.raw = raw;
	what = mb_dispatch(dev, MB_EV_WRITE, dev->desc.nrows + row);
	*value = dev->call.value;
	return what < 0 ? 0 : what;
}

static void config_guest_error(void *ctx, enum mb_guest_error what, u32 row, u32 bar, u64 offset,
			       unsigned int size, u64 value)
{
	struct mb_device *dev = ctx;

	mb_dispatch_guest_error(dev, what, dev->desc.nrows + row, bar, offset, size, value);
}

/* The piece of [offset, offset + size) on the first row from @i on: its bytes, 0 if there is none. */
static uint32_t piece(const struct mb_device *dev, uint32_t i, uint32_t offset, uint32_t size,
		      uint32_t *from)
{
	const struct mb_reg *r = &dev->config.rows[i];
	uint32_t end = offset + size;

	if (i >= dev->desc.nconfig || r->offset >= end)
		return 0;
	*from = r->offset > offset ? r->offset : offset;
	return (r->offset + r->size < end ? r->offset + r->size : end) - *from;
}

uint32_t mb_dispatch_config_read(struct mb_device *dev, uint32_t offset, uint32_t size,
				 uint32_t value)
{
	uint32_t i = mb_regs_find(&dev->config, 0, offset), n, from;

	for (; (n = piece(dev, i, offset, size, &from)); i++) {
		unsigned int shift = 8 * (from - offset);
		uint32_t bits = mb_size_mask(n) << shift;

		value = (value & ~bits) |
			((uint32_t)mb_regs_read(&dev->config, 0, from, n) << shift & bits);
	}
	return value;
}

void mb_dispatch_config_write(struct mb_device *dev, uint32_t offset, uint32_t size,
			      uint32_t value)
{
	uint32_t i = mb_regs_find(&dev->config, 0, offset), n, from;

	for (; (n = piece(dev, i, offset, size, &from)); i++)
		mb_regs_write(&dev->config, 0, from, n,
			      value >> 8 * (from - offset) & mb_size_mask(n));
	mb_dispatch_config_changed(dev);
	dev->call.offset = offset;
	dev->call.size = size;
	dev->call.value = value & mb_size_mask(size);
	mb_dispatch(dev, MB_EV_CONFIG_WRITE, MB_NONE);
}

const struct mb_regs_ops mb_dispatch_config_ops = {
	.read_hook = config_read_hook, .write_hook = config_write_hook,
	.guest_error = config_guest_error,
};

const struct mb_regs_ops mb_dispatch_ops = {
	.read_hook = read_hook, .write_hook = write_hook, .irq = irq, .ram = ram,
	.guest_error = guest_error,
};
