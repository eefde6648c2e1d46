// SPDX-License-Identifier: GPL-2.0-only
/*
 * session.c: what stands behind one open of /dev/pciem, from open to close. It
 * is reference-counted, since the node, the BARs' fd and their mappings may go
 * in any order; what belongs to the device goes when the node is closed, what is
 * memory goes with the last reference.
 *
 * Try it:  tools/lab -- build/vm/ioctl
 *
 * Drivers are bound and unbound by a work item, never by the process itself: a
 * process that is being killed cannot start threads or wait as a driver's
 * remove() does.
 */
#include <linux/anon_inodes.h>
#include <linux/file.h>
#include <linux/idr.h>
#include <linux/module.h>
#include <linux/slab.h>

#include "pciem.h"

static bool autostart;
module_param(autostart, bool, 0644);
MODULE_PARM_DESC(autostart, "REGISTER lets drivers bind, for programs that never call START");

static struct workqueue_struct *workers;
static DEFINE_IDA(ids);

int pciem_session_init(void)
{
	workers = alloc_workqueue("pciem", WQ_UNBOUND, 0);
	return workers ? 0 : -ENOMEM;
}

void pciem_session_exit(void)
{
	destroy_workqueue(workers);
	ida_destroy(&ids);
}

struct pciem_session *pciem_session_get(struct pciem_session *s)
{
	kref_get(&s->ref);
	return s;
}

static void session_free(struct kref *ref)
{
	struct pciem_session *s = container_of(ref, struct pciem_session, ref);

	pciem_bars_free(s);
	pciem_queue_free(s);
	pciem_compat_free(s);
	pciem_setup_free(s);
	kvfree(s->regs.rows);
	kvfree(s->regs.ram);
	free_percpu(s->counts);
	ida_free(&ids, s->id);
	mutex_destroy(&s->lock);
	kfree(s);
}

void pciem_session_put(struct pciem_session *s)
{
	kref_put(&s->ref, session_free);
}

static void start_work(struct work_struct *work)
{
	struct pciem_session *s = container_of(work, struct pciem_session, start_work);

	if (!READ_ONCE(s->dead) && smp_load_acquire(&s->phase) == PCIEM_STARTED)
		pciem_bus_start(s);
}

static void stop_work(struct work_struct *work)
{
	struct pciem_session *s = container_of(work, struct pciem_session, stop_work);
	struct pciem_request told = { .type = PCIEM_REQ_REMOVED };

	flush_work(&s->start_work);
	pciem_bus_remove(s);
	smp_store_release(&s->phase, PCIEM_STOPPED);
	pciem_queue_tell(s, &told);
	pciem_queue_wake_host(s);
	complete_all(&s->stopped);
}

struct pciem_session *pciem_session_open(void)
{
	struct pciem_session *s = kzalloc(sizeof(*s), GFP_KERNEL);
	int ret = -ENOMEM;

	if (!s)
		return ERR_PTR(-ENOMEM);
	kref_init(&s->ref);
	mutex_init(&s->lock);
	raw_spin_lock_init(&s->config_lock);
	INIT_WORK(&s->start_work, start_work);
	INIT_WORK(&s->stop_work, stop_work);
	init_completion(&s->stopped);
	pciem_bars_init(s);
	s->timeout_ns = PCIEM_TIMEOUT_NS;
	s->id = ida_alloc(&ids, GFP_KERNEL);
	if (s->id < 0) {
		ret = s->id;
		kfree(s);
		return ERR_PTR(ret);
	}
	s->counts = alloc_percpu(struct pciem_stats);
	s->setup = pciem_setup_create();
	if (!s->counts || !s->setup)
		goto failed;
	ret = pciem_compat_create(s);
	if (ret)
		goto failed;
	return s;

failed:
	pciem_session_put(s);
	return ERR_PTR(ret);
}

/* The device leaves the bus, if it is on one. Several may ask at once: one does it. */
static bool begin_removal(struct pciem_session *s)
{
	if (cmpxchg(&s->phase, PCIEM_STARTED, PCIEM_STOPPING) != PCIEM_STARTED &&
	    cmpxchg(&s->phase, PCIEM_REGISTERED, PCIEM_STOPPING) != PCIEM_REGISTERED)
		return false;
	queue_work(workers, &s->stop_work);
	return true;
}

void pciem_session_close(struct pciem_session *s)
{
	WRITE_ONCE(s->dead, true);
	pciem_queue_kill(s);
	begin_removal(s);
	/* whoever began it, perhaps an access that has yet to queue the work */
	if (READ_ONCE(s->phase) >= PCIEM_REGISTERED)
		wait_for_completion(&s->stopped);
	flush_work(&s->stop_work);
	flush_work(&s->start_work);
	pciem_trap_remove(s);
	pciem_compat_detach(s);
	if (s->phase == PCIEM_STOPPED) {
		pciem_dma_destroy(s);
		pciem_irqs_destroy(s);
	}
	pciem_session_put(s);
}

void pciem_session_die(struct pciem_session *s, const char *why)
{
	if (xchg(&s->dead, true))
		return;
	pciem_warn(s, "%s: the device is gone, as if pulled out\n", why);
	pciem_queue_kill(s);
	begin_removal(s);
}

static long session_put_on_bus(struct pciem_session *s)
{
	int ret = pciem_irqs_create(s);

	if (ret)
		return ret;
	ret = pciem_dma_create(s);
	if (ret)
		goto no_dma;
	ret = pciem_trap_add(s);
	if (ret)
		goto no_trap;
	ret = pciem_bus_register(s);
	if (ret)
		goto no_bus;
	return 0;

no_bus:
	pciem_bus_remove(s);
	pciem_trap_remove(s);
no_trap:
	pciem_dma_destroy(s);
no_dma:
	pciem_irqs_destroy(s);
	return ret;
}

/* The fd comes first, since nothing may fail once the device can be seen. */
long pciem_session_register(struct pciem_session *s)
{
	struct file *f;
	long ret;
	int fd;

	ret = pciem_setup_finish(s);
	if (ret)
		return ret;
	fd = get_unused_fd_flags(O_CLOEXEC);
	if (fd < 0)
		return fd;
	f = anon_inode_getfile("pciem-bars", &pciem_bars_fops, s, O_RDWR);
	if (IS_ERR(f)) {
		put_unused_fd(fd);
		return PTR_ERR(f);
	}
	pciem_session_get(s);
	s->registering = true;
	mutex_unlock(&s->lock);
	ret = session_put_on_bus(s);
	mutex_lock(&s->lock);
	s->registering = false;
	if (ret) {
		put_unused_fd(fd);
		fput(f);
		return ret;
	}
	smp_store_release(&s->phase, PCIEM_REGISTERED);
	fd_install(fd, f);
	if (autostart) {
		pciem_session_start(s);
		s->autostarted = true;
	}
	return fd;
}

long pciem_session_start(struct pciem_session *s)
{
	if (s->phase == PCIEM_STARTED && s->autostarted) {
		s->autostarted = false;		/* the program's own first START */
		return 0;
	}
	if (s->phase == PCIEM_STARTED)
		return -EALREADY;
	if (cmpxchg(&s->phase, PCIEM_REGISTERED, PCIEM_STARTED) != PCIEM_REGISTERED)
		return -EINVAL;
	queue_work(workers, &s->start_work);
	return 0;
}

long pciem_session_stop(struct pciem_session *s)
{
	if (s->phase < PCIEM_REGISTERED)
		return -EINVAL;
	return begin_removal(s) ? 0 : -EALREADY;
}

void pciem_session_stats(struct pciem_session *s, struct pciem_stats *st)
{
	u64 *sum = (u64 *)st;
	int cpu, i;

	*st = s->stats;
	for_each_possible_cpu(cpu) {
		const u64 *c = (const u64 *)per_cpu_ptr(s->counts, cpu);

		for (i = 0; i < sizeof(*st) / sizeof(u64); i++)
			sum[i] += READ_ONCE(c[i]);
	}
}
