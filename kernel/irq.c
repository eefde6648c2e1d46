// SPDX-License-Identifier: GPL-2.0-only
/*
 * irq.c: from "the device signals" to the driver's handler. core/intr.c knows
 * what is ready; here it travels, as an irq_work, to the CPU that the irq's
 * affinity names and is handled there in hard-irq context.
 *
 * Try it:  tests/vm/run irq
 *
 * A message stays in the pending bits until the moment its handler is called,
 * so whatever masks it on the way finds it still there. MSI with fewer
 * messages granted than the device has vectors: vector modulo granted.
 */
#include <linux/delay.h>
#include <linux/slab.h>

#include "irq_priv.h"

static bool is_intx(const struct pciem_vector *v)
{
	return v == &v->irqs->vec[v->irqs->nr];
}

static u32 message_of(const struct pciem_vector *v)
{
	return v - v->irqs->vec;
}

/* ---- delivery ----------------------------------------------------------------------- */

static bool vector_ready(const struct pciem_vector *v)
{
	const struct mb_intr *in = &v->irqs->intr;

	if (!v->virq || v->masked || READ_ONCE(v->irqs->s->dead))
		return false;
	return is_intx(v) ? mb_intr_line(in) : mb_intr_ready(in, message_of(v));
}

/* Hard-irq context. Asks again: it may have been masked since it was sent here. */
static void deliver(struct pciem_vector *v)
{
	struct pciem_irqs *q = v->irqs;
	unsigned int virq = 0;

	raw_spin_lock(&q->lock);
	if (vector_ready(v)) {
		virq = v->virq;
		if (is_intx(v))
			mb_intr_line_taken(&q->intr);
		else
			mb_intr_claim(&q->intr, message_of(v));
		q->s->stats.irqs++;
		atomic_inc(&v->busy);
	}
	raw_spin_unlock(&q->lock);
	if (virq) {
		generic_handle_irq(virq);
		atomic_dec(&v->busy);
	}
}

static void vector_work(struct irq_work *w)
{
	deliver(container_of(w, struct pciem_vector, work));
}

static void vector_csd(void *arg)
{
	struct pciem_vector *v = arg;

	if (in_hardirq())
		deliver(v);
	else				/* run from the idle loop: handlers want hard-irq context */
		irq_work_queue(&v->work);
	atomic_dec(&v->busy);
}

/*
 * Under q->lock, so that a csd is never armed by two at once. -EBUSY: it was sent
 * before and has not started, so it will see what has changed; so will an
 * irq_work that is queued already. Any other error: the CPU has just gone
 * offline, and here is as good.
 */
static void vector_send(struct pciem_vector *v)
{
	int ret = -ENXIO;

	if (!vector_ready(v))
		return;
	if (v->cpu != smp_processor_id()) {
		atomic_inc(&v->busy);
		ret = smp_call_function_single_async(v->cpu, &v->csd);
		if (ret)
			atomic_dec(&v->busy);
	}
	if (ret && ret != -EBUSY)
		irq_work_queue(&v->work);
}

static void send_all(struct pciem_irqs *q)
{
	u32 m;

	for (m = mb_intr_next(&q->intr, 0); m < q->nr; m = mb_intr_next(&q->intr, m + 1))
		vector_send(&q->vec[m]);
	vector_send(&q->vec[q->nr]);
}

/* ---- what the irq core asks (irq_domain.c) --------------------------------------------- */

void pciem_vector_attach(struct pciem_vector *v, unsigned int virq)
{
	unsigned long flags;

	raw_spin_lock_irqsave(&v->irqs->lock, flags);
	v->virq = virq;
	v->masked = true;
	raw_spin_unlock_irqrestore(&v->irqs->lock, flags);
}

/* Bounded by the handlers that are running: nothing new starts once virq is 0. */
void pciem_vector_detach(struct pciem_vector *v)
{
	raw_spin_lock_irq(&v->irqs->lock);
	v->virq = 0;
	raw_spin_unlock_irq(&v->irqs->lock);
	while (atomic_read(&v->busy))
		usleep_range(10, 50);
	irq_work_sync(&v->work);
}

void pciem_vector_mask(struct pciem_vector *v, bool masked)
{
	unsigned long flags;

	raw_spin_lock_irqsave(&v->irqs->lock, flags);
	v->masked = masked;
	vector_send(v);
	raw_spin_unlock_irqrestore(&v->irqs->lock, flags);
}

void pciem_vector_resend(struct pciem_vector *v)
{
	struct pciem_irqs *q = v->irqs;
	unsigned long flags;

	raw_spin_lock_irqsave(&q->lock, flags);
	if (q->intr.mode == MB_INTR_MSIX)
		mb_msix_raise(&q->intr.msix, message_of(v));
	else if (q->intr.mode == MB_INTR_MSI)
		mb_msi_raise(&q->intr.msi, message_of(v));
	vector_send(v);
	raw_spin_unlock_irqrestore(&q->lock, flags);
}

/* ---- what the device says ----------------------------------------------------------------- */

static void vector_changed(struct pciem_irqs *q, u32 vector)
{
	u32 m = mb_intr_message(&q->intr, vector);

	vector_send(&q->vec[m < q->nr ? m : q->nr]);
}

int pciem_irq(struct pciem_session *s, u32 vector, u32 op)
{
	struct pciem_irqs *q = s->irqs;
	unsigned long flags;
	int ret;

	if (!q)
		return -EINVAL;
	raw_spin_lock_irqsave(&q->lock, flags);
	ret = mb_intr_op(&q->intr, vector, op);
	if (!ret)
		vector_changed(q, vector);
	raw_spin_unlock_irqrestore(&q->lock, flags);
	return ret ? -EINVAL : 0;
}

int pciem_irq_inject(struct pciem_session *s, u32 vector)
{
	struct pciem_irqs *q = s->irqs;
	unsigned long flags;

	if (!q)
		return -EINVAL;
	raw_spin_lock_irqsave(&q->lock, flags);
	mb_intr_inject(&q->intr, vector);
	vector_changed(q, q->intr.mode == MB_INTR_MSIX ? vector : 0);
	raw_spin_unlock_irqrestore(&q->lock, flags);
	return 0;
}

/* ---- what the driver has chosen ------------------------------------------------------------ */

/* As struct pciem_queue tells it to the host. */
static u32 irq_mode(const struct mb_intr *in)
{
	if (in->mode == MB_INTR_INTX)
		return in->pin && !in->intx_off;
	return in->mode == MB_INTR_MSI ? 2 : 3;
}

static void look_again(struct pciem_session *s,
		       void (*look)(struct mb_intr *in, const struct mb_config *c))
{
	struct pciem_irqs *q = s->irqs;
	unsigned long flags;

	if (!q)
		return;
	/* Read under both locks, so that of two looks the later sees the later state. */
	raw_spin_lock_irqsave(&q->lock, flags);
	raw_spin_lock(&s->config_lock);
	look(&q->intr, &s->config);
	raw_spin_unlock(&s->config_lock);
	pciem_queue_irq_mode(s, irq_mode(&q->intr));
	send_all(q);
	raw_spin_unlock_irqrestore(&q->lock, flags);
}

void pciem_irq_recheck(struct pciem_session *s)
{
	look_again(s, mb_intr_config);
}

void pciem_irq_reset(struct pciem_session *s)
{
	look_again(s, mb_intr_reset);
}

void pciem_irq_live(struct pciem_session *s)
{
	struct pciem_irqs *q = s->irqs;
	unsigned long flags;

	if (!q)
		return;
	raw_spin_lock_irqsave(&q->lock, flags);
	raw_spin_lock(&s->config_lock);
	mb_intr_live(&q->intr, &s->config);
	raw_spin_unlock(&s->config_lock);
	raw_spin_unlock_irqrestore(&q->lock, flags);
}

bool pciem_msix_covers(struct pciem_session *s, u32 bar, u64 offset, unsigned int size)
{
	return s->irqs && mb_intr_covers(&s->irqs->intr, bar, offset, size);
}

u64 pciem_msix_read(struct pciem_session *s, u32 bar, u64 offset, unsigned int size)
{
	struct pciem_irqs *q = s->irqs;
	unsigned long flags;
	u64 v;

	raw_spin_lock_irqsave(&q->lock, flags);
	v = mb_intr_read(&q->intr, bar, offset, size);
	raw_spin_unlock_irqrestore(&q->lock, flags);
	return v;
}

/* At most two entries are touched, but which is no matter: send_all() skips what is not pending. */
void pciem_msix_write(struct pciem_session *s, u32 bar, u64 offset, unsigned int size, u64 data)
{
	struct pciem_irqs *q = s->irqs;
	unsigned long flags;

	raw_spin_lock_irqsave(&q->lock, flags);
	mb_intr_write(&q->intr, bar, offset, size, data);
	send_all(q);
	raw_spin_unlock_irqrestore(&q->lock, flags);
}

/* ---- set up and tear down -------------------------------------------------------------------- */

static int irqs_alloc(struct pciem_irqs *q)
{
	struct pciem_session *s = q->s;
	struct mb_msix_place place;
	unsigned int i;

	if (mb_caps_msix(&s->config, &place)) {
		pciem_warn(s, "MSI-X table or PBA outside its BAR, or one over the other\n");
		return -EINVAL;
	}
	q->table = kvcalloc(place.count + 1, sizeof(*q->table), GFP_KERNEL);
	q->pba = kvcalloc(MB_MSIX_PBA_WORDS(place.count) + 1, sizeof(*q->pba), GFP_KERNEL);
	if (!q->table || !q->pba)
		return -ENOMEM;
	if (mb_intr_init(&q->intr, &s->config, s->native ? &s->regs : NULL, q->table, q->pba))
		return -EINVAL;
	q->nr = max(q->intr.msix.count, q->intr.msi.vectors);
	q->vec = kvcalloc(q->nr + 1, sizeof(*q->vec), GFP_KERNEL);
	if (!q->vec)
		return -ENOMEM;
	for (i = 0; i <= q->nr; i++) {
		struct pciem_vector *v = &q->vec[i];

		v->irqs = q;
		v->work = IRQ_WORK_INIT_HARD(vector_work);
		INIT_CSD(&v->csd, vector_csd, v);
	}
	return 0;
}

static void irqs_free(struct pciem_irqs *q)
{
	pciem_domains_destroy(q);
	kvfree(q->vec);
	kvfree(q->table);
	kvfree(q->pba);
	kfree(q);
}

int pciem_irqs_create(struct pciem_session *s)
{
	struct pciem_irqs *q = kzalloc(sizeof(*q), GFP_KERNEL);
	int ret;

	if (!q)
		return -ENOMEM;
	q->s = s;
	raw_spin_lock_init(&q->lock);
	ret = irqs_alloc(q);
	if (!ret)
		ret = pciem_domains_create(q);
	if (ret) {
		irqs_free(q);
		return ret;
	}
	s->irqs = q;
	return 0;
}

void pciem_irqs_destroy(struct pciem_session *s)
{
	struct pciem_irqs *q = s->irqs;

	s->irqs = NULL;
	if (q)
		irqs_free(q);
}

struct irq_domain *pciem_irqs_msi_domain(struct pciem_session *s)
{
	return s->irqs->msi;
}

unsigned int pciem_irqs_intx(struct pciem_session *s)
{
	return s->irqs->vec[s->irqs->nr].virq;
}
