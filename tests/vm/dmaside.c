// SPDX-License-Identifier: MIT
/*
 * dmaside.c: see dmaside.h. It exists apart from the tests so that they read as what they test.
 *
 * Try it:  tests/vm/run dma
 */
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

#include "dmaside.h"

static int tests, failed;

static bool result(bool good, const char *fmt, va_list ap)
{
	printf("%sok %d - ", good ? "" : "not ", ++tests);
	vprintf(fmt, ap);
	putchar('\n');
	fflush(stdout);
	failed += !good;
	return good;
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
		printf("#   got %lld, wanted %lld\n", got, wanted);
	return got == wanted;
}

int done_testing(void)
{
	printf("1..%d\n", tests);
	return failed ? 1 : 0;
}

void bail(const char *what)
{
	printf("Bail out! %s: %s\n", what, strerror(errno));
	exit(1);
}

uint64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000000000ull + t.tv_nsec;
}

void side_open(struct side *s, unsigned int index)
{
	struct pciem_create_device create = { 0 };
	struct pciem_config_space config = {
		.vendor = DMATEST_VENDOR, .device = DMATEST_DEVICE,
		.subsys_vendor = DMATEST_VENDOR, .subsys_device = index,
		.class_code = { 0x00, 0x00, 0xff },
	};
	int i;

	s->pciem = open("/dev/pciem", O_RDWR | O_CLOEXEC);
	if (s->pciem < 0)
		bail("/dev/pciem");
	if (ioctl(s->pciem, PCIEM_CREATE_DEVICE, &create) ||
	    ioctl(s->pciem, PCIEM_SET_CONFIG, &config))
		bail("CREATE_DEVICE and SET_CONFIG");
	s->bar = ioctl(s->pciem, PCIEM_REGISTER);
	if (s->bar < 0)
		bail("REGISTER");
	if (ioctl(s->pciem, PCIEM_START))
		bail("START");
	s->driver = open("/dev/dmatest", O_RDWR | O_CLOEXEC);
	if (s->driver < 0)
		bail("/dev/dmatest");
	for (i = 0; ioctl(s->driver, DMATEST_SELECT, index); i++) {
		if (i == 500)
			bail("dmatest does not bind");
		usleep(10000);
	}
}

void side_close(struct side *s)
{
	close(s->pciem);
	close(s->bar);
	close(s->driver);
	s->pciem = s->bar = s->driver = -1;
}

int xfer(struct side *s, uint64_t bus, void *buf, uint32_t length, uint32_t flags)
{
	struct pciem_dma_piece piece = {
		.bus = bus, .user = (uintptr_t)buf, .length = length, .flags = flags,
	};
	struct pciem_dma_list list = { .pieces = (uintptr_t)&piece, .count = 1, .raise = ~0u };

	if (!ioctl(s->pciem, PCIEM_DMA_LIST, &list))
		return list.done == 1 && !list.why ? PCIEM_DMA_OK : -ERANGE;
	return errno == EFAULT && list.done == 0 ? (int)list.why : -errno;
}

int op(struct side *s, uint64_t bus, void *buf, uint32_t length, uint32_t flags)
{
	struct pciem_dma_op o = {
		.guest_iova = bus, .user_addr = (uintptr_t)buf, .length = length, .flags = flags,
	};

	return ioctl(s->pciem, PCIEM_DMA, &o) ? -errno : 0;
}

int prp(struct side *s, uint64_t prp1, uint64_t prp2, void *buf, uint32_t length, uint32_t page,
	uint32_t flags)
{
	struct pciem_dma_indirect o = {
		.prp1 = prp1, .prp2 = prp2, .user_addr = (uintptr_t)buf, .length = length,
		.page_size = page, .flags = flags,
	};

	return ioctl(s->pciem, PCIEM_DMA_INDIRECT, &o) ? -errno : 0;
}

struct pciem_stats stats(struct side *s)
{
	struct pciem_stats st = { 0 };

	if (ioctl(s->pciem, PCIEM_GET_STATS, &st))
		bail("GET_STATS");
	return st;
}

const char *why_name(int why)
{
	static const char *const name[] = {
		"OK", "WILD", "STALE", "BOUNDS", "DIRECTION", "NO_BUS_MASTER", "NOT_RAM",
		"BAD_USER_ADDRESS",
	};

	return why >= 0 && why < 8 ? name[why] : strerror(-why);
}

struct dmatest_map map(struct side *s, int kind, int dir, uint64_t len, uint32_t offset,
		       uint32_t nents)
{
	struct dmatest_map m = {
		.kind = kind, .dir = dir, .len = len, .offset = offset, .nents = nents,
	};

	if (ioctl(s->driver, DMATEST_MAP, &m))
		bail("the driver cannot map");
	return m;
}

int end(struct side *s, const struct dmatest_map *m, int how)
{
	struct dmatest_end e = { .id = m->id, .how = how };

	return ioctl(s->driver, DMATEST_END, &e) ? -errno : 0;
}

int mem(struct side *s, const struct dmatest_map *m, int what, uint32_t ent, uint64_t offset,
	void *buf, uint64_t len)
{
	struct dmatest_mem a = {
		.id = m->id, .ent = ent, .op = what, .offset = offset, .len = len,
		.user = (uintptr_t)buf,
	};

	return ioctl(s->driver, DMATEST_MEM, &a) ? -errno : 0;
}

static unsigned char byte_at(size_t i, unsigned int seed)
{
	return (i * 167 + (i >> 8) * 59 + (i >> 16) * 31) ^ (seed * 101 + 7);
}

void fill(void *buf, size_t len, unsigned int seed)
{
	unsigned char *p = buf;
	size_t i;

	for (i = 0; i < len; i++)
		p[i] = byte_at(i, seed);
}

size_t differ(const void *buf, size_t len, unsigned int seed)
{
	const unsigned char *p = buf;
	size_t i, n = 0;

	for (i = 0; i < len; i++)
		n += p[i] != byte_at(i, seed);
	return n;
}

uint32_t rnd(uint32_t below)
{
	static uint64_t x = 88172645463325252ull;

	x ^= x << 13;
	x ^= x >> 7;
	x ^= x << 17;
	return (x >> 16) % below;
}

static int kmsg = -1;
static char said[1 << 16];	/* by the kernel since log_mark() */
static size_t nsaid;

void log_mark(void)
{
	if (kmsg < 0)
		kmsg = open("/dev/kmsg", O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	if (kmsg < 0 || lseek(kmsg, 0, SEEK_END) < 0)
		bail("/dev/kmsg");
	nsaid = 0;
	said[0] = 0;
}

bool log_has(const char *text)
{
	char line[1024];
	ssize_t n;

	while ((n = read(kmsg, line, sizeof(line))) > 0 || (n < 0 && errno == EPIPE)) {
		if (n <= 0 || nsaid + n >= sizeof(said))
			continue;
		memcpy(said + nsaid, line, n);
		nsaid += n;
		said[nsaid] = 0;
	}
	return strstr(said, text) != NULL;
}
