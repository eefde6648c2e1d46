/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * pciem.h: what the files of the module say to each other. One struct
 * pciem_session behind each open of /dev/pciem; the street of an access is
 * trap.c -> queue.c -> (host) -> queue.c -> trap.c.
 *
 * Try it:  make module && tools/lab -- ls -l /dev/pciem
 */
#ifndef PCIEM_H
#define PCIEM_H

#include <linux/completion.h>
#include <linux/fs.h>
#include <linux/kref.h>
#include <linux/mutex.h>
#include <linux/pci.h>
#include <linux/percpu-refcount.h>
#include <linux/poll.h>
#include <linux/wait.h>
#include <linux/workqueue.h>
#include <linux/xarray.h>

#include "linux_compat.h"

#include "core/caps.h"
#include "core/config.h"
#include "core/msi.h"
#include "core/regs.h"
#include "uapi/pciem.h"

struct pciem_bus;		/* bus.c: bridge, domain, windows */
struct pciem_irqs;		/* irq.c: vectors, irq domains */
struct pciem_dma;		/* dma.c: what the driver has mapped */
struct pciem_queue_state;	/* queue.c */
struct pciem_compat;		/* compat.c: the older ring */
struct pciem_setup;		/* session.c: what was asked for before REGISTER */

enum pciem_phase {
	PCIEM_OPEN,		/* nothing yet */
	PCIEM_CREATED,		/* function 0 exists; BARs and configuration may be added */
	PCIEM_REGISTERED,	/* on the bus, in sysfs, no driver yet */
	PCIEM_STARTED,		/* drivers may bind */
	PCIEM_STOPPING,		/* the bus is being removed */
	PCIEM_STOPPED,
};

/**
 * struct pciem_bar - one BAR
 * @size: bytes, 0 if absent; @flags: low bits of the BAR register
 * @start: address on the bus, set by bus.c when the PCI core has placed it, and
 *	by config writes that move it; 0 while unplaced
 * @pages: backing memory, a struct page an index, allocated when first mapped or touched;
 *	page_private() is the kernel address that maps it, if any (trap.c)
 * @trace: PCIEM_TRACE_* | PCIEM_TRACED, listed interface only
 */
struct pciem_bar {
	u64 size;
	u32 flags;
	u64 start;
	struct xarray pages;
	u32 trace;
};

#define PCIEM_TIMEOUT_NS	(50 * NSEC_PER_MSEC)	/* the top of PCIe's default range */
#define PCIEM_TIMEOUT_MAX_NS	(10 * NSEC_PER_SEC)
#define PCIEM_TRACED	0x80000000u	/* pciem_bar.trace: every page of the BAR traps */

struct pciem_session {
	struct kref ref;
	struct mutex lock;		/* phase and set-up; outermost, may sleep */
	enum pciem_phase phase;
	bool registering;		/* REGISTER is under way, without the lock */
	bool autostarted;		/* and the program has not called START yet */
	bool native;			/* SET_REGS was called: register file and queue */
	bool dead;			/* the host is gone: as a surprise-removed device; READ_ONCE */
	int id;				/* for messages: "pciem 3: ..." */

	struct pciem_bar bar[MB_NR_BARS];
	struct mb_config config;	/* core/config.h; bus.c locks it */
	raw_spinlock_t config_lock;	/* leaf */
	DECLARE_BITMAP(watched, MB_CONFIG_SIZE);	/* the host hears of writes there */
	struct mb_regs regs;		/* native: rows are the kernel's copy, state is shared */
	u64 timeout_ns;

	struct mb_msix_place msix;	/* where its MSI-X structures are, from REGISTER on */

	struct pciem_setup *setup;
	struct pciem_bus *bus;
	struct pciem_irqs *irqs;
	struct pciem_dma *dma;
	struct pciem_queue_state *queue;
	struct pciem_compat *compat;
	struct pci_dev *pdev;		/* between REGISTER and removal */
	struct pciem_stats stats;	/* what is counted under somebody's lock */
	struct pciem_stats __percpu *counts;	/* what is not: pciem_count() */
	struct work_struct start_work, stop_work;
	struct completion stopped;	/* stop_work is through */

	struct list_head windows;	/* trap.c: the list of registered sessions */
	struct percpu_ref accesses;	/* trap.c: accesses under way */
	struct completion quiet;	/* trap.c: and there are none left */
	bool trapping;
};

#define pciem_count(s, what)	this_cpu_inc((s)->counts->what)

#define pciem_info(s, fmt, ...)	pr_info("pciem %d: " fmt, (s)->id, ##__VA_ARGS__)
#define pciem_warn(s, fmt, ...)	pr_warn("pciem %d: " fmt, (s)->id, ##__VA_ARGS__)

/* ---- session.c: open ... close, phases, reference counts ---------------------- */

int pciem_session_init(void);		/* at module load */
void pciem_session_exit(void);
struct pciem_session *pciem_session_open(void);		/* or ERR_PTR */
/* The node is closed: removes the device, ends every wait, drops the node's reference. */
void pciem_session_close(struct pciem_session *s);
struct pciem_session *pciem_session_get(struct pciem_session *s);
void pciem_session_put(struct pciem_session *s);
/* The host does not answer any more: ends every wait and removes the device. Any context. */
void pciem_session_die(struct pciem_session *s, const char *why);
long pciem_session_register(struct pciem_session *s);	/* returns the BARs' fd */
long pciem_session_start(struct pciem_session *s);
long pciem_session_stop(struct pciem_session *s);
void pciem_session_stats(struct pciem_session *s, struct pciem_stats *st);

static inline bool pciem_registered(struct pciem_session *s)
{
	enum pciem_phase phase = smp_load_acquire(&s->phase);

	return phase >= PCIEM_REGISTERED && phase <= PCIEM_STOPPING;
}

/* ---- setup.c: what is built before REGISTER ------------------------------------- */

struct pciem_setup *pciem_setup_create(void);
void pciem_setup_free(struct pciem_session *s);
/* All with s->lock held and the phase PCIEM_CREATED. */
int pciem_setup_bar(struct pciem_session *s, const struct pciem_bar_config *c);
int pciem_setup_cap(struct pciem_session *s, const struct pciem_cap_config *c);
int pciem_setup_ids(struct pciem_session *s, const struct pciem_config_space *c);
int pciem_setup_space(struct pciem_session *s, const struct pciem_space *c);
int pciem_setup_regs(struct pciem_session *s, struct pciem_regs *c);
int pciem_setup_watch(struct pciem_session *s, const struct pciem_config_watch *c);
/* Configuration space as it was then, for a reset; MB_CFG_*. Under s->config_lock. */
u32 pciem_setup_reset(struct pciem_session *s);
int pciem_setup_finish(struct pciem_session *s);	/* at REGISTER: is it a device? */

/* ---- ioctl.c -------------------------------------------------------------------- */

long pciem_ioctl(struct file *f, unsigned int cmd, unsigned long arg);

/* ---- bus.c: bridge, domain, windows, configuration accesses ------------------- */

/* Makes domain, root bus and function from s->config and s->bar; the function is in sysfs
 * afterwards, with its BARs placed (s->bar[].start) and s->pdev set; no driver is bound.
 */
int pciem_bus_register(struct pciem_session *s);
/* Lets drivers bind (pci_bus_add_devices); called from a work item. */
void pciem_bus_start(struct pciem_session *s);
/* Unbinds drivers, removes the bus, frees everything. Safe in any phase, also twice. */
void pciem_bus_remove(struct pciem_session *s);
/* The model's own hand in configuration space: 0, or -EINVAL for a place that is not its. */
int pciem_bus_config_poke(struct pciem_session *s, const struct pciem_config_poke *p);

/* ---- irq.c: INTx, MSI, MSI-X ------------------------------------------------------ */

/* After s->bar, s->config and s->regs are final, before pciem_bus_register(). -EINVAL with a
 * message if the MSI-X capability cannot be. Destroy: after the bus and the traps are gone.
 */
int pciem_irqs_create(struct pciem_session *s);
void pciem_irqs_destroy(struct pciem_session *s);
struct irq_domain *pciem_irqs_msi_domain(struct pciem_session *s);	/* for the bridge */
unsigned int pciem_irqs_intx(struct pciem_session *s);			/* Linux irq of INTA */

/* Any context, s->config_lock not held. @op: PCIEM_IRQ_*. 0 or -EINVAL for a vector out of range. */
int pciem_irq(struct pciem_session *s, u32 vector, u32 op);
/* The listed interface's INJECT_IRQ: MSI-X the vector (out of range: nothing), else an edge. */
int pciem_irq_inject(struct pciem_session *s, u32 vector);
/* A mask, an enable bit or the COMMAND register may have changed: look at every vector again. */
void pciem_irq_recheck(struct pciem_session *s);
/* The function was reset, its configuration is so already. */
void pciem_irq_reset(struct pciem_session *s);
/* Puts the live bits into s->config, before a read that may see them; any context. */
void pciem_irq_live(struct pciem_session *s);
/* Is [offset, offset + size) of this BAR inside the MSI-X table or the PBA? */
bool pciem_msix_covers(struct pciem_session *s, u32 bar, u64 offset, unsigned int size);
/* Bus accesses to them, from trap.c; any context. 1 to 8 bytes. */
u64 pciem_msix_read(struct pciem_session *s, u32 bar, u64 offset, unsigned int size);
void pciem_msix_write(struct pciem_session *s, u32 bar, u64 offset, unsigned int size, u64 data);

/* ---- bar.c: backing pages, the page kinds -------------------------------------------- */

void pciem_bars_init(struct pciem_session *s);
void pciem_bars_free(struct pciem_session *s);
/* The page behind offset, allocated if need be; may sleep if gfp says so. NULL: no memory. */
struct page *pciem_bar_page(struct pciem_session *s, u32 bar, u64 offset, gfp_t gfp);
/* The page that a driver may have mapped at offset: NULL if accesses there have to trap. */
struct page *pciem_bar_direct(struct pciem_session *s, u32 bar, u64 offset, gfp_t gfp);
/* Plain memory access from the trap path (a traced page, ram beside registers); any context. */
void pciem_bar_copy(struct pciem_session *s, u32 bar, u64 offset, void *data, unsigned int size,
		    bool write);
/* @offset: of the mapping's first page in the BAR */
int pciem_bar_mmap(struct pciem_session *s, struct vm_area_struct *vma, u32 bar, u64 offset);
extern const struct file_operations pciem_bars_fops;	/* of the fd that REGISTER returns */

/* ---- trap.c and mapping.c: ioremap, fault, answer ---------------------------------------- */

int pciem_trap_init(void);		/* hooks; at module load */
void pciem_trap_exit(void);
int pciem_trap_add(struct pciem_session *s);	/* before the bus: its BARs are found by their start */
void pciem_trap_remove(struct pciem_session *s);	/* returns when no access is under way */
/* A BAR's pages have to trap from now on, also where the driver has them mapped. */
void pciem_trap_again(struct pciem_session *s, u32 bar);
/* Does the kernel still map this page of ours (a driver that never called iounmap)? */
bool pciem_trap_mapped(struct page *page);

/* ---- queue.c: requests to the host and their answers -------------------------------------- */

int pciem_queue_create(struct pciem_session *s);	/* at SET_REGS, s->regs filled but for state */
void pciem_queue_free(struct pciem_session *s);
/* A native session's bus access; the whole of DESIGN §3's promises. @may_sleep: the driver may.
 * Reads return the data, writes return 0.
 */
u64 pciem_queue_access(struct pciem_session *s, u32 bar, u64 offset, unsigned int size, u64 data,
		       bool write, bool may_sleep);
/* A driver's write of watched configuration space: until the host has answered, or can not. */
void pciem_queue_config_write(struct pciem_session *s, u32 offset, unsigned int size, u32 data);
/* A driver's reset of the function by a write there, likewise. */
void pciem_queue_reset(struct pciem_session *s, u32 offset, unsigned int size, u32 kind);
/* Before a driver's read there: waits for what was posted. False: not in time, ones are read. */
bool pciem_queue_config_read(struct pciem_session *s, u32 offset, unsigned int size);
/* Tell the host of something that nobody waits for; any context. False: queue full, not told. */
bool pciem_queue_tell(struct pciem_session *s, const struct pciem_request *req);
bool pciem_queue_post(struct pciem_session *s, const struct pciem_request *req);	/* irqs off */
/* With interrupts off: posts a request that waits, and fills in where the answer comes. False: not done.
 * Afterwards pciem_queue_answered_soon(), and if that is false pciem_queue_answer() with interrupts as
 * the driver had them, or pciem_queue_forget() if there is nobody to answer any more.
 */
bool pciem_queue_ask(struct pciem_session *s, struct pciem_request *req);
bool pciem_queue_answered_soon(struct pciem_session *s, const struct pciem_request *req, u64 *data);
u64 pciem_queue_answer(struct pciem_session *s, const struct pciem_request *req, bool may_sleep);
void pciem_queue_forget(struct pciem_session *s, const struct pciem_request *req);
/* Tell it of the COMMAND register: now, or, if the queue is full, the last value when there is room. */
void pciem_queue_command(struct pciem_session *s, u16 command);
void pciem_queue_kill(struct pciem_session *s);	/* the host is gone: end every wait, now */
int pciem_queue_wake(struct pciem_session *s, u32 slot);
void pciem_queue_wake_host(struct pciem_session *s);	/* whatever it said in awake */
/* irq.c says which kind the driver has enabled: 0 none, 1 INTx, 2 MSI, 3 MSI-X. Any context. */
void pciem_queue_irq_mode(struct pciem_session *s, u32 mode);
__poll_t pciem_queue_poll(struct pciem_session *s, struct file *f, struct poll_table_struct *pt);
int pciem_queue_mmap(struct pciem_session *s, struct vm_area_struct *vma, u64 offset);

/* ---- wait.c ---- */

/* Could the driver that called us have called schedule()? @irqs: its interrupts are on. */
bool pciem_may_sleep(bool irqs);

/* ---- host.c: where the host runs ------------------------------------------------------------ */

/* The caller is about to raise @vector: it shall not run where the handler will. May sleep. */
void pciem_host_step_aside(struct pciem_session *s, u32 vector);
/* PCIEM_STANDBY, as the uapi header says. A native session's; not under s->lock. */
int pciem_host_standby(struct pciem_session *s, u32 op);

/* ---- dma.c (and dma_ops.c): strict DMA --------------------------------------------------------- */

/* Module-wide: record cache, and the bus notifier that sees drivers come and go. */
int pciem_dma_init(void);
void pciem_dma_exit(void);
int pciem_dma_create(struct pciem_session *s);		/* at REGISTER, before pciem_bus_register */
/* After pciem_bus_remove; again: nothing. The ioctls answer -ENODEV from then on. What the driver
 * mapped lives on until its struct device is released, and keeps the module loaded so long.
 */
void pciem_dma_destroy(struct pciem_session *s);
/* Called by bus.c for the new device, after device_add and before any driver can bind. 0 even on a
 * kernel without per-device DMA operations (CONFIG_ARCH_HAS_DMA_OPS): then there is no strict DMA,
 * the log says so, and the ioctls answer -EOPNOTSUPP.
 */
int pciem_dma_attach(struct pciem_session *s, struct pci_dev *pdev);
bool pciem_dma_strict(struct pciem_session *s);		/* for PCIEM_FEATURE_STRICT */
/* The ioctls, user memory of current; the caller has copied the struct itself. May sleep; several
 * at once are fine. Not under s->lock: the driver's remove may be waiting for the data.
 * Bus mastering off: PCIEM_DMA_NO_BUS_MASTER.
 */
long pciem_dma_op(struct pciem_session *s, const struct pciem_dma_op *op);
/* Copy *list back to the host whatever is returned: it says how far things went. */
long pciem_dma_list(struct pciem_session *s, struct pciem_dma_list *list);
long pciem_dma_indirect(struct pciem_session *s, const struct pciem_dma_indirect *op);

/* ---- compat.c: the listed interface's ring, tracing, eventfd, irqfd ----------------------------- */

int pciem_compat_create(struct pciem_session *s);
void pciem_compat_detach(struct pciem_session *s);	/* no irqfd injects after it */
void pciem_compat_free(struct pciem_session *s);
int pciem_compat_mmap(struct pciem_session *s, struct vm_area_struct *vma);
int pciem_compat_set_eventfd(struct pciem_session *s, const struct pciem_eventfd_config *c);
int pciem_compat_set_irqfd(struct pciem_session *s, const struct pciem_irqfd_config *c);
int pciem_compat_trace(struct pciem_session *s, const struct pciem_trace_bar *t);
/* An access to a page that traps: store or load as the flags say, queue the event. */
u64 pciem_compat_access(struct pciem_session *s, u32 bar, u64 offset, unsigned int size, u64 data,
			bool write);

#endif
