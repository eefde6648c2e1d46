// SPDX-License-Identifier: MIT
/*
 * loop.c: serves devices. A wake-up costs far more than an answer, so after
 * work the loop spins for a while before it sleeps; for how long follows from
 * how soon the last sleeps ended, so that an idle host uses no CPU. While it has
 * nothing to do, a standby may serve in its place (standby.h).
 *
 * Try it:  ./moonbar run lua/devices/edu.lua
 */
#define _GNU_SOURCE
#include <poll.h>
#include <string.h>
#include <unistd.h>

#include "standby.h"
#include "transport/transport.h"

#define MAX_DEVICES	64
#define SPIN_MIN	20000ull	/* ns */
#define SPIN_MAX	400000ull
/* Looks before PAUSE: that leaves the core to its other thread, and in a virtual machine costs the next
 * answer a hundred looks.
 */
#define QUICK		1024
#define EXTRA_EVERY	2000000ull	/* ns between looks at the extra descriptor while busy */

struct loop {
	struct mb_device **dev;
	unsigned int n;
	int extra;
	int (*on_extra)(void *);
	void *ctx;
	uint64_t spin, now, looked;	/* ns to spin; the time; when extra was looked at last */
	bool can_spin;
	unsigned int tries;		/* to get the turn, in vain */
	volatile int *stop;
	struct mb_standby *standby;	/* NULL: there is none */
};

/* Set by a signal, or by a hook on whichever thread. */
static bool stopped(const struct loop *l)
{
	return __atomic_load_n(l->stop, __ATOMIC_RELAXED);
}

static int serve_all(struct loop *l, struct mb_error *err)
{
	int total = 0, n;

	for (unsigned int i = 0; i < l->n; i++) {
		if (!l->dev[i]->bus)
			continue;
		n = mb_serve(l->dev[i], err);
		if (n < 0)
			return -1;
		total += n;
	}
	return total;
}

/* Non-zero: the loop is to end. */
static int call_extra(struct loop *l)
{
	int end;

	mb_turn_take(l->standby);
	end = l->on_extra(l->ctx);
	mb_turn_give(l->standby);
	return end;
}

static int look_at_extra(struct loop *l)
{
	struct pollfd p = { .fd = l->extra, .events = POLLIN };

	l->looked = l->now;
	return l->extra >= 0 && poll(&p, 1, 0) == 1 && call_extra(l);
}

static bool any_left(const struct loop *l)
{
	for (unsigned int i = 0; i < l->n; i++)
		if (l->dev[i]->bus && !__atomic_load_n(&l->dev[i]->removed, __ATOMIC_ACQUIRE))
			return true;
	return !l->n;
}

static bool arm(struct loop *l)
{
	bool quiet = true;

	for (unsigned int i = 0; i < l->n; i++)
		quiet &= mb_sleep(l->dev[i]);
	return quiet;
}

static int sleep_until_work(struct loop *l)
{
	struct pollfd p[MAX_DEVICES + 2];
	uint64_t due = UINT64_MAX, before = mb_monotonic(), slept, kicks;
	struct timespec ts, *timeout = NULL;
	nfds_t n = 0;
	int ready;

	for (unsigned int i = 0; i < l->n; i++) {
		int fd = mb_fd(l->dev[i]);
		uint64_t d = l->dev[i]->bus ? mb_next_due(l->dev[i]) : UINT64_MAX;

		if (fd >= 0)
			p[n++] = (struct pollfd){ .fd = fd, .events = POLLIN };
		if (d < due && !l->dev[i]->stepped)
			due = d;
	}
	p[n] = (struct pollfd){ .fd = l->extra, .events = POLLIN };
	if (due != UINT64_MAX) {
		ts = (struct timespec){ due / 1000000000, due % 1000000000 };
		timeout = &ts;
	}
	p[n + 1] = (struct pollfd){ .fd = l->standby ? l->standby->kick : -1, .events = POLLIN };
	ready = ppoll(p, n + 2, timeout, NULL);
	slept = mb_monotonic() - before;
	if (slept < SPIN_MAX)
		l->spin = 2 * l->spin < SPIN_MAX ? 2 * l->spin : SPIN_MAX;
	else
		l->spin = l->spin / 2 > SPIN_MIN ? l->spin / 2 : SPIN_MIN;
	if (ready > 0 && p[n + 1].revents && read(p[n + 1].fd, &kicks, sizeof(kicks)) < 0)
		return 1;
	if (ready > 0 && p[n].revents && l->extra >= 0) {
		l->looked = mb_monotonic();
		return call_extra(l);
	}
	return 0;
}

static bool any_pending(const struct loop *l)
{
	for (unsigned int i = 0; i < l->n; i++) {
		const struct mb_device *d = l->dev[i];

		if (d->bus && (d->bus->pending(d) || mb_timer_is_due(d)))
			return true;
	}
	return false;
}

static inline bool any_queued(const struct loop *l)
{
	for (unsigned int i = 0; i < l->n; i++)
		if (l->dev[i]->tail && __atomic_load_n(l->dev[i]->tail, __ATOMIC_RELAXED) !=
				       __atomic_load_n(l->dev[i]->head, __ATOMIC_RELAXED))
			return true;
	return false;
}

/* Returns true when there is work, false when the time is up or the loop is to end. */
static bool spin(struct loop *l)
{
	uint64_t until = l->now + l->spin;
	unsigned int i, looks = 0;

	do {
		for (i = 0; i < 256 && !any_queued(l); i++)
			if (++looks > QUICK && i % 8 == 7)
				__builtin_ia32_pause();
		if (any_pending(l))
			return true;
		l->now = mb_monotonic();
	} while (!stopped(l) && l->now < until);
	return false;
}

/* A standby may be about to finish what is pending: then there is nothing to take the turn for. */
static int serve_in_turn(struct loop *l, struct mb_error *err)
{
	int did;

	if (!mb_turn_try(l->standby)) {
		mb_turn_pause(l->tries++);
		return 0;
	}
	l->tries = 0;
	did = serve_all(l, err);
	mb_turn_give(l->standby);
	return did;
}

/* A driver that interrupts us while we have the turn is not answered: so it is never held longer
 * than there is work. What has not got it must not touch a device.
 */
static int run(struct loop *l, struct mb_error *err)
{
	while (!stopped(l) && any_left(l)) {
		l->now = mb_monotonic();
		if (any_pending(l) || (l->can_spin && spin(l))) {
			if (serve_in_turn(l, err) < 0)
				return -1;
			if (l->now - l->looked > EXTRA_EVERY && look_at_extra(l))
				break;
		} else if (!stopped(l) && arm(l) && sleep_until_work(l)) {
			break;
		}
	}
	return 0;
}

int mb_loop(struct mb_device **dev, unsigned int n, int extra, int (*on_extra)(void *), void *ctx,
	    volatile int *stop, struct mb_error *err)
{
	struct loop l = {
		.dev = dev, .n = n, .extra = extra, .on_extra = on_extra, .ctx = ctx,
		.spin = SPIN_MIN, .can_spin = sysconf(_SC_NPROCESSORS_ONLN) > 1, .stop = stop,
	};
	int ret;

	if (n > MAX_DEVICES)
		return mb_fail(err, "a loop serves at most %d devices, not %u", MAX_DEVICES, n);
	l.standby = mb_standby_start(dev, n);
	ret = run(&l, err);
	mb_standby_end(l.standby);
	return ret;
}
