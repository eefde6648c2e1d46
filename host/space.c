// SPDX-License-Identifier: MIT
/*
 * space.c: the configuration space of a description, built by the same code
 * for every bus.
 *
 * Try it:  make build/test_host && build/test_host
 */
#include <string.h>

#include "caps.h"
#include "space.h"

static int add_cap(struct mb_config *c, const struct mb_cap *cap)
{
	unsigned int log2 = 0;

	switch (cap->id) {
	case MB_CAP_ID_PM:
		return mb_cap_pm(c);
	case MB_CAP_ID_EXPRESS:
		return mb_cap_express(c);
	case MB_CAP_ID_MSI:
		while (log2 < 5 && 1u << log2 < cap->vectors)
			log2++;
		return 1u << log2 == cap->vectors ? mb_cap_msi(c, log2, cap->is64, cap->masking) : -1;
	case MB_CAP_ID_MSIX:
		return mb_cap_msix(c, cap->bar, cap->table, cap->vectors, cap->pba);
	case MB_CAP_ID_VENDOR:
		return cap->len <= sizeof(cap->bytes) ?
		       mb_cap_vendor(c, cap->bytes, cap->wmask, cap->len) : -1;
	default:
		return -1;
	}
}

static const char *cap_name(uint32_t id)
{
	return id == MB_CAP_ID_PM ? "power management" : id == MB_CAP_ID_EXPRESS ? "PCI Express" :
	       id == MB_CAP_ID_MSI ? "MSI" : id == MB_CAP_ID_MSIX ? "MSI-X" :
	       id == MB_CAP_ID_VENDOR ? "vendor-specific" : "unknown";
}

int mb_space_build(struct mb_config *c, const struct mb_desc *d, struct mb_error *err)
{
	struct mb_config_ids ids = {
		.vendor = d->vendor, .device = d->device, .subsys_vendor = d->subsys_vendor,
		.subsys_device = d->subsys_device, .class_code = d->class_code,
		.revision = d->revision, .int_pin = d->intx ? 1 : 0,
	};
	struct mb_msix_place place;
	unsigned int i;

	mb_config_init(c, &ids);
	for (i = 0; i < MB_NR_BARS; i++) {
		uint32_t flags = (d->bar[i].is64 ? MB_BAR_64 : 0) |
				 (d->bar[i].prefetch ? MB_BAR_PREFETCH : 0);

		if (d->bar[i].size && mb_config_bar(c, i, d->bar[i].size, flags))
			return mb_fail(err, "%s: BAR %u cannot be %llu bytes%s", d->name, i,
				       (unsigned long long)d->bar[i].size,
				       d->bar[i].is64 ? " and 64-bit" : "");
	}
	for (i = 0; i < d->ncaps; i++)
		if (add_cap(c, &d->cap[i]) < 0)
			return mb_fail(err, "%s: capability %u (%s): an argument is out of range, it is there twice, or no room is left below 0x100",
				       d->name, i + 1, cap_name(d->cap[i].id));
	if (mb_caps_msix(c, &place))
		return mb_fail(err, "%s: the MSI-X table or PBA does not fit its BAR", d->name);
	return 0;
}
