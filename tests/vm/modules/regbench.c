// SPDX-License-Identifier: GPL-2.0-only
/*
 * regbench.c: times 32-bit accesses to one register as a driver makes them.
 * Loading it measures and then fails on purpose, so that nothing is left:
 *
 *   insmod regbench.ko dev=18000:00:00.0 bar=0 offset=0x10 write=0 count=20000
 *   dmesg | grep REGBENCH
 *
 * Prints the fastest and the median of the rounds, in ns for one access, and the
 * value read last. A write puts data, then data + 1, and so on.
 */
#include <linux/module.h>
#include <linux/pci.h>
#include <linux/sort.h>

#define MAX_ROUNDS	16

static char *dev;
module_param(dev, charp, 0444);
static unsigned int bar, offset, count = 20000;
module_param(bar, uint, 0444);
module_param(offset, uint, 0444);
module_param(count, uint, 0444);
static unsigned int rounds = 5, data;
module_param(rounds, uint, 0444);
module_param(data, uint, 0444);
static u32 value;
static bool write;
module_param(write, bool, 0444);

static int by_value(const void *a, const void *b)
{
	u64 x = *(const u64 *)a, y = *(const u64 *)b;

	return x < y ? -1 : x > y;
}

static u64 one_round(void __iomem *reg)
{
	u64 start = ktime_get_ns();
	unsigned int i;

	for (i = 0; i < count; i++) {
		if (write)
			writel(data + i, reg);
		else
			value = readl(reg);
		if (i % 1024 == 1023)
			cond_resched();
	}
	return ktime_get_ns() - start;
}

static int measure(struct pci_dev *pdev)
{
	void __iomem *map;
	u64 ns[MAX_ROUNDS];
	u16 command;
	int i;

	if (!rounds || rounds > MAX_ROUNDS || bar > 5 || offset + 4ull > pci_resource_len(pdev, bar) || !count)
		return -EINVAL;
	pci_read_config_word(pdev, PCI_COMMAND, &command);
	pci_write_config_word(pdev, PCI_COMMAND, command | PCI_COMMAND_MEMORY);
	map = ioremap(pci_resource_start(pdev, bar), pci_resource_len(pdev, bar));
	if (!map)
		return -ENOMEM;
	for (i = 0; i < rounds; i++)
		ns[i] = one_round(map + offset);
	if (write)
		value = readl(map + offset);	/* what was posted has arrived before the device goes */
	iounmap(map);
	pci_write_config_word(pdev, PCI_COMMAND, command);
	sort(ns, rounds, sizeof(ns[0]), by_value, NULL);
	pr_info("REGBENCH %s bar %u offset %#x %s: %llu.%llu ns, median %llu.%llu ns, value %#x\n",
		dev, bar, offset, write ? "write" : "read", ns[0] / count,
		ns[0] * 10 / count % 10, ns[rounds / 2] / count, ns[rounds / 2] * 10 / count % 10,
		value);
	return -ECANCELED;
}

static int __init regbench_init(void)
{
	unsigned int domain, bus, slot, func;
	struct pci_dev *pdev;
	int ret;

	if (!dev || sscanf(dev, "%x:%x:%x.%x", &domain, &bus, &slot, &func) != 4)
		return -EINVAL;
	pdev = pci_get_domain_bus_and_slot(domain, bus, PCI_DEVFN(slot, func));
	if (!pdev)
		return -ENODEV;
	ret = measure(pdev);
	pci_dev_put(pdev);
	return ret;
}
module_init(regbench_init);

MODULE_DESCRIPTION("times register accesses");
MODULE_LICENSE("GPL");
