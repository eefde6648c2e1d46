// SPDX-License-Identifier: MIT
/*
 * irqtest.c: a driver that takes its device's interrupts in every way there
 * is, counts them, and does on request what drivers do with them meanwhile.
 *
 * Try it:  tests/vm/run irq
 */
#include <linux/fs.h>
#include <linux/interrupt.h>
#include <linux/miscdevice.h>
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/pci.h>
#include <linux/slab.h>
#include <linux/uaccess.h>

#include "irqtest.h"

#ifdef PCI_IRQ_INTX			/* its name since 6.8 */
#define IRQ_FLAG_INTX	PCI_IRQ_INTX
#else
#define IRQ_FLAG_INTX	PCI_IRQ_LEGACY
#endif

struct vector {
	struct unit *unit;
	struct irqtest_count c;
};

struct unit {
	struct pci_dev *pdev;		/* NULL: not bound */
	void __iomem *bar0, *bar2;
	int nvec;			/* vectors requested */
	int ack_after;
	struct vector *vec;
};

static struct unit units[IRQTEST_UNITS];
static DEFINE_MUTEX(lock);

/* ---- handlers ------------------------------------------------------------------------- */

static void count(struct vector *v)
{
	struct irqtest_count *c = &v->c;

	c->cpu = smp_processor_id();
	c->soft += !in_hardirq();
	WRITE_ONCE(c->seen, readl(v->unit->bar2 + 4 * (v - v->unit->vec)));
	WRITE_ONCE(c->count, c->count + 1);
}

static irqreturn_t message(int irq, void *p)
{
	count(p);
	return IRQ_HANDLED;
}

static irqreturn_t intx(int irq, void *p)
{
	struct vector *v = p;
	u32 status = readl(v->unit->bar0 + IRQTEST_STATUS);

	if (!(status & readl(v->unit->bar0 + IRQTEST_ENABLE)))
		return IRQ_NONE;
	count(v);
	if (--v->unit->ack_after <= 0)
		writel(status, v->unit->bar0 + IRQTEST_STATUS);
	return IRQ_HANDLED;
}

static irqreturn_t neighbour(int irq, void *p)	/* shares the line; vector 1 counts its calls */
{
	struct unit *u = p;

	u->vec[1].c.count++;
	return IRQ_NONE;
}

/* ---- requests --------------------------------------------------------------------------- */

static void teardown(struct unit *u)
{
	bool line = !u->pdev->msi_enabled && !u->pdev->msix_enabled;

	if (!u->nvec)
		return;
	if (line)
		free_irq(pci_irq_vector(u->pdev, 0), u);
	while (u->nvec--)
		free_irq(pci_irq_vector(u->pdev, u->nvec), &u->vec[u->nvec]);
	u->nvec = 0;
	pci_free_irq_vectors(u->pdev);
}

static int setup(struct unit *u, u32 kind, u64 want)
{
	unsigned int flags = kind == IRQTEST_INTX ? IRQ_FLAG_INTX :
			     kind == IRQTEST_MSI ? PCI_IRQ_MSI : PCI_IRQ_MSIX;
	int ret, n;

	if (u->nvec || kind > IRQTEST_MSIX || !want || want > IRQTEST_VECTORS)
		return -EINVAL;
	n = pci_alloc_irq_vectors(u->pdev, 1, want, flags);
	if (n < 0)
		return n;
	while (u->nvec < n) {
		ret = request_irq(pci_irq_vector(u->pdev, u->nvec),
				  kind == IRQTEST_INTX ? intx : message,
				  kind == IRQTEST_INTX ? IRQF_SHARED : 0, "irqtest",
				  &u->vec[u->nvec]);
		if (ret)
			goto failed;
		u->nvec++;
	}
	ret = 0;
	if (kind == IRQTEST_INTX)
		ret = request_irq(pci_irq_vector(u->pdev, 0), neighbour, IRQF_SHARED,
				  "irqtest-neighbour", u);
	if (!ret)
		return n;
failed:
	while (u->nvec--)
		free_irq(pci_irq_vector(u->pdev, u->nvec), &u->vec[u->nvec]);
	u->nvec = 0;
	pci_free_irq_vectors(u->pdev);
	return ret;
}

static void zero(struct unit *u)
{
	int i;

	for (i = 0; i < IRQTEST_VECTORS; i++)
		memset(&u->vec[i].c, 0, sizeof(u->vec[i].c));
}

static int of_vector(struct unit *u, const struct irqtest_call *c)
{
	unsigned int irq;

	if (c->arg >= u->nvec)
		return -EINVAL;
	irq = pci_irq_vector(u->pdev, c->arg);
	switch (c->what) {
	case IRQTEST_DISABLE:
		disable_irq(irq);
		return 0;
	case IRQTEST_ENABLE_IRQ:
		enable_irq(irq);
		return 0;
	}
	if (c->value >= nr_cpu_ids)
		return -EINVAL;
	return irq_set_affinity(irq, cpumask_of(c->value));
}

static int call(struct unit *u, struct irqtest_call *c)
{
	switch (c->what) {
	case IRQTEST_PRESENT:
		return 1;
	case IRQTEST_SETUP:
		return setup(u, c->arg, c->value);
	case IRQTEST_TEARDOWN:
		teardown(u);
		return 0;
	case IRQTEST_ZERO:
		zero(u);
		return 0;
	case IRQTEST_DISABLE:
	case IRQTEST_ENABLE_IRQ:
	case IRQTEST_AFFINITY:
		return of_vector(u, c);
	case IRQTEST_ACK_AFTER:
		u->ack_after = c->value;
		return 0;
	case IRQTEST_READ:
	case IRQTEST_WRITE:
		if (c->arg >= IRQTEST_BAR0)
			return -EINVAL;
		if (c->what == IRQTEST_READ)
			c->value = readl(u->bar0 + c->arg);
		else
			writel(c->value, u->bar0 + c->arg);
		return 0;
	case IRQTEST_CHECK_MASK:
		return pci_check_and_mask_intx(u->pdev);
	case IRQTEST_CHECK_UNMASK:
		return pci_check_and_unmask_intx(u->pdev);
	case IRQTEST_MASTER:
		if (c->value)
			pci_set_master(u->pdev);
		else
			pci_clear_master(u->pdev);
		return 0;
	}
	return -EINVAL;
}

static long copy_counts(unsigned long arg)
{
	struct irqtest_count __user *to;
	struct irqtest_counts c;
	struct unit *u;
	u32 i;

	if (copy_from_user(&c, (void __user *)arg, sizeof(c)))
		return -EFAULT;
	if (c.unit >= IRQTEST_UNITS || c.n > IRQTEST_VECTORS)
		return -EINVAL;
	u = &units[c.unit];
	to = u64_to_user_ptr(c.counts);
	for (i = 0; u->vec && i < c.n; i++)
		if (copy_to_user(&to[i], &u->vec[i].c, sizeof(u->vec[i].c)))
			return -EFAULT;
	return 0;
}

static long irqtest_ioctl(struct file *f, unsigned int cmd, unsigned long arg)
{
	struct irqtest_call c;
	long ret = -ENODEV;

	if (cmd == IRQTEST_COUNTS) {
		mutex_lock(&lock);
		ret = copy_counts(arg);
		mutex_unlock(&lock);
		return ret;
	}
	if (cmd != IRQTEST_CALL)
		return -ENOTTY;
	if (copy_from_user(&c, (void __user *)arg, sizeof(c)))
		return -EFAULT;
	if (c.unit >= IRQTEST_UNITS)
		return -EINVAL;
	mutex_lock(&lock);
	if (units[c.unit].pdev)
		ret = call(&units[c.unit], &c);
	mutex_unlock(&lock);
	return copy_to_user((void __user *)arg, &c, sizeof(c)) ? -EFAULT : ret;
}

static const struct file_operations irqtest_fops = {
	.owner = THIS_MODULE, .unlocked_ioctl = irqtest_ioctl,
};

static struct miscdevice irqtest_misc = {
	.minor = MISC_DYNAMIC_MINOR, .name = "irqtest", .fops = &irqtest_fops,
};

/* ---- binding ---------------------------------------------------------------------------- */

static int probe(struct pci_dev *pdev, const struct pci_device_id *id)
{
	struct unit *u = &units[pdev->subsystem_device % IRQTEST_UNITS];
	int ret, i;

	ret = pcim_enable_device(pdev);
	if (ret)
		return ret;
	pci_set_master(pdev);
	mutex_lock(&lock);
	ret = -EBUSY;
	if (u->pdev)
		goto out;
	ret = -ENOMEM;
	u->bar0 = pcim_iomap(pdev, 0, 0);
	u->bar2 = pcim_iomap(pdev, 2, 0);
	if (!u->vec)
		u->vec = kvcalloc(IRQTEST_VECTORS, sizeof(*u->vec), GFP_KERNEL);
	if (!u->bar0 || !u->bar2 || !u->vec)
		goto out;
	for (i = 0; i < IRQTEST_VECTORS; i++)
		u->vec[i].unit = u;
	zero(u);
	u->ack_after = 1;
	u->pdev = pdev;
	pci_set_drvdata(pdev, u);
	ret = 0;
out:
	mutex_unlock(&lock);
	return ret;
}

static void unbind(struct pci_dev *pdev)
{
	struct unit *u = pci_get_drvdata(pdev);

	mutex_lock(&lock);
	teardown(u);
	u->pdev = NULL;
	mutex_unlock(&lock);
}

static const struct pci_device_id ids[] = {
	{ PCI_DEVICE(IRQTEST_VENDOR, IRQTEST_DEVICE) }, { }
};

static struct pci_driver driver = {
	.name = "irqtest", .id_table = ids, .probe = probe, .remove = unbind,
};

static int __init irqtest_init(void)
{
	int ret = misc_register(&irqtest_misc);

	if (ret)
		return ret;
	ret = pci_register_driver(&driver);
	if (ret)
		misc_deregister(&irqtest_misc);
	return ret;
}
module_init(irqtest_init);

static void __exit irqtest_exit(void)
{
	int i;

	pci_unregister_driver(&driver);
	misc_deregister(&irqtest_misc);
	for (i = 0; i < IRQTEST_UNITS; i++)
		kvfree(units[i].vec);
}
module_exit(irqtest_exit);

MODULE_DESCRIPTION("takes and counts a test device's interrupts");
MODULE_LICENSE("Dual MIT/GPL");
