// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * config.c: configuration space as masks; what an access does, and whether an
 * image that somebody else made may be put on a bus.
 *
 * Try it:  make build/test_config && build/test_config
 */
#include "config.h"

#define PMCSR		4	/* offset in the power management capability */
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

static void zero(struct mb_config *c, u32 offset, u32 n)
{
	for (; n--; offset++)
		c->val[offset] = c->wmask[offset] = c->w1c[offset] = 0;
}

/* PCIe 6.0 §7.5.1: which bits of a type 0 header software may write */
void mb_config_init(struct mb_config *c, const struct mb_config_ids *ids)
{
	zero(c, 0, MB_CONFIG_SIZE);
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
	zero(c, bar_offset(index), bar_is_64(c, index) && index + 1 < MB_NR_BARS ? 8 : 4);
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

static bool well_formed(u32 offset, unsigned int size)
{
	return (size == 1 || size == 2 || size == 4) && offset < MB_CONFIG_SIZE &&
	       !(offset & (size - 1));
}

u32 mb_config_read(const struct mb_config *c, u32 offset, unsigned int size)
{
	if (!well_formed(offset, size))
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

u32 mb_config_write(struct mb_config *c, u32 offset, unsigned int size, u32 data)
{
	u32 changed = 0;

	if (!well_formed(offset, size))
		return 0;
	for (; size--; offset++, data >>= 8) {
		u8 old = c->val[offset], d = (u8)data;

		c->val[offset] = ((old & ~c->wmask[offset]) | (d & c->wmask[offset])) &
				 ~(d & c->w1c[offset]);
		if (c->pm && offset == (u32)c->pm + PMCSR)
			keep_power_state(c, old);
		if (c->val[offset] != old)
			changed |= what_is_at(c, offset);
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

static bool overlap(u32 a, u32 na, u32 b, u32 nb)
{
	return a < b + nb && b < a + na;
}

bool mb_config_live(const struct mb_config *c, u32 offset, unsigned int size)
{
	u32 at = msi_pending(c);

	return overlap(offset, size, MB_PCI_STATUS, 1) || (at && overlap(offset, size, at, 4));
}

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
		if (overlap(offset, size, at, c->val[at] == MB_CAP_VENDOR ? 3 : cap_length(c, at)))
			return true;
	return false;
}

static bool in_ext_header(const struct mb_config *c, u32 offset, unsigned int size)
{
	u32 at = MB_CONFIG_EXT, left = (MB_CONFIG_SIZE - MB_CONFIG_EXT) / 4;

	for (; at >= MB_CONFIG_EXT && left--; at = mb_config_get(c, at, 4) >> 20 & ~3)
		if (overlap(offset, size, at, 4))
			return true;
	return false;
}

int mb_config_poke(struct mb_config *c, u32 offset, unsigned int size, u32 mask, u32 value)
{
	if (!well_formed(offset, size) || offset < MB_CONFIG_CAPS ||
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

	zero(c, MB_PCI_BAR0, 4 * MB_NR_BARS);
	zero(c, MB_PCI_ROM, 4);
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
