/* SPDX-License-Identifier: MIT */
/*
 * transport.h: what a bus does for a device: the one small interface between
 * the host and the simulated bus, /dev/pciem, and whatever comes.
 *
 * Try it:  make && ./moonbar run --on sim lua/devices/edu.lua
 */
#ifndef MB_TRANSPORT_H
#define MB_TRANSPORT_H

#include "../internal.h"

/* As PCIEM_STANDBY_*: wait for a call; the same, the last one was hopeless; send who waits away. */
enum mb_standby_op { MB_STANDBY_WAIT, MB_STANDBY_BUSY, MB_STANDBY_DISMISS };

/**
 * struct mb_transport - a bus
 * @attach: put dev on it; sets dev->bus_data and, if registers live elsewhere,
 *	dev->regs.state. -1 leaves the device as it was
 * @start: drivers may bind; @stop: begin an orderly removal
 * @detach: off the bus, whatever state it is in; frees bus_data
 * @serve: handle what waits; count, or -1: the bus is gone
 * @pending: would serve find a request? Any thread, any time
 * @fd: to sleep on, -1 if none; @sleep: arm it, false if something waits; both whoever serves
 * @standby: the call of a standby thread (standby.h): 0: it is needed, -EINTR: a signal, other
 *	-errno: not any more; NULL: this bus never needs one. @relieve: serve in its place; count
 * @irq: @dma: @ram: as mb_irq(), mb_dma(), mb_ram()
 * @config_changed: the model has changed registers in configuration space; NULL if
 *	the bus looks at dev->config by itself
 * @config_image: as mb_config_image(), without what dev->config describes
 *
 * A bus that has a driver's side in this process fills the last eight.
 */
struct mb_transport {
	const char *name;
	int (*attach)(struct mb_device *dev, const char *path, struct mb_error *err);
	int (*start)(struct mb_device *dev, struct mb_error *err);
	int (*stop)(struct mb_device *dev, struct mb_error *err);
	void (*detach)(struct mb_device *dev);
	int (*serve)(struct mb_device *dev, struct mb_error *err);
	bool (*pending)(const struct mb_device *dev);
	int (*fd)(const struct mb_device *dev);
	bool (*sleep)(struct mb_device *dev);
	int (*standby)(struct mb_device *dev, enum mb_standby_op op);
	int (*relieve)(struct mb_device *dev);
	int (*irq)(struct mb_device *dev, uint32_t vector, enum mb_irq_op op);
	enum mb_irq_mode (*irq_mode)(const struct mb_device *dev);
	enum mb_dma_why (*dma)(struct mb_device *dev, const struct mb_dma_piece *piece,
			       uint32_t count, uint32_t raise, uint32_t *done);
	struct mb_span (*ram)(struct mb_device *dev, uint32_t bar, uint64_t offset, uint64_t len);
	void (*config_changed)(struct mb_device *dev);
	int (*config_image)(struct mb_device *dev, uint8_t *image);

	uint64_t (*bus_read)(struct mb_device *dev, uint32_t bar, uint64_t offset, uint32_t size);
	void (*bus_write)(struct mb_device *dev, uint32_t bar, uint64_t offset, uint32_t size,
			  uint64_t data);
	uint32_t (*config_read)(struct mb_device *dev, uint32_t offset, uint32_t size);
	void (*config_write)(struct mb_device *dev, uint32_t offset, uint32_t size, uint32_t value);
	uint32_t (*irq_take)(struct mb_device *dev, uint32_t vector);
	uint64_t (*dma_map)(struct mb_device *dev, void *ptr, uint64_t size, uint32_t dir,
			    bool owned);
	int (*dma_unmap)(struct mb_device *dev, uint64_t bus);
	int (*dma_mapping)(const struct mb_device *dev, uint32_t i, struct mb_dma_mapping *out);
	void (*dma_inherit)(struct mb_device *to, struct mb_device *from);
};

extern const struct mb_transport mb_sim, mb_pciem;

#endif
