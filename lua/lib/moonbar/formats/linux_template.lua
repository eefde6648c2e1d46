-- SPDX-License-Identifier: MIT
-- linux_template.lua: the text of the driver that linux_driver.lua fills. $name is a value; a line that begins with
-- ?word (or ?!word) is there only if the device has that (or has it not).
--
-- Try it:  ./moonbar driver lua/devices/edu.lua
local M = {}

local text = [==[
// SPDX-License-Identifier: GPL-2.0-only
/*
 * ${prefix}_drv.c: a driver to begin with for $name, PCI device $id$doc
 *
 * Made by `moonbar driver` from $file, and yours from now on. ${prefix}_regs.h is made by `moonbar header`.
 * It binds, maps the BARs, takes the interrupts, and shows the registers:
 *
 *   make -C /lib/modules/$$(uname -r)/build M=$$PWD obj-m=${prefix}_drv.o modules
 *   insmod ${prefix}_drv.ko
 *   cat /sys/kernel/debug/${prefix}_drv-0000:00:04.0/registers
 */
#include <linux/debugfs.h>
#include <linux/dma-mapping.h>
?irq #include <linux/interrupt.h>
#include <linux/io-64-nonatomic-lo-hi.h>
#include <linux/module.h>
#include <linux/pci.h>
#include <linux/seq_file.h>

#include "${prefix}_regs.h"

#define DRIVER_NAME	"${prefix}_drv"
?config #define CONFIG_SPACE	6

struct $prefix {
	struct pci_dev *pdev;
	void __iomem *bar[PCI_STD_NUM_BARS];
	struct dentry *debugfs;
?irq 	int vectors;
?irq 	atomic_t interrupts;
};

?bars static const int ${prefix}_bars[] = { $bars };
?bars
/* What can be read: @count elements @stride bytes apart, each of @each registers @step bytes apart. */
static const struct ${prefix}_register {
	const char *name;
	u8 bar, size, access;
	u32 offset, count, stride, each, step;
} ${prefix}_registers[] = {
$rows
};

/* One access of @size bytes. */
static u64 ${prefix}_read_once(struct $prefix *priv, int bar, u32 offset, int size)
{
?config 	u32 value = 0;
?config 	u16 half = 0;
?config 	u8 byte = 0;
?config
?config 	if (bar == CONFIG_SPACE) {
?config 		if (size == 1)
?config 			pci_read_config_byte(priv->pdev, offset, &byte);
?config 		else if (size == 2)
?config 			pci_read_config_word(priv->pdev, offset, &half);
?config 		else
?config 			pci_read_config_dword(priv->pdev, offset, &value);
?config 		return byte | half | value;
?config 	}
	switch (size) {
	case 1:
		return readb(priv->bar[bar] + offset);
	case 2:
		return readw(priv->bar[bar] + offset);
	case 4:
		return readl(priv->bar[bar] + offset);
	default:
		return readq(priv->bar[bar] + offset);
	}
}

/* A whole register, in as many accesses as it wants. */
static u64 ${prefix}_read(struct $prefix *priv, const struct ${prefix}_register *reg, u32 offset)
{
	u64 value = 0;
	int at;

	for (at = 0; at < reg->size; at += reg->access)
		value |= ${prefix}_read_once(priv, reg->bar, offset + at, reg->access) << (8 * at);
	return value;
}

static void ${prefix}_show_register(struct seq_file *s, struct $prefix *priv, const struct ${prefix}_register *reg)
{
	u32 count = max(reg->count, 1U), each = max(reg->each, 1U), i, j;

	for (i = 0; i < count; i++) {
		for (j = 0; j < each; j++) {
			u32 offset = reg->offset + i * reg->stride + j * reg->step;

			seq_printf(s, "%d %#06x %s", reg->bar, offset, reg->name);
			if (reg->count)
				seq_printf(s, "[%u]", i);
			if (reg->each)
				seq_printf(s, "[%u]", j);
			seq_printf(s, " %#llx\n", ${prefix}_read(priv, reg, offset));
		}
	}
}

static int ${prefix}_registers_show(struct seq_file *s, void *unused)
{
	struct $prefix *priv = s->private;
	size_t i;

?irq 	seq_printf(s, "# %d vectors, %d interrupts\n", priv->vectors, atomic_read(&priv->interrupts));
	for (i = 0; i < ARRAY_SIZE(${prefix}_registers); i++)
		${prefix}_show_register(s, priv, &${prefix}_registers[i]);
	return 0;
}
DEFINE_SHOW_ATTRIBUTE(${prefix}_registers);

?irq static irqreturn_t ${prefix}_irq(int irq, void *data)
?irq {
?irq 	struct $prefix *priv = data;
?status 	irqreturn_t handled = priv->pdev->msi_enabled || priv->pdev->msix_enabled ? IRQ_HANDLED : IRQ_NONE;
?status 	u64 status;
?arrays 	int i;
?irq
?status $irq
?status 	if (handled == IRQ_HANDLED)
?status 		atomic_inc(&priv->interrupts);
?status 	return handled;
?!status 	/* To do: the map has no status register. Without one, a line that others share cannot be told apart. */
?!status 	atomic_inc(&priv->interrupts);
?!status 	return IRQ_HANDLED;
?irq }
?irq
?irq static void ${prefix}_free_vectors(struct $prefix *priv)
?irq {
?enable $disable
?irq 	while (priv->vectors)
?irq 		free_irq(pci_irq_vector(priv->pdev, --priv->vectors), priv);
?irq 	pci_free_irq_vectors(priv->pdev);
?irq }
?irq
?irq static int ${prefix}_request_vectors(struct $prefix *priv)
?irq {
?irq 	int n = pci_alloc_irq_vectors(priv->pdev, 1, $vectors, PCI_IRQ_ALL_TYPES), ret;
?irq
?irq 	if (n < 0)
?irq 		return n;
?irq 	while (priv->vectors < n) {
?irq 		ret = request_irq(pci_irq_vector(priv->pdev, priv->vectors), ${prefix}_irq, IRQF_SHARED, DRIVER_NAME, priv);
?irq 		if (ret) {
?irq 			${prefix}_free_vectors(priv);
?irq 			return ret;
?irq 		}
?irq 		priv->vectors++;
?irq 	}
?enable $enable
?irq 	return 0;
?irq }
?irq
static void ${prefix}_unmap(struct $prefix *priv)
{
	int i;

	for (i = 0; i < PCI_STD_NUM_BARS; i++)
		if (priv->bar[i])
			pci_iounmap(priv->pdev, priv->bar[i]);
}

static int ${prefix}_map(struct $prefix *priv)
{
?bars 	size_t i;
?bars
?bars 	for (i = 0; i < ARRAY_SIZE(${prefix}_bars); i++) {
?bars 		int n = ${prefix}_bars[i];
?bars
?bars 		priv->bar[n] = pci_iomap(priv->pdev, n, 0);
?bars 		if (!priv->bar[n]) {
?bars 			${prefix}_unmap(priv);
?bars 			return -ENOMEM;
?bars 		}
?bars 	}
	return 0;
}

/* The device is enabled and its regions are ours: the rest of a probe. */
static int ${prefix}_start(struct $prefix *priv)
{
	char name[64];
	int ret;

	ret = dma_set_mask_and_coherent(&priv->pdev->dev, DMA_BIT_MASK($dma_bits));
	if (ret)
		return ret;
	ret = ${prefix}_map(priv);
	if (ret)
		return ret;
	pci_set_master(priv->pdev);
?irq 	ret = ${prefix}_request_vectors(priv);
?irq 	if (ret) {
?irq 		${prefix}_unmap(priv);
?irq 		return ret;
?irq 	}
	snprintf(name, sizeof(name), "%s-%s", DRIVER_NAME, pci_name(priv->pdev));
	priv->debugfs = debugfs_create_dir(name, NULL);
	debugfs_create_file("registers", 0400, priv->debugfs, priv, &${prefix}_registers_fops);
	return 0;
}

static int ${prefix}_probe(struct pci_dev *pdev, const struct pci_device_id *id)
{
	struct $prefix *priv;
	int ret;

	priv = devm_kzalloc(&pdev->dev, sizeof(*priv), GFP_KERNEL);
	if (!priv)
		return -ENOMEM;
	priv->pdev = pdev;
	pci_set_drvdata(pdev, priv);
	ret = pci_enable_device(pdev);
	if (ret)
		return ret;
	ret = pci_request_regions(pdev, DRIVER_NAME);
	if (ret)
		goto disable;
	ret = ${prefix}_start(priv);
	if (ret)
		goto release;
	return 0;

release:
	pci_release_regions(pdev);
disable:
	pci_disable_device(pdev);
	return ret;
}

static void ${prefix}_remove(struct pci_dev *pdev)
{
	struct $prefix *priv = pci_get_drvdata(pdev);

	debugfs_remove_recursive(priv->debugfs);
?irq 	${prefix}_free_vectors(priv);
	pci_clear_master(pdev);
	${prefix}_unmap(priv);
	pci_release_regions(pdev);
	pci_disable_device(pdev);
}

static const struct pci_device_id ${prefix}_ids[] = {
	{ PCI_DEVICE(${PREFIX}_PCI_VENDOR, ${PREFIX}_PCI_DEVICE) },
	{ }
};
MODULE_DEVICE_TABLE(pci, ${prefix}_ids);

static struct pci_driver ${prefix}_driver = {
	.name		= DRIVER_NAME,
	.id_table	= ${prefix}_ids,
	.probe		= ${prefix}_probe,
	.remove		= ${prefix}_remove,
};
module_pci_driver(${prefix}_driver);

MODULE_DESCRIPTION("$name, a driver to begin with");
MODULE_LICENSE("GPL");
]==]

-- The text with @vars in their places and the lines that @has asks for.
function M.fill(vars, has)
  local out = {}
  for line in text:gmatch("(.-)\n") do
    local sign, word, rest = line:match("^%?(!?)(%a+) ?(.*)$")
    local wanted = true
    if word then
      local there = has[word]
      if word == "status" then there = has.irq and (has.status == (sign == "")) else there = there and sign == "" end
      wanted, line = there, rest
    end
    if wanted then
      out[#out + 1] = line:gsub("%$%$", "\1"):gsub("%${(%a+)}", vars):gsub("%$([%a_]+)", vars):gsub("\1", "$")
    end
  end
  return table.concat(out, "\n") .. "\n"
end

return M
