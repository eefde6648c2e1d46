// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * msi.c: pending bits and masks of MSI and MSI-X. A raised vector is always
 * pending first; sending it is what takes the bit away, so a mask that comes
 * in between finds it still there.
 *
 * Try it:  make build/test_msi && build/test_msi
 */
#include "msi.h"

/* ---- MSI (PCIe 6.0 §7.7.1) -------------------------------------------------------- */

void mb_msi_init(struct mb_msi *m, u32 vectors)
{
	*m = (struct mb_msi) { .vectors = vectors, .granted = 1 };
}

void mb_msi_config(struct mb_msi *m, const struct mb_config *c)
{
	u32 control, log2;

	if (!m->vectors)
		return;
	control = mb_config_get(c, c->msi + 2, 2);
	log2 = control >> 4 & 7;
	m->enabled = control & 1;
	m->master = c->val[MB_PCI_COMMAND] & MB_COMMAND_MASTER;
	/* More than it can send, or a reserved encoding: what it can send */
	m->granted = log2 <= 5 && 1u << log2 <= m->vectors ? 1u << log2 : m->vectors;
	m->mask = control & 0x100 ? mb_config_get(c, c->msi + (control & 0x80 ? 16 : 12), 4) : 0;
	if (!m->enabled)
		m->pending = 0;
}

u32 mb_msi_message(const struct mb_msi *m, u32 v)
{
	return v & (m->granted - 1);
}

bool mb_msi_raise(struct mb_msi *m, u32 message)
{
	if (!m->enabled || message >= m->vectors)
		return false;
	m->pending |= 1u << message;
	return mb_msi_ready(m, message);
}

bool mb_msi_ready(const struct mb_msi *m, u32 message)
{
	return m->enabled && m->master && message < m->vectors &&
	       (m->pending & ~m->mask) >> message & 1;
}

bool mb_msi_claim(struct mb_msi *m, u32 message)
{
	if (!mb_msi_ready(m, message))
		return false;
	m->pending &= ~(1u << message);
	return true;
}

u32 mb_msi_next(const struct mb_msi *m, u32 from)
{
	for (; from < m->vectors; from++)
		if (mb_msi_ready(m, from))
			return from;
	return MB_NO_VECTOR;
}

/* ---- MSI-X (PCIe 6.0 §7.7.2) --------------------------------------------------------- */

void mb_msix_init(struct mb_msix *x, struct mb_msix_entry *table, u64 *pba, u32 count)
{
	u32 i;

	*x = (struct mb_msix) { .table = table, .pba = pba, .count = count };
	for (i = 0; i < count; i++)
		table[i] = (struct mb_msix_entry) { .control = MB_MSIX_ENTRY_MASKED };
	for (i = 0; i < MB_MSIX_PBA_WORDS(count); i++)
		pba[i] = 0;
}

void mb_msix_config(struct mb_msix *x, const struct mb_config *c)
{
	u32 control, i;

	if (!x->count)
		return;
	control = mb_config_get(c, c->msix + 2, 2);
	x->enabled = control & 0x8000;
	x->masked = control & 0x4000;
	x->master = c->val[MB_PCI_COMMAND] & MB_COMMAND_MASTER;
	for (i = 0; !x->enabled && i < MB_MSIX_PBA_WORDS(x->count); i++)
		x->pba[i] = 0;
}

bool mb_msix_raise(struct mb_msix *x, u32 v)
{
	if (!x->enabled || v >= x->count)
		return false;
	x->pba[v / 64] |= 1ull << v % 64;
	return mb_msix_ready(x, v);
}

bool mb_msix_ready(const struct mb_msix *x, u32 v)
{
	return x->enabled && !x->masked && x->master && v < x->count &&
	       x->pba[v / 64] >> v % 64 & 1 && !(x->table[v].control & MB_MSIX_ENTRY_MASKED);
}

bool mb_msix_claim(struct mb_msix *x, u32 v)
{
	if (!mb_msix_ready(x, v))
		return false;
	x->pba[v / 64] &= ~(1ull << v % 64);
	return true;
}

u32 mb_msix_next(const struct mb_msix *x, u32 from)
{
	while (from < x->count) {
		if (!(x->pba[from / 64] >> from % 64)) {
			from = (from / 64 + 1) * 64;
			continue;
		}
		if (mb_msix_ready(x, from))
			return from;
		from++;
	}
	return MB_NO_VECTOR;
}

/* Byte @i of an entry, little-endian as on the bus whatever the CPU */
static u8 entry_byte(const struct mb_msix_entry *e, unsigned int i)
{
	if (i < 8)
		return (u8)(e->address >> 8 * i);
	return (u8)((i < 12 ? e->data : e->control) >> 8 * (i % 4));
}

static void set_entry_byte(struct mb_msix_entry *e, unsigned int i, u8 b)
{
	unsigned int shift = i < 8 ? 8 * i : 8 * (i % 4);
	u32 *word = i < 12 ? &e->data : &e->control;

	if (i < 8)
		e->address = (e->address & ~(0xffull << shift)) | (u64)b << shift;
	else
		*word = (*word & ~(0xffu << shift)) | (u32)b << shift;
}

u64 mb_msix_table_read(const struct mb_msix *x, u32 offset, unsigned int size)
{
	u64 v = 0;
	unsigned int i;

	for (i = 0; i < size && i < 8; i++) {
		u64 at = (u64)offset + i;

		if (at / MB_MSIX_ENTRY_SIZE < x->count)
			v |= (u64)entry_byte(&x->table[at / MB_MSIX_ENTRY_SIZE],
					     at % MB_MSIX_ENTRY_SIZE) << 8 * i;
	}
	return v;
}

void mb_msix_table_write(struct mb_msix *x, u32 offset, unsigned int size, u64 data)
{
	unsigned int i;

	for (i = 0; i < size && i < 8; i++, data >>= 8) {
		u64 at = (u64)offset + i;
		struct mb_msix_entry *e;

		if (at / MB_MSIX_ENTRY_SIZE >= x->count)
			return;
		e = &x->table[at / MB_MSIX_ENTRY_SIZE];
		set_entry_byte(e, at % MB_MSIX_ENTRY_SIZE, (u8)data);
		e->address &= ~3ull;				/* §7.7.2.6: read-only zero */
		e->control &= MB_MSIX_ENTRY_MASKED;		/* §7.7.2.9: the rest is reserved */
	}
}

u64 mb_msix_pba_read(const struct mb_msix *x, u32 offset, unsigned int size)
{
	u64 v = 0;
	unsigned int i;

	for (i = 0; i < size && i < 8; i++) {
		u64 at = (u64)offset + i;

		if (at / 8 < MB_MSIX_PBA_WORDS(x->count))
			v |= (x->pba[at / 8] >> 8 * (at % 8) & 0xff) << 8 * i;
	}
	return v;
}
