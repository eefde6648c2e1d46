/* SPDX-License-Identifier: MIT */
/*
 * dmatest.h: what tests/vm/dmahost.c asks of the test driver dmatest.c. It exists so that one
 * program plays both sides: the driver's through /dev/dmatest, the device's through /dev/pciem.
 *
 * Try it:  tests/vm/run dma
 */
#ifndef DMATEST_H
#define DMATEST_H

#include <linux/ioctl.h>
#include <linux/types.h>

#define DMATEST_VENDOR	0x1b36
#define DMATEST_DEVICE	0x7d3a
#define DMATEST_DEVICES	2	/* told apart by subsystem device, from 0 */
#define DMATEST_ENTS	64

enum dmatest_kind {
	DMATEST_SINGLE, DMATEST_PAGE, DMATEST_SG, DMATEST_COHERENT, DMATEST_POOL, DMATEST_PAGES,
	DMATEST_NONCONTIGUOUS, DMATEST_RESOURCE,
};

/* As the kernel's enum dma_data_direction. */
enum dmatest_dir { DMATEST_BOTH, DMATEST_TO_DEVICE, DMATEST_FROM_DEVICE };

/**
 * struct dmatest_map - allocate and map; the memory is filled with 0xa5
 * @len: bytes (of each element); @offset: from the beginning of a page
 * @nents: elements of an sg list, else 1; @bus: their bus addresses
 * @id: by the driver: names it from now on
 */
struct dmatest_map {
	__u32 kind, dir, nents, offset;
	__u64 len;
	__u32 id, reserved;
	__u64 bus[DMATEST_ENTS];
};

enum dmatest_how {
	DMATEST_RIGHT, DMATEST_WRONG_LENGTH, DMATEST_WRONG_DIRECTION, DMATEST_WRONG_CALL,
	DMATEST_TWICE, DMATEST_FREE_ONLY,	/* the memory, after a driver's mistake */
};

/** struct dmatest_end - unmap @id and free it */
struct dmatest_end {
	__u32 id, how;
};

/** struct dmatest_mem - the driver's own access to its memory, or dma_sync of it */
struct dmatest_mem {
	__u32 id, ent, op, reserved;
	__u64 offset, len, user;
};

enum dmatest_op { DMATEST_READ, DMATEST_WRITE, DMATEST_SYNC };

/**
 * struct dmatest_race - map, let the device write for a while, unmap, then look for late writes
 * @bus: user address where each round's bus address is stored
 * @late: by the driver: rounds in which the memory changed after unmap
 * @hit: by the driver: rounds in which the device wrote in time
 */
struct dmatest_race {
	__u32 rounds, len;
	__u64 bus;
	__u32 late, hit;
};

/**
 * struct dmatest_many - map and unmap @count times under a mask
 * @live: of these stay mapped throughout
 * @lowest: @highest: bus addresses seen; @falls: how often one was not above its predecessor
 * @ns: for one map and unmap; @direct: with the kernel's own direct mapping instead
 * @nents: 0 dma_map_single, else dma_map_sg of so many pages
 */
struct dmatest_many {
	__u32 bits, count, live, direct, nents, falls;
	__u64 lowest, highest, ns;
};

#define DMATEST_SELECT	_IO('T', 1)			/* which device this file is about */
#define DMATEST_MAP	_IOWR('T', 2, struct dmatest_map)
#define DMATEST_END	_IOW('T', 3, struct dmatest_end)
#define DMATEST_MEM	_IOW('T', 4, struct dmatest_mem)
#define DMATEST_RACE	_IOWR('T', 5, struct dmatest_race)
#define DMATEST_MANY	_IOWR('T', 6, struct dmatest_many)
#define DMATEST_MASTER	_IO('T', 7)			/* bus mastering on or off */
#define DMATEST_KEEP	_IO('T', 8)			/* remove() keeps mappings and device */
#define DMATEST_DROP	_IO('T', 9)			/* gives up a device that was kept */
#define DMATEST_SGTABLE	_IO('T', 10)			/* is dma_get_sgtable() of this id right? */

#endif
