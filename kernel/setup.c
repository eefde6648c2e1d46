// SPDX-License-Identifier: GPL-2.0-only
/*
 * setup.c: what a program says about its device before REGISTER. Identifiers,
 * BARs and capabilities may come in any order, so each call keeps what was said
 * and builds the configuration space again from all of it; what does not fit
 * is refused at once and changes nothing.
 *
 * Try it:  tools/lab -- build/vm/ioctl
 */
#include <linux/log2.h>
#include <linux/slab.h>
#include <linux/uaccess.h>

#include "pciem.h"

#define MAX_CAPS	16
#define MAX_RAM		65536
#define MAX_BAR		(1ull << 39)	/* what PCIEM_MMAP_BAR() has room for, and more than any */

/**
 * struct pciem_setup - what was asked for
 * @ids: SET_CONFIG; @has_ids: it was called
 * @cap: ADD_CAPABILITY, in order
 * @space: SET_SPACE: a checked image, BARs not filled in; NULL: not called
 */
struct pciem_setup {
	struct mb_config_ids ids;
	bool has_ids;
	unsigned int ncaps;
	struct pciem_cap_config cap[MAX_CAPS];
	struct mb_config *space;
};

struct pciem_setup *pciem_setup_create(void)
{
	return kzalloc(sizeof(struct pciem_setup), GFP_KERNEL_ACCOUNT);
}

void pciem_setup_free(struct pciem_session *s)
{
	if (s->setup)
		kvfree(s->setup->space);
	kfree(s->setup);
}

/* 0, -EOPNOTSUPP for a kind that is not built, -EINVAL for arguments that are wrong */
static int add_cap(struct mb_config *c, const struct pciem_cap_config *cap)
{
	int at;

	switch (cap->cap_type) {
	case PCIEM_CAP_MSI:
		at = mb_cap_msi(c, cap->msi.log2_vectors, cap->msi.has_64bit,
				cap->msi.has_masking);
		break;
	case PCIEM_CAP_MSIX:
		at = mb_cap_msix(c, cap->msix.bar_index, cap->msix.table_offset,
				 cap->msix.table_size, cap->msix.pba_offset);
		break;
	case PCIEM_CAP_PM:
		at = mb_cap_pm(c);
		break;
	case PCIEM_CAP_PCIE:
		at = mb_cap_express(c, false);
		break;
	case PCIEM_CAP_VSEC:
		at = mb_cap_vendor(c, NULL, NULL, 0);
		break;
	case PCIEM_CAP_PASID:
		return -EOPNOTSUPP;
	default:
		return -EINVAL;
	}
	return at < 0 ? -EINVAL : 0;
}

/* Builds s->config from all that was said. On failure it is unusable: build again. */
static int build(struct pciem_session *s)
{
	struct pciem_setup *u = s->setup;
	struct mb_config *c = &s->config;
	unsigned int i;
	int ret;

	if (u->space)
		*c = *u->space;
	else
		mb_config_init(c, &u->ids);
	for (i = 0; i < MB_NR_BARS; i++)
		if (s->bar[i].size && mb_config_bar(c, i, s->bar[i].size, s->bar[i].flags))
			return -EINVAL;
	if (u->space)
		return 0;
	/* What SET_CONFIG has always forced. */
	mb_config_set(c, MB_PCI_COMMAND, 2, MB_COMMAND_MEMORY);
	mb_config_set(c, MB_PCI_STATUS, 2, MB_STATUS_CAPS);
	for (i = 0; i < u->ncaps; i++) {
		ret = add_cap(c, &u->cap[i]);
		if (ret)
			return ret;
	}
	return 0;
}

int pciem_setup_bar(struct pciem_session *s, const struct pciem_bar_config *a)
{
	struct pciem_bar *bar, old;
	int ret;

	if (a->func)
		return -EOPNOTSUPP;
	if (a->bar_index >= MB_NR_BARS || a->size > MAX_BAR ||
	    (a->size && !is_power_of_2(a->size)))
		return -EINVAL;
	if (a->size && a->flags & MB_BAR_IO)
		return -EOPNOTSUPP;
	/* Its rows and its memory are counted on: the register file was checked against it. */
	if (s->native)
		return -EINVAL;
	bar = &s->bar[a->bar_index];
	old = *bar;
	bar->size = a->size;
	bar->flags = a->flags & (MB_BAR_TYPE | MB_BAR_PREFETCH);
	ret = build(s);
	if (ret) {
		bar->size = old.size;
		bar->flags = old.flags;
		build(s);
	} else if (!a->size) {
		bar->trace = 0;
	}
	return ret;
}

int pciem_setup_cap(struct pciem_session *s, const struct pciem_cap_config *a)
{
	struct pciem_setup *u = s->setup;
	int ret;

	if (a->func)
		return -EOPNOTSUPP;
	if (u->space)
		return -EINVAL;
	if (u->ncaps == MAX_CAPS)
		return -ENOSPC;
	u->cap[u->ncaps++] = *a;
	ret = build(s);
	if (ret) {
		u->ncaps--;
		build(s);
	}
	return ret;
}

int pciem_setup_ids(struct pciem_session *s, const struct pciem_config_space *a)
{
	struct pciem_setup *u = s->setup;

	if (a->func)
		return -EOPNOTSUPP;
	/* A bridge needs a bus behind it; bit 7 says more functions, which there are not. */
	if (u->space || a->header_type)
		return -EINVAL;
	u->ids = (struct mb_config_ids) {
		.vendor = a->vendor, .device = a->device,
		.subsys_vendor = a->subsys_vendor, .subsys_device = a->subsys_device,
		.class_code = a->class_code[0] | a->class_code[1] << 8 | a->class_code[2] << 16,
		.revision = a->revision, .int_pin = 1,
	};
	u->has_ids = true;
	return build(s);
}

int pciem_setup_space(struct pciem_session *s, const struct pciem_space *a)
{
	struct pciem_setup *u = s->setup;
	struct mb_config *c, *old = u->space;
	u32 bad = 0;
	int ret = -EFAULT;

	if (u->has_ids || u->ncaps)
		return -EINVAL;
	c = kvzalloc(sizeof(*c), GFP_KERNEL_ACCOUNT);
	if (!c)
		return -ENOMEM;
	if (copy_from_user(c->val, u64_to_user_ptr(a->values), sizeof(c->val)) ||
	    copy_from_user(c->wmask, u64_to_user_ptr(a->wmask), sizeof(c->wmask)) ||
	    copy_from_user(c->w1c, u64_to_user_ptr(a->w1c), sizeof(c->w1c)))
		goto failed;
	ret = -EINVAL;
	if (mb_config_check(c, &bad)) {
		pciem_info(s, "SET_SPACE: the register at 0x%02x is not one of a type 0 function\n",
			   bad);
		goto failed;
	}
	u->space = c;
	ret = build(s);
	if (ret) {
		u->space = old;
		build(s);
		goto failed;
	}
	kvfree(old);
	return 0;

failed:
	kvfree(c);
	return ret;
}

/* An array from user space of at most @max elements; NULL for none. */
static void *copy_array(u64 from, u32 n, u32 max, size_t size)
{
	void *to;

	if (!n)
		return NULL;
	if (n > max)
		return ERR_PTR(-EINVAL);
	to = kvmalloc_array(n, size, GFP_KERNEL_ACCOUNT);
	if (!to)
		return ERR_PTR(-ENOMEM);
	if (copy_from_user(to, u64_to_user_ptr(from), n * size)) {
		kvfree(to);
		return ERR_PTR(-EFAULT);
	}
	return to;
}

/* Everything that rows and memory name lies in a BAR that is there. */
static bool regs_fit(struct pciem_session *s, u32 *bad)
{
	const struct mb_regs *rf = &s->regs;
	u32 i;

	for (i = 0; i < rf->nrows; i++) {
		const struct mb_reg *r = &rf->rows[i];

		if ((u64)r->offset + r->size > s->bar[r->bar].size) {
			*bad = i;
			return false;
		}
	}
	*bad = MB_NONE;
	for (i = 0; i < rf->nram; i++) {
		const struct mb_ram *m = &rf->ram[i];

		if (m->offset + m->size > s->bar[m->bar].size)
			return false;
	}
	return true;
}

int pciem_setup_regs(struct pciem_session *s, struct pciem_regs *a)
{
	struct mb_regs *rf = &s->regs;
	struct mb_reg *rows;
	struct mb_ram *ram;
	int ret = -EINVAL;

	a->bad_row = MB_NONE;
	if (s->native || a->timeout_ns > PCIEM_TIMEOUT_MAX_NS)
		return -EINVAL;
	rows = copy_array(a->rows, a->nrows, MB_MAX_ROWS, sizeof(*rows));
	if (IS_ERR(rows))
		return PTR_ERR(rows);
	ram = copy_array(a->ram, a->nram, MAX_RAM, sizeof(*ram));
	if (IS_ERR(ram)) {
		kvfree(rows);
		return PTR_ERR(ram);
	}
	*rf = (struct mb_regs) { .rows = rows, .nrows = a->nrows, .ram = ram, .nram = a->nram };
	if (mb_regs_init(rf, &a->bad_row) || !regs_fit(s, &a->bad_row))
		goto failed;
	if (a->timeout_ns)
		s->timeout_ns = a->timeout_ns;
	ret = pciem_queue_create(s);
	if (ret)
		goto failed;
	WRITE_ONCE(s->native, true);
	return 0;

failed:
	kvfree(rows);
	kvfree(ram);
	memset(rf, 0, sizeof(*rf));
	return ret;
}

int pciem_setup_watch(struct pciem_session *s, const struct pciem_config_watch *a)
{
	DECLARE_BITMAP(map, MB_CONFIG_SIZE);

	BUILD_BUG_ON(MB_CONFIG_SIZE != PCIEM_SPACE_SIZE);
	if (!s->native)
		return -EINVAL;
	if (copy_from_user(map, u64_to_user_ptr(a->bitmap), sizeof(map)))
		return -EFAULT;
	bitmap_copy(s->watched, map, MB_CONFIG_SIZE);
	return 0;
}

u32 pciem_setup_reset(struct pciem_session *s)
{
	return s->setup->space ? mb_config_reset(&s->config, s->setup->space->val) : 0;
}

int pciem_setup_finish(struct pciem_session *s)
{
	u32 vendor = mb_config_get(&s->config, MB_PCI_VENDOR, 2);

	/* 0 and ffff mean "nobody here" on a bus (PCIe 6.0 §7.5.1.1.1). */
	if (!(s->setup->has_ids || s->setup->space) || !vendor || vendor == 0xffff)
		return -EINVAL;
	return mb_caps_msix(&s->config, &s->msix) ? -EINVAL : 0;
}
