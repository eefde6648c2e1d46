/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * config.h: the configuration space of one function. Values, the bits that can
 * be written and the bits that a written 1 clears; nothing else decides what an
 * access does, so that BAR sizing needs no case of its own.
 *
 * Try it:  make build/test_config && build/test_config
 */
#ifndef MB_CORE_CONFIG_H
#define MB_CORE_CONFIG_H

#include "types.h"

#define MB_CONFIG_SIZE		4096
#define MB_CONFIG_CAPS		0x40	/* first byte that a capability may use */
#define MB_CONFIG_EXT		0x100	/* first byte of the extended space */
#ifndef MB_NR_BARS
#define MB_NR_BARS		6
#endif

/* Registers of a type 0 header (PCIe 6.0 §7.5.1). */
enum {
	MB_PCI_VENDOR		= 0x00,
	MB_PCI_DEVICE		= 0x02,
	MB_PCI_COMMAND		= 0x04,
	MB_PCI_STATUS		= 0x06,
	MB_PCI_REVISION		= 0x08,
	MB_PCI_CLASS		= 0x09,	/* three bytes: interface, subclass, base class */
	MB_PCI_CACHE_LINE	= 0x0c,
	MB_PCI_HEADER_TYPE	= 0x0e,
	MB_PCI_BAR0		= 0x10,
	MB_PCI_SUBSYS_VENDOR	= 0x2c,
	MB_PCI_SUBSYS_DEVICE	= 0x2e,
	MB_PCI_ROM		= 0x30,
	MB_PCI_CAP_POINTER	= 0x34,
	MB_PCI_INT_LINE		= 0x3c,
	MB_PCI_INT_PIN		= 0x3d,
};

#define MB_COMMAND_IO		0x0001
#define MB_COMMAND_MEMORY	0x0002
#define MB_COMMAND_MASTER	0x0004
#define MB_COMMAND_PARITY	0x0040
#define MB_COMMAND_SERR		0x0100
#define MB_COMMAND_INTX_OFF	0x0400
#define MB_STATUS_INTERRUPT	0x0008
#define MB_STATUS_CAPS		0x0010

#define MB_BAR_IO		0x1	/* low bits of a BAR (PCI 3.0 §6.2.5.1) */
#define MB_BAR_TYPE		0x6
#define MB_BAR_64		0x4
#define MB_BAR_PREFETCH		0x8

/* Capability identifiers (PCI Code and ID Assignment Specification §2). */
#define MB_CAP_PM		0x01
#define MB_CAP_MSI		0x05
#define MB_CAP_VENDOR		0x09
#define MB_CAP_EXPRESS		0x10
#define MB_CAP_MSIX		0x11

/* What a write changed. */
#define MB_CFG_COMMAND	1u	/* the COMMAND register */
#define MB_CFG_BAR	2u	/* an address in a BAR */
#define MB_CFG_MSI	4u	/* MSI control or mask bits */
#define MB_CFG_MSIX	8u	/* MSI-X control */
#define MB_CFG_PM	16u	/* the power state */
#define MB_CFG_FLR	32u	/* nothing yet: a Function Level Reset is to begin */

/**
 * struct mb_config - configuration space
 * @val: what is read, little-endian as on the bus
 * @wmask: bits that take what is written
 * @w1c: bits that a written 1 clears
 * @pm: @express: @msi: @msix: offsets of these capabilities, 0: absent
 * @cap_last: @cap_end: where the builder (caps.h) goes on
 * @ext_last: @ext_end: the same in the extended space
 *
 * No lock of its own: the owner serialises.
 */
struct mb_config {
	u8 val[MB_CONFIG_SIZE], wmask[MB_CONFIG_SIZE], w1c[MB_CONFIG_SIZE];
	u16 pm, express, msi, msix;
	u16 cap_last, cap_end, ext_last, ext_end;
};

/**
 * struct mb_config_ids - what a function is
 * @class_code: 24 bits, base class highest (0x010802 is NVMe)
 * @int_pin: 0 no INTx, 1 INTA to 4 INTD
 */
struct mb_config_ids {
	u16 vendor, device, subsys_vendor, subsys_device;
	u32 class_code;
	u8 revision, int_pin;
};

/* mb_config_init() - a type 0 header without BARs and capabilities; COMMAND is 0 */
void mb_config_init(struct mb_config *c, const struct mb_config_ids *ids);

/* mb_config_bar() - give the function a memory BAR, or with @size 0 take it away.
 * @index: 0 to 5 (0 to 4 if 64-bit, and the next register is used too)
 * @size: bytes, a power of two from 16, below 4 GiB unless 64-bit
 * @flags: MB_BAR_64 and MB_BAR_PREFETCH only
 * Returns 0, or -1 if one of them is wrong or a neighbour's register is needed.
 */
int mb_config_bar(struct mb_config *c, unsigned int index, u64 size, u32 flags);

/* mb_config_bar_address() - where the BAR has been placed; 0 if absent or not placed.
 * After a sizing write (all-ones) it is whatever that left.
 */
u64 mb_config_bar_address(const struct mb_config *c, unsigned int index);

/* mb_config_bar_size() - bytes the BAR decodes, 0 if absent (also: upper half of a 64-bit one) */
u64 mb_config_bar_size(const struct mb_config *c, unsigned int index);

/* mb_config_read() - a bus read of 1, 2 or 4 bytes. Another size, an unaligned @offset or one
 * past the end reads as ones.
 */
u32 mb_config_read(const struct mb_config *c, u32 offset, unsigned int size);

/* mb_config_write() - a bus write of 1, 2 or 4 bytes; what mb_config_read() would not answer is
 * ignored. Returns MB_CFG_* of what is now different.
 */
u32 mb_config_write(struct mb_config *c, u32 offset, unsigned int size, u32 data);

/* mb_config_get() and mb_config_set() - the hardware's own hand: any byte order problem, mask
 * and side effect kept out. @size 1, 2 or 4, inside the space.
 */
u32 mb_config_get(const struct mb_config *c, u32 offset, unsigned int size);
void mb_config_set(struct mb_config *c, u32 offset, unsigned int size, u32 data);

/* mb_config_reset() - what a Function Level Reset does here: every bit that software can change, or
 * clear, becomes that of @reset (MB_CONFIG_SIZE bytes), but for Max_Payload_Size and the control of
 * the link (PCIe 6.0 §6.6.2). Returns MB_CFG_* of what is now different.
 */
u32 mb_config_reset(struct mb_config *c, const u8 *reset);

/* mb_config_poke() - the model's hand: the bits of @mask become those of @value. @size 1, 2 or 4
 * bytes at an aligned @offset from 0x40 on. Not its to change are capabilities, apart from what
 * follows the length byte of a vendor-specific one, and the headers of extended capabilities
 * (0x100 even if there is none: a value there would be one). Returns 0, or -1 for such a place.
 */
int mb_config_poke(struct mb_config *c, u32 offset, unsigned int size, u32 mask, u32 value);

/* mb_config_power() - the power state, 0 (D0) to 3 (D3hot); 0 without that capability */
u8 mb_config_power(const struct mb_config *c);

/* Live bits: call before a read that may see them. */
void mb_config_set_intx(struct mb_config *c, bool asserted);	/* STATUS.Interrupt */
void mb_config_set_msi_pending(struct mb_config *c, u32 bits);	/* no-op without mask bits */

/* Is [offset, offset + size) over a register whose bits are live? */
bool mb_config_live(const struct mb_config *c, u32 offset, unsigned int size);

/* mb_config_find_cap() - offset of the first capability with this id, 0 if there is none.
 * Ends on every list, a circular one included.
 */
u32 mb_config_find_cap(const struct mb_config *c, u8 id);

/* mb_config_check() - is the image in val, wmask and w1c, which came from outside, a type 0
 * function that can be put on a bus? Checks identifiers, header, that both capability lists end,
 * lie inside their part of the space and do not overlap, that a bit is not both writable and W1C,
 * and that the registers the rest of the code relies on are read-only where they must be. BARs and
 * ROM are not the image's to give: their registers are cleared; use mb_config_bar() afterwards.
 * Fills the offsets of the capabilities. Returns 0, or -1 with *@bad set to the offset of the
 * register that is wrong.
 */
int mb_config_check(struct mb_config *c, u32 *bad);

#endif
