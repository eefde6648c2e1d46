/* SPDX-License-Identifier: MIT */
/*
 * trapdev.h: the device that traphost.c tests accesses with: its register map,
 * the threads that serve it, and the driver's side in modules/traptest.c.
 *
 * Try it:  tests/vm/run trap
 */
#ifndef TRAPDEV_H
#define TRAPDEV_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdint.h>

#include "../../kernel/core/regs.h"
#include "../../kernel/uapi/pciem.h"
#include "modules/traptest.h"
#include "tap.h"

/* BAR 0: 64 KiB of registers, ram and nothing. BAR 2: 4 MiB of ram. BAR 4: 16 bytes, one register. */
enum {
	R_ID = 0x00,		/* ro 0x1dea1dea */
	R_SCRATCH = 0x04,	/* rw */
	R_POSTED = 0x08,	/* write hook: kept in seen[], R_EFFECT becomes value + 1 */
	R_EFFECT = 0x0c,	/* ro */
	R_ASKED = 0x10,		/* read hook: the complement of R_SCRATCH */
	R_SYNC = 0x14,		/* sync write hook: R_EFFECT becomes value + 2 */
	R_DEAD = 0x18,		/* read hook that is not answered */
	R_SLOW = 0x1c,		/* read hook that answers after 5 ms */
	R_WIDE = 0x20,		/* rw, 64 bits */
	R_W1C = 0x28,		/* w1c, resets to 0xff */
	R_RC = 0x2c,		/* read clears, resets to 0x5a */
	R_BYTE = 0x30,		/* rw, 8 bits */
	R_NARROW = 0x34,	/* rw, 32 bits in accesses of 4 bytes only */
	R_STATUS = 0x38,	/* ro, follows interrupt 0; writing 1 clears */
	R_ASKED2 = 0x3c,	/* as R_ASKED */
	R_RAISE = 0x40,		/* write hook: sets R_STATUS and raises */
	R_BUSY = 0x44,		/* write hook that computes for so many ms */
	RAM_SMALL = 0x800,	/* 256 bytes of ram in the registers' page */
	RAM_PAGES = 0x4000,	/* 16 KiB of ram: mapped */
	HOLE = 0xf000,		/* nothing */
	BAR0_SIZE = 0x10000,
	BAR2_SIZE = 0x400000,
	BAR4_SIZE = 0x10,
};

#define SEEN	(1 << 17)

/**
 * struct dev - the device, seen by its host
 * @seen: what R_POSTED was written, in order, @nseen times
 * @hold: while set the host looks at no request
 * @told: requests by type; @command: the COMMAND register, as last told
 * @turn: who serves now: 0 nobody, 1 @server, 2 @standby
 * @spin: the server never sleeps
 */
struct dev {
	int fd, bars;
	struct pciem_queue *q;
	struct mb_reg_state *state;
	uint8_t *ram;			/* BAR 2 */
	uint32_t seen[SEEN];
	_Atomic uint32_t nseen, hold, quit, told[16], turn, spin, command;
	_Atomic uint32_t head;
	pthread_t server, standby;
};

extern struct dev dev;

void dev_open(uint64_t timeout_ns);	/* opened, registered, started, served, bound */
void dev_close(void);
int dev_setup(uint64_t timeout_ns);	/* opened and ready for REGISTER; -errno */
void dev_map(void);
void dev_serve(void);			/* a thread's whole life */
void dev_threads(void);
void dev_wait_bound(int bound);
void dev_ioctl(unsigned long cmd, void *arg, const char *what);
struct pciem_stats dev_stats(void);

/* The driver's side. */
extern int drv;
int try_order(struct traptest *t);	/* 0 or -errno */
struct traptest order(struct traptest t);
uint64_t rd(uint32_t context, uint32_t bar, uint64_t offset, uint32_t size);
void wr(uint32_t context, uint32_t bar, uint64_t offset, uint32_t size, uint64_t v);
uint64_t now_ns(void);

#endif
