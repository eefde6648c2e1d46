// SPDX-License-Identifier: MIT
/*
 * test_watch.c: looking on changes nothing and misses nothing: the trace of
 * accesses, the latest DMA, the driver's mappings, and configuration space.
 *
 * Try it:  make build/test_watch && build/test_watch
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "config.h"
#include "moonbar.h"

struct seen {
	uint32_t kind, row, bar, size;
	uint64_t offset, value;
};

static struct {
	struct seen seen[32];
	int n, reads;
} t;

static int handler(void *ctx, enum mb_event event, uint32_t row, struct mb_call *call)
{
	(void)ctx;
	if (event == MB_EV_TRACE)
		t.seen[t.n++] = (struct seen){ call->raw, row, call->bar, call->size, call->offset,
					       call->value };
	if (event == MB_EV_READ) {
		t.reads++;
		call->value = 0xabc;
	}
	return 0;
}

static struct mb_device *make(void)
{
	static struct mb_reg rows[2], config[1];
	struct mb_desc d = { .name = "seen", .vendor = 0x1234, .device = 0x5678, .rows = rows,
			     .nrows = 2, .config = config, .nconfig = 1 };
	struct mb_error err;
	struct mb_device *dev;
	int i;

	memset(&t, 0, sizeof(t));
	d.bar[0].size = 0x1000;
	for (i = 0; i < 2; i++)
		rows[i] = (struct mb_reg){ .offset = 4 * i, .size = 4, .target = i, .rd = ~0u,
					   .wr = ~0u, .lock = MB_NONE, .vector = MB_NONE,
					   .enable = MB_NONE };
	rows[1].flags = MB_REG_READ_HOOK;
	config[0] = rows[0];
	config[0].offset = 0x60;
	config[0].flags = MB_REG_READ_HOOK;
	dev = mb_device_new(&d, handler, NULL, &err);
	if (!dev || mb_attach_sim(dev, true, &err) || mb_start(dev, &err))
		fail_msg("%s", err.text);
	return dev;
}

static void check(int i, struct seen want)
{
	assert_true(i < t.n);
	assert_int_equal(t.seen[i].kind, want.kind);
	assert_int_equal(t.seen[i].row, want.row);
	assert_int_equal(t.seen[i].size, want.size);
	assert_int_equal(t.seen[i].offset, want.offset);
	assert_int_equal(t.seen[i].value, want.value);
}

static void accesses(void **state)
{
	struct mb_device *dev = make();

	(void)state;
	mb_bus_write(dev, 0, 0, 4, 1);
	assert_int_equal(t.n, 0);
	mb_trace(dev, true);
	mb_bus_write(dev, 0, 0, 4, 0xffff00000005ull);
	assert_int_equal(mb_bus_read(dev, 0, 0, 4), 5);
	assert_int_equal(mb_bus_read(dev, 0, 4, 4), 0xabc);
	assert_int_equal(mb_bus_read(dev, 0, 0x100, 2), 0xffff);
	mb_config_write32(dev, 0x60, 4, 9);
	mb_config_read32(dev, 0, 2);
	assert_int_equal(t.n, 6);
	check(0, (struct seen){ MB_TRACE_WRITE, 0, 0, 4, 0, 5 });
	check(1, (struct seen){ MB_TRACE_READ, 0, 0, 4, 0, 5 });
	check(2, (struct seen){ MB_TRACE_READ, 1, 0, 4, 4, 0xabc });
	check(3, (struct seen){ MB_TRACE_READ, MB_NONE, 0, 2, 0x100, 0xffff });
	check(4, (struct seen){ MB_TRACE_CONFIG_WRITE, 2, 0, 4, 0x60, 9 });
	check(5, (struct seen){ MB_TRACE_CONFIG_READ, MB_NONE, 0, 2, 0, 0x1234 });
	mb_trace(dev, false);
	mb_bus_read(dev, 0, 0, 4);
	assert_int_equal(t.n, 6);
	mb_device_free(dev);
}

static void dma(void **state)
{
	struct mb_dma_done done[MB_DMA_RECENT];
	struct mb_device *dev = make();
	struct mb_dma_piece p[3];
	uint32_t got, i;
	uint8_t buf[64];
	uint64_t bus;

	(void)state;
	assert_non_null(mb_dma_alloc(dev, 4096, &bus));
	assert_int_equal(mb_dma_recent(dev, done, MB_DMA_RECENT, &got), 0);
	assert_int_equal(got, 0);
	for (i = 0; i < 3; i++)
		p[i] = (struct mb_dma_piece){ bus + 64 * i, (uintptr_t)buf, 64, 1 };
	p[1].bus = 0x10;
	assert_int_equal(mb_dma(dev, p, 3, MB_NONE, NULL), MB_DMA_WILD);
	assert_int_equal(mb_dma_recent(dev, done, MB_DMA_RECENT, &got), 2);
	assert_int_equal(got, 2);
	assert_int_equal(done[0].piece.bus, bus);
	assert_int_equal(done[0].why, MB_DMA_OK);
	assert_int_equal(done[1].piece.bus, 0x10);
	assert_int_equal(done[1].why, MB_DMA_WILD);
	for (i = 0; i < 50; i++) {
		p[0].length = i + 1;
		mb_dma(dev, p, 1, MB_NONE, NULL);
	}
	assert_int_equal(mb_dma_recent(dev, done, 4, &got), 52);
	assert_int_equal(got, 4);
	for (i = 0; i < 4; i++)
		assert_int_equal(done[i].piece.length, 47 + i);
	mb_device_free(dev);
}

static void mappings(void **state)
{
	struct mb_device *old = make(), *new = make();
	struct mb_dma_mapping m;
	uint8_t mine[100], *page;
	uint64_t bus, other;

	(void)state;
	assert_int_equal(mb_dma_mapping(old, 0, &m), 0);
	page = mb_dma_alloc(old, 5000, &bus);
	other = mb_dma_map(old, mine, sizeof(mine), 2);
	assert_int_equal(mb_dma_mapping(old, 0, &m), 1);
	assert_true(m.bus == other && m.size == 100 && m.ptr == mine && m.dir == 2);
	assert_int_equal(mb_dma_mapping(old, 1, &m), 1);
	assert_true(m.bus == bus && m.size == 5000 && m.ptr == page && m.dir == 3);
	assert_int_equal(mb_dma_mapping(old, 2, &m), 0);
	mb_dma_inherit(new, old);
	assert_int_equal(mb_dma_mapping(old, 0, &m), 0);
	mb_detach(old);
	assert_int_equal(mb_dma_mapping(old, 0, &m), -1);
	mb_device_free(old);
	page[4999] = 7;			/* still there */
	assert_int_equal(mb_dma_mapping(new, 1, &m), 1);
	assert_true(m.bus == bus && m.ptr == page);
	assert_true(mb_dma_map(new, mine, 1, 3) > other);	/* no address twice */
	assert_int_equal(mb_dma_unmap(new, bus), 0);
	mb_device_free(new);
}

static void image(void **state)
{
	struct mb_device *dev = make();
	uint8_t bytes[MB_CONFIG_SIZE];
	uint32_t i;

	(void)state;
	mb_config_write32(dev, 0x60, 4, 0x01020304);
	mb_config_write32(dev, MB_PCI_COMMAND, 2, MB_COMMAND_MEMORY);
	t.reads = 0;
	assert_int_equal(mb_config_image(dev, bytes), 0);
	assert_int_equal(t.reads, 0);
	assert_int_equal(bytes[0x60] | bytes[0x61] << 8 | bytes[0x62] << 16 | bytes[0x63] << 24, 0x01020304);
	assert_int_equal(bytes[MB_PCI_COMMAND], MB_COMMAND_MEMORY);
	for (i = 0; i < 0x40; i += 4) {
		uint32_t v = bytes[i] | bytes[i + 1] << 8 | bytes[i + 2] << 16 | (uint32_t)bytes[i + 3] << 24;

		assert_int_equal(v, mb_config_read32(dev, i, 4));
	}
	mb_detach(dev);
	assert_int_equal(mb_config_image(dev, bytes), -1);
	mb_device_free(dev);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(accesses), cmocka_unit_test(dma), cmocka_unit_test(mappings),
		cmocka_unit_test(image),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
