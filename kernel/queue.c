// SPDX-License-Identifier: GPL-2.0-only
/*
 * queue.c: an access of a native session, from its arrival to its answer. Some
 * the register file answers here, some are posted to the host, for some the
 * driver waits; the order on the bus is kept between all of them.
 *
 * Try it:  tools/lab -- tests/vm/queue.t
 *
 * Nothing in the shared pages is believed: the kernel keeps its own tail, its
 * own idea of head, its own slots and generations. A wrong value there can make
 * its own session's driver wait in vain, never longer than a timeout.
 */
#include <linux/hash.h>
#include <linux/module.h>
#include <linux/slab.h>
#include <linux/vmalloc.h>

#include "queue.h"

static unsigned int stall_ms = 1000;
module_param(stall_ms, uint, 0644);
MODULE_PARM_DESC(stall_ms, "a full queue that does not move for so long means that the host is dead");

/* ---- head and tail ---------------------------------------------------------------------- */

static bool handled(struct pciem_queue_state *q, u32 target)
{
	return (s32)(pciem_queue_head(q) - target) >= 0;
}

/* Under the lock. */
static __always_inline bool push(struct pciem_queue_state *q, const struct pciem_request *req)
{
	/* q->head is behind at worst, and not on a cache line that the host writes */
	if (unlikely(q->tail - READ_ONCE(q->head) >= PCIEM_QUEUE_ENTRIES &&
		     q->tail - pciem_queue_head(q) >= PCIEM_QUEUE_ENTRIES))
		return false;
	q->shared->entry[q->tail % PCIEM_QUEUE_ENTRIES] = *req;
	WRITE_ONCE(q->tail, q->tail + 1);
	smp_store_release(&q->shared->tail, q->tail);
	return true;
}

/* Under the lock: what is owed, before anything that comes after it. False: there is no room. */
static noinline bool settle(struct pciem_queue_state *q)
{
	struct pciem_request req = { .type = PCIEM_REQ_COMMAND, .data = (u16)q->owed };

	if (!q->owed)
		return true;
	if (!push(q, &req))
		return false;
	q->owed = 0;
	return true;
}

/* Under the lock. *@asleep: the host is, or is about to be; it asks pciem_queue_poll() first, which
 * takes the lock: either that sees the new tail, or the host's `awake = 0` is seen here.
 */
static __always_inline bool put_locked(struct pciem_queue_state *q, const struct pciem_request *req,
				       bool *asleep)
{
	if ((unlikely(q->owed) && !settle(q)) || !push(q, req))
		return false;
	*asleep = !READ_ONCE(q->shared->awake);
	return true;
}

static bool put(struct pciem_queue_state *q, const struct pciem_request *req)
{
	bool room, asleep = false;
	unsigned long flags;

	raw_spin_lock_irqsave(&q->lock, flags);
	room = put_locked(q, req, &asleep);
	raw_spin_unlock_irqrestore(&q->lock, flags);
	if (unlikely(asleep))
		wake_up_poll(&q->host, EPOLLIN);
	return room;
}

/* With interrupts off already. */
static bool put_now(struct pciem_queue_state *q, const struct pciem_request *req)
{
	bool room, asleep = false;

	raw_spin_lock(&q->lock);
	room = put_locked(q, req, &asleep);
	raw_spin_unlock(&q->lock);
	if (unlikely(asleep))
		wake_up_poll(&q->host, EPOLLIN);
	return room;
}

bool pciem_queue_post(struct pciem_session *s, const struct pciem_request *req)
{
	return put_now(s->queue, req);
}

bool pciem_queue_tell(struct pciem_session *s, const struct pciem_request *req)
{
	return s->queue && put(s->queue, req);
}

/*
 * How long a driver waits. A device that is new on its bus has the second that one
 * gets after a reset (PCIe 6.0 section 6.6.1): its host may not have come yet.
 */
static u64 patience(struct pciem_session *s)
{
	u64 ns = READ_ONCE(s->timeout_ns);

	return pciem_queue_head(s->queue) ? ns : max_t(u64, ns, NSEC_PER_SEC);
}

/* A configuration write cannot wait for room: its caller holds a spinlock, and tells of no more than
 * the newest value anyway. A host always comes to poll() once the queue is empty.
 */
void pciem_queue_command(struct pciem_session *s, u16 command)
{
	struct pciem_queue_state *q = s->queue;
	unsigned long flags;

	raw_spin_lock_irqsave(&q->lock, flags);
	q->owed = PCIEM_OWED | command;
	settle(q);
	raw_spin_unlock_irqrestore(&q->lock, flags);
	if (!READ_ONCE(q->shared->awake))
		wake_up_poll(&q->host, EPOLLIN);
}

/* ---- waiting for room, and for what was posted --------------------------------------------- */

/* Posts a request, waiting for room as long as the host moves at all. False: it is dead. */
static bool post(struct pciem_session *s, const struct pciem_request *req, bool may_sleep)
{
	struct pciem_queue_state *q = s->queue;
	struct pciem_wait w;
	u32 head;

	if (likely(put(q, req)))
		return true;
	pciem_count(s, queue_full);
	head = pciem_queue_head(q);
	pciem_wait_begin(&w, q, may_sleep, (u64)stall_ms * NSEC_PER_MSEC);
	do {
		if (READ_ONCE(s->dead))
			return false;
		if (put(q, req))
			return true;
		if (pciem_queue_head(q) != head) {
			head = pciem_queue_head(q);
			pciem_wait_begin(&w, q, may_sleep, (u64)stall_ms * NSEC_PER_MSEC);
		}
	} while (pciem_wait_more(&w));
	pciem_session_die(s, "the host has left a full queue alone");
	return false;
}

static void warn_held(struct pciem_session *s)
{
	if (__ratelimit(&s->queue->reported))
		pciem_warn(s, "the driver waits on the CPU that the host needs, and holds it\n");
}

/* Will nobody answer before this access is over, since it takes the CPU that the driver holds? Notes
 * that interrupt handlers wait, so that the host gets out of their way before the next.
 */
static bool host_cannot_run(struct pciem_session *s, bool may_sleep)
{
	struct pciem_queue_state *q = s->queue;

	if (in_hardirq() && !READ_ONCE(q->read_in_irq))
		WRITE_ONCE(q->read_in_irq, true);
	if (likely(may_sleep || (num_online_cpus() > 1 && !pciem_host_is_below(q))))
		return false;
	if (pciem_host_has_standby(q)) {
		pciem_count(s, standby);
		return false;
	}
	warn_held(s);
	return true;
}

/* Promise 3: a read pushes the writes before it. False: not in time. */
static bool wait_handled(struct pciem_session *s, bool may_sleep)
{
	struct pciem_queue_state *q = s->queue;
	u32 target = READ_ONCE(q->tail);
	struct pciem_wait w;

	if (likely(handled(q, target)))
		return true;
	/* What is posted will not be handled in time, and masks say more than ones. */
	if (unlikely(host_cannot_run(s, may_sleep)))
		return true;
	pciem_wait_begin(&w, s->queue, may_sleep, patience(s));
	do {
		if (handled(q, target))
			return true;
	} while (!READ_ONCE(s->dead) && pciem_wait_more(&w));
	if (w.refused)
		warn_held(s);
	return w.refused || handled(q, target);
}

/* ---- waiting for an answer ------------------------------------------------------------------- */

static int take_slot(struct pciem_session *s, bool may_sleep)
{
	struct pciem_queue_state *q = s->queue;
	struct pciem_wait w;

	pciem_wait_begin(&w, s->queue, may_sleep, patience(s));
	do {
		unsigned int i = find_next_zero_bit(q->slots, PCIEM_QUEUE_SLOTS, PCIEM_QUEUE_OWN);

		if (i < PCIEM_QUEUE_SLOTS && !test_and_set_bit_lock(i, q->slots))
			return i;
	} while (!READ_ONCE(s->dead) && pciem_wait_more(&w));
	return -1;
}

static bool answered(struct pciem_session *s, u32 slot, u32 gen)
{
	return smp_load_acquire(&s->queue->shared->slot[slot].gen) == gen;
}

/* Asleep, the host must be told to call PCIEM_WAKE; its barrier is between gen and sleeping. */
static bool sleep_for_answer(struct pciem_session *s, u32 slot, u32 gen, struct pciem_wait *w)
{
	struct pciem_queue_state *q = s->queue;
	u32 *sleeping = &q->shared->slot[slot].sleeping;
	u64 ns;

	WRITE_ONCE(*sleeping, 1);
	smp_mb();
	/* Late ticks come in lumps: a jiffy may be over sooner than it should. */
	while ((ns = pciem_wait_left(w)) &&
	       !wait_event_idle_timeout(q->sleepers[slot],
					answered(s, slot, gen) || READ_ONCE(s->dead),
					nsecs_to_jiffies(ns) + 1))
		;
	WRITE_ONCE(*sleeping, 0);
	return answered(s, slot, gen);
}

static bool wait_for_answer(struct pciem_session *s, u32 slot, u32 gen, bool may_sleep)
{
	struct pciem_wait w;

	pciem_wait_begin(&w, s->queue, may_sleep, patience(s));
	while (!answered(s, slot, gen)) {
		if (READ_ONCE(s->dead))
			return false;
		if (pciem_wait_spins(&w))
			continue;
		if (may_sleep)
			return sleep_for_answer(s, slot, gen, &w);
		if (!pciem_wait_more(&w)) {
			if (w.refused)
				warn_held(s);
			return answered(s, slot, gen);
		}
	}
	return true;
}

static void give_up(struct pciem_session *s, const struct pciem_request *req)
{
	struct pciem_request told = *req;
	char where[24];

	if (READ_ONCE(s->dead))
		return;
	pciem_count(s, timeouts);
	if (req->bar == PCIEM_BAR_CONFIG)
		strscpy(where, "configuration space", sizeof(where));
	else
		snprintf(where, sizeof(where), "BAR %u", req->bar);
	if (__ratelimit(&s->queue->reported))
		pciem_warn(s, "%s + 0x%llx: a %s of %u bytes was not answered in %llu us\n",
			   where, req->offset, req->type == PCIEM_REQ_READ ? "read" : "write",
			   req->size, patience(s) / 1000);
	told.type = PCIEM_REQ_TIMEOUT;
	pciem_queue_tell(s, &told);
}

/* The host answers. All-ones if it does not in time, as a completion timeout is reported. */
static u64 ask(struct pciem_session *s, struct pciem_request *req, bool may_sleep)
{
	struct pciem_queue_state *q = s->queue;
	int slot = host_cannot_run(s, may_sleep) ? -1 : take_slot(s, may_sleep);
	u64 data = ~0ull;

	if (slot < 0) {
		give_up(s, req);
		return data;
	}
	req->slot = slot;
	req->gen = ++q->gen[slot];	/* what answers an earlier use does not answer this one */
	if (post(s, req, may_sleep))
		data = pciem_queue_answer(s, req, may_sleep);
	else
		pciem_queue_forget(s, req);
	return data;
}

void pciem_queue_forget(struct pciem_session *s, const struct pciem_request *req)
{
	struct pciem_queue_state *q = s->queue;

	if (req->slot < PCIEM_QUEUE_OWN)
		smp_store_release(&q->own[req->slot], false);
	else
		clear_bit_unlock(req->slot, q->slots);
}

u64 pciem_queue_answer(struct pciem_session *s, const struct pciem_request *req, bool may_sleep)
{
	u64 data = ~0ull;

	if (wait_for_answer(s, req->slot, req->gen, may_sleep))
		data = READ_ONCE(s->queue->shared->slot[req->slot].data);
	else
		give_up(s, req);
	pciem_queue_forget(s, req);
	return data;
}

/* ---- the same with interrupts off, for as long as an answer takes that comes at once ---- */

#define LOOKS	2048	/* some microseconds */
#define QUICK	512	/* of them without PAUSE, which in a virtual machine costs a hundred looks */

bool pciem_queue_ask(struct pciem_session *s, struct pciem_request *req)
{
	struct pciem_queue_state *q = s->queue;
	unsigned int cpu = smp_processor_id();

	/* Where the host may be what this CPU has interrupted, host_cannot_run() has to look. */
	if (in_interrupt() || num_online_cpus() == 1 || cpu >= PCIEM_QUEUE_OWN ||
	    smp_load_acquire(&q->own[cpu]))
		return false;
	req->slot = cpu;
	req->gen = ++q->gen[cpu];
	if (!put_now(q, req))
		return false;
	q->own[cpu] = true;
	return true;
}

bool pciem_queue_answered_soon(struct pciem_session *s, const struct pciem_request *req, u64 *data)
{
	struct pciem_slot *slot = &s->queue->shared->slot[req->slot];
	unsigned int i;

	for (i = 1; i < LOOKS; i++) {
		if (smp_load_acquire(&slot->gen) == req->gen) {
			*data = READ_ONCE(slot->data);
			pciem_queue_forget(s, req);
			return true;
		}
		if (i > QUICK && i % 16 == 0)
			cpu_relax();
	}
	return false;
}

/* ---- an access ----------------------------------------------------------------------------------- */

u64 pciem_queue_access(struct pciem_session *s, u32 bar, u64 offset, unsigned int size, u64 data,
		       bool write, bool may_sleep)
{
	enum mb_route route = mb_regs_route(&s->regs, bar, offset, size, write);
	struct pciem_request req;

	if (route == MB_LOCAL && !write) {
		pciem_count(s, local);
		if (unlikely(!wait_handled(s, may_sleep))) {
			req = (struct pciem_request) { .type = PCIEM_REQ_READ, .bar = bar,
						       .size = size, .offset = offset,
						       .row = mb_regs_find(&s->regs, bar, offset) };
			give_up(s, &req);
			return ~0ull;
		}
		return mb_regs_read(&s->regs, bar, offset, size);
	}
	/* A write that overtook posted ones would not be one on a bus: then it is posted, too. */
	if (route == MB_LOCAL && pciem_queue_drained(s->queue)) {
		pciem_count(s, local);
		mb_regs_write(&s->regs, bar, offset, size, data);
		return 0;
	}
	req = (struct pciem_request) {
		.type = route != MB_WAIT ? PCIEM_REQ_WRITE :
			write ? PCIEM_REQ_SYNC_WRITE : PCIEM_REQ_READ,
		.bar = bar, .size = size, .offset = offset, .data = data,
		.row = mb_regs_find(&s->regs, bar, offset),
	};
	if (route == MB_WAIT) {
		pciem_count(s, waited);
		return ask(s, &req, may_sleep);
	}
	pciem_count(s, posted);
	post(s, &req, may_sleep);
	return 0;
}

/* ---- configuration space ------------------------------------------------------------------------- */

/* Before START the host is inside REGISTER, and does not answer. Nor does it answer itself: its
 * prompt may show the space by way of sysfs.
 */
static bool host_serves(struct pciem_session *s)
{
	return smp_load_acquire(&s->phase) >= PCIEM_STARTED &&
	       READ_ONCE(s->queue->server) != current && READ_ONCE(s->queue->standby) != current;
}

/* Nothing is lost because nobody can wait: then the host hears of it all the same. */
static void config_request(struct pciem_session *s, u8 type, u32 offset, unsigned int size,
			   u32 data)
{
	struct pciem_request req = {
		.type = type, .bar = PCIEM_BAR_CONFIG, .size = size, .offset = offset,
		.data = data, .row = MB_NONE, .slot = MB_NONE,
	};
	bool may_sleep = pciem_may_sleep(!irqs_disabled());

	if (host_serves(s) && !host_cannot_run(s, may_sleep)) {
		pciem_count(s, waited);
		ask(s, &req, may_sleep);
	} else if (!pciem_queue_tell(s, &req)) {
		pciem_warn(s, "queue full: the host is not told of a write of configuration space at 0x%x\n",
			   offset);
	}
}

void pciem_queue_config_write(struct pciem_session *s, u32 offset, unsigned int size, u32 data)
{
	config_request(s, PCIEM_REQ_CONFIG_WRITE, offset, size, data);
}

void pciem_queue_reset(struct pciem_session *s, u32 offset, unsigned int size, u32 kind)
{
	config_request(s, PCIEM_REQ_RESET, offset, size, kind);
}

bool pciem_queue_config_read(struct pciem_session *s, u32 offset, unsigned int size)
{
	struct pciem_request req = {
		.type = PCIEM_REQ_READ, .bar = PCIEM_BAR_CONFIG, .size = size, .offset = offset,
		.row = MB_NONE,
	};

	if (!host_serves(s) || wait_handled(s, pciem_may_sleep(!irqs_disabled())))
		return true;
	give_up(s, &req);
	return false;
}

/* ---- what the register file asks for ------------------------------------------------------------------ */

static void regs_irq(void *ctx, u32 row, bool raised)
{
	struct pciem_session *s = ctx;

	pciem_irq(s, s->regs.rows[row].vector, raised ? PCIEM_IRQ_RAISE : PCIEM_IRQ_EVAL);
}

static void regs_ram(void *ctx, u32 bar, u64 offset, void *data, unsigned int size, bool write)
{
	pciem_bar_copy(ctx, bar, offset, data, size, write);
}

/* A driver that errs in a loop costs nothing: of one kind at one place the host hears once. */
static void regs_guest_error(void *ctx, enum mb_guest_error what, u32 row, u32 bar, u64 offset,
			     unsigned int size, u64 value)
{
	struct pciem_session *s = ctx;
	u64 place = (row != MB_NONE ? row | 1ull << 32 : offset << 3 | bar) * 8 + what;
	struct pciem_request req = {
		.type = PCIEM_REQ_GUEST_ERROR, .bar = bar, .size = size, .offset = offset,
		.data = value, .row = row, .slot = what,
	};
	u32 bit = hash_64(place, TOLD_BITS);

	if (test_and_set_bit(bit, s->queue->told))
		return;
	if (!pciem_queue_tell(s, &req))
		clear_bit(bit, s->queue->told);
}

static const struct mb_regs_ops regs_ops = {
	.irq = regs_irq, .ram = regs_ram, .guest_error = regs_guest_error,
};

/* ---- life, and the host's calls ------------------------------------------------------------------------ */

int pciem_queue_create(struct pciem_session *s)
{
	struct pciem_queue_state *q = kvzalloc(sizeof(*q), GFP_KERNEL_ACCOUNT);
	int i;

	BUILD_BUG_ON(sizeof(struct pciem_queue) % PAGE_SIZE);
	BUILD_BUG_ON(sizeof(struct mb_reg) != 160 || sizeof(struct pciem_request) != 32);
	if (!q)
		return -ENOMEM;
	q->shared = vmalloc_user(sizeof(*q->shared));
	s->regs.state = vmalloc_user(PAGE_ALIGN(max(s->regs.nrows, 1u) *
						sizeof(struct mb_reg_state)));
	if (!q->shared || !s->regs.state) {
		vfree(q->shared);
		vfree(s->regs.state);
		s->regs.state = NULL;
		kvfree(q);
		return -ENOMEM;
	}
	raw_spin_lock_init(&q->lock);
	init_waitqueue_head(&q->host);
	for (i = 0; i < PCIEM_QUEUE_SLOTS; i++)
		init_waitqueue_head(&q->sleepers[i]);
	ratelimit_state_init(&q->reported, 5 * HZ, 5);
	pciem_host_init(q);
	s->regs.ops = &regs_ops;
	s->regs.ctx = s;
	mb_regs_reset(&s->regs, true);
	s->queue = q;
	return 0;
}

/* Mappings hold the pages of both by themselves. */
void pciem_queue_free(struct pciem_session *s)
{
	if (!s->queue)
		return;
	pciem_host_exit(s->queue);
	vfree(s->queue->shared);
	vfree(s->regs.state);
	kvfree(s->queue);
}

void pciem_queue_kill(struct pciem_session *s)
{
	int i;

	if (!s->queue)
		return;
	for (i = 0; i < PCIEM_QUEUE_SLOTS; i++)
		wake_up(&s->queue->sleepers[i]);
	pciem_queue_wake_host(s);
}

void pciem_queue_wake_host(struct pciem_session *s)
{
	if (!s->queue)
		return;
	wake_up_poll(&s->queue->host, EPOLLIN | EPOLLHUP);
	wake_up(&s->queue->standing);
}

void pciem_queue_irq_mode(struct pciem_session *s, u32 mode)
{
	if (s->queue)
		WRITE_ONCE(s->queue->shared->irq_mode, mode);
}

int pciem_queue_wake(struct pciem_session *s, u32 slot)
{
	if (slot >= PCIEM_QUEUE_SLOTS)
		return -EINVAL;
	wake_up(&s->queue->sleepers[slot]);
	return 0;
}

__poll_t pciem_queue_poll(struct pciem_session *s, struct file *f, struct poll_table_struct *pt)
{
	struct pciem_queue_state *q = s->queue;
	__poll_t ready;

	pciem_host_is_current(q);
	poll_wait(f, &q->host, pt);
	raw_spin_lock_irq(&q->lock);	/* see put_locked() */
	settle(q);
	ready = pciem_queue_drained(q) ? 0 : EPOLLIN | EPOLLRDNORM;
	raw_spin_unlock_irq(&q->lock);
	if (READ_ONCE(s->dead) || smp_load_acquire(&s->phase) == PCIEM_STOPPED)
		ready |= EPOLLHUP;
	return ready;
}

int pciem_queue_mmap(struct pciem_session *s, struct vm_area_struct *vma, u64 offset)
{
	void *what = offset == PCIEM_MMAP_QUEUE ? (void *)s->queue->shared :
		     offset == PCIEM_MMAP_STATE ? (void *)s->regs.state : NULL;

	if (!what || !(vma->vm_flags & VM_SHARED))
		return -EINVAL;
	return remap_vmalloc_range(vma, what, 0);
}
