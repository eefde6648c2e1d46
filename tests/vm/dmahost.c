// SPDX-License-Identifier: MIT
/*
 * dmahost.c: strict DMA, seen from both sides. The device may touch what its driver has mapped for
 * it now, to the byte and in the mapping's direction, and nothing else; each test is a way to try.
 *
 * Try it:  tests/vm/run dma
 */
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/time.h>
#include <unistd.h>

#include "dmaside.h"

#define R PCIEM_DMA_READ
#define W PCIEM_DMA_WRITE

static struct side s;
static unsigned char buf[1 << 20], back[1 << 20];

static void why_is(int got, int wanted, const char *what)
{
	ok(got == wanted, "%s%s%s%s", what, got == wanted ? "" : ": got ",
	   got == wanted ? "" : why_name(got), got == wanted ? "" : " instead");
}

/* ---- contents and bounds, for each way to map ---------------------------------------------- */

/* Device reads what the driver wrote and the reverse, whole and in odd pieces. */
static void contents(const struct dmatest_map *m, const char *name)
{
	uint64_t len = m->len, k = len / 3;
	bool good = true;

	fill(buf, len, 1);
	mem(&s, m, DMATEST_WRITE, 0, 0, buf, len);
	if (m->dir != DMATEST_FROM_DEVICE) {
		memset(back, 0, len);
		good &= !xfer(&s, m->bus[0], back, len, R) && !differ(back, len, 1);
		memset(back, 0, len);
		good &= !op(&s, m->bus[0], back, k, R) &&
			!op(&s, m->bus[0] + k, back + k, len - k, R) && !differ(back, len, 1);
	}
	if (m->dir != DMATEST_TO_DEVICE) {
		fill(buf, len, 2);
		good &= !xfer(&s, m->bus[0] + k, buf + k, len - k, W) &&
			(!k || !op(&s, m->bus[0], buf, k, W));
		mem(&s, m, DMATEST_READ, 0, 0, back, len);
		good &= !differ(back, len, 2);
	}
	ok(good, "%s: contents", name);
}

static void bounds(const struct dmatest_map *m, const char *name)
{
	uint32_t f = m->dir == DMATEST_TO_DEVICE ? R : W;
	uint64_t a = m->bus[0], len = m->len;
	int last, beyond, past, before;

	fill(buf, len, 2);
	last = xfer(&s, a + len - 1, buf, 1, f);
	beyond = xfer(&s, a, buf, len + 1, f);
	past = xfer(&s, a + len, buf, 1, f);
	before = xfer(&s, a - 1, buf, 2, f);
	ok(!last && beyond == PCIEM_DMA_BOUNDS && past == PCIEM_DMA_BOUNDS &&
	   before == PCIEM_DMA_BOUNDS,
	   "%s: the last byte, and not one more on either side (%s %s %s %s)", name,
	   why_name(last), why_name(beyond), why_name(past), why_name(before));
	if (m->dir != DMATEST_BOTH)
		is(xfer(&s, a, buf, 1, f ^ (R | W)), PCIEM_DMA_DIRECTION, "%s: direction", name);
}

static void each_way(void)
{
	static const struct {
		const char *name;
		int kind, dir;
		uint32_t len, offset;
	} way[] = {
		{ "single to device", DMATEST_SINGLE, DMATEST_TO_DEVICE, 1000, 64 },
		{ "single from device", DMATEST_SINGLE, DMATEST_FROM_DEVICE, 1, 4095 },
		{ "single both ways", DMATEST_SINGLE, DMATEST_BOTH, 100000, 3 },
		{ "page", DMATEST_PAGE, DMATEST_FROM_DEVICE, 8192, 512 },
		{ "coherent, small", DMATEST_COHERENT, DMATEST_BOTH, 24, 0 },
		{ "coherent, not contiguous", DMATEST_COHERENT, DMATEST_BOTH, 1 << 20, 0 },
		{ "pages", DMATEST_PAGES, DMATEST_BOTH, 12288, 0 },
		{ "noncontiguous", DMATEST_NONCONTIGUOUS, DMATEST_TO_DEVICE, 16384, 0 },
	};
	unsigned int i;

	for (i = 0; i < sizeof(way) / sizeof(way[0]); i++) {
		struct dmatest_map m = map(&s, way[i].kind, way[i].dir, way[i].len, way[i].offset,
					   1);
		uint32_t f = m.dir == DMATEST_TO_DEVICE ? R : W;

		contents(&m, way[i].name);
		if (m.kind != DMATEST_COHERENT || m.len < 1 << 20)
			bounds(&m, way[i].name);
		end(&s, &m, DMATEST_RIGHT);
		ok(xfer(&s, m.bus[0], buf, 1, f) == PCIEM_DMA_STALE &&
		   xfer(&s, m.bus[0] + m.len - 1, buf, 1, f) == PCIEM_DMA_STALE,
		   "%s: stale after unmap", way[i].name);
	}
}

static void scattered(void)
{
	struct dmatest_map m = map(&s, DMATEST_SG, DMATEST_BOTH, 1500, 200, DMATEST_ENTS);
	struct pciem_dma_piece p[DMATEST_ENTS];
	struct pciem_dma_list l = { .pieces = (uintptr_t)p, .count = DMATEST_ENTS, .raise = ~0u };
	bool good;
	int i;

	fill(buf, DMATEST_ENTS * 1500, 3);
	for (i = 0; i < DMATEST_ENTS; i++)
		p[i] = (struct pciem_dma_piece){ m.bus[i], (uintptr_t)buf + i * 1500, 1500, W };
	good = !ioctl(s.pciem, PCIEM_DMA_LIST, &l) && l.done == DMATEST_ENTS;
	for (i = 0; i < DMATEST_ENTS; i++)
		mem(&s, &m, DMATEST_READ, i, 0, back + i * 1500, 1500);
	ok(good && !differ(back, DMATEST_ENTS * 1500, 3), "sg: 64 elements by one list");
	why_is(xfer(&s, m.bus[5] + 1499, buf, 2, W), PCIEM_DMA_BOUNDS, "sg: an element's bounds");
	end(&s, &m, DMATEST_RIGHT);
	why_is(xfer(&s, m.bus[63], buf, 1, W), PCIEM_DMA_STALE, "sg: stale after unmap");
}

static void pool(void)
{
	struct dmatest_map a = map(&s, DMATEST_POOL, DMATEST_BOTH, 256, 0, 1);
	struct dmatest_map b = map(&s, DMATEST_POOL, DMATEST_BOTH, 256, 0, 1);

	fill(buf, 256, 4);
	why_is(xfer(&s, b.bus[0], buf, 256, W), PCIEM_DMA_OK, "pool: a block");
	mem(&s, &b, DMATEST_READ, 0, 0, back, 256);
	is(differ(back, 256, 4), 0, "pool: its contents");
	end(&s, &a, DMATEST_RIGHT);
	end(&s, &b, DMATEST_RIGHT);
}

/* What is not the driver's memory, not mapped at all, or not the host's. */
static void elsewhere(void)
{
	struct dmatest_map io = map(&s, DMATEST_RESOURCE, DMATEST_BOTH, 4096, 0, 1);
	struct dmatest_map m = map(&s, DMATEST_SINGLE, DMATEST_BOTH, 4096, 0, 1);
	char *page = mmap(NULL, 3 * 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
			  -1, 0);

	why_is(xfer(&s, io.bus[0], buf, 4, W), PCIEM_DMA_NOT_RAM, "a mapping of MMIO is refused");
	end(&s, &io, DMATEST_RIGHT);
	why_is(xfer(&s, 0x100000, buf, 4, R), PCIEM_DMA_WILD, "a physical address is wild");
	why_is(xfer(&s, 0, buf, 4, R), PCIEM_DMA_WILD, "address 0 is wild");
	why_is(xfer(&s, ~0ull, buf, 4, R), PCIEM_DMA_WILD, "past the end of addresses is wild");
	why_is(xfer(&s, m.bus[0] + 0x10000000, buf, 4, R), PCIEM_DMA_WILD, "far above is wild");

	mprotect(page + 4096, 4096, PROT_READ);
	munmap(page + 8192, 4096);
	why_is(xfer(&s, m.bus[0], page + 4000, 200, R), PCIEM_DMA_BAD_USER_ADDRESS,
	       "the host's memory is read-only");
	why_is(xfer(&s, m.bus[0], page + 4096, 4096, W), PCIEM_DMA_OK, "and can be read from");
	why_is(xfer(&s, m.bus[0], page + 8000, 400, W), PCIEM_DMA_BAD_USER_ADDRESS,
	       "the host's memory is not there");
	why_is(xfer(&s, m.bus[0], (void *)0xffff888000000000, 8, R), PCIEM_DMA_BAD_USER_ADDRESS,
	       "the kernel's memory is not the host's");
	is(op(&s, m.bus[0], (void *)8, 8, R), -EFAULT, "DMA: a bad host address is EFAULT");
	is(op(&s, m.bus[0], buf, 0, R), -EINVAL, "DMA: length 0 is EINVAL");
	is(op(&s, 0x1000, buf, 8, R), -EFAULT, "DMA: a wild address is EFAULT");
	munmap(page, 8192);
	end(&s, &m, DMATEST_RIGHT);
}

static void lists(void)
{
	struct dmatest_map m = map(&s, DMATEST_COHERENT, DMATEST_BOTH, 65536, 0, 1);
	static struct pciem_dma_piece p[PCIEM_DMA_MAX_PIECES + 1];
	struct pciem_dma_list l = { .pieces = (uintptr_t)p, .raise = ~0u };
	int i, rc;

	for (i = 0; i <= PCIEM_DMA_MAX_PIECES; i++)
		p[i] = (struct pciem_dma_piece){
			m.bus[0] + i * 64, (uintptr_t)buf + i * 64, 64, W,
		};
	fill(buf, 65536, 5);
	l.count = PCIEM_DMA_MAX_PIECES;
	rc = ioctl(s.pciem, PCIEM_DMA_LIST, &l);
	mem(&s, &m, DMATEST_READ, 0, 0, back, 65536);
	ok(!rc && l.done == 1024 && !differ(back, 65536, 5), "list: 1024 pieces");
	l.count++;
	rc = ioctl(s.pciem, PCIEM_DMA_LIST, &l);
	ok(rc && errno == EINVAL && !l.done, "list: one more than allowed is EINVAL");
	p[700].bus = 0x1000;
	fill(buf, 65536, 6);
	l.count = 1000;
	rc = ioctl(s.pciem, PCIEM_DMA_LIST, &l);
	mem(&s, &m, DMATEST_READ, 0, 0, back, 65536);
	ok(rc && errno == EFAULT && l.done == 700 && l.why == PCIEM_DMA_WILD &&
	   !differ(back, 44800, 6) && memcmp(back + 44800, buf + 44800, 64 * 300),
	   "list: piece 700 is refused, 700 are done, and none behind it");
	p[3].flags = R | W;
	rc = ioctl(s.pciem, PCIEM_DMA_LIST, &l);
	ok(rc && errno == EINVAL && l.done == 3, "list: flags of piece 3");
	p[3].flags = W;
	p[9].length = 0;
	rc = ioctl(s.pciem, PCIEM_DMA_LIST, &l);
	ok(rc && errno == EINVAL && l.done == 9, "list: length 0 of piece 9");
	l.pieces = 8;
	rc = ioctl(s.pciem, PCIEM_DMA_LIST, &l);
	ok(rc && errno == EFAULT && l.why == PCIEM_DMA_BAD_USER_ADDRESS, "list: is not there");
	l.pieces = (uintptr_t)p;
	l.count = 0;
	is(ioctl(s.pciem, PCIEM_DMA_LIST, &l), 0, "list: empty");
	end(&s, &m, DMATEST_RIGHT);
}

static void on_alarm(int sig)
{
	(void)sig;
}

/* Long transfers, into memory of the host that no one has touched yet; and a signal ends them. */
static void large(void)
{
	uint32_t len = 16 << 20, n = PCIEM_DMA_MAX_PIECES, i;
	struct dmatest_map m = map(&s, DMATEST_COHERENT, DMATEST_BOTH, len, 0, 1);
	unsigned char *a = mmap(NULL, 2 * len, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
				-1, 0);
	struct pciem_dma_piece *p = calloc(n, sizeof(*p));
	struct pciem_dma_list l = { .pieces = (uintptr_t)p, .count = n, .raise = ~0u };
	struct itimerval soon = { .it_value = { .tv_usec = 100000 } };
	uint64_t t;
	int rc;

	fill(a, len, 7);
	is(op(&s, m.bus[0], a, len, W), 0, "16 MiB to the driver");
	is(op(&s, m.bus[0], a + len, len, R), 0, "and back, to untouched memory");
	is(differ(a + len, len, 7), 0, "its contents");
	for (i = 0; i < n; i++)
		p[i] = (struct pciem_dma_piece){ m.bus[0], (uintptr_t)a, len, W };
	sigaction(SIGALRM, &(struct sigaction){ .sa_handler = on_alarm }, NULL);
	setitimer(ITIMER_REAL, &soon, NULL);
	t = now_ns();
	rc = ioctl(s.pciem, PCIEM_DMA_LIST, &l);
	t = now_ns() - t;
	ok(rc && errno == EINTR && l.done < n && t < 3000000000,
	   "a signal ends a list of 16 GiB after %u ms", (unsigned int)(t / 1000000));
	free(p);
	munmap(a, 2 * len);
	end(&s, &m, DMATEST_RIGHT);
}

/* ---- races --------------------------------------------------------------------------------- */

static uint64_t race_bus;
static bool race_over;
static uint64_t landed, refused;

static void *race_device(void *by_list)
{
	unsigned char ff[256];

	memset(ff, 0xff, sizeof(ff));
	while (!__atomic_load_n(&race_over, __ATOMIC_ACQUIRE)) {
		uint64_t bus = __atomic_load_n(&race_bus, __ATOMIC_ACQUIRE);
		int rc = by_list ? xfer(&s, bus, ff, sizeof(ff), W) :
				   op(&s, bus, ff, sizeof(ff), W);

		if (rc)
			refused++;
		else
			landed++;
	}
	return NULL;
}

static void race(bool by_list)
{
	struct dmatest_race r = { .rounds = 10000, .len = 256, .bus = (uintptr_t)&race_bus };
	pthread_t t;

	race_over = false;
	landed = refused = 0;
	if (pthread_create(&t, NULL, race_device, by_list ? (void *)1 : NULL))
		bail("a thread");
	if (ioctl(s.driver, DMATEST_RACE, &r))
		bail("RACE");
	__atomic_store_n(&race_over, true, __ATOMIC_RELEASE);
	pthread_join(t, NULL);
	ok(r.rounds == 10000 && !r.late && r.hit && landed && refused,
	   "%s against unmap: %u rounds, %llu writes landed, %llu refused, %u after unmap",
	   by_list ? "DMA_LIST" : "DMA", r.rounds, (unsigned long long)landed,
	   (unsigned long long)refused, r.late);
}

/* ---- addresses ----------------------------------------------------------------------------- */

static void masks(void)
{
	static const int bits[] = { 64, 48, 40, 36, 32, 31, 28, 24 };
	unsigned int i;

	for (i = 0; i < sizeof(bits) / sizeof(bits[0]); i++) {
		struct dmatest_many m = { .bits = bits[i], .count = 3000, .live = 100 };
		uint64_t top = (1ull << (bits[i] == 64 ? 48 : bits[i])) - 1;
		int rc = ioctl(s.driver, DMATEST_MANY, &m);

		ok(!rc && m.highest <= top && m.lowest >= top / 4 && m.highest > m.lowest &&
		   m.falls <= 8, "a mask of %d bits: %#llx to %#llx, %u wraps", bits[i],
		   (unsigned long long)m.lowest, (unsigned long long)m.highest, m.falls);
	}
}

/* ---- counters, bus mastering --------------------------------------------------------------- */

static void counters(void)
{
	struct pciem_stats a = stats(&s), b;
	struct dmatest_map m = map(&s, DMATEST_SG, DMATEST_BOTH, 4096, 0, 10);

	xfer(&s, m.bus[3], buf, 4096, R);
	op(&s, m.bus[3], buf, 100, W);
	op(&s, m.bus[3] + 4000, buf, 100, W);
	b = stats(&s);
	is(b.outstanding - a.outstanding, 10, "stats: outstanding");
	is(b.dma_bytes - a.dma_bytes, 4196, "stats: dma_bytes");
	is(b.dma_refused - a.dma_refused, 1, "stats: dma_refused");
	ioctl(s.driver, DMATEST_MASTER, 0);
	why_is(xfer(&s, m.bus[0], buf, 4, R), PCIEM_DMA_NO_BUS_MASTER, "bus mastering off");
	is(op(&s, m.bus[0], buf, 4, R), -EFAULT, "and EFAULT for DMA");
	ioctl(s.driver, DMATEST_MASTER, 1);
	why_is(xfer(&s, m.bus[0], buf, 4, R), PCIEM_DMA_OK, "bus mastering on again");
	end(&s, &m, DMATEST_RIGHT);
	is(stats(&s).outstanding, a.outstanding, "stats: none outstanding that was not before");
}

static void sharing(void)
{
	struct dmatest_map m = map(&s, DMATEST_COHERENT, DMATEST_BOTH, 1 << 20, 0, 1);
	unsigned char *p;

	fill(buf, 1 << 20, 8);
	mem(&s, &m, DMATEST_WRITE, 0, 0, buf, 1 << 20);
	p = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_SHARED, s.driver,
		 (m.id * 4096ull + 16) * 4096);
	ok(p != MAP_FAILED && !memcmp(p, buf + 16 * 4096, 8192), "dma_mmap_coherent");
	p = mmap(NULL, 8192, PROT_READ, MAP_SHARED, s.driver, (m.id * 4096ull + 255) * 4096);
	ok(p == MAP_FAILED && errno == ENXIO, "dma_mmap_coherent past the end");
	is(ioctl(s.driver, DMATEST_SGTABLE, m.id), 0, "dma_get_sgtable");
	end(&s, &m, DMATEST_RIGHT);
}

int main(int argc, char **argv)
{
	side_open(&s, 0);
	if (argc > 1 && !strcmp(argv[1], "bench")) {
		bench(&s);
		return 0;
	}
	each_way();
	scattered();
	pool();
	elsewhere();
	lists();
	large();
	prp_tests(&s);
	masks();
	counters();
	sharing();
	race(false);
	race(true);
	is(stats(&s).outstanding, 1, "only the pool's page is outstanding");
	side_close(&s);
	life_tests();
	return done_testing();
}
