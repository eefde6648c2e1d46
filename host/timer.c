// SPDX-License-Identifier: MIT
/*
 * timer.c: the clock a device owns and the timers on it, a binary heap. A test
 * steps the clock; a live device follows CLOCK_MONOTONIC.
 *
 * Try it:  make build/test_host && build/test_host
 */
#include <errno.h>
#include <stdlib.h>
#include <time.h>

#include "internal.h"

uint64_t mb_monotonic(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1000000000ull + ts.tv_nsec;
}

uint64_t mb_now(const struct mb_device *dev)
{
	return dev->stepped ? dev->clock : mb_monotonic() - dev->clock_base;
}

static bool sooner(const struct mb_timer *a, const struct mb_timer *b)
{
	return a->due < b->due || (a->due == b->due && a->seq < b->seq);
}

static void sift_up(struct mb_timer *t, uint32_t i)
{
	struct mb_timer x = t[i];

	for (; i && sooner(&x, &t[(i - 1) / 2]); i = (i - 1) / 2)
		t[i] = t[(i - 1) / 2];
	t[i] = x;
}

static void sift_down(struct mb_timer *t, uint32_t n, uint32_t i)
{
	struct mb_timer x = t[i];
	uint32_t child;

	for (; (child = 2 * i + 1) < n; i = child) {
		if (child + 1 < n && sooner(&t[child + 1], &t[child]))
			child++;
		if (!sooner(&t[child], &x))
			break;
		t[i] = t[child];
	}
	t[i] = x;
}

static void publish(struct mb_device *dev)
{
	__atomic_store_n(&dev->soonest, dev->ntimers ? dev->timer[0].due : UINT64_MAX,
			 __ATOMIC_RELAXED);
}

bool mb_timer_is_due(const struct mb_device *dev)
{
	uint64_t soonest = __atomic_load_n(&dev->soonest, __ATOMIC_RELAXED);

	return soonest != UINT64_MAX && !dev->stepped && soonest <= mb_now(dev);
}

int mb_after(struct mb_device *dev, uint64_t ns, uint32_t id)
{
	uint64_t now = mb_now(dev);

	if (dev->ntimers == dev->timer_room) {
		uint32_t room = dev->timer_room ? 2 * dev->timer_room : 16;
		void *p = realloc(dev->timer, room * sizeof(*dev->timer));

		if (!p)
			return -1;
		dev->timer = p;
		dev->timer_room = room;
	}
	dev->timer[dev->ntimers] = (struct mb_timer){
		.due = ns > UINT64_MAX - now ? UINT64_MAX : now + ns,
		.seq = dev->timer_seq++, .id = id };
	sift_up(dev->timer, dev->ntimers++);
	publish(dev);
	return 0;
}

int mb_cancel(struct mb_device *dev, uint32_t id)
{
	uint32_t i, kept = 0, was = dev->ntimers;

	for (i = 0; i < was; i++)
		if (dev->timer[i].id != id)
			dev->timer[kept++] = dev->timer[i];
	dev->ntimers = kept;
	for (i = kept / 2; i-- > 0;)
		sift_down(dev->timer, kept, i);
	publish(dev);
	return was - kept;
}

static uint32_t pop(struct mb_device *dev)
{
	uint32_t id = dev->timer[0].id;

	dev->timer[0] = dev->timer[--dev->ntimers];
	if (dev->ntimers)
		sift_down(dev->timer, dev->ntimers, 0);
	publish(dev);
	return id;
}

uint64_t mb_next_due(const struct mb_device *dev)
{
	uint64_t soonest = __atomic_load_n(&dev->soonest, __ATOMIC_RELAXED), now;

	if (soonest == UINT64_MAX)
		return UINT64_MAX;
	now = mb_now(dev);
	return soonest > now ? soonest - now : 0;
}

int mb_timers_run(struct mb_device *dev, int limit)
{
	int n = 0;

	while (dev->ntimers && n < limit && dev->timer[0].due <= mb_now(dev)) {
		mb_dispatch(dev, MB_EV_TIMER, pop(dev));
		n++;
	}
	return n;
}

void mb_step(struct mb_device *dev, uint64_t ns)
{
	uint64_t until = dev->clock + ns;

	if (!dev->stepped)
		return;
	while (dev->ntimers && dev->timer[0].due <= until) {
		if (dev->timer[0].due > dev->clock)
			dev->clock = dev->timer[0].due;
		mb_dispatch(dev, MB_EV_TIMER, pop(dev));
	}
	dev->clock = until;
}
