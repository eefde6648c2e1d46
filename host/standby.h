/* SPDX-License-Identifier: MIT */
/*
 * standby.h: whose turn it is to serve a loop's devices. A thread that has been
 * interrupted by the driver that waits for it cannot answer; another of the same
 * process can, as long as the first is not in the middle of a request.
 *
 * Try it:  make build/tsan_standby && build/tsan_standby
 *
 * Whoever touches a device, its timers or Lua has the turn. The loop takes it for
 * each batch of work, and not for looking whether there is any; a standby thread a
 * device takes it when the bus calls, and never waits for the loop to give it.
 */
#ifndef MB_STANDBY_H
#define MB_STANDBY_H

#include <stdint.h>

#include "moonbar.h"

enum { MB_TURN_NOBODY, MB_TURN_LOOP, MB_TURN_STANDBY };

struct mb_standby_thread;

/**
 * struct mb_standby - the standby threads of one loop
 * @turn: MB_TURN_*
 * @kick: an eventfd: a standby has served, timers may be due sooner
 */
struct mb_standby {
	uint32_t turn;
	int kick;
	unsigned int n;
	struct mb_standby_thread *thread;
};

/* Starts the threads; it is nobody's turn then. NULL: no bus here calls for one, or there is only
 * one CPU, or no memory. All below take NULL, and do nothing.
 */
struct mb_standby *mb_standby_start(struct mb_device **dev, unsigned int n);
void mb_standby_end(struct mb_standby *s);
/* Between two tries: a standby has it, who gives it within microseconds or runs a hook. */
void mb_turn_pause(unsigned int tries);

static inline bool mb_turn_try(struct mb_standby *s)
{
	uint32_t nobody = MB_TURN_NOBODY;

	return !s || __atomic_compare_exchange_n(&s->turn, &nobody, MB_TURN_LOOP, 0,
						 __ATOMIC_ACQUIRE, __ATOMIC_RELAXED);
}

static inline void mb_turn_take(struct mb_standby *s)
{
	unsigned int tries = 0;

	while (!mb_turn_try(s))
		mb_turn_pause(tries++);
}

static inline void mb_turn_give(struct mb_standby *s)
{
	if (s)
		__atomic_store_n(&s->turn, MB_TURN_NOBODY, __ATOMIC_RELEASE);
}

#endif
