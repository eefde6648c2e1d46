/* SPDX-License-Identifier: MIT */
/*
 * internal.h: struct mb_device and what the files of the library say to each
 * other. A transport calls mb_dispatch_*(); the street of an access is
 * transport -> dispatch.c -> kernel/core/regs.c -> handler.
 *
 * Try it:  make && ./moonbar run lua/devices/edu.lua
 */
#ifndef MB_INTERNAL_H
#define MB_INTERNAL_H

#include <stddef.h>
#include <stdint.h>

#include "moonbar.h"

struct mb_transport;

/** struct mb_timer - one pending mb_after(); @seq keeps equal due times in order */
struct mb_timer {
	uint64_t due, seq;
	uint32_t id;
};

/** struct mb_watch - @dma: a ring of the latest pieces, @dma_count of them ever */
struct mb_watch {
	struct mb_dma_done dma[MB_DMA_RECENT];
	uint64_t dma_count;
};

/** struct mb_device - see moonbar.h; @rows are sorted, @row_of maps the caller's ids to them */
struct mb_device {
	struct mb_desc desc;
	struct mb_reg *rows;
	struct mb_ram *ram;
	uint32_t *row_of;
	struct mb_regs regs;
	struct mb_reg_state *own_state;	/* before a bus lends its own */
	struct mb_regs config;		/* registers in configuration space, as a file of their own */

	mb_handler handler;
	void *ctx;
	struct mb_call call;

	const struct mb_transport *bus;	/* NULL: not attached */
	const uint32_t *tail, *head;	/* of a queue in memory: work when they differ; or NULL */
	void *bus_data;			/* the transport's own */
	bool started, removed, traced;
	struct mb_watch watch;

	struct mb_timer *timer;		/* a heap */
	uint32_t ntimers, timer_room;
	uint64_t timer_seq;
	uint64_t soonest;		/* when the first is due; read by loops at any time */
	uint64_t clock_base;		/* CLOCK_MONOTONIC at the device's time 0 */
	uint64_t clock;			/* stepped: the time */
	bool stepped;
};

/* error.c: fills *err (NULL is fine), returns -1 */
int mb_fail(struct mb_error *err, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* dispatch.c */
extern const struct mb_regs_ops mb_dispatch_ops, mb_dispatch_config_ops;
int mb_dispatch(struct mb_device *dev, enum mb_event event, uint32_t row);
/* A guest error or a timeout that the bus found: as the register file's own. */
void mb_dispatch_guest_error(struct mb_device *dev, enum mb_guest_error what, uint32_t row,
			     uint32_t bar, uint64_t offset, unsigned int size, uint64_t value);
void mb_dispatch_reset(struct mb_device *dev, uint32_t kind);
/* Registers in configuration space have changed: the bus may want to know. */
void mb_dispatch_config_changed(struct mb_device *dev);
/* A driver's access to configuration space, as far as rows cover it: on the value that the image
 * answers, and, for a write, with the event after it.
 */
uint32_t mb_dispatch_config_read(struct mb_device *dev, uint32_t offset, uint32_t size,
				 uint32_t value);
void mb_dispatch_config_write(struct mb_device *dev, uint32_t offset, uint32_t size,
			      uint32_t value);
/* Status rows that @row, an enable register, enables causes of: look at their level again. */
void mb_dispatch_enabled(struct mb_device *dev, uint32_t row);

/* watch.c: an access, if dev->traced; pieces of DMA, of which the first @done were carried out */
void mb_watch_access(struct mb_device *dev, enum mb_trace_kind kind, uint32_t bar,
		     uint64_t offset, uint32_t size, uint64_t data);
void mb_watch_dma(struct mb_device *dev, const struct mb_dma_piece *piece, uint32_t count,
		  uint32_t done, enum mb_dma_why why);

/* timer.c: run what is due, up to @limit of them; returns how many */
int mb_timers_run(struct mb_device *dev, int limit);
/* Is there one to run? Also by who does not serve the device now. */
bool mb_timer_is_due(const struct mb_device *dev);
uint64_t mb_monotonic(void);

#endif
