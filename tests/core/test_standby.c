// SPDX-License-Identifier: MIT
/*
 * test_standby.c: a loop and its standby: never both at once (the thread sanitizer
 * watches), every request answered by one of them, and a driver that interrupts
 * the loop itself is answered, or refused if the loop was in a hook. The bus is
 * one of this file's, a ring in memory; the interrupt is a signal.
 *
 * Try it:  make build/tsan_standby && build/tsan_standby
 */
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <semaphore.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <cmocka.h>

#include "transport/transport.h"

#define RING	64
#define MANY	20000

enum { COUNT = 1, LATER, INTERRUPT, END };	/* what a request asks of the hook */

/* @answered: requests whose hook is over; @plain: counted without any care but the turn */
static struct {
	struct mb_device *dev;
	struct mb_error err;
	uint32_t tail, head, awake, what[RING];
	int work;			/* eventfd to sleep on */
	sem_t call;
	uint32_t calls, taken, refused, dismissed, relieved;
	uint64_t plain;
	uint32_t timers, given_up, helped, interrupts;
	pthread_t loop;
	volatile int stop;
} t;

static uint32_t load(uint32_t *p)
{
	return __atomic_load_n(p, __ATOMIC_ACQUIRE);
}

static void store(uint32_t *p, uint32_t v)
{
	__atomic_store_n(p, v, __ATOMIC_RELEASE);
}

/* ---- the driver ------------------------------------------------------------------------- */

static uint32_t put(uint32_t what)
{
	uint64_t one = 1;
	uint32_t tail = load(&t.tail);

	while (tail - load(&t.head) >= RING)
		;
	t.what[tail % RING] = what;
	store(&t.tail, tail + 1);
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	if (!load(&t.awake) && write(t.work, &one, sizeof(one)) < 0)
		abort();
	return tail + 1;
}

static bool answered(uint32_t request)
{
	return (int32_t)(load(&t.head) - request) >= 0;
}

static uint32_t call_standby(void)
{
	uint32_t n = __atomic_add_fetch(&t.calls, 1, __ATOMIC_ACQ_REL);

	sem_post(&t.call);
	return n;
}

/* A driver's interrupt handler on the loop's own CPU: the loop gets no further before it ends. */
static void interrupt(int sig)
{
	uint32_t request, call;

	(void)sig;
	request = put(COUNT);
	call = call_standby();
	while (!answered(request) && (int32_t)(load(&t.refused) - call) < 0)
		;
	if (answered(request))
		__atomic_add_fetch(&t.helped, 1, __ATOMIC_RELAXED);
	else
		__atomic_add_fetch(&t.given_up, 1, __ATOMIC_RELAXED);
	__atomic_add_fetch(&t.interrupts, 1, __ATOMIC_RELEASE);
}

/* ---- the bus ------------------------------------------------------------------------------ */

static bool pending(const struct mb_device *dev)
{
	(void)dev;
	return load(&t.tail) != load(&t.head);
}

static int handle_all(struct mb_device *dev)
{
	int n = 0;

	for (; pending(dev); n++) {
		mb_dispatch(dev, MB_EV_COMMAND, t.what[t.head % RING]);
		store(&t.head, t.head + 1);
	}
	return n;
}

static int serve(struct mb_device *dev, struct mb_error *err)
{
	(void)err;
	store(&t.awake, 1);
	return handle_all(dev);
}

static int relieve(struct mb_device *dev)
{
	int n = handle_all(dev);

	__atomic_add_fetch(&t.relieved, n, __ATOMIC_RELAXED);
	return n;
}

static int standby(struct mb_device *dev, enum mb_standby_op op)
{
	(void)dev;
	if (op == MB_STANDBY_DISMISS) {
		store(&t.dismissed, 1);
		sem_post(&t.call);
		return 0;
	}
	if (op == MB_STANDBY_BUSY)
		store(&t.refused, t.taken);
	while (!load(&t.dismissed) && load(&t.calls) == t.taken)
		sem_wait(&t.call);
	if (load(&t.dismissed))
		return -ECANCELED;
	t.taken = load(&t.calls);
	return 0;
}

static int bus_fd(const struct mb_device *dev)
{
	(void)dev;
	return t.work;
}

static bool sleep_now(struct mb_device *dev)
{
	uint64_t n;

	if (read(t.work, &n, sizeof(n)) < 0 && errno != EAGAIN)
		abort();
	store(&t.awake, 0);
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	return !pending(dev);
}

static void detach(struct mb_device *dev)
{
	dev->bus = NULL;
}

static const struct mb_transport ring = {
	.name = "ring", .detach = detach, .serve = serve, .pending = pending, .fd = bus_fd,
	.sleep = sleep_now, .standby = standby, .relieve = relieve,
};

/* ---- the model ------------------------------------------------------------------------------ */

static int handler(void *ctx, enum mb_event event, uint32_t what, struct mb_call *call)
{
	(void)ctx;
	t.plain++;
	call->value++;
	if (event == MB_EV_TIMER) {
		__atomic_add_fetch(&t.timers, 1, __ATOMIC_RELEASE);
		return 0;
	}
	if (what == LATER)
		mb_after(t.dev, 1000000, 1);
	else if (what == INTERRUPT)
		raise(SIGUSR1);
	else if (what == END)
		__atomic_store_n(&t.stop, 1, __ATOMIC_RELAXED);
	return 0;
}

static void *run_loop(void *unused)
{
	struct mb_device *dev = t.dev;

	(void)unused;
	if (mb_loop(&dev, 1, -1, NULL, NULL, &t.stop, &t.err))
		abort();
	return NULL;
}

static int set_up(void **state)
{
	struct mb_desc d = { .name = "ring", .vendor = 1, .device = 2 };
	struct sigaction act = { .sa_handler = interrupt };

	(void)state;
	memset(&t, 0, sizeof(t));
	t.work = eventfd(0, EFD_NONBLOCK);
	sem_init(&t.call, 0, 0);
	sigaction(SIGUSR1, &act, NULL);
	t.dev = mb_device_new(&d, handler, NULL, &t.err);
	if (!t.dev)
		return -1;
	t.dev->bus = &ring;
	t.dev->tail = &t.tail;
	t.dev->head = &t.head;
	return pthread_create(&t.loop, NULL, run_loop, NULL);
}

static int tear_down(void **state)
{
	(void)state;
	mb_device_free(t.dev);
	sem_destroy(&t.call);
	close(t.work);
	return 0;
}

/* At most ten seconds. */
static bool comes_to(uint32_t *n, uint32_t wanted)
{
	int i;

	for (i = 0; i < 100000 && load(n) != wanted; i++)
		usleep(100);
	return load(n) == wanted;
}

/* The loop has begun, and with it the standby. */
static void begin(void)
{
	assert_true(comes_to(&t.head, put(COUNT)));
}

static void end(void)
{
	put(END);
	pthread_join(t.loop, NULL);
}

static bool one_cpu(void)
{
	return sysconf(_SC_NPROCESSORS_ONLN) < 2;
}

/* ---- tests ------------------------------------------------------------------------------------ */

/* Called when there is no need, the standby does not hurt. */
static void test_one_at_a_time(void **state)
{
	uint32_t i, last = 0;

	(void)state;
	for (i = 0; i < MANY; i++) {
		last = put(COUNT);
		if (i % 2)
			call_standby();
		if (i % 64 == 63)
			usleep(i % 1024);	/* now and then long enough for the loop to sleep */
	}
	while (!answered(last))
		;
	end();
	assert_int_equal(t.plain, MANY + 1);
	assert_int_equal(t.dev->call.value, MANY + 1);
}

/* What it has armed must wake a loop that sleeps without a timer. */
static void test_timer_of_the_standby(void **state)
{
	uint32_t last;

	(void)state;
	if (one_cpu())
		skip();
	begin();
	usleep(50000);			/* the loop is asleep */
	store(&t.awake, 1);		/* and nobody wakes it for a request */
	last = put(LATER);
	call_standby();
	assert_true(comes_to(&t.head, last));
	assert_int_equal(load(&t.relieved), 1);
	assert_true(comes_to(&t.timers, 1));
	end();
}

static void test_interrupted_while_idle(void **state)
{
	uint32_t i;

	(void)state;
	if (one_cpu())
		skip();
	begin();
	for (i = 0; i < 500; i++) {
		uint32_t last = load(&t.tail);

		while (!answered(last))
			;
		usleep(i % 2 ? 100 : 0);
		pthread_kill(t.loop, SIGUSR1);
		assert_true(comes_to(&t.interrupts, i + 1));
	}
	end();
	assert_true(t.helped > 400);	/* a few may come between two requests */
	assert_int_equal(t.helped + t.given_up, 500);
	assert_int_equal(t.plain, 502);
}

static void test_interrupted_in_a_hook(void **state)
{
	uint32_t i;

	(void)state;
	if (one_cpu())
		skip();
	begin();
	for (i = 0; i < 100; i++) {
		put(INTERRUPT);
		assert_true(comes_to(&t.interrupts, i + 1));
	}
	end();
	assert_int_equal(t.given_up, 100);
	assert_int_equal(t.plain, 202);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_one_at_a_time, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_timer_of_the_standby, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_interrupted_while_idle, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_interrupted_in_a_hook, set_up, tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
