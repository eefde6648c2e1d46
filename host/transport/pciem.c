// SPDX-License-Identifier: MIT
/*
 * pciem.c: the kernel's bus, through /dev/pciem. Requests come in a ring that
 * the kernel shares; answers go back in slots of it; register values are one
 * piece of memory that both sides change.
 *
 * Try it:  tools/lab -- ./moonbar run --on pciem lua/devices/edu.lua
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "../space.h"
#include "../../kernel/uapi/pciem.h"
#include "image.h"
#include "sysfs.h"
#include "transport.h"

#define SERVE_BATCH	256	/* then timers and other devices get their turn */

struct pciem_ram {
	uint8_t *map;
	uint64_t from, len;	/* whole pages of the BAR */
};

struct pciem {
	int fd, bar_fd;
	struct pciem_queue *q;
	struct mb_reg_state *state;
	uint64_t state_len;
	struct pciem_ram *ram;		/* one a ram piece */
	struct mb_image image;		/* of registers in configuration space */
	uint32_t head;
	bool gone;
};

static uint32_t acquire(const uint32_t *p)
{
	return __atomic_load_n(p, __ATOMIC_ACQUIRE);
}

static void release(uint32_t *p, uint32_t v)
{
	__atomic_store_n(p, v, __ATOMIC_RELEASE);
}

/* ---- requests ------------------------------------------------------------------------ */

static void answer(struct pciem *p, const struct pciem_request *r, uint64_t data)
{
	struct pciem_slot *slot = &p->q->slot[r->slot % PCIEM_QUEUE_SLOTS];
	uint32_t n = r->slot;

	slot->data = data;
	release(&slot->gen, r->gen);
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	if (__atomic_load_n(&slot->sleeping, __ATOMIC_RELAXED))
		ioctl(p->fd, PCIEM_WAKE, &n);
}

static uint32_t row_at(const struct mb_regs *rf, uint32_t bar, uint64_t offset)
{
	uint32_t i = mb_regs_find(rf, bar, offset);

	return i < rf->first[bar + 1] && rf->rows[i].offset <= offset ? i : MB_NONE;
}

static void timed_out(struct mb_device *dev, const struct pciem_request *r)
{
	uint32_t row = MB_NONE;

	if (r->bar < MB_NR_BARS) {
		row = row_at(&dev->regs, r->bar, r->offset);
	} else if (r->bar == PCIEM_BAR_CONFIG) {
		row = row_at(&dev->config, 0, r->offset);
		row = row == MB_NONE ? row : dev->desc.nrows + row;
	}
	dev->call.bar = r->bar;
	dev->call.offset = r->offset;
	dev->call.size = r->size;
	mb_dispatch(dev, MB_EV_TIMEOUT, row);
}

static void handle(struct mb_device *dev, const struct pciem_request *r)
{
	struct pciem *p = dev->bus_data;
	uint64_t data;

	switch (r->type) {
	case PCIEM_REQ_WRITE:
		if (dev->traced)
			mb_watch_access(dev, MB_TRACE_WRITE, r->bar, r->offset, r->size, r->data);
		mb_regs_write(&dev->regs, r->bar, r->offset, r->size, r->data);
		break;
	case PCIEM_REQ_READ:
		data = mb_regs_read(&dev->regs, r->bar, r->offset, r->size);
		answer(p, r, data);
		if (dev->traced)
			mb_watch_access(dev, MB_TRACE_READ, r->bar, r->offset, r->size, data);
		break;
	case PCIEM_REQ_SYNC_WRITE:
		if (dev->traced)
			mb_watch_access(dev, MB_TRACE_WRITE, r->bar, r->offset, r->size, r->data);
		mb_regs_write(&dev->regs, r->bar, r->offset, r->size, r->data);
		answer(p, r, 0);
		break;
	case PCIEM_REQ_GUEST_ERROR:
		mb_dispatch_guest_error(dev, r->slot, r->row,
					r->bar, r->offset, r->size, r->data);
		break;
	case PCIEM_REQ_TIMEOUT:
		timed_out(dev, r);
		break;
	case PCIEM_REQ_COMMAND:
		dev->call.value = r->data;
		mb_dispatch(dev, MB_EV_COMMAND, MB_NONE);
		break;
	case PCIEM_REQ_RESET:
		mb_dispatch_reset(dev, r->data);
		if (r->slot != MB_NONE)
			answer(p, r, 0);
		break;
	case PCIEM_REQ_CONFIG_WRITE:
		if (dev->traced)
			mb_watch_access(dev, MB_TRACE_CONFIG_WRITE, 0, r->offset, r->size, r->data);
		mb_dispatch_config_write(dev, r->offset, r->size, r->data);
		if (r->slot != MB_NONE)
			answer(p, r, 0);
		break;
	case PCIEM_REQ_POWER:
		dev->call.value = r->data;
		mb_dispatch(dev, MB_EV_POWER, MB_NONE);
		break;
	case PCIEM_REQ_REMOVED:
		__atomic_store_n(&dev->removed, true, __ATOMIC_RELEASE);
		dev->started = false;
		mb_dispatch(dev, MB_EV_REMOVED, MB_NONE);
		break;
	}
}

static inline void handle_next(struct mb_device *dev)
{
	struct pciem *p = dev->bus_data;
	struct pciem_request r = p->q->entry[p->head % PCIEM_QUEUE_ENTRIES];

	handle(dev, &r);
	release(&p->q->head, ++p->head);
}

static int serve(struct mb_device *dev, struct mb_error *err)
{
	struct pciem *p = dev->bus_data;
	struct pciem_queue *q = p->q;
	uint32_t tail = acquire(&q->tail);
	int n = 0;

	if (p->gone && !dev->removed)
		return mb_fail(err, "%s: the kernel has taken the device off its bus: it was not served for too long, or the module is being unloaded",
			       dev->desc.name);
	if (!__atomic_load_n(&q->awake, __ATOMIC_RELAXED))
		__atomic_store_n(&q->awake, 1, __ATOMIC_RELAXED);
	for (; p->head != tail && n < SERVE_BATCH; n++)
		handle_next(dev);
	return n;
}

static bool pending(const struct mb_device *dev)
{
	const struct pciem *p = dev->bus_data;

	return p->gone || acquire(&p->q->tail) != acquire(&p->q->head);
}

static int standby(struct mb_device *dev, enum mb_standby_op op)
{
	struct pciem *p = dev->bus_data;
	__u32 arg = op;

	return ioctl(p->fd, PCIEM_STANDBY, &arg) ? -errno : 0;
}

/* Without a word to awake: whether the loop is about to sleep or does, the kernel has to wake it. */
static int relieve(struct mb_device *dev)
{
	struct pciem *p = dev->bus_data;
	int n = 0;

	for (; acquire(&p->q->tail) != p->head && n < PCIEM_QUEUE_ENTRIES; n++)
		handle_next(dev);
	return n;
}

static bool sleep_now(struct mb_device *dev)
{
	struct pciem *p = dev->bus_data;

	__atomic_store_n(&p->q->awake, 0, __ATOMIC_RELAXED);
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	return !pending(dev);
}

static int bus_fd(const struct mb_device *dev)
{
	struct pciem *p = dev->bus_data;
	struct pollfd pfd = { .fd = p->fd, .events = POLLIN };

	/* asked for only on the way to sleep: the place to notice that the bus is gone */
	if (poll(&pfd, 1, 0) == 1 && pfd.revents & (POLLHUP | POLLERR) && !dev->removed)
		p->gone = true;
	return p->fd;
}

/* ---- interrupts, DMA, memory ------------------------------------------------------------- */

static void config_changed(struct mb_device *dev)
{
	struct pciem *p = dev->bus_data;

	mb_image_update(&p->image, dev);
}

static int irq(struct mb_device *dev, uint32_t vector, enum mb_irq_op op)
{
	struct pciem *p = dev->bus_data;
	struct pciem_irq arg = { vector, op };

	return ioctl(p->fd, PCIEM_IRQ, &arg) ? -1 : 0;
}

static enum mb_irq_mode irq_mode(const struct mb_device *dev)
{
	struct pciem *p = dev->bus_data;

	return (enum mb_irq_mode)acquire(&p->q->irq_mode);
}

_Static_assert(sizeof(struct mb_dma_piece) == sizeof(struct pciem_dma_piece), "one layout");

static enum mb_dma_why dma(struct mb_device *dev, const struct mb_dma_piece *piece, uint32_t count,
			   uint32_t raise, uint32_t *done)
{
	struct pciem *p = dev->bus_data;

	*done = 0;
	do {
		uint32_t n = count - *done, last;
		struct pciem_dma_list list = { .pieces = (uintptr_t)(piece + *done) };
		int ret;

		last = n <= PCIEM_DMA_MAX_PIECES;
		list.count = last ? n : PCIEM_DMA_MAX_PIECES;
		list.raise = last ? raise : MB_NONE;
		do {
			ret = ioctl(p->fd, PCIEM_DMA_LIST, &list);
		} while (ret && errno == EINTR);
		*done += list.done;
		if (ret)
			return list.why ? (enum mb_dma_why)list.why : MB_DMA_NOT_ATTACHED;
	} while (*done < count);
	return MB_DMA_OK;
}

static struct mb_span ram(struct mb_device *dev, uint32_t bar, uint64_t offset, uint64_t len)
{
	struct pciem *p = dev->bus_data;
	uint32_t i;

	for (i = 0; i < dev->desc.nram; i++)
		if (dev->ram[i].bar == bar && offset >= p->ram[i].from &&
		    offset + len <= p->ram[i].from + p->ram[i].len)
			return (struct mb_span){ p->ram[i].map + (offset - p->ram[i].from), len };
	return (struct mb_span){ 0 };
}

static int config_image(struct mb_device *dev, uint8_t *image)
{
	struct pciem *p = dev->bus_data;
	struct pciem_bar_info_query q = { 0 };

	while (q.bar_index < MB_NR_BARS && !dev->desc.bar[q.bar_index].size)
		q.bar_index++;
	if (ioctl(p->fd, PCIEM_GET_BAR_INFO, &q) || !q.phys_addr)
		return -1;
	return mb_sysfs_config(q.phys_addr, image);
}

/* ---- life ------------------------------------------------------------------------------------ */

static void detach(struct mb_device *dev)
{
	struct pciem *p = dev->bus_data;
	uint32_t i;

	for (i = 0; p->ram && i < dev->desc.nram; i++)
		if (p->ram[i].map)
			munmap(p->ram[i].map, p->ram[i].len);
	free(p->ram);
	mb_image_free(&p->image);
	if (p->state) {		/* the registers outlive the bus */
		memcpy(dev->own_state, p->state, dev->desc.nrows * sizeof(*p->state));
		munmap(p->state, p->state_len);
	}
	if (p->q)
		munmap(p->q, sizeof(*p->q));
	if (p->bar_fd >= 0)
		close(p->bar_fd);
	if (p->fd >= 0)
		close(p->fd);
	free(p);
	dev->tail = dev->head = NULL;
	dev->regs.state = dev->own_state;
	dev->bus_data = NULL;
	dev->bus = NULL;
	dev->started = false;
}

#define NEEDED	(PCIEM_FEATURE_REGS | PCIEM_FEATURE_SPACE | PCIEM_FEATURE_DMA_LIST | \
		 PCIEM_FEATURE_CONFIG)

static int open_node(struct mb_device *dev, const char *path, struct mb_error *err)
{
	struct pciem_features f = { 0 };
	int fd = open(path, O_RDWR | O_CLOEXEC);

	if (fd < 0 && (errno == ENOENT || errno == ENXIO || errno == ENODEV))
		return mb_fail(err, "%s: %s is not there: load the module ('make module', then 'insmod build/module/$(uname -r)/pciem.ko' or 'tools/lab'), or use '--on sim'",
			       dev->desc.name, path);
	if (fd < 0 && (errno == EACCES || errno == EPERM))
		return mb_fail(err, "%s: %s may only be opened by root (a device can reach memory): use sudo, or '--on sim'",
			       dev->desc.name, path);
	if (fd < 0)
		return mb_fail(err, "%s: cannot open %s: %s", dev->desc.name, path, strerror(errno));
	if (!ioctl(fd, PCIEM_FEATURES, &f) && (f.flags & NEEDED) == NEEDED)
		return fd;
	mb_fail(err, "%s: %s is not Moonbar's module (PCIEM_FEATURES: %s): running on the older module is not supported; unload it and load ours, or use '--on sim'",
		dev->desc.name, path, errno == ENOTTY ? "unknown" : "lacking");
	close(fd);
	return -1;
}

static int refused(struct mb_device *dev, const char *what, struct mb_error *err)
{
	return mb_fail(err, "%s: the kernel refused %s: %s (dmesg may say more)", dev->desc.name,
		       what, strerror(errno));
}

static int describe(struct mb_device *dev, struct pciem *p, struct mb_error *err)
{
	struct pciem_create_device create = { 0 };
	struct pciem_regs regs = {
		.rows = (uintptr_t)dev->rows, .nrows = dev->desc.nrows,
		.ram = (uintptr_t)dev->ram, .nram = dev->desc.nram,
		.timeout_ns = dev->desc.timeout_ns,
	};
	struct mb_config *c = malloc(sizeof(*c));
	struct pciem_space space;
	uint32_t i;
	int ret = -1;

	if (!c)
		return mb_fail(err, "%s: no memory", dev->desc.name);
	if (mb_space_build(c, &dev->desc, err))
		goto out;
	if (mb_image_show(&p->image, dev, c)) {
		mb_fail(err, "%s: no memory", dev->desc.name);
		goto out;
	}
	space = (struct pciem_space){ (uintptr_t)c->val, (uintptr_t)c->wmask, (uintptr_t)c->w1c };
	if (ioctl(p->fd, PCIEM_CREATE_DEVICE, &create)) {
		refused(dev, "a new device (CREATE_DEVICE)", err);
		goto out;
	}
	for (i = 0; i < MB_NR_BARS; i++) {
		const struct mb_bar_desc *b = &dev->desc.bar[i];
		struct pciem_bar_config bar = {
			.bar_index = i, .size = b->size,
			.flags = (b->is64 ? MB_BAR_64 : 0) | (b->prefetch ? MB_BAR_PREFETCH : 0),
		};

		if (b->size && ioctl(p->fd, PCIEM_ADD_BAR, &bar)) {
			refused(dev, "a BAR (ADD_BAR)", err);
			goto out;
		}
	}
	if (ioctl(p->fd, PCIEM_SET_SPACE, &space)) {
		refused(dev, "the configuration space (SET_SPACE)", err);
	} else if (ioctl(p->fd, PCIEM_SET_REGS, &regs)) {
		if (errno == EINVAL && regs.bad_row < dev->desc.nrows)
			mb_fail(err, "%s: the kernel refused the register at %#x (SET_REGS)",
				dev->desc.name, dev->rows[regs.bad_row].offset);
		else
			refused(dev, "the registers (SET_REGS)", err);
	} else if (mb_image_watch(&p->image, dev)) {
		refused(dev, "to tell of configuration writes (CONFIG_WATCH)", err);
	} else {
		ret = 0;
	}
out:
	free(c);
	return ret;
}

static void *map(int fd, uint64_t len, uint64_t offset)
{
	void *p = mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_SHARED, fd, offset);

	return p == MAP_FAILED ? NULL : p;
}

static int map_all(struct mb_device *dev, struct pciem *p, struct mb_error *err)
{
	uint64_t page = sysconf(_SC_PAGESIZE);
	uint32_t i;

	p->q = map(p->fd, sizeof(*p->q), PCIEM_MMAP_QUEUE);
	p->state_len = (dev->desc.nrows * sizeof(*p->state) + page - 1) & ~(page - 1);
	if (p->q && p->state_len)
		p->state = map(p->fd, p->state_len, PCIEM_MMAP_STATE);
	if (!p->q || (p->state_len && !p->state))
		return refused(dev, "the queue's memory (mmap)", err);
	p->ram = calloc(dev->desc.nram + 1, sizeof(*p->ram));
	for (i = 0; p->ram && i < dev->desc.nram; i++) {
		const struct mb_ram *m = &dev->ram[i];
		struct pciem_ram *r = &p->ram[i];

		r->from = m->offset & ~(page - 1);
		r->len = ((m->offset + m->size + page - 1) & ~(page - 1)) - r->from;
		r->map = map(p->fd, r->len, PCIEM_MMAP_BAR(m->bar) + r->from);
		if (!r->map)
			return refused(dev, "a BAR's memory (mmap)", err);
	}
	return p->ram ? 0 : mb_fail(err, "%s: no memory", dev->desc.name);
}

static int attach(struct mb_device *dev, const char *path, struct mb_error *err)
{
	struct pciem *p = calloc(1, sizeof(*p));
	uint32_t bad;

	if (!p)
		return mb_fail(err, "%s: no memory", dev->desc.name);
	p->bar_fd = -1;
	dev->bus_data = p;
	p->fd = open_node(dev, path, err);
	p->image.fd = p->fd;
	if (p->fd < 0 || describe(dev, p, err))
		goto fail;
	p->bar_fd = ioctl(p->fd, PCIEM_REGISTER);
	if (p->bar_fd < 0) {
		refused(dev, "to put the device on a bus (REGISTER)", err);
		goto fail;
	}
	bad = mb_image_misplaced(&p->image, dev);
	if (bad != MB_NONE) {
		mb_fail(err, "%s: the configuration register at %#x: the kernel's bus takes none there, where the header of an extended capability is read; right would be another offset",
			dev->desc.name, dev->config.rows[bad].offset);
		goto fail;
	}
	if (map_all(dev, p, err))
		goto fail;
	if (p->state) {
		memcpy(p->state, dev->own_state, dev->desc.nrows * sizeof(*p->state));
		dev->regs.state = p->state;
	}
	p->q->awake = 1;
	dev->tail = &p->q->tail;
	dev->head = &p->q->head;
	return 0;
fail:
	detach(dev);
	return -1;
}

static int start(struct mb_device *dev, struct mb_error *err)
{
	struct pciem *p = dev->bus_data;

	return ioctl(p->fd, PCIEM_START) ? refused(dev, "to start the device (START)", err) : 0;
}

static int stop(struct mb_device *dev, struct mb_error *err)
{
	struct pciem *p = dev->bus_data;

	return ioctl(p->fd, PCIEM_STOP) ? refused(dev, "to stop the device (STOP)", err) : 0;
}

const struct mb_transport mb_pciem = {
	.name = "kernel's", .attach = attach, .start = start, .stop = stop, .detach = detach,
	.serve = serve, .pending = pending, .fd = bus_fd, .sleep = sleep_now, .standby = standby,
	.relieve = relieve,
	.irq = irq, .irq_mode = irq_mode, .dma = dma, .ram = ram, .config_changed = config_changed,
	.config_image = config_image,
};
