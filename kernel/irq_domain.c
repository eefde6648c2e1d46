// SPDX-License-Identifier: GPL-2.0-only
/*
 * irq_domain.c: the interrupt controller that Linux sees behind a session's
 * bus: an MSI domain and a domain of one for INTA. No APIC vector is used.
 * All that differs between kernels about interrupts is in this file.
 *
 * Try it:  tests/vm/run irq && tests/vm/run --kernel 7.2 irq
 */
#include "irq_priv.h"

#ifdef PCIEM_MSI_PARENT_DOMAIN
#include <linux/irqchip/irq-msi-lib.h>
#endif

/* @d may be of a domain that the kernel has put above ours for the device. */
static struct pciem_vector *vector_of(struct irq_data *d)
{
#ifdef CONFIG_IRQ_DOMAIN_HIERARCHY
	while (d->parent_data)
		d = d->parent_data;
#endif
	return irq_data_get_irq_chip_data(d);
}

static int set_affinity(struct irq_data *d, const struct cpumask *mask, bool force)
{
	unsigned int cpu = force ? cpumask_first(mask) : cpumask_any_and(mask, cpu_online_mask);

	if (cpu >= nr_cpu_ids)
		return -EINVAL;
	WRITE_ONCE(vector_of(d)->cpu, cpu);
	irq_data_update_effective_affinity(d, cpumask_of(cpu));
	return IRQ_SET_MASK_OK_DONE;		/* the message need not be written again */
}

/*
 * free_irq() waits while this says active. Without it, 7.2 takes the handler
 * away between our decision to deliver and the call.
 */
static int get_state(struct irq_data *d, enum irqchip_irq_state which, bool *state)
{
	if (which != IRQCHIP_STATE_ACTIVE)
		return -EINVAL;
	*state = atomic_read(&vector_of(d)->busy);
	return 0;
}

static void set_up(struct pciem_vector *v, unsigned int virq)
{
	irqd_set_single_target(irq_get_irq_data(virq));
	/* disable_irq() masks at once, so that a message is kept in one place: the pending bit */
	irq_set_status_flags(virq, IRQ_DISABLE_UNLAZY);
#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 14, 0)
	/* else x86 puts a new affinity off until an irq_move_irq() that nobody calls */
	irq_set_status_flags(virq, IRQ_MOVE_PCNTXT);
#endif
	pciem_vector_attach(v, virq);
}

/* ---- MSI and MSI-X ------------------------------------------------------------------------ */

/* MSI without mask bits, and INTx, know no mask but ours; the others have both. */
static void msi_mask(struct irq_data *d)
{
	pci_msi_mask_irq(d);
	pciem_vector_mask(vector_of(d), true);
}

static void msi_unmask(struct irq_data *d)
{
	pci_msi_unmask_irq(d);
	pciem_vector_mask(vector_of(d), false);
}

static int msi_retrigger(struct irq_data *d)
{
	pciem_vector_resend(vector_of(d));
	return 1;
}

static void msi_ack(struct irq_data *d)
{
	/* handle_edge_irq() calls it; the pending bit is gone already */
}

/* What a PC's messages look like; the vector is found by the message's number, not by this. */
static void msi_compose(struct irq_data *d, struct msi_msg *msg)
{
	*msg = (struct msi_msg) { .address_lo = 0xfee00000, .data = d->hwirq };
}

static struct irq_chip msi_chip = {
	.name			= "pciem-msi",
	.irq_ack		= msi_ack,
	.irq_mask		= msi_mask,
	.irq_unmask		= msi_unmask,
	.irq_retrigger		= msi_retrigger,
	.irq_set_affinity	= set_affinity,
	.irq_get_irqchip_state	= get_state,
	.irq_compose_msi_msg	= msi_compose,
};

static int msi_add(struct irq_domain *d, struct pciem_irqs *q, unsigned int virq,
		   irq_hw_number_t hw)
{
	if (hw >= q->nr)
		return -ENOSPC;
	irq_domain_set_info(d, virq, hw, &msi_chip, &q->vec[hw], handle_edge_irq, NULL, "edge");
	set_up(&q->vec[hw], virq);
	return 0;
}

#ifdef PCIEM_MSI_PARENT_DOMAIN		/* ours is below one domain per device */

static void msi_free(struct irq_domain *d, unsigned int virq, unsigned int nr)
{
	while (nr--)
		pciem_vector_detach(vector_of(irq_domain_get_irq_data(d, virq + nr)));
}

static int msi_alloc(struct irq_domain *d, unsigned int virq, unsigned int nr, void *arg)
{
	irq_hw_number_t hw = ((msi_alloc_info_t *)arg)->hwirq;	/* the message's number */
	unsigned int i;
	int ret;

	for (i = 0; i < nr; i++) {
		ret = msi_add(d, d->host_data, virq + i, hw + i);
		if (ret) {
			msi_free(d, virq, i);
			return ret;
		}
	}
	return 0;
}

static const struct irq_domain_ops msi_ops = { .alloc = msi_alloc, .free = msi_free };

/* The device domain's own chip masks in the device only: MSI may have no mask there. */
static bool msi_init_dev(struct device *dev, struct irq_domain *domain,
			 struct irq_domain *real_parent, struct msi_domain_info *info)
{
	if (!msi_lib_init_dev_msi_info(dev, domain, real_parent, info))
		return false;
	info->chip->irq_startup = NULL;
	info->chip->irq_shutdown = NULL;
	info->chip->irq_mask = msi_mask;
	info->chip->irq_unmask = msi_unmask;
	return true;
}

static const struct msi_parent_ops msi_parent = {
	.supported_flags	= MSI_GENERIC_FLAGS_MASK | MSI_FLAG_PCI_MSIX |
				  MSI_FLAG_MULTI_PCI_MSI | MSI_FLAG_PCI_MSIX_ALLOC_DYN,
	.required_flags		= MSI_FLAG_USE_DEF_DOM_OPS | MSI_FLAG_USE_DEF_CHIP_OPS,
	.chip_flags		= MSI_CHIP_FLAG_SET_ACK,
	.bus_select_token	= DOMAIN_BUS_PCI_MSI,
	.bus_select_mask	= MATCH_PCI_MSI,
	.prefix			= "pciem-",
	.init_dev_msi_info	= msi_init_dev,
};

static struct irq_domain *msi_create(struct pciem_irqs *q, struct fwnode_handle *fw)
{
	struct irq_domain_info info = {
		.fwnode = fw, .size = max(q->nr, 1u), .ops = &msi_ops, .host_data = q,
	};

	return msi_create_parent_irq_domain(&info, &msi_parent);
}

#else					/* one domain for all devices of the bus */

static void msi_set_desc(msi_alloc_info_t *arg, struct msi_desc *desc)
{
	arg->desc = desc;
	arg->hwirq = desc->msi_index;
}

static int msi_init(struct irq_domain *d, struct msi_domain_info *info, unsigned int virq,
		    irq_hw_number_t hw, msi_alloc_info_t *arg)
{
	return msi_add(d, container_of(info, struct pciem_irqs, msi_info), virq, hw);
}

static void msi_free(struct irq_domain *d, struct msi_domain_info *info, unsigned int virq)
{
	pciem_vector_detach(vector_of(irq_domain_get_irq_data(d, virq)));
}

static struct msi_domain_ops msi_ops = {
	.set_desc = msi_set_desc, .msi_init = msi_init, .msi_free = msi_free,
};

static struct irq_domain *msi_create(struct pciem_irqs *q, struct fwnode_handle *fw)
{
	q->msi_info = (struct msi_domain_info) {
		.flags	= MSI_FLAG_USE_DEF_DOM_OPS | MSI_FLAG_USE_DEF_CHIP_OPS |
			  MSI_FLAG_MULTI_PCI_MSI | MSI_FLAG_PCI_MSIX,
		.ops	= &msi_ops,
		.chip	= &msi_chip,
	};
	return pci_msi_create_irq_domain(fw, &q->msi_info, NULL);
}
#endif

/* ---- INTx -------------------------------------------------------------------------------------- */

static void intx_mask(struct irq_data *d)
{
	pciem_vector_mask(vector_of(d), true);
}

static void intx_unmask(struct irq_data *d)	/* again if the line is still up */
{
	pciem_vector_mask(vector_of(d), false);
}

static struct irq_chip intx_chip = {
	.name			= "pciem-intx",
	.irq_mask		= intx_mask,
	.irq_unmask		= intx_unmask,
	.irq_set_affinity	= set_affinity,
	.irq_get_irqchip_state	= get_state,
};

/* handle_level_irq() masks, calls and unmasks; handle_simple_irq() may drop one. */
static int intx_map(struct irq_domain *d, unsigned int virq, irq_hw_number_t hw)
{
	struct pciem_irqs *q = d->host_data;

	irq_set_chip_and_handler_name(virq, &intx_chip, handle_level_irq, "level");
	irq_set_chip_data(virq, &q->vec[q->nr]);
	irq_set_status_flags(virq, IRQ_LEVEL);
	set_up(&q->vec[q->nr], virq);
	return 0;
}

static void intx_unmap(struct irq_domain *d, unsigned int virq)
{
	struct pciem_irqs *q = d->host_data;

	pciem_vector_detach(&q->vec[q->nr]);
}

static const struct irq_domain_ops intx_ops = { .map = intx_map, .unmap = intx_unmap };

/* ---- set up and tear down ---------------------------------------------------------------------- */

static void domain_remove(struct irq_domain *d)
{
	struct fwnode_handle *fw;

	if (!d)
		return;
	fw = d->fwnode;
	irq_domain_remove(d);
	irq_domain_free_fwnode(fw);		/* not done by irq_domain_remove() */
}

void pciem_domains_destroy(struct pciem_irqs *q)
{
	if (q->intx && q->vec[q->nr].virq)
		irq_dispose_mapping(q->vec[q->nr].virq);
	domain_remove(q->intx);
	domain_remove(q->msi);
}

int pciem_domains_create(struct pciem_irqs *q)
{
	struct fwnode_handle *fw;

	fw = irq_domain_alloc_named_id_fwnode("pciem-msi", q->s->id);
	q->msi = fw ? msi_create(q, fw) : NULL;
	if (!q->msi)
		goto free_fw;
	fw = irq_domain_alloc_named_id_fwnode("pciem-intx", q->s->id);
	q->intx = fw ? irq_domain_create_linear(fw, 1, &intx_ops, q) : NULL;
	if (!q->intx)
		goto free_fw;
	return irq_create_mapping(q->intx, 0) ? 0 : -ENOMEM;
free_fw:
	if (fw)
		irq_domain_free_fwnode(fw);
	return -ENOMEM;
}
