// SPDX-License-Identifier: MIT
/*
 * standby.c: the threads that stand by for a loop. A driver's timer or interrupt
 * handler may go off on the CPU on which the loop spins, and read a register
 * whose hook only this process can run: the thread below it gets no further
 * before the read is answered. The kernel sees that and calls the standby.
 *
 * Try it:  make build/tsan_standby && build/tsan_standby
 *
 * LuaJIT does not care which thread runs a state as long as one does at a time;
 * the turn is that, and its acquire and release carry what the other has written.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "standby.h"
#include "transport/transport.h"

struct mb_standby_thread {
	struct mb_standby *s;
	struct mb_device *dev;
	pthread_t id;
	uint32_t ended;		/* by itself */
};

void mb_turn_pause(unsigned int tries)
{
	if (tries < 1000)
		__builtin_ia32_pause();
	else
		usleep(20);
}

/* False: it is the loop's. It was interrupted before it could give it, and will be until the driver
 * has given up: waiting for it would be waiting for that.
 */
static bool take_if_idle(struct mb_standby *s)
{
	uint32_t owner = MB_TURN_NOBODY;
	unsigned int tries = 0;

	while (!__atomic_compare_exchange_n(&s->turn, &owner, MB_TURN_STANDBY, 0, __ATOMIC_ACQUIRE,
					    __ATOMIC_RELAXED)) {
		if (owner == MB_TURN_LOOP)
			return false;
		mb_turn_pause(tries++);		/* another device's standby */
		owner = MB_TURN_NOBODY;
	}
	return true;
}

/* False: it cannot. */
static bool relieve(struct mb_standby_thread *t)
{
	uint64_t one = 1;
	int n;

	if (!take_if_idle(t->s))
		return false;
	n = t->dev->bus->relieve(t->dev);
	__atomic_store_n(&t->s->turn, MB_TURN_NOBODY, __ATOMIC_RELEASE);
	if (n && write(t->s->kick, &one, sizeof(one)) < 0)
		abort();	/* an eventfd takes 2^64 - 2 of them */
	return true;
}

/* On any CPU, also where the process was told to keep to one: just that one may be taken. */
static void *stand_by(void *arg)
{
	struct mb_standby_thread *t = arg;
	const struct mb_transport *bus = t->dev->bus;
	enum mb_standby_op op = MB_STANDBY_WAIT;
	cpu_set_t all;
	int ret;

	memset(&all, 0xff, sizeof(all));
	sched_setaffinity(0, sizeof(all), &all);
	for (;;) {
		ret = bus->standby(t->dev, op);
		if (!ret)
			op = relieve(t) ? MB_STANDBY_WAIT : MB_STANDBY_BUSY;
		else if (ret == -EINTR)
			op = MB_STANDBY_WAIT;
		else
			break;
	}
	__atomic_store_n(&t->ended, 1, __ATOMIC_RELEASE);
	return NULL;
}

/* Signals are for the thread that runs the loop: it is what they are to wake. */
static void start_thread(struct mb_standby *s, struct mb_device *dev)
{
	struct mb_standby_thread *t = &s->thread[s->n];
	sigset_t all, before;

	if (!dev->bus || !dev->bus->standby)
		return;
	*t = (struct mb_standby_thread){ .s = s, .dev = dev };
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	if (!pthread_create(&t->id, NULL, stand_by, t)) {
		pthread_setname_np(t->id, "standby");
		s->n++;
	}
	pthread_sigmask(SIG_SETMASK, &before, NULL);
}

struct mb_standby *mb_standby_start(struct mb_device **dev, unsigned int n)
{
	struct mb_standby *s;
	unsigned int i;

	if (sysconf(_SC_NPROCESSORS_ONLN) < 2)
		return NULL;
	s = calloc(1, sizeof(*s));
	if (!s)
		return NULL;
	s->kick = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	s->thread = calloc(n + 1, sizeof(*s->thread));
	for (i = 0; s->thread && s->kick >= 0 && i < n; i++)
		start_thread(s, dev[i]);
	if (s->n)
		return s;
	mb_standby_end(s);
	return NULL;
}

void mb_standby_end(struct mb_standby *s)
{
	unsigned int i;

	if (!s)
		return;
	for (i = 0; i < s->n; i++) {
		struct mb_standby_thread *t = &s->thread[i];

		if (!__atomic_load_n(&t->ended, __ATOMIC_ACQUIRE))
			t->dev->bus->standby(t->dev, MB_STANDBY_DISMISS);
		pthread_join(t->id, NULL);
	}
	if (s->kick >= 0)
		close(s->kick);
	free(s->thread);
	free(s);
}
