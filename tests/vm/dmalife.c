// SPDX-License-Identifier: MIT
/*
 * dmalife.c: drivers that make mistakes, that leave mappings behind, that free them after the
 * device is gone; and two devices at once. Each in a session of its own, whose kernel messages are
 * then not yet rate-limited.
 *
 * Try it:  tests/vm/run dma
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "dmaside.h"

#define R PCIEM_DMA_READ
#define W PCIEM_DMA_WRITE

static struct side s;
static unsigned char buf[65536];

static int refcount(void)
{
	FILE *f = fopen("/sys/module/pciem/refcnt", "r");
	int n = -1;

	if (f && fscanf(f, "%d", &n) != 1)
		n = -1;
	if (f)
		fclose(f);
	return n;
}

/* Closing may leave the removal to the kernel's own time. */
static bool refcount_comes_to(int wanted)
{
	int i;

	for (i = 0; i < 300 && refcount() != wanted; i++)
		usleep(10000);
	return refcount() == wanted;
}

static void mistakes(void)
{
	struct dmatest_map m;

	side_open(&s, 0);
	log_mark();
	m = map(&s, DMATEST_SINGLE, DMATEST_TO_DEVICE, 100, 0, 1);
	mem(&s, &m, DMATEST_SYNC, 0, 0, NULL, 100);
	ok(!log_has("driver dmatest"), "a sync inside a mapping is nothing to tell");
	mem(&s, &m, DMATEST_SYNC, 0, 50, NULL, 51);
	ok(log_has("driver dmatest syncs what is not mapped"), "a sync past its end is told");
	end(&s, &m, DMATEST_WRONG_LENGTH);
	ok(log_has("driver dmatest unmaps with the wrong length"), "a wrong length is told");
	m = map(&s, DMATEST_SINGLE, DMATEST_TO_DEVICE, 100, 0, 1);
	end(&s, &m, DMATEST_WRONG_DIRECTION);
	ok(log_has("driver dmatest unmaps with the wrong direction"), "a wrong direction is told");
	m = map(&s, DMATEST_SINGLE, DMATEST_TO_DEVICE, 100, 0, 1);
	end(&s, &m, DMATEST_TWICE);
	ok(log_has("driver dmatest unmaps what is not mapped"), "a second unmap is told");
	is(stats(&s).outstanding, 0, "and the right one had ended it, as the wrong ones");

	m = map(&s, DMATEST_COHERENT, DMATEST_BOTH, 4096, 0, 1);
	end(&s, &m, DMATEST_WRONG_CALL);
	ok(log_has("driver dmatest unmaps with the wrong call"), "a wrong call is told");
	is(xfer(&s, m.bus[0], buf, 4096, R), PCIEM_DMA_OK, "coherent memory stays for all that");
	end(&s, &m, DMATEST_RIGHT);

	is(xfer(&s, m.bus[0], buf, 12, W), PCIEM_DMA_STALE, "a write after free is refused");
	ok(log_has("DMA refused: device writes") && log_has("+12: not mapped any more") &&
	   log_has("coherent mapping") && log_has("+4096, both ways, unmapped"),
	   "and told, with the mapping that it was");
	side_close(&s);
}

/* Asks sysfs to bind or unbind the test driver's first device. */
static void driver_file(const char *verb)
{
	static char name[sizeof(((struct dirent *)0)->d_name)];
	DIR *d = opendir("/sys/bus/pci/drivers/dmatest");
	struct dirent *e;
	char path[128];
	FILE *f;

	while (d && (e = readdir(d)))
		if (strchr(e->d_name, ':'))
			strcpy(name, e->d_name);
	if (d)
		closedir(d);
	snprintf(path, sizeof(path), "/sys/bus/pci/drivers/dmatest/%s", verb);
	f = fopen(path, "w");
	if (!f || fputs(name, f) < 0 || fclose(f))
		bail(path);
}

static void left_behind(void)
{
	struct dmatest_map a, b, c;

	side_open(&s, 0);
	log_mark();
	a = map(&s, DMATEST_COHERENT, DMATEST_BOTH, 1 << 20, 0, 1);
	b = map(&s, DMATEST_SINGLE, DMATEST_BOTH, 5000, 0, 1);
	c = map(&s, DMATEST_PAGES, DMATEST_BOTH, 8192, 0, 1);
	ioctl(s.driver, DMATEST_KEEP);
	driver_file("unbind");
	ok(log_has("driver dmatest left 3 DMA mappings of"), "mappings left behind are told");
	is(stats(&s).outstanding, 0, "and not outstanding any more");
	is(xfer(&s, a.bus[0], buf, 4, R), PCIEM_DMA_STALE, "nor do they translate");
	log_mark();
	end(&s, &a, DMATEST_RIGHT);
	end(&s, &b, DMATEST_RIGHT);
	end(&s, &c, DMATEST_RIGHT);
	ok(!log_has("driver dmatest unmaps"), "their late end is not a second mistake");
	ioctl(s.driver, DMATEST_DROP);
	driver_file("bind");
	ioctl(s.driver, DMATEST_SELECT, 0);
	a = map(&s, DMATEST_SINGLE, DMATEST_BOTH, 5000, 0, 1);
	is(xfer(&s, a.bus[0], buf, 5000, R), PCIEM_DMA_OK, "bound again, it maps again");
	ok(!log_has("left"), "and nothing is told");
	side_close(&s);
	ok(!log_has("left"), "a driver that unmaps in remove() has left nothing");
}

/* The device goes while the driver keeps it and its mappings: @tidy, it ends them all the same. */
static void late(bool tidy)
{
	struct dmatest_map a, b, c, d;
	int before = refcount(), fd, i;

	side_open(&s, 0);
	a = map(&s, DMATEST_COHERENT, DMATEST_BOTH, 1 << 20, 0, 1);
	b = map(&s, DMATEST_SG, DMATEST_BOTH, 4096, 0, 8);
	c = map(&s, DMATEST_PAGES, DMATEST_BOTH, 8192, 0, 1);
	d = map(&s, DMATEST_COHERENT, DMATEST_BOTH, 64, 0, 1);
	ioctl(s.driver, DMATEST_KEEP);
	fd = dup(s.driver);
	log_mark();
	side_close(&s);
	s.driver = fd;
	for (i = 0; i < 500 && !ioctl(fd, DMATEST_SELECT, 0); i++)
		usleep(10000);
	ok(refcount() > before, "the module stays with a device that its driver keeps");
	end(&s, &a, tidy ? DMATEST_RIGHT : DMATEST_FREE_ONLY);
	end(&s, &b, tidy ? DMATEST_RIGHT : DMATEST_FREE_ONLY);
	end(&s, &c, tidy ? DMATEST_RIGHT : DMATEST_FREE_ONLY);
	end(&s, &d, tidy ? DMATEST_RIGHT : DMATEST_FREE_ONLY);
	ok(!log_has("driver dmatest unmaps"), "what the driver ends after removal %s",
	   tidy ? "is ended" : "may also be nothing");
	ioctl(s.driver, DMATEST_DROP);
	close(s.driver);
	ok(refcount_comes_to(before), "and nothing is left when it lets go");
}

/* Bus addresses of two devices may be the same numbers: each means its own. */
static void two(void)
{
	struct side t;
	struct dmatest_map a, b;

	side_open(&s, 0);
	side_open(&t, 1);
	a = map(&s, DMATEST_SINGLE, DMATEST_BOTH, 4096, 0, 1);
	b = map(&t, DMATEST_SINGLE, DMATEST_BOTH, 4096, 0, 1);
	fill(buf, 4096, 1);
	is(xfer(&s, a.bus[0], buf, 4096, W), PCIEM_DMA_OK, "two devices: the first writes");
	fill(buf, 4096, 2);
	is(xfer(&t, b.bus[0], buf, 4096, W), PCIEM_DMA_OK, "two devices: the second writes");
	mem(&s, &a, DMATEST_READ, 0, 0, buf, 4096);
	is(differ(buf, 4096, 1), 0, "two devices: the first's memory");
	mem(&t, &b, DMATEST_READ, 0, 0, buf, 4096);
	is(differ(buf, 4096, 2), 0, "two devices: the second's memory");
	end(&s, &a, DMATEST_RIGHT);
	ok(xfer(&s, a.bus[0], buf, 4, R) == PCIEM_DMA_STALE &&
	   xfer(&t, b.bus[0], buf, 4, R) == PCIEM_DMA_OK, "two devices: an unmap is one device's");
	side_close(&s);
	is(xfer(&t, b.bus[0], buf, 4096, R), PCIEM_DMA_OK, "two devices: one goes, one stays");
	side_close(&t);
}

void life_tests(void)
{
	mistakes();
	left_behind();
	late(true);
	late(false);
	two();
}
