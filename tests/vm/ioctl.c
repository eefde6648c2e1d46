// SPDX-License-Identifier: MIT
/*
 * ioctl.c: every request on /dev/pciem with wrong numbers, sizes, indices,
 * phases and pointers. Each gets the errno that is promised, and the session
 * goes on as if it had not been.
 *
 * Try it:  tests/vm/run ioctl
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../../kernel/core/regs.h"
#include "../../kernel/uapi/pciem.h"
#include "tap.h"

#define WILD	((void *)0xdead000)	/* nothing is mapped there */
#define NR(n)	_IOC(_IOC_READ | _IOC_WRITE, PCIEM_IOC, n, 8)

static int fd;

static void gets(int wanted, unsigned long cmd, const void *arg, const char *what)
{
	int got = ioctl(fd, cmd, arg) < 0 ? errno : 0;

	ok(got == wanted, "%s%s%s", what, got == wanted ? "" : ": got ",
	   got == wanted ? "" : strerrorname_np(got));
}

/* STOP only begins a removal: gets(), once the call no longer answers anything else, or after 10 s. */
static void comes_to(int wanted, unsigned long cmd, const void *arg, const char *what)
{
	int tries = 1000;

	while ((ioctl(fd, cmd, arg) < 0 ? errno : 0) != wanted && tries--)
		usleep(10000);
	gets(wanted, cmd, arg, what);
}

static void renew(void)
{
	if (fd >= 0)
		close(fd);
	fd = open("/dev/pciem", O_RDWR | O_CLOEXEC);
	if (fd < 0)
		bail("/dev/pciem");
}

static int must(unsigned long cmd, void *arg, const char *what)
{
	int ret = ioctl(fd, cmd, arg);

	if (ret < 0)
		bail(what);
	return ret;
}

static struct pciem_create_device create;	/* not const: the kernel writes it back */
static const struct pciem_config_space ids = {
	.vendor = 0x1234, .device = 0x10c7, .class_code = { 0, 0, 0xff },
};

static void created(void)
{
	renew();
	must(PCIEM_CREATE_DEVICE, &create, "CREATE_DEVICE");
}

static int bar_is(uint32_t index, uint64_t size, uint32_t flags)
{
	struct pciem_bar_config b = { .bar_index = index, .size = size, .flags = flags };

	return ioctl(fd, PCIEM_ADD_BAR, &b) ? errno : 0;
}

static int cap_is(struct pciem_cap_config c)
{
	return ioctl(fd, PCIEM_ADD_CAPABILITY, &c) ? errno : 0;
}

/* ---- numbers and pointers --------------------------------------------------------------- */

static const struct { unsigned long cmd; const char *name; int sized; } all[] = {
	{ PCIEM_CREATE_DEVICE, "CREATE_DEVICE", 1 }, { PCIEM_ADD_BAR, "ADD_BAR", 1 },
	{ PCIEM_ADD_CAPABILITY, "ADD_CAPABILITY", 1 }, { PCIEM_SET_CONFIG, "SET_CONFIG", 1 },
	{ PCIEM_REGISTER, "REGISTER", 0 }, { PCIEM_INJECT_IRQ, "INJECT_IRQ", 1 },
	{ PCIEM_DMA, "DMA", 1 }, { PCIEM_GET_BAR_INFO, "GET_BAR_INFO", 1 },
	{ PCIEM_SET_EVENTFD, "SET_EVENTFD", 1 }, { PCIEM_SET_IRQFD, "SET_IRQFD", 1 },
	{ PCIEM_DMA_INDIRECT, "DMA_INDIRECT", 1 }, { PCIEM_TRACE_BAR, "TRACE_BAR", 1 },
	{ PCIEM_START, "START", 0 }, { PCIEM_SET_SPACE, "SET_SPACE", 1 },
	{ PCIEM_SET_REGS, "SET_REGS", 1 }, { PCIEM_IRQ, "IRQ", 1 }, { PCIEM_DMA_LIST, "DMA_LIST", 1 },
	{ PCIEM_CONFIG_WATCH, "CONFIG_WATCH", 1 }, { PCIEM_CONFIG_POKE, "CONFIG_POKE", 1 },
	{ PCIEM_WAKE, "WAKE", 1 }, { PCIEM_STOP, "STOP", 0 }, { PCIEM_SET_TIMEOUT, "SET_TIMEOUT", 1 },
	{ PCIEM_FEATURES, "FEATURES", 1 }, { PCIEM_GET_STATS, "GET_STATS", 1 },
};

#define COUNT(a)	(sizeof(a) / sizeof((a)[0]))

static void numbers(void)
{
	static const unsigned long listed[] = {
		0xC008AF0A, 0x4018AF0B, 0x4018AF0C, 0x4018AF0D, 0x0000AF0E, 0x4008AF0F, 0xC020AF10,
		0xC020AF13, 0x4008AF15, 0x4010AF16, 0xC030AF18, 0xC00CAF19, 0x0000AF1A,
	};
	uint64_t space[512] = { 0 };
	unsigned int i, n, same = 0;

	for (i = 0; i < COUNT(listed); i++)
		same += all[i].cmd == listed[i];
	is(same, COUNT(listed), "the numbers are the listed ones");
	created();
	for (n = 0, i = 0; i < 256; i++)
		if ((i < 10 || i > 27) && (i < 64 || i > 75))
			n += ioctl(fd, NR(i), space) == -1 && errno == ENOTTY;
	is(n, 256 - 18 - 12, "every unknown number is ENOTTY");
	for (n = 0, i = 0; i < COUNT(all); i++) {
		unsigned long cmd = all[i].cmd + (3ul << _IOC_SIZESHIFT);

		n += ioctl(fd, cmd, space) == -1 && errno == ENOTTY;
	}
	is(n, COUNT(all), "every known number with a wrong size is ENOTTY");
	gets(ENOTTY, _IO(PCIEM_IOC, 20), NULL, "number 20 is gone");
	gets(ENOTTY, _IO('x', 10), NULL, "another driver's number");
}

static void pointers(void)
{
	struct pciem_space space = { (uintptr_t)WILD, (uintptr_t)WILD, (uintptr_t)WILD };
	struct pciem_regs regs = { .rows = (uintptr_t)WILD, .nrows = 3 };
	unsigned int i;

	created();
	for (i = 0; i < COUNT(all); i++) {
		char what[80];

		snprintf(what, sizeof(what), "%s with a wild pointer is EFAULT", all[i].name);
		if (all[i].sized)
			gets(EFAULT, all[i].cmd, WILD, what);
	}
	gets(EFAULT, PCIEM_SET_SPACE, &space, "SET_SPACE of wild pointers");
	gets(EFAULT, PCIEM_SET_REGS, &regs, "SET_REGS of wild rows");
	regs.nrows = 0;
	regs.nram = 2;
	regs.ram = (uintptr_t)WILD;
	gets(EFAULT, PCIEM_SET_REGS, &regs, "SET_REGS of wild memory");
}

static void unbuilt(void)
{
	static const unsigned long cmds[] = { 0xC030AF11, 0xC028AF11, 0xC020AF12, 0xC018AF12 };
	struct pciem_create_device c = { .func = 1 };
	struct pciem_bar_config bar = { .size = 4096, .func = 1 };
	struct pciem_config_space config = ids;
	struct pciem_trace_bar trace = { .func = 1 };
	unsigned int i, n = 0;
	char arg[64] = { 0 };

	renew();
	gets(EOPNOTSUPP, PCIEM_CREATE_DEVICE, &c, "a second function is not supported");
	c = (struct pciem_create_device) { .flags = 1 };
	gets(EOPNOTSUPP, PCIEM_CREATE_DEVICE, &c, "a place on an existing bus is not");
	c.flags = 2;
	gets(0, PCIEM_CREATE_DEVICE, &c, "any other bus mode is a root of its own");
	for (i = 0; i < COUNT(cmds); i++)
		n += ioctl(fd, cmds[i], arg) == -1 && errno == EOPNOTSUPP;
	is(n, COUNT(cmds), "DMA_ATOMIC and P2P are not supported, old or new");
	gets(EOPNOTSUPP, PCIEM_ADD_BAR, &bar, "ADD_BAR of function 1");
	config.func = 1;
	gets(EOPNOTSUPP, PCIEM_SET_CONFIG, &config, "SET_CONFIG of function 1");
	is(cap_is((struct pciem_cap_config) { .cap_type = PCIEM_CAP_PM, .func = 1 }), EOPNOTSUPP,
	   "ADD_CAPABILITY of function 1");
	is(cap_is((struct pciem_cap_config) { .cap_type = PCIEM_CAP_PASID }), EOPNOTSUPP,
	   "a PASID capability");
	gets(EOPNOTSUPP, PCIEM_TRACE_BAR, &trace, "TRACE_BAR of function 1");
	is(bar_is(0, 4096, 1), EOPNOTSUPP, "an I/O BAR");
}

/* ---- phases -------------------------------------------------------------------------------- */

static void too_early(void)
{
	uint64_t arg[16] = { 0 };
	unsigned int i;

	renew();
	for (i = 1; i < COUNT(all) - 5; i++) {
		char what[80];

		if (all[i].cmd == PCIEM_SET_EVENTFD)
			continue;
		snprintf(what, sizeof(what), "%s before CREATE_DEVICE is EINVAL", all[i].name);
		gets(EINVAL, all[i].cmd, arg, what);
	}
	gets(0, PCIEM_CREATE_DEVICE, &create, "CREATE_DEVICE");
	gets(EBUSY, PCIEM_CREATE_DEVICE, &create, "a second CREATE_DEVICE");
	gets(EINVAL, PCIEM_REGISTER, NULL, "REGISTER without SET_CONFIG");
	gets(EINVAL, PCIEM_START, NULL, "START before REGISTER");
	gets(EINVAL, PCIEM_INJECT_IRQ, arg, "INJECT_IRQ before REGISTER");
	gets(EINVAL, PCIEM_GET_BAR_INFO, arg, "GET_BAR_INFO before REGISTER");
	gets(EINVAL, PCIEM_WAKE, arg, "WAKE in a session without a queue");
	ok(mmap(NULL, 4096, PROT_READ, MAP_SHARED, fd, PCIEM_MMAP_BAR(0)) == MAP_FAILED,
	   "a BAR cannot be mapped before REGISTER");
}

static void too_late(void)
{
	struct pciem_bar_info_query q = { .bar_index = 0 };
	struct pciem_irq_inject inject = { .vector = 0, .func = 0x77 };
	struct pciem_irq irq = { .op = 9 };
	uint64_t arg[16] = { 0 };
	int bars;

	created();
	is(bar_is(0, 0x1000, 0), 0, "a BAR");
	must(PCIEM_SET_CONFIG, (void *)&ids, "SET_CONFIG");
	bars = must(PCIEM_REGISTER, NULL, "REGISTER");
	ok(fcntl(bars, F_GETFD) & FD_CLOEXEC, "REGISTER returns an fd that is closed by exec");
	gets(EINVAL, PCIEM_REGISTER, NULL, "a second REGISTER");
	is(bar_is(1, 0x1000, 0), EINVAL, "ADD_BAR after REGISTER");
	gets(EINVAL, PCIEM_SET_CONFIG, &ids, "SET_CONFIG after REGISTER");
	gets(EINVAL, PCIEM_SET_REGS, arg, "SET_REGS after REGISTER");
	gets(EINVAL, PCIEM_SET_SPACE, arg, "SET_SPACE after REGISTER");
	gets(EBUSY, PCIEM_CREATE_DEVICE, &create, "CREATE_DEVICE after REGISTER");
	gets(0, PCIEM_GET_BAR_INFO, &q, "GET_BAR_INFO");
	ok(q.phys_addr && q.size == 0x1000, "says where and how large");
	q.bar_index = 1;
	gets(ENOENT, PCIEM_GET_BAR_INFO, &q, "of an absent BAR");
	q.bar_index = 6;
	gets(EINVAL, PCIEM_GET_BAR_INFO, &q, "of a BAR that cannot be");
	gets(0, PCIEM_INJECT_IRQ, &inject, "INJECT_IRQ with a stray function number");
	gets(EINVAL, PCIEM_IRQ, &irq, "IRQ with an unknown operation");
	gets(0, PCIEM_START, NULL, "START");
	gets(EALREADY, PCIEM_START, NULL, "a second START");
	gets(0, PCIEM_STOP, NULL, "STOP");
	gets(EALREADY, PCIEM_STOP, NULL, "a second STOP");
	comes_to(EINVAL, PCIEM_INJECT_IRQ, &inject, "INJECT_IRQ after STOP");
	gets(EINVAL, PCIEM_START, NULL, "START after STOP");
	gets(EINVAL, PCIEM_DMA, arg, "DMA after STOP");
	close(bars);
}

/* ---- values ----------------------------------------------------------------------------------- */

static void bars(void)
{
	created();
	is(bar_is(6, 4096, 0), EINVAL, "BAR 6");
	is(bar_is(0xffffffff, 4096, 0), EINVAL, "BAR -1");
	is(bar_is(0, 4095, 0), EINVAL, "a size that is no power of two");
	is(bar_is(0, 8, 0), EINVAL, "a size below 16");
	is(bar_is(5, 4096, 4), EINVAL, "a 64-bit BAR 5");
	is(bar_is(0, 1ull << 32, 0), EINVAL, "4 GiB in 32 bits");
	is(bar_is(0, 1ull << 63, 4), EINVAL, "8 EiB");
	is(bar_is(0, 4096, 4), 0, "a 64-bit BAR 0");
	is(bar_is(1, 4096, 0), EINVAL, "BAR 1 is its upper half");
	is(bar_is(0, 0, 0), 0, "size 0 takes it away");
	is(bar_is(1, 4096, 0), 0, "then BAR 1 can be");
	is(bar_is(1, 8192, 0), 0, "and be another");
}

static void caps(void)
{
	struct pciem_cap_config msi = { .cap_type = PCIEM_CAP_MSI, .msi = { 6, 1, 1, 0 } };
	struct pciem_cap_config msix = { .cap_type = PCIEM_CAP_MSIX, .msix = { .bar_index = 2,
		.table_offset = 0, .pba_offset = 0x800, .table_size = 4 } };
	int bars;

	created();
	is(cap_is((struct pciem_cap_config) { .cap_type = 99 }), EINVAL, "an unknown capability");
	is(cap_is(msi), EINVAL, "MSI with 64 messages");
	msi.msi.log2_vectors = 2;
	is(cap_is(msi), 0, "MSI with 4");
	is(cap_is(msi), EINVAL, "MSI twice");
	msix.msix.table_offset = 4;
	is(cap_is(msix), EINVAL, "MSI-X at an unaligned offset");
	msix.msix.table_offset = 0;
	msix.msix.table_size = 0;
	is(cap_is(msix), EINVAL, "MSI-X without entries");
	msix.msix.table_size = 4;
	is(cap_is(msix), 0, "MSI-X");
	must(PCIEM_SET_CONFIG, (void *)&ids, "SET_CONFIG");
	gets(EINVAL, PCIEM_REGISTER, NULL, "REGISTER with MSI-X in a BAR that is not there");
	is(bar_is(2, 4096, 0), 0, "give it its BAR");
	bars = must(PCIEM_REGISTER, NULL, "REGISTER");
	ok(bars >= 0, "REGISTER");
	close(bars);
}

static void ids_and_spaces(void)
{
	static uint8_t zero[PCIEM_SPACE_SIZE], ones[PCIEM_SPACE_SIZE], good[PCIEM_SPACE_SIZE];
	struct pciem_space space = { (uintptr_t)good, (uintptr_t)zero, (uintptr_t)zero };
	struct pciem_config_space c = ids;
	int bars;

	memset(ones, 0xff, sizeof(ones));
	created();
	c.header_type = 1;
	gets(EINVAL, PCIEM_SET_CONFIG, &c, "a bridge");
	c.header_type = 0;
	c.vendor = 0xffff;
	gets(0, PCIEM_SET_CONFIG, &c, "vendor ffff");
	gets(EINVAL, PCIEM_REGISTER, NULL, "cannot be put on a bus");
	gets(EINVAL, PCIEM_SET_SPACE, &space, "SET_SPACE after SET_CONFIG");
	created();
	good[0] = 0x34, good[1] = 0x12, good[2] = 0xc7, good[3] = 0x10;
	good[6] = 0x10;			/* capabilities: */
	good[0x34] = 0x40;
	good[0x40] = 9, good[0x41] = 0x40, good[0x42] = 16;
	gets(EINVAL, PCIEM_SET_SPACE, &space, "a capability list that does not end");
	good[0x41] = 0;
	space.wmask = space.w1c = (uintptr_t)ones;
	gets(EINVAL, PCIEM_SET_SPACE, &space, "bits both writable and cleared by ones");
	space.wmask = space.w1c = (uintptr_t)zero;
	gets(0, PCIEM_SET_SPACE, &space, "a good configuration space");
	is(cap_is((struct pciem_cap_config) { .cap_type = PCIEM_CAP_PM }), EINVAL,
	   "ADD_CAPABILITY after it");
	gets(EINVAL, PCIEM_SET_CONFIG, &ids, "SET_CONFIG after it");
	bars = must(PCIEM_REGISTER, NULL, "REGISTER");
	ok(bars >= 0, "REGISTER");
	close(bars);
}

static void rows(void)
{
	struct mb_reg row[2] = {
		{ .offset = 0, .size = 4, .lock = MB_NONE, .vector = MB_NONE, .enable = MB_NONE },
		{ .offset = 4, .size = 4, .lock = MB_NONE, .vector = MB_NONE, .enable = MB_NONE,
		  .target = 1 },
	}, wrong;
	struct mb_ram ram = { .offset = 4096, .size = 4096 };
	struct pciem_regs r = { .rows = (uintptr_t)row, .nrows = 2 };
	struct pciem_bar_config bar = { .size = 8192 };
	uint64_t ns = 11000000000ull;
	uint32_t slot = PCIEM_QUEUE_SLOTS;
	struct pollfd p;
	int bars;

	created();
	gets(EINVAL, PCIEM_SET_REGS, &r, "rows in a BAR that is not there");
	is(r.bad_row, 0, "and it says which");
	must(PCIEM_ADD_BAR, &bar, "ADD_BAR");
	wrong = row[1];
	row[1].offset = 2;
	gets(EINVAL, PCIEM_SET_REGS, &r, "rows that overlap");
	is(r.bad_row, 1, "and it says which");
	row[1] = wrong;
	row[1].offset = 8190;
	gets(EINVAL, PCIEM_SET_REGS, &r, "a row over the BAR's end");
	row[1] = wrong;
	row[1].target = 0x12345678;
	gets(EINVAL, PCIEM_SET_REGS, &r, "an alias of nothing");
	row[1] = wrong;
	row[1].lock = 2;
	gets(EINVAL, PCIEM_SET_REGS, &r, "a lock by nothing");
	row[1] = wrong;
	row[1].bar = 200;
	gets(EINVAL, PCIEM_SET_REGS, &r, "a row in BAR 200");
	row[1] = wrong;
	row[1].size = 3;
	gets(EINVAL, PCIEM_SET_REGS, &r, "a row of 3 bytes");
	row[1] = wrong;
	r.nrows = MB_MAX_ROWS + 1;
	gets(EINVAL, PCIEM_SET_REGS, &r, "more rows than there may be");
	r.nrows = 0xffffffff;
	gets(EINVAL, PCIEM_SET_REGS, &r, "2^32 - 1 rows");
	r.nrows = 2;
	r.ram = (uintptr_t)&ram;
	r.nram = 0xffffffff;
	gets(EINVAL, PCIEM_SET_REGS, &r, "2^32 - 1 pieces of memory");
	r.nram = 1;
	ram.size = 4097;
	gets(EINVAL, PCIEM_SET_REGS, &r, "memory over the BAR's end");
	ram.size = 0ull - 4096;
	gets(EINVAL, PCIEM_SET_REGS, &r, "memory around the end of the world");
	ram.size = 4096;
	r.timeout_ns = ns;
	gets(EINVAL, PCIEM_SET_REGS, &r, "a completion timeout above 10 s");
	gets(EINVAL, PCIEM_SET_TIMEOUT, &ns, "the same by SET_TIMEOUT");
	r.timeout_ns = 0;
	gets(0, PCIEM_SET_REGS, &r, "rows");
	gets(EINVAL, PCIEM_SET_REGS, &r, "rows twice");
	is(bar_is(0, 4096, 0), EINVAL, "a BAR cannot change under them");
	ns = 1000;
	gets(0, PCIEM_SET_TIMEOUT, &ns, "a completion timeout of 1 us");
	gets(EINVAL, PCIEM_WAKE, &slot, "a slot that is not there");
	slot = 0;
	gets(0, PCIEM_WAKE, &slot, "one that nobody sleeps on");
	must(PCIEM_SET_CONFIG, (void *)&ids, "SET_CONFIG");
	bars = must(PCIEM_REGISTER, NULL, "REGISTER");
	p = (struct pollfd) { .fd = fd, .events = POLLIN };
	is(poll(&p, 1, 0) == 1 && !(p.revents & POLLIN), 0, "an idle queue does not end poll()");
	close(bars);
}

/* ---- configuration space that the host has a say in ---------------------------------------------- */

static int poke_is(uint32_t offset, uint32_t size, uint32_t mask, uint32_t value)
{
	struct pciem_config_poke p = { offset, size, mask, value };

	return ioctl(fd, PCIEM_CONFIG_POKE, &p) ? errno : 0;
}

static void poke_places(void)
{
	is(poke_is(0x60, 4, ~0u, 1), 0, "4 bytes at 0x60");
	is(poke_is(0x62, 2, ~0u, 1), 0, "2 at 0x62");
	is(poke_is(0x63, 1, 0, 1), 0, "1 at 0x63");
	is(poke_is(0xffc, 4, ~0u, 1), 0, "the last 4");
	is(poke_is(0x60, 3, ~0u, 1), EINVAL, "3 bytes");
	is(poke_is(0x60, 0, ~0u, 1), EINVAL, "none");
	is(poke_is(0x60, 0x80000004, ~0u, 1), EINVAL, "2^31 and 4");
	is(poke_is(0x62, 4, ~0u, 1), EINVAL, "4 bytes at 0x62");
	is(poke_is(0x1000, 1, ~0u, 1), EINVAL, "after the end");
	is(poke_is(0xfffffffc, 4, ~0u, 1), EINVAL, "far after it");
	is(poke_is(0x3c, 1, ~0u, 1), EINVAL, "in the header");
	is(poke_is(0x44, 1, ~0u, 1), EINVAL, "in power management");
	is(poke_is(0x40, 1, 0, 0), EINVAL, "its first byte, and nothing changed");
	is(poke_is(0x48, 2, ~0u, 1), EINVAL, "a vendor-specific capability's links");
	is(poke_is(0x4a, 1, ~0u, 1), EINVAL, "its length");
	is(poke_is(0x4b, 1, ~0u, 1), 0, "what follows it");
	is(poke_is(0x100, 2, ~0u, 1), EINVAL, "the head of the extended list");
	is(poke_is(0x104, 4, ~0u, 1), 0, "after it");
}

static void config(void)
{
	static uint8_t zero[PCIEM_SPACE_SIZE], good[PCIEM_SPACE_SIZE];
	struct pciem_space space = { (uintptr_t)good, (uintptr_t)zero, (uintptr_t)zero };
	struct pciem_config_watch w = { .bitmap = (uintptr_t)WILD };
	struct pciem_config_poke poke = { 0x60, 4, ~0u, 1 };
	struct pciem_bar_config bar = { .size = 4096 };
	struct pciem_regs none = { 0 };
	uint8_t map[PCIEM_SPACE_SIZE / 8] = { 0xff };
	struct pciem_features f;
	int bars;

	created();
	gets(0, PCIEM_FEATURES, &f, "FEATURES");
	ok(f.flags & PCIEM_FEATURE_CONFIG, "they are a feature");
	memcpy(good, "\x34\x12\xc7\x10", 4);
	good[6] = 0x10;			/* capabilities */
	good[0x0b] = 0xff;		/* a class: Linux gives others no BAR */
	good[0x34] = 0x40;
	memcpy(good + 0x40, "\1\x48\3", 3);	/* power management */
	memcpy(good + 0x48, "\t\0\x08", 3);	/* vendor-specific */
	must(PCIEM_ADD_BAR, &bar, "ADD_BAR");
	must(PCIEM_SET_SPACE, &space, "SET_SPACE");
	gets(EINVAL, PCIEM_CONFIG_WATCH, &w, "CONFIG_WATCH without rows");
	must(PCIEM_SET_REGS, &none, "SET_REGS");
	gets(EFAULT, PCIEM_CONFIG_WATCH, &w, "CONFIG_WATCH of a wild pointer");
	w.bitmap = (uintptr_t)map;
	gets(0, PCIEM_CONFIG_WATCH, &w, "CONFIG_WATCH");
	gets(0, PCIEM_CONFIG_WATCH, &w, "again");
	is(poke_is(0x60, 4, ~0u, 1), EINVAL, "CONFIG_POKE before REGISTER");
	bars = must(PCIEM_REGISTER, NULL, "REGISTER");
	gets(EINVAL, PCIEM_CONFIG_WATCH, &w, "CONFIG_WATCH after REGISTER");
	poke_places();
	gets(0, PCIEM_START, NULL, "START");
	is(poke_is(0x60, 4, ~0u, 1), 0, "CONFIG_POKE after START");
	gets(0, PCIEM_STOP, NULL, "STOP");
	comes_to(EINVAL, PCIEM_CONFIG_POKE, &poke, "CONFIG_POKE after STOP");
	close(bars);
}

/* ---- the standby's call: it blocks ----------------------------------------------------------------- */

static void *waits(void *op)
{
	uint32_t arg = (uintptr_t)op;

	return (void *)(intptr_t)(ioctl(fd, PCIEM_STANDBY, &arg) ? errno : 0);
}

static int ended(pthread_t thread)
{
	void *failed = NULL;

	pthread_join(thread, &failed);
	return (intptr_t)failed;
}

static pthread_t waiter(void)
{
	pthread_t thread;

	if (pthread_create(&thread, NULL, waits, (void *)PCIEM_STANDBY_WAIT))
		bail("pthread_create");
	usleep(100000);
	return thread;
}

static void on_signal(int sig)
{
	(void)sig;
}

static void standby(void)
{
	uint32_t dismiss = PCIEM_STANDBY_DISMISS, wait = PCIEM_STANDBY_WAIT, unknown = 3;
	struct sigaction act = { .sa_handler = on_signal };
	struct pciem_features f;
	struct pciem_regs none = { 0 };
	pthread_t thread;
	int bars;

	created();
	must(PCIEM_FEATURES, &f, "FEATURES");
	ok(f.flags & PCIEM_FEATURE_STANDBY, "the standby is a feature");
	gets(EINVAL, PCIEM_STANDBY, &wait, "STANDBY without rows");
	must(PCIEM_SET_REGS, &none, "SET_REGS");
	gets(EFAULT, PCIEM_STANDBY, WILD, "STANDBY with a wild pointer");
	gets(EINVAL, PCIEM_STANDBY, &unknown, "STANDBY of an unknown kind");
	gets(0, PCIEM_STANDBY, &dismiss, "a dismissal of who is not there yet");
	gets(ECANCELED, PCIEM_STANDBY, &wait, "he comes, and leaves");
	thread = waiter();
	gets(EBUSY, PCIEM_STANDBY, &wait, "one stands by, another may not");
	gets(0, PCIEM_STANDBY, &dismiss, "he is dismissed");
	is(ended(thread), ECANCELED, "and leaves");
	sigaction(SIGUSR1, &act, NULL);
	thread = waiter();
	pthread_kill(thread, SIGUSR1);
	is(ended(thread), EINTR, "a signal ends the call");
	must(PCIEM_SET_CONFIG, (void *)&ids, "SET_CONFIG");
	bars = must(PCIEM_REGISTER, NULL, "REGISTER");
	must(PCIEM_START, NULL, "START");
	thread = waiter();
	must(PCIEM_STOP, NULL, "STOP");
	is(ended(thread), ENODEV, "so does the end of the session");
	gets(ENODEV, PCIEM_STANDBY, &wait, "and it stays so");
	close(bars);
}

/* ---- mmap, read, write ------------------------------------------------------------------------ */

static void refuses_map(int from, size_t len, int prot, int flags, uint64_t offset, const char *what)
{
	void *p = mmap(NULL, len, prot, flags, from, offset);

	ok(p == MAP_FAILED && errno == EINVAL, "%s", what);
	if (p != MAP_FAILED)
		munmap(p, len);
}

static void maps(void)
{
	const int rw = PROT_READ | PROT_WRITE;
	struct pciem_bar_config bar = { .size = 8192 };
	char buf[64];
	int bars;

	created();
	must(PCIEM_ADD_BAR, &bar, "ADD_BAR");
	must(PCIEM_SET_CONFIG, (void *)&ids, "SET_CONFIG");
	bars = must(PCIEM_REGISTER, NULL, "REGISTER");
	refuses_map(fd, 1 << 16, rw, MAP_SHARED, 0, "more of the ring than there is");
	refuses_map(bars, 12288, rw, MAP_SHARED, 0, "more of a BAR than there is");
	refuses_map(bars, 4096, rw, MAP_SHARED, 4096, "a BAR that is not there");
	refuses_map(bars, 4096, rw, MAP_SHARED, 8 * 4096, "function 1's BAR 0");
	refuses_map(bars, 4096, rw, MAP_SHARED, 1ull << 40, "far behind");
	refuses_map(bars, 4096, rw, MAP_PRIVATE, 0, "a private copy");
	refuses_map(fd, 4096, rw, MAP_SHARED, PCIEM_MMAP_BAR(0) + 8192, "behind a BAR's end");
	refuses_map(fd, 4096, rw, MAP_SHARED, PCIEM_MMAP_BAR(6), "BAR 6");
	refuses_map(fd, 4096, rw, MAP_SHARED, PCIEM_MMAP_BAR(200), "BAR 200");
	ok(read(fd, buf, 48) == -1 && errno == EINVAL, "read() is EINVAL");
	ok(write(fd, buf, 24) == -1 && errno == EINVAL, "write() with nothing pending is EINVAL");
	ok(lseek(fd, 0, SEEK_SET) == -1 && errno == ESPIPE, "lseek() is ESPIPE");
	close(bars);
}

static void fds(void)
{
	struct pciem_eventfd_config e = { .eventfd = 12345 };
	struct pciem_irqfd_config i = { .eventfd = 12345 };
	int bars;

	created();
	gets(EBADF, PCIEM_SET_EVENTFD, &e, "SET_EVENTFD of no fd");
	e.eventfd = 0;
	gets(EINVAL, PCIEM_SET_EVENTFD, &e, "of something else");
	e.eventfd = -1;
	gets(0, PCIEM_SET_EVENTFD, &e, "of none");
	must(PCIEM_SET_CONFIG, (void *)&ids, "SET_CONFIG");
	bars = must(PCIEM_REGISTER, NULL, "REGISTER");
	gets(EBADF, PCIEM_SET_IRQFD, &i, "SET_IRQFD of no fd");
	i.eventfd = fd;
	gets(EINVAL, PCIEM_SET_IRQFD, &i, "of something else");
	close(bars);
}

static void unprivileged(void)
{
	int status = 1;

	if (!fork()) {
		int dir_ok = !chmod("/dev/pciem", 0666);

		if (setuid(65534))
			_exit(2);
		_exit(!dir_ok || open("/dev/pciem", O_RDWR) != -1 || errno != EPERM);
	}
	wait(&status);
	is(status, 0, "without CAP_SYS_RAWIO the node does not open, whatever its mode");
	if (chmod("/dev/pciem", 0600))
		bail("chmod");
}

/* ---- anything at all ----------------------------------------------------------------------------- */

static void *noise(void *seed)
{
	unsigned int s = (uintptr_t)seed, i;
	union { char bytes[96]; uint64_t words[12]; } arg;

	for (i = 0; i < 20000; i++) {
		unsigned int w, which = rand_r(&s) % COUNT(all);

		for (w = 0; w < 12; w++) {
			arg.words[w] = rand_r(&s) % 3 ? rand_r(&s) % 8u :
				       (uint64_t)rand_r(&s) << (rand_r(&s) % 33);
		}
		/* REGISTER makes buses, 100 ms each: seldom. */
		if (all[which].cmd == PCIEM_REGISTER && rand_r(&s) % 500)
			continue;
		ioctl(fd, all[which].cmd, &arg);
	}
	return NULL;
}

static void anything(void)
{
	pthread_t th[2];
	int round;

	for (round = 0; round < 3; round++) {
		renew();
		pthread_create(&th[0], NULL, noise, (void *)(1 + 2ul * round));
		pthread_create(&th[1], NULL, noise, (void *)(2 + 2ul * round));
		pthread_join(th[0], NULL);
		pthread_join(th[1], NULL);
	}
	closefrom(3);
	fd = -1;
	ok(1, "100,000 requests of anything at all from two threads");
}

int main(void)
{
	fd = -1;
	numbers();
	pointers();
	unbuilt();
	too_early();
	too_late();
	bars();
	caps();
	ids_and_spaces();
	rows();
	config();
	standby();
	maps();
	fds();
	close(fd);
	unprivileged();
	anything();
	return done_testing();
}
