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
#include <linux/kref.h>
#include <linux/mutex.h>
#include <linux/pci.h>
#include <linux/wait.h>
#include <linux/workqueue.h>

#include "core/config.h"
#include "core/msi.h"
#include "core/regs.h"
#include "uapi/pciem.h"

struct pciem_bus;		/* bus.c: bridge, domain, windows */
struct pciem_irqs;		/* irq.c: vectors, irq domains */
struct pciem_dma;		/* dma.c: what the driver has mapped */
struct pciem_queue_state;	/* queue.c */
struct pciem_compat;		/* compat.c: the older ring */

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
 * @pages: backing memory, allocated page by page when first mapped or touched
 */
struct pciem_bar {
	u64 size;
	u32 flags;
	u64 start;
	struct page **pages;
	unsigned long *trapped;		/* bitmap, a bit a page: accesses trap */
	u32 trace;			/* PCIEM_TRACE_* | PCIEM_TRACED, listed interface only */
};

struct pciem_session {
	struct kref ref;
	struct mutex lock;		/* phase and set-up; outermost, may sleep */
	enum pciem_phase phase;
	bool native;			/* SET_REGS was called: register file and queue */
	bool dead;			/* the host is gone: as a surprise-removed device; READ_ONCE */
	int id;				/* for messages: "pciem 3: ..." */

	struct pciem_bar bar[MB_NR_BARS];
	struct mb_config config;	/* core/config.h; bus.c locks it */
	raw_spinlock_t config_lock;	/* leaf */
	struct mb_regs regs;		/* native: rows are the kernel's copy, state is shared */
	u64 timeout_ns;

	struct pciem_bus *bus;
	struct pciem_irqs *irqs;
	struct pciem_dma *dma;
	struct pciem_queue_state *queue;
	struct pciem_compat *compat;
	struct pci_dev *pdev;		/* between REGISTER and removal */
	struct pciem_stats stats;
	struct work_struct start_work, stop_work;
};

#define pciem_info(s, fmt, ...)	pr_info("pciem %d: " fmt, (s)->id, ##__VA_ARGS__)
#define pciem_warn(s, fmt, ...)	pr_warn("pciem %d: " fmt, (s)->id, ##__VA_ARGS__)

/* ---- session.c -------------------------------------------------------------- */

struct pciem_session *pciem_session_get(struct pciem_session *s);
void pciem_session_put(struct pciem_session *s);

/* ---- bus.c: bridge, domain, windows, configuration accesses ------------------- */

/* Makes domain, root bus and function from s->config and s->bar; the function is in sysfs
 * afterwards, with its BARs placed (s->bar[].start) and s->pdev set; no driver is bound.
 */
int pciem_bus_register(struct pciem_session *s);
/* Lets drivers bind (pci_bus_add_devices); called from a work item. */
void pciem_bus_start(struct pciem_session *s);
/* Unbinds drivers, removes the bus, frees everything. Safe in any phase, also twice. */
void pciem_bus_remove(struct pciem_session *s);

/* ---- irq.c: INTx, MSI, MSI-X ------------------------------------------------------ */

int pciem_irqs_create(struct pciem_session *s);		/* before the bus; makes the domains */
void pciem_irqs_destroy(struct pciem_session *s);
struct irq_domain *pciem_irqs_msi_domain(struct pciem_session *s);	/* for the bridge */
unsigned int pciem_irqs_intx(struct pciem_session *s);			/* Linux irq of INTA */

/* Any context, s->config_lock not held. @op: PCIEM_IRQ_*. 0 or -EINVAL for a vector out of range. */
int pciem_irq(struct pciem_session *s, u32 vector, u32 op);
/* The listed interface's INJECT_IRQ: MSI-X the vector (out of range: nothing), else an edge. */
int pciem_irq_inject(struct pciem_session *s, u32 vector);
/* A mask, an enable bit or the COMMAND register may have changed: look at every vector again. */
void pciem_irq_recheck(struct pciem_session *s);
/* Is [offset, offset + size) of this BAR inside the MSI-X table or the PBA? */
bool pciem_msix_covers(struct pciem_session *s, u32 bar, u64 offset, unsigned int size);
/* Bus accesses to them, from trap.c; any context. 1 to 8 bytes. */
u64 pciem_msix_read(struct pciem_session *s, u32 bar, u64 offset, unsigned int size);
void pciem_msix_write(struct pciem_session *s, u32 bar, u64 offset, unsigned int size, u64 data);

/* ---- bar.c: backing pages, the page kinds -------------------------------------------- */

int pciem_bars_prepare(struct pciem_session *s);	/* at REGISTER: which pages trap */
void pciem_bars_free(struct pciem_session *s);
/* The page behind offset, allocated if need be; may sleep if gfp says so. NULL: no memory. */
struct page *pciem_bar_page(struct pciem_session *s, u32 bar, u64 offset, gfp_t gfp);
/* Plain memory access from the trap path (a traced page, ram beside registers); any context. */
void pciem_bar_copy(struct pciem_session *s, u32 bar, u64 offset, void *data, unsigned int size,
		    bool write);
int pciem_bar_mmap(struct pciem_session *s, struct vm_area_struct *vma, u32 bar, u64 offset);

/* ---- trap.c: ioremap, fault, answer ---------------------------------------------------- */

int pciem_trap_init(void);		/* kprobes; at module load */
void pciem_trap_exit(void);
int pciem_trap_add(struct pciem_session *s);	/* windows of a registered session */
void pciem_trap_remove(struct pciem_session *s);	/* returns when no access is under way */

/* ---- queue.c: requests to the host and their answers -------------------------------------- */

int pciem_queue_create(struct pciem_session *s);
void pciem_queue_destroy(struct pciem_session *s);
/* A native session's bus access; the whole of DESIGN §3's promises. @may_sleep: the driver may.
 * Reads return the data, writes return 0.
 */
u64 pciem_queue_access(struct pciem_session *s, u32 bar, u64 offset, unsigned int size, u64 data,
		       bool write, bool may_sleep);
/* Tell the host of something that nobody waits for; any context. False: queue full, not told. */
bool pciem_queue_tell(struct pciem_session *s, const struct pciem_request *req);
void pciem_queue_kill(struct pciem_session *s);	/* the host is gone: end every wait, now */
int pciem_queue_wake(struct pciem_session *s, u32 slot);
__poll_t pciem_queue_poll(struct pciem_session *s, struct file *f, struct poll_table_struct *pt);
int pciem_queue_mmap(struct pciem_session *s, struct vm_area_struct *vma, u64 offset);

/* ---- dma.c (and dma_ops.c): strict DMA --------------------------------------------------------- */

/* Module-wide: the bus notifier that gives each of our devices its dma_map_ops before a driver binds. */
int pciem_dma_init(void);
void pciem_dma_exit(void);
int pciem_dma_create(struct pciem_session *s);		/* at REGISTER, before pciem_bus_register */
void pciem_dma_destroy(struct pciem_session *s);	/* after pciem_bus_remove */
/* Called by bus.c for the new device, after device_add and before any driver can bind. */
int pciem_dma_attach(struct pciem_session *s, struct pci_dev *pdev);
/* The ioctls, user memory of current. Bus mastering off: PCIEM_DMA_NO_BUS_MASTER. */
long pciem_dma_op(struct pciem_session *s, const struct pciem_dma_op *op);
long pciem_dma_list(struct pciem_session *s, struct pciem_dma_list *list);
long pciem_dma_indirect(struct pciem_session *s, const struct pciem_dma_indirect *op);

/* ---- compat.c: the listed interface's ring, tracing, eventfd, irqfd ----------------------------- */

int pciem_compat_create(struct pciem_session *s);
void pciem_compat_destroy(struct pciem_session *s);
int pciem_compat_mmap(struct pciem_session *s, struct vm_area_struct *vma);
int pciem_compat_set_eventfd(struct pciem_session *s, const struct pciem_eventfd_config *c);
int pciem_compat_set_irqfd(struct pciem_session *s, const struct pciem_irqfd_config *c);
int pciem_compat_trace(struct pciem_session *s, const struct pciem_trace_bar *t);
/* An access to a traced page: store or load as the flags say, queue the event. */
u64 pciem_compat_access(struct pciem_session *s, u32 bar, u64 offset, unsigned int size, u64 data,
			bool write);

#endif
