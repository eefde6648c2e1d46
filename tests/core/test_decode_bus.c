// SPDX-License-Identifier: MIT
/*
 * The emulator's manners on the bus: which accesses, in which order, of which size, and what is
 * left in the registers when one of them fails.
 *
 * That the results are the CPU's is test_decode_cpu.c's to show; a CPU cannot show these.
 *
 * Try it: build/tests/core/test_decode_bus
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "decode_hex.h"
#include "emulate_x86.h"

struct record {
	bool mmio, write;
	u64 addr, value;
	unsigned int size;
};

static struct {
	struct record rec[64];
	unsigned int n;
	u64 fail_at;			/* this address fails */
	u64 probe_fails_at;
	u64 read_value;
} bus_log;

static int record(bool mmio, u64 addr, void *data, unsigned int size, bool write)
{
	struct record *r = &bus_log.rec[bus_log.n];

	if (addr == bus_log.fail_at)
		return -1;
	assert_true(bus_log.n < 64);
	bus_log.n++;
	*r = (struct record){ .mmio = mmio, .write = write, .addr = addr, .size = size };
	if (!write)
		memcpy(data, &bus_log.read_value, size);
	memcpy(&r->value, data, size);
	return 0;
}

static int mmio(void *ctx, u64 addr, void *data, unsigned int size, bool write)
{
	(void)ctx;
	return record(true, addr, data, size, write);
}

static int mem(void *ctx, u64 addr, void *data, unsigned int size, bool write)
{
	(void)ctx;
	return record(false, addr, data, size, write);
}

static int probe(void *ctx, u64 addr, unsigned int size)
{
	(void)ctx;
	(void)size;
	return addr == bus_log.probe_fails_at ? -1 : 0;
}

#define DEV 0xffffc90000010000ULL
#define RAM 0xffff888000020000ULL

static struct mb_bus bus = {
	.mmio = mmio, .mem = mem, .mmio_start = DEV, .mmio_end = DEV + 0x1000,
};

static int run(const char *hex, struct mb_cpu *cpu)
{
	struct mb_insn in;
	u8 code[32];
	size_t n = parse(hex, code);

	memset(&bus_log, 0, sizeof(bus_log));
	bus_log.read_value = 0x1122334455667788;
	assert_int_equal(mb_decode(code, n, &in), MB_DECODE_OK);
	return mb_emulate(&in, cpu, &bus);
}

static void assert_record(unsigned int i, bool on_mmio, bool write, u64 addr, unsigned int size)
{
	assert_true(i < bus_log.n);
	assert_int_equal(bus_log.rec[i].mmio, on_mmio);
	assert_int_equal(bus_log.rec[i].write, write);
	assert_true(bus_log.rec[i].addr == addr);
	assert_int_equal(bus_log.rec[i].size, size);
}

static void test_load_and_store(void **state)
{
	struct mb_cpu cpu = { .gpr = { ~0ULL, 0, DEV + 8 }, .rip = 0x1000 };

	(void)state;
	assert_int_equal(run("8b 02", &cpu), MB_EMU_DONE);
	assert_true(cpu.gpr[0] == 0x55667788);
	assert_true(cpu.rip == 0x1002);
	assert_int_equal(bus_log.n, 1);
	assert_record(0, true, false, DEV + 8, 4);

	assert_int_equal(run("66 89 42 02", &cpu), MB_EMU_DONE);
	assert_int_equal(bus_log.n, 1);
	assert_record(0, true, true, DEV + 10, 2);
	assert_true(bus_log.rec[0].value == 0x7788);
}

static void test_read_modify_write(void **state)
{
	struct mb_cpu cpu = { .gpr = { [7] = DEV } };

	(void)state;
	assert_int_equal(run("f0 81 0f 00 00 00 01", &cpu), MB_EMU_DONE);	/* lock or */
	assert_int_equal(bus_log.n, 2);
	assert_record(0, true, false, DEV, 4);
	assert_record(1, true, true, DEV, 4);
	assert_true(bus_log.rec[1].value == 0x55667788);
}

static void test_memcpy_toio(void **state)
{
	struct mb_cpu cpu = { .gpr = { [1] = 3, [6] = RAM, [7] = DEV + 0x10 }, .rip = 7 };

	(void)state;
	bus.max_count = 2;
	assert_int_equal(run("f3 a5", &cpu), MB_EMU_AGAIN);
	assert_true(cpu.rip == 7 && cpu.gpr[1] == 1 && cpu.gpr[6] == RAM + 8);
	assert_int_equal(bus_log.n, 4);
	assert_record(0, false, false, RAM, 4);
	assert_record(1, true, true, DEV + 0x10, 4);
	assert_record(3, true, true, DEV + 0x14, 4);
	assert_int_equal(run("f3 a5", &cpu), MB_EMU_DONE);
	assert_int_equal(bus_log.n, 2);
	assert_true(cpu.rip == 9 && cpu.gpr[1] == 0 && cpu.gpr[7] == DEV + 0x1c);
	bus.max_count = 0;
}

static void test_device_to_device(void **state)
{
	struct mb_cpu cpu = { .gpr = { [6] = DEV + 0xff8, [7] = DEV }, .rflags = MB_FLAG_DF };

	(void)state;
	assert_int_equal(run("48 a5", &cpu), MB_EMU_DONE);
	assert_record(0, true, false, DEV + 0xff8, 8);
	assert_record(1, true, true, DEV, 8);
	assert_true(cpu.gpr[6] == DEV + 0xff0 && cpu.gpr[7] == DEV - 8);
}

static int run_failing(const char *hex, struct mb_cpu *cpu, u64 fail_at, u64 probe_fails_at)
{
	struct mb_insn in;
	u8 code[32];
	size_t n = parse(hex, code);

	memset(&bus_log, 0, sizeof(bus_log));
	bus_log.fail_at = fail_at;
	bus_log.probe_fails_at = probe_fails_at;
	assert_int_equal(mb_decode(code, n, &in), MB_DECODE_OK);
	return mb_emulate(&in, cpu, &bus);
}

static void test_faults(void **state)
{
	struct mb_cpu cpu = { .gpr = { [1] = 4, [6] = DEV, [7] = RAM }, .rip = 7 }, before = cpu;

	(void)state;
	/* In the third element's store, after the device was read for it. */
	assert_int_equal(run_failing("f3 a4", &cpu, RAM + 2, 0), MB_EMU_FAULT);
	assert_true(cpu.gpr[1] == 2 && cpu.gpr[6] == DEV + 2 && cpu.gpr[7] == RAM + 2);
	assert_true(cpu.rip == 7 && cpu.fault_addr == RAM + 2 && cpu.fault_write);
	assert_int_equal(bus_log.n, 5);

	/* With a probe the device is not read in vain. */
	cpu = before;
	bus.probe = probe;
	assert_int_equal(run_failing("f3 a4", &cpu, 0, RAM + 2), MB_EMU_FAULT);
	assert_true(cpu.gpr[1] == 2 && cpu.fault_addr == RAM + 2 && cpu.fault_write);
	assert_int_equal(bus_log.n, 4);
	bus.probe = NULL;

	/* A device that gives up, in the write of a read-modify-write's read: nothing changed. */
	cpu = before;
	cpu.rflags = 0x246;
	assert_int_equal(run_failing("48 ff 06", &cpu, DEV, 0), MB_EMU_ABORTED);
	assert_true(cpu.rip == 7 && cpu.rflags == 0x246 && !cpu.fault_write);
	assert_int_equal(bus_log.n, 0);
}

static int no_vec(void *ctx, unsigned int reg, u8 *data, unsigned int size)
{
	(void)ctx;
	(void)reg;
	memset(data, 0x5a, size);
	return 0;
}

static void test_vectors(void **state)
{
	static const struct mb_vec_ops ops = { .get = no_vec };
	struct mb_cpu cpu = { .gpr = { [7] = DEV + 0x20 }, .rip = 7 };
	unsigned int i;

	(void)state;
	assert_int_equal(run("f3 0f 7f 07", &cpu), MB_EMU_REFUSED);	/* no vector registers */
	assert_int_equal(bus_log.n, 0);
	assert_true(cpu.rip == 7);

	cpu.vec = &ops;
	assert_int_equal(run("c5 fe 7f 07", &cpu), MB_EMU_DONE);	/* vmovdqu [rdi],ymm0 */
	assert_int_equal(bus_log.n, 4);
	for (i = 0; i < 4; i++)
		assert_record(i, true, true, DEV + 0x20 + 8 * i, 8);

	cpu.gpr[7]++;
	cpu.rip = 7;
	assert_int_equal(run("0f 29 07", &cpu), MB_EMU_REFUSED);	/* movaps, unaligned: #GP */
	assert_int_equal(bus_log.n, 0);
	assert_true(cpu.rip == 7);
}

/* Half on the device, half not: cut at the page boundary and nowhere else. */
static void test_straddling(void **state)
{
	struct mb_cpu cpu = { .gpr = { [2] = DEV - 3 } };

	(void)state;
	assert_int_equal(run("48 8b 02", &cpu), MB_EMU_DONE);
	assert_int_equal(bus_log.n, 2);
	assert_record(0, false, false, DEV - 3, 3);
	assert_record(1, true, false, DEV, 5);
	cpu.gpr[2] = DEV + 0xffd;
	assert_int_equal(run("89 02", &cpu), MB_EMU_DONE);
	assert_int_equal(bus_log.n, 2);
	assert_record(0, true, true, DEV + 0xffd, 3);
	assert_record(1, false, true, DEV + 0x1000, 1);
}

static bool odd_pages(void *ctx, u64 addr)
{
	(void)ctx;
	return addr & 0x1000;
}

static void test_predicate(void **state)
{
	struct mb_cpu cpu = { .gpr = { [2] = 0x3000 } };

	(void)state;
	bus.is_mmio = odd_pages;
	assert_int_equal(run("8b 02", &cpu), MB_EMU_DONE);
	assert_record(0, true, false, 0x3000, 4);
	cpu.gpr[2] = DEV;
	assert_int_equal(run("8b 02", &cpu), MB_EMU_DONE);
	assert_record(0, false, false, DEV, 4);
	bus.is_mmio = NULL;
}

static void test_address(void **state)
{
	struct mb_cpu cpu = { .gpr = { [1] = (u64)-65, [7] = 0x1000 }, .gs_base = 0x100000 };
	struct mb_insn in;
	u8 code[16];

	(void)state;
	mb_decode(code, parse("65 48 0f ab 0f", code), &in);	/* bts gs:[rdi],rcx */
	assert_true(mb_insn_address(&in, &cpu) == 0x100000 + 0x1000 - 16);
	mb_decode(code, parse("48 8b 05 10 00 00 00", code), &in);
	cpu.rip = 0x4000;
	assert_true(mb_insn_address(&in, &cpu) == 0x4017);
	mb_decode(code, parse("aa", code), &in);
	assert_true(mb_insn_address(&in, &cpu) == 0x1000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_load_and_store),
		cmocka_unit_test(test_read_modify_write),
		cmocka_unit_test(test_memcpy_toio),
		cmocka_unit_test(test_device_to_device),
		cmocka_unit_test(test_faults),
		cmocka_unit_test(test_vectors),
		cmocka_unit_test(test_straddling),
		cmocka_unit_test(test_predicate),
		cmocka_unit_test(test_address),
	};

	return cmocka_run_group_tests_name("decode_bus", tests, NULL, NULL);
}
