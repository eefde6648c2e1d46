// SPDX-License-Identifier: MIT
/*
 * bushost.c: the bus a device is put on: where BARs are placed and that they
 * can move, several devices at once, and that nothing stays when one leaves.
 *
 * Try it:  tests/vm/run bus
 */
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "irqside.h"

struct bar { u64 size; u32 flags; u64 start; };

/* ---- devices without a driver -------------------------------------------------------------- */

static int make(const struct bar bars[6], const struct pciem_cap_config *cap)
{
	struct pciem_create_device create = { 0 };
	struct pciem_config_space ids = {
		.vendor = IRQTEST_VENDOR, .device = IRQTEST_DEVICE + 1,
		.class_code = { 0, 0, 0xff },
	};
	int fd = open("/dev/pciem", O_RDWR | O_CLOEXEC);

	if (fd < 0 || ioctl(fd, PCIEM_CREATE_DEVICE, &create))
		bail("/dev/pciem");
	for (u32 i = 0; bars && i < 6; i++) {
		struct pciem_bar_config b = {
			.bar_index = i, .size = bars[i].size, .flags = bars[i].flags,
		};

		if (b.size && ioctl(fd, PCIEM_ADD_BAR, &b))
			bail("ADD_BAR");
	}
	if (ioctl(fd, PCIEM_SET_CONFIG, &ids) || (cap && ioctl(fd, PCIEM_ADD_CAPABILITY, cap)))
		bail("configuration");
	return fd;
}

static int put_on_bus(int fd)	/* the BARs' fd or -errno */
{
	int ret = ioctl(fd, PCIEM_REGISTER);

	return ret < 0 ? -errno : ret;
}

static u64 bar_info(int fd, u32 i, u64 *size)
{
	struct pciem_bar_info_query q = { .bar_index = i };

	if (ioctl(fd, PCIEM_GET_BAR_INFO, &q))
		bail("GET_BAR_INFO");
	*size = q.size;
	return q.phys_addr;
}

/* The only function in a domain of ours with that device id */
static void sysfs_of(int device, char path[64])
{
	char name[320];
	DIR *d = opendir("/sys/bus/pci/devices");
	struct dirent *e;

	path[0] = 0;
	while (d && (e = readdir(d))) {
		unsigned int id = 0;
		FILE *f;

		snprintf(name, sizeof(name), "/sys/bus/pci/devices/%s/device", e->d_name);
		f = e->d_name[0] == '.' ? NULL : fopen(name, "r");
		if (f && fscanf(f, "%x", &id) == 1 && (int)id == device)
			snprintf(path, 64, "/sys/bus/pci/devices/%.30s", e->d_name);
		if (f)
			fclose(f);
	}
	if (d)
		closedir(d);
	if (!path[0])
		bail("no such device in sysfs");
}

static int lines_with(const char *file, const char *text)
{
	char line[300];
	FILE *f = fopen(file, "r");
	int n = 0;

	while (f && fgets(line, sizeof(line), f))
		n += strstr(line, text) != NULL;
	if (f)
		fclose(f);
	return n;
}

/* ---- placing -------------------------------------------------------------------------------- */

static const struct bar layout[6] = {
	{ .size = 0x100 }, { .size = 0x10, .flags = 8 },
	{ .size = 16 << 20, .flags = 0xc }, { 0 },
	{ .size = 1 << 20, .flags = 4 }, { 0 },
};

static void placed(int fd, const char *path)
{
	unsigned long long start, end, flags;
	int wrong = 0, shared = 0, far = 0;
	u64 at[6] = { 0 }, size;
	char name[100];
	FILE *f;

	snprintf(name, sizeof(name), "%s/resource", path);
	f = fopen(name, "r");
	for (int i = 0; f && i < 6; i++) {
		if (fscanf(f, "%llx %llx %llx", &start, &end, &flags) != 3)
			bail("resource");
		if (!layout[i].size)
			continue;
		at[i] = bar_info(fd, (u32)i, &size);
		wrong += !start || end - start + 1 != layout[i].size || at[i] != start ||
			 size != layout[i].size || start & (size - 1);
		far += layout[i].flags & 4 ? start < 1ull << 32 : end >= 1ull << 32;
		for (int k = 0; k < i; k++)
			shared += layout[k].size && at[k] >> 12 == start >> 12;
	}
	if (f)
		fclose(f);
	is(wrong, 0, "each BAR is placed, sized and aligned, and the device is told where");
	is(far, 0, "32-bit BARs are below 4 GiB, 64-bit ones above");
	is(shared, 0, "no two BARs share a page, however small");
}

static void config_put(int config, int offset, u32 v)
{
	if (pwrite(config, &v, 4, offset) != 4)
		bail("configuration write");
}

/* The two small BARs change places, as a driver or a test tool may make them */
static void moved(int fd, const char *path)
{
	u64 size, a = bar_info(fd, 0, &size), b = bar_info(fd, 1, &size);
	char name[100];
	int config;

	snprintf(name, sizeof(name), "%s/config", path);
	config = open(name, O_RDWR);
	if (config < 0)
		bail(name);
	config_put(config, 0x10, ~0u);
	is((long long)bar_info(fd, 0, &size), (long long)a, "a sizing write moves nothing");
	config_put(config, 0x10, (u32)b);
	config_put(config, 0x14, (u32)a);
	is((long long)bar_info(fd, 0, &size), (long long)b, "a BAR moves by a configuration write");
	is((long long)bar_info(fd, 1, &size), (long long)a, "and so does the other");
	config_put(config, 0x10, (u32)a);
	config_put(config, 0x14, (u32)b);
	close(config);
}

static void test_placing(void)
{
	const struct bar huge[6] = { { .size = 1ull << 31 }, { .size = 1ull << 31 } };
	const struct bar large[6] = { { .size = 1ull << 36, .flags = 0xc } };
	struct pciem_cap_config msix = {
		.cap_type = PCIEM_CAP_MSIX,
		.msix = { .bar_index = 2, .table_offset = 0xfffff0, .table_size = 2 },
	};
	char path[64];
	int fd, bar;
	u64 size;

	fd = make(layout, NULL);
	bar = put_on_bus(fd);
	ok(bar >= 0, "a device with five kinds of BAR is put on a bus");
	sysfs_of(IRQTEST_DEVICE + 1, path);
	placed(fd, path);
	moved(fd, path);
	close(bar);
	close(fd);

	fd = make(NULL, NULL);
	ok((bar = put_on_bus(fd)) >= 0, "a device without BARs too");
	close(bar);
	close(fd);
	fd = make(large, NULL);
	ok((bar = put_on_bus(fd)) >= 0 && bar_info(fd, 0, &size) >> 32, "and one with a BAR of 64 GiB");
	close(bar);
	close(fd);
	fd = make(huge, NULL);
	is(put_on_bus(fd), -ENOSPC, "4 GiB of 32-bit BARs find no place: ENOSPC");
	close(fd);
	fd = make(layout, &msix);
	is(put_on_bus(fd), -EINVAL, "an MSI-X table over the end of its BAR: EINVAL");
	close(fd);
}

/* ---- drivers -------------------------------------------------------------------------------- */

static void say(const char *path, const char *file, const char *what)
{
	char name[128];
	int fd;

	snprintf(name, sizeof(name), "%s%s", path, file);
	fd = open(name, O_WRONLY);
	if (fd < 0 || write(fd, what, strlen(what)) < 0)
		bail(name);
	close(fd);
}

static bool works(struct irqside *s)
{
	bool good = call(s, IRQTEST_SETUP, IRQTEST_MSIX, 4) == 4;

	zero(s);
	bar_write(s, IRQTEST_ENABLE, 0x1234567);
	good &= bar_read(s, IRQTEST_ENABLE) == 0x1234567;
	say_and_raise(s, 2);
	good &= wait_count(s, 2, 1, 2000);
	return good && !call(s, IRQTEST_TEARDOWN, 0, 0);
}

static bool bound_again(struct irqside *s)
{
	for (int i = 0; i < 5000 && call(s, IRQTEST_PRESENT, 0, 0) != 1; i++)
		usleep(1000);
	return call(s, IRQTEST_PRESENT, 0, 0) == 1;
}

static void test_rebinding(void)
{
	struct irqside s;
	char *name;

	side_open(&s, &(struct irqside_device) { .unit = 1, .msix = 4 });
	name = strrchr(s.path, '/') + 1;
	ok(works(&s), "registers and interrupts work");
	say("/sys/bus/pci/drivers/irqtest", "/unbind", name);
	ok(wait_absent(1, 2000), "a driver can be unbound by hand");
	say("/sys/bus/pci/drivers/irqtest", "/bind", name);
	ok(bound_again(&s) && works(&s), "and bound again, and it works");
	say(s.path, "/remove", "1");
	ok(wait_absent(1, 2000), "the device can be removed by hand");
	say("/sys/bus/pci", "/rescan", "1");
	ok(bound_again(&s) && works(&s), "a rescan finds it again, and it works");
	side_close(&s);
}

static void test_several(void)
{
	struct irqside s[4];
	bool good = true;

	for (unsigned int i = 0; i < 4; i++)
		side_open(&s[i], &(struct irqside_device) { .unit = i, .msix = 4 });
	for (unsigned int i = 0; i < 4; i++)
		for (unsigned int k = 0; k < i; k++)
			good &= strcmp(s[i].path, s[k].path) != 0;
	ok(good, "four devices at once, each at an address of its own");
	for (unsigned int i = 0; i < 4; i++)
		good &= works(&s[i]);
	ok(good, "and each works");
	side_close(&s[1]);
	good = works(&s[0]) && works(&s[2]) && works(&s[3]);
	ok(good, "the others work when one leaves");
	side_close(&s[0]);
	side_close(&s[3]);
	side_close(&s[2]);
}

/* One child's work; exits with 0 if all went well. */
static void cycle(unsigned int unit, int times)
{
	struct irqside s;
	bool good = true;

	for (int i = 0; i < times; i++) {
		side_open(&s, &(struct irqside_device) { .unit = unit, .msix = 4 });
		good &= works(&s);
		if (i % 2)
			call(&s, IRQTEST_SETUP, IRQTEST_MSIX, 4);	/* bound, and in use, at the end */
		side_close(&s);
	}
	_exit(!good);
}

static void test_in_parallel(int children, int times)
{
	int failed = 0, status;

	fflush(stdout);
	for (int i = 0; i < children; i++)
		if (!fork())
			cycle((unsigned int)i, times);
	for (int i = 0; i < children; i++) {
		wait(&status);
		failed += status != 0;
	}
	is(failed, 0, "%d processes, each %d devices one after another", children, times);
}

/* REGISTER or START, and gone before the driver has finished, or even begun, to probe */
static void test_short_lives(int times)
{
	for (int i = 0; i < times; i++) {
		int fd = make(layout, NULL), bar = put_on_bus(fd);

		if (bar < 0)
			bail("REGISTER");
		if (i % 2 && ioctl(fd, PCIEM_START))
			bail("START");
		if (i % 3) {
			close(fd);
			close(bar);
		} else {
			close(bar);
			close(fd);
		}
	}
	ok(true, "%d devices that leave as soon as they are there", times);
}

static long free_kib(void)
{
	char line[100];
	FILE *f = fopen("/proc/meminfo", "r");
	long slab = 0, v;

	while (f && fgets(line, sizeof(line), f))
		if (sscanf(line, "SUnreclaim: %ld", &v) == 1 || sscanf(line, "VmallocUsed: %ld", &v) == 1)
			slab += v;
	if (f)
		fclose(f);
	return slab;
}

/* A device with its driver at work, until a line is read */
static int stay(void)
{
	struct irqside s;

	side_open(&s, &(struct irqside_device) { .msix = 16, .msi = true, .log2 = 2, .masking = true });
	call(&s, IRQTEST_SETUP, IRQTEST_MSIX, 16);
	puts(s.path);
	fflush(stdout);
	getchar();
	side_close(&s);
	return 0;
}

int main(int argc, char **argv)
{
	int irqs = irqs_in_use();
	long before, grown;

	if (argc == 2 && !strcmp(argv[1], "stay"))
		return stay();
	test_placing();
	test_rebinding();
	test_several();
	test_short_lives(30);
	before = free_kib();
	test_in_parallel(1, 100);
	grown = free_kib() - before;
	ok(grown < 2048, "100 devices later the kernel holds %ld KiB more", grown);
	test_in_parallel(3, 20);
	is(irqs_in_use(), irqs, "no Linux irq is left over");
	is(lines_with("/proc/iomem", "pciem"), 0, "no window is left over");
	return done_testing();
}
