// SPDX-License-Identifier: MIT
/*
 * traptest.c: a driver that accesses its device as a test asks: by every kind of
 * instruction and from every context the kernel has.
 *
 * Try it:  tests/vm/run trap
 */
#include <linux/hrtimer.h>
#include <linux/interrupt.h>
#include <linux/miscdevice.h>
#include <linux/module.h>
#include <linux/pci.h>
#include <linux/slab.h>
#include <linux/uaccess.h>
#include <linux/version.h>
#include <asm/fpu/api.h>

#include "traptest.h"

#define BARS	6
#define MAX_BUFFER	(1 << 20)

/* One at a time; a test has one device. Readers of bar[] hold the lock, so remove() waits for them. */
static DECLARE_RWSEM(lock);
static struct pci_dev *device;
static void __iomem *bar[BARS];
static bool leak;
static int bound;

static u64 load(void __iomem *at, u32 size)
{
	switch (size) {
	case 1: return readb(at);
	case 2: return readw(at);
	case 4: return readl(at);
	default: return readq(at);
	}
}

static void store(void __iomem *at, u32 size, u64 v)
{
	switch (size) {
	case 1:
		writeb(v, at);
		break;
	case 2:
		writew(v, at);
		break;
	case 4:
		writel(v, at);
		break;
	default:
		writeq(v, at);
		break;
	}
}

static u64 vector_load(void __iomem *at)
{
	u64 v;

	kernel_fpu_begin();
	asm volatile("movdqu (%1), %%xmm0; movq %%xmm0, %0" : "=r" (v) : "r" (at) : "memory");
	kernel_fpu_end();
	return v;
}

static u64 remap(struct traptest *t)
{
	u64 i, v = 0;

	for (i = 0; i < t->count; i++) {
		void __iomem *p = ioremap(pci_resource_start(device, t->bar) +
					  (t->offset & PAGE_MASK), PAGE_SIZE);

		if (!p)
			return 0;
		v = load(p + offset_in_page(t->offset), t->size);
		iounmap(p);
	}
	return v;
}

static void carry_out(struct traptest *t, void *buffer)
{
	void __iomem *at = bar[t->bar] + t->offset;
	unsigned long flags;
	u32 v;
	u64 i;

	switch (t->op) {
	case TT_READ:
		t->result = load(at, t->size);
		break;
	case TT_WRITE:
		store(at, t->size, t->data);
		break;
	case TT_BURST:
		for (i = 0; i < t->count; i++)
			store(at, t->size, t->data + i);
		break;
	case TT_PUSH:
		for (i = 0; i < t->count; i++) {
			store(at, t->size, i);
			t->result += load(bar[t->bar] + t->arg, t->size) != i + 1;
		}
		break;
	case TT_REPEAT:
		for (i = 0; i < t->count; i++)
			t->result += load(at, t->size) != t->data;
		break;
	case TT_COPY_FROM:
		memcpy_fromio(buffer, at, t->count);
		break;
	case TT_COPY_TO:
		memcpy_toio(at, buffer, t->count);
		break;
	case TT_SET:
		memset_io(at, t->data, t->count);
		break;
	case TT_OR:
		asm volatile("orl %2, (%1); pushf; pop %0" : "=r" (flags) :
			     "r" (at), "r" ((u32)t->data) : "memory", "cc");
		t->result = flags & (X86_EFLAGS_ZF | X86_EFLAGS_SF);
		break;
	case TT_XADD:
		v = t->data;
		asm volatile("lock xaddl %0, (%1)" : "+r" (v) : "r" (at) : "memory", "cc");
		t->result = v;
		break;
	case TT_VECTOR:
		t->result = vector_load(at);
		break;
	}
}

/* ---- interrupts -------------------------------------------------------------------- */

struct handler {
	struct traptest *t;
	struct completion done;
	unsigned int wrong;
};

static irqreturn_t on_irq(int irq, void *data)
{
	struct handler *h = data;
	void __iomem *at = bar[h->t->bar] + h->t->arg;

	if (readl(at) != 1 || readl(at + 4) != (u32)h->t->data)
		h->wrong++;
	writel(1, at);
	complete(&h->done);
	return IRQ_HANDLED;
}

static u64 interrupts(struct traptest *t)
{
	struct handler h = { .t = t };
	u64 i, missed = 0;

	init_completion(&h.done);
	if (request_irq(device->irq, on_irq, 0, "traptest", &h))
		return t->count;
	for (i = 0; i < t->count; i++) {
		writel(i, bar[t->bar] + t->offset);
		missed += !wait_for_completion_timeout(&h.done, HZ);
	}
	free_irq(device->irq, &h);
	return h.wrong + missed;
}

/* ---- contexts ------------------------------------------------------------------------- */

struct errand {
	struct traptest *t;
	void *buffer;
	struct hrtimer timer;
	struct completion done;
	u64 ns;
};

static void timed(struct traptest *t, void *buffer)
{
	u64 start = ktime_get_ns();

	carry_out(t, buffer);
	t->ns = ktime_get_ns() - start;
}

static enum hrtimer_restart on_timer(struct hrtimer *timer)
{
	struct errand *e = container_of(timer, struct errand, timer);

	timed(e->t, e->buffer);
	complete(&e->done);
	return HRTIMER_NORESTART;
}

static void by_timer(struct traptest *t, void *buffer, enum hrtimer_mode mode)
{
	struct errand e = { .t = t, .buffer = buffer };

	init_completion(&e.done);
#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 13, 0)
	hrtimer_init_on_stack(&e.timer, CLOCK_MONOTONIC, mode);
	e.timer.function = on_timer;
#else
	hrtimer_setup_on_stack(&e.timer, on_timer, CLOCK_MONOTONIC, mode);
#endif
	hrtimer_start(&e.timer, ns_to_ktime(100 * NSEC_PER_USEC), mode);
	wait_for_completion(&e.done);
	hrtimer_cancel(&e.timer);
	destroy_hrtimer_on_stack(&e.timer);
}

static void in_context(struct traptest *t, void *buffer)
{
	static DEFINE_SPINLOCK(some_lock);
	unsigned long flags;

	switch (t->context) {
	case TT_NORMAL:
		timed(t, buffer);
		break;
	case TT_IRQS_OFF:
		local_irq_save(flags);
		timed(t, buffer);
		local_irq_restore(flags);
		break;
	case TT_PREEMPT_OFF:
		preempt_disable();
		timed(t, buffer);
		preempt_enable();
		break;
	case TT_SPINLOCK:
		spin_lock(&some_lock);
		timed(t, buffer);
		spin_unlock(&some_lock);
		break;
	case TT_RCU:
		rcu_read_lock();
		timed(t, buffer);
		rcu_read_unlock();
		break;
	case TT_SOFTIRQ:
		by_timer(t, buffer, HRTIMER_MODE_REL_SOFT);
		break;
	case TT_HARDIRQ:
		by_timer(t, buffer, HRTIMER_MODE_REL_HARD);
		break;
	}
}

/* ---- orders ------------------------------------------------------------------------------ */

static long run(struct traptest *t)
{
	unsigned long switches = current->nvcsw;
	bool to = t->op == TT_COPY_TO, from = t->op == TT_COPY_FROM;
	void *buffer = NULL;
	long ret = 0;

	if (t->op == TT_LEAK) {
		leak = true;
		return 0;
	}
	if (t->bar >= BARS || !bar[t->bar] || t->context >= TT_CONTEXTS)
		return -EINVAL;
	if (to || from) {
		buffer = t->count <= MAX_BUFFER ? kvmalloc(t->count, GFP_KERNEL) : NULL;
		if (!buffer)
			return -ENOMEM;
		if (to && copy_from_user(buffer, u64_to_user_ptr(t->buffer), t->count))
			ret = -EFAULT;
	}
	t->result = 0;
	if (t->op == TT_REMAP)
		t->result = remap(t);
	else if (t->op == TT_IRQS)
		t->result = interrupts(t);
	else if (!ret)
		in_context(t, buffer);
	t->slept = current->nvcsw - switches;
	if (from && copy_to_user(u64_to_user_ptr(t->buffer), buffer, t->count))
		ret = -EFAULT;
	kvfree(buffer);
	return ret;
}

static long order(struct file *f, unsigned int cmd, unsigned long arg)
{
	struct traptest t;
	long ret = -ENODEV;

	if (cmd == TRAPTEST_BOUND)
		return READ_ONCE(bound);
	if (cmd != TRAPTEST_DO || copy_from_user(&t, (void __user *)arg, sizeof(t)))
		return -EINVAL;
	down_read(&lock);
	if (device)
		ret = run(&t);
	up_read(&lock);
	if (!ret && copy_to_user((void __user *)arg, &t, sizeof(t)))
		return -EFAULT;
	return ret;
}

static int probe(struct pci_dev *pdev, const struct pci_device_id *id)
{
	int i, ret = pci_enable_device(pdev);

	if (ret)
		return ret;
	pci_set_master(pdev);
	down_write(&lock);
	device = pdev;
	leak = false;
	for (i = 0; i < BARS; i++)
		bar[i] = pci_resource_len(pdev, i) ? pci_iomap(pdev, i, 0) : NULL;
	up_write(&lock);
	WRITE_ONCE(bound, bound + 1);
	return 0;
}

static void remove(struct pci_dev *pdev)
{
	int i;

	down_write(&lock);
	device = NULL;
	for (i = 0; i < BARS; i++)
		if (bar[i] && !leak)
			pci_iounmap(pdev, bar[i]);
	up_write(&lock);
	pci_disable_device(pdev);
	WRITE_ONCE(bound, bound - 1);
}

static const struct pci_device_id ids[] = {
	{ PCI_DEVICE(TRAPTEST_VENDOR, TRAPTEST_DEVICE) },
	{ }
};
MODULE_DEVICE_TABLE(pci, ids);

static struct pci_driver driver = {
	.name = "traptest", .id_table = ids, .probe = probe, .remove = remove,
};

static const struct file_operations fops = {
	.owner = THIS_MODULE, .unlocked_ioctl = order,
};

static struct miscdevice node = {
	.minor = MISC_DYNAMIC_MINOR, .name = "traptest", .fops = &fops,
};

static int __init start(void)
{
	int ret = misc_register(&node);

	if (ret)
		return ret;
	ret = pci_register_driver(&driver);
	if (ret)
		misc_deregister(&node);
	return ret;
}

static void __exit end(void)
{
	pci_unregister_driver(&driver);
	misc_deregister(&node);
}

module_init(start);
module_exit(end);
MODULE_DESCRIPTION("Accesses a device in every way, for tests");
MODULE_LICENSE("Dual MIT/GPL");
