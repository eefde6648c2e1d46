// SPDX-License-Identifier: GPL-2.0-only
/*
 * bus.c: the bus a session's function sits on: a PCI domain of its own with a
 * host bridge made of software. The PCI core enumerates, sizes and places as
 * on hardware; here are the configuration space it talks to and the windows it
 * places BARs in. Nothing here answers accesses to the BARs (trap.c).
 *
 * Try it:  tests/vm/run bus
 */
#include <linux/idr.h>
#include <linux/module.h>
#include <linux/slab.h>
#include <linux/version.h>

#include "pciem.h"

/*
 * Above the 16 bits that ACPI has. IOMMU drivers keep the lower 16 only, as the segment a table of
 * theirs is for: those must be no real segment either.
 */
#define PCIEM_FIRST_DOMAIN	0x18000
#define PCIEM_LAST_DOMAIN	0x1ffff
#define EMULATED_DOMAINS	0x10000		/* VMD's and ours: not the machine's */

/**
 * struct pciem_bus - host bridge, domain and windows of a session
 * @sd: what x86 knows of a root bus; the bus's sysdata, so the way back to here
 * @win32: for 32-bit BARs, cut out of the machine's own host bridge window
 * @win64: for 64-bit BARs, where nothing is
 */
struct pciem_bus {
	struct pci_sysdata sd;
	struct pciem_session *s;
	struct pci_host_bridge *bridge;
	struct resource busn, win32, win64;
};

/* ---- PCI domain numbers -------------------------------------------------------------- */

#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 17, 0)
static int domain_get(void)
{
	return pci_bus_find_emul_domain_nr(0, PCIEM_FIRST_DOMAIN, PCIEM_LAST_DOMAIN);
}

static void domain_put(int nr)
{
	pci_bus_release_emul_domain_nr(nr);
}
#else
static DEFINE_IDA(domains);

static int domain_get(void)
{
	int nr, from = PCIEM_FIRST_DOMAIN;

	for (;; from = nr + 1) {
		nr = ida_alloc_range(&domains, from, PCIEM_LAST_DOMAIN, GFP_KERNEL);
		if (nr < 0 || !pci_find_bus(nr, 0))
			return nr;
		ida_free(&domains, nr);		/* somebody else's, a VMD for one */
	}
}

static void domain_put(int nr)
{
	ida_free(&domains, nr);
}
#endif

/* ---- configuration accesses ------------------------------------------------------------ */

static struct pciem_session *session_of(struct pci_bus *bus)
{
	return container_of((struct pci_sysdata *)bus->sysdata, struct pciem_bus, sd)->s;
}

static bool inside(const struct resource *win, u64 start, u64 size)
{
	return win->parent && start >= win->start && start + size - 1 <= win->end;
}

/*
 * A BAR has been written. While it is being sized, or half of it is new, it
 * points outside the windows and nothing moves. Under s->config_lock.
 */
static void follow_bars(struct pciem_session *s)
{
	unsigned int i;

	for (i = 0; i < MB_NR_BARS; i++) {
		u64 at = mb_config_bar_address(&s->config, i);

		if (s->bar[i].size && (inside(&s->bus->win32, at, s->bar[i].size) ||
				       inside(&s->bus->win64, at, s->bar[i].size)))
			WRITE_ONCE(s->bar[i].start, at);
	}
}

static void tell_power(struct pciem_session *s, u8 state)
{
	struct pciem_request req = { .type = PCIEM_REQ_POWER, .data = state };

	if (!pciem_queue_tell(s, &req))
		pciem_warn(s, "queue full: the host is not told of power state D%u\n", state);
}

/* Does the host have a say in any of these bytes? */
static bool watched(struct pciem_session *s, u32 offset, unsigned int size)
{
	u32 end = min_t(u32, offset + size, MB_CONFIG_SIZE);

	return s->native && find_next_bit(s->watched, end, offset) < end;
}

int pciem_bus_config_poke(struct pciem_session *s, const struct pciem_config_poke *p)
{
	unsigned long flags;
	int ret;

	raw_spin_lock_irqsave(&s->config_lock, flags);
	ret = mb_config_poke(&s->config, p->offset, p->size, p->mask, p->value);
	raw_spin_unlock_irqrestore(&s->config_lock, flags);
	return ret ? -EINVAL : 0;
}

static bool answers(struct pci_bus *bus, unsigned int devfn)
{
	return devfn == 0 && pci_is_root_bus(bus);
}

/* A device whose host is gone reads as ones, as one that was pulled out does. */
static int config_read(struct pci_bus *bus, unsigned int devfn, int offset, int size, u32 *val)
{
	struct pciem_session *s = session_of(bus);
	unsigned long flags;

	*val = ~0;
	if (!answers(bus, devfn))
		return PCIBIOS_DEVICE_NOT_FOUND;
	if (READ_ONCE(s->dead) || !READ_ONCE(s->bus))
		return PCIBIOS_SUCCESSFUL;
	if (watched(s, offset, size) && !pciem_queue_config_read(s, offset, size))
		return PCIBIOS_SUCCESSFUL;
	if (mb_config_live(&s->config, offset, size))
		pciem_irq_live(s);
	raw_spin_lock_irqsave(&s->config_lock, flags);
	*val = mb_config_read(&s->config, offset, size);
	raw_spin_unlock_irqrestore(&s->config_lock, flags);
	return PCIBIOS_SUCCESSFUL;
}

static int config_write(struct pci_bus *bus, unsigned int devfn, int offset, int size, u32 val)
{
	struct pciem_session *s = session_of(bus);
	unsigned long flags;
	u32 changed;
	u16 command;
	u8 power;

	if (!answers(bus, devfn))
		return PCIBIOS_DEVICE_NOT_FOUND;
	raw_spin_lock_irqsave(&s->config_lock, flags);
	if (READ_ONCE(s->dead) || !s->bus) {
		raw_spin_unlock_irqrestore(&s->config_lock, flags);
		return PCIBIOS_SUCCESSFUL;
	}
	changed = mb_config_write(&s->config, offset, size, val);
	if (changed & MB_CFG_FLR)
		changed |= pciem_setup_reset(s);
	command = mb_config_get(&s->config, MB_PCI_COMMAND, 2);
	power = mb_config_power(&s->config);
	if (changed & MB_CFG_BAR)
		follow_bars(s);
	raw_spin_unlock_irqrestore(&s->config_lock, flags);

	if (changed & MB_CFG_FLR)
		pciem_irq_reset(s);
	else if (changed & (MB_CFG_COMMAND | MB_CFG_MSI | MB_CFG_MSIX))
		pciem_irq_recheck(s);
	if (changed & MB_CFG_COMMAND && s->native)
		pciem_queue_command(s, command);
	if (changed & MB_CFG_PM && s->native)
		tell_power(s, power);
	if (changed & MB_CFG_FLR && s->native)
		pciem_queue_reset(s, offset, size, 1);
	if (watched(s, offset, size))
		pciem_queue_config_write(s, offset, size, val);
	return PCIBIOS_SUCCESSFUL;
}

static struct pci_ops config_ops = { .read = config_read, .write = config_write };

/* ---- windows ----------------------------------------------------------------------------- */

/* In whole pages each: a page that two BARs share could not be trapped for one of them. */
static void window_need(struct pciem_session *s, bool wide, u64 *size, u64 *align)
{
	unsigned int i;

	*size = 0;
	*align = PAGE_SIZE;
	for (i = 0; i < MB_NR_BARS; i++) {
		u64 n = round_up(s->bar[i].size, PAGE_SIZE);

		if (!n || !!(s->bar[i].flags & MB_BAR_64) != wide)
			continue;
		*size += n;
		*align = max(*align, n);
	}
	*size = round_up(*size, *align);
}

/* Far above RAM if the machine has the addresses, so that memory hotplug has room, else above 4G. */
static int window64(struct pciem_bus *b)
{
	resource_size_t top = iomem_resource.end, from[] = { top / 2 + 1, SZ_4G };
	int i, ret = 0;
	u64 size, align;

	b->win64 = (struct resource) {
		.name = "pciem 64-bit window", .flags = IORESOURCE_MEM | IORESOURCE_MEM_64,
	};
	window_need(b->s, true, &size, &align);
	for (i = 0; size && i < ARRAY_SIZE(from); i++) {
		ret = allocate_resource(&iomem_resource, &b->win64, size, from[i], top, align,
					NULL, NULL);
		if (!ret)
			break;
	}
	if (ret)
		pciem_warn(b->s, "no room for 64-bit BARs of %#llx bytes\n", size);
	return ret;
}

/* A free stretch of @from; above RAM, since a bridge's windows include what was VGA's and BIOS's. */
static int cut(struct resource *win, struct resource *from, u64 size, u64 align)
{
	return allocate_resource(from, win, size, PCIBIOS_MIN_MEM, 0xfebfffff, align, NULL, NULL);
}

static int cut_from_bus(struct resource *win, struct pci_bus *bus, u64 size, u64 align)
{
	struct resource *r;
	int i, ret = -ENOSPC;

	for (i = 0; ret && (i < PCI_BRIDGE_RESOURCE_NUM || pci_bus_resource_n(bus, i)); i++) {
		r = pci_bus_resource_n(bus, i);
		if (r && r->parent && resource_type(r) == IORESOURCE_MEM &&
		    !(r->flags & IORESOURCE_PREFETCH))
			ret = cut(win, r, size, align);
	}
	return ret;
}

/* Below 4G nothing is unclaimed on a PC: a part of what the machine's own bridge has free. */
static int window32(struct pciem_bus *b)
{
	struct pci_bus *bus = NULL;
	u64 size, align;
	int ret;

	b->win32 = (struct resource) { .name = "pciem 32-bit window", .flags = IORESOURCE_MEM };
	window_need(b->s, false, &size, &align);
	if (!size)
		return 0;
	ret = cut(&b->win32, &iomem_resource, size, align);
	while (ret && (bus = pci_find_next_bus(bus)))
		if (pci_domain_nr(bus) < EMULATED_DOMAINS)
			ret = cut_from_bus(&b->win32, bus, size, align);
	if (ret)
		pciem_warn(b->s, "no room for 32-bit BARs of %#llx bytes below 4G\n", size);
	return ret ? -ENOSPC : 0;
}

/* ---- the function ---------------------------------------------------------------------------- */

/*
 * The irq is ours to give. ACPI would look for a GSI when the device is enabled and
 * complain, and again when it is disabled; it leaves devices without a pin alone.
 */
static int map_irq(const struct pci_dev *dev, u8 slot, u8 pin)
{
	((struct pci_dev *)dev)->pin = 0;
	return pciem_irqs_intx(session_of(dev->bus));
}

/* The PCI core places by size, and a BAR below a page would let the next one into its page. */
static void place_bars(struct pciem_session *s, struct pci_bus *bus, struct pci_dev *pdev)
{
	unsigned int i;

	for (i = 0; i < MB_NR_BARS; i++)
		if (s->bar[i].size && s->bar[i].size < PAGE_SIZE)
			pdev->resource[i].end = pdev->resource[i].start + PAGE_SIZE - 1;
	pci_bus_size_bridges(bus);
	pci_bus_assign_resources(bus);
	for (i = 0; i < MB_NR_BARS; i++)
		if (s->bar[i].size && s->bar[i].size < PAGE_SIZE && pdev->resource[i].parent)
			adjust_resource(&pdev->resource[i], pdev->resource[i].start,
					s->bar[i].size);
}

static int check_bars(struct pciem_session *s)
{
	unsigned int i;

	for (i = 0; i < MB_NR_BARS; i++) {
		struct resource *r = &s->pdev->resource[i];

		if (s->bar[i].size && (!r->parent || r->start != s->bar[i].start)) {
			pciem_warn(s, "BAR %u of %#llx bytes found no place\n", i, s->bar[i].size);
			return -ENOSPC;
		}
	}
	return 0;
}

/* Under the rescan lock (pci_host_probe() takes it on 6.12 but not on 6.1, hence by hand). */
static int enumerate(struct pciem_session *s)
{
	struct pci_host_bridge *br = s->bus->bridge;
	int ret = pci_scan_root_bus_bridge(br);

	if (ret) {
		br->bus = NULL;		/* freed, but not forgotten */
		return ret;
	}
	s->pdev = pci_get_slot(br->bus, 0);
	if (!s->pdev) {
		pciem_warn(s, "the PCI core found no function\n");
		return -ENODEV;
	}
	place_bars(s, br->bus, s->pdev);
	ret = check_bars(s);
	return ret ? ret : pciem_dma_attach(s, s->pdev);
}

/* A pci_dev that somebody still holds keeps the bridge, and may be asked for its configuration. */
static void bridge_released(struct pci_host_bridge *br)
{
	struct pciem_bus *b = br->release_data;

	domain_put(b->sd.domain);
	pciem_session_put(b->s);
	kfree(b);
	module_put(THIS_MODULE);
}

static int bridge_create(struct pciem_bus *b)
{
	struct pci_host_bridge *br = b->bridge = pci_alloc_host_bridge(0);

	if (!br)
		return -ENOMEM;
	__module_get(THIS_MODULE);
	pciem_session_get(b->s);
	pci_set_host_bridge_release(br, bridge_released, b);
	b->busn = (struct resource) { .name = "pciem", .flags = IORESOURCE_BUS };	/* bus 0 */
	pci_add_resource(&br->windows, &b->busn);
	if (b->win32.parent)
		pci_add_resource(&br->windows, &b->win32);
	if (b->win64.parent)
		pci_add_resource(&br->windows, &b->win64);
	br->sysdata = &b->sd;
	br->ops = &config_ops;
	br->map_irq = map_irq;
	br->swizzle_irq = pci_common_swizzle;
	dev_set_msi_domain(&br->dev, pciem_irqs_msi_domain(b->s));	/* what is below inherits it */
	return 0;
}

/* Under the rescan lock. */
static void bus_destroy(struct pciem_session *s)
{
	struct pciem_bus *b = s->bus;
	int i;

	if (!b)
		return;
	/* Spares the driver its retries: this is what hotplug sets on surprise removal */
	if (s->pdev && READ_ONCE(s->dead))
		s->pdev->error_state = pci_channel_io_perm_failure;
	if (b->bridge && b->bridge->bus) {
		pci_stop_root_bus(b->bridge->bus);		/* unbinds the driver */
		pci_dev_put(s->pdev);
		s->pdev = NULL;
		pci_remove_root_bus(b->bridge->bus);
	}
	/* The windows may be somebody else's from now on. */
	raw_spin_lock_irq(&s->config_lock);
	WRITE_ONCE(s->bus, NULL);
	for (i = 0; i < MB_NR_BARS; i++)
		WRITE_ONCE(s->bar[i].start, 0);
	raw_spin_unlock_irq(&s->config_lock);
	if (b->win32.parent)
		release_resource(&b->win32);
	if (b->win64.parent)
		release_resource(&b->win64);
	if (b->bridge) {
		pci_free_host_bridge(b->bridge);	/* the last to hold it frees b */
		return;
	}
	domain_put(b->sd.domain);
	kfree(b);
}

int pciem_bus_register(struct pciem_session *s)
{
	struct pciem_bus *b = kzalloc(sizeof(*b), GFP_KERNEL);
	int ret;

	if (!b)
		return -ENOMEM;
	b->s = s;
	b->sd.node = NUMA_NO_NODE;
	pci_lock_rescan_remove();	/* also: sessions look for domains and windows in turn */
	ret = b->sd.domain = domain_get();
	if (ret < 0) {
		kfree(b);
		goto out;
	}
	s->bus = b;
	ret = window64(b);
	if (!ret)
		ret = window32(b);
	if (!ret)
		ret = bridge_create(b);
	if (!ret)
		ret = enumerate(s);
	if (ret)
		bus_destroy(s);
out:
	pci_unlock_rescan_remove();
	return ret;
}

void pciem_bus_start(struct pciem_session *s)
{
	pci_lock_rescan_remove();
	if (s->bus)
		pci_bus_add_devices(s->bus->bridge->bus);
	pci_unlock_rescan_remove();
}

void pciem_bus_remove(struct pciem_session *s)
{
	pci_lock_rescan_remove();
	bus_destroy(s);
	pci_unlock_rescan_remove();
}
