/* SPDX-License-Identifier: MIT */
/*
 * moonbar.h: libmoonbar, a scripting host for PCIe devices.
 *
 * A device (struct mb_device) is a register file, a configuration space and
 * capabilities; a transport puts it on a bus; a handler is called for what the
 * masks cannot answer. The Lua device language sits on top (host/lua), and so
 * can a C program. No global state; a device is used by one thread at a time.
 *
 * Every function that can fail returns -1 (or NULL) and fills the mb_error it
 * was given: what is wrong, where, and what would be right.
 *
 * Try it:  make && ./moonbar run lua/devices/edu.lua
 */
#ifndef MOONBAR_H
#define MOONBAR_H

#include "regs.h"

#ifdef __cplusplus
extern "C" {
#endif

#define MB_VERSION	"0.1.0"
#ifdef MB_CDEF
#define MB_API
#else
#define MB_API		__attribute__((visibility("default")))
#endif

/** struct mb_error - why a call failed; @text is one sentence, never empty on failure */
struct mb_error {
	char text[512];
};

/** struct mb_span - memory in this process: @len bytes at @ptr; does not own them */
struct mb_span {
	uint8_t *ptr;
	uint64_t len;
};

/* What a handler is called for. */
enum mb_event {
	MB_EV_READ = 1,		/* row's read hook: value holds the stored bits; set it */
	MB_EV_WRITE,		/* row's write hook or doorbell; result 0 keep, 1 store value, 2 drop */
	MB_EV_TIMER,		/* row: the id given to mb_after() */
	MB_EV_GUEST_ERROR,	/* size: enum mb_guest_error; offset, bar, value: where and what */
	MB_EV_TIMEOUT,		/* a driver's access was given up and read as all-ones */
	MB_EV_COMMAND,		/* value: the new COMMAND register */
	MB_EV_RESET,		/* value: 0 cold, 1 FLR, 2 back to D0, 3 bus reset; registers are reset already */
	MB_EV_REMOVED,		/* the device has left the bus */
	MB_EV_POWER,		/* value: the new power state, 0 (D0) to 3 (D3hot) */
	MB_EV_CONFIG_WRITE,	/* offset, size, value: a write to configuration space, carried out already */
	MB_EV_TRACE,		/* mb_trace() is on: bar, offset, size, value; raw: enum mb_trace_kind; row may be none */
};

/**
 * struct mb_call - one call of a device's handler, in and out
 * @value: READ: stored bits in, answer out. WRITE: the new stored value in
 *	(for a doorbell the written value), the value to store out
 * @old: WRITE: value before; @raw: WRITE: what the driver wrote
 * @offset: @bar: GUEST_ERROR and TIMEOUT: the access (MB_BAR_CONFIG: to configuration
 *	space); for GUEST_ERROR @size is the enum mb_guest_error, @raw the bytes and @value what was written
 * @data: for a driver's read and write through Lua
 */
struct mb_call {
	uint64_t value, old, raw, offset, data;
	uint32_t bar, size;
};

#define MB_BAR_CONFIG	0xff

struct mb_device;

/* mb_handler - @row: row index (or timer id); returns as mb_event says, -1: it failed */
typedef int (*mb_handler)(void *ctx, enum mb_event event, uint32_t row, struct mb_call *call);

/* PCI capability identifiers, as in configuration space */
enum mb_cap_id {
	MB_CAP_ID_PM = 0x01, MB_CAP_ID_MSI = 0x05, MB_CAP_ID_VENDOR = 0x09,
	MB_CAP_ID_EXPRESS = 0x10, MB_CAP_ID_MSIX = 0x11,
	MB_CAP_ID_EXTENDED = 0x10000,	/* or the identifier of an extended one */
};

/** struct mb_cap - one capability, laid out from 0x40 (extended: 0x100) in the order given */
struct mb_cap {
	uint32_t id;			/* enum mb_cap_id */
	uint32_t version;		/* extended: 0 to 15 */
	uint32_t vectors;		/* MSI: 1, 2, 4 … 32; MSI-X: 1 to 2048 */
	uint32_t bar, table, pba;	/* MSI-X: where table and PBA live */
	uint32_t masking, is64;		/* MSI: per-vector masks, 64-bit address */
	uint32_t flr;			/* EXPRESS: takes a Function Level Reset */
	uint32_t len;			/* VENDOR: after the length byte, 189; extended: after the header, 192 */
	uint8_t bytes[192], wmask[192];
	uint8_t w1c[192];		/* extended: bits that a written 1 clears */
};

/** struct mb_bar_desc - @size: bytes, a power of two from 16, or 0 for none */
struct mb_bar_desc {
	uint64_t size;
	uint32_t is64, prefetch;
};

#define MB_MAX_CAPS	16

/** struct mb_desc - what a device is made of; all is copied */
struct mb_desc {
	char name[64];
	uint32_t vendor, device, subsys_vendor, subsys_device, revision, class_code;
	uint32_t intx;			/* has an INTx pin */
	uint32_t dma_bits;		/* address bits of the device's DMA, 0: 64 */
	uint32_t ncaps, nrows, nram, nconfig;
	/* Not 0: MB_EV_CONFIG_WRITE for all of configuration space, not only for what config
	 * describes; a driver's write waits for it.
	 */
	uint32_t config_events;
	uint64_t timeout_ns;		/* completion timeout, 0: 50 ms */
	struct mb_bar_desc bar[6];
	struct mb_cap cap[MB_MAX_CAPS];
	const struct mb_reg *rows;	/* any order: sorted by mb_device_new(); .id is the caller's */
	const struct mb_ram *ram;
	/* Registers in configuration space, in order of offset; bar is 0, and they name each other
	 * by their place here. To the handler and to mb_poke() the first of them is row nrows.
	 */
	const struct mb_reg *config;
};

/* mb_config_owners() - whose bytes of configuration space are: @owner[0 … 4095] becomes the index
 * of the capability of @desc, MB_OWNER_HEADER or MB_OWNER_NONE. -1: they do not fit.
 */
#define MB_OWNER_NONE	(-1)
#define MB_OWNER_HEADER	(-2)
MB_API int mb_config_owners(const struct mb_desc *desc, int8_t *owner, struct mb_error *err);

/* ---- a device ------------------------------------------------------------------- */

/* mb_device_new() - make a device; @handler may be NULL if no row has a hook.
 * rows are sorted; mb_row_of() tells where row id went.
 */
MB_API struct mb_device *mb_device_new(const struct mb_desc *desc, mb_handler handler, void *ctx,
				       struct mb_error *err);
/* mb_device_free() - takes it off its bus first; NULL is fine */
MB_API void mb_device_free(struct mb_device *dev);

/* mb_call_of() - the struct mb_call its handler is given; valid as long as the device */
MB_API struct mb_call *mb_call_of(struct mb_device *dev);
MB_API const struct mb_reg *mb_rows(const struct mb_device *dev, uint32_t *n);
/* mb_state() - one element a row, shared with the bus; moves at mb_attach_*(): ask again */
MB_API struct mb_reg_state *mb_state(struct mb_device *dev);
/* mb_config_state() - one element a row of desc->config; stays where it is */
MB_API struct mb_reg_state *mb_config_state(struct mb_device *dev);
/* mb_row_of() - row index of desc->rows[id], MB_NONE if there is none */
MB_API uint32_t mb_row_of(const struct mb_device *dev, uint32_t id);
/* mb_poke() - the hardware's own hand: set bits of a row's state, and follow its interrupt:
 * the level is looked at again; @raise: a cause was set, a message goes out as well
 */
MB_API void mb_poke(struct mb_device *dev, uint32_t row, uint64_t mask, uint64_t value, bool raise);
/* mb_ram() - memory of a ram piece (@len bytes from @offset), ptr NULL if it is not all ram.
 * Moves at mb_attach_*().
 */
MB_API struct mb_span mb_ram(struct mb_device *dev, uint32_t bar, uint64_t offset, uint64_t len);

/* ---- interrupts and DMA ------------------------------------------------------------ */

enum mb_irq_op { MB_IRQ_RAISE = 1, MB_IRQ_EVAL, MB_IRQ_ASSERT, MB_IRQ_DEASSERT };

/* mb_irq() - as PCIEM_IRQ in kernel/uapi/pciem.h. 0, or -1 for a vector out of range */
MB_API int mb_irq(struct mb_device *dev, uint32_t vector, enum mb_irq_op op);

/* mb_irq_mode() - what the driver has enabled now */
enum mb_irq_mode { MB_IRQ_NONE, MB_IRQ_INTX, MB_IRQ_MSI, MB_IRQ_MSIX };
MB_API enum mb_irq_mode mb_irq_mode(const struct mb_device *dev);

enum mb_dma_why {
	MB_DMA_OK, MB_DMA_WILD, MB_DMA_STALE, MB_DMA_BOUNDS, MB_DMA_DIRECTION,
	MB_DMA_NO_BUS_MASTER, MB_DMA_NOT_RAM, MB_DMA_BAD_USER_ADDRESS, MB_DMA_NOT_ATTACHED,
};

/** struct mb_dma_piece - @flags: 1 from the driver's memory to @user, 2 the other way */
struct mb_dma_piece {
	uint64_t bus, user;
	uint32_t length, flags;
};

/* mb_dma() - carry out pieces in order; then raise vector @raise unless MB_NONE.
 * Returns MB_DMA_OK or why the first refused piece was; *@done pieces were carried out.
 * NULL @done is fine.
 */
MB_API enum mb_dma_why mb_dma(struct mb_device *dev, const struct mb_dma_piece *piece,
			      uint32_t count, uint32_t raise, uint32_t *done);
MB_API const char *mb_dma_why_text(enum mb_dma_why why);

/* ---- looking on ------------------------------------------------------------------------ */

enum mb_trace_kind { MB_TRACE_READ, MB_TRACE_WRITE, MB_TRACE_CONFIG_READ, MB_TRACE_CONFIG_WRITE };

/* mb_trace() - from now on the handler gets MB_EV_TRACE for every access of the driver's that this
 * process sees: all of them on the simulated bus, on the kernel's those that the kernel does not
 * answer itself. A write is told before it is carried out, a read after.
 */
MB_API void mb_trace(struct mb_device *dev, bool on);

#define MB_DMA_RECENT	16

/** struct mb_dma_done - one piece of DMA, and how it went: @why is MB_DMA_OK or why not */
struct mb_dma_done {
	struct mb_dma_piece piece;
	uint32_t why;
};

/* mb_dma_recent() - the latest pieces, oldest first: at most @room and MB_DMA_RECENT of them to
 * @out, *@got says how many. Returns how many there were since the device was made.
 */
MB_API uint64_t mb_dma_recent(const struct mb_device *dev, struct mb_dma_done *out, uint32_t room,
			      uint32_t *got);

/** struct mb_dma_mapping - @dir: 1 the device may read, 2 may write, 3 both; @ptr in this process */
struct mb_dma_mapping {
	uint64_t bus, size;
	uint8_t *ptr;
	uint32_t dir;
};

/* mb_dma_mapping() - the driver's mapping number @i, from 0 on, newest first. 1: *@out is filled;
 * 0: there are no more; -1: this bus does not tell
 */
MB_API int mb_dma_mapping(const struct mb_device *dev, uint32_t i, struct mb_dma_mapping *out);
/* mb_dma_inherit() - the driver's mappings of @from become those of @to, which takes its place on
 * the same bus; memory of mb_dma_alloc() stays where it is
 */
MB_API void mb_dma_inherit(struct mb_device *to, struct mb_device *from);
/* mb_config_image() - the 4096 bytes of configuration space as they stand, read hooks not run. -1:
 * this bus does not tell
 */
MB_API int mb_config_image(struct mb_device *dev, uint8_t *image);

/* ---- the clock ------------------------------------------------------------------------ */

/* mb_now() - the device's clock, ns. Live: since it was made; stepped: what mb_step() added */
MB_API uint64_t mb_now(const struct mb_device *dev);
/* mb_after() - MB_EV_TIMER with @id in @ns from now; same due time: in the order asked */
MB_API int mb_after(struct mb_device *dev, uint64_t ns, uint32_t id);
/* mb_cancel() - forget every pending timer of @id; returns how many there were */
MB_API int mb_cancel(struct mb_device *dev, uint32_t id);
/* mb_step() - stepped clock only: go on by @ns, running timers as they fall due */
MB_API void mb_step(struct mb_device *dev, uint64_t ns);
/* mb_next_due() - ns until the next timer, UINT64_MAX if none */
MB_API uint64_t mb_next_due(const struct mb_device *dev);

/* ---- buses -------------------------------------------------------------------------------- */

/* mb_attach_sim() - put the device on the simulated bus. @stepped: its clock moves by mb_step() only */
MB_API int mb_attach_sim(struct mb_device *dev, bool stepped, struct mb_error *err);
/* mb_attach_pciem() - put it on the kernel's bus; @path NULL: /dev/pciem. No driver binds yet */
MB_API int mb_attach_pciem(struct mb_device *dev, const char *path, struct mb_error *err);
/* mb_start() - drivers may bind; from now on mb_serve() must be called */
MB_API int mb_start(struct mb_device *dev, struct mb_error *err);
/* mb_stop() - begin an orderly removal; serve on until MB_EV_REMOVED (sim: at once) */
MB_API int mb_stop(struct mb_device *dev, struct mb_error *err);

/* mb_detach() - off its bus at once, pending timers forgotten; a loop that serves it passes it by */
MB_API void mb_detach(struct mb_device *dev);

/* mb_serve() - handle what waits now (accesses, due timers) and return how many; never blocks.
 * -1: the bus is gone.
 */
MB_API int mb_serve(struct mb_device *dev, struct mb_error *err);
/* mb_fd() - readable when mb_serve() has work, after mb_sleep(); -1 if the bus needs none */
MB_API int mb_fd(const struct mb_device *dev);
/* mb_sleep() - true: nothing waits and the bus will signal mb_fd(); false: serve again */
MB_API bool mb_sleep(struct mb_device *dev);

/* mb_loop() - serve devices until *@stop or until all have left their bus: spins while drivers are busy, sleeps when idle.
 * @extra: another descriptor to watch (-1: none), @on_extra called when it is readable; it
 * returns non-zero to end the loop. Returns 0, or -1 when a bus is gone. On the kernel's bus a
 * handler may be called on a thread of the library's own, for a driver that has interrupted this
 * one; never while this one is in a handler or in @on_extra.
 */
MB_API int mb_loop(struct mb_device **dev, unsigned int n, int extra, int (*on_extra)(void *),
		   void *ctx, volatile int *stop, struct mb_error *err);

/* ---- the driver's side, on the simulated bus only ---------------------------------------------- */

/* mb_bus_read() - what a driver's read answers; the handler may run. Not attached: all-ones */
MB_API uint64_t mb_bus_read(struct mb_device *dev, uint32_t bar, uint64_t offset, uint32_t size);
MB_API void mb_bus_write(struct mb_device *dev, uint32_t bar, uint64_t offset, uint32_t size,
			 uint64_t data);
MB_API uint32_t mb_config_read32(struct mb_device *dev, uint32_t offset, uint32_t size);
MB_API void mb_config_write32(struct mb_device *dev, uint32_t offset, uint32_t size, uint32_t value);
/* mb_bus_reset() - @kind: as for MB_EV_RESET. A driver that resets its device saves configuration
 * space before and puts it back after; so here it stays, but for what desc->config describes.
 */
MB_API int mb_bus_reset(struct mb_device *dev, uint32_t kind, struct mb_error *err);
/* mb_irq_take() - interrupts delivered to the driver on @vector (INTx: 0) since last asked;
 * an INTx line that is asserted counts as one each time
 */
MB_API uint32_t mb_irq_take(struct mb_device *dev, uint32_t vector);
/* mb_dma_alloc() - memory of the driver the device may reach; *@bus: its bus address. NULL: none */
MB_API void *mb_dma_alloc(struct mb_device *dev, uint64_t size, uint64_t *bus);
/* mb_dma_map() - let the device reach @ptr; @dir: 1 device reads, 2 device writes, 3 both.
 * Returns the bus address, 0 on failure.
 */
MB_API uint64_t mb_dma_map(struct mb_device *dev, void *ptr, uint64_t size, uint32_t dir);
/* mb_dma_unmap() - 0, or -1 if nothing is mapped there (memory of mb_dma_alloc() is freed) */
MB_API int mb_dma_unmap(struct mb_device *dev, uint64_t bus);

/* ---- backing stores ------------------------------------------------------------------------------- */

struct mb_store;

/* mb_store_open() - @size bytes of memory, kept in file @path (made or grown as needed, holes
 * for zeroes), or in RAM if @path is NULL. A file of another size is an error unless @size is 0.
 */
MB_API struct mb_store *mb_store_open(const char *path, uint64_t size, struct mb_error *err);
MB_API struct mb_span mb_store_span(struct mb_store *st);
MB_API int mb_store_flush(struct mb_store *st, struct mb_error *err);
/* mb_store_discard() - make [offset, offset + len) read as zeroes and give the space back */
MB_API int mb_store_discard(struct mb_store *st, uint64_t offset, uint64_t len);
MB_API void mb_store_close(struct mb_store *st);

#ifdef __cplusplus
}
#endif
#endif
