/* SPDX-License-Identifier: MIT */
/*
 * irqside.h: both sides of an interrupting device in one program, so that
 * irqhost.c and bushost.c read as what they test.
 *
 * Try it:  tests/vm/run irq bus
 */
#ifndef IRQSIDE_H
#define IRQSIDE_H

#include <errno.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include "../../kernel/core/regs.h"
#include "../../kernel/uapi/pciem.h"
#include "modules/irqtest.h"

/**
 * struct irqside_device - what to make
 * @unit: number of the device, for the driver (see modules/irqtest.h)
 * @msix: entries, or 0; @msi: with MSI of 1 << @log2 messages, with @masking or not
 * @bound: the status register is bound to vector 0
 */
struct irqside_device {
	unsigned int unit, msix, log2;
	bool msi, masking, bound;
};

/** struct irqside - one device; @said: BAR 2, what the device tells the driver with a raise */
struct irqside {
	int pciem, bar, driver, config;
	unsigned int unit;
	char path[64];			/* in sysfs */
	volatile u32 *said;
	struct mb_reg rows[2];
	struct mb_regs regs;		/* of those rows; the state is shared with the kernel */
	struct pciem_queue *queue;
	pthread_t server;
	bool closing;
	struct irqtest_count count[IRQTEST_VECTORS];
};

bool ok(bool ok, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
bool is(long long got, long long wanted, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
int done_testing(void);
void bail(const char *what) __attribute__((noreturn));

/* Makes the device, waits until the driver is bound; bails out where that is not possible. */
void side_open(struct irqside *s, const struct irqside_device *d);
void side_close(struct irqside *s);		/* and waits until the driver is gone */
bool wait_absent(unsigned int unit, int ms);	/* the driver has no such device any more */
int find_sysfs(unsigned int unit, char path[64]);	/* 0 and the device's path, or -1 */

/* The device. Results: 0 or -errno. */
int pciem_irq_op(struct irqside *s, u32 vector, u32 op);
void say_and_raise(struct irqside *s, u32 vector);
void status_or(struct irqside *s, u32 bits);

/* The driver. */
int call(struct irqside *s, u32 what, u32 arg, u64 value);	/* result or -errno */
u32 bar_read(struct irqside *s, u32 offset);
void bar_write(struct irqside *s, u32 offset, u32 value);
void zero(struct irqside *s);			/* counts, and what was said */
void counts(struct irqside *s, int n);		/* into s->count */
int count_of(struct irqside *s, u32 vector);
bool wait_count(struct irqside *s, u32 vector, int at_least, int ms);

u32 config_read(struct irqside *s, int offset, int size);
void config_write(struct irqside *s, int offset, int size, u32 value);
int find_cap(struct irqside *s, int id);	/* bails out if there is none */
int irqs_in_use(void);				/* of the whole machine */

#endif
