// SPDX-License-Identifier: MIT
/*
 * compat.c: the listed interface as a program written for it uses it, in both
 * generations of its structures: a plain BAR shared with the driver, the ring of
 * events, eventfds, fds closed in any order.
 *
 * Try it:  tests/vm/run compat
 */
#include <fcntl.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "trapdev.h"

#define BAR_SIZE	0x4000

static struct pciem_shared_ring *ring;
static uint8_t *mem;
static int fd, bars, events;

/* As binaries built before functions had numbers: smaller structures, other numbers. */
static void open_old(void)
{
	struct { uint32_t flags; } create = { 0 };
	struct { uint32_t type; uint8_t body[16]; } cap = { PCIEM_CAP_MSI, { 1, 1, 1 } };
	struct {
		uint16_t vendor, device, subsys_vendor, subsys_device;
		uint8_t revision, class_code[3], header_type, reserved[7];
	} config = { TRAPTEST_VENDOR, TRAPTEST_DEVICE, 1, 2, 3, { 0, 0, 0xff }, 0, { 0 } };

	fd = open("/dev/pciem", O_RDWR);
	if (fd < 0 || ioctl(fd, 0xC004AF0A, &create) || ioctl(fd, 0x4014AF0C, &cap) ||
	    ioctl(fd, 0x4014AF0D, &config))
		bail("the older requests");
}

static void open_new(void)
{
	struct pciem_create_device create = { 0 };
	struct pciem_config_space config = {
		.vendor = TRAPTEST_VENDOR, .device = TRAPTEST_DEVICE, .class_code = { 0, 0, 0xff },
		.revision = 3, .subsys_vendor = 1, .subsys_device = 2,
	};

	fd = open("/dev/pciem", O_RDWR);
	if (fd < 0 || ioctl(fd, PCIEM_CREATE_DEVICE, &create) || ioctl(fd, PCIEM_SET_CONFIG, &config))
		bail("the newer requests");
}

static void begin(void)
{
	struct pciem_bar_config bar = { .bar_index = 0, .flags = 4, .size = BAR_SIZE };

	if (ioctl(fd, PCIEM_ADD_BAR, &bar))
		bail("ADD_BAR");
	bars = ioctl(fd, PCIEM_REGISTER);
	if (bars < 0)
		bail("REGISTER");
	mem = mmap(NULL, BAR_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, bars, 0);
	ring = mmap(NULL, 4 * 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (mem == MAP_FAILED || ring == MAP_FAILED)
		bail("mmap");
}

static void start(void)
{
	if (ioctl(fd, PCIEM_START))
		bail("START");
	dev_wait_bound(1);
}

static int trace(uint32_t bar, uint32_t flags)
{
	struct pciem_trace_bar t = { .bar_index = bar, .flags = flags };

	return ioctl(fd, PCIEM_TRACE_BAR, &t) ? errno : 0;
}

static uint64_t count(int efd)
{
	uint64_t n = 0;

	return read(efd, &n, sizeof(n)) == sizeof(n) ? n : 0;
}

static bool event_is(const struct pciem_event *e, uint32_t type, uint64_t offset, uint32_t size,
		     uint64_t data)
{
	return e->type == type && e->offset == offset && e->size == size && e->data == data &&
	       !e->seq && !e->bar && e->timestamp;
}

static int pci_word(int offset)
{
	char cmd[100];
	int v = -1;
	FILE *p;

	snprintf(cmd, sizeof(cmd), "setpci -d %04x:%04x %x.w", TRAPTEST_VENDOR, TRAPTEST_DEVICE,
		 offset);
	p = popen(cmd, "r");
	if (!p || fscanf(p, "%x", (unsigned int *)&v) != 1)
		v = -1;
	if (p)
		pclose(p);
	return v;
}

/* ---- a plain device ---------------------------------------------------------------------- */

static void plain(void)
{
	struct pollfd p;

	open_old();
	begin();
	is(ioctl(drv, TRAPTEST_BOUND), 0, "nothing is bound before START");
	start();
	is(pci_word(4) & 2, 2, "COMMAND has memory decoding");
	is(pci_word(6) & 0x10, 0x10, "STATUS has a capability list");
	is(pci_word(0x3c) >> 8, 1, "INTA");
	is(pci_word(0x40) & 0xff, 5, "the first capability is at 0x40");
	mem[0x10] = 0x42;
	is(rd(0, 0, 0x10, 1), 0x42, "the driver reads what the program stores");
	wr(0, 0, 0x2000, 4, 0xabcd);
	is(*(uint32_t *)(mem + 0x2000), 0xabcd, "the program reads what the driver stores");
	is(ring->tail, 0, "nothing was traced");
	p = (struct pollfd) { .fd = fd, .events = POLLIN };
	is(poll(&p, 1, 0), 0, "poll() has nothing to say");
}

/* Traced when the driver has it mapped already. */
static void traced_late(void)
{
	is(trace(1, 3), ENXIO, "tracing a BAR that is not there");
	is(trace(0, PCIEM_TRACE_READS | PCIEM_TRACE_WRITES | 0x100), 0, "tracing a mapped BAR");
	is(trace(0, 1), EINVAL, "tracing it twice");
	wr(0, 0, 0x2004, 2, 0x1357);
	is(rd(0, 0, 0x2000, 4), 0xabcd, "a traced read");
	is(ring->tail, 2, "each is an event");
	ok(event_is(&ring->events[0], PCIEM_EVENT_MMIO_WRITE, 0x2004, 2, 0x1357), "the write");
	ok(event_is(&ring->events[1], PCIEM_EVENT_MMIO_READ, 0x2000, 4, 0xabcd), "the read");
	is(*(uint16_t *)(mem + 0x2004), 0x1357, "the value is stored, too");
}

static void eventfds(void)
{
	struct pciem_eventfd_config c;

	events = eventfd(0, EFD_NONBLOCK);
	c = (struct pciem_eventfd_config) { .eventfd = events };
	ioctl(fd, PCIEM_SET_EVENTFD, &c);
	is(count(events), 2, "events from before the eventfd are signalled at registration");
	wr(0, 0, 0, 4, 1);
	wr(0, 0, 0, 4, 2);
	wr(0, 0, 0, 4, 3);
	is(count(events), 3, "then one each");
	order((struct traptest) { .op = TT_BURST, .offset = 0, .size = 4, .count = 600 });
	is((ring->tail - ring->head) % 256, 255, "255 events wait in a full ring");
	is(count(events), 600, "the eventfd is signalled for the dropped ones as well");
	ring->head += 255;	/* not reduced: 255 */
	wr(0, 0, 4, 4, 0x77);
	is((ring->tail - ring->head) % 256, 1, "room again");
	ring->head = 256 + ring->tail;
	wr(0, 0, 4, 4, 0x78);
	is((ring->tail - ring->head) % 256, 1, "a head that is not reduced modulo 256");
	c.eventfd = -1;
	ioctl(fd, PCIEM_SET_EVENTFD, &c);
	count(events);
	wr(0, 0, 4, 4, 0x79);
	is(count(events), 0, "an eventfd that was taken back hears nothing");
}

static void injected(void)
{
	struct pciem_irqfd_config c = { .func = 0x33 };
	struct pciem_irq_inject i = { .vector = 0xffff, .func = 0x44 };
	uint64_t one = 1;
	int efd = eventfd(0, 0), n;

	c.eventfd = efd;
	is(ioctl(fd, PCIEM_INJECT_IRQ, &i), 0, "an interrupt nobody has asked for");
	is(ioctl(fd, PCIEM_SET_IRQFD, &c), 0, "SET_IRQFD");
	for (n = 0; n < 100; n++)
		if (write(efd, &one, 8) != 8)
			bail("eventfd");
	ok(1, "100 interrupts by eventfd");
	close(efd);
}

/* The node is closed first: the driver goes, the memory stays until the last mapping. */
static void node_first(void)
{
	close(fd);
	dev_wait_bound(0);
	ok(1, "closing the node removes the device, with the ring and the BAR still mapped");
	mem[0x3000] = 1;
	ring->head = 0;
	munmap(mem, BAR_SIZE);
	close(bars);
	munmap(ring, 4 * 4096);
}

static void stop_writes(void)
{
	open_new();
	begin();
	is(trace(0, PCIEM_TRACE_WRITES | PCIEM_TRACE_STOP_WRITES), 0, "STOP_WRITES before START");
	start();
	mem[8] = 0x55;
	wr(0, 0, 8, 1, 0x66);
	is(mem[8], 0x55, "a stopped write leaves the BAR alone");
	ok(event_is(&ring->events[0], PCIEM_EVENT_MMIO_WRITE, 8, 1, 0x66), "and is told");
	is(rd(0, 0, 8, 1), 0x55, "reads go on");
	is(ring->tail, 1, "and are not events");
	is(pci_word(0x2c), 1, "the newer structures");
	close(bars);
	munmap(mem, BAR_SIZE);
	wr(0, 0, 12, 4, 5);
	is(ring->tail, 2, "closing the BARs' fd does nothing");
	munmap(ring, 4 * 4096);
	close(fd);
	dev_wait_bound(0);
}

static void autostart(const char *value)
{
	FILE *f = fopen("/sys/module/pciem/parameters/autostart", "w");

	if (!f || fputs(value, f) < 0 || fclose(f))
		bail("autostart");
}

static void autostarted(void)
{
	autostart("Y");
	open_new();
	begin();
	dev_wait_bound(1);
	ok(1, "with autostart REGISTER is enough");
	is(ioctl(fd, PCIEM_START), 0, "a program's own START is still good");
	ok(ioctl(fd, PCIEM_START) && errno == EALREADY, "once");
	autostart("N");
	munmap(mem, BAR_SIZE);
	munmap(ring, 4 * 4096);
	close(bars);
	close(fd);
	dev_wait_bound(0);
}

int main(void)
{
	drv = open("/dev/traptest", O_RDWR | O_CLOEXEC);
	if (drv < 0)
		bail("/dev/traptest");
	plain();
	traced_late();
	eventfds();
	injected();
	node_first();
	stop_writes();
	autostarted();
	return done_testing();
}
