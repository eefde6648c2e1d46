// SPDX-License-Identifier: MIT
/*
 * trapdev.c: see trapdev.h. A host in small: the register file of kernel/core
 * applies the masks, two hooks do the rest, one thread serves the queue. A second
 * stands by for when the first is interrupted by a driver that waits for it.
 *
 * Try it:  tests/vm/run trap
 */
#include <fcntl.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "trapdev.h"

struct dev dev = { .fd = -1 };
int drv = -1;

#define ROW(off, sz, ...)							\
	{ .offset = (off), .size = (sz), .lock = MB_NONE, .vector = MB_NONE,	\
	  .enable = MB_NONE, __VA_ARGS__ }
#define ALL32	0xffffffffu

static struct mb_reg rows[] = {
	ROW(R_ID, 4, .reset = 0x1dea1dea, .rd = ALL32),
	ROW(R_SCRATCH, 4, .rd = ALL32, .wr = ALL32),
	ROW(R_POSTED, 4, .rd = ALL32, .wr = ALL32, .flags = MB_REG_WRITE_HOOK),
	ROW(R_EFFECT, 4, .rd = ALL32),
	ROW(R_ASKED, 4, .rd = ALL32, .flags = MB_REG_READ_HOOK),
	ROW(R_SYNC, 4, .rd = ALL32, .wr = ALL32, .flags = MB_REG_WRITE_HOOK | MB_REG_SYNC),
	ROW(R_DEAD, 4, .rd = ALL32, .flags = MB_REG_READ_HOOK),
	ROW(R_SLOW, 4, .rd = ALL32, .flags = MB_REG_READ_HOOK),
	ROW(R_WIDE, 8, .rd = ~0ull, .wr = ~0ull),
	ROW(R_W1C, 4, .reset = 0xff, .rd = ALL32, .w1c = ALL32),
	ROW(R_RC, 4, .reset = 0x5a, .rd = ALL32, .rc = ALL32),
	ROW(R_BYTE, 1, .rd = 0xff, .wr = 0xff),
	ROW(R_NARROW, 4, .rd = ALL32, .wr = ALL32, .sizes = 1 << 2),
	{ .offset = R_STATUS, .size = 4, .lock = MB_NONE, .vector = 0, .enable = MB_NONE,
	  .rd = ALL32, .w1c = ALL32 },
	ROW(R_ASKED2, 4, .rd = ALL32, .flags = MB_REG_READ_HOOK),
	ROW(R_RAISE, 4, .wr = ALL32, .flags = MB_REG_WRITE_HOOK),
	ROW(R_BUSY, 4, .wr = ALL32, .flags = MB_REG_WRITE_HOOK),
	ROW(0, 4, .bar = 4, .rd = ALL32, .wr = ALL32),
};

#define NROWS	(sizeof(rows) / sizeof(rows[0]))

static const struct mb_ram ram[] = {
	{ .bar = 0, .offset = RAM_SMALL, .size = 256 },
	{ .bar = 0, .offset = RAM_PAGES, .size = 0x4000 },
	{ .bar = 2, .offset = 0, .size = BAR2_SIZE },
};

static struct mb_regs regs = {
	.rows = rows, .nrows = NROWS, .ram = ram, .nram = sizeof(ram) / sizeof(ram[0]),
};

uint64_t now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1000000000ull + ts.tv_nsec;
}

static uint32_t row_at(uint32_t offset)
{
	return mb_regs_find(&regs, 0, offset);
}

/* ---- hooks ---------------------------------------------------------------------------- */

static uint64_t read_hook(void *ctx, uint32_t row, uint64_t stored)
{
	struct timespec ts = { 0, 5000000 };

	(void)ctx;
	switch (rows[row].offset) {
	case R_ASKED:
	case R_ASKED2:
		return ~regs.state[row_at(R_SCRATCH)].value;
	case R_SLOW:
		nanosleep(&ts, NULL);
		return 0x510;
	}
	return stored;
}

static int write_hook(void *ctx, uint32_t row, uint64_t old, uint64_t raw, uint64_t *value)
{
	(void)ctx, (void)old, (void)raw;
	if (rows[row].offset == R_POSTED) {
		uint32_t n = dev.nseen;

		if (n < SEEN)
			dev.seen[n] = raw;
		dev.nseen = n + 1;
		mb_regs_poke(&regs.state[row_at(R_EFFECT)], ALL32, *value + 1);
	} else if (rows[row].offset == R_SYNC) {
		mb_regs_poke(&regs.state[row_at(R_EFFECT)], ALL32, *value + 2);
	} else if (rows[row].offset == R_RAISE) {
		struct pciem_irq irq = { .vector = 0, .op = PCIEM_IRQ_RAISE };

		mb_regs_poke(&regs.state[row_at(R_STATUS)], ALL32, 1);
		dev_ioctl(PCIEM_IRQ, &irq, "IRQ");
	} else if (rows[row].offset == R_BUSY) {
		uint64_t end = now_ns() + raw * 1000000;

		while (now_ns() < end)
			;
	}
	return 0;
}

/* Found here, in an access that was posted; others the kernel finds and tells. */
static void guest_error(void *ctx, enum mb_guest_error what, uint32_t row, uint32_t bar,
			uint64_t offset, unsigned int size, uint64_t value)
{
	(void)ctx, (void)what, (void)row, (void)bar, (void)offset, (void)size, (void)value;
	dev.told[PCIEM_REQ_GUEST_ERROR]++;
}

static const struct mb_regs_ops ops = {
	.read_hook = read_hook, .write_hook = write_hook, .guest_error = guest_error,
};

/* ---- serving ------------------------------------------------------------------------------ */

static void answer(const struct pciem_request *r, uint64_t data)
{
	struct pciem_slot *slot = &dev.q->slot[r->slot];
	__u32 n = r->slot;

	__atomic_store_n(&slot->data, data, __ATOMIC_RELAXED);
	__atomic_store_n(&slot->gen, r->gen, __ATOMIC_RELEASE);
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	if (__atomic_load_n(&slot->sleeping, __ATOMIC_RELAXED))
		ioctl(dev.fd, PCIEM_WAKE, &n);
}

static void handle(const struct pciem_request *r)
{
	if (r->type < 16)
		dev.told[r->type]++;
	switch (r->type) {
	case PCIEM_REQ_WRITE:
		mb_regs_write(&regs, r->bar, r->offset, r->size, r->data);
		break;
	case PCIEM_REQ_READ:
		if (r->offset != R_DEAD)
			answer(r, mb_regs_read(&regs, r->bar, r->offset, r->size));
		break;
	case PCIEM_REQ_SYNC_WRITE:
		mb_regs_write(&regs, r->bar, r->offset, r->size, r->data);
		answer(r, 0);
		break;
	case PCIEM_REQ_COMMAND:
		dev.command = r->data;
		break;
	}
}

static bool more(void)
{
	return !dev.hold && __atomic_load_n(&dev.q->tail, __ATOMIC_ACQUIRE) != dev.head;
}

static void sleep_until_more(void)
{
	struct pollfd p = { .fd = dev.fd, .events = POLLIN };

	__atomic_store_n(&dev.q->awake, 0, __ATOMIC_RELAXED);
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	if (!more())
		poll(&p, 1, dev.hold ? 1 : 100);
	__atomic_store_n(&dev.q->awake, 1, __ATOMIC_RELAXED);
}

/* Only one of the two threads handles requests at a time. */
static bool take_turn(uint32_t who)
{
	uint32_t nobody = 0;

	return atomic_compare_exchange_strong(&dev.turn, &nobody, who);
}

static void handle_next(void)
{
	handle(&dev.q->entry[dev.head % PCIEM_QUEUE_ENTRIES]);
	__atomic_store_n(&dev.q->head, ++dev.head, __ATOMIC_RELEASE);
}

static void *stand_by(void *unused)
{
	__u32 op = PCIEM_STANDBY_WAIT;

	(void)unused;
	while (!ioctl(dev.fd, PCIEM_STANDBY, &op)) {
		op = PCIEM_STANDBY_BUSY;
		if (!take_turn(2))
			continue;
		while (more())
			handle_next();
		dev.turn = 0;
		op = PCIEM_STANDBY_WAIT;
	}
	return NULL;
}

/* Spins for a millisecond after the last request, then sleeps. */
void dev_serve(void)
{
	uint64_t last = now_ns();
	unsigned int idle = 0;

	__atomic_store_n(&dev.q->awake, 1, __ATOMIC_RELAXED);
	while (!dev.quit) {
		if (more() && take_turn(1)) {
			if (more())
				handle_next();
			dev.turn = 0;
			idle = 0;
		} else if (++idle % 256 == 0) {
			if (idle == 256)
				last = now_ns();
			else if (dev.hold || (!dev.spin && now_ns() - last > 1000000))
				sleep_until_more();
		}
	}
}

static void *serve(void *unused)
{
	(void)unused;
	dev_serve();
	return NULL;
}

void dev_threads(void)
{
	dev.quit = dev.turn = 0;
	if (pthread_create(&dev.server, NULL, serve, NULL) ||
	    pthread_create(&dev.standby, NULL, stand_by, NULL))
		bail("pthread_create");
}

/* ---- life ------------------------------------------------------------------------------------ */

void dev_ioctl(unsigned long cmd, void *arg, const char *what)
{
	if (ioctl(dev.fd, cmd, arg) < 0)
		bail(what);
}

static void add_bar(uint32_t index, uint64_t size)
{
	struct pciem_bar_config b = { .bar_index = index, .size = size, .flags = 4 | 8 };

	dev_ioctl(PCIEM_ADD_BAR, &b, "ADD_BAR");
}

int dev_setup(uint64_t timeout_ns)
{
	struct pciem_create_device create = { 0 };
	struct pciem_config_space ids = {
		.vendor = TRAPTEST_VENDOR, .device = TRAPTEST_DEVICE, .class_code = { 0, 0, 0xff },
	};
	struct pciem_regs r = { .rows = (uintptr_t)rows, .ram = (uintptr_t)ram, .nrows = NROWS,
				.nram = regs.nram, .timeout_ns = timeout_ns };
	uint32_t i, bad;

	for (i = 0; i < NROWS; i++)
		rows[i].target = i;
	if (mb_regs_init(&regs, &bad))
		bail("mb_regs_init");
	dev.fd = open("/dev/pciem", O_RDWR | O_CLOEXEC);
	if (dev.fd < 0)
		bail("/dev/pciem");
	dev_ioctl(PCIEM_CREATE_DEVICE, &create, "CREATE_DEVICE");
	add_bar(0, BAR0_SIZE);
	add_bar(2, BAR2_SIZE);
	add_bar(4, BAR4_SIZE);
	dev_ioctl(PCIEM_SET_CONFIG, &ids, "SET_CONFIG");
	return ioctl(dev.fd, PCIEM_SET_REGS, &r) ? -errno : 0;
}

static void *map(int fd, size_t size, uint64_t offset, const char *what)
{
	void *p = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, offset);

	if (p == MAP_FAILED)
		bail(what);
	return p;
}

void dev_map(void)
{
	dev.q = map(dev.fd, sizeof(*dev.q), PCIEM_MMAP_QUEUE, "mmap of the queue");
	dev.state = map(dev.fd, 4096, PCIEM_MMAP_STATE, "mmap of the registers");
	dev.ram = map(dev.bars, BAR2_SIZE, 2 * 4096, "mmap of BAR 2");
	regs.state = dev.state;
	regs.ops = &ops;
}

void dev_wait_bound(int bound)
{
	uint64_t end = now_ns() + 20000000000ull;

	while (ioctl(drv, TRAPTEST_BOUND) != bound) {
		if (now_ns() > end) {
			errno = ETIMEDOUT;
			bail(bound ? "the driver did not bind" : "the driver was not removed");
		}
		usleep(1000);
	}
}

void dev_open(uint64_t timeout_ns)
{
	int err = dev_setup(timeout_ns);

	errno = -err;
	if (err)
		bail("SET_REGS");
	dev.head = dev.nseen = dev.hold = dev.quit = 0;
	memset((void *)dev.told, 0, sizeof(dev.told));
	dev.bars = ioctl(dev.fd, PCIEM_REGISTER);
	if (dev.bars < 0)
		bail("REGISTER");
	dev_map();
	dev_threads();
	dev_ioctl(PCIEM_START, NULL, "START");
	dev_wait_bound(1);
}

/* The node first: what is left, the BARs' fd and the mappings, must still be sound. */
void dev_close(void)
{
	__u32 op = PCIEM_STANDBY_DISMISS;

	dev.quit = 1;
	dev_ioctl(PCIEM_STANDBY, &op, "STANDBY");
	pthread_join(dev.server, NULL);
	pthread_join(dev.standby, NULL);
	close(dev.fd);
	dev_wait_bound(0);
	dev.ram[0]++;
	dev.state[0].value++;
	munmap(dev.ram, BAR2_SIZE);
	close(dev.bars);
	munmap(dev.q, sizeof(*dev.q));
	munmap(dev.state, 4096);
	dev.fd = -1;
}

struct pciem_stats dev_stats(void)
{
	struct pciem_stats st;

	dev_ioctl(PCIEM_GET_STATS, &st, "GET_STATS");
	return st;
}

/* ---- the driver's side --------------------------------------------------------------------------- */

int try_order(struct traptest *t)
{
	return ioctl(drv, TRAPTEST_DO, t) ? -errno : 0;
}

struct traptest order(struct traptest t)
{
	int err = try_order(&t);

	errno = -err;
	if (err)
		bail("the test driver");
	return t;
}

uint64_t rd(uint32_t context, uint32_t bar, uint64_t offset, uint32_t size)
{
	return order((struct traptest) { .op = TT_READ, .context = context, .bar = bar,
					 .offset = offset, .size = size }).result;
}

void wr(uint32_t context, uint32_t bar, uint64_t offset, uint32_t size, uint64_t v)
{
	order((struct traptest) { .op = TT_WRITE, .context = context, .bar = bar,
				  .offset = offset, .size = size, .data = v });
}
