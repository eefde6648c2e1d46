// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * caps.c: the capabilities a function may be given, with the registers of each
 * as hardware without the optional parts has them.
 *
 * Try it:  make build/test_caps && build/test_caps
 */
#include "caps.h"

static void field(struct mb_config *c, u32 offset, unsigned int size, u32 value, u32 wmask)
{
	mb_config_set(c, offset, size, value);
	for (; size--; offset++, wmask >>= 8)
		c->wmask[offset] = (u8)wmask;
}

/* Reserves @len bytes for capability @id and links it into the list. */
static int append(struct mb_config *c, u8 id, unsigned int len)
{
	u32 at = c->cap_end;

	if (at + len > MB_CONFIG_EXT)
		return -1;
	c->val[c->cap_last ? c->cap_last + 1 : MB_PCI_CAP_POINTER] = (u8)at;
	c->val[MB_PCI_STATUS] |= MB_STATUS_CAPS;
	c->val[at] = id;
	c->cap_last = (u16)at;
	c->cap_end = (u16)((at + len + 3) & ~3u);
	return (int)at;
}

/* PCIe 6.0 §7.5.2 */
int mb_cap_pm(struct mb_config *c)
{
	int at = c->pm ? -1 : append(c, MB_CAP_PM, 8);

	if (at < 0)
		return -1;
	c->pm = (u16)at;
	field(c, at + 2, 2, 0x0003, 0);		/* version 3 */
	field(c, at + 4, 2, 0x0008, 0x0003);	/* No_Soft_Reset; PowerState */
	return at;
}

/* PCIe 6.0 §7.5.3. No slot, no root: those registers stay zero. */
int mb_cap_express(struct mb_config *c, bool flr)
{
	int at = c->express ? -1 : append(c, MB_CAP_EXPRESS, 0x3c);

	if (at < 0)
		return -1;
	c->express = (u16)at;
	field(c, at + 0x02, 2, 0x0002, 0);		/* version 2, endpoint */
	/* role-based errors, tags of 8 bits, 256 B */
	field(c, at + 0x04, 4, 0x00008021 | (flr ? 0x10000000 : 0), 0);
	field(c, at + 0x08, 2, 0x2810, 0x79ff);		/* 512 B reads, no snoop, relaxed order */
	c->w1c[at + 0x0a] = 0x0f;			/* errors detected */
	field(c, at + 0x0c, 4, 0x00400043, 0);		/* x4, 8 GT/s, no ASPM */
	field(c, at + 0x10, 2, 0, 0x00cb);		/* ASPM, RCB, common clock, extended synch */
	field(c, at + 0x12, 2, 0x1043, 0);		/* x4, 8 GT/s, the slot's clock */
	field(c, at + 0x24, 4, 0x0000001f, 0);		/* completion timeout: all ranges, disable */
	field(c, at + 0x28, 2, 0, 0x001f);
	field(c, at + 0x2c, 4, 0x0000000e, 0);		/* 2.5, 5 and 8 GT/s */
	field(c, at + 0x30, 2, 0x0003, 0x000f);		/* target speed */
	field(c, at + 0x32, 2, 0x001e, 0);		/* equalisation done */
	return at;
}

/* PCIe 6.0 §7.7.1: what follows the address moves up with its upper half. */
int mb_cap_msi(struct mb_config *c, unsigned int log2_vectors, bool has_64bit, bool has_masking)
{
	unsigned int data = has_64bit ? 12 : 8;
	unsigned int len = data + (has_masking ? 12 : 2);
	int at;

	if (log2_vectors > 5 || c->msi)
		return -1;
	at = append(c, MB_CAP_MSI, len);
	if (at < 0)
		return -1;
	c->msi = (u16)at;
	/* Multiple Message Capable; Enable and Multiple Message Enable can be written */
	field(c, at + 2, 2, log2_vectors << 1 | (has_64bit ? 0x80 : 0) | (has_masking ? 0x100 : 0),
	      0x0071);
	field(c, at + 4, 4, 0, ~3u);
	if (has_64bit)
		field(c, at + 8, 4, 0, ~0u);
	field(c, at + data, 2, 0, 0xffff);
	if (has_masking)
		field(c, at + data + 4, 4, 0, ~0u >> (32 - (1 << log2_vectors)));
	return at;
}

static bool ranges_overlap(u64 a, u64 na, u64 b, u64 nb)
{
	return a < b + nb && b < a + na;
}

static u32 pba_size(u32 count)
{
	return (count + 63) / 64 * 8;
}

/* PCIe 6.0 §7.7.2 */
int mb_cap_msix(struct mb_config *c, unsigned int bar, u32 table_offset, unsigned int count,
		u32 pba_offset)
{
	int at;

	if (bar >= MB_NR_BARS || count < 1 || count > MB_MSIX_MAX || table_offset & 7 ||
	    pba_offset & 7 || c->msix ||
	    ranges_overlap(table_offset, count * 16ull, pba_offset, pba_size(count)))
		return -1;
	at = append(c, MB_CAP_MSIX, 12);
	if (at < 0)
		return -1;
	c->msix = (u16)at;
	field(c, at + 2, 2, count - 1, 0xc000);		/* Enable and Function Mask */
	field(c, at + 4, 4, table_offset | bar, 0);
	field(c, at + 8, 4, pba_offset | bar, 0);
	return at;
}

/* PCIe 6.0 §7.9.4 */
int mb_cap_vendor(struct mb_config *c, const u8 *bytes, const u8 *wmask, unsigned int len)
{
	unsigned int i;
	int at;

	if (len > MB_CONFIG_EXT - MB_CONFIG_CAPS - 3)
		return -1;
	at = append(c, MB_CAP_VENDOR, len + 3);
	if (at < 0)
		return -1;
	c->val[at + 2] = (u8)(len + 3);
	for (i = 0; i < len; i++) {
		c->val[at + 3 + i] = bytes[i];
		c->wmask[at + 3 + i] = wmask ? wmask[i] : 0;
	}
	return at;
}

/* PCIe 6.0 §7.6.3: identifier, version, and the offset of the next */
int mb_cap_extended(struct mb_config *c, u16 id, unsigned int version, const u8 *bytes,
		    const u8 *wmask, const u8 *w1c, unsigned int len)
{
	u32 at = c->ext_end, i;

	if (!id || version > 15 || len > MB_CONFIG_SIZE - 4 || at + 4 + len > MB_CONFIG_SIZE)
		return -1;
	if (c->ext_last)
		mb_config_set(c, c->ext_last, 4,
			      (mb_config_get(c, c->ext_last, 4) & 0xfffff) | at << 20);
	mb_config_set(c, at, 4, id | version << 16);
	for (i = 0; i < len; i++) {
		c->val[at + 4 + i] = bytes[i];
		c->wmask[at + 4 + i] = wmask ? wmask[i] : 0;
		c->w1c[at + 4 + i] = w1c ? w1c[i] : 0;
	}
	c->ext_last = (u16)at;
	c->ext_end = (u16)((at + 4 + len + 3) & ~3u);
	return (int)at;
}

int mb_caps_msix(const struct mb_config *c, struct mb_msix_place *p)
{
	u32 table, pba;

	*p = (struct mb_msix_place) { .count = 0 };
	if (!c->msix)
		return 0;
	table = mb_config_get(c, c->msix + 4, 4);
	pba = mb_config_get(c, c->msix + 8, 4);
	p->count = (mb_config_get(c, c->msix + 2, 2) & 0x7ff) + 1;
	p->table_bar = table & 7;
	p->table_offset = table & ~7u;
	p->pba_bar = pba & 7;
	p->pba_offset = pba & ~7u;
	if ((u64)p->table_offset + p->count * 16ull > mb_config_bar_size(c, p->table_bar) ||
	    (u64)p->pba_offset + pba_size(p->count) > mb_config_bar_size(c, p->pba_bar))
		return -1;
	if (p->table_bar == p->pba_bar && ranges_overlap(p->table_offset, p->count * 16ull,
							 p->pba_offset, pba_size(p->count)))
		return -1;
	return 0;
}
