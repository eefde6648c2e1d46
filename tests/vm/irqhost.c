// SPDX-License-Identifier: MIT
/*
 * irqhost.c: interrupts from both sides: the device through /dev/pciem, its
 * driver through /dev/irqtest (modules/irqtest.h). No message may be lost, none
 * come twice, and masks, pending bits and status be what hardware shows.
 *
 * Try it:  tests/vm/run irq
 */
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "irqside.h"

static struct irqside s;

/* ---- messages ---------------------------------------------------------------------------- */

struct storm { int first, nvec, n; };

static void *storm(void *arg)
{
	struct storm *w = arg;

	for (int n = 0; n < w->n; n++)
		for (int v = w->first; v < w->nvec; v += 2)
			say_and_raise(&s, v);
	return NULL;
}

/* All vectors interleaved from two threads, while vector 0 moves between CPUs */
static void storms(const char *what, int nvec, int n)
{
	struct storm w[2] = { { 0, nvec, n }, { 1, nvec, n } };
	int lost = 0, many = 0, soft = 0, cpus = (int)sysconf(_SC_NPROCESSORS_ONLN), left = 3000;
	pthread_t t[2];

	zero(&s);
	for (int i = 0; i < 2; i++)
		if (pthread_create(&t[i], NULL, storm, &w[i]))
			bail("pthread_create");
	for (int i = 0; i < 100; i++) {
		call(&s, IRQTEST_AFFINITY, 0, i % cpus);
		usleep(1000);
	}
	for (int i = 0; i < 2; i++)
		pthread_join(t[i], NULL);
	do {
		usleep(1000);
		counts(&s, nvec);
		lost = 0;
		for (int v = 0; v < nvec; v++)
			lost += s.count[v].seen != s.said[v];
	} while (lost && left--);
	for (int v = 0; v < nvec; v++) {
		many += s.count[v].count > (unsigned int)n;
		soft += s.count[v].soft;
	}
	is(lost, 0, "%s: after a storm the driver has seen the last of %d raises on each of %d",
	   what, n, nvec);
	is(many, 0, "%s: and no vector came more often than it was raised", what);
	is(soft, 0, "%s: and every call was in hard-irq context", what);
}

static void one_for_one(const char *what, int nvec, int n)
{
	int late = 0, wrong = 0;

	zero(&s);
	for (int i = 1; i <= n; i++)
		for (int v = 0; v < nvec; v++) {
			say_and_raise(&s, v);
			late += !wait_count(&s, v, i, 2000);
		}
	usleep(20000);
	counts(&s, nvec);
	for (int v = 0; v < nvec; v++)
		wrong += s.count[v].count != (unsigned int)n;
	is(late + wrong, 0, "%s: %d raises waited for are %d deliveries on each of %d vectors",
	   what, n, n, nvec);
}

static void disabled(const char *what, int nvec)
{
	int wrong = 0;

	zero(&s);
	for (int v = 0; v < nvec; v++) {
		call(&s, IRQTEST_DISABLE, v, 0);
		for (int i = 0; i < 3; i++)
			say_and_raise(&s, v);
		usleep(5000);
		wrong += count_of(&s, v) != 0;
		call(&s, IRQTEST_ENABLE_IRQ, v, 0);
		wrong += !wait_count(&s, v, 1, 2000);
		usleep(5000);
		wrong += count_of(&s, v) != 1;
	}
	is(wrong, 0, "%s: disable_irq, three raises: none comes; enable_irq: exactly one", what);
}

static void affinity(const char *what, int nvec)
{
	int wrong = 0, cpus = (int)sysconf(_SC_NPROCESSORS_ONLN);

	zero(&s);
	for (int cpu = 0; cpu < cpus; cpu++)
		for (int v = 0; v < nvec; v++) {
			int c = count_of(&s, v);

			wrong += call(&s, IRQTEST_AFFINITY, v, cpu) < 0;
			say_and_raise(&s, v);
			wrong += !wait_count(&s, v, c + 1, 2000);
			wrong += s.count[v].cpu != (unsigned int)cpu;
		}
	is(wrong, 0, "%s: delivered on the CPU of its affinity, each of %d", what, cpus);
}

static void each_test(const char *what, int nvec)
{
	storms(what, nvec, 400);
	one_for_one(what, nvec, 20);
	disabled(what, nvec);
	affinity(what, nvec);
}

/* ---- MSI-X -------------------------------------------------------------------------------- */

static u32 table_control(int v) { return IRQTEST_TABLE + 16 * v + 12; }

/* As user-space drivers do: the table itself, not the kernel's functions */
static void table(void)
{
	zero(&s);
	is(bar_read(&s, table_control(3)) & 1, 0, "MSI-X table: a vector in use is not masked");
	call(&s, IRQTEST_DISABLE, 4, 0);
	is(bar_read(&s, table_control(4)) & 1, 1, "MSI-X table: disable_irq masks its entry");
	call(&s, IRQTEST_ENABLE_IRQ, 4, 0);
	is(bar_read(&s, table_control(8)) & 1, 1, "MSI-X table: an entry nobody uses is masked");
	is(bar_read(&s, IRQTEST_TABLE) >> 20, 0xfee, "MSI-X table: addresses are a PC's");

	bar_write(&s, table_control(3), 1);
	say_and_raise(&s, 3);
	say_and_raise(&s, 3);
	usleep(5000);
	is(count_of(&s, 3), 0, "MSI-X table: masked there, nothing comes");
	is(bar_read(&s, IRQTEST_PBA), 1 << 3, "MSI-X PBA: the vector is pending");
	bar_write(&s, IRQTEST_PBA, 0);
	is(bar_read(&s, IRQTEST_PBA), 1 << 3, "MSI-X PBA: read-only");
	bar_write(&s, table_control(3), 0);
	ok(wait_count(&s, 3, 1, 2000), "MSI-X table: unmasked, it comes");
	usleep(5000);
	is(count_of(&s, 3), 1, "MSI-X table: once");
	is(bar_read(&s, IRQTEST_PBA), 0, "MSI-X PBA: no longer pending");
}

static void function_wide(void)
{
	int cap = find_cap(&s, 0x11);
	u32 control = config_read(&s, cap + 2, 2);

	zero(&s);
	config_write(&s, cap + 2, 2, control | 0x4000);
	say_and_raise(&s, 5);
	usleep(5000);
	is(count_of(&s, 5), 0, "MSI-X: function mask holds a message back");
	config_write(&s, cap + 2, 2, control);
	ok(wait_count(&s, 5, 1, 2000), "MSI-X: and lets it go");

	call(&s, IRQTEST_MASTER, 0, 0);
	say_and_raise(&s, 6);
	usleep(5000);
	is(count_of(&s, 6), 0, "MSI-X: no message without bus mastering");
	call(&s, IRQTEST_MASTER, 0, 1);
	ok(wait_count(&s, 6, 1, 2000), "MSI-X: it comes when bus mastering is on");
	is(pciem_irq_op(&s, 2048, PCIEM_IRQ_RAISE), -EINVAL, "a vector out of range: EINVAL");
}

static void test_msix(void)
{
	side_open(&s, &(struct irqside_device) { .msix = 64 });
	is(call(&s, IRQTEST_SETUP, IRQTEST_MSIX, 8), 8, "MSI-X: 8 vectors of 64 granted");
	each_test("MSI-X", 8);
	table();
	function_wide();
	side_close(&s);
}

/* As many as MSI-X has. Two sessions' worth of numbers in one: the pending words' edges too. */
static void test_many(void)
{
	int n, lost = 0, twice = 0, left = 5000;

	side_open(&s, &(struct irqside_device) { .msix = 2048 });
	n = call(&s, IRQTEST_SETUP, IRQTEST_MSIX, 2048);
	is(n, 2048, "MSI-X: 2048 vectors");
	zero(&s);
	for (int v = 0; v < n; v++)
		say_and_raise(&s, v);
	do {
		usleep(1000);
		counts(&s, n);
		lost = 0;
		for (int v = 0; v < n; v++)
			lost += s.count[v].seen != 1;
	} while (lost && left--);
	for (int v = 0; v < n; v++)
		twice += s.count[v].count > 1;
	is(lost, 0, "MSI-X: each of %d vectors delivered", n);
	is(twice, 0, "MSI-X: none of them twice");
	side_close(&s);
}

/* ---- MSI ---------------------------------------------------------------------------------- */

static void msi_config(void)
{
	int cap = find_cap(&s, 0x05);
	u32 mask;

	zero(&s);
	config_write(&s, cap + 16, 4, 4);
	say_and_raise(&s, 2);
	usleep(5000);
	is(count_of(&s, 2), 0, "MSI: a mask bit holds a message back");
	is(config_read(&s, cap + 20, 4), 4, "MSI: and its pending bit says so");
	config_write(&s, cap + 16, 4, 0);
	ok(wait_count(&s, 2, 1, 2000), "MSI: it comes when the mask goes");
	is(config_read(&s, cap + 20, 4), 0, "MSI: no longer pending");
	call(&s, IRQTEST_DISABLE, 1, 0);
	mask = config_read(&s, cap + 16, 4);
	is(mask, 2, "MSI: disable_irq sets the mask bit");
	call(&s, IRQTEST_ENABLE_IRQ, 1, 0);
}

static void test_msi(void)
{
	side_open(&s, &(struct irqside_device) { .msi = 1, .log2 = 2, .masking = true });
	is(call(&s, IRQTEST_SETUP, IRQTEST_MSI, 4), 4, "MSI: 4 messages granted");
	each_test("MSI", 4);
	msi_config();
	call(&s, IRQTEST_TEARDOWN, 0, 0);

	is(call(&s, IRQTEST_SETUP, IRQTEST_MSI, 1), 1, "MSI: 1 message of 4 granted");
	zero(&s);
	pciem_irq_op(&s, 3, PCIEM_IRQ_RAISE);
	ok(wait_count(&s, 0, 1, 2000), "MSI: vector 3 goes by message 3 modulo 1");
	side_close(&s);

	side_open(&s, &(struct irqside_device) { .msi = 1, .log2 = 5, .masking = true });
	is(call(&s, IRQTEST_SETUP, IRQTEST_MSI, 32), 32, "MSI: 32 messages granted");
	one_for_one("MSI of 32", 32, 3);
	side_close(&s);

	side_open(&s, &(struct irqside_device) { .msi = 1, .log2 = 1 });
	is(call(&s, IRQTEST_SETUP, IRQTEST_MSI, 2), 2, "MSI without mask bits: 2 granted");
	each_test("MSI without mask bits", 2);
	side_close(&s);
}

/* ---- INTx --------------------------------------------------------------------------------- */

static bool status_bit(void) { return config_read(&s, 6, 2) & 8; }

static void assert_status(void)
{
	status_or(&s, 1);
	pciem_irq_op(&s, 0, PCIEM_IRQ_RAISE);
}

/* No cause, nothing queued, no handler at work: what is counted from here on is new */
static void settle(void)
{
	bar_write(&s, IRQTEST_STATUS, ~0u);
	for (int i = 0; i < 2000 && (bar_read(&s, IRQTEST_STATUS) || status_bit()); i++)
		usleep(1000);
	usleep(5000);
	zero(&s);
}

static void intx_level(void)
{
	settle();
	call(&s, IRQTEST_ACK_AFTER, 0, 4);
	assert_status();
	ok(wait_count(&s, 0, 4, 2000), "INTx: the level fires until acknowledged, the fourth time");
	usleep(10000);
	is(count_of(&s, 0), 4, "INTx: and then no more");
	is(count_of(&s, 1), 4, "INTx: who shares the line was called as often");
	ok(!status_bit(), "INTx: STATUS is clear after the acknowledgement");

	settle();
	call(&s, IRQTEST_DISABLE, 0, 0);
	assert_status();
	usleep(5000);
	ok(count_of(&s, 0) == 0 && status_bit(), "INTx: masked: nothing comes, STATUS says pending");
	call(&s, IRQTEST_ENABLE_IRQ, 0, 0);
	ok(wait_count(&s, 0, 1, 2000), "INTx: unmasked while up: it comes");

	settle();
	call(&s, IRQTEST_DISABLE, 0, 0);
	assert_status();
	bar_write(&s, IRQTEST_STATUS, ~0u);
	call(&s, IRQTEST_ENABLE_IRQ, 0, 0);
	usleep(10000);
	is(count_of(&s, 0), 0, "INTx: dropped while masked: nothing comes");
}

static void intx_disable_bit(void)
{
	u32 command = config_read(&s, 4, 2);

	settle();
	config_write(&s, 4, 2, command | 0x400);
	assert_status();
	usleep(5000);
	ok(count_of(&s, 0) == 0 && status_bit(), "INTx: Interrupt Disable: STATUS still says it");
	config_write(&s, 4, 2, command);
	ok(wait_count(&s, 0, 1, 2000), "INTx: it comes when the bit goes");

	settle();
	call(&s, IRQTEST_DISABLE, 0, 0);
	assert_status();
	is(call(&s, IRQTEST_CHECK_MASK, 0, 0), 1, "INTx: pci_check_and_mask_intx() finds it pending");
	call(&s, IRQTEST_ENABLE_IRQ, 0, 0);
	usleep(5000);
	is(count_of(&s, 0), 0, "INTx: and masks it");
	is(call(&s, IRQTEST_CHECK_UNMASK, 0, 0), 0, "INTx: pci_check_and_unmask_intx() refuses");
	bar_write(&s, IRQTEST_STATUS, ~0u);
	is(call(&s, IRQTEST_CHECK_UNMASK, 0, 0), 1, "INTx: and agrees when the line is down");
}

static bool acknowledged(void)
{
	for (int i = 0; i < 5000; i++) {
		if (!__atomic_load_n(&s.regs.state[0].value, __ATOMIC_ACQUIRE))
			return true;
		usleep(100);
	}
	return false;
}

static void intx_others(void)
{
	int late = 0;

	settle();
	bar_write(&s, IRQTEST_ENABLE, 0);
	assert_status();
	usleep(5000);
	is(count_of(&s, 1), 0, "INTx: a cause that is not enabled does not speak");
	bar_write(&s, IRQTEST_ENABLE, ~0u);
	ok(wait_count(&s, 0, 1, 2000), "INTx: it comes when the driver enables it");

	settle();
	for (int i = 1; i <= 1000; i++) {
		call(&s, IRQTEST_ACK_AFTER, 0, 1);
		assert_status();
		late += !wait_count(&s, 0, i, 500);
		late += !acknowledged();
		if (late)
			break;
	}
	usleep(10000);
	is(late + count_of(&s, 0) - 1000, 0, "INTx: 1000 asserts are 1000 deliveries");
}

static void test_intx(void)
{
	side_open(&s, &(struct irqside_device) { .bound = true });
	bar_write(&s, IRQTEST_ENABLE, ~0u);
	is(call(&s, IRQTEST_SETUP, IRQTEST_INTX, 1), 1, "INTx: granted");
	intx_level();
	intx_disable_bit();
	intx_others();
	call(&s, IRQTEST_TEARDOWN, 0, 0);
	ok(call(&s, IRQTEST_SETUP, IRQTEST_MSI, 1) < 0, "a device without MSI is not given any");
	side_close(&s);

	/* A register's causes as messages: one a raise, and one for what was up before */
	side_open(&s, &(struct irqside_device) { .bound = true, .msix = 4 });
	bar_write(&s, IRQTEST_ENABLE, 1);
	assert_status();
	is(call(&s, IRQTEST_SETUP, IRQTEST_MSIX, 4), 4, "MSI-X with registers: granted");
	ok(wait_count(&s, 0, 1, 2000), "MSI-X with registers: a cause from before speaks");
	status_or(&s, 2);
	pciem_irq_op(&s, 0, PCIEM_IRQ_EVAL);
	usleep(5000);
	is(count_of(&s, 0), 1, "MSI-X with registers: what is not enabled does not");
	side_close(&s);
}

/* ---- the end, in the middle of it ------------------------------------------------------------- */

/* A device whose host dies while it raises as fast as it can, the driver bound and listening */
static void test_killed(void)
{
	const int times = 20;
	int left = irqs_in_use(), gone = 0;

	for (int i = 0; i < times; i++) {
		pid_t pid;

		fflush(stdout);
		pid = fork();
		if (!pid) {
			struct storm w = { 0, 8, 1 << 30 };
			pthread_t t;

			side_open(&s, &(struct irqside_device) { .msix = 8 });
			call(&s, IRQTEST_SETUP, IRQTEST_MSIX, 8);
			if (!pthread_create(&t, NULL, storm, &w))
				storm(&(struct storm) { 1, 8, 1 << 30 });
			_exit(1);
		}
		usleep(60000 + i * 5000);
		kill(pid, SIGKILL);
		waitpid(pid, NULL, 0);
		gone += wait_absent(0, 10000);
	}
	is(gone, times, "host killed while raising, %d times: the driver is removed", times);
	is(irqs_in_use(), left, "and no Linux irq is left over");
}

int main(int argc, char **argv)
{
	static const struct { const char *name; void (*test)(void); } tests[] = {
		{ "msix", test_msix }, { "many", test_many }, { "msi", test_msi },
		{ "intx", test_intx }, { "killed", test_killed },
	};

	for (unsigned int i = 0; i < sizeof(tests) / sizeof(tests[0]); i++)
		if (argc < 2 || !strcmp(argv[1], tests[i].name))
			tests[i].test();
	return done_testing();
}
