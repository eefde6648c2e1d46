// SPDX-License-Identifier: GPL-2.0-only
/*
 * dma_life.c: how a device comes to strict DMA and when that ends: set up before a driver binds,
 * told of drivers that come and go, and alive until the last one has let go of the struct device.
 *
 * Try it:  tests/vm/run dma
 */
#include <linux/version.h>

#include "dma.h"

/*
 * An IOMMU driver may have put the device into a DMA domain (AMD's claims every PCI device there
 * is). No access of a device of ours passes that IOMMU, but from 6.12 on the DMA API asks a flag
 * before it asks the device's operations; before, the operations alone decide.
 */
static void bypass_iommu(struct device *dev)
{
#ifdef CONFIG_IOMMU_DMA
#if LINUX_VERSION_CODE >= KERNEL_VERSION(7, 2, 0)
	dev_clear_dma_iommu(dev);
#elif LINUX_VERSION_CODE >= KERNEL_VERSION(6, 12, 0)
	dev->dma_iommu = false;
#endif
#endif
}

#define HAVE_DEVICE_OPS	(IS_ENABLED(CONFIG_DMA_OPS) || IS_ENABLED(CONFIG_ARCH_HAS_DMA_OPS))

/*
 * A driver may keep the struct device, and free its memory through it, after the device has left
 * the bus (sound and display drivers do, until their last user closes). So the mappings live as
 * long as the struct device, and so does this module's code.
 */
static void device_release(struct device *dev)
{
	struct pciem_dma *d = dma_of(dev);

	d->release(dev);
	pciem_dma_put(d);
	module_put(THIS_MODULE);
}

int pciem_dma_attach(struct pciem_session *s, struct pci_dev *pdev)
{
	struct pciem_dma *d = s->dma;

	if (!HAVE_DEVICE_OPS) {
		WRITE_ONCE(d->strict, false);
		pciem_warn(s, "no DMA for %s: this kernel has no per-device DMA operations\n",
			   pci_name(pdev));
		return 0;
	}
	__module_get(THIS_MODULE);
	kref_get(&d->ref);
	d->dev = &pdev->dev;
	d->release = pdev->dev.release;
	pdev->dev.release = device_release;
	d->ops = pciem_dma_ops;
	set_dma_ops(&pdev->dev, &d->ops);
	bypass_iommu(&pdev->dev);
	pciem_info(s, "strict DMA for %s\n", pci_name(pdev));
	return 0;
}

/* Whether this session's DMA is strict; before REGISTER: whether it is meant to be. */
bool pciem_dma_strict(struct pciem_session *s)
{
	struct pciem_dma *d;
	bool strict;

	rcu_read_lock();
	d = READ_ONCE(s->dma);
	strict = !d || READ_ONCE(d->strict);
	rcu_read_unlock();
	return strict;
}

int pciem_dma_create(struct pciem_session *s)
{
	struct pciem_dma *d = pciem_dma_new(s);

	if (!d)
		return -ENOMEM;
	WRITE_ONCE(s->dma, d);
	return 0;
}

void pciem_dma_destroy(struct pciem_session *s)
{
	struct pciem_dma *d = xchg(&s->dma, NULL);

	if (!d)
		return;
	spin_lock_irq(&d->lock);
	d->session = NULL;
	spin_unlock_irq(&d->lock);
	pciem_dma_put(d);
}

/* A driver comes or goes: what an earlier one left is not the next one's. */
static int notify(struct notifier_block *nb, unsigned long action, void *data)
{
	struct device *dev = data;
	const struct dma_map_ops *o = get_dma_ops(dev);
	struct pciem_dma *d;

	if (!o || o->map_sg != pciem_dma_ops.map_sg)
		return NOTIFY_DONE;
	d = dma_of(dev);
	if (action == BUS_NOTIFY_UNBOUND_DRIVER || action == BUS_NOTIFY_BIND_DRIVER)
		pciem_dma_leave(d);
	if (action == BUS_NOTIFY_BIND_DRIVER)
		bypass_iommu(dev);		/* its domain may have been changed through sysfs */
	if (action == BUS_NOTIFY_BIND_DRIVER && dev->driver)
		strscpy(d->driver, dev->driver->name, sizeof(d->driver));
	return NOTIFY_DONE;
}

static struct notifier_block notifier = { .notifier_call = notify };

int pciem_dma_init(void)
{
	int rc = pciem_dma_cache_create();

	if (rc)
		return rc;
	rc = bus_register_notifier(&pci_bus_type, &notifier);
	if (rc)
		pciem_dma_cache_destroy();
	return rc;
}

void pciem_dma_exit(void)
{
	bus_unregister_notifier(&pci_bus_type, &notifier);
	pciem_dma_flush_late();
	pciem_dma_cache_destroy();
}
