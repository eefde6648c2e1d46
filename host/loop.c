// SPDX-License-Identifier: MIT
/*
 * loop.c: serves devices. A wake-up costs far more than an answer, so after
 * work the loop spins for a while before it sleeps; for how long follows from
 * how soon the last sleeps ended, so that an idle host uses no CPU.
 *
 * Try it:  ./moonbar run lua/devices/edu.lua
 */
#define _GNU_SOURCE
#include <errno.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>

#include "internal.h"

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
	uint64_t spin, looked;		/* ns to spin; when extra was looked at last */
	bool can_spin;
};

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
static int look_at_extra(struct loop *l, uint64_t now)
{
	struct pollfd p = { .fd = l->extra, .events = POLLIN };

	l->looked = now;
	if (l->extra < 0 || poll(&p, 1, 0) != 1)
		return 0;
	return l->on_extra(l->ctx);
}

static bool any_left(const struct loop *l)
{
	for (unsigned int i = 0; i < l->n; i++)
		if (l->dev[i]->bus && !l->dev[i]->removed)
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
	struct pollfd p[MAX_DEVICES + 1];
	uint64_t due = UINT64_MAX, before = mb_monotonic(), slept;
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
	ready = ppoll(p, n + 1, timeout, NULL);
	slept = mb_monotonic() - before;
	if (slept < SPIN_MAX)
		l->spin = 2 * l->spin < SPIN_MAX ? 2 * l->spin : SPIN_MAX;
	else
		l->spin = l->spin / 2 > SPIN_MIN ? l->spin / 2 : SPIN_MIN;
	if (ready > 0 && p[n].revents && l->extra >= 0) {
		l->looked = mb_monotonic();
		return l->on_extra(l->ctx);
	}
	return 0;
}

static inline bool any_queued(const struct loop *l)
{
	for (unsigned int i = 0; i < l->n; i++)
		if (l->dev[i]->tail &&
		    __atomic_load_n(l->dev[i]->tail, __ATOMIC_RELAXED) != *l->dev[i]->head)
			return true;
	return false;
}

/* Returns 1 when there was work, 0 when the time is up, -1 on error, 2 to end. */
static int spin(struct loop *l, volatile int *stop, struct mb_error *err)
{
	uint64_t until = mb_monotonic() + l->spin, now;
	unsigned int i, looks = 0;
	int n;

	do {
		for (i = 0; i < 256 && !any_queued(l); i++)
			if (++looks > QUICK && i % 8 == 7)
				__builtin_ia32_pause();
		n = serve_all(l, err);
		if (n)
			return n < 0 ? -1 : 1;
		if (*stop)
			return 2;
		now = mb_monotonic();
	} while (now < until);
	return 0;
}

int mb_loop(struct mb_device **dev, unsigned int n, int extra, int (*on_extra)(void *), void *ctx,
	    volatile int *stop, struct mb_error *err)
{
	struct loop l = { dev, n, extra, on_extra, ctx, SPIN_MIN, 0,
			  sysconf(_SC_NPROCESSORS_ONLN) > 1 };
	uint64_t now;
	int did;

	if (n > MAX_DEVICES)
		return mb_fail(err, "a loop serves at most %d devices, not %u", MAX_DEVICES, n);
	while (!*stop && any_left(&l)) {
		did = serve_all(&l, err);
		if (did < 0)
			return -1;
		if (!did) {
			did = l.can_spin ? spin(&l, stop, err) : 0;
			if (did < 0)
				return -1;
			if (did == 2)
				break;
			if (!did && arm(&l) && !*stop && sleep_until_work(&l))
				break;
			continue;
		}
		now = mb_monotonic();
		if (now - l.looked > EXTRA_EVERY && look_at_extra(&l, now))
			break;
	}
	return 0;
}
