/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * irq_priv.h: what irq.c (when to deliver) and irq_domain.c (what Linux calls
 * an interrupt controller) share.
 *
 * Try it:  tools/module 6.12 && tests/vm/run irq
 */
#ifndef PCIEM_IRQ_PRIV_H
#define PCIEM_IRQ_PRIV_H

#include <linux/irq.h>
#include <linux/irq_work.h>
#include <linux/irqdomain.h>
#include <linux/msi.h>
#include <linux/smp.h>
#include <linux/version.h>

#include "core/intr.h"
#include "pciem.h"

/* 6.17 has msi_create_parent_irq_domain(); 6.1 and 6.12, only pci_msi_create_irq_domain() */
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 17, 0)
#define PCIEM_MSI_PARENT_DOMAIN
#endif

/**
 * struct pciem_vector - one message of the function, or its INTx line
 * @virq: the Linux irq, 0: nobody has it allocated
 * @masked: by the irq core; what the function's own masks say is in mb_intr
 * @cpu: where the irq's affinity wants it
 * @work: delivery on this CPU, in hard-irq context
 * @csd: the way to another CPU
 * @busy: csds armed and deliveries under way
 */
struct pciem_vector {
	struct pciem_irqs *irqs;
	unsigned int virq;
	bool masked;
	int cpu;
	struct irq_work work;
	call_single_data_t csd;
	atomic_t busy;
};

/**
 * struct pciem_irqs - the interrupts of a session
 * @lock: of all below; inside a desc->lock, outside s->config_lock
 * @nr: messages; vec[nr] is INTx
 */
struct pciem_irqs {
	struct pciem_session *s;
	raw_spinlock_t lock;
	struct mb_intr intr;
	struct mb_msix_entry *table;
	u64 *pba;
	unsigned int nr;
	struct pciem_vector *vec;
	struct irq_domain *msi, *intx;
#ifndef PCIEM_MSI_PARENT_DOMAIN
	struct msi_domain_info msi_info;
#endif
};

/* irq.c, called by irq_domain.c. Any context except detach, which may sleep. */
void pciem_vector_attach(struct pciem_vector *v, unsigned int virq);
void pciem_vector_detach(struct pciem_vector *v);	/* nothing is under way afterwards */
void pciem_vector_mask(struct pciem_vector *v, bool masked);
void pciem_vector_resend(struct pciem_vector *v);

/* irq_domain.c. 0 or -Exxx; destroy also after a failed create. */
int pciem_domains_create(struct pciem_irqs *q);
void pciem_domains_destroy(struct pciem_irqs *q);

#endif
