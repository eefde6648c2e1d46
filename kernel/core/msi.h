/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * msi.h: MSI and MSI-X, from "this vector has something to say" to "a message
 * goes out now". A vector that may not speak keeps one pending bit; it is
 * never lost (PCIe 6.0 §6.1.4, §7.7.1, §7.7.2).
 *
 * Try it:  make build/test_msi && build/test_msi
 *
 * Of a vector that was raised, and of any after a mask or an enable bit
 * changed: ask _ready(), and _claim() at the moment the message goes out.
 * Between the two it may have been masked again; then _claim() says no and it
 * stays pending. No allocation, no lock: both are the caller's.
 */
#ifndef MB_CORE_MSI_H
#define MB_CORE_MSI_H

#include "caps.h"

#define MB_NO_VECTOR	0xffffffffu

/**
 * struct mb_msi - MSI of a function
 * @vectors: messages the function can send, a power of two from 1 to 32, or 0: no MSI
 * @granted: messages the driver has allowed, a power of two, not above @vectors
 * @enabled: @master: MSI Enable; bus mastering (a message is a memory write)
 * @mask: @pending: a bit a message
 */
struct mb_msi {
	u32 vectors, granted, mask, pending;
	bool enabled, master;
};

void mb_msi_init(struct mb_msi *m, u32 vectors);
/* mb_msi_config() - take control, mask and bus mastering over from @c; drops what is pending
 * when MSI is disabled
 */
void mb_msi_config(struct mb_msi *m, const struct mb_config *c);
/* mb_msi_message() - the message that vector @v goes by: modulo the messages granted */
u32 mb_msi_message(const struct mb_msi *m, u32 v);
/* mb_msi_raise() - @message becomes pending. True: and it is ready. Nothing happens while MSI
 * is disabled.
 */
bool mb_msi_raise(struct mb_msi *m, u32 message);
bool mb_msi_ready(const struct mb_msi *m, u32 message);
bool mb_msi_claim(struct mb_msi *m, u32 message);
/* mb_msi_next() - the first ready message from @from on, or MB_NO_VECTOR */
u32 mb_msi_next(const struct mb_msi *m, u32 from);

/* struct mb_msix_entry - one row of the table (PCIe 6.0 §7.7.2.6 to §7.7.2.9) */
struct mb_msix_entry {
	u64 address;
	u32 data, control;	/* control bit 0: masked */
};

#define MB_MSIX_ENTRY_SIZE	16
#define MB_MSIX_ENTRY_MASKED	1u
#define MB_MSIX_PBA_WORDS(n)	(((n) + 63) / 64)

/**
 * struct mb_msix - MSI-X of a function
 * @table: [@count], @pba: [MB_MSIX_PBA_WORDS(@count)]: the caller's memory
 * @count: 0 (no MSI-X) to 2048
 * @enabled: @masked: @master: MSI-X Enable, Function Mask, bus mastering
 */
struct mb_msix {
	struct mb_msix_entry *table;
	u64 *pba;
	u32 count;
	bool enabled, masked, master;
};

/* mb_msix_init() - as after a reset: every entry zero and masked, nothing pending */
void mb_msix_init(struct mb_msix *x, struct mb_msix_entry *table, u64 *pba, u32 count);
/* mb_msix_config() - take control and bus mastering over from @c; drops what is pending when
 * MSI-X is disabled
 */
void mb_msix_config(struct mb_msix *x, const struct mb_config *c);
/* mb_msix_raise() - vector @v becomes pending. True: and it is ready. Nothing happens while
 * MSI-X is disabled or if @v is out of range.
 */
bool mb_msix_raise(struct mb_msix *x, u32 v);
bool mb_msix_ready(const struct mb_msix *x, u32 v);
bool mb_msix_claim(struct mb_msix *x, u32 v);
/* mb_msix_next() - the first ready vector from @from on, or MB_NO_VECTOR */
u32 mb_msix_next(const struct mb_msix *x, u32 from);

/* Bus accesses of 1 to 8 bytes at an offset in the table or in the PBA; bytes outside read as
 * zero and are not written. After a table write the entries it touched may be ready.
 */
u64 mb_msix_table_read(const struct mb_msix *x, u32 offset, unsigned int size);
void mb_msix_table_write(struct mb_msix *x, u32 offset, unsigned int size, u64 data);
u64 mb_msix_pba_read(const struct mb_msix *x, u32 offset, unsigned int size);

#endif
