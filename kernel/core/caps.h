/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * caps.h: builds capabilities into a configuration space, one after another
 * from 0x40 (extended ones: 0x100) in the order of the calls.
 *
 * Try it:  make build/test_caps && build/test_caps
 *
 * Each call returns the offset of the new capability, or -1 if an argument is
 * out of range, the capability is there already (except vendor-specific ones)
 * or there is no room before 0x100 (extended ones: 0x1000).
 */
#ifndef MB_CORE_CAPS_H
#define MB_CORE_CAPS_H

#include "config.h"

#define MB_MSIX_MAX	2048	/* entries of an MSI-X table (PCIe 6.0 §7.7.2.2) */

/* mb_cap_pm() - power management, version 3: D0 and D3hot, no PME, no reset on the way back */
int mb_cap_pm(struct mb_config *c);

/* mb_cap_express() - PCI Express endpoint, version 2: 8 GT/s, x4; @flr: it can be reset by itself,
 * and whoever carries out writes does so (MB_CFG_FLR)
 */
int mb_cap_express(struct mb_config *c, bool flr);

/* mb_cap_msi() - @log2_vectors: 0 to 5 */
int mb_cap_msi(struct mb_config *c, unsigned int log2_vectors, bool has_64bit, bool has_masking);

/* mb_cap_msix() - table of @count (1 to 2048) entries and PBA, both in BAR @bar (0 to 5) at
 * multiples of 8 bytes. That the BAR holds them is checked by mb_caps_msix(), since BARs may
 * be added later.
 */
int mb_cap_msix(struct mb_config *c, unsigned int bar, u32 table_offset, unsigned int count,
		u32 pba_offset);

/* mb_cap_vendor() - vendor-specific: @len bytes that follow the length byte, and the mask of
 * their writable bits (NULL: none). @len: 0 to 189.
 */
int mb_cap_vendor(struct mb_config *c, const u8 *bytes, const u8 *wmask, unsigned int len);

/* mb_cap_extended() - any extended capability, one after another from 0x100: @id 1 to 0xffff,
 * @version 0 to 15, and @len bytes that follow its header of four: their values, writable bits and
 * bits that a written 1 clears (NULL: none). Twice the same @id is fine, as of vendor-specific ones.
 */
int mb_cap_extended(struct mb_config *c, u16 id, unsigned int version, const u8 *bytes,
		    const u8 *wmask, const u8 *w1c, unsigned int len);

/** struct mb_msix_place - where a function keeps its MSI-X structures; @count 0: nowhere */
struct mb_msix_place {
	u32 count;
	u32 table_bar, table_offset;
	u32 pba_bar, pba_offset;
};

/* mb_caps_msix() - read the MSI-X capability. Returns 0, also if there is none, or -1 if table or
 * PBA do not fit their BARs or overlap.
 */
int mb_caps_msix(const struct mb_config *c, struct mb_msix_place *place);

#endif
