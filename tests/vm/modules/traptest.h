/* SPDX-License-Identifier: MIT */
/*
 * traptest.h: what a test asks of the driver in traptest.c, through /dev/traptest.
 *
 * Try it:  tests/vm/run trap
 */
#ifndef TRAPTEST_H
#define TRAPTEST_H

#include <linux/ioctl.h>
#include <linux/types.h>

#define TRAPTEST_VENDOR	0x1234
#define TRAPTEST_DEVICE	0x7e57

enum traptest_op {
	TT_READ,	/* result: what it read */
	TT_WRITE,
	TT_BURST,	/* writes data, data + 1, ... count times */
	TT_PUSH,	/* count times: writes n to offset, reads arg; result: how often not n + 1 */
	TT_REPEAT,	/* reads count times; result: how often other than data */
	TT_COPY_FROM,	/* memcpy_fromio of count bytes to the buffer */
	TT_COPY_TO,	/* memcpy_toio of count bytes from the buffer */
	TT_SET,		/* memset_io of count bytes to data */
	TT_OR,		/* orl of a constant into memory; result: ZF and SF afterwards */
	TT_XADD,	/* lock xaddl; result: the old value */
	TT_VECTOR,	/* movdqu load, which the module refuses; result: the low half of the register */
	TT_REMAP,	/* ioremap, read at offset, iounmap, count times; result: the last value */
	TT_IRQS,	/* count times: writes n to offset and waits for the interrupt, whose handler reads
			 * arg (1 expected), arg + 4 (data expected) and writes 1 to arg; result: how
			 * often something was wrong
			 */
	TT_LEAK,	/* from now on keeps its mapping when it is removed */
};

enum traptest_context {
	TT_NORMAL, TT_IRQS_OFF, TT_PREEMPT_OFF, TT_SPINLOCK, TT_RCU, TT_SOFTIRQ, TT_HARDIRQ,
	TT_CONTEXTS
};

/**
 * struct traptest - one order
 * @size: of an access: 1, 2, 4, 8
 * @ns: by the driver: how long it took
 * @slept: by the driver: the task was switched away from meanwhile, voluntarily
 * -ENODEV while no device is bound.
 */
struct traptest {
	__u32 op, context, bar, size;
	__u64 offset, arg, data, count;
	__u64 result, ns, slept;
	__u64 buffer;
};

#define TRAPTEST_DO	_IOWR('T', 1, struct traptest)
#define TRAPTEST_BOUND	_IO('T', 2)	/* how many probes minus removes */

#endif
