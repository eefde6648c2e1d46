// SPDX-License-Identifier: GPL-2.0-only
/*
 * dma.c: the device's side of strict DMA: the host process moves bytes between its own memory and
 * what the driver has mapped for the device at this moment. Translation and copy are one step,
 * under the lock that unmap takes: once unmap has returned, no byte of that mapping moves any more.
 *
 * Try it:  tests/vm/run dma
 */
#include <linux/pagemap.h>
#include <linux/sched/signal.h>
#include <linux/uaccess.h>

#include "dma.h"

/* Bytes copied under one hold of the lock, which keeps interrupts off. */
#define CHUNK		(16 * 1024)
/* A transfer that a signal finds goes on for this long, so that a timer does not cut it short. */
#define SIGNAL_GRACE	(16 * 1024 * 1024)
/* Times a page of the host may be taken away again before it was used, without any progress. */
#define MAX_FAULTS	64
#define LIST_BATCH	8	/* pieces read from the host at a time */
#define PRP_BATCH	32	/* PRP list entries read from the driver's memory at a time */

/**
 * struct transfer - a copy between driver and host that is under way
 * @bus: @length: what is left of it on the bus
 * @user: the host's side; or @kernel, when it is the module that looks (PRP lists)
 * @write: the device writes
 * @why: why it was refused, on -EFAULT
 * @moved: bytes so far of the whole ioctl
 */
struct transfer {
	struct pciem_session *s;
	struct pciem_dma *d;
	u64 bus, length;
	char __user *user;
	void *kernel;
	bool write;
	u32 why;
	u64 moved;
};

static bool bus_master(struct pciem_session *s)
{
	return READ_ONCE(s->config.val[MB_PCI_COMMAND]) & MB_COMMAND_MASTER;
}

static const char *why_text(u32 why)
{
	switch (why) {
	case PCIEM_DMA_WILD: return "never mapped";
	case PCIEM_DMA_STALE: return "not mapped any more";
	case PCIEM_DMA_BOUNDS: return "outside the mapping";
	case PCIEM_DMA_DIRECTION: return "against the mapping's direction";
	case PCIEM_DMA_NO_BUS_MASTER: return "the driver has not enabled bus mastering";
	case PCIEM_DMA_NOT_RAM: return "the mapping is not of memory";
	case PCIEM_DMA_BAD_USER_ADDRESS: return "the host's own address is bad";
	}
	return "?";
}

/*
 * Counts and tells a refusal; returns -EFAULT. d->lock held, and released here: what a refusal
 * needs of the stack is not to be paid for by every transfer.
 */
static noinline int refuse(struct transfer *t, u32 why, unsigned long flags)
	__releases(&t->d->lock)
{
	struct pciem_dma *d = t->d;
	struct dma_near near = { };
	u32 found;

	if (why != PCIEM_DMA_NO_BUS_MASTER && why != PCIEM_DMA_BAD_USER_ADDRESS) {
		found = pciem_dma_explain(d, t->bus, t->length, &near);
		if (why == PCIEM_DMA_WILD)
			why = found;
	}
	t->why = why;
	t->s->stats.dma_refused++;
	spin_unlock_irqrestore(&d->lock, flags);
	if (!__ratelimit(&d->refusals))
		return -EFAULT;
	dma_warn(d, "DMA refused: device %s %#llx+%llu: %s\n", t->write ? "writes" : "reads",
		 t->bus, t->length, why_text(why));
	pciem_dma_print_near(d, &near);
	return -EFAULT;
}

static int refuse_user(struct transfer *t)
{
	unsigned long flags;

	spin_lock_irqsave(&t->d->lock, flags);
	return refuse(t, PCIEM_DMA_BAD_USER_ADDRESS, flags);
}

static bool allows(enum dma_data_direction dir, bool write)
{
	return dir == DMA_BIDIRECTIONAL || dir == (write ? DMA_FROM_DEVICE : DMA_TO_DEVICE);
}

/* May the rest of @t happen? d->lock held. On PCIEM_DMA_OK *@mp is the one mapping it lies in;
 * PCIEM_DMA_WILD stands for whatever refuse() finds, if it is in none.
 */
static u32 check(struct transfer *t, struct dma_mapping **mp)
{
	struct dma_mapping *m;

	if (!bus_master(t->s))
		return PCIEM_DMA_NO_BUS_MASTER;
	m = pciem_dma_floor(t->d, t->bus);
	if (!m || t->bus > m->last || m->last - t->bus < t->length - 1)
		return PCIEM_DMA_WILD;
	if (m->left)
		return PCIEM_DMA_STALE;
	if (!m->kaddr)
		return PCIEM_DMA_NOT_RAM;
	*mp = m;
	return allows(m->dir, t->write) ? PCIEM_DMA_OK : PCIEM_DMA_DIRECTION;
}

/*
 * Copies words without taking faults; returns the words not copied. By eight bytes, which costs a
 * processor nothing and is eight times as fast where it is emulated: the kernel's own copies choose
 * single bytes when the processor claims to be good at that.
 */
static unsigned long copy_words(void *to, const void *from, unsigned long words)
{
	__uaccess_begin();
	asm volatile("1:	rep movsq\n"
		     "2:\n"
		     _ASM_EXTABLE_UA(1b, 2b)
		     : "+D" (to), "+S" (from), "+c" (words) : : "memory");
	__uaccess_end();
	return words;
}

/*
 * Copies without taking faults; returns the bytes not copied. Not copy_to_user(), whose checks are
 * about kernel objects that leak: here it is the driver that shows its memory to its device, from
 * whichever cache it took it.
 */
static unsigned long copy(struct transfer *t, char *mem, unsigned long n)
{
	unsigned long words = n / 8, tail = n % 8, left;

	if (t->kernel) {
		memcpy(t->kernel, mem, n);
		return 0;
	}
	pagefault_disable();
	if (t->write)
		left = copy_words(mem, (__force void *)t->user, words);
	else
		left = copy_words((__force void *)t->user, mem, words);
	if (left)
		left = left * 8 + tail;
	else if (tail && t->write)
		left = raw_copy_from_user(mem + words * 8, t->user + words * 8, tail);
	else if (tail)
		left = raw_copy_to_user(t->user + words * 8, mem + words * 8, tail);
	pagefault_enable();
	return left;
}

/* Moves up to CHUNK bytes. Returns how many, 0 if the host's page is not there; or -errno. */
static long move_chunk(struct transfer *t)
{
	struct pciem_dma *d = t->d;
	unsigned long n = min_t(u64, t->length, CHUNK), flags;
	struct dma_mapping *m = NULL;
	u32 why;

	spin_lock_irqsave(&d->lock, flags);
	if (!d->session) {
		spin_unlock_irqrestore(&d->lock, flags);
		return -ENODEV;
	}
	why = check(t, &m);
	if (why != PCIEM_DMA_OK)
		return refuse(t, why, flags);
	n -= copy(t, m->kaddr + (t->bus - m->start), n);
	t->s->stats.dma_bytes += n;
	spin_unlock_irqrestore(&d->lock, flags);
	return n;
}

/* Brings in the host's page that the copy stopped at. */
static int fault_in(struct transfer *t)
{
	size_t n = min_t(u64, t->length, PAGE_SIZE - offset_in_page(t->user));
	size_t left;

	left = t->write ? fault_in_readable(t->user, n) : fault_in_safe_writeable(t->user, n);
	return left == n ? -EFAULT : 0;
}

/*
 * Moves all of @t. 0; -EFAULT with t->why; -EINTR; -ENODEV. What was moved before an error stays
 * moved; a range that is not within one mapping moves nothing.
 */
static int transfer(struct transfer *t)
{
	unsigned int faults = 0;
	long n;

	if (!t->kernel && !access_ok(t->user, t->length))
		return refuse_user(t);
	for (;;) {
		n = move_chunk(t);
		if (n < 0)
			return n;
		t->bus += n;
		t->length -= n;
		t->moved += n;
		if (t->kernel)
			t->kernel += n;
		else
			t->user += n;
		if (!t->length)
			return 0;
		faults = n ? 0 : faults + 1;
		if (!n && (faults > MAX_FAULTS || fault_in(t)))
			return refuse_user(t);
		if (fatal_signal_pending(current) ||
		    (t->moved >= SIGNAL_GRACE && signal_pending(current)))
			return -EINTR;
		cond_resched();
	}
}

/*
 * The session's mappings with a reference, or an error: before REGISTER -EINVAL, after removal
 * -ENODEV, and -EOPNOTSUPP where pciem_dma_attach() could not do its work.
 */
static struct pciem_dma *get_dma(struct pciem_session *s)
{
	struct pciem_dma *d;

	rcu_read_lock();
	d = READ_ONCE(s->dma);
	if (d && !kref_get_unless_zero(&d->ref))
		d = NULL;
	rcu_read_unlock();
	if (!d)
		return ERR_PTR(READ_ONCE(s->phase) < PCIEM_REGISTERED ? -EINVAL : -ENODEV);
	if (!READ_ONCE(d->strict)) {
		pciem_dma_put(d);
		return ERR_PTR(-EOPNOTSUPP);
	}
	return d;
}

/**
 * pciem_dma_op() - one transfer, of any length
 * @op: flag PCIEM_DMA_WRITE: to the driver's memory; any other: from it. A PASID is not supported.
 *
 * 0; -EINVAL for length 0; -EFAULT if it is refused (the kernel log says why) or the host's address
 * is bad; -EINTR; -ENODEV once the device is gone; -EOPNOTSUPP (see get_dma()).
 */
long pciem_dma_op(struct pciem_session *s, const struct pciem_dma_op *op)
{
	struct transfer t = {
		.s = s, .bus = op->guest_iova, .length = op->length,
		.user = (char __user *)(uintptr_t)op->user_addr,
		.write = op->flags & PCIEM_DMA_WRITE,
	};
	long rc;

	if (!op->length)
		return -EINVAL;
	if (op->pasid)
		return -EOPNOTSUPP;
	t.d = get_dma(s);
	if (IS_ERR(t.d))
		return PTR_ERR(t.d);
	rc = transfer(&t);
	pciem_dma_put(t.d);
	return rc;
}

static int move_piece(struct transfer *t, const struct pciem_dma_piece *p)
{
	if (!p->length || (p->flags != PCIEM_DMA_READ && p->flags != PCIEM_DMA_WRITE))
		return -EINVAL;
	t->bus = p->bus;
	t->length = p->length;
	t->user = (char __user *)(uintptr_t)p->user;
	t->write = p->flags == PCIEM_DMA_WRITE;
	return transfer(t);
}

static int move_pieces(struct transfer *t, struct pciem_dma_list *list)
{
	const struct pciem_dma_piece __user *up = (void __user *)(uintptr_t)list->pieces;
	struct pciem_dma_piece piece[LIST_BATCH];
	unsigned int n, i;
	int rc;

	while (list->done < list->count) {
		n = min_t(u32, list->count - list->done, LIST_BATCH);
		if (copy_from_user(piece, up + list->done, n * sizeof(piece[0]))) {
			t->why = PCIEM_DMA_BAD_USER_ADDRESS;
			return -EFAULT;
		}
		for (i = 0; i < n; i++, list->done++) {
			rc = move_piece(t, &piece[i]);
			if (rc)
				return rc;
		}
	}
	return 0;
}

/**
 * pciem_dma_list() - many transfers in one call, in order, then an interrupt
 * @list: @done and @why are stored whatever is returned: copy them to the host always
 *
 * 0; -EINVAL for too many pieces, or for piece @done of length 0 or with other flags than exactly
 * one of READ and WRITE; -EFAULT, -EINTR, -ENODEV, -EOPNOTSUPP as pciem_dma_op(), about piece
 * @done; or what pciem_irq() says of the vector, after every piece was moved.
 */
long pciem_dma_list(struct pciem_session *s, struct pciem_dma_list *list)
{
	struct transfer t = { .s = s };
	long rc;

	list->done = 0;
	list->why = PCIEM_DMA_OK;
	if (list->count > PCIEM_DMA_MAX_PIECES)
		return -EINVAL;
	t.d = get_dma(s);
	if (IS_ERR(t.d))
		return PTR_ERR(t.d);
	rc = move_pieces(&t, list);
	pciem_dma_put(t.d);
	list->why = t.why;
	if (!rc && list->raise != ~0u)
		rc = pciem_irq(s, list->raise, PCIEM_IRQ_RAISE);
	return rc;
}

/* ---- NVMe's way to name memory: PRP entries (NVM Express Base 2.0 §4.1.1) ------------------ */

/**
 * struct prp - a walk over the pages that a PRP list names
 * @page: NVMe page size
 * @left: bytes of the transfer that no page was taken for yet
 * @entry: @n: @i: entries that were read, how many, and the next one
 * @list: bus address of the entry after them
 */
struct prp {
	u32 page;
	u64 left, list;
	u64 entry[PRP_BATCH];
	unsigned int n, i;
};

/* Reads the next entries of the list, following it into its next page where it is chained. */
static int read_entries(struct transfer *t, struct prp *p)
{
	u64 pages = DIV_ROUND_UP(p->left, p->page), room;
	struct transfer r = { .s = t->s, .d = t->d, .kernel = p->entry };
	int rc;

	if (!IS_ALIGNED(p->list, sizeof(u64)))
		return -EINVAL;
	room = (p->page - (p->list & (p->page - 1))) / sizeof(u64);
	r.bus = p->list;
	p->n = min3(pages, room, (u64)PRP_BATCH);
	r.length = p->n * sizeof(u64);
	p->list += r.length;
	p->i = 0;
	rc = transfer(&r);
	t->why = r.why;
	if (rc || p->n < room || pages <= room)
		return rc;
	/* The page's last entry, and more than one page to go: it is the next page of the list. */
	p->n--;
	p->list = p->entry[p->n];
	return p->list & (p->page - 1) ? -EINVAL : 0;
}

/* Takes the next page that the list names. */
static int next_page(struct transfer *t, struct prp *p, u64 *bus)
{
	unsigned int hops;
	int rc;

	/* A page of the list may begin at its last entry, a chain: one more hop, no more. */
	for (hops = 0; p->i == p->n; hops++) {
		rc = hops < 2 ? read_entries(t, p) : -EINVAL;
		if (rc)
			return rc;
	}
	*bus = p->entry[p->i++];
	return *bus & (p->page - 1) ? -EINVAL : 0;
}

/* Moves the pages of a list; neighbours on the bus go as one. */
static int move_listed(struct transfer *t, struct prp *p)
{
	u64 bus, n;
	int rc;

	t->length = 0;
	while (p->left) {
		rc = next_page(t, p, &bus);
		if (rc)
			return rc;
		n = min_t(u64, p->left, p->page);
		if (t->length && (bus != t->bus + t->length || t->length >= CHUNK)) {
			rc = transfer(t);
			if (rc)
				return rc;
		}
		if (!t->length)
			t->bus = bus;
		t->length += n;
		p->left -= n;
	}
	return transfer(t);
}

static int move_prp(struct transfer *t, const struct pciem_dma_indirect *op)
{
	struct prp p = { .page = op->page_size, .list = op->prp2 };
	u32 first = op->page_size - (op->prp1 & (op->page_size - 1));
	int rc;

	t->bus = op->prp1;
	t->length = min(first, op->length);
	p.left = op->length - t->length;
	rc = transfer(t);
	if (rc || !p.left)
		return rc;
	if (p.left > p.page)
		return move_listed(t, &p);
	if (op->prp2 & (p.page - 1))
		return -EINVAL;
	t->bus = op->prp2;
	t->length = p.left;
	return transfer(t);
}

/**
 * pciem_dma_indirect() - a transfer between one stretch of the host's memory and PRP pages
 * @op: prp1 may begin inside a page; the others begin at one, as the pages of the list that follow
 *	its first do. page_size: a power of two, 4096 to 65536.
 *
 * 0, also for length 0; -EINVAL for a wrong page size or entry; else as pciem_dma_op(). Each page
 * must lie within one mapping; what was moved before an error stays moved.
 */
long pciem_dma_indirect(struct pciem_session *s, const struct pciem_dma_indirect *op)
{
	struct transfer t = {
		.s = s, .user = (char __user *)(uintptr_t)op->user_addr,
		.write = op->flags & PCIEM_DMA_WRITE,
	};
	long rc;

	if (op->page_size < 4096 || op->page_size > 65536 || !is_power_of_2(op->page_size))
		return -EINVAL;
	if (op->pasid)
		return -EOPNOTSUPP;
	t.d = get_dma(s);
	if (IS_ERR(t.d))
		return PTR_ERR(t.d);
	rc = op->length ? move_prp(&t, op) : 0;
	pciem_dma_put(t.d);
	return rc;
}
