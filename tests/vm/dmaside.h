/* SPDX-License-Identifier: MIT */
/*
 * dmaside.h: both sides of a device in one program: the device through /dev/pciem, its driver
 * through /dev/dmatest (modules/dmatest.h). It exists so that dmahost.c reads as what it tests.
 *
 * Try it:  tests/vm/run dma
 */
#ifndef DMASIDE_H
#define DMASIDE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "../../kernel/uapi/pciem.h"
#include "modules/dmatest.h"

/** struct side - one device: @pciem, its BAR fd @bar, and @driver, open on it; -1 where not open */
struct side {
	int pciem, bar, driver;
	uint64_t id[64];
};

/* Prints one TAP result; @fmt describes it. Returns @ok. */
bool ok(bool ok, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* As ok(), for two numbers that must be equal. */
bool is(long long got, long long wanted, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
int done_testing(void);		/* the plan; returns the exit status */
void bail(const char *what) __attribute__((noreturn));	/* with errno: nothing more can be tested */
uint64_t now_ns(void);

/* A device with the driver bound to it, subsystem device @index; bails out where it cannot be. */
void side_open(struct side *s, unsigned int index);
void side_close(struct side *s);	/* both files; the device goes first */

/* The device's side. why, or -errno of another error than EFAULT. */
int xfer(struct side *s, uint64_t bus, void *buf, uint32_t length, uint32_t flags);
/* 0 or -errno */
int op(struct side *s, uint64_t bus, void *buf, uint32_t length, uint32_t flags);
int prp(struct side *s, uint64_t prp1, uint64_t prp2, void *buf, uint32_t length, uint32_t page,
	uint32_t flags);
struct pciem_stats stats(struct side *s);
const char *why_name(int why);

/* The driver's side. map() bails out when the driver cannot. */
struct dmatest_map map(struct side *s, int kind, int dir, uint64_t len, uint32_t offset,
		       uint32_t nents);
int end(struct side *s, const struct dmatest_map *m, int how);
int mem(struct side *s, const struct dmatest_map *m, int op, uint32_t ent, uint64_t offset,
	void *buf, uint64_t len);

/* Fills with bytes that tell one @seed and one place from another; counts those that differ. */
void fill(void *buf, size_t len, unsigned int seed);
size_t differ(const void *buf, size_t len, unsigned int seed);
uint32_t rnd(uint32_t below);

void log_mark(void);				/* from here on ... */
bool log_has(const char *text);			/* ... the kernel has said this */

/* dmaprp.c, dmalife.c, dmabench.c. life_tests() opens its own; bench() prints, tests nothing. */
void prp_tests(struct side *s);
void life_tests(void);
void bench(struct side *s);

#endif
