// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * regs.c: carries out bus accesses on a register file by masks. The model may
 * change the same words at any moment, so every change is a compare-and-swap
 * of the whole word (promise 4). See regs.h for what each mask means.
 *
 * Try it:  make build/test_regs && build/test_regs
 */
#include "regs.h"

#define SIZES_ALL	0x0f

static u64 load(const u64 *p)
{
	return __atomic_load_n(p, __ATOMIC_ACQUIRE);
}

static bool swap_if(u64 *p, u64 *old, u64 value)
{
	return __atomic_compare_exchange_n(p, old, value, false, __ATOMIC_ACQ_REL,
					   __ATOMIC_ACQUIRE);
}

static bool row_is_sound(const struct mb_regs *rf, u32 i)
{
	const struct mb_reg *r = &rf->rows[i];
	u64 beyond = ~mb_size_mask(r->size);

	if (r->size != 1 && r->size != 2 && r->size != 4 && r->size != 8)
		return false;
	if (r->bar >= MB_NR_BARS || r->flags & ~MB_REG_FLAGS || r->sizes & ~SIZES_ALL)
		return false;
	if (r->offset > 0xffffffffu - r->size)
		return false;
	if (beyond & (r->reset | r->rd | r->wr | r->w1c | r->w1s | r->w1t | r->w0c | r->w0s |
		      r->w0t | r->rc | r->rs | r->once | r->reserved | r->sticky))
		return false;
	if (r->target >= rf->nrows || rf->rows[r->target].size != r->size ||
	    rf->rows[r->target].target != r->target)
		return false;
	if (r->lock != MB_NONE && r->lock >= rf->nrows)
		return false;
	return r->enable == MB_NONE || r->enable < rf->nrows;
}

int mb_regs_init(struct mb_regs *rf, u32 *bad)
{
	u32 i, bar = 0;

	rf->bound[0] = rf->bound[1] = 0;
	for (i = 0; i < rf->nrows; i++) {
		const struct mb_reg *r = &rf->rows[i], *before = r - 1;

		*bad = i;
		if (!row_is_sound(rf, i))
			return -1;
		if (i && (r->bar < before->bar ||
			  (r->bar == before->bar && r->offset < before->offset + before->size)))
			return -1;
		while (bar <= r->bar)
			rf->first[bar++] = i;
		if (r->vector != MB_NONE) {
			rf->bound[0] = rf->bound[1] ? rf->bound[0] : i;
			rf->bound[1] = i + 1;
		}
	}
	while (bar <= MB_NR_BARS)
		rf->first[bar++] = rf->nrows;
	for (i = 0; i < rf->nram; i++) {
		const struct mb_ram *m = &rf->ram[i], *before = m - 1;
		u32 row;

		*bad = MB_NONE;
		if (m->bar >= MB_NR_BARS || !m->size || m->offset + m->size < m->offset)
			return -1;
		if (i && (m->bar < before->bar ||
			  (m->bar == before->bar && m->offset < before->offset + before->size)))
			return -1;
		row = mb_regs_find(rf, m->bar, m->offset);
		if (row < rf->first[m->bar + 1] && rf->rows[row].offset < m->offset + m->size)
			return -1;
	}
	return 0;
}

void mb_regs_reset(struct mb_regs *rf, bool cold)
{
	u32 i;

	for (i = 0; i < rf->nrows; i++) {
		u64 keep = cold ? 0 : rf->rows[i].sticky;

		mb_regs_poke(&rf->state[i], ~keep, rf->rows[i].reset);
		__atomic_store_n(&rf->state[i].written, 0, __ATOMIC_RELEASE);
	}
}

void mb_regs_poke(struct mb_reg_state *st, u64 mask, u64 value)
{
	u64 old = load(&st->value);

	while (!swap_if(&st->value, &old, (old & ~mask) | (value & mask)))
		;
}

u32 mb_regs_find(const struct mb_regs *rf, u32 bar, u64 offset)
{
	u32 lo = rf->first[bar], hi = rf->first[bar + 1];

	while (lo < hi) {
		u32 mid = lo + (hi - lo) / 2;

		if ((u64)rf->rows[mid].offset + rf->rows[mid].size <= offset)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

bool mb_regs_level(const struct mb_regs *rf, u32 vector)
{
	u32 i;

	for (i = rf->bound[0]; i < rf->bound[1]; i++) {
		const struct mb_reg *r = &rf->rows[i];
		u64 bits;

		if (r->vector == MB_NONE || (vector != MB_NONE && r->vector != vector) ||
		    r->target != i || r->flags & MB_REG_ENABLE)
			continue;
		bits = load(&rf->state[i].value);
		if (r->enable != MB_NONE)
			bits &= load(&rf->state[rf->rows[r->enable].target].value);
		if (bits)
			return true;
	}
	return false;
}

static bool size_allowed(const struct mb_reg *r, unsigned int size)
{
	return !r->sizes || r->sizes & (size == 1 ? 1 : size == 2 ? 2 : size == 4 ? 4 :
					size == 8 ? 8 : 0);
}

enum mb_route mb_regs_route(const struct mb_regs *rf, u32 bar, u64 offset, unsigned int size,
			    bool write)
{
	u32 i = mb_regs_find(rf, bar, offset), end = rf->first[bar + 1];
	enum mb_route route = MB_LOCAL;

	for (; i < end && rf->rows[i].offset < offset + size; i++) {
		u32 flags = rf->rows[i].flags;

		if (!size_allowed(&rf->rows[i], size))
			continue;
		if (write ? flags & MB_REG_SYNC : flags & MB_REG_READ_HOOK)
			return MB_WAIT;
		if (write && flags & (MB_REG_WRITE_HOOK | MB_REG_DOORBELL))
			route = MB_POST;
	}
	return route;
}

static void tell(struct mb_regs *rf, enum mb_guest_error what, u32 row, u32 bar, u64 offset,
		 unsigned int size, u64 value)
{
	if (rf->ops->guest_error)
		rf->ops->guest_error(rf->ctx, what, row, bar, offset, size, value);
}

/* An interrupt hangs on the register itself or on one that it enables. */
static void irq_follows(struct mb_regs *rf, u32 row, bool raised)
{
	u32 t = rf->rows[row].target;

	if (rf->ops->irq && rf->rows[t].vector != MB_NONE)
		rf->ops->irq(rf->ctx, t, raised && !(rf->rows[t].flags & MB_REG_ENABLE));
}

/* ---- one row ----------------------------------------------------------------- */

static u64 read_row(struct mb_regs *rf, u32 i)
{
	const struct mb_reg *r = &rf->rows[i];
	struct mb_reg_state *st = &rf->state[r->target];
	u64 old = load(&st->value), v;

	if (r->rc | r->rs) {
		while (!swap_if(&st->value, &old, (old & ~r->rc) | r->rs))
			;
		if (((old & ~r->rc) | r->rs) != old)
			irq_follows(rf, i, r->rs & ~old);
	}
	v = old & r->rd;
	if (r->flags & MB_REG_READ_HOOK && rf->ops->read_hook)
		v = rf->ops->read_hook(rf->ctx, i, v) & mb_size_mask(r->size);
	return v;
}

/* What a write of @data to the bits of @be makes of @old. */
static u64 apply(const struct mb_reg *r, u64 old, u64 data, u64 be, u64 written)
{
	u64 ones = data & be, zeros = ~data & be;
	u64 take = r->wr & be & ~(r->once & written);
	u64 v = (old & ~take) | (data & take);

	v &= ~(ones & r->w1c) & ~(zeros & r->w0c);
	v |= (ones & r->w1s) | (zeros & r->w0s);
	return v ^ ((ones & r->w1t) | (zeros & r->w0t));
}

static void run_write_hook(struct mb_regs *rf, u32 i, u64 old, u64 new, u64 raw)
{
	const struct mb_reg *r = &rf->rows[i];
	struct mb_reg_state *st = &rf->state[r->target];
	u64 value = new;

	switch (rf->ops->write_hook(rf->ctx, i, old, raw, &value)) {
	case 1:
		mb_regs_poke(st, mb_size_mask(r->size) & ~r->reserved, value);
		break;
	case 2:		/* only what this write changed: the hook may have poked other bits */
		mb_regs_poke(st, old ^ new, old);
		break;
	}
}

static bool is_locked(const struct mb_regs *rf, const struct mb_reg *r)
{
	return r->lock != MB_NONE &&
	       load(&rf->state[rf->rows[r->lock].target].value) & r->lock_mask;
}

static void write_row(struct mb_regs *rf, u32 i, u64 data, u64 be)
{
	const struct mb_reg *r = &rf->rows[i];
	struct mb_reg_state *st = &rf->state[r->target];
	u64 old, new, sets, all = r->wr | r->w1c | r->w1s | r->w1t | r->w0c | r->w0s | r->w0t;
	bool hooked = r->flags & (MB_REG_WRITE_HOOK | MB_REG_DOORBELL);

	if (data & be & r->reserved)
		tell(rf, MB_GE_RESERVED, i, r->bar, r->offset, r->size, data & be);
	if (is_locked(rf, r)) {
		tell(rf, MB_GE_LOCKED, i, r->bar, r->offset, r->size, data & be);
		return;
	}
	if (!all && !hooked) {
		tell(rf, MB_GE_READ_ONLY, i, r->bar, r->offset, r->size, data & be);
		return;
	}
	old = load(&st->value);
	if (r->flags & MB_REG_DOORBELL) {
		u64 value = 0;

		if (rf->ops->write_hook)
			rf->ops->write_hook(rf->ctx, i, old, data & be, &value);
		return;
	}
	if (!all) {			/* a hook alone: nothing to store */
		new = old;
	} else {
		u64 written = r->once ? load(&st->written) : 0;

		do {
			new = apply(r, old, data, be, written);
		} while (!swap_if(&st->value, &old, new));
		if (r->once & be)
			__atomic_fetch_or(&st->written, r->once & be, __ATOMIC_ACQ_REL);
	}
	if (hooked && rf->ops->write_hook)
		run_write_hook(rf, i, old, new, (old & ~be) | (data & be));
	sets = (data & be & r->w1s) | (~data & be & r->w0s);
	if (hooked || sets || new != old)
		irq_follows(rf, i, sets);
}

/* ---- a whole access, which may cover several rows, parts of rows, and gaps ------ */

static const struct mb_ram *ram_at(const struct mb_regs *rf, u32 bar, u64 offset)
{
	u32 lo = 0, hi = rf->nram;

	while (lo < hi) {
		u32 mid = lo + (hi - lo) / 2;
		const struct mb_ram *m = &rf->ram[mid];

		if (m->bar < bar || (m->bar == bar && m->offset + m->size <= offset))
			lo = mid + 1;
		else
			hi = mid;
	}
	if (lo < rf->nram && rf->ram[lo].bar == bar && rf->ram[lo].offset <= offset)
		return &rf->ram[lo];
	return NULL;
}

/* Bytes from @offset on that no row covers, at most @left; memory, or nothing at all. */
static unsigned int access_gap(struct mb_regs *rf, u32 bar, u64 offset, unsigned int left, u32 next,
			       u64 *data, bool write)
{
	const struct mb_ram *m = ram_at(rf, bar, offset);
	u64 end = offset + left;

	if (next < rf->first[bar + 1] && rf->rows[next].offset < end)
		end = rf->rows[next].offset;
	if (m && m->offset + m->size < end)
		end = m->offset + m->size;
	if (m && rf->ops->ram) {
		rf->ops->ram(rf->ctx, bar, offset, data, end - offset, write);
	} else {
		tell(rf, write ? MB_GE_UNMAPPED_WRITE : MB_GE_UNMAPPED_READ, MB_NONE, bar, offset,
		     end - offset, write ? *data & mb_size_mask(end - offset) : 0);
		if (!write)
			*data = ~0ull;
	}
	return end - offset;
}

u64 mb_regs_read(struct mb_regs *rf, u32 bar, u64 offset, unsigned int size)
{
	u32 i = mb_regs_find(rf, bar, offset), end = rf->first[bar + 1];
	unsigned int pos = 0;
	u64 out = 0;

	while (pos < size) {
		const struct mb_reg *r = &rf->rows[i];
		u64 at = offset + pos, v = 0;
		unsigned int n, skip;

		if (i >= end || r->offset > at) {
			n = access_gap(rf, bar, at, size - pos, i, &v, false);
		} else {
			skip = at - r->offset;
			n = r->size - skip < size - pos ? r->size - skip : size - pos;
			if (size_allowed(r, size)) {
				v = read_row(rf, i) >> 8 * skip;
			} else {
				tell(rf, MB_GE_SIZE_READ, i, bar, offset, size, 0);
				v = ~0ull;
			}
			i++;
		}
		out |= (v & mb_size_mask(n)) << 8 * pos;
		pos += n;
	}
	return out;
}

void mb_regs_write(struct mb_regs *rf, u32 bar, u64 offset, unsigned int size, u64 data)
{
	u32 i = mb_regs_find(rf, bar, offset), end = rf->first[bar + 1];
	unsigned int pos = 0;

	while (pos < size) {
		const struct mb_reg *r = &rf->rows[i];
		u64 at = offset + pos, v = data >> 8 * pos;
		unsigned int n, skip;

		if (i >= end || r->offset > at) {
			n = access_gap(rf, bar, at, size - pos, i, &v, true);
		} else {
			skip = at - r->offset;
			n = r->size - skip < size - pos ? r->size - skip : size - pos;
			if (size_allowed(r, size))
				write_row(rf, i, v << 8 * skip, mb_size_mask(n) << 8 * skip);
			else
				tell(rf, MB_GE_SIZE_WRITE, i, bar, offset, size, data);
			i++;
		}
		pos += n;
	}
}
