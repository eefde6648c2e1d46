/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * queue.h: what queue.c, wait.c and fast.c share: the queue as the kernel sees
 * it, and a driver's patience.
 *
 * Try it:  tools/lab -- tests/vm/queue.t
 */
#ifndef PCIEM_QUEUE_H
#define PCIEM_QUEUE_H

#include <linux/ratelimit.h>

#include "pciem.h"

#define TOLD_BITS	12

/**
 * struct pciem_queue_state - the kernel's side of the queue
 * @shared: what the host maps too
 * @lock: @tail, entries, @slots; a leaf; any context but NMI
 * @tail: requests made
 * @head: last head that was believed
 * @slots: in use; @gen: of the last request that used each
 * @sleepers: drivers asleep, a queue a slot
 * @host: poll()
 * @told: guest errors that were told, hashed
 * @reported: completion timeouts in the log
 */
struct pciem_queue_state {
	struct pciem_queue *shared;
	raw_spinlock_t lock;
	u32 tail, head;
	DECLARE_BITMAP(slots, PCIEM_QUEUE_SLOTS);
	u32 gen[PCIEM_QUEUE_SLOTS];
	wait_queue_head_t sleepers[PCIEM_QUEUE_SLOTS];
	wait_queue_head_t host;
	DECLARE_BITMAP(told, 1 << TOLD_BITS);
	struct ratelimit_state reported;
};

/* How far the host has come. Read before tail, so that an honest head is never ahead of it. */
static inline u32 pciem_queue_head(struct pciem_queue_state *q)
{
	u32 h = smp_load_acquire(&q->shared->head);
	u32 last = READ_ONCE(q->head), tail = READ_ONCE(q->tail);

	if (h - last > tail - last)
		return last;
	if (h != last)
		WRITE_ONCE(q->head, h);
	return h;
}

static inline bool pciem_queue_drained(struct pciem_queue_state *q)
{
	return pciem_queue_head(q) == READ_ONCE(q->tail);
}

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
