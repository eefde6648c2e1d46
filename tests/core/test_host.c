// SPDX-License-Identifier: MIT
/*
 * test_host.c: the library without Lua: a device with a C handler on the
 * simulated bus, its clock, interrupts in all three forms, strict DMA, stores,
 * and what a wrong description is told.
 *
 * Try it:  make build/test_host && build/test_host
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "config.h"
#include "moonbar.h"
#include "space.h"

static struct {
	struct mb_device *dev;
	struct mb_error err;
	uint32_t order[16];
	int n, guest_errors;
	uint64_t due[16];
} t;

static int handler(void *ctx, enum mb_event event, uint32_t row, struct mb_call *call)
{
	(void)ctx;
	switch (event) {
	case MB_EV_READ:
		call->value = 0xabc;
		return 0;
	case MB_EV_WRITE:
		call->value = ~call->value;
		return 1;
	case MB_EV_TIMER:
		t.due[t.n] = mb_now(t.dev);
		t.order[t.n++] = row;
		if (row == 9)		/* a timer may ask for another */
			mb_after(t.dev, 5, 10);
		return 0;
	case MB_EV_GUEST_ERROR:
		t.guest_errors++;
		return 0;
	default:
		return 0;
	}
}

enum { STATUS, ENABLE, ACK, LIVE, RAISE };

static void describe(struct mb_desc *d, struct mb_reg *rows, uint32_t n)
{
	static struct mb_ram ram = { .offset = 0x1000, .size = 0x1000 };
	uint32_t i;

	memset(d, 0, sizeof(*d));
	strcpy(d->name, "test");
	d->vendor = 0x1234;
	d->device = 0x5678;
	d->intx = 1;
	d->bar[0].size = 0x10000;
	d->cap[0] = (struct mb_cap){ .id = MB_CAP_ID_MSIX, .vectors = 4, .table = 0x8000,
				     .pba = 0x9000 };
	d->cap[1] = (struct mb_cap){ .id = MB_CAP_ID_MSI, .vectors = 2, .is64 = 1, .masking = 1 };
	d->ncaps = 2;
	d->rows = rows;
	d->nrows = n;
	d->ram = &ram;
	d->nram = 1;
	for (i = 0; i < n; i++)
		rows[i] = (struct mb_reg){ .offset = 4 * (n - 1 - i), .size = 4, .target = i,
					   .rd = ~0u, .wr = ~0u, .lock = MB_NONE,
					   .vector = MB_NONE, .enable = MB_NONE };
}

static int setup(void **state)
{
	static struct mb_reg rows[5];
	struct mb_desc d;

	(void)state;
	memset(&t, 0, sizeof(t));
	describe(&d, rows, 5);
	rows[STATUS].wr = 0;
	rows[STATUS].vector = 1;
	rows[STATUS].enable = ENABLE;
	rows[ACK].target = rows[RAISE].target = STATUS;
	rows[ACK].rd = rows[ACK].wr = rows[RAISE].rd = rows[RAISE].wr = 0;
	rows[ACK].w1c = rows[RAISE].w1s = ~0u;
	rows[LIVE].flags = MB_REG_WRITE_HOOK | MB_REG_READ_HOOK;
	t.dev = mb_device_new(&d, handler, NULL, &t.err);
	if (!t.dev || mb_attach_sim(t.dev, true, &t.err) || mb_start(t.dev, &t.err))
		fail_msg("%s", t.err.text);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	mb_device_free(t.dev);
	return 0;
}

static uint64_t offset_of(uint32_t id)
{
	return mb_rows(t.dev, NULL)[mb_row_of(t.dev, id)].offset;
}

static void wr(uint32_t id, uint32_t value)
{
	mb_bus_write(t.dev, 0, offset_of(id), 4, value);
}

static uint32_t rd(uint32_t id)
{
	return mb_bus_read(t.dev, 0, offset_of(id), 4);
}

static void rows_are_sorted(void **state)
{
	uint32_t n, i;
	const struct mb_reg *r = mb_rows(t.dev, &n);

	(void)state;
	assert_int_equal(n, 5);
	for (i = 0; i < n; i++) {
		assert_int_equal(r[i].offset, 4 * i);
		assert_int_equal(r[i].id, n - 1 - i);
		assert_int_equal(mb_row_of(t.dev, r[i].id), i);
	}
	assert_int_equal(mb_row_of(t.dev, 5), MB_NONE);
	assert_int_equal(r[mb_row_of(t.dev, STATUS)].enable, mb_row_of(t.dev, ENABLE));
}

static void hooks_answer(void **state)
{
	(void)state;
	assert_int_equal(rd(LIVE), 0xabc);
	wr(LIVE, 0x1234);
	assert_int_equal(mb_state(t.dev)[mb_row_of(t.dev, LIVE)].value, (uint32_t)~0x1234);
	assert_int_equal(mb_bus_read(t.dev, 0, 0x4000, 4), 0xffffffff);
	assert_int_equal(t.guest_errors, 1);
	assert_int_equal(mb_bus_read(t.dev, 0, 0x10000, 4), 0xffffffff);
	assert_int_equal(mb_bus_read(t.dev, 1, 0, 4), 0xffffffff);
	assert_int_equal(mb_bus_read(t.dev, 7, 0, 4), 0xffffffff);
}

static void memory_is_shared(void **state)
{
	struct mb_span s = mb_ram(t.dev, 0, 0x1000, 0x1000);

	(void)state;
	assert_non_null(s.ptr);
	mb_bus_write(t.dev, 0, 0x1ffc, 8, 0x1122334455667788ull);	/* the last 4 fall off */
	assert_memory_equal(s.ptr + 0xffc, "\x88\x77\x66\x55", 4);
	assert_null(mb_ram(t.dev, 0, 0x1001, 0x1000).ptr);
	assert_null(mb_ram(t.dev, 0, 0x3000, 1).ptr);
}

static void intx_is_a_level(void **state)
{
	(void)state;
	wr(RAISE, 1);
	assert_int_equal(mb_irq_take(t.dev, 0), 0);	/* not enabled */
	wr(ENABLE, 1);
	assert_int_equal(mb_irq_take(t.dev, 0), 1);
	assert_int_equal(mb_irq_take(t.dev, 0), 1);
	assert_true(mb_config_read32(t.dev, MB_PCI_STATUS, 2) & MB_STATUS_INTERRUPT);
	wr(ACK, 1);
	assert_int_equal(mb_irq_take(t.dev, 0), 0);
	mb_irq(t.dev, 3, MB_IRQ_ASSERT);
	assert_int_equal(mb_irq_take(t.dev, 0), 1);
	assert_int_equal(mb_irq_mode(t.dev), MB_IRQ_INTX);
	mb_config_write32(t.dev, MB_PCI_COMMAND, 2, 6 | MB_COMMAND_INTX_OFF);
	assert_int_equal(mb_irq_take(t.dev, 0), 0);
	mb_irq(t.dev, 3, MB_IRQ_DEASSERT);
	assert_int_equal(mb_irq(t.dev, 99, MB_IRQ_RAISE), -1);
}

static uint32_t find_cap(uint8_t id)
{
	uint32_t at = mb_config_read32(t.dev, MB_PCI_CAP_POINTER, 1);

	while (at && mb_config_read32(t.dev, at, 1) != id)
		at = mb_config_read32(t.dev, at + 1, 1);
	return at;
}

static void messages(void **state)
{
	uint32_t msix = find_cap(MB_CAP_ID_MSIX);

	(void)state;
	assert_int_not_equal(msix, 0);
	mb_config_write32(t.dev, msix + 2, 2, 0x8000);
	assert_int_equal(mb_irq_mode(t.dev), MB_IRQ_MSIX);
	wr(ENABLE, 3);
	wr(RAISE, 1);
	assert_int_equal(mb_irq_take(t.dev, 1), 0);	/* masked in the table: pending */
	assert_int_equal(mb_bus_read(t.dev, 0, 0x9000, 8), 2);
	mb_bus_write(t.dev, 0, 0x8000 + 16 + 12, 4, 0);
	assert_int_equal(mb_irq_take(t.dev, 1), 1);
	assert_int_equal(mb_bus_read(t.dev, 0, 0x9000, 8), 0);
	wr(RAISE, 1);
	wr(RAISE, 1);
	assert_int_equal(mb_irq_take(t.dev, 1), 2);	/* a message a raise */
	wr(ACK, 1);
	assert_int_equal(mb_irq_take(t.dev, 1), 0);
	mb_poke(t.dev, mb_row_of(t.dev, STATUS), 2, 2, false);	/* the level rises: one */
	assert_int_equal(mb_irq_take(t.dev, 1), 1);
	mb_irq(t.dev, 0, MB_IRQ_RAISE);			/* no row: a message as such */
	mb_bus_write(t.dev, 0, 0x8000 + 12, 4, 0);
	assert_int_equal(mb_irq_take(t.dev, 0), 1);
	mb_config_write32(t.dev, msix + 2, 2, 0);
	wr(ACK, 3);
	mb_config_write32(t.dev, find_cap(MB_CAP_ID_MSI) + 2, 2, 1);
	assert_int_equal(mb_irq_mode(t.dev), MB_IRQ_MSI);
	wr(RAISE, 1);
	assert_int_equal(mb_irq_take(t.dev, 0), 1);	/* one message granted */
}

static void dma_is_strict(void **state)
{
	uint8_t own[64] = "device", *mem;
	uint64_t bus;
	struct mb_dma_piece p[2] = { { .user = (uintptr_t)own, .length = 6, .flags = 2 } };
	uint32_t done;

	(void)state;
	mem = mb_dma_alloc(t.dev, 100, &bus);
	assert_non_null(mem);
	p[0].bus = bus + 94;
	p[1] = (struct mb_dma_piece){ bus + 94, (uintptr_t)(own + 32), 7, 1 };
	assert_int_equal(mb_dma(t.dev, p, 2, MB_NONE, &done), MB_DMA_BOUNDS);
	assert_int_equal(done, 1);
	assert_memory_equal(mem + 94, "device", 6);
	p[1].length = 6;
	assert_int_equal(mb_dma(t.dev, p, 2, MB_NONE, NULL), MB_DMA_OK);
	assert_memory_equal(own + 32, "device", 6);
	mb_config_write32(t.dev, MB_PCI_COMMAND, 2, 2);
	assert_int_equal(mb_dma(t.dev, p, 1, MB_NONE, NULL), MB_DMA_NO_BUS_MASTER);
	mb_config_write32(t.dev, MB_PCI_COMMAND, 2, 6);
	assert_int_equal(mb_dma_unmap(t.dev, bus), 0);
	assert_int_equal(mb_dma_unmap(t.dev, bus), -1);
	assert_int_equal(mb_dma(t.dev, p, 1, MB_NONE, NULL), MB_DMA_STALE);
	p[0].bus = 1ull << 60;
	assert_int_equal(mb_dma(t.dev, p, 1, MB_NONE, NULL), MB_DMA_WILD);
	p[0].bus = mb_dma_map(t.dev, own + 32, 16, 1);
	assert_int_equal(mb_dma(t.dev, p, 1, MB_NONE, NULL), MB_DMA_DIRECTION);
	assert_string_equal(mb_dma_why_text(MB_DMA_DIRECTION), "against the mapping's direction");
}

static void timers_in_order(void **state)
{
	static const uint32_t want[] = { 9, 3, 1, 2, 10 };
	int i;

	(void)state;
	mb_after(t.dev, 20, 3);
	mb_after(t.dev, 30, 1);
	mb_after(t.dev, 30, 2);
	mb_after(t.dev, 10, 9);
	mb_after(t.dev, 25, 7);
	mb_after(t.dev, 35, 7);
	assert_int_equal(mb_next_due(t.dev), 10);
	assert_int_equal(mb_cancel(t.dev, 7), 2);
	mb_step(t.dev, 9);
	assert_int_equal(t.n, 0);
	mb_step(t.dev, 100);
	assert_int_equal(t.n, 5);
	assert_int_equal(t.order[0], 9);
	assert_int_equal(t.order[1], 10);	/* asked for at 10, due at 15 */
	assert_int_equal(t.due[1], 15);
	for (i = 1; i < 4; i++)
		assert_int_equal(t.order[i + 1], want[i]);
	assert_int_equal(mb_now(t.dev), 109);
	assert_true(mb_next_due(t.dev) == UINT64_MAX);
}

static void removed(void **state)
{
	(void)state;
	assert_int_equal(mb_stop(t.dev, &t.err), 0);
	assert_int_equal(rd(STATUS), 0xffffffff);
	assert_int_equal(mb_config_read32(t.dev, 0, 4), 0xffffffff);
	assert_int_equal(mb_stop(t.dev, &t.err), -1);
}

static void refused(struct mb_desc *d, const char *why)
{
	struct mb_error err = { "" };
	struct mb_device *dev = mb_device_new(d, NULL, NULL, &err);

	if (dev && mb_attach_sim(dev, true, &err)) {
		mb_device_free(dev);
		dev = NULL;
	}
	if (dev || !strstr(err.text, why))
		fail_msg("wanted '%s', got '%s'", why, dev ? "a device" : err.text);
}

static void wrong_descriptions(void **state)
{
	struct mb_reg rows[2];
	struct mb_desc d;

	(void)state;
	describe(&d, rows, 2);
	d.bar[0].size = 0x3000;
	refused(&d, "power of two");
	describe(&d, rows, 2);
	d.bar[5] = (struct mb_bar_desc){ .size = 4096, .is64 = 1 };
	refused(&d, "does not exist");
	describe(&d, rows, 2);
	rows[1].offset = 2;
	rows[0].offset = 0;
	refused(&d, "overlaps");
	describe(&d, rows, 2);
	rows[0].offset = 0xfffe;
	refused(&d, "beyond BAR 0");
	describe(&d, rows, 2);
	rows[0].target = 7;
	refused(&d, "refers to row 7");
	describe(&d, rows, 2);
	d.cap[0].table = 0xffff0;
	refused(&d, "MSI-X");
	describe(&d, rows, 2);
	d.cap[1].vectors = 3;
	refused(&d, "MSI");
	describe(&d, rows, 2);
	d.cap[0].id = 0x77;
	refused(&d, "unknown");
}

static void stores(void **state)
{
	char path[] = "build/store.XXXXXX";
	int fd = mkstemp(path);
	struct mb_error err = { "" };
	struct mb_store *st;
	struct stat s;

	(void)state;
	assert_true(fd >= 0);
	close(fd);
	assert_null(mb_store_open(path, 0, &err));
	assert_non_null(strstr(err.text, "is empty"));
	st = mb_store_open(path, 1 << 20, &err);
	assert_non_null(st);
	memset(mb_store_span(st).ptr, 0x5a, 1 << 20);
	assert_int_equal(mb_store_discard(st, 4096, 8192), 0);
	assert_int_equal(mb_store_discard(st, 1, 2), 0);
	assert_int_equal(mb_store_discard(st, 1 << 20, 1), -1);
	assert_int_equal(mb_store_flush(st, &err), 0);
	mb_store_close(st);
	assert_null(mb_store_open(path, 4096, &err));
	assert_non_null(strstr(err.text, "1048576"));
	st = mb_store_open(path, 0, &err);
	assert_int_equal(mb_store_span(st).len, 1 << 20);
	assert_memory_equal(mb_store_span(st).ptr, "\x5a\0\0\x5a", 4);
	assert_int_equal(mb_store_span(st).ptr[4096], 0);
	assert_int_equal(mb_store_span(st).ptr[12288], 0x5a);
	mb_store_close(st);
	assert_int_equal(stat(path, &s), 0);
	assert_int_equal(s.st_mode & 077, 0);
	unlink(path);
	assert_null(mb_store_open("build", 4096, &err));
	assert_null(mb_store_open(NULL, 0, &err));
	st = mb_store_open(NULL, 1 << 20, &err);
	memset(mb_store_span(st).ptr, 1, 1 << 20);
	assert_int_equal(mb_store_discard(st, 100, 10000), 0);
	assert_int_equal(mb_store_span(st).ptr[99], 1);
	assert_int_equal(mb_store_span(st).ptr[100], 0);
	assert_int_equal(mb_store_span(st).ptr[10099], 0);
	assert_int_equal(mb_store_span(st).ptr[10100], 1);
	mb_store_close(st);
}

static void no_kernel_bus(void **state)
{
	struct mb_reg rows[1];
	struct mb_error err = { "" };
	struct mb_device *dev;
	struct mb_desc d;

	(void)state;
	describe(&d, rows, 1);
	dev = mb_device_new(&d, NULL, NULL, &err);
	assert_int_equal(mb_attach_pciem(dev, "/dev/no-such-node", &err), -1);
	assert_non_null(strstr(err.text, "--on sim"));
	assert_int_equal(mb_attach_pciem(dev, "/dev/null", &err), -1);
	assert_non_null(strstr(err.text, "not Moonbar's module"));
	assert_int_equal(mb_start(dev, &err), -1);
	mb_device_free(dev);
}

static struct {
	uint32_t row, power, reset, offset, size, value;
	int writes;
} c;

static int config_handler(void *ctx, enum mb_event event, uint32_t row, struct mb_call *call)
{
	(void)ctx;
	switch (event) {
	case MB_EV_READ:
		call->value = 0x77;
		return 0;
	case MB_EV_WRITE:
		c.row = row;
		call->value++;
		return 1;
	case MB_EV_POWER:
		c.power = call->value;
		return 0;
	case MB_EV_RESET:
		c.reset = call->value;
		return 0;
	case MB_EV_CONFIG_WRITE:
		c.offset = call->offset;
		c.size = call->size;
		c.value = call->value;
		c.writes++;
		return 0;
	default:
		return 0;
	}
}

static struct mb_reg config_row(uint32_t offset, uint8_t size, uint32_t target)
{
	return (struct mb_reg){ .offset = offset, .size = size, .target = target,
				.rd = mb_size_mask(size), .wr = mb_size_mask(size),
				.lock = MB_NONE, .vector = MB_NONE, .enable = MB_NONE };
}

/* Rows in configuration space: beside and over the image, hooks, pokes, and what is told of writes. */
static void config_rows(void **state)
{
	struct mb_reg rows[1], config[4] = {
		config_row(0x60, 2, 0), config_row(0x62, 1, 1), config_row(0x64, 4, 2),
		config_row(0x200, 4, 3),
	};
	struct mb_error err = { "" };
	struct mb_device *dev;
	struct mb_desc d;
	int8_t owner[4096];

	(void)state;
	describe(&d, rows, 1);
	d.ncaps = 1;
	d.cap[0] = (struct mb_cap){ .id = MB_CAP_ID_PM };
	config[0].reset = 0x1234;
	config[1].sticky = 0xff;
	config[2].flags = MB_REG_READ_HOOK | MB_REG_WRITE_HOOK;
	config[3].w1c = 0xff;
	config[3].wr = 0;
	config[3].reset = 0xff;
	d.config = config;
	d.nconfig = 4;
	assert_int_equal(mb_config_owners(&d, owner, &err), 0);
	assert_int_equal(owner[0x3f], MB_OWNER_HEADER);
	assert_int_equal(owner[0x40], 0);
	assert_int_equal(owner[0x48], MB_OWNER_NONE);

	memset(&c, 0, sizeof(c));
	dev = mb_device_new(&d, config_handler, NULL, &err);
	assert_non_null(dev);
	assert_int_equal(mb_attach_sim(dev, true, &err), 0);
	assert_int_equal(mb_start(dev, &err), 0);
	c.writes = 0;
	assert_int_equal(mb_config_read32(dev, 0x60, 4), 0x00001234);
	mb_config_write32(dev, 0x60, 4, 0xaabbccdd);
	assert_int_equal(mb_config_read32(dev, 0x60, 4), 0x00bbccdd);	/* 0x63 is nobody's */
	assert_int_equal(mb_config_state(dev)[1].value, 0xbb);
	assert_int_equal(c.offset, 0x60);
	assert_int_equal(c.size, 4);
	assert_int_equal(c.value, 0xaabbccdd);
	mb_config_write32(dev, 0x64, 4, 5);
	assert_int_equal(c.row, 1 + 2);			/* after the BARs' one row */
	assert_int_equal(mb_config_state(dev)[2].value, 6);
	assert_int_equal(mb_config_read32(dev, 0x64, 2), 0x77);
	mb_config_write32(dev, 0x200, 1, 0x0f);
	assert_int_equal(mb_config_read32(dev, 0x200, 4), 0xf0);
	mb_poke(dev, 1, 0xff00, 0x5500, false);
	assert_int_equal(mb_config_read32(dev, 0x60, 2), 0x55dd);
	mb_poke(dev, 99, ~0ull, 0, false);
	assert_int_equal(c.writes, 3);
	mb_config_write32(dev, 0x44, 2, 3);
	assert_int_equal(c.power, 3);
	mb_config_write32(dev, 0x61, 2, 0);		/* unaligned: nobody answers, nobody is told */
	assert_int_equal(mb_config_read32(dev, 0x61, 2), 0xffff);
	assert_int_equal(c.writes, 4);

	assert_int_equal(mb_bus_reset(dev, 1, &err), 0);
	assert_int_equal(c.reset, 1);
	assert_int_equal(mb_config_read32(dev, 0x60, 4), 0x00bb1234);
	assert_int_equal(mb_bus_reset(dev, 0, &err), 0);
	assert_int_equal(mb_config_read32(dev, 0x60, 4), 0x00001234);
	assert_int_equal(mb_bus_reset(dev, 4, &err), -1);
	mb_device_free(dev);

	config[0].offset = 0x44;			/* over power management */
	dev = mb_device_new(&d, config_handler, NULL, &err);
	assert_int_equal(mb_attach_sim(dev, true, &err), -1);
	assert_non_null(strstr(err.text, "0x44 is over the power management"));
	mb_device_free(dev);
	config[0].offset = 0x63;			/* out of order */
	assert_null(mb_device_new(&d, config_handler, NULL, &err));
	config[0] = config_row(0x60, 8, 0);
	assert_null(mb_device_new(&d, config_handler, NULL, &err));
	config[0] = config_row(0x60, 2, 9);
	assert_null(mb_device_new(&d, config_handler, NULL, &err));
}

/* The image has the values of such rows, aliases' too, and lets no write through by itself. */
static void config_image(void **state)
{
	static struct mb_config image;
	struct mb_reg rows[1], config[3] = {
		config_row(0x60, 2, 0), config_row(0x62, 2, 0), config_row(0x64, 4, 2),
	};
	struct mb_error err = { "" };
	struct mb_desc d;

	(void)state;
	describe(&d, rows, 1);
	d.ncaps = 0;
	config[0].reset = 0x1234;
	config[1].rd = 0x0ff0;
	config[2].reset = 0x55;
	config[2].w1c = config[2].wr = 0xff;
	d.config = config;
	d.nconfig = 3;
	assert_int_equal(mb_space_build(&image, &d, &err), 0);
	assert_int_equal(mb_config_read(&image, 0x60, 4), 0x02301234);
	assert_int_equal(mb_config_read(&image, 0x64, 4), 0x55);
	mb_config_write(&image, 0x60, 4, ~0u);
	mb_config_write(&image, 0x64, 4, ~0u);
	assert_int_equal(mb_config_read(&image, 0x60, 4), 0x02301234);
	assert_int_equal(mb_config_read(&image, 0x64, 4), 0x55);
}

#define T(f)	cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(rows_are_sorted), T(hooks_answer), T(memory_is_shared), T(intx_is_a_level),
		T(messages), T(dma_is_strict), T(timers_in_order), T(removed),
		cmocka_unit_test(wrong_descriptions), cmocka_unit_test(stores),
		cmocka_unit_test(no_kernel_bus), cmocka_unit_test(config_rows),
		cmocka_unit_test(config_image),
	};

	return cmocka_run_group_tests_name("host", tests, NULL, NULL);
}
