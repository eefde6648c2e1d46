// SPDX-License-Identifier: MIT
/*
 * irqside.c: makes a device that interrupts, finds it in sysfs, talks to its
 * driver. See irqside.h.
 *
 * Try it:  tests/vm/run irq bus
 */
#include <dirent.h>
#include <fcntl.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "irqside.h"

static int tests, failures;

static void result(bool good, const char *fmt, va_list ap)
{
	tests++;
	failures += !good;
	printf("%s %d - ", good ? "ok" : "not ok", tests);
	vprintf(fmt, ap);
	printf("\n");
	fflush(stdout);
}

bool ok(bool good, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	result(good, fmt, ap);
	va_end(ap);
	return good;
}

bool is(long long got, long long wanted, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	result(got == wanted, fmt, ap);
	va_end(ap);
	if (got != wanted)
		printf("#   got %lld (%#llx), wanted %lld (%#llx)\n", got, got, wanted, wanted);
	fflush(stdout);
	return got == wanted;
}

int done_testing(void)
{
	printf("1..%d\n", tests);
	return failures != 0;
}

void bail(const char *what)
{
	printf("Bail out! %s: %s\n", what, strerror(errno));
	fflush(stdout);
	_exit(2);
}

/* ---- making it ------------------------------------------------------------------------------ */

static void must(int fd, unsigned long nr, void *arg, const char *what)
{
	if (ioctl(fd, nr, arg) < 0)
		bail(what);
}

static void add_bars(int fd)
{
	struct pciem_bar_config b0 = { .bar_index = 0, .size = IRQTEST_BAR0 };
	struct pciem_bar_config b2 = { .bar_index = 2, .size = IRQTEST_BAR2, .flags = 0xc };

	must(fd, PCIEM_ADD_BAR, &b0, "ADD_BAR 0");
	must(fd, PCIEM_ADD_BAR, &b2, "ADD_BAR 2");
}

static void add_config(int fd, const struct irqside_device *d)
{
	struct pciem_config_space c = {
		.vendor = IRQTEST_VENDOR, .device = IRQTEST_DEVICE,
		.subsys_vendor = IRQTEST_VENDOR, .subsys_device = d->unit,
		.revision = 1, .class_code = { 0, 0, 0xff },
	};
	struct pciem_cap_config pm = { .cap_type = PCIEM_CAP_PM };
	struct pciem_cap_config pcie = { .cap_type = PCIEM_CAP_PCIE };
	struct pciem_cap_config msi = {
		.cap_type = PCIEM_CAP_MSI,
		.msi = { .log2_vectors = d->log2, .has_64bit = 1, .has_masking = d->masking },
	};
	struct pciem_cap_config msix = {
		.cap_type = PCIEM_CAP_MSIX,
		.msix = { .bar_index = 0, .table_offset = IRQTEST_TABLE,
			  .pba_offset = IRQTEST_PBA, .table_size = d->msix },
	};

	must(fd, PCIEM_SET_CONFIG, &c, "SET_CONFIG");
	must(fd, PCIEM_ADD_CAPABILITY, &pm, "PM");
	must(fd, PCIEM_ADD_CAPABILITY, &pcie, "PCIe");
	if (d->msi)
		must(fd, PCIEM_ADD_CAPABILITY, &msi, "MSI");
	if (d->msix)
		must(fd, PCIEM_ADD_CAPABILITY, &msix, "MSI-X");
}

static void add_regs(struct irqside *s, const struct irqside_device *d)
{
	static const struct mb_ram ram = { .bar = 2, .size = IRQTEST_BAR2 };
	struct pciem_regs r = {
		.rows = (uintptr_t)s->rows, .nrows = 2, .ram = (uintptr_t)&ram, .nram = 1,
	};

	s->rows[0] = (struct mb_reg) {
		.offset = IRQTEST_STATUS, .size = 4, .rd = ~0u, .w1c = ~0u, .lock = MB_NONE,
		.target = 0, .vector = d->bound ? 0 : MB_NONE, .enable = d->bound ? 1 : MB_NONE,
	};
	s->rows[1] = (struct mb_reg) {
		.offset = IRQTEST_ENABLE, .size = 4, .rd = ~0u, .wr = ~0u, .lock = MB_NONE,
		.target = 1, .vector = d->bound ? 0 : MB_NONE, .enable = MB_NONE,
		.flags = d->bound ? MB_REG_ENABLE : 0, .id = 1,
	};
	must(s->pciem, PCIEM_SET_REGS, &r, "SET_REGS");
}

int find_sysfs(unsigned int unit, char path[64])
{
	static const char top[] = "/sys/bus/pci/devices";
	unsigned char id[0x30];
	struct dirent *e;
	DIR *d = opendir(top);
	int found = -1;

	while (d && found && (e = readdir(d))) {
		char name[sizeof(top) + 300];
		FILE *f;

		snprintf(name, sizeof(name), "%s/%s/config", top, e->d_name);
		f = e->d_name[0] == '.' ? NULL : fopen(name, "rb");
		if (!f)
			continue;
		if (fread(id, 1, sizeof(id), f) == sizeof(id) &&
		    (id[0] | id[1] << 8) == IRQTEST_VENDOR &&
		    (id[2] | id[3] << 8) == IRQTEST_DEVICE && (id[0x2e] | id[0x2f] << 8) == (int)unit) {
			snprintf(path, 64, "%s/%.30s", top, e->d_name);
			found = 0;
		}
		fclose(f);
	}
	if (d)
		closedir(d);
	return found;
}

static bool present(int driver, unsigned int unit)
{
	struct irqtest_call c = { .unit = unit, .what = IRQTEST_PRESENT };

	return ioctl(driver, IRQTEST_CALL, &c) == 1;
}

static void find(struct irqside *s)
{
	char name[80];

	for (int i = 0; i < 5000 && !present(s->driver, s->unit); i++)
		usleep(1000);
	errno = ETIME;
	if (!present(s->driver, s->unit))
		bail("the driver has not been bound");
	if (find_sysfs(s->unit, s->path))
		bail("the device is not in sysfs");
	snprintf(name, sizeof(name), "%s/config", s->path);
	s->config = open(name, O_RDWR);
	if (s->config < 0)
		bail(name);
}

/* ---- the host's side of the registers ------------------------------------------------------------ */

static void regs_irq(void *ctx, u32 row, bool raised)
{
	struct irqside *s = ctx;

	pciem_irq_op(s, s->rows[row].vector, raised ? PCIEM_IRQ_RAISE : PCIEM_IRQ_EVAL);
}

static const struct mb_regs_ops regs_ops = { .irq = regs_irq };

static void make_regs(struct irqside *s, struct mb_reg_state *state)
{
	u32 bad;

	s->regs = (struct mb_regs) {
		.rows = s->rows, .nrows = 2, .state = state, .ops = &regs_ops, .ctx = s,
	};
	errno = EINVAL;
	if (mb_regs_init(&s->regs, &bad))
		bail("the rows");
}

/* Carries out what is queued: a write behind a COMMAND change comes this way. */
static void *serve(void *arg)
{
	struct irqside *s = arg;
	struct pollfd p = { .fd = s->pciem, .events = POLLIN };
	u32 head = 0;

	while (!__atomic_load_n(&s->closing, __ATOMIC_RELAXED)) {
		while (head != __atomic_load_n(&s->queue->tail, __ATOMIC_ACQUIRE)) {
			const struct pciem_request *r =
				&s->queue->entry[head % PCIEM_QUEUE_ENTRIES];

			if (r->type == PCIEM_REQ_WRITE)
				mb_regs_write(&s->regs, r->bar, r->offset, r->size, r->data);
			__atomic_store_n(&s->queue->head, ++head, __ATOMIC_RELEASE);
		}
		poll(&p, 1, 10);
	}
	return NULL;
}

static void *map(struct irqside *s, size_t size, u64 offset)
{
	void *p = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, s->pciem, offset);

	if (p == MAP_FAILED)
		bail("mmap");
	return p;
}

void side_open(struct irqside *s, const struct irqside_device *d)
{
	struct pciem_create_device create = { 0 };

	s->unit = d->unit;
	s->pciem = open("/dev/pciem", O_RDWR | O_CLOEXEC);
	s->driver = open("/dev/irqtest", O_RDWR | O_CLOEXEC);
	if (s->pciem < 0 || s->driver < 0)
		bail("open");
	must(s->pciem, PCIEM_CREATE_DEVICE, &create, "CREATE_DEVICE");
	add_bars(s->pciem);
	add_config(s->pciem, d);
	add_regs(s, d);
	s->bar = ioctl(s->pciem, PCIEM_REGISTER);
	if (s->bar < 0)
		bail("REGISTER");
	s->said = mmap(NULL, IRQTEST_BAR2, PROT_READ | PROT_WRITE, MAP_SHARED, s->bar, 2 * 4096);
	if (s->said == MAP_FAILED)
		bail("mmap of BAR 2");
	make_regs(s, map(s, 4096, PCIEM_MMAP_STATE));
	s->queue = map(s, sizeof(*s->queue), PCIEM_MMAP_QUEUE);
	s->closing = false;
	if (pthread_create(&s->server, NULL, serve, s))
		bail("pthread_create");
	must(s->pciem, PCIEM_START, NULL, "START");
	find(s);
}

bool wait_absent(unsigned int unit, int ms)
{
	int driver = open("/dev/irqtest", O_RDWR);
	bool there = true;

	while (there && ms-- > 0) {
		there = present(driver, unit);
		if (there)
			usleep(1000);
	}
	close(driver);
	return !there;
}

void side_close(struct irqside *s)
{
	__atomic_store_n(&s->closing, true, __ATOMIC_RELAXED);
	pthread_join(s->server, NULL);
	munmap(s->queue, sizeof(*s->queue));
	munmap((void *)s->said, IRQTEST_BAR2);
	munmap(s->regs.state, 4096);
	close(s->config);
	close(s->pciem);
	close(s->bar);
	if (!wait_absent(s->unit, 10000))
		bail("the driver is still bound after the device was closed");
	close(s->driver);
}

/* ---- the device -------------------------------------------------------------------------------- */

int pciem_irq_op(struct irqside *s, u32 vector, u32 op)
{
	struct pciem_irq irq = { .vector = vector, .op = op };

	return ioctl(s->pciem, PCIEM_IRQ, &irq) ? -errno : 0;
}

void say_and_raise(struct irqside *s, u32 vector)
{
	s->said[vector]++;
	if (pciem_irq_op(s, vector, PCIEM_IRQ_RAISE))
		bail("PCIEM_IRQ");
}

void status_or(struct irqside *s, u32 bits)
{
	mb_regs_poke(&s->regs.state[0], bits, bits);
}

/* ---- the driver ---------------------------------------------------------------------------------- */

int call(struct irqside *s, u32 what, u32 arg, u64 value)
{
	struct irqtest_call c = { .unit = s->unit, .what = what, .arg = arg, .value = value };
	int ret = ioctl(s->driver, IRQTEST_CALL, &c);

	return ret < 0 ? -errno : ret;
}

u32 bar_read(struct irqside *s, u32 offset)
{
	struct irqtest_call c = { .unit = s->unit, .what = IRQTEST_READ, .arg = offset };

	if (ioctl(s->driver, IRQTEST_CALL, &c))
		bail("IRQTEST_READ");
	return (u32)c.value;
}

void bar_write(struct irqside *s, u32 offset, u32 value)
{
	if (call(s, IRQTEST_WRITE, offset, value))
		bail("IRQTEST_WRITE");
}

void zero(struct irqside *s)
{
	for (int v = 0; v < IRQTEST_VECTORS; v++)
		s->said[v] = 0;
	call(s, IRQTEST_ZERO, 0, 0);
}

void counts(struct irqside *s, int n)
{
	struct irqtest_counts c = {
		.unit = s->unit, .n = n, .counts = (uintptr_t)s->count,
	};

	if (ioctl(s->driver, IRQTEST_COUNTS, &c))
		bail("IRQTEST_COUNTS");
}

int count_of(struct irqside *s, u32 vector)
{
	counts(s, (int)vector + 1);
	return (int)s->count[vector].count;
}

bool wait_count(struct irqside *s, u32 vector, int at_least, int ms)
{
	struct timespec t;
	long long end;

	clock_gettime(CLOCK_MONOTONIC, &t);
	end = t.tv_sec * 1000ll + t.tv_nsec / 1000000 + ms;
	do {
		if (count_of(s, vector) >= at_least)
			return true;
		usleep(100);
		clock_gettime(CLOCK_MONOTONIC, &t);
	} while (t.tv_sec * 1000ll + t.tv_nsec / 1000000 < end);
	return count_of(s, vector) >= at_least;
}

/* ---- configuration space, from sysfs ----------------------------------------------------------------- */

u32 config_read(struct irqside *s, int offset, int size)
{
	u32 v = 0;

	if (pread(s->config, &v, size, offset) != size)
		bail("configuration read");
	return v;
}

void config_write(struct irqside *s, int offset, int size, u32 value)
{
	if (pwrite(s->config, &value, size, offset) != size)
		bail("configuration write");
}

int find_cap(struct irqside *s, int id)
{
	int at = (int)config_read(s, 0x34, 1);

	while (at && (int)config_read(s, at, 1) != id)
		at = (int)config_read(s, at + 1, 1);
	errno = ENOENT;
	if (!at)
		bail("find_cap");
	return at;
}

int irqs_in_use(void)
{
	DIR *d = opendir("/sys/kernel/irq");
	int n = 0;

	while (d && readdir(d))
		n++;
	if (d)
		closedir(d);
	return n;
}
