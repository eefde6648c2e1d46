/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * queue.h: what queue.c, wait.c, host.c and fast.c share: the queue as the
 * kernel sees it, and a driver's patience.
 *
 * Try it:  tools/lab -- tests/vm/queue.t
 */
#ifndef PCIEM_QUEUE_H
#define PCIEM_QUEUE_H

#include <linux/ratelimit.h>

#include "pciem.h"

#define TOLD_BITS	12
#define PCIEM_QUEUE_OWN	128	/* slots of CPUs */
#define PCIEM_OWED	(1u << 16)

/**
 * struct pciem_queue_state - the kernel's side of the queue
 * @shared: what the host maps too
 * @lock: @tail, entries, @slots; a leaf; any context but NMI
 * @tail: requests made
 * @head: last head that was believed
 * @slots: in use, of those after the first PCIEM_QUEUE_OWN; @gen: of the last request that used each
 * @own: in use, of the first, which belong to a CPU each and are taken with interrupts off
 * @sleepers: drivers asleep, a queue a slot
 * @host: poll()
 * @told: guest errors that were told, hashed
 * @owed: PCIEM_OWED | a COMMAND that found the queue full; under @lock
 * @reported: completion timeouts in the log
 * @server: the host's thread that serves, as of its last call; under @lock
 * @standby: the host's second thread, once it has called; under @lock
 * @calls: of the standby so far; @taken: the last it has come for; @refused: the last that it, or
 *	the machine, could do nothing about; @dismissed: whether it is to leave, under @lock
 * @standing: the standby sleeps here
 * @rescue: moves both away from @stuck_cpu; @call: calls the standby, up to @calls
 * @server_moves: @standby_moves: one at a time changes where it may run
 * @read_in_irq: the driver's interrupt handlers wait for the host
 */
struct pciem_queue_state {
	struct pciem_queue *shared;
	raw_spinlock_t lock;
	u32 tail, head;
	DECLARE_BITMAP(slots, PCIEM_QUEUE_SLOTS);
	u32 gen[PCIEM_QUEUE_SLOTS];
	bool own[PCIEM_QUEUE_OWN];
	wait_queue_head_t sleepers[PCIEM_QUEUE_SLOTS];
	wait_queue_head_t host;
	DECLARE_BITMAP(told, 1 << TOLD_BITS);
	u32 owed;
	struct ratelimit_state reported;
	struct task_struct *server;
	struct task_struct *standby;
	atomic_t calls;
	u32 taken, refused, dismissed;
	wait_queue_head_t standing;
	struct work_struct rescue, call;
	struct mutex server_moves, standby_moves;
	int stuck_cpu;
	bool read_in_irq;
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

/* ---- host.c: where the host runs ------------------------------------------------------- */

void pciem_host_init(struct pciem_queue_state *q);
void pciem_host_exit(struct pciem_queue_state *q);
void pciem_host_is_current(struct pciem_queue_state *q);	/* the caller serves; may sleep */
/* This CPU is not to be had for a while: the host shall not wait for it. Any context but NMI. */
void pciem_host_rescue(struct pciem_queue_state *q);
/* Is the host what this interrupt interrupted? Then it cannot answer before we are done. */
bool pciem_host_is_below(struct pciem_queue_state *q);
/* Then somebody else may: is there anybody, and a CPU to run on? */
bool pciem_host_has_standby(struct pciem_queue_state *q);
/* Calls the standby; from time to time again, since it may have looked too early. Any context but
 * NMI. Returns the number of the call.
 */
u32 pciem_host_call_standby(struct pciem_queue_state *q);
bool pciem_host_refused(struct pciem_queue_state *q, u32 call);	/* is that call hopeless? */

/* ---- wait.c ------------------------------------------------------------------------------ */

/**
 * struct pciem_wait - somebody waits
 * @q: for the host of this queue
 * @may_sleep: and may do so asleep
 * @below: the host is what we interrupted; @call: of its standby; @refused: in vain
 * @limit: ns, from the first look at the clock on
 * @start: @waited: ns, 0 before the first look
 * @rescue: when to see after the host next
 * @looks: so far; @pause: us to sleep next
 */
struct pciem_wait {
	struct pciem_queue_state *q;
	bool may_sleep, below, refused;
	u64 limit, start, waited, rescue;
	u32 looks, pause, call;
};

void pciem_wait_begin(struct pciem_wait *w, struct pciem_queue_state *q, bool may_sleep,
		      u64 limit_ns);
/* Is it too early to do anything but look again? Then it has paused for some nanoseconds. */
bool pciem_wait_spins(struct pciem_wait *w);
/* Pauses, in whatever way is right by now. False: the time is over. */
bool pciem_wait_more(struct pciem_wait *w);
u64 pciem_wait_left(struct pciem_wait *w);	/* ns, as of now */

#endif
