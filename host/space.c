// SPDX-License-Identifier: MIT
/*
 * space.c: the configuration space of a description, built by the same code
 * for every bus.
 *
 * Try it:  make build/test_host && build/test_host
 */
#include <stdlib.h>
#include <string.h>

#include "caps.h"
#include "space.h"

static int add_cap(struct mb_config *c, const struct mb_cap *cap)
{
	unsigned int log2 = 0;

	if (cap->id & MB_CAP_ID_EXTENDED)
		return cap->len <= sizeof(cap->bytes) && cap->id >> 17 == 0 ?
		       mb_cap_extended(c, (uint16_t)cap->id, cap->version, cap->bytes, cap->wmask,
				       cap->w1c, cap->len) : -1;
	switch (cap->id) {
	case MB_CAP_ID_PM:
		return mb_cap_pm(c);
	case MB_CAP_ID_EXPRESS:
		return mb_cap_express(c, cap->flr);
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
	return id & MB_CAP_ID_EXTENDED ? "extended" : id == MB_CAP_ID_PM ? "power management" : id == MB_CAP_ID_EXPRESS ? "PCI Express" :
	       id == MB_CAP_ID_MSI ? "MSI" : id == MB_CAP_ID_MSIX ? "MSI-X" :
	       id == MB_CAP_ID_VENDOR ? "vendor-specific" : "unknown";
}

static int add_caps(struct mb_config *c, const struct mb_desc *d, int8_t *owner,
		    struct mb_error *err)
{
	uint32_t i;

	memset(owner, MB_OWNER_NONE, MB_CONFIG_SIZE);
	memset(owner, MB_OWNER_HEADER, MB_CONFIG_CAPS);
	for (i = 0; i < d->ncaps; i++) {
		int at = add_cap(c, &d->cap[i]);

		if (at < 0)
			return mb_fail(err, "%s: capability %u (%s): an argument is out of range, it is there twice, or no room is left below %s",
				       d->name, i + 1, cap_name(d->cap[i].id),
				       d->cap[i].id & MB_CAP_ID_EXTENDED ? "0x1000" : "0x100");
		memset(owner + at, (int)i, (at < MB_CONFIG_EXT ? c->cap_end : c->ext_end) - at);
	}
	return 0;
}

/* Of a configuration register the image has the value only: what a write does to it the register
 * file says, on every bus.
 */
static void put_row(struct mb_config *c, const struct mb_reg *r, uint64_t reset)
{
	uint64_t val = reset & r->rd;
	uint32_t i;

	for (i = 0; i < r->size; i++) {
		c->val[r->offset + i] = val >> 8 * i;
		c->wmask[r->offset + i] = c->w1c[r->offset + i] = 0;
	}
}

/* Nobody's, or inside a vendor-specific or an extended capability, after what each has: identifier,
 * pointer and length, or the header of four bytes
 */
static bool is_free(const struct mb_desc *d, const int8_t *owner, uint32_t at)
{
	int who = owner[at];

	if (who < 0)
		return who == MB_OWNER_NONE;
	return (d->cap[who].id == MB_CAP_ID_VENDOR && owner[at - 3] == who) ||
	       (d->cap[who].id & MB_CAP_ID_EXTENDED && owner[at - 4] == who);
}

static int put_rows(struct mb_config *c, const struct mb_desc *d, const int8_t *owner,
		    struct mb_error *err)
{
	uint32_t i, at;

	for (i = 0; i < d->nconfig; i++) {
		const struct mb_reg *r = &d->config[i];

		for (at = r->offset; at < r->offset + r->size; at++) {
			if (!is_free(d, owner, at))
				return mb_fail(err, "%s: the configuration register at %#x is over the %s",
					       d->name, r->offset, owner[at] < 0 ? "header" :
					       cap_name(d->cap[owner[at]].id));
		}
		put_row(c, r, d->config[r->target].reset);
	}
	return 0;
}

int mb_config_owners(const struct mb_desc *desc, int8_t *owner, struct mb_error *err)
{
	struct mb_config_ids ids = { .vendor = 1 };
	struct mb_config *c = malloc(sizeof(*c));
	int ret;

	if (!c)
		return mb_fail(err, "%s: no memory", desc->name);
	mb_config_init(c, &ids);
	ret = add_caps(c, desc, owner, err);
	free(c);
	return ret;
}

int mb_space_build(struct mb_config *c, const struct mb_desc *d, struct mb_error *err)
{
	int8_t owner[MB_CONFIG_SIZE];
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
	if (add_caps(c, d, owner, err) || put_rows(c, d, owner, err))
		return -1;
	if (mb_caps_msix(c, &place))
		return mb_fail(err, "%s: the MSI-X table or PBA does not fit its BAR", d->name);
	return 0;
}
