// SPDX-License-Identifier: GPL-2.0-only
/*
 * host.c: a driver that waits with its CPU held (interrupts off, or in an
 * interrupt handler) and the host that has to answer must not need the same CPU.
 * The scheduler does not know that: it takes a CPU on which an interrupt handler
 * spins for an idle one. So the host is moved to another, in two cases.
 *
 * Try it:  tools/lab -- tests/vm/trap.t
 *
 * Rescue: a driver has spun for a while and the host is waiting for just that
 * CPU. Stepping aside: the host raises an interrupt that will be handled on the
 * CPU it runs on, of a device whose handler reads registers; the handler would
 * then wait for the very code that it interrupts.
 */
#include <linux/cpumask.h>
#include <linux/sched.h>
#include <linux/sched/task.h>
#include <linux/slab.h>

#include "irq_priv.h"
#include "queue.h"

/* Moves @task off @cpu once; where it may run afterwards is what it was before. */
static bool move_off(struct task_struct *task, int cpu)
{
	cpumask_var_t old, new;
	bool moved = false;

	if (!alloc_cpumask_var(&old, GFP_KERNEL))
		return false;
	if (alloc_cpumask_var(&new, GFP_KERNEL)) {
		cpumask_copy(old, &task->cpus_mask);
		cpumask_and(new, old, cpu_active_mask);
		cpumask_clear_cpu(cpu, new);
		if (!cpumask_empty(new) && task_cpu(task) == cpu &&
		    !set_cpus_allowed_ptr(task, new)) {
			set_cpus_allowed_ptr(task, old);
			moved = true;
		}
		free_cpumask_var(new);
	}
	free_cpumask_var(old);
	return moved;
}

void pciem_host_is_current(struct pciem_queue_state *q)
{
	struct task_struct *old = NULL;

	if (READ_ONCE(q->server) == current)
		return;
	raw_spin_lock_irq(&q->lock);
	old = q->server;
	WRITE_ONCE(q->server, get_task_struct(current));
	raw_spin_unlock_irq(&q->lock);
	if (old)
		put_task_struct(old);
}

static struct task_struct *get_server(struct pciem_queue_state *q)
{
	struct task_struct *task;

	raw_spin_lock_irq(&q->lock);
	task = q->server ? get_task_struct(q->server) : NULL;
	raw_spin_unlock_irq(&q->lock);
	return task;
}

static void rescue_work(struct work_struct *work)
{
	struct pciem_queue_state *q = container_of(work, struct pciem_queue_state, rescue);
	struct task_struct *task = get_server(q);

	if (!task)
		return;
	move_off(task, READ_ONCE(q->stuck_cpu));
	put_task_struct(task);
}

void pciem_host_init(struct pciem_queue_state *q)
{
	INIT_WORK(&q->rescue, rescue_work);
}

void pciem_host_exit(struct pciem_queue_state *q)
{
	cancel_work_sync(&q->rescue);
	if (q->server)
		put_task_struct(q->server);
}

void pciem_host_rescue(struct pciem_queue_state *q)
{
	int cpu = raw_smp_processor_id(), other = cpumask_any_but(cpu_online_mask, cpu);
	struct task_struct *server = READ_ONCE(q->server);

	if (!server || other >= nr_cpu_ids)
		return;
	WRITE_ONCE(q->stuck_cpu, cpu);
	queue_work_on(other, system_highpri_wq, &q->rescue);
}

bool pciem_host_is_below(struct pciem_queue_state *q)
{
	return (in_hardirq() || in_serving_softirq()) && READ_ONCE(q->server) == current;
}

/* MSI-X vectors tell their cause, and handlers of most such devices read nothing. */
static bool handler_reads(struct pciem_session *s)
{
	return s->irqs->intr.mode != MB_INTR_MSIX || READ_ONCE(s->queue->read_in_irq);
}

void pciem_host_step_aside(struct pciem_session *s, u32 vector)
{
	struct pciem_irqs *q = s->irqs;
	u32 m;

	if (!s->native || !handler_reads(s))
		return;
	m = mb_intr_message(&q->intr, vector);
	if (q->vec[m < q->nr ? m : q->nr].cpu == raw_smp_processor_id())
		move_off(current, raw_smp_processor_id());
}
