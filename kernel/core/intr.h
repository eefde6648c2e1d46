/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * intr.h: the interrupts of a function as a whole. Takes what the model says
 * (raise, look again, hold the line, let go) and what the driver has chosen
 * (INTx, MSI or MSI-X, masks, bus mastering) and knows what must reach the
 * driver; the kernel module and the simulated bus only carry it there.
 *
 * Try it:  make build/test_intr && build/test_intr
 *
 * The caller serialises, gives the memory, and after each call that may have
 * made something ready sends: while mb_intr_next() names a message, claim it
 * and deliver it; and when mb_intr_line() is up, INTx.
 */
#ifndef MB_CORE_INTR_H
#define MB_CORE_INTR_H

#include "msi.h"
#include "regs.h"

#define MB_INTR_VECTORS	2048

enum mb_intr_mode { MB_INTR_INTX, MB_INTR_MSI, MB_INTR_MSIX };

/* What the model may say of a vector; the numbers are those of PCIEM_IRQ_*. */
enum mb_intr_op { MB_INTR_RAISE = 1, MB_INTR_EVAL, MB_INTR_ASSERT, MB_INTR_DEASSERT };

/**
 * struct mb_intr - interrupt state of a function
 * @regs: register file whose rows may be bound to vectors, or NULL
 * @mode: by which mechanism the driver lets the function speak
 * @pin: the function has an INTx pin
 * @intx_off: COMMAND.Interrupt Disable
 * @pulse: INTx is to be delivered once although nobody holds the line
 * @bound: vectors that rows are bound to
 * @asserted: vectors that hold the INTx line by themselves
 * @level: bound vectors whose status & enable was last seen non-zero
 */
struct mb_intr {
	struct mb_msi msi;
	struct mb_msix msix;
	struct mb_msix_place place;
	const struct mb_regs *regs;
	enum mb_intr_mode mode;
	bool pin, intx_off, pulse;
	u64 bound[MB_INTR_VECTORS / 64], asserted[MB_INTR_VECTORS / 64];
	u64 level[MB_INTR_VECTORS / 64];
};

/* mb_intr_init() - of the function whose configuration space is @c, with its BARs.
 * @regs: its register file, checked, or NULL
 * @table: @pba: memory for mb_caps_msix()'s count of entries (see msi.h), NULL if that is 0
 * Returns 0, or -1 if the MSI-X capability is wrong.
 */
int mb_intr_init(struct mb_intr *in, const struct mb_config *c, const struct mb_regs *regs,
		 struct mb_msix_entry *table, u64 *pba);

/* mb_intr_reset() - as a reset leaves it: table zero and masked, nothing pending or asserted */
void mb_intr_reset(struct mb_intr *in, const struct mb_config *c);

/* mb_intr_config() - COMMAND, MSI or MSI-X control or masks in @c may have changed. When MSI or
 * MSI-X is switched on, a bound vector whose level is up sends a message: its rise was not heard.
 */
void mb_intr_config(struct mb_intr *in, const struct mb_config *c);

/* mb_intr_op() - the model's word on @vector. Returns 0, or -1 if the function has no such
 * vector: not below the messages it offers or, with INTx only, not below 2048.
 */
int mb_intr_op(struct mb_intr *in, u32 vector, enum mb_intr_op op);

/* mb_intr_inject() - an edge by whatever mechanism is on: MSI-X @vector (out of range: nothing),
 * MSI message 0, or one delivery of INTx.
 */
void mb_intr_inject(struct mb_intr *in, u32 vector);

/* mb_intr_message() - the message that @vector goes by now; MB_NO_VECTOR under INTx */
u32 mb_intr_message(const struct mb_intr *in, u32 vector);
bool mb_intr_ready(const struct mb_intr *in, u32 message);
bool mb_intr_claim(struct mb_intr *in, u32 message);
u32 mb_intr_next(const struct mb_intr *in, u32 from);

/* mb_intr_status() - STATUS.Interrupt: the function asserts INTx, disabled or not */
bool mb_intr_status(const struct mb_intr *in);
/* mb_intr_line() - the line as the interrupt controller sees it */
bool mb_intr_line(const struct mb_intr *in);
/* mb_intr_line_taken() - INTx is being delivered: ends a pulse */
void mb_intr_line_taken(struct mb_intr *in);

/* mb_intr_live() - put the live bits into @c, before a read for which mb_config_live() is true */
void mb_intr_live(const struct mb_intr *in, struct mb_config *c);

/* mb_intr_covers() - does [offset, offset + size) of @bar touch the MSI-X table or the PBA? */
bool mb_intr_covers(const struct mb_intr *in, u32 bar, u64 offset, unsigned int size);
/* Bus accesses to them, 1 to 8 bytes; bytes that are neither read as zero and are not written.
 * After a write messages may be ready.
 */
u64 mb_intr_read(const struct mb_intr *in, u32 bar, u64 offset, unsigned int size);
void mb_intr_write(struct mb_intr *in, u32 bar, u64 offset, unsigned int size, u64 data);

#endif
