// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * config.c: configuration space as masks: how it begins, and what an access and
 * a reset do.
 *
 * Try it:  make build/test_config && build/test_config
 */
#include "config_priv.h"

#define PMCSR		4	/* offset in the power management capability */
#define DEVCAP		4	/* and in that of PCI Express */
#define DEVCTL		8
#define LNKCTL		16
#define LNKCTL2		48
#define PMC_D1		0x0200
#define PMC_D2		0x0400

u32 mb_config_get(const struct mb_config *c, u32 offset, unsigned int size)
{
	u32 v = 0;

	while (size--)
		v = v << 8 | c->val[offset + size];
	return v;
}

static void put(u8 *at, unsigned int size, u32 data)
{
	for (; size--; data >>= 8)
		*at++ = (u8)data;
}

void mb_config_set(struct mb_config *c, u32 offset, unsigned int size, u32 data)
{
	put(&c->val[offset], size, data);
}

/* PCIe 6.0 §7.5.1: which bits of a type 0 header software may write */
void mb_config_init(struct mb_config *c, const struct mb_config_ids *ids)
{
	mb_config_zero(c, 0, MB_CONFIG_SIZE);
	c->pm = c->express = c->msi = c->msix = 0;
	c->cap_last = c->ext_last = 0;
	c->cap_end = MB_CONFIG_CAPS;
	c->ext_end = MB_CONFIG_EXT;

	mb_config_set(c, MB_PCI_VENDOR, 2, ids->vendor);
	mb_config_set(c, MB_PCI_DEVICE, 2, ids->device);
	mb_config_set(c, MB_PCI_REVISION, 1, ids->revision);
	put(&c->val[MB_PCI_CLASS], 3, ids->class_code);
	mb_config_set(c, MB_PCI_SUBSYS_VENDOR, 2, ids->subsys_vendor);
	mb_config_set(c, MB_PCI_SUBSYS_DEVICE, 2, ids->subsys_device);
	mb_config_set(c, MB_PCI_INT_PIN, 1, ids->int_pin);

	put(&c->wmask[MB_PCI_COMMAND], 2, MB_COMMAND_MEMORY | MB_COMMAND_MASTER |
	    MB_COMMAND_PARITY | MB_COMMAND_SERR | MB_COMMAND_INTX_OFF);
	put(&c->w1c[MB_PCI_STATUS], 2, 0xf900);
	c->wmask[MB_PCI_CACHE_LINE] = 0xff;	/* no effect in PCIe, but kept (§7.5.1.1.7) */
	c->wmask[MB_PCI_INT_LINE] = 0xff;
}

/* ---- BARs --------------------------------------------------------------------- */

static u32 bar_offset(unsigned int index)
{
	return MB_PCI_BAR0 + 4 * index;
}

static u32 get_mask(const struct mb_config *c, u32 offset)
{
	return c->wmask[offset] | c->wmask[offset + 1] << 8 | c->wmask[offset + 2] << 16 |
	       (u32)c->wmask[offset + 3] << 24;
}

static bool bar_is_64(const struct mb_config *c, unsigned int index)
{
	return (c->val[bar_offset(index)] & (MB_BAR_TYPE | MB_BAR_IO)) == MB_BAR_64;
}

static bool bar_present(const struct mb_config *c, unsigned int index)
{
	return get_mask(c, bar_offset(index)) || c->val[bar_offset(index)];
}

/* A 64-bit BAR of 4 GiB and more has no writable bit in its lower half: its type bits tell. */
static bool bar_is_upper_half(const struct mb_config *c, unsigned int index)
{
	bool upper = false;
	unsigned int i;

	for (i = 0; i < index; i++)
		upper = !upper && bar_is_64(c, i);
	return upper;
}

static u64 bar_mask(const struct mb_config *c, unsigned int index)
{
	u64 mask = get_mask(c, bar_offset(index));

	if (bar_is_64(c, index) && index + 1 < MB_NR_BARS)
		mask |= (u64)get_mask(c, bar_offset(index + 1)) << 32;
	else if (mask)
		mask |= ~0ull << 32;
	return mask;
}

int mb_config_bar(struct mb_config *c, unsigned int index, u64 size, u32 flags)
{
	u64 mask = ~(size - 1);
	bool wide = flags & MB_BAR_64;

	if (index >= MB_NR_BARS || bar_is_upper_half(c, index))
		return -1;
	if (size && (size < 16 || size & (size - 1) || flags & ~(u32)(MB_BAR_64 | MB_BAR_PREFETCH) ||
		     (!wide && size >> 32)))
		return -1;
	if (size && wide && (index + 1 >= MB_NR_BARS ||
			     (!bar_is_64(c, index) && bar_present(c, index + 1))))
		return -1;
	mb_config_zero(c, bar_offset(index), bar_is_64(c, index) && index + 1 < MB_NR_BARS ? 8 : 4);
	if (!size)
		return 0;
	mb_config_set(c, bar_offset(index), 4, flags);
	put(&c->wmask[bar_offset(index)], 4, (u32)mask & ~0xfu);
	if (wide)
		put(&c->wmask[bar_offset(index + 1)], 4, (u32)(mask >> 32));
	return 0;
}

u64 mb_config_bar_address(const struct mb_config *c, unsigned int index)
{
	u64 v;

	if (!mb_config_bar_size(c, index))
		return 0;
	v = mb_config_get(c, bar_offset(index), 4);
	if (bar_is_64(c, index))
		v |= (u64)mb_config_get(c, bar_offset(index + 1), 4) << 32;
	return v & ~0xfull;
}

u64 mb_config_bar_size(const struct mb_config *c, unsigned int index)
{
	if (index >= MB_NR_BARS || bar_is_upper_half(c, index))
		return 0;
	return ~bar_mask(c, index) + 1;		/* no mask: 0 */
}

/* ---- accesses -------------------------------------------------------------------- */

u32 mb_config_read(const struct mb_config *c, u32 offset, unsigned int size)
{
	if (!mb_config_well_formed(offset, size))
		return size >= 4 ? ~0u : (1u << 8 * size) - 1;
	return mb_config_get(c, offset, size);
}

/* PCI-PM 1.2 §3.2.4: the request for a state that the function lacks ends normally and does nothing */
static void keep_power_state(struct mb_config *c, u8 was)
{
	u32 pmc = mb_config_get(c, c->pm + 2, 2);
	u8 *state = &c->val[c->pm + PMCSR];

	if (((*state & 3) == 1 && !(pmc & PMC_D1)) || ((*state & 3) == 2 && !(pmc & PMC_D2)))
		*state = (*state & ~3) | (was & 3);
}

u8 mb_config_power(const struct mb_config *c)
{
	return c->pm ? c->val[c->pm + PMCSR] & 3 : 0;
}

static u32 what_is_at(const struct mb_config *c, u32 offset)
{
	if (offset - MB_PCI_COMMAND < 2)
		return MB_CFG_COMMAND;
	if (offset - MB_PCI_BAR0 < 4 * MB_NR_BARS)
		return MB_CFG_BAR;
	if (c->pm && offset == (u32)c->pm + PMCSR)
		return MB_CFG_PM;
	if (c->msix && offset - c->msix - 2 < 2)
		return MB_CFG_MSIX;
	if (c->msi) {
		bool wide = c->val[c->msi + 2] & 0x80;

		if (offset - c->msi - 2 < 2 || offset - c->msi - (wide ? 16 : 12) < 4)
			return MB_CFG_MSI;
	}
	return 0;
}

/* PCIe 6.0 §7.5.3.4: a 1 in Initiate FLR, which reads as 0, if Device Capabilities offer it */
static bool begins_flr(const struct mb_config *c, u32 offset, u8 data)
{
	return c->express && offset == c->express + DEVCTL + 1u && data & 0x80 &&
	       c->val[c->express + DEVCAP + 3] & 0x10;
}

u32 mb_config_write(struct mb_config *c, u32 offset, unsigned int size, u32 data)
{
	u32 changed = 0;

	if (!mb_config_well_formed(offset, size))
		return 0;
	for (; size--; offset++, data >>= 8) {
		u8 old = c->val[offset], d = (u8)data;

		c->val[offset] = ((old & ~c->wmask[offset]) | (d & c->wmask[offset])) &
				 ~(d & c->w1c[offset]);
		if (c->pm && offset == (u32)c->pm + PMCSR)
			keep_power_state(c, old);
		if (begins_flr(c, offset, d)) {
			c->val[offset] &= ~0x80;
			changed |= MB_CFG_FLR;
		}
		if (c->val[offset] != old)
			changed |= what_is_at(c, offset);
	}
	return changed;
}

/* Bits of a byte that survive a Function Level Reset */
static u8 kept(const struct mb_config *c, u32 offset)
{
	u32 at = offset - c->express;

	if (!c->express || offset < c->express)
		return 0;
	if (at == DEVCTL)
		return 0xe0;		/* Max_Payload_Size */
	return at - LNKCTL < 2 || at - LNKCTL2 < 2 ? 0xff : 0;
}

u32 mb_config_reset(struct mb_config *c, const u8 *reset)
{
	u32 i, changed = 0;

	for (i = 0; i < MB_CONFIG_SIZE; i++) {
		u8 old = c->val[i], bits = (c->wmask[i] | c->w1c[i]) & ~kept(c, i);

		c->val[i] = (old & ~bits) | (reset[i] & bits);
		if (c->val[i] != old)
			changed |= what_is_at(c, i);
	}
	return changed;
}

/* ---- live bits --------------------------------------------------------------------- */

void mb_config_set_intx(struct mb_config *c, bool asserted)
{
	c->val[MB_PCI_STATUS] &= ~MB_STATUS_INTERRUPT;
	if (asserted)
		c->val[MB_PCI_STATUS] |= MB_STATUS_INTERRUPT;
}

/* Offset of MSI Pending Bits (PCIe 6.0 §7.7.1.8), 0 if the function has none */
static u32 msi_pending(const struct mb_config *c)
{
	u32 control = c->msi ? mb_config_get(c, c->msi + 2, 2) : 0;

	if (!(control & 0x100))
		return 0;
	return c->msi + (control & 0x80 ? 20 : 16);
}

void mb_config_set_msi_pending(struct mb_config *c, u32 bits)
{
	u32 at = msi_pending(c);

	if (at)
		mb_config_set(c, at, 4, bits);
}

bool mb_config_live(const struct mb_config *c, u32 offset, unsigned int size)
{
	u32 at = msi_pending(c);

	return mb_config_overlap(offset, size, MB_PCI_STATUS, 1) ||
	       (at && mb_config_overlap(offset, size, at, 4));
}
