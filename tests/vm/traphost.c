// SPDX-License-Identifier: MIT
/*
 * traphost.c: a driver's accesses, from every context and by every kind of
 * instruction, and what the bus promises of them.
 *
 * Try it:  tests/vm/run trap
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "trapdev.h"

#define MS	1000000ull
#define ONES	0xffffffffull

/* A busy machine may keep the host from running for long; timeouts() wants the default. */
static uint64_t patience = 2000 * MS;

static const char *const context_names[] = {
	"a task", "interrupts off", "preemption off", "a spinlock held", "an RCU reader",
	"a softirq", "an interrupt handler",
};

/* ---- answers --------------------------------------------------------------------------- */

static void local(void)
{
	struct pciem_stats before = dev_stats(), after;

	is(rd(0, 0, R_ID, 4), 0x1dea1dea, "a constant register reads as it is");
	is(rd(0, 0, R_ID, 1), 0xea, "its first byte");
	is(rd(0, 0, R_ID + 2, 2), 0x1dea, "its upper half");
	wr(0, 0, R_SCRATCH, 4, 0x12345678);
	wr(0, 0, R_SCRATCH + 1, 1, 0xab);
	is(rd(0, 0, R_SCRATCH, 4), 0x1234ab78, "a byte written into a register leaves the others");
	wr(0, 0, R_WIDE, 8, 0x1122334455667788ull);
	is(rd(0, 0, R_WIDE, 8), 0x1122334455667788ll, "64 bits");
	is(rd(0, 0, R_WIDE + 4, 4), 0x11223344, "their upper half");
	wr(0, 0, R_W1C, 4, 0x0f);
	is(rd(0, 0, R_W1C, 4), 0xf0, "write one to clear");
	is(rd(0, 0, R_RC, 4), 0x5a, "a register that reads clear, read once");
	is(rd(0, 0, R_RC, 4), 0, "and again");
	wr(0, 4, 0, 4, 0xcafe);
	is(rd(0, 4, 0, 4), 0xcafe, "a BAR smaller than a page");
	after = dev_stats();
	ok(after.local - before.local >= 12 && after.waited == before.waited,
	   "none of it needed the host");
}

static void holes(void)
{
	uint32_t errors, tries;

	is(rd(0, 0, HOLE, 4), ONES, "nothing reads as ones");
	wr(0, 0, HOLE, 4, 1);
	wr(0, 0, R_ID, 4, 1);
	is(rd(0, 0, R_ID, 4), 0x1dea1dea, "a read-only register stays");
	is(rd(0, 0, R_NARROW, 2), 0xffff, "a size that the register does not take");
	for (tries = 0; dev.told[PCIEM_REQ_GUEST_ERROR] < 4 && tries < 5000; tries++)
		usleep(1000);
	errors = dev.told[PCIEM_REQ_GUEST_ERROR];
	is(errors, 4, "each of the four is known to the host");
	order((struct traptest) { .op = TT_REPEAT, .offset = HOLE, .size = 4, .count = 1000 });
	usleep(100000);
	is(dev.told[PCIEM_REQ_GUEST_ERROR], errors, "once, whatever the driver repeats");
}

static void asked(void)
{
	wr(0, 0, R_SCRATCH, 4, 0x0f0f0000);
	is(rd(0, 0, R_ASKED, 4), 0xf0f0ffff, "a read that the host answers");
	wr(0, 0, R_SYNC, 4, 40);
	is(rd(0, 0, R_EFFECT, 4), 42, "a write that waits for the host's hook");
}

static void contexts(void)
{
	uint32_t c;

	for (c = 0; c < TT_CONTEXTS; c++) {
		uint32_t v = 0x1000 + c;
		struct traptest t;

		wr(c, 0, R_SCRATCH, 4, v);
		t = order((struct traptest) { .op = TT_READ, .context = c, .offset = R_ASKED,
					      .size = 4 });
		ok(t.result == (uint32_t)~v, "a read that the host answers, from %s (%llu us)",
		   context_names[c], (unsigned long long)t.ns / 1000);
		wr(c, 0, R_POSTED, 4, v);
		ok(rd(c, 0, R_EFFECT, 4) == v + 1, "a posted write and its effect, from %s",
		   context_names[c]);
		t = order((struct traptest) { .op = TT_READ, .context = c, .offset = R_SLOW,
					      .size = 4 });
		ok(t.result == 0x510, "an answer that takes 5 ms, from %s (%llu us)",
		   context_names[c], (unsigned long long)t.ns / 1000);
		if (c == TT_NORMAL)
			ok(t.slept > 0, "a task sleeps for it");
		else if (c <= TT_RCU)
			is(t.slept, 0, "nobody sleeps there");
	}
}

/* ---- one CPU for both ------------------------------------------------------------------------ */

/* The driver's timer goes off on the CPU on which the host spins: it interrupts who must answer. */
static void pin(pthread_t thread, bool pinned)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(1, &set);
	if (!pinned)
		CPU_SET(0, &set);
	errno = pthread_setaffinity_np(thread, sizeof(set), &set);
	if (errno)
		bail("sched_setaffinity");
}

static void over_the_host(uint32_t c)
{
	struct pciem_stats before = dev_stats();
	uint32_t wrong = 0, i;

	for (i = 0; i < 1000; i++) {
		wr(0, 0, R_SCRATCH, 4, i);
		wrong += rd(c, 0, R_ASKED, 4) != (uint32_t)~i;
	}
	ok(!wrong, "1000 reads that the host answers, from %s over the host (%u wrong)",
	   context_names[c], wrong);
	ok(dev_stats().standby > before.standby, "its standby answered (%llu)",
	   (unsigned long long)(dev_stats().standby - before.standby));
	is(order((struct traptest) { .op = TT_PUSH, .context = c, .offset = R_POSTED,
				     .arg = R_EFFECT, .size = 4, .count = 200 }).result, 0,
	   "200 posted writes and their effect");
	dev.nseen = 0;
	order((struct traptest) { .op = TT_BURST, .context = c, .offset = R_POSTED, .size = 4,
				  .count = 6000 });
	is(rd(0, 0, R_EFFECT, 4), 6000, "6000 posted writes, more than the queue holds");
	is(dev.nseen, 6000, "none lost");
}

/* In the middle of a request the host cannot answer, and nobody in its place: that ends soon. */
static void over_a_request(uint32_t c)
{
	uint64_t soonest = patience;
	uint32_t ones = 0, wrong = 0, i;

	wr(0, 0, R_SCRATCH, 4, 0x55);
	for (i = 0; i < 5; i++) {
		struct traptest t = { .op = TT_READ, .context = c, .offset = R_ASKED, .size = 4 };

		wr(0, 0, R_BUSY, 4, 50);
		usleep(5000);
		t = order(t);
		ones += t.result == ONES;
		wrong += t.result != ONES && t.result != (uint32_t)~0x55;
		soonest = t.ns < soonest ? t.ns : soonest;
		usleep(60000);
	}
	ok(ones && !wrong, "reads from %s over a request: all-ones, %u of 5", context_names[c],
	   ones);
	ok(soonest < patience, "after %llu us, before the completion timeout",
	   (unsigned long long)soonest / 1000);
}

static void one_cpu(void)
{
	dev.spin = 1;
	pin(pthread_self(), true);
	pin(dev.server, true);
	over_the_host(TT_SOFTIRQ);
	over_the_host(TT_HARDIRQ);
	over_a_request(TT_HARDIRQ);
	pin(dev.server, false);
	pin(pthread_self(), false);
	dev.spin = 0;
}

/* ---- order -------------------------------------------------------------------------------- */

static void burst(void)
{
	const uint32_t n = 100000;
	struct traptest t;
	uint32_t i, wrong = 0;

	dev.nseen = 0;
	t = order((struct traptest) { .op = TT_BURST, .offset = R_POSTED, .size = 4, .data = 7,
				      .count = n });
	is(rd(0, 0, R_EFFECT, 4), 7 + n, "the last of 100,000 posted writes has its effect");
	is(dev.nseen, n, "none of them was lost");
	for (i = 0; i < n; i++)
		wrong += dev.seen[i] != 7 + i;
	is(wrong, 0, "all of them came in order");
	printf("# posted write, in a burst: %llu ns\n", (unsigned long long)(t.ns / n));

	dev.nseen = 0;
	t = order((struct traptest) { .op = TT_BURST, .context = TT_IRQS_OFF, .offset = R_POSTED,
				      .size = 4, .data = 9, .count = 20000 });
	is(rd(0, 0, R_EFFECT, 4), 9 + 20000, "20,000 with interrupts off");
	is(dev.nseen, 20000, "none lost");
}

/* A million, or what a minute holds. */
static void push(void)
{
	uint64_t start = now_ns(), done = 0, stale = 0;

	while (done < 1000000 && now_ns() - start < 60000 * MS) {
		struct traptest t = order((struct traptest) {
			.op = TT_PUSH, .offset = R_POSTED, .arg = R_EFFECT, .size = 4,
			.count = 10000 });

		stale += t.result;
		done += 10000;
	}
	is(stale, 0, "a read after a posted write sees its effect");
	ok(done >= 10000, "%llu times", (unsigned long long)done);
	printf("# posted write and read that pushes it: %llu ns\n",
	       (unsigned long long)((now_ns() - start) / done));
}

static void local_behind_posted(void)
{
	dev.hold = 1;
	wr(0, 0, R_POSTED, 4, 1);
	wr(0, 0, R_SCRATCH, 4, 0xbeef);
	is(dev.state[1].value == 0xbeef, 0, "a write answered here does not overtake a posted one");
	dev.hold = 0;
	is(rd(0, 0, R_SCRATCH, 4), 0xbeef, "and comes after it");
}

static void *release_later(void *ms)
{
	usleep((uintptr_t)ms * 1000);
	dev.hold = 0;
	return NULL;
}

static void full_queue(void)
{
	struct pciem_stats before = dev_stats();
	struct traptest t;
	pthread_t th;

	dev.nseen = 0;
	dev.hold = 1;
	pthread_create(&th, NULL, release_later, (void *)200);
	t = order((struct traptest) { .op = TT_BURST, .offset = R_POSTED, .size = 4, .data = 0,
				      .count = 6000 });
	pthread_join(th, NULL);
	is(rd(0, 0, R_EFFECT, 4), 6000, "a full queue makes the driver wait");
	is(dev.nseen, 6000, "nothing is dropped");
	ok(t.ns > 150 * MS && t.slept, "it slept (%llu ms)", (unsigned long long)(t.ns / MS));
	ok(dev_stats().queue_full > before.queue_full, "and it was counted");
}

/* The host raises inside a hook, and the handler's reads need that hook to be over. */
static void handlers(void)
{
	struct traptest t = { .op = TT_IRQS, .offset = R_RAISE, .arg = R_STATUS, .count = 2000 };
	uint64_t start = now_ns();

	wr(0, 0, R_SCRATCH, 4, 0x77);
	t.data = ~0x77u;
	t = order(t);
	is(t.result, 0, "2000 interrupts whose handler reads its cause, asks the host, and clears it");
	printf("# such an interrupt: %llu ns\n", (unsigned long long)((now_ns() - start) / 2000));
}

/* ---- nobody waits for ever ------------------------------------------------------------------------ */

static void timeouts(void)
{
	struct pciem_stats before = dev_stats();
	uint32_t told = dev.told[PCIEM_REQ_TIMEOUT], c;
	uint64_t limit = 50 * MS;

	dev_ioctl(PCIEM_SET_TIMEOUT, &limit, "SET_TIMEOUT");
	for (c = 0; c < TT_CONTEXTS; c++) {
		struct traptest t = order((struct traptest) {
			.op = TT_READ, .context = c, .offset = R_DEAD, .size = 4 });

		ok(t.result == ONES && t.ns >= 49 * MS && t.ns < 1000 * MS,
		   "no answer: all-ones in time, from %s (%llu ms)", context_names[c],
		   (unsigned long long)(t.ns / MS));
	}
	is(dev_stats().timeouts - before.timeouts, TT_CONTEXTS, "each was counted");
	is(rd(0, 0, R_ASKED, 4), (uint32_t)~rd(0, 0, R_SCRATCH, 4), "what comes after is answered");
	is(dev.told[PCIEM_REQ_TIMEOUT] - told, TT_CONTEXTS, "and told to the host");
	dev.hold = 1;
	wr(0, 0, R_POSTED, 4, 1);
	is(rd(0, 0, R_ID, 4), ONES, "a local read behind a write that is not handled");
	dev.hold = 0;
	is(rd(0, 0, R_ID, 4), 0x1dea1dea, "and after it was");
}

/* An answer that comes when nobody waits any more must not be another request's. */
static void late_answer(void)
{
	dev.hold = 1;
	is(rd(0, 0, R_SLOW, 4), ONES, "a read is given up");
	dev.hold = 0;
	is(rd(0, 0, R_ASKED, 4), (uint32_t)~rd(0, 0, R_SCRATCH, 4),
	   "its late answer is not taken for the next one's");
}

static void wild_head(void)
{
	__atomic_store_n(&dev.q->head, dev.head + 1000, __ATOMIC_RELEASE);
	dev.hold = 1;
	wr(0, 0, R_POSTED, 4, 1);
	__atomic_store_n(&dev.q->head, dev.head + 1000, __ATOMIC_RELEASE);
	is(rd(0, 0, R_ID, 4), ONES, "a head beyond the tail is not believed");
	__atomic_store_n(&dev.q->head, dev.head, __ATOMIC_RELEASE);
	dev.hold = 0;
	is(rd(0, 0, R_ID, 4), 0x1dea1dea, "a right one is");
	dev_ioctl(PCIEM_SET_TIMEOUT, &patience, "SET_TIMEOUT");
}

/* ---- instructions ------------------------------------------------------------------------------------ */

static void instructions(void)
{
	uint8_t out[600], in[600];
	struct traptest t;
	unsigned int i;

	for (i = 0; i < sizeof(out); i++)
		out[i] = i * 7 + 3;
	order((struct traptest) { .op = TT_COPY_TO, .bar = 2, .offset = 4096 - 300, .count = 600,
				  .buffer = (uintptr_t)out });
	ok(!memcmp(dev.ram + 4096 - 300, out, 600), "memcpy_toio into mapped pages");
	memset(in, 0, sizeof(in));
	order((struct traptest) { .op = TT_COPY_FROM, .bar = 2, .offset = 4096 - 300, .count = 600,
				  .buffer = (uintptr_t)in });
	ok(!memcmp(in, out, 600), "memcpy_fromio of them");
	order((struct traptest) { .op = TT_COPY_TO, .offset = RAM_SMALL, .count = 255,
				  .buffer = (uintptr_t)out });
	memset(in, 0, sizeof(in));
	order((struct traptest) { .op = TT_COPY_FROM, .offset = RAM_SMALL, .count = 255,
				  .buffer = (uintptr_t)in });
	ok(!memcmp(in, out, 255), "memcpy_toio and _fromio of ram beside registers");
	memset(in, 0, sizeof(in));
	order((struct traptest) { .op = TT_COPY_FROM, .offset = R_ID, .count = 8,
				  .buffer = (uintptr_t)in });
	ok(in[0] == 0xea && in[3] == 0x1d, "memcpy_fromio of registers");
	order((struct traptest) { .op = TT_SET, .offset = RAM_SMALL, .data = 0x5c, .count = 200 });
	is(rd(0, 0, RAM_SMALL + 199, 1), 0x5c, "memset_io of ram beside registers");
	is(rd(0, 0, RAM_SMALL + 200, 1), out[200], "to the byte");
	wr(0, 0, R_SCRATCH, 4, 0x80000000);
	t = order((struct traptest) { .op = TT_OR, .offset = R_SCRATCH, .data = 0x11 });
	is(rd(0, 0, R_SCRATCH, 4), 0x80000011, "a read-modify-write of a register");
	is(t.result, 0x80, "and its flags");
	t = order((struct traptest) { .op = TT_XADD, .offset = R_SCRATCH, .data = 0x10 });
	ok(t.result == 0x80000011 && rd(0, 0, R_SCRATCH, 4) == 0x80000021, "lock xadd");
	wr(0, 0, RAM_PAGES - 4, 4, 1);
	is(rd(0, 0, RAM_PAGES - 2, 4) & 0xffff, 0xffff,
	   "an access half outside memory: ones where nothing is");
}

static void vectors(void)
{
	struct pciem_stats before = dev_stats();

	order((struct traptest) { .op = TT_VECTOR, .offset = R_ID });
	ok(dev_stats().refused_instructions > before.refused_instructions,
	   "an instruction that is not carried out is counted, and no Oops");
}

static void mapped(void)
{
	struct pciem_stats before;

	wr(0, 2, 0x10, 4, 0x600d);
	is(*(uint32_t *)(dev.ram + 0x10), 0x600d, "the host sees what the driver stores");
	*(uint32_t *)(dev.ram + 0x14) = 0xdeed;
	is(rd(0, 2, 0x14, 4), 0xdeed, "the driver sees what the host stores");
	wr(0, 2, 0x300000, 8, 0x0123456789abcdefull);
	is(*(uint64_t *)(dev.ram + 0x300000), 0x0123456789abcdefll, "and so far beyond 2 MiB");
	before = dev_stats();
	order((struct traptest) { .op = TT_REPEAT, .bar = 2, .offset = 0x14, .size = 4,
				  .count = 100000 });
	is(dev_stats().traps, before.traps, "100,000 reads of a memory page trap not once");
	is(order((struct traptest) { .op = TT_REMAP, .offset = R_ID, .size = 4, .count = 300 }).result,
	   0x1dea1dea, "mapped and unmapped 300 times");
	is(order((struct traptest) { .op = TT_REMAP, .bar = 2, .offset = 0x14, .size = 4,
				     .count = 300 }).result, 0xdeed, "memory, too");
}

/* Command.Memory off: nobody answers (PCIe 6.0 §7.5.1.1.3). */
static void decoding_off(void)
{
	char cmd[200];

	snprintf(cmd, sizeof(cmd), "setpci -d %04x:%04x COMMAND=0:2", TRAPTEST_VENDOR,
		 TRAPTEST_DEVICE);
	if (!ok(!system(cmd), "memory decoding is turned off"))
		return;
	is(rd(0, 0, R_ID, 4), ONES, "a BAR that is not decoded reads as ones");
	wr(0, 0, R_SCRATCH, 4, 5);
	snprintf(cmd, sizeof(cmd), "setpci -d %04x:%04x COMMAND=2:2", TRAPTEST_VENDOR,
		 TRAPTEST_DEVICE);
	ok(!system(cmd), "and on");
	is(rd(0, 0, R_ID, 4), 0x1dea1dea, "it answers again");
	ok(rd(0, 0, R_SCRATCH, 4) != 5, "and a write meanwhile went nowhere");
}

/* A full queue has no room for it, and what the device does may depend on it. */
static void command_behind_a_full_queue(void)
{
	uint32_t told = dev.told[PCIEM_REQ_COMMAND];
	uint64_t end = now_ns() + 5000 * MS;
	char cmd[200];

	dev.hold = 1;
	order((struct traptest) { .op = TT_BURST, .offset = R_POSTED, .size = 4,
				  .count = PCIEM_QUEUE_ENTRIES });
	snprintf(cmd, sizeof(cmd), "setpci -d %04x:%04x COMMAND=0:4 && setpci -d %04x:%04x COMMAND=4:4",
		 TRAPTEST_VENDOR, TRAPTEST_DEVICE, TRAPTEST_VENDOR, TRAPTEST_DEVICE);
	ok(!system(cmd), "bus mastering is turned off and on while the queue is full");
	dev.hold = 0;
	while (dev.told[PCIEM_REQ_COMMAND] == told && now_ns() < end)
		usleep(1000);
	is(dev.told[PCIEM_REQ_COMMAND] - told, 1, "the host hears of it once");
	is(dev.command & 6, 6, "and of the last value");
	is(rd(0, 0, R_EFFECT, 4), PCIEM_QUEUE_ENTRIES, "after what was posted before");
}

static void no_user_mmap(void)
{
	char path[128];
	FILE *p = popen("echo /sys/bus/pci/devices/$(lspci -D -n -d 1234:7e57 | cut -d' ' -f1)", "r");
	int fd;

	if (!p || !fgets(path, sizeof(path) - 20, p))
		bail("lspci");
	pclose(p);
	path[strcspn(path, "\n")] = 0;
	strcat(path, "/resource0");
	fd = open(path, O_RDWR | O_SYNC);
	if (fd < 0)
		bail(path);
	errno = 0;
	ok(mmap(NULL, 4096, PROT_READ, MAP_SHARED, fd, 0) == MAP_FAILED && errno == EOPNOTSUPP,
	   "a mapping of sysfs resource0 is refused");
	close(fd);
}

/* ---- ends ------------------------------------------------------------------------------------------------ */

static void *keep_reading(void *count)
{
	uint64_t *n = count;

	for (;;) {
		struct traptest t = { .op = TT_READ, .offset = R_ASKED, .size = 4 };
		struct traptest w = { .op = TT_BURST, .offset = R_POSTED, .size = 4, .count = 64 };

		if (try_order(&t) || try_order(&w))
			return NULL;
		(*n)++;
	}
}

/* The host dies by SIGKILL with accesses under way. */
static void killed(int rounds)
{
	uint64_t n = 0, worst = 0;
	int i, lost = 0;

	for (i = 0; i < rounds; i++) {
		pthread_t th[2];
		pid_t pid = fork();
		uint64_t start;

		if (!pid) {
			dev_open(0);
			for (;;)
				pause();
		}
		dev_wait_bound(1);
		pthread_create(&th[0], NULL, keep_reading, &n);
		pthread_create(&th[1], NULL, keep_reading, &n);
		usleep(20000 + 7000 * i);
		start = now_ns();
		kill(pid, SIGKILL);
		pthread_join(th[0], NULL);
		pthread_join(th[1], NULL);
		waitpid(pid, NULL, 0);
		if (now_ns() - start > worst)
			worst = now_ns() - start;
		lost += ioctl(drv, TRAPTEST_BOUND) != 0;
	}
	is(lost, 0, "a host is killed while its driver is at work: the driver is removed");
	ok(n > 0, "%d times, %llu rounds of accesses; the longest end took %llu ms", rounds,
	   (unsigned long long)n, (unsigned long long)(worst / MS));
}

/* A host that leaves a full queue alone is dead, whatever it says. */
static void stalled(void)
{
	uint64_t start;

	dev_open(0);
	dev.hold = 1;
	start = now_ns();
	order((struct traptest) { .op = TT_BURST, .offset = R_POSTED, .size = 4, .count = 10000 });
	ok(now_ns() - start < 5000 * MS, "a driver does not wait for ever for a full queue (%llu ms)",
	   (unsigned long long)((now_ns() - start) / MS));
	dev_wait_bound(0);
	ok(1, "the device is gone then");
	dev_close();
}

static void stopped(void)
{
	uint64_t end;

	dev_open(0);
	dev_ioctl(PCIEM_STOP, NULL, "STOP");
	dev_wait_bound(0);
	end = now_ns() + 5000 * MS;
	while (!dev.told[PCIEM_REQ_REMOVED] && now_ns() < end)
		usleep(1000);
	is(dev.told[PCIEM_REQ_REMOVED], 1, "STOP removes the device and says so");
	dev_close();
}

static void leaked(void)
{
	dev_open(0);
	wr(0, 2, 0, 4, 1);
	order((struct traptest) { .op = TT_LEAK });
	dev_close();
	ok(1, "a driver that never unmaps its BARs");
}

/* ---- figures -------------------------------------------------------------------------------------------------- */

static uint64_t cost(uint32_t op, uint32_t bar, uint32_t offset, uint32_t count)
{
	struct traptest t = { .op = op, .bar = bar, .offset = offset, .size = 4, .count = count };
	uint64_t best = ~0ull;
	int i;

	order(t);
	for (i = 0; i < 5; i++) {
		struct traptest r = order(t);

		if (r.ns / count < best)
			best = r.ns / count;
	}
	return best;
}

static void figures(void)
{
	printf("# ns, best of 5 means: mapped read %llu, hole %llu, local read %llu, local write %llu, "
	       "posted write %llu, waited read %llu\n",
	       (unsigned long long)cost(TT_REPEAT, 2, 0, 100000),
	       (unsigned long long)cost(TT_REPEAT, 0, HOLE, 20000),
	       (unsigned long long)cost(TT_REPEAT, 0, R_ID, 20000),
	       (unsigned long long)cost(TT_BURST, 0, R_SCRATCH, 20000),
	       (unsigned long long)cost(TT_BURST, 0, R_POSTED, 4000),
	       (unsigned long long)cost(TT_REPEAT, 0, R_ASKED, 20000));
	fflush(stdout);
}

/* The driver's side only: the host is `moonbar run`, pinned to the same CPU. */
static int over_another_host(void)
{
	uint32_t c, i, wrong;

	dev_wait_bound(1);
	pin(pthread_self(), true);
	for (c = TT_SOFTIRQ; c <= TT_HARDIRQ; c++) {
		for (i = wrong = 0; i < 1000; i++) {
			struct traptest t = { .op = TT_READ, .context = c, .offset = R_ASKED,
					      .size = 4 };

			wr(0, 0, R_SCRATCH, 4, i);
			t = order(t);
			if (t.result != (uint32_t)~i && ++wrong <= 5)
				printf("# read %u: %#llx after %llu us\n", i,
				       (unsigned long long)t.result,
				       (unsigned long long)t.ns / 1000);
		}
		ok(!wrong, "1000 reads with a hook in Lua, from %s over the host (%u wrong)",
		   context_names[c], wrong);
	}
	is(rd(TT_HARDIRQ, 0, R_DEAD, 4), 0x55, "one whose hook raises: the stored value");
	return done_testing();
}

int main(int argc, char **argv)
{
	drv = open("/dev/traptest", O_RDWR | O_CLOEXEC);
	if (drv < 0)
		bail("/dev/traptest");
	if (argc > 1 && !strcmp(argv[1], "driver"))
		return over_another_host();
	dev_open(patience);
	if (argc > 1) {
		figures();
		dev_close();
		return 0;
	}
	local();
	holes();
	asked();
	contexts();
	mapped();
	instructions();
	vectors();
	burst();
	local_behind_posted();
	full_queue();
	handlers();
	timeouts();
	late_answer();
	wild_head();
	one_cpu();
	decoding_off();
	command_behind_a_full_queue();
	no_user_mmap();
	figures();
	push();
	dev_close();
	stopped();
	killed(10);
	stalled();
	leaked();
	return done_testing();
}
