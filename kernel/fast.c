// SPDX-License-Identifier: GPL-2.0-only
/*
 * fast.c: the short way for what drivers do all the time: a plain MOV between a
 * general register and one whole row that needs nobody. Everything is done with
 * interrupts still off, so that the session need not be held: what removes one
 * waits for an RCU grace period. What is not so simple goes the long way, from
 * its beginning, with nothing done yet.
 *
 * Try it:  tools/lab -- tests/vm/trap.t bench
 */
#include <linux/hash.h>
#include <linux/percpu.h>

#include "queue.h"
#include "trap.h"

#define MOVES	64	/* remembered, on each CPU */

/**
 * struct cached_move - an instruction that was seen before
 * @code: @mask: its bytes, and which of the sixteen at regs->ip they are; all-zero: none
 */
struct cached_move {
	unsigned long ip;
	u64 code[2], mask[2];
	struct pciem_move move;
};

/**
 * struct cpu_cache - what this CPU saw last
 * @change: of the list of sessions, when @s and @bar were found in it
 */
struct cpu_cache {
	struct pciem_session *s;
	int bar;
	unsigned int change;
	struct cached_move moves[MOVES];
};

static DEFINE_PER_CPU(struct cpu_cache, caches);

/* Where struct pt_regs keeps the registers, in the order of the encoding. */
#define AT(r)	offsetof(struct pt_regs, r)
static const u8 places[16] = {
	AT(ax), AT(cx), AT(dx), AT(bx), AT(sp), AT(bp), AT(si), AT(di),
	AT(r8), AT(r9), AT(r10), AT(r11), AT(r12), AT(r13), AT(r14), AT(r15),
};

static __always_inline unsigned long *gpr(struct pt_regs *regs, u8 place)
{
	return (void *)regs + place;
}

/* ---- the instruction ------------------------------------------------------------------- */

static bool is_move(const struct mb_insn *in)
{
	const u16 odd = MB_INSN_HIGH8 | MB_INSN_ADDR32 | MB_INSN_LOCK | MB_INSN_REP | MB_INSN_REPNE |
			MB_INSN_VEX;

	if (in->op != MB_OP_MOV || in->flags & odd || in->mem_size > 8 || in->base >= 16 ||
	    in->index != MB_REG_NONE)
		return false;
	if (in->flags & MB_INSN_WRITE)
		return !(in->flags & MB_INSN_READ) && (in->flags & MB_INSN_IMM || in->reg < 16);
	/* A 32-bit result clears the upper half; an 8- or 16-bit one keeps what is there. */
	return in->flags & MB_INSN_TO_REG && in->reg < 16 && in->reg != MB_REG_RSP &&
	       in->reg_size >= 4;
}

static void remember(struct cached_move *c, const struct pt_regs *regs, const struct mb_insn *in)
{
	u8 mask[16] = { 0 };

	memset(mask, 0xff, in->len);
	memcpy(c->mask, mask, sizeof(mask));
	memcpy(c->code, (void *)regs->ip, sizeof(c->code));
	c->code[0] &= c->mask[0];
	c->code[1] &= c->mask[1];
	c->ip = regs->ip;
	c->move = (struct pciem_move) {
		.len = in->len, .size = in->mem_size, .write = in->flags & MB_INSN_WRITE,
		.immediate = in->flags & MB_INSN_IMM, .base = places[in->base],
		.reg = in->reg < 16 ? places[in->reg] : 0, .disp = in->disp, .imm = in->imm,
	};
}

/* The instruction at regs->ip, if it is a plain MOV that faulted at the start of its operand. Code
 * that has just run can be read; sixteen bytes of it, if they are not over its page's end.
 */
static __always_inline struct pciem_move *move_at(const struct pt_regs *regs, unsigned long address)
{
	struct cpu_cache *cpu = this_cpu_ptr(&caches);
	struct cached_move *c = &cpu->moves[hash_long(regs->ip, ilog2(MOVES))];
	struct pciem_move *m = &c->move;
	struct mb_insn in;
	const u64 *code;

	if (unlikely(offset_in_page(regs->ip) > PAGE_SIZE - sizeof(c->code)))
		return NULL;
	code = (const u64 *)regs->ip;
	if (unlikely(c->ip != regs->ip || (READ_ONCE(code[0]) & c->mask[0]) != c->code[0] ||
		     (READ_ONCE(code[1]) & c->mask[1]) != c->code[1])) {
		if (!pciem_trap_decode(regs, &in) || !is_move(&in))
			return NULL;
		remember(c, regs, &in);
	}
	/* The fault is at its first byte, not in a later page of a longer access. */
	return *gpr((struct pt_regs *)regs, m->base) + m->disp == address ? m : NULL;
}

static __always_inline u64 move_data(const struct pciem_move *m, struct pt_regs *regs)
{
	return (m->immediate ? m->imm : *gpr(regs, m->reg)) & mb_size_mask(m->size);
}

static __always_inline void move_done(const struct pciem_move *m, struct pt_regs *regs, u64 data)
{
	if (!m->write)
		*gpr(regs, m->reg) = data & mb_size_mask(m->size);
	regs->ip += m->len;
}

u64 pciem_move_data(const struct pciem_move *m, struct pt_regs *regs)
{
	return move_data(m, regs);
}

void pciem_move_done(const struct pciem_move *m, struct pt_regs *regs, u64 data)
{
	move_done(m, regs, data);
}

/* ---- the row ------------------------------------------------------------------------------ */

/* The row that this access is the whole of; a driver's instruction mostly has one row. */
static __always_inline const struct mb_reg *whole_row(const struct mb_regs *rf, struct pciem_move *m,
						      u32 bar, u64 offset)
{
	const struct mb_reg *r = &rf->rows[m->row];

	if (m->row >= rf->nrows || r->offset != offset || r->bar != bar) {
		m->row = mb_regs_find(rf, bar, offset);
		if (m->row >= rf->first[bar + 1])
			return NULL;
		r = &rf->rows[m->row];
	}
	if (r->offset != offset || r->size != m->size || (r->sizes && !(r->sizes & m->size)))
		return NULL;
	return r;
}

/* Is there nothing to a write of this row but storing it? */
static bool only_stores(const struct mb_regs *rf, const struct mb_reg *r, u64 data)
{
	return !(r->w1c | r->w1s | r->w1t | r->w0c | r->w0s | r->w0t | r->once |
		 (data & r->reserved)) &&
	       r->wr && r->lock == MB_NONE && rf->rows[r->target].vector == MB_NONE;
}

static __always_inline bool write_row(struct pciem_session *s, const struct mb_reg *r, struct pciem_move *m,
		      u64 data)
{
	struct mb_regs *rf = &s->regs;

	if (r->flags & MB_REG_SYNC)
		return false;
	if (r->flags & (MB_REG_WRITE_HOOK | MB_REG_DOORBELL)) {
		struct pciem_request req = {
			.type = PCIEM_REQ_WRITE, .bar = r->bar, .size = r->size,
			.offset = r->offset, .data = data, .row = m->row,
		};

		if (!pciem_queue_post(s, &req))
			return false;
		pciem_count(s, posted);
		return true;
	}
	if (!only_stores(rf, r, data) || !pciem_queue_drained(s->queue))
		return false;
	mb_regs_poke(&rf->state[r->target], r->wr, data);
	pciem_count(s, local);
	return true;
}

/* A read that the host answers: mostly at once, so that it is waited for here, as a CPU waits for a read. */
static enum pciem_fast ask(struct pciem_session *s, const struct pciem_move *m,
			   const struct mb_reg *r, u64 *data, struct pciem_asked *asked)
{
	asked->s = s;
	asked->req = (struct pciem_request) {
		.type = PCIEM_REQ_READ, .bar = r->bar, .size = r->size, .offset = r->offset,
		.row = m->row,
	};
	if (!pciem_queue_ask(s, &asked->req))
		return PCIEM_FAST_ROW;
	pciem_count(s, traps);
	pciem_count(s, waited);
	return pciem_queue_answered_soon(s, &asked->req, data) ? PCIEM_FAST_DONE : PCIEM_FAST_ASKED;
}

static __always_inline bool read_row(struct pciem_session *s, const struct mb_reg *r, u64 *data)
{
	if (r->rc | r->rs || !pciem_queue_drained(s->queue))
		return false;
	*data = smp_load_acquire(&s->regs.state[r->target].value) & r->rd;
	pciem_count(s, local);
	return true;
}

static __always_inline struct pciem_session *session_at(u64 phys, u32 *bar, u64 *offset)
{
	struct cpu_cache *c = this_cpu_ptr(&caches);
	unsigned int change = READ_ONCE(pciem_trap_change);

	if (likely(c->s && c->change == change)) {
		*offset = phys - READ_ONCE(c->s->bar[c->bar].start);
		if (likely(*offset < c->s->bar[c->bar].size)) {
			*bar = c->bar;
			return c->s;
		}
	}
	c->s = pciem_trap_find(phys, &c->bar, offset);
	c->change = change;
	*bar = c->bar;
	return c->s;
}

enum pciem_fast pciem_fast(struct pt_regs *regs, unsigned long address, u64 phys,
			   struct pciem_move **move, struct pciem_asked *asked)
{
	enum pciem_fast how;
	const struct mb_reg *r;
	struct pciem_session *s;
	struct pciem_move *m;
	u64 offset, data = 0;
	u32 bar;

	*move = m = move_at(regs, address);
	if (!m)
		return PCIEM_FAST_UNKNOWN;
	s = session_at(phys, &bar, &offset);
	if (!s || !s->native || READ_ONCE(s->dead) || !pciem_decodes(s))
		return PCIEM_FAST_UNKNOWN;
	if (s->msix.count && pciem_msix_covers(s, bar, offset, m->size))
		return PCIEM_FAST_ROW;
	r = whole_row(&s->regs, m, bar, offset);
	if (!r)
		return PCIEM_FAST_UNKNOWN;
	if (!m->write && r->flags & MB_REG_READ_HOOK) {
		how = ask(s, m, r, &data, asked);
		if (how == PCIEM_FAST_DONE)
			move_done(m, regs, data);
		return how;
	}
	if (m->write ? !write_row(s, r, m, move_data(m, regs)) : !read_row(s, r, &data))
		return PCIEM_FAST_ROW;
	pciem_count(s, traps);
	move_done(m, regs, data);
	return PCIEM_FAST_DONE;
}
