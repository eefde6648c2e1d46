// SPDX-License-Identifier: GPL-2.0-only
/*
 * wait.c: how a driver waits for something that only memory tells: it spins for
 * a while, since most answers come at once, and then sleeps between looks where
 * it may. Where it may not it spins on, with the watchdogs told, until the time
 * is over; nobody waits for ever. Who interrupts the host waits for its standby.
 *
 * Try it:  tools/lab -- tests/vm/queue.t
 */
#include <linux/delay.h>
#include <linux/module.h>
#include <linux/nmi.h>
#include <linux/rcupdate.h>
#include <linux/sched/clock.h>
#include <linux/uaccess.h>

#include "queue.h"

static unsigned int spin_us = 50;
module_param(spin_us, uint, 0644);
MODULE_PARM_DESC(spin_us, "how long a driver spins for an answer before it sleeps");

#define RESCUE_NS	(200 * NSEC_PER_USEC)

bool pciem_may_sleep(bool irqs)
{
	return irqs && IS_ENABLED(CONFIG_PREEMPT_COUNT) && IS_ENABLED(CONFIG_PREEMPT_RCU) &&
	       !preempt_count() && !rcu_preempt_depth() && !pagefault_disabled() &&
	       !is_idle_task(current) &&
	       READ_ONCE(current->__state) == TASK_RUNNING;	/* no: wait_event(q, readl(r)) */
}

void pciem_wait_begin(struct pciem_wait *w, struct pciem_queue_state *q, bool may_sleep,
		      u64 limit_ns)
{
	*w = (struct pciem_wait) {
		.q = q, .may_sleep = may_sleep, .limit = limit_ns, .rescue = RESCUE_NS, .pause = 10,
		.below = !may_sleep && pciem_host_is_below(q),
	};
}

/*
 * The clock is read every 32nd time only, and for the first time after 32 looks.
 * Not ktime_get(): where the TSC is not trusted it reads the HPET, one device for
 * all CPUs, and who does that in a loop keeps the host from its own clock. Whoever
 * holds its CPU stays on it, so the TSC as it is will do, and must: what corrects
 * local_clock() is the tick, which does not come while interrupts are off.
 */
static void look_at_clock(struct pciem_wait *w)
{
	u64 now = w->may_sleep ? local_clock() : sched_clock();

	if (!w->start || now < w->start)
		w->start = now;
	w->waited = now - w->start;
}

bool pciem_wait_spins(struct pciem_wait *w)
{
	if (unlikely(w->below))
		return false;		/* whatever for? */
	/* With one CPU, or one that others want, spinning keeps the host from answering. */
	if (w->may_sleep && (num_online_cpus() == 1 || need_resched())) {
		look_at_clock(w);
		return false;
	}
	if (++w->looks % 32 == 0) {
		look_at_clock(w);
		cpu_relax();	/* seldom: it may leave the guest, and does leave an emulator's fast path */
	}
	return w->waited <= (u64)READ_ONCE(spin_us) * NSEC_PER_USEC;
}

/* At once, since the host itself will not answer; then as often as a rescue. */
static void call_standby(struct pciem_wait *w)
{
	u32 call;

	if (w->call && pciem_host_refused(w->q, w->call)) {
		w->refused = true;
	} else if (!w->call || w->waited > w->rescue) {
		call = pciem_host_call_standby(w->q);
		if (!w->call)
			w->call = call;
		w->rescue = w->waited + 5 * RESCUE_NS;
	}
}

static void spin_on(struct pciem_wait *w)
{
	if (w->below) {
		call_standby(w);
	} else if (w->waited > w->rescue) {
		pciem_host_rescue(w->q);
		w->rescue = w->waited + 5 * RESCUE_NS;
	}
	touch_nmi_watchdog();
	cpu_relax();
}

bool pciem_wait_more(struct pciem_wait *w)
{
	if (pciem_wait_spins(w))
		return true;
	look_at_clock(w);
	if (w->waited >= w->limit)
		return false;
	if (w->may_sleep) {
		usleep_range(w->pause, 2 * w->pause + 10);
		w->pause = min(w->pause + 10, 200u);
	} else {
		spin_on(w);
	}
	return !w->refused;
}

u64 pciem_wait_left(struct pciem_wait *w)
{
	look_at_clock(w);
	return w->waited < w->limit ? w->limit - w->waited : 0;
}
