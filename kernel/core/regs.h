/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * regs.h: the register file. A register map, compiled to masks, and the one
 * piece of code that carries out a bus access on it, in the kernel module, on
 * the simulated bus and in the host alike.
 *
 * Try it:  make build/test_regs && build/test_regs
 */
#ifndef MB_CORE_REGS_H
#define MB_CORE_REGS_H

#include "types.h"

#define MB_NR_BARS	6
#define MB_NONE		0xffffffffu	/* no row, no vector */
#define MB_MAX_ROWS	65536

/* mb_reg.flags */
#define MB_REG_READ_HOOK	0x0001	/* the driver's read waits for Lua */
#define MB_REG_WRITE_HOOK	0x0002	/* the driver's write is posted to Lua */
#define MB_REG_DOORBELL		0x0004	/* a write hook that nothing is stored for */
#define MB_REG_SYNC		0x0008	/* the driver's write waits until the hook has run */
#define MB_REG_VOLATILE		0x0010	/* reads may differ: tests for free skip it */
#define MB_REG_ENABLE		0x0020	/* its bits enable those of a status of interrupt @vector */
#define MB_REG_FLAGS		0x003f

/**
 * struct mb_reg - one row of a register map, as masks
 * @offset: first byte in the BAR
 * @bar: 0 to 5
 * @size: bytes: 1, 2, 4 or 8
 * @sizes: access sizes allowed; bit n stands for 1 << n bytes
 * @flags: MB_REG_*
 * @reset: value after a reset
 * @rd: bits that read as stored; every other bit reads 0
 * @wr: bits that take the written value
 * @w1c: @w1s: @w1t: bits that a written 1 clears, sets, toggles
 * @w0c: @w0s: @w0t: bits that a written 0 clears, sets, toggles
 * @rc: @rs: bits that a read clears, sets (after the value is taken)
 * @once: bits of @wr that take only the first write after a reset
 * @reserved: bits that do not exist; writing a 1 there is a guest error
 * @sticky: bits that only a cold reset puts back
 * @lock_mask: writes are refused while row @lock has one of these bits set
 * @lock: row index, or MB_NONE
 * @target: row whose state accesses work on: the row itself unless an alias
 * @vector: interrupt that follows this status register, or that this MB_REG_ENABLE
 *	register enables causes of, or MB_NONE
 * @enable: row whose bits enable those of the status, or MB_NONE: all enabled
 * @id: the owner's name for the row (a row may move when rows are sorted)
 * @index: which element of an array this is, else 0
 *
 * The layout is the same in the kernel and in user space and is part of the
 * /dev/pciem interface (PCIEM_SET_REGS). Bits above the register's size are 0
 * in every mask.
 */
struct mb_reg {
	u32 offset;
	u8 bar, size, sizes, pad0;
	u32 flags;
	u32 lock;
	u64 reset, rd, wr;
	u64 w1c, w1s, w1t, w0c, w0s, w0t;
	u64 rc, rs, once, reserved, sticky;
	u64 lock_mask;
	u32 target, vector, enable, id, index, pad1;
};

/**
 * struct mb_reg_state - what a register holds
 * @value: the stored bits
 * @written: bits of a `once` field that were written since the last reset
 *
 * Shared by the driver's side and the model's: both change a word by atomic
 * read-modify-write only (promise 4), so that no bit is lost.
 */
struct mb_reg_state {
	u64 value, written;
};

/** struct mb_ram - a piece of a BAR that is plain memory */
struct mb_ram {
	u64 offset, size;
	u32 bar, pad;
};

/* What the driver did wrong (the middle class of promise 6). */
enum mb_guest_error {
	MB_GE_UNMAPPED_READ = 1,	/* nothing there: all-ones */
	MB_GE_UNMAPPED_WRITE,		/* nothing there: ignored */
	MB_GE_SIZE_READ,		/* a size that the register does not take */
	MB_GE_SIZE_WRITE,
	MB_GE_LOCKED,			/* written while locked: ignored */
	MB_GE_RESERVED,			/* a reserved bit written as 1: that bit ignored */
	MB_GE_READ_ONLY,		/* no bit of the register takes a write: ignored */
};

/**
 * struct mb_regs_ops - what the register file asks of the side it runs on
 * @read_hook: row has MB_REG_READ_HOOK; @stored is what the masks would answer;
 *	returns the whole register's value
 * @write_hook: row has MB_REG_WRITE_HOOK or _DOORBELL and the value is stored
 *	already (not for a doorbell). @raw is the written value with the bytes
 *	that were not written filled from @old. Returns 0: keep, 1: store *value
 *	instead, 2: drop, the old bits come back
 * @irq: a status or enable register of row's interrupt may have changed;
 *	@raised: a bit was set by this access, even if it was set before
 * @ram: access to the memory of a ram() piece
 * @guest_error: the driver misprogrammed the device; @row may be MB_NONE
 *
 * The hooks may be NULL where mb_regs_route() keeps such accesses away.
 * None is called with a lock held.
 */
struct mb_regs_ops {
	u64 (*read_hook)(void *ctx, u32 row, u64 stored);
	int (*write_hook)(void *ctx, u32 row, u64 old, u64 raw, u64 *value);
	void (*irq)(void *ctx, u32 row, bool raised);
	void (*ram)(void *ctx, u32 bar, u64 offset, void *data, unsigned int size, bool write);
	void (*guest_error)(void *ctx, enum mb_guest_error what, u32 row, u32 bar, u64 offset,
			    unsigned int size, u64 value);
};

/**
 * struct mb_regs - a register file
 * @rows: sorted by BAR, then offset; owned by the caller, as is all else
 * @state: one element a row
 * @ram: sorted by BAR, then offset; overlaps no row
 * @first: index of each BAR's first row; first[MB_NR_BARS] = @nrows
 * @bound: rows with an interrupt lie in [bound[0], bound[1])
 */
struct mb_regs {
	const struct mb_reg *rows;
	struct mb_reg_state *state;
	const struct mb_ram *ram;
	u32 nrows, nram;
	u32 first[MB_NR_BARS + 1], bound[2];
	const struct mb_regs_ops *ops;
	void *ctx;
};

/* Where an access is answered. */
enum mb_route {
	MB_LOCAL,	/* by the masks, here */
	MB_POST,	/* posted to the host, nobody waits */
	MB_WAIT,	/* the host answers, the driver waits */
};

/* mb_regs_init() - check the rows (order, overlap, ranges, indices) and index them.
 * Returns 0, or -1 with *@bad set to the offending row. Trusts nothing in @rows.
 */
int mb_regs_init(struct mb_regs *rf, u32 *bad);

/* mb_regs_reset() - put registers to their reset values; @cold: sticky ones too */
void mb_regs_reset(struct mb_regs *rf, bool cold);

/* mb_regs_find() - first row of @bar that ends after @offset (it may begin after it);
 * rf->first[bar + 1] if there is none
 */
u32 mb_regs_find(const struct mb_regs *rf, u32 bar, u64 offset);

/* mb_regs_route() - where an access of @size bytes (1 to 8) is to be answered */
enum mb_route mb_regs_route(const struct mb_regs *rf, u32 bar, u64 offset, unsigned int size,
			    bool write);

/* mb_regs_read() - carry out a driver's read of 1 to 8 bytes, side effects included.
 * What no register and no memory answers reads as ones.
 */
u64 mb_regs_read(struct mb_regs *rf, u32 bar, u64 offset, unsigned int size);

/* mb_regs_write() - carry out a driver's write of 1 to 8 bytes */
void mb_regs_write(struct mb_regs *rf, u32 bar, u64 offset, unsigned int size, u64 data);

/* mb_regs_poke() - the hardware's own hand: replace the bits of @mask, no side effect */
void mb_regs_poke(struct mb_reg_state *st, u64 mask, u64 value);

/* mb_regs_level() - is any status bound to interrupt @vector set and enabled?
 * MB_NONE: any vector at all, which is the INTx line.
 */
bool mb_regs_level(const struct mb_regs *rf, u32 vector);

#ifndef MB_CDEF
static inline u64 mb_size_mask(unsigned int size)
{
	return size >= 8 ? ~0ull : (1ull << 8 * size) - 1;
}
#endif

#endif
