// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * intr.c: what the model says of its vectors, turned into messages or into the
 * level of the INTx line, by whatever the driver has switched on.
 *
 * Try it:  make build/test_intr && build/test_intr
 */
#include "intr.h"

static bool bit(const u64 *map, u32 n)
{
	return map[n / 64] >> n % 64 & 1;
}

static void set_bit_to(u64 *map, u32 n, bool on)
{
	map[n / 64] &= ~(1ull << n % 64);
	map[n / 64] |= (u64)on << n % 64;
}

static bool any_bit(const u64 *map)
{
	u32 i;

	for (i = 0; i < MB_INTR_VECTORS / 64; i++)
		if (map[i])
			return true;
	return false;
}

static void clear_bits(u64 *map)
{
	u32 i;

	for (i = 0; i < MB_INTR_VECTORS / 64; i++)
		map[i] = 0;
}

static void find_bound(struct mb_intr *in)
{
	const struct mb_regs *rf = in->regs;
	u32 i;

	clear_bits(in->bound);
	for (i = 0; rf && i < rf->nrows; i++) {
		const struct mb_reg *r = &rf->rows[i];

		if (r->vector < MB_INTR_VECTORS && r->target == i && !(r->flags & MB_REG_ENABLE))
			set_bit_to(in->bound, r->vector, true);
	}
}

void mb_intr_reset(struct mb_intr *in, const struct mb_config *c)
{
	mb_msi_init(&in->msi, in->msi.vectors);
	mb_msix_init(&in->msix, in->msix.table, in->msix.pba, in->msix.count);
	in->pulse = false;
	in->mode = MB_INTR_INTX;
	clear_bits(in->asserted);
	clear_bits(in->level);
	mb_intr_config(in, c);
}

int mb_intr_init(struct mb_intr *in, const struct mb_config *c, const struct mb_regs *regs,
		 struct mb_msix_entry *table, u64 *pba)
{
	if (mb_caps_msix(c, &in->place))
		return -1;
	in->regs = regs;
	in->pin = c->val[MB_PCI_INT_PIN];
	in->msi.vectors = c->msi ? 1u << (c->val[c->msi + 2] >> 1 & 7) : 0;
	in->msix.table = table;
	in->msix.pba = pba;
	in->msix.count = in->place.count;
	find_bound(in);
	mb_intr_reset(in, c);
	return 0;
}

/* ---- the model's word ---------------------------------------------------------------- */

u32 mb_intr_message(const struct mb_intr *in, u32 vector)
{
	switch (in->mode) {
	case MB_INTR_MSIX:
		return vector < in->msix.count ? vector : MB_NO_VECTOR;
	case MB_INTR_MSI:
		return mb_msi_message(&in->msi, vector);
	case MB_INTR_INTX:
		break;
	}
	return MB_NO_VECTOR;
}

static void send(struct mb_intr *in, u32 vector)
{
	if (in->mode == MB_INTR_MSIX)
		mb_msix_raise(&in->msix, vector);
	else if (in->mode == MB_INTR_MSI)
		mb_msi_raise(&in->msi, mb_msi_message(&in->msi, vector));
}

/* A message per rise of status & enable; what the level was under INTx does not count */
static void eval(struct mb_intr *in, u32 vector, bool raised)
{
	bool now = mb_regs_level(in->regs, vector);

	if (now && (raised || !bit(in->level, vector)))
		send(in, vector);
	set_bit_to(in->level, vector, now);
}

static u32 vectors(const struct mb_intr *in)
{
	u32 n = in->msix.count > in->msi.vectors ? in->msix.count : in->msi.vectors;

	/* Without MSI-X nothing ties a cause to a message of its own */
	return in->msix.count ? n : MB_INTR_VECTORS;
}

int mb_intr_op(struct mb_intr *in, u32 vector, enum mb_intr_op op)
{
	bool line = in->mode == MB_INTR_INTX && vector < MB_INTR_VECTORS && bit(in->bound, vector);

	/* A row may be bound to a vector that is none of the messages: it has the line */
	if (line)
		return op == MB_INTR_RAISE || op == MB_INTR_EVAL ? 0 : -1;
	if (vector >= vectors(in) || (in->mode == MB_INTR_MSIX && vector >= in->msix.count))
		return -1;
	switch (op) {
	case MB_INTR_RAISE:
	case MB_INTR_EVAL:
		if (in->mode == MB_INTR_INTX)
			return 0;		/* only a level speaks: mb_intr_line() */
		if (bit(in->bound, vector))
			eval(in, vector, op == MB_INTR_RAISE);
		else if (op == MB_INTR_RAISE)
			send(in, vector);
		return 0;
	case MB_INTR_ASSERT:
	case MB_INTR_DEASSERT:
		set_bit_to(in->asserted, vector, op == MB_INTR_ASSERT);
		return 0;
	}
	return -1;
}

void mb_intr_inject(struct mb_intr *in, u32 vector)
{
	if (in->mode == MB_INTR_INTX)
		in->pulse = true;
	else
		send(in, in->mode == MB_INTR_MSIX ? vector : 0);
}

/* ---- the driver's choice ---------------------------------------------------------------- */

void mb_intr_config(struct mb_intr *in, const struct mb_config *c)
{
	enum mb_intr_mode was = in->mode;
	u32 v;

	mb_msi_config(&in->msi, c);
	mb_msix_config(&in->msix, c);
	in->intx_off = mb_config_get(c, MB_PCI_COMMAND, 2) & MB_COMMAND_INTX_OFF;
	in->mode = in->msix.enabled ? MB_INTR_MSIX : in->msi.enabled ? MB_INTR_MSI : MB_INTR_INTX;
	if (in->mode == was)
		return;
	in->pulse = false;
	clear_bits(in->level);
	for (v = 0; in->mode != MB_INTR_INTX && v < MB_INTR_VECTORS; v++)
		if (bit(in->bound, v))
			eval(in, v, false);
}

/* ---- what must reach the driver ------------------------------------------------------------ */

bool mb_intr_ready(const struct mb_intr *in, u32 message)
{
	return in->mode == MB_INTR_MSIX ? mb_msix_ready(&in->msix, message) :
	       in->mode == MB_INTR_MSI ? mb_msi_ready(&in->msi, message) : false;
}

bool mb_intr_claim(struct mb_intr *in, u32 message)
{
	return in->mode == MB_INTR_MSIX ? mb_msix_claim(&in->msix, message) :
	       in->mode == MB_INTR_MSI ? mb_msi_claim(&in->msi, message) : false;
}

u32 mb_intr_next(const struct mb_intr *in, u32 from)
{
	return in->mode == MB_INTR_MSIX ? mb_msix_next(&in->msix, from) :
	       in->mode == MB_INTR_MSI ? mb_msi_next(&in->msi, from) : MB_NO_VECTOR;
}

/* PCIe 6.0 §7.5.1.1.4: whatever COMMAND.Interrupt Disable says; §6.1.4.1: never beside MSI */
bool mb_intr_status(const struct mb_intr *in)
{
	if (in->mode != MB_INTR_INTX || !in->pin)
		return false;
	return in->pulse || any_bit(in->asserted) ||
	       (in->regs && any_bit(in->bound) && mb_regs_level(in->regs, MB_NONE));
}

bool mb_intr_line(const struct mb_intr *in)
{
	return !in->intx_off && mb_intr_status(in);
}

void mb_intr_line_taken(struct mb_intr *in)
{
	in->pulse = false;
}

void mb_intr_live(const struct mb_intr *in, struct mb_config *c)
{
	mb_config_set_intx(c, mb_intr_status(in));
	mb_config_set_msi_pending(c, in->msi.pending);
}

/* ---- table and PBA on the bus ----------------------------------------------------------------- */

static bool in_range(u32 bar, u64 offset, u32 where, u32 start, u64 size)
{
	return bar == where && offset >= start && offset < start + size;
}

static bool in_table(const struct mb_intr *in, u32 bar, u64 offset)
{
	return in_range(bar, offset, in->place.table_bar, in->place.table_offset,
			(u64)in->place.count * MB_MSIX_ENTRY_SIZE);
}

static bool in_pba(const struct mb_intr *in, u32 bar, u64 offset)
{
	return in_range(bar, offset, in->place.pba_bar, in->place.pba_offset,
			MB_MSIX_PBA_WORDS(in->place.count) * 8);
}

bool mb_intr_covers(const struct mb_intr *in, u32 bar, u64 offset, unsigned int size)
{
	/* Both are longer than an access or start and end at multiples of 8: its ends tell. */
	u64 last = offset + (size ? size - 1 : 0);

	return in_table(in, bar, offset) || in_table(in, bar, last) || in_pba(in, bar, offset) ||
	       in_pba(in, bar, last);
}

u64 mb_intr_read(const struct mb_intr *in, u32 bar, u64 offset, unsigned int size)
{
	u64 v = 0;
	unsigned int i;

	for (i = 0; i < size && i < 8; i++, offset++) {
		u64 b = 0;

		if (in_table(in, bar, offset))
			b = mb_msix_table_read(&in->msix, offset - in->place.table_offset, 1);
		else if (in_pba(in, bar, offset))
			b = mb_msix_pba_read(&in->msix, offset - in->place.pba_offset, 1);
		v |= b << 8 * i;
	}
	return v;
}

void mb_intr_write(struct mb_intr *in, u32 bar, u64 offset, unsigned int size, u64 data)
{
	unsigned int i;

	if (in_table(in, bar, offset)) {
		mb_msix_table_write(&in->msix, offset - in->place.table_offset, size, data);
		return;
	}
	for (i = 0; i < size && i < 8; i++, offset++, data >>= 8)
		if (in_table(in, bar, offset))
			mb_msix_table_write(&in->msix, offset - in->place.table_offset, 1,
					    (u8)data);
}
