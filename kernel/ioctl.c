// SPDX-License-Identifier: GPL-2.0-only
/*
 * ioctl.c: the requests on /dev/pciem. Copies arguments in and out, checks the
 * phase, and hands each to the file that does it. Both generations of the listed
 * interface's structures are known by their size; the older lack the function
 * number, which is 0 then.
 *
 * Try it:  tools/lab -- build/vm/ioctl
 */
#include <linux/uaccess.h>

#include "pciem.h"

/* Arguments as they were before functions had numbers (sizes are part of the ioctl's number). */
struct old_create { __u32 flags; };
struct old_cap { __u32 cap_type; __u32 body[4]; };
struct old_config { __u8 body[20]; };
struct old_trace { __u32 bar_index, flags; };
struct old_atomic { __u64 body[5]; };
struct old_p2p { __u64 body[3]; };

#define OLD_CREATE_DEVICE	_IOWR(PCIEM_IOC, 10, struct old_create)
#define OLD_ADD_CAPABILITY	_IOW(PCIEM_IOC, 12, struct old_cap)
#define OLD_SET_CONFIG		_IOW(PCIEM_IOC, 13, struct old_config)
#define OLD_DMA_ATOMIC		_IOWR(PCIEM_IOC, 17, struct old_atomic)
#define OLD_P2P			_IOWR(PCIEM_IOC, 18, struct old_p2p)
#define OLD_TRACE_BAR		_IOWR(PCIEM_IOC, 25, struct old_trace)

/* Every argument there is; as large as the largest. */
union args {
	struct pciem_create_device create;
	struct pciem_bar_config bar;
	struct pciem_cap_config cap;
	struct pciem_config_space config;
	struct pciem_irq_inject inject;
	struct pciem_dma_op dma;
	struct pciem_bar_info_query info;
	struct pciem_eventfd_config eventfd;
	struct pciem_irqfd_config irqfd;
	struct pciem_dma_indirect indirect;
	struct pciem_trace_bar trace;
	struct pciem_features features;
	struct pciem_space space;
	struct pciem_regs regs;
	struct pciem_irq irq;
	struct pciem_dma_list list;
	__u32 slot, standby;
	__u64 timeout;
	struct pciem_stats stats;
	struct pciem_config_watch watch;
	struct pciem_config_poke poke;
	struct old_cap old_cap;
	struct old_config old_config;
};

/* ---- before REGISTER, and REGISTER, START, STOP: under the session's lock ------------ */

static long create_device(struct pciem_session *s, const struct pciem_create_device *a)
{
	if (a->func || (a->flags & 3) == 1)	/* more functions; a place on an existing bus */
		return -EOPNOTSUPP;
	if (s->phase != PCIEM_OPEN)
		return -EBUSY;
	s->phase = PCIEM_CREATED;
	return 0;
}

/* The bodies are the same in both generations, but begin after the function number in ours. */
static long add_cap(struct pciem_session *s, const union args *a, bool old)
{
	struct pciem_cap_config cap = a->cap;

	if (old) {
		memset(&cap, 0, sizeof(cap));
		cap.cap_type = a->old_cap.cap_type;
		memcpy((u8 *)&cap + offsetof(struct pciem_cap_config, msi), a->old_cap.body,
		       sizeof(a->old_cap.body));
	}
	return pciem_setup_cap(s, &cap);
}

static long set_config(struct pciem_session *s, const union args *a, bool old)
{
	struct pciem_config_space config = a->config;

	if (old) {
		memset(&config, 0, sizeof(config));
		memcpy((u8 *)&config + offsetof(struct pciem_config_space, vendor),
		       a->old_config.body, sizeof(a->old_config.body));
	}
	return pciem_setup_ids(s, &config);
}

static long trace_bar(struct pciem_session *s, union args *a, bool old)
{
	if (old)
		a->trace.func = 0;
	if (s->phase == PCIEM_OPEN || s->native)
		return -EINVAL;
	return pciem_compat_trace(s, &a->trace);
}

static long set_timeout(struct pciem_session *s, u64 ns)
{
	if (ns > PCIEM_TIMEOUT_MAX_NS)
		return -EINVAL;
	WRITE_ONCE(s->timeout_ns, ns ? ns : PCIEM_TIMEOUT_NS);
	return 0;
}

static long locked_call(struct pciem_session *s, unsigned int cmd, union args *a)
{
	switch (cmd) {
	case PCIEM_CREATE_DEVICE:
		return create_device(s, &a->create);
	case OLD_CREATE_DEVICE:
		a->create.func = 0;
		return create_device(s, &a->create);
	case PCIEM_TRACE_BAR:
	case OLD_TRACE_BAR:
		return trace_bar(s, a, cmd == OLD_TRACE_BAR);
	case PCIEM_START:
		return pciem_session_start(s);
	case PCIEM_STOP:
		return pciem_session_stop(s);
	case PCIEM_SET_EVENTFD:
		return s->native ? -EINVAL : pciem_compat_set_eventfd(s, &a->eventfd);
	case PCIEM_SET_TIMEOUT:
		return set_timeout(s, a->timeout);
	}
	if (s->phase != PCIEM_CREATED)
		return -EINVAL;
	switch (cmd) {
	case PCIEM_ADD_BAR:
		return pciem_setup_bar(s, &a->bar);
	case PCIEM_ADD_CAPABILITY:
	case OLD_ADD_CAPABILITY:
		return add_cap(s, a, cmd == OLD_ADD_CAPABILITY);
	case PCIEM_SET_CONFIG:
	case OLD_SET_CONFIG:
		return set_config(s, a, cmd == OLD_SET_CONFIG);
	case PCIEM_SET_SPACE:
		return pciem_setup_space(s, &a->space);
	case PCIEM_SET_REGS:
		return pciem_setup_regs(s, &a->regs);
	case PCIEM_CONFIG_WATCH:
		return pciem_setup_watch(s, &a->watch);
	case PCIEM_REGISTER:
		return pciem_session_register(s);
	}
	return -ENOTTY;
}

/* ---- while the device is there: no lock, many at once --------------------------------- */

static long inject(struct pciem_session *s, u32 vector)
{
	/* Of one function only, a stray number means 0: some programs leave that byte unset. */
	return pciem_irq_inject(s, vector) ? -EFAULT : 0;
}

static long bar_info(struct pciem_session *s, struct pciem_bar_info_query *q)
{
	const struct pciem_bar *bar;

	if (q->func)
		return -EOPNOTSUPP;
	if (q->bar_index >= MB_NR_BARS)
		return -EINVAL;
	bar = &s->bar[q->bar_index];
	if (!bar->size)
		return -ENOENT;
	q->phys_addr = READ_ONCE(bar->start);
	q->size = bar->size;
	q->flags = bar->flags;
	return 0;
}

static long set_irqfd(struct pciem_session *s, const struct pciem_irqfd_config *a)
{
	long ret;

	mutex_lock(&s->lock);
	ret = pciem_registered(s) ? pciem_compat_set_irqfd(s, a) : -EINVAL;
	mutex_unlock(&s->lock);
	return ret;
}

static long running_call(struct pciem_session *s, unsigned int cmd, union args *a)
{
	if (!pciem_registered(s))
		return READ_ONCE(s->registering) ? -EBUSY : -EINVAL;
	switch (cmd) {
	case PCIEM_INJECT_IRQ:
		return inject(s, a->inject.vector);
	case PCIEM_IRQ:
		if (a->irq.op < PCIEM_IRQ_RAISE || a->irq.op > PCIEM_IRQ_DEASSERT)
			return -EINVAL;
		pciem_host_step_aside(s, a->irq.vector);
		return pciem_irq(s, a->irq.vector, a->irq.op);
	case PCIEM_DMA:
		return a->dma.func ? -EOPNOTSUPP : pciem_dma_op(s, &a->dma);
	case PCIEM_DMA_INDIRECT:
		return a->indirect.func ? -EOPNOTSUPP : pciem_dma_indirect(s, &a->indirect);
	case PCIEM_DMA_LIST:
		if (a->list.raise != MB_NONE)
			pciem_host_step_aside(s, a->list.raise);
		return pciem_dma_list(s, &a->list);
	case PCIEM_GET_BAR_INFO:
		return bar_info(s, &a->info);
	case PCIEM_SET_IRQFD:
		return set_irqfd(s, &a->irqfd);
	case PCIEM_CONFIG_POKE:
		return pciem_bus_config_poke(s, &a->poke);
	}
	return -ENOTTY;
}

/* ---- one request -------------------------------------------------------------------------- */

enum kind { UNKNOWN, LOCKED, RUNNING, ANY, UNBUILT };

static enum kind kind_of(unsigned int cmd)
{
	switch (cmd) {
	case PCIEM_CREATE_DEVICE: case OLD_CREATE_DEVICE: case PCIEM_ADD_BAR:
	case PCIEM_ADD_CAPABILITY: case OLD_ADD_CAPABILITY: case PCIEM_SET_CONFIG:
	case OLD_SET_CONFIG: case PCIEM_REGISTER: case PCIEM_TRACE_BAR: case OLD_TRACE_BAR:
	case PCIEM_START: case PCIEM_SET_EVENTFD: case PCIEM_SET_SPACE: case PCIEM_SET_REGS:
	case PCIEM_STOP: case PCIEM_SET_TIMEOUT: case PCIEM_CONFIG_WATCH:
		return LOCKED;
	case PCIEM_INJECT_IRQ: case PCIEM_DMA: case PCIEM_GET_BAR_INFO: case PCIEM_SET_IRQFD:
	case PCIEM_DMA_INDIRECT: case PCIEM_IRQ: case PCIEM_DMA_LIST: case PCIEM_CONFIG_POKE:
		return RUNNING;
	case PCIEM_WAKE: case PCIEM_FEATURES: case PCIEM_GET_STATS: case PCIEM_STANDBY:
		return ANY;
	case PCIEM_DMA_ATOMIC: case OLD_DMA_ATOMIC: case PCIEM_P2P: case OLD_P2P:
		return UNBUILT;
	}
	return UNKNOWN;
}

static long any_call(struct pciem_session *s, unsigned int cmd, union args *a)
{
	switch (cmd) {
	case PCIEM_WAKE:
		return READ_ONCE(s->native) ? pciem_queue_wake(s, a->slot) : -EINVAL;
	case PCIEM_STANDBY:
		return READ_ONCE(s->native) ? pciem_host_standby(s, a->standby) : -EINVAL;
	case PCIEM_FEATURES:
		a->features.version = 1;
		a->features.flags = PCIEM_FEATURE_REGS | PCIEM_FEATURE_SPACE |
				    PCIEM_FEATURE_DMA_LIST | PCIEM_FEATURE_CONFIG |
				    PCIEM_FEATURE_STANDBY |
				    (pciem_dma_strict(s) ? PCIEM_FEATURE_STRICT : 0);
		return 0;
	case PCIEM_GET_STATS:
		pciem_session_stats(s, &a->stats);
		return 0;
	}
	return -ENOTTY;
}

static long call(struct pciem_session *s, unsigned int cmd, union args *a)
{
	long ret;

	switch (kind_of(cmd)) {
	case LOCKED:
		mutex_lock(&s->lock);
		ret = s->registering ? -EBUSY : locked_call(s, cmd, a);
		mutex_unlock(&s->lock);
		return ret;
	case RUNNING:
		return running_call(s, cmd, a);
	case ANY:
		return any_call(s, cmd, a);
	case UNBUILT:
		return -EOPNOTSUPP;
	default:
		return -ENOTTY;
	}
}

/* Failed requests that say more than an errno. */
static bool tells_why(unsigned int cmd)
{
	return cmd == PCIEM_SET_REGS || cmd == PCIEM_DMA_LIST;
}

long pciem_ioctl(struct file *f, unsigned int cmd, unsigned long arg)
{
	void __user *user = (void __user *)arg;
	unsigned int size = _IOC_SIZE(cmd);
	enum kind kind = kind_of(cmd);
	union args a;
	long ret;

	if (kind == UNKNOWN)
		return -ENOTTY;
	if (kind == UNBUILT)
		return -EOPNOTSUPP;
	memset(&a, 0, sizeof(a));
	if (_IOC_DIR(cmd) & _IOC_WRITE && copy_from_user(&a, user, size))
		return -EFAULT;
	ret = call(f->private_data, cmd, &a);
	if (_IOC_DIR(cmd) & _IOC_READ && (ret >= 0 || tells_why(cmd)) &&
	    copy_to_user(user, &a, size))
		return -EFAULT;
	return ret;
}
