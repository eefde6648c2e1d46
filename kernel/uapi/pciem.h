/* SPDX-License-Identifier: GPL-2.0-only WITH Linux-syscall-note OR MIT */
/*
 * pciem.h: what user space and pciem.ko say to each other over /dev/pciem.
 *
 * Numbers 10 to 27 are the interface of the PCIem project, number for number
 * and byte for byte, so that programs written for it run here. Numbers from 64
 * up are Moonbar's own; PCIEM_FEATURES tells them apart (-ENOTTY elsewhere).
 *
 * Life of a session: open, CREATE_DEVICE, ADD_BAR ..., configuration space,
 * REGISTER, mmap, START, ... STOP, close. Closing removes the device whatever
 * its driver is doing.
 */
#ifndef MB_UAPI_PCIEM_H
#define MB_UAPI_PCIEM_H

#include <linux/ioctl.h>
#include <linux/types.h>

#define PCIEM_IOC	0xAF

/* ---- the listed interface ------------------------------------------------- */

/** struct pciem_create_device - @flags: bits 1:0 bus mode, 0 virtual root, 1 attach */
struct pciem_create_device {
	__u32 flags;
	__u8 func, reserved[3];
};

/** struct pciem_bar_config - @flags: low bits of a PCI BAR; @size: power of two, 0 removes */
struct pciem_bar_config {
	__u32 bar_index, flags;
	__u64 size;
	__u8 func, reserved[7];
};

enum pciem_cap_type {
	PCIEM_CAP_MSI, PCIEM_CAP_MSIX, PCIEM_CAP_PM, PCIEM_CAP_PCIE, PCIEM_CAP_VSEC,
	PCIEM_CAP_PASID,
};

struct pciem_cap_msi {
	__u8 log2_vectors, has_64bit, has_masking, reserved;
};

struct pciem_cap_msix {
	__u8 bar_index, reserved[3];
	__u32 table_offset, pba_offset;
	__u16 table_size, reserved2;
};

struct pciem_cap_pasid {
	__u8 max_width, exec, priv, reserved;
};

struct pciem_cap_config {
	__u32 cap_type;
	__u8 func, reserved[3];
	union {
		struct pciem_cap_msi msi;
		struct pciem_cap_msix msix;
		struct pciem_cap_pasid pasid;
	};
};

struct pciem_config_space {
	__u8 func, reserved[3];
	__u16 vendor, device, subsys_vendor, subsys_device;
	__u8 revision, class_code[3], header_type, reserved2[7];
};

enum pciem_event_type {
	PCIEM_EVENT_MMIO_READ = 1, PCIEM_EVENT_MMIO_WRITE, PCIEM_EVENT_CONFIG_READ,
	PCIEM_EVENT_CONFIG_WRITE, PCIEM_EVENT_MSI_ACK, PCIEM_EVENT_RESET,
};

struct pciem_event {
	__u64 seq;
	__u32 type, bar;
	__u64 offset;
	__u32 size, reserved;
	__u64 data, timestamp;
};

struct pciem_response {
	__u64 seq, data;
	__u32 status, reserved;
};

struct pciem_irq_inject {
	__u32 vector;
	__u8 func, flags, reserved[2];
};

#define PCIEM_DMA_READ	1
#define PCIEM_DMA_WRITE	2

struct pciem_dma_op {
	__u64 guest_iova, user_addr;
	__u32 length, pasid, flags;
	__u8 func, reserved[3];
};

struct pciem_dma_atomic {
	__u64 guest_iova, operand, compare;
	__u32 op_type, pasid;
	__u64 result;
	__u8 func, reserved[7];
};

struct pciem_p2p_op {
	__u64 target_phys_addr, user_addr;
	__u32 length, flags;
	__u8 func, reserved[7];
};

struct pciem_bar_info_query {
	__u32 bar_index, reserved;
	__u64 phys_addr, size;
	__u32 flags;
	__u8 func, reserved2[3];
};

struct pciem_eventfd_config {
	__s32 eventfd;
	__u32 reserved;
};

#define PCIEM_IRQFD_LEVEL	1
#define PCIEM_IRQFD_DEASSERT	2

struct pciem_irqfd_config {
	__s32 eventfd;
	__u32 vector, flags;
	__u8 func, reserved[3];
};

struct pciem_dma_indirect {
	__u64 prp1, prp2, user_addr;
	__u32 length, page_size, pasid, flags;
	__u8 func, reserved[7];
};

#define PCIEM_TRACE_READS	1
#define PCIEM_TRACE_WRITES	2
#define PCIEM_TRACE_STOP_WRITES	4

struct pciem_trace_bar {
	__u32 bar_index, flags;
	__u8 func, reserved[3];
};

/** struct pciem_shared_ring - the kernel produces at tail, the user consumes at head */
struct pciem_shared_ring {
	__u32 head, pad0[15];
	__u32 tail, pad1[15];
	struct pciem_event events[256];
};

#define PCIEM_CREATE_DEVICE	_IOWR(PCIEM_IOC, 10, struct pciem_create_device)
#define PCIEM_ADD_BAR		_IOW(PCIEM_IOC, 11, struct pciem_bar_config)
#define PCIEM_ADD_CAPABILITY	_IOW(PCIEM_IOC, 12, struct pciem_cap_config)
#define PCIEM_SET_CONFIG	_IOW(PCIEM_IOC, 13, struct pciem_config_space)
#define PCIEM_REGISTER		_IO(PCIEM_IOC, 14)
#define PCIEM_INJECT_IRQ	_IOW(PCIEM_IOC, 15, struct pciem_irq_inject)
#define PCIEM_DMA		_IOWR(PCIEM_IOC, 16, struct pciem_dma_op)
#define PCIEM_DMA_ATOMIC	_IOWR(PCIEM_IOC, 17, struct pciem_dma_atomic)
#define PCIEM_P2P		_IOWR(PCIEM_IOC, 18, struct pciem_p2p_op)
#define PCIEM_GET_BAR_INFO	_IOWR(PCIEM_IOC, 19, struct pciem_bar_info_query)
#define PCIEM_SET_EVENTFD	_IOW(PCIEM_IOC, 21, struct pciem_eventfd_config)
#define PCIEM_SET_IRQFD		_IOW(PCIEM_IOC, 22, struct pciem_irqfd_config)
#define PCIEM_DMA_INDIRECT	_IOWR(PCIEM_IOC, 24, struct pciem_dma_indirect)
#define PCIEM_TRACE_BAR		_IOWR(PCIEM_IOC, 25, struct pciem_trace_bar)
#define PCIEM_START		_IO(PCIEM_IOC, 26)

/* ---- Moonbar's own --------------------------------------------------------- */

#define PCIEM_FEATURE_REGS	(1 << 0)	/* register files, the queue, waited-for reads */
#define PCIEM_FEATURE_SPACE	(1 << 1)	/* whole configuration spaces */
#define PCIEM_FEATURE_DMA_LIST	(1 << 2)
#define PCIEM_FEATURE_STRICT	(1 << 3)	/* strict DMA is on for this session */
#define PCIEM_FEATURE_CONFIG	(1 << 4)	/* CONFIG_WATCH and CONFIG_POKE, CONFIG_WRITE and POWER */
#define PCIEM_FEATURE_STANDBY	(1 << 5)	/* PCIEM_STANDBY */

/** struct pciem_features - @version: 1; @flags: PCIEM_FEATURE_*; both by the kernel */
struct pciem_features {
	__u32 version, flags;
};

#define PCIEM_SPACE_SIZE	4096

/**
 * struct pciem_space - the whole configuration space of the function
 * @values: @wmask: @w1c: user addresses of PCIEM_SPACE_SIZE bytes each: the
 *	reset values, the bits that take what is written, the bits that a written
 *	1 clears. BAR registers are the kernel's own, from ADD_BAR; the rest must
 *	be well-formed (capability lists that end).
 *
 * Before REGISTER, instead of SET_CONFIG and ADD_CAPABILITY.
 */
struct pciem_space {
	__u64 values, wmask, w1c;
};

/**
 * struct pciem_regs - the function's register file; makes the session a native one
 * @rows: user address of struct mb_reg [@nrows] (kernel/core/regs.h), sorted
 * @ram: user address of struct mb_ram [@nram], sorted
 * @timeout_ns: completion timeout of a waited-for access; 0: 50 ms; at most 10 s
 * @bad_row: by the kernel on -EINVAL: the first row that is wrong, or ~0
 *
 * After ADD_BAR, before REGISTER, once. In a native session pages of a BAR
 * that only hold ram are mapped, and every other page is trapped.
 */
struct pciem_regs {
	__u64 rows, ram;
	__u32 nrows, nram;
	__u64 timeout_ns;
	__u32 bad_row, reserved;
};

/**
 * struct pciem_config_watch - which bytes of configuration space the host has a say in
 * @bitmap: user address of PCIEM_SPACE_SIZE / 8 bytes: bit n % 8 of byte n / 8 stands for byte n
 *
 * After SET_REGS, before REGISTER; again: another choice. A driver's write of a watched byte is
 * carried out on the image and then told, whole, by CONFIG_WRITE; from START on the driver waits
 * until that is answered, since a configuration write is no posted one (PCIe 6.0 §2.2.7). A read
 * of a watched byte waits until what was posted before it has been handled, as any read does.
 */
struct pciem_config_watch {
	__u64 bitmap;
};

/**
 * struct pciem_config_poke - the hardware's own hand in configuration space
 * @offset: @size: 1, 2 or 4 bytes, aligned, from 0x40 on; not in a capability, but for what
 *	follows the length byte of a vendor-specific one; not in an extended capability's header
 * @mask: bits that become those of @value; 0: is the place right?
 *
 * While the device is on its bus.
 */
struct pciem_config_poke {
	__u32 offset, size, mask, value;
};

/* What waits in the queue. */
enum pciem_request_type {
	PCIEM_REQ_WRITE = 1,	/* posted */
	PCIEM_REQ_READ,		/* the driver waits for slot's data */
	PCIEM_REQ_SYNC_WRITE,	/* the driver waits until slot is answered */
	PCIEM_REQ_GUEST_ERROR,	/* row: enum mb_guest_error; told once for each place and kind */
	PCIEM_REQ_TIMEOUT,	/* a waited-for access was given up: told after the fact */
	PCIEM_REQ_COMMAND,	/* data: the new COMMAND register */
	PCIEM_REQ_RESET,	/* data: 1 FLR; the driver waits unless slot is ~0 */
	PCIEM_REQ_REMOVED,	/* STOP is through: the device has left the bus */
	PCIEM_REQ_CONFIG_WRITE,	/* of a watched byte; the driver waits unless slot is ~0 */
	PCIEM_REQ_POWER,	/* data: the new power state, 0 (D0) to 3 (D3hot) */
};

/**
 * struct pciem_request - one element of the queue
 * @type: PCIEM_REQ_*
 * @bar: @offset: @size: @data: the access as it was on the bus; PCIEM_BAR_CONFIG:
 *	in configuration space
 * @row: first row it touches, a hint that the host need not look it up
 * @slot: @gen: where to answer, and with which generation
 */
struct pciem_request {
	__u8 type, bar, size, func;
	__u32 row;
	__u64 offset, data;
	__u32 slot, gen;
};

/**
 * struct pciem_slot - the answer to one waiting access
 * @gen: the host stores the request's gen here, last and with release order
 * @sleeping: set by the kernel when the driver has gone to sleep: the host
 *	then calls PCIEM_WAKE (full barrier between storing gen and reading this)
 * @data: the value read
 */
struct pciem_slot {
	__u32 gen, sleeping;
	__u64 data;
	__u32 pad[12];
};

#define PCIEM_BAR_CONFIG	0xff	/* pciem_request.bar */

#define PCIEM_QUEUE_ENTRIES	4096
#define PCIEM_QUEUE_SLOTS	256

/**
 * struct pciem_queue - shared between the kernel, who produces, and the host
 * @tail: requests produced since REGISTER, modulo 2^32; stored with release order
 * @irq_mode: what the driver has enabled now: 0 none, 1 INTx, 2 MSI, 3 MSI-X; by the kernel
 * @head: requests whose handling is over; stored by the host with release order
 *	after the hooks have run. What the kernel answers by itself waits until
 *	head == tail (promise 3). The kernel believes no head outside
 *	[its own last head, its own tail].
 * @awake: non-zero while the host polls tail: no wake-up is sent. The host
 *	stores 0, a full barrier, looks at tail again, and only then sleeps in poll().
 *
 * mmap at PCIEM_MMAP_QUEUE, after REGISTER.
 */
struct pciem_queue {
	__u32 tail, irq_mode, pad0[14];
	__u32 head, pad1[15];
	__u32 awake, pad2[15];
	__u32 pad3[976];
	struct pciem_request entry[PCIEM_QUEUE_ENTRIES];
	struct pciem_slot slot[PCIEM_QUEUE_SLOTS];
};

/* Offsets for mmap of /dev/pciem in a native session (other offsets: the older ring). */
#define PCIEM_MMAP_QUEUE	0x10000000ull	/* struct pciem_queue */
#define PCIEM_MMAP_STATE	0x20000000ull	/* struct mb_reg_state [nrows] */
/* The BARs' memory is mapped through the fd that REGISTER returns, at (func << 3 | bar)
 * pages, as in the listed interface. PCIEM_MMAP_BAR(bar) + offset on /dev/pciem reaches all
 * of a large BAR.
 */
#define PCIEM_MMAP_BAR(bar)	(((__u64)(bar) + 1) << 40)

#define PCIEM_IRQ_RAISE		1	/* a cause was set: message, or level if row-bound */
#define PCIEM_IRQ_EVAL		2	/* a bound status or enable register was poked */
#define PCIEM_IRQ_ASSERT	3	/* hold the vector's own INTx level (no register bound) */
#define PCIEM_IRQ_DEASSERT	4

/**
 * struct pciem_irq - @op: PCIEM_IRQ_*
 *
 * With MSI or MSI-X enabled, RAISE sends one message, kept pending while masked; if rows are bound
 * to the vector, only while one of their status & enable bits is set. EVAL sends one when that level
 * has risen. With INTx the line is the OR of every bound status & enable and of every ASSERTed
 * vector; RAISE of a vector without rows does nothing there, since only a level speaks.
 */
struct pciem_irq {
	__u32 vector, op;
};

enum pciem_dma_why {
	PCIEM_DMA_OK, PCIEM_DMA_WILD, PCIEM_DMA_STALE, PCIEM_DMA_BOUNDS, PCIEM_DMA_DIRECTION,
	PCIEM_DMA_NO_BUS_MASTER, PCIEM_DMA_NOT_RAM, PCIEM_DMA_BAD_USER_ADDRESS,
};

/**
 * struct pciem_dma_piece - one stretch of a transfer
 * @bus: bus address; @user: address in the host process; @length: bytes
 * @flags: PCIEM_DMA_READ (from the driver's memory) or PCIEM_DMA_WRITE
 */
struct pciem_dma_piece {
	__u64 bus, user;
	__u32 length, flags;
};

#define PCIEM_DMA_MAX_PIECES	1024

/**
 * struct pciem_dma_list - many pieces in one call, in order
 * @pieces: user address of struct pciem_dma_piece [@count]
 * @raise: vector to raise after the last piece, or ~0
 * @done: by the kernel: pieces transferred whole
 * @why: by the kernel: enum pciem_dma_why of piece [@done]
 *
 * -EFAULT with @why when a piece is refused; earlier pieces stay transferred.
 */
struct pciem_dma_list {
	__u64 pieces;
	__u32 count, raise, done, why;
};

/**
 * struct pciem_stats - @outstanding: strict DMA mappings the driver holds now
 * @standby: accesses that waited for the standby
 */
struct pciem_stats {
	__u64 traps, local, posted, waited, timeouts, queue_full, irqs, dma_bytes, dma_refused,
	      outstanding, refused_instructions, standby, reserved[4];
};

/*
 * The standby: a second thread of the host. A driver's interrupt handler or timer that interrupts
 * the thread that serves (the one that calls poll()) waits for an answer that this thread cannot give
 * before the handler is over. Then the kernel calls the session's standby, on another CPU, and it
 * serves the queue instead. Without one such a wait is given up at once.
 *
 * PCIEM_STANDBY_WAIT: the caller is the standby from now on; blocks until it is called: 0
 * PCIEM_STANDBY_BUSY: the same; what it was called for last is hopeless, since the thread that
 *	serves was interrupted in the middle of a request: that wait is given up now
 * PCIEM_STANDBY_DISMISS: by any other thread, does not block: the standby's call, or its next one,
 *	ends with -ECANCELED, and then it is the standby no more
 *
 * -EBUSY: another thread is the standby. -ENODEV: the session is over. -EINTR: a signal. While a
 * thread is inside, the node is in use: dismiss it before closing the node.
 */
#define PCIEM_STANDBY_WAIT	0
#define PCIEM_STANDBY_BUSY	1
#define PCIEM_STANDBY_DISMISS	2

#define PCIEM_FEATURES		_IOWR(PCIEM_IOC, 64, struct pciem_features)
#define PCIEM_SET_SPACE		_IOW(PCIEM_IOC, 65, struct pciem_space)
#define PCIEM_SET_REGS		_IOWR(PCIEM_IOC, 66, struct pciem_regs)
#define PCIEM_IRQ		_IOW(PCIEM_IOC, 67, struct pciem_irq)
#define PCIEM_DMA_LIST		_IOWR(PCIEM_IOC, 68, struct pciem_dma_list)
#define PCIEM_WAKE		_IOW(PCIEM_IOC, 69, __u32)	/* the driver that sleeps on a slot */
#define PCIEM_STOP		_IO(PCIEM_IOC, 70)	/* orderly removal begins; REMOVED ends it */
#define PCIEM_GET_STATS		_IOR(PCIEM_IOC, 71, struct pciem_stats)
#define PCIEM_SET_TIMEOUT	_IOW(PCIEM_IOC, 72, __u64)	/* ns, as pciem_regs.timeout_ns */
#define PCIEM_CONFIG_WATCH	_IOW(PCIEM_IOC, 73, struct pciem_config_watch)
#define PCIEM_CONFIG_POKE	_IOW(PCIEM_IOC, 74, struct pciem_config_poke)
#define PCIEM_STANDBY		_IOW(PCIEM_IOC, 75, __u32)	/* PCIEM_STANDBY_* */

#endif
