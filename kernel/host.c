// SPDX-License-Identifier: GPL-2.0-only
/*
 * host.c: a driver that waits with its CPU held (interrupts off, or in an
 * interrupt handler) and the host that has to answer must not need the same CPU.
 * The scheduler does not know that: it takes a CPU on which an interrupt handler
 * spins for an idle one.
 *
 * Try it:  tools/lab -- tests/vm/trap.t
 *
 * Rescue: a driver has spun for a while and the host is waiting for just that
 * CPU: it is moved to another. Standby: what the driver's handler interrupted is
 * the host itself, which cannot be moved then and cannot answer; a second thread
 * of it, called to another CPU, can (as it can for a host that was told to run on
 * that CPU only). Stepping aside: the host raises an interrupt that will be
 * handled on the CPU it runs on, of a device whose handler reads registers; since
 * the host is in the middle of a request there, nobody could answer the handler,
 * so the host is moved before.
 */
#include <linux/cpumask.h>
#include <linux/sched.h>
#include <linux/sched/task.h>
#include <linux/slab.h>

#include "irq_priv.h"
#include "queue.h"

/* ---- a task and a CPU ------------------------------------------------------------------ */

/* Sees that @task is not put on @cpu, and wakes it at @wake, if that is given: not to be put there is
 * what it needs then. Where it may run afterwards is what it was before: so one at a time, @moves.
 * False: there is no other CPU for it. To move what is running takes its CPU: a driver's handler that
 * spins there lets nobody have it, so @task shall not be what is below one.
 */
static bool keep_off(struct task_struct *task, int cpu, struct mutex *moves, wait_queue_head_t *wake)
{
	cpumask_var_t old, new;
	bool kept = false;

	if (!alloc_cpumask_var(&old, GFP_KERNEL))
		return false;
	if (alloc_cpumask_var(&new, GFP_KERNEL)) {
		mutex_lock(moves);
		cpumask_copy(old, &task->cpus_mask);
		cpumask_and(new, old, cpu_active_mask);
		cpumask_clear_cpu(cpu, new);
		if (!cpumask_empty(new) && !set_cpus_allowed_ptr(task, new)) {
			if (wake)
				wake_up(wake);
			set_cpus_allowed_ptr(task, old);
			kept = true;
		}
		mutex_unlock(moves);
		free_cpumask_var(new);
	}
	free_cpumask_var(old);
	return kept;
}

/* Of a task that waits for @cpu. One that has it needs nothing, or is below the driver. */
static bool move_off(struct task_struct *task, int cpu, struct mutex *moves)
{
	return task_cpu(task) != cpu || READ_ONCE(task->on_cpu) ||
	       keep_off(task, cpu, moves, NULL);
}

static struct task_struct *get_task(struct pciem_queue_state *q, struct task_struct **which)
{
	struct task_struct *task;

	raw_spin_lock_irq(&q->lock);
	task = *which ? get_task_struct(*which) : NULL;
	raw_spin_unlock_irq(&q->lock);
	return task;
}

/* Under @q->lock; returns whom to put, after it. */
static struct task_struct *set_task(struct task_struct **which, struct task_struct *task)
{
	struct task_struct *old = *which;

	WRITE_ONCE(*which, task ? get_task_struct(task) : NULL);
	return old;
}

static void put_task(struct task_struct *task)
{
	if (task)
		put_task_struct(task);
}

void pciem_host_is_current(struct pciem_queue_state *q)
{
	struct task_struct *old;

	if (READ_ONCE(q->server) == current)
		return;
	raw_spin_lock_irq(&q->lock);
	old = set_task(&q->server, current);
	raw_spin_unlock_irq(&q->lock);
	put_task(old);
}

/* ---- rescue, and the standby's call ------------------------------------------------------ */

/* Of its own, since the rescue of the other thread may take as long as a driver spins. */
static void call_work(struct work_struct *work)
{
	struct pciem_queue_state *q = container_of(work, struct pciem_queue_state, call);
	struct task_struct *standby = get_task(q, &q->standby);
	u32 calls = atomic_read(&q->calls);

	if (!standby)
		return;
	/* Running, or called already, it comes by itself. */
	if (calls != READ_ONCE(q->taken) && !READ_ONCE(standby->on_cpu) &&
	    !keep_off(standby, READ_ONCE(q->stuck_cpu), &q->standby_moves, &q->standing))
		WRITE_ONCE(q->refused, calls);
	put_task(standby);
}

/* The standby is called for a server that was told to run on the CPU it waits for only, too. */
static void rescue_work(struct work_struct *work)
{
	struct pciem_queue_state *q = container_of(work, struct pciem_queue_state, rescue);
	struct task_struct *server = get_task(q, &q->server), *standby = get_task(q, &q->standby);
	int cpu = READ_ONCE(q->stuck_cpu);

	if (server && !move_off(server, cpu, &q->server_moves)) {
		atomic_inc(&q->calls);
		queue_work_on(raw_smp_processor_id(), system_highpri_wq, &q->call);
	} else if (standby) {
		move_off(standby, cpu, &q->standby_moves);
	}
	put_task(server);
	put_task(standby);
}

void pciem_host_init(struct pciem_queue_state *q)
{
	INIT_WORK(&q->rescue, rescue_work);
	INIT_WORK(&q->call, call_work);
	mutex_init(&q->server_moves);
	mutex_init(&q->standby_moves);
	init_waitqueue_head(&q->standing);
}

void pciem_host_exit(struct pciem_queue_state *q)
{
	cancel_work_sync(&q->rescue);
	cancel_work_sync(&q->call);
	put_task(q->server);
	put_task(q->standby);
}

static void queue_elsewhere(struct pciem_queue_state *q, struct work_struct *work)
{
	int cpu = raw_smp_processor_id(), other = cpumask_any_but(cpu_online_mask, cpu);

	if (other >= nr_cpu_ids)
		return;
	WRITE_ONCE(q->stuck_cpu, cpu);
	queue_work_on(other, system_highpri_wq, work);
}

void pciem_host_rescue(struct pciem_queue_state *q)
{
	if (READ_ONCE(q->server))
		queue_elsewhere(q, &q->rescue);
}

bool pciem_host_is_below(struct pciem_queue_state *q)
{
	return (in_hardirq() || in_serving_softirq()) && READ_ONCE(q->server) == current;
}

bool pciem_host_has_standby(struct pciem_queue_state *q)
{
	unsigned long flags;
	bool has;

	raw_spin_lock_irqsave(&q->lock, flags);
	has = q->standby && !(READ_ONCE(q->standby->flags) & PF_EXITING);
	raw_spin_unlock_irqrestore(&q->lock, flags);
	return has && num_online_cpus() > 1;
}

u32 pciem_host_call_standby(struct pciem_queue_state *q)
{
	u32 call = atomic_inc_return(&q->calls);

	queue_elsewhere(q, &q->call);
	return call;
}

bool pciem_host_refused(struct pciem_queue_state *q, u32 call)
{
	return (s32)(READ_ONCE(q->refused) - call) >= 0;
}

/* ---- the standby's side -------------------------------------------------------------------- */

static int come(struct pciem_queue_state *q, bool refuse)
{
	struct task_struct *old = NULL;
	int ret = 0;

	raw_spin_lock_irq(&q->lock);
	if (q->standby != current) {
		if (q->standby && !(READ_ONCE(q->standby->flags) & PF_EXITING))
			ret = -EBUSY;
		else
			old = set_task(&q->standby, current);
	} else if (refuse) {
		WRITE_ONCE(q->refused, q->taken);
	}
	raw_spin_unlock_irq(&q->lock);
	put_task(old);
	return ret;
}

static int leave(struct pciem_queue_state *q, int ret)
{
	struct task_struct *old;

	raw_spin_lock_irq(&q->lock);
	q->dismissed = 0;
	old = set_task(&q->standby, NULL);
	WRITE_ONCE(q->refused, atomic_read(&q->calls));	/* nobody will come */
	raw_spin_unlock_irq(&q->lock);
	put_task(old);
	return ret;
}

static void dismiss(struct pciem_queue_state *q)
{
	raw_spin_lock_irq(&q->lock);
	WRITE_ONCE(q->dismissed, 1);
	raw_spin_unlock_irq(&q->lock);
	wake_up(&q->standing);
}

static bool is_over(struct pciem_session *s)
{
	return READ_ONCE(s->dead) || smp_load_acquire(&s->phase) == PCIEM_STOPPED;
}

static bool called(struct pciem_queue_state *q)
{
	return atomic_read(&q->calls) != q->taken;
}

int pciem_host_standby(struct pciem_session *s, u32 op)
{
	struct pciem_queue_state *q = s->queue;
	int ret;

	if (op > PCIEM_STANDBY_DISMISS)
		return -EINVAL;
	if (op == PCIEM_STANDBY_DISMISS) {
		dismiss(q);
		return 0;
	}
	ret = come(q, op == PCIEM_STANDBY_BUSY);
	if (ret)
		return ret;
	ret = wait_event_interruptible(q->standing, is_over(s) || READ_ONCE(q->dismissed) ||
				       called(q));
	if (is_over(s))
		return leave(q, -ENODEV);
	if (READ_ONCE(q->dismissed))
		return leave(q, -ECANCELED);
	if (ret)
		return -EINTR;
	WRITE_ONCE(q->taken, atomic_read(&q->calls));
	return 0;
}

/* ---- stepping aside -------------------------------------------------------------------------- */

/* MSI-X vectors tell their cause, and handlers of most such devices read nothing. */
static bool handler_reads(struct pciem_session *s)
{
	return s->irqs->intr.mode != MB_INTR_MSIX || READ_ONCE(s->queue->read_in_irq);
}

void pciem_host_step_aside(struct pciem_session *s, u32 vector)
{
	struct pciem_irqs *q = s->irqs;
	int cpu = raw_smp_processor_id();
	u32 m;

	if (!s->native || !handler_reads(s))
		return;
	m = mb_intr_message(&q->intr, vector);
	if (q->vec[m < q->nr ? m : q->nr].cpu == cpu)
		keep_off(current, cpu, READ_ONCE(s->queue->standby) == current ?
			 &s->queue->standby_moves : &s->queue->server_moves, NULL);
}
