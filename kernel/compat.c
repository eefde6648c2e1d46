// SPDX-License-Identifier: GPL-2.0-only
/*
 * compat.c: sessions of programs written for the PCIem project's module: the
 * ring of events, the eventfd that counts them, tracing of BARs, and eventfds
 * that inject interrupts. Here, and only here, an event is dropped when its
 * ring is full: these programs are told after the fact and nobody waits for them.
 *
 * Try it:  tools/lab -- build/vm/compat
 */
#include <linux/eventfd.h>
#include <linux/file.h>
#include <linux/poll.h>
#include <linux/slab.h>
#include <linux/vmalloc.h>

#include "pciem.h"

#define RING_EVENTS	256
#define MAX_IRQFDS	4096

/**
 * struct pciem_compat - the older interface of one session
 * @ring: shared, mapped by the program
 * @lock: @tail, @eventfd; a leaf; any context but NMI
 * @tail: events made, modulo RING_EVENTS
 * @eventfd: signalled once an event, or NULL
 * @irqfds: struct irqfd, under the session's lock
 */
struct pciem_compat {
	struct pciem_shared_ring *ring;
	raw_spinlock_t lock;
	u32 tail;
	struct eventfd_ctx *eventfd;
	struct list_head irqfds;
	unsigned int nirqfds;
};

#define RING_BYTES	PAGE_ALIGN(sizeof(struct pciem_shared_ring))

int pciem_compat_create(struct pciem_session *s)
{
	struct pciem_compat *c = kzalloc(sizeof(*c), GFP_KERNEL_ACCOUNT);

	BUILD_BUG_ON(RING_BYTES != 16 * 1024 || offsetof(struct pciem_shared_ring, events) != 128);
	if (!c)
		return -ENOMEM;
	c->ring = vmalloc_user(RING_BYTES);
	if (!c->ring) {
		kfree(c);
		return -ENOMEM;
	}
	raw_spin_lock_init(&c->lock);
	INIT_LIST_HEAD(&c->irqfds);
	s->compat = c;
	return 0;
}

void pciem_compat_free(struct pciem_session *s)
{
	struct pciem_compat *c = s->compat;

	if (!c)
		return;
	if (c->eventfd)
		eventfd_ctx_put(c->eventfd);
	vfree(c->ring);
	kfree(c);
}

/* Any offset: these programs map the ring and nothing else. */
int pciem_compat_mmap(struct pciem_session *s, struct vm_area_struct *vma)
{
	if (vma->vm_end - vma->vm_start > RING_BYTES || !(vma->vm_flags & VM_SHARED))
		return -EINVAL;
	return remap_vmalloc_range(vma, s->compat->ring, 0);
}

/* ---- events ------------------------------------------------------------------------------- */

static u32 events_waiting(const struct pciem_compat *c)
{
	return (c->tail - READ_ONCE(c->ring->head)) % RING_EVENTS;
}

static void queue_event(struct pciem_session *s, u32 type, u32 bar, u64 offset, unsigned int size,
			u64 data)
{
	struct pciem_compat *c = s->compat;
	struct eventfd_ctx *eventfd;
	unsigned long flags;

	raw_spin_lock_irqsave(&c->lock, flags);
	if (events_waiting(c) < RING_EVENTS - 1) {
		c->ring->events[c->tail] = (struct pciem_event) {
			.type = type, .bar = bar, .offset = offset, .size = size, .data = data,
			.timestamp = ktime_get_ns(),
		};
		c->tail = (c->tail + 1) % RING_EVENTS;
		smp_store_release(&c->ring->tail, c->tail);
	}
	raw_spin_unlock_irqrestore(&c->lock, flags);
	/* Of a registered session it is changed only once accesses that saw it are over. */
	rcu_read_lock();
	eventfd = READ_ONCE(c->eventfd);
	if (eventfd)
		pciem_eventfd_signal(eventfd);
	rcu_read_unlock();
}

u64 pciem_compat_access(struct pciem_session *s, u32 bar, u64 offset, unsigned int size, u64 data,
			bool write)
{
	u32 trace = READ_ONCE(s->bar[bar].trace);

	if (!write) {
		data = 0;
		pciem_bar_copy(s, bar, offset, &data, size, false);
		if (trace & PCIEM_TRACE_READS)
			queue_event(s, PCIEM_EVENT_MMIO_READ, bar, offset, size, data);
		return data;
	}
	if (!(trace & PCIEM_TRACE_STOP_WRITES))
		pciem_bar_copy(s, bar, offset, &data, size, true);
	if (trace & PCIEM_TRACE_WRITES)
		queue_event(s, PCIEM_EVENT_MMIO_WRITE, bar, offset, size, data);
	return 0;
}

/* Unknown flags are ignored, as they always were. */
int pciem_compat_trace(struct pciem_session *s, const struct pciem_trace_bar *t)
{
	struct pciem_bar *bar;

	if (t->func)
		return -EOPNOTSUPP;
	if (t->bar_index >= MB_NR_BARS || !s->bar[t->bar_index].size)
		return -ENXIO;
	bar = &s->bar[t->bar_index];
	if (bar->trace)
		return -EINVAL;
	WRITE_ONCE(bar->trace, PCIEM_TRACED | (t->flags & (PCIEM_TRACE_READS | PCIEM_TRACE_WRITES |
							   PCIEM_TRACE_STOP_WRITES)));
	if (pciem_registered(s))
		pciem_trap_again(s, t->bar_index);
	return 0;
}

int pciem_compat_set_eventfd(struct pciem_session *s, const struct pciem_eventfd_config *a)
{
	struct pciem_compat *c = s->compat;
	struct eventfd_ctx *new = NULL, *old;
	unsigned long flags;
	u32 waiting;

	if (a->eventfd >= 0) {
		new = eventfd_ctx_fdget(a->eventfd);
		if (IS_ERR(new))
			return PTR_ERR(new);
	}
	raw_spin_lock_irqsave(&c->lock, flags);
	old = c->eventfd;
	WRITE_ONCE(c->eventfd, new);
	waiting = events_waiting(c);
	raw_spin_unlock_irqrestore(&c->lock, flags);
	if (old) {
		synchronize_rcu();
		eventfd_ctx_put(old);
	}
	while (new && waiting--)
		pciem_eventfd_signal(new);
	return 0;
}

/* ---- eventfds that inject -------------------------------------------------------------------- */

/**
 * struct irqfd - an eventfd whose every write is an interrupt
 * @flags: PCIEM_IRQFD_*
 * @wait: in the eventfd's queue; its function runs under that queue's lock
 * @gone: the eventfd was closed by everybody
 */
struct irqfd {
	struct list_head list;
	struct pciem_session *s;
	struct eventfd_ctx *ctx;
	u32 vector, flags;
	wait_queue_entry_t wait;
	poll_table poll;
	bool gone;
};

static void irqfd_fire(struct irqfd *fd)
{
	if (fd->flags & PCIEM_IRQFD_DEASSERT)
		pciem_irq(fd->s, fd->vector, PCIEM_IRQ_DEASSERT);
	else if (fd->flags & PCIEM_IRQFD_LEVEL)
		pciem_irq(fd->s, fd->vector, PCIEM_IRQ_ASSERT);
	else
		pciem_irq_inject(fd->s, fd->vector);
}

static int irqfd_wakeup(wait_queue_entry_t *wait, unsigned int mode, int sync, void *key)
{
	struct irqfd *fd = container_of(wait, struct irqfd, wait);
	__poll_t what = key_to_poll(key);
	u64 count;

	if (what & EPOLLIN) {
		/* Emptied, so that a writer never waits for somebody to read it. */
		eventfd_ctx_do_read(fd->ctx, &count);
		irqfd_fire(fd);
	}
	if (what & EPOLLHUP) {
		list_del_init(&wait->entry);
		WRITE_ONCE(fd->gone, true);
	}
	return 0;
}

static void irqfd_enqueue(struct file *f, wait_queue_head_t *wq, poll_table *pt)
{
	add_wait_queue(wq, &container_of(pt, struct irqfd, poll)->wait);
}

static void irqfd_free(struct irqfd *fd)
{
	u64 count;

	eventfd_ctx_remove_wait_queue(fd->ctx, &fd->wait, &count);
	eventfd_ctx_put(fd->ctx);
	list_del(&fd->list);
	fd->s->compat->nirqfds--;
	kfree(fd);
}

/* Those whose eventfd nobody has any more; session's lock held. */
static void irqfds_sweep(struct pciem_compat *c)
{
	struct irqfd *fd, *next;

	list_for_each_entry_safe(fd, next, &c->irqfds, list)
		if (READ_ONCE(fd->gone))
			irqfd_free(fd);
}

int pciem_compat_set_irqfd(struct pciem_session *s, const struct pciem_irqfd_config *a)
{
	struct pciem_compat *c = s->compat;
	struct irqfd *fd;
	struct file *f;
	__poll_t events;

	irqfds_sweep(c);
	if (c->nirqfds >= MAX_IRQFDS)
		return -ENOSPC;
	f = fget(a->eventfd);
	if (!f)
		return -EBADF;
	fd = kzalloc(sizeof(*fd), GFP_KERNEL_ACCOUNT);
	if (!fd) {
		fput(f);
		return -ENOMEM;
	}
	fd->ctx = eventfd_ctx_fileget(f);
	if (IS_ERR(fd->ctx)) {
		int ret = PTR_ERR(fd->ctx);

		kfree(fd);
		fput(f);
		return ret;
	}
	fd->s = s;
	fd->vector = a->vector;
	fd->flags = a->flags;
	init_waitqueue_func_entry(&fd->wait, irqfd_wakeup);
	init_poll_funcptr(&fd->poll, irqfd_enqueue);
	list_add(&fd->list, &c->irqfds);
	c->nirqfds++;
	events = vfs_poll(f, &fd->poll);
	fput(f);
	if (events & EPOLLIN)		/* written before it was given to us */
		irqfd_fire(fd);
	return 0;
}

void pciem_compat_detach(struct pciem_session *s)
{
	struct irqfd *fd, *next;

	mutex_lock(&s->lock);
	list_for_each_entry_safe(fd, next, &s->compat->irqfds, list)
		irqfd_free(fd);
	mutex_unlock(&s->lock);
}
