// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * config_caps.c: the capability lists of a configuration space: what is where,
 * hence what the model may change, and whether an image that somebody else made
 * may be put on a bus.
 *
 * Try it:  make build/test_config && build/test_config
 */
#include "config_priv.h"

/* ---- capability lists, and images from outside ----------------------------------------- */

u32 mb_config_find_cap(const struct mb_config *c, u8 id)
{
	u32 at, left = (MB_CONFIG_EXT - MB_CONFIG_CAPS) / 4;

	if (!(c->val[MB_PCI_STATUS] & MB_STATUS_CAPS))
		return 0;
	for (at = c->val[MB_PCI_CAP_POINTER] & ~3; at >= MB_CONFIG_CAPS && left--;
	     at = c->val[at + 1] & ~3)
		if (c->val[at] == id)
			return at;
	return 0;
}

static bool read_only(const struct mb_config *c, u32 offset, u32 n, u32 *bad)
{
	for (; n--; offset++)
		if (c->wmask[offset] | c->w1c[offset]) {
			*bad = offset;
			return false;
		}
	return true;
}

/* Bytes of a capability that this code knows the shape of; else its header */
static u32 cap_length(const struct mb_config *c, u32 at)
{
	u32 control = mb_config_get(c, at + 2, 2);

	switch (c->val[at]) {
	case MB_CAP_PM:
		return 8;
	case MB_CAP_MSI:
		return 10 + (control & 0x80 ? 4 : 0) + (control & 0x100 ? 10 : 0);
	case MB_CAP_VENDOR:
		return (u32)(control & 0xff) < 3 ? 3 : control & 0xff;
	case MB_CAP_EXPRESS:
		return (control & 0xf) < 2 ? 0x14 : 0x3c;
	case MB_CAP_MSIX:
		return 12;
	}
	return 2;
}

/* Is a byte of [offset, offset + size) a capability's own? What a vendor-specific one keeps is not. */
static bool in_capability(const struct mb_config *c, u32 offset, unsigned int size)
{
	u32 at, left = (MB_CONFIG_EXT - MB_CONFIG_CAPS) / 4;

	if (!(c->val[MB_PCI_STATUS] & MB_STATUS_CAPS))
		return false;
	for (at = c->val[MB_PCI_CAP_POINTER] & ~3; at >= MB_CONFIG_CAPS && left--;
	     at = c->val[at + 1] & ~3)
		if (mb_config_overlap(offset, size, at, c->val[at] == MB_CAP_VENDOR ? 3 : cap_length(c, at)))
			return true;
	return false;
}

static bool in_ext_header(const struct mb_config *c, u32 offset, unsigned int size)
{
	u32 at = MB_CONFIG_EXT, left = (MB_CONFIG_SIZE - MB_CONFIG_EXT) / 4;

	for (; at >= MB_CONFIG_EXT && left--; at = mb_config_get(c, at, 4) >> 20 & ~3)
		if (mb_config_overlap(offset, size, at, 4))
			return true;
	return false;
}

int mb_config_poke(struct mb_config *c, u32 offset, unsigned int size, u32 mask, u32 value)
{
	if (!mb_config_well_formed(offset, size) || offset < MB_CONFIG_CAPS ||
	    in_capability(c, offset, size) || in_ext_header(c, offset, size))
		return -1;
	value = (mb_config_get(c, offset, size) & ~mask) | (value & mask);
	mb_config_set(c, offset, size, value);
	return 0;
}

/* What the rest of the code reads once, or relies on, must not change under it. */
static bool cap_read_only(const struct mb_config *c, u32 at, u32 *bad)
{
	if (!read_only(c, at, 2, bad))
		return false;
	switch (c->val[at]) {
	case MB_CAP_VENDOR:
		return read_only(c, at + 2, 1, bad);
	case MB_CAP_PM:
	case MB_CAP_EXPRESS:
		return read_only(c, at + 2, 2, bad);
	case MB_CAP_MSI:	/* Multiple Message Capable, 64-bit, per-vector masking */
		*bad = at + 2;
		return !((c->wmask[at + 2] | c->w1c[at + 2]) & 0x8e) &&
		       !((c->wmask[at + 3] | c->w1c[at + 3]) & 0x01);
	case MB_CAP_MSIX:	/* table size, table and PBA */
		*bad = at + 2;
		return !(c->wmask[at + 2] | c->w1c[at + 2]) &&
		       !((c->wmask[at + 3] | c->w1c[at + 3]) & 0x07) &&
		       read_only(c, at + 4, 8, bad);
	}
	return true;
}

static u16 *cap_slot(struct mb_config *c, u8 id)
{
	switch (id) {
	case MB_CAP_PM:
		return &c->pm;
	case MB_CAP_MSI:
		return &c->msi;
	case MB_CAP_EXPRESS:
		return &c->express;
	case MB_CAP_MSIX:
		return &c->msix;
	}
	return NULL;
}

static bool check_cap(struct mb_config *c, u32 at, u8 *used, u32 *bad)
{
	u16 *slot = cap_slot(c, c->val[at]);
	u32 i, n = cap_length(c, at);

	*bad = at;
	if (at + n > MB_CONFIG_EXT || (slot && *slot))
		return false;		/* past the end, or there twice */
	if (c->val[at] == MB_CAP_MSI && (c->val[at + 2] >> 1 & 7) > 5)
		return false;
	for (i = at / 4; i <= (at + n - 1) / 4; i++) {
		if (used[i])
			return false;	/* circular, or one inside another */
		used[i] = 1;
	}
	if (slot)
		*slot = (u16)at;
	return cap_read_only(c, at, bad);
}

static bool check_caps(struct mb_config *c, u32 *bad)
{
	u8 used[MB_CONFIG_EXT / 4] = { 0 };
	u32 at, from = MB_PCI_CAP_POINTER;

	*bad = from;
	c->pm = c->express = c->msi = c->msix = 0;
	if (!(c->val[MB_PCI_STATUS] & MB_STATUS_CAPS))
		return !c->val[from];
	if (!read_only(c, from, 1, bad))
		return false;
	for (at = c->val[from]; at; at = c->val[from]) {
		*bad = from;
		if (at < MB_CONFIG_CAPS || at & 3)
			return false;
		if (!check_cap(c, at, used, bad))
			return false;
		from = at + 1;
	}
	return true;
}

/* PCIe 6.0 §7.6.3: an all-zero header at 0x100 is an empty list */
static bool check_ext_caps(const struct mb_config *c, u32 *bad)
{
	u8 used[MB_CONFIG_SIZE / 4 / 8] = { 0 };	/* a bit a dword */
	u32 at = MB_CONFIG_EXT, header;

	for (header = mb_config_get(c, at, 4); header; header = mb_config_get(c, at, 4)) {
		*bad = at;
		if (used[at / 32] & 1 << at / 4 % 8 || !read_only(c, at, 4, bad))
			return false;
		used[at / 32] |= 1 << at / 4 % 8;
		at = header >> 20;
		if (!at)
			return true;
		if (at < MB_CONFIG_EXT || at & 3)
			return false;
	}
	*bad = at;
	return at == MB_CONFIG_EXT;
}

/* Values of the identifier that mean "nobody" or "ask again" to who scans the bus (§2.3.2) */
static bool check_header(const struct mb_config *c, u32 *bad)
{
	u32 vendor = mb_config_get(c, MB_PCI_VENDOR, 2);

	*bad = MB_PCI_VENDOR;
	if (vendor == 0 || vendor == 1 || vendor == 0xffff)
		return false;
	*bad = MB_PCI_HEADER_TYPE;
	if (c->val[MB_PCI_HEADER_TYPE])
		return false;
	*bad = MB_PCI_INT_PIN;
	if (c->val[MB_PCI_INT_PIN] > 4)
		return false;
	*bad = MB_PCI_COMMAND;
	if ((c->val[MB_PCI_COMMAND] | c->wmask[MB_PCI_COMMAND]) & MB_COMMAND_IO)
		return false;
	return read_only(c, MB_PCI_VENDOR, 4, bad) && read_only(c, MB_PCI_HEADER_TYPE, 1, bad) &&
	       read_only(c, MB_PCI_INT_PIN, 1, bad);
}

int mb_config_check(struct mb_config *c, u32 *bad)
{
	u32 i;

	mb_config_zero(c, MB_PCI_BAR0, 4 * MB_NR_BARS);
	mb_config_zero(c, MB_PCI_ROM, 4);
	for (i = 0; i < MB_CONFIG_SIZE; i++)
		if (c->wmask[i] & c->w1c[i]) {
			*bad = i;
			return -1;
		}
	if (!check_header(c, bad) || !check_caps(c, bad) || !check_ext_caps(c, bad))
		return -1;
	c->cap_last = c->ext_last = 0;
	c->cap_end = MB_CONFIG_EXT;	/* the image's lists are complete: nothing to add to them */
	c->ext_end = MB_CONFIG_SIZE;
	return 0;
}
