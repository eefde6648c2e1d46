/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * queue.h: what queue.c and wait.c share: a driver's patience.
 *
 * Try it:  tools/lab -- tests/vm/queue.t
 */
#ifndef PCIEM_QUEUE_H
#define PCIEM_QUEUE_H

#include "pciem.h"

/**
 * struct pciem_wait - somebody waits
 * @may_sleep: and may do so asleep
 * @limit: ns, from the first look at the clock on
 * @start: @waited: ns, 0 before the first look
 * @looks: so far; @pause: us to sleep next
 */
struct pciem_wait {
	bool may_sleep;
	u64 limit, start, waited;
	u32 looks, pause;
};

void pciem_wait_begin(struct pciem_wait *w, bool may_sleep, u64 limit_ns);
/* Is it too early to do anything but look again? Then it has paused for some nanoseconds. */
bool pciem_wait_spins(struct pciem_wait *w);
/* Pauses, in whatever way is right by now. False: the time is over. */
bool pciem_wait_more(struct pciem_wait *w);
u64 pciem_wait_left(const struct pciem_wait *w);	/* ns */

#endif
