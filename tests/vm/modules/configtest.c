// SPDX-License-Identifier: GPL-2.0-only
/*
 * configtest.c: the driver of tests/vm/config.lua. It writes configuration
 * registers whose hooks run in the host and looks at once what has become of
 * them, in each way that Linux lets a driver do that. Says what it saw in the
 * kernel's log:
 *
 *   insmod configtest.ko; dmesg | grep CONFIGTEST
 */
#include <linux/delay.h>
#include <linux/module.h>
#include <linux/pci.h>

#define ROUNDS	200

enum { DOUBLED = 0xa2, PASSED = 0xc0, SUM = 0xc4 };	/* configuration space */
enum { TO_PASSED = 0x00, BASE = 0x04, POWERS = 0x08 };	/* BAR 0 */

static void said(const char *what, unsigned int right)
{
	pr_info("CONFIGTEST %s: %u of %u\n", what, right, ROUNDS);
}

/* A hook stores twice what is written; the read comes right after it. */
static unsigned int write_then_read(struct pci_dev *pdev, bool irqs_off)
{
	unsigned int i, right = 0;
	unsigned long flags = 0;
	u16 v;

	for (i = 1; i <= ROUNDS; i++) {
		if (irqs_off)
			local_irq_save(flags);
		pci_write_config_word(pdev, DOUBLED, i);
		pci_read_config_word(pdev, DOUBLED, &v);
		if (irqs_off)
			local_irq_restore(flags);
		right += v == 2 * i;
	}
	return right;
}

/* A posted write to the BAR has a hook that pokes a configuration register: the read pushes it. */
static unsigned int post_then_read(struct pci_dev *pdev, void __iomem *bar)
{
	unsigned int i, right = 0;
	u32 v;

	for (i = 1; i <= ROUNDS; i++) {
		writel(i, bar + TO_PASSED);
		pci_read_config_dword(pdev, PASSED, &v);
		right += v == i;
	}
	return right;
}

/* A configuration write stays behind the posted writes before it. */
static unsigned int post_then_write(struct pci_dev *pdev, void __iomem *bar)
{
	unsigned int i, right = 0;
	u32 v;

	for (i = 1; i <= ROUNDS; i++) {
		writel(1000 * i, bar + BASE);
		pci_write_config_dword(pdev, SUM, i);
		pci_read_config_dword(pdev, SUM, &v);
		right += v == 1001 * i;
	}
	return right;
}

static int probe(struct pci_dev *pdev, const struct pci_device_id *id)
{
	void __iomem *bar;
	int ret = pcim_enable_device(pdev);

	if (ret)
		return ret;
	bar = pcim_iomap(pdev, 0, 0);
	if (!bar)
		return -ENOMEM;
	said("write, read", write_then_read(pdev, false));
	said("write, read with interrupts off", write_then_read(pdev, true));
	said("posted write, read", post_then_read(pdev, bar));
	said("posted write, write", post_then_write(pdev, bar));
	pci_set_power_state(pdev, PCI_D3hot);
	pci_set_power_state(pdev, PCI_D0);
	pr_info("CONFIGTEST powers: %#x\n", readl(bar + POWERS));
	return 0;
}

static const struct pci_device_id ids[] = { { PCI_DEVICE(0x1234, 0xc0f6) }, { } };

static struct pci_driver configtest = { .name = "configtest", .id_table = ids, .probe = probe };
module_pci_driver(configtest);

MODULE_LICENSE("GPL");
MODULE_DESCRIPTION("Test driver: configuration registers with hooks");
