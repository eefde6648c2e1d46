/* SPDX-License-Identifier: MIT */
/*
 * irqtest.h: what a test asks of the driver irqtest.c through /dev/irqtest.
 *
 * Try it:  tests/vm/run irq
 */
#ifndef IRQTEST_H
#define IRQTEST_H

#include <linux/ioctl.h>
#include <linux/types.h>

#define IRQTEST_VENDOR	0x1234
#define IRQTEST_DEVICE	0xb055
#define IRQTEST_UNITS	8	/* the device's subsystem id says which unit it is */
#define IRQTEST_VECTORS	2048

/* The device: BAR 0 has registers, the MSI-X table and the PBA; BAR 2 is memory. */
#define IRQTEST_STATUS	0x0	/* W1C; a level while status & enable */
#define IRQTEST_ENABLE	0x4
#define IRQTEST_BAR0	0x20000
#define IRQTEST_TABLE	0x8000
#define IRQTEST_PBA	0x10000
#define IRQTEST_BAR2	0x2000	/* u32 for each vector: how often it was raised */

enum irqtest_kind { IRQTEST_INTX, IRQTEST_MSI, IRQTEST_MSIX };

enum irqtest_what {
	IRQTEST_PRESENT,	/* 1: the unit's device has the driver bound to it */
	IRQTEST_SETUP,		/* arg: kind, value: vectors wanted; the number of vectors granted */
	IRQTEST_TEARDOWN,
	IRQTEST_ZERO,		/* all counts */
	IRQTEST_DISABLE,	/* arg: vector */
	IRQTEST_ENABLE_IRQ,
	IRQTEST_AFFINITY,	/* arg: vector, value: CPU */
	IRQTEST_ACK_AFTER,	/* value: the INTx handler acknowledges its value-th call */
	IRQTEST_READ,		/* arg: offset in BAR 0; value back */
	IRQTEST_WRITE,
	IRQTEST_CHECK_MASK,	/* pci_check_and_mask_intx() */
	IRQTEST_CHECK_UNMASK,
	IRQTEST_MASTER,		/* value: bus mastering on or off */
};

struct irqtest_call {
	__u32 unit, what, arg, pad;
	__u64 value;
};

/* @seen: what BAR 2 said at the last call; @cpu: where; @soft: calls outside hard-irq context */
struct irqtest_count {
	__u32 count, seen, cpu, soft;
};

/* @counts: user address of struct irqtest_count [@n], of vectors 0 to @n - 1 */
struct irqtest_counts {
	__u32 unit, n;
	__u64 counts;
};

#define IRQTEST_CALL	_IOWR('q', 1, struct irqtest_call)
#define IRQTEST_COUNTS	_IOW('q', 2, struct irqtest_counts)

#endif
