// SPDX-License-Identifier: MIT
/*
 * dmabench.c: what strict DMA costs, beside the kernel's direct mapping and beside memcpy, in the
 * same machine. Prints; tests nothing.
 *
 * Try it:  tools/lab -- tests/vm/dma.t bench
 */
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>

#include "dmaside.h"

#define BEST_OF	5

static unsigned char host[131072], other[131072];

static uint64_t driver_ns(struct side *s, uint32_t nents, uint32_t live, bool direct)
{
	uint64_t best = ~0ull;
	int i;

	for (i = 0; i < BEST_OF; i++) {
		struct dmatest_many m = {
			.bits = 64, .count = nents ? 2000 : 20000, .live = live, .direct = direct,
			.nents = nents,
		};

		if (ioctl(s->driver, DMATEST_MANY, &m))
			bail("MANY");
		best = m.ns < best ? m.ns : best;
	}
	return best;
}

static void driver_side(struct side *s, const char *what, uint32_t nents, uint32_t live)
{
	uint64_t strict = driver_ns(s, nents, live, false);
	uint64_t direct = driver_ns(s, nents, live, true);

	printf("# %-44s %7llu ns, direct %6llu ns, %.1f times\n", what, (unsigned long long)strict,
	       (unsigned long long)direct, (double)strict / (direct ? direct : 1));
}

typedef int transfer_fn(struct side *s, const struct dmatest_map *m, uint32_t len);

static int by_list(struct side *s, const struct dmatest_map *m, uint32_t len)
{
	return xfer(s, m->bus[0], host, len, PCIEM_DMA_READ);
}

static int by_list_write(struct side *s, const struct dmatest_map *m, uint32_t len)
{
	return xfer(s, m->bus[0], host, len, PCIEM_DMA_WRITE);
}

static int by_pieces(struct side *s, const struct dmatest_map *m, uint32_t len)
{
	struct pciem_dma_piece p[32];
	struct pciem_dma_list l = { .pieces = (uintptr_t)p, .count = len / 4096, .raise = ~0u };
	uint32_t i;

	for (i = 0; i < l.count; i++)
		p[i] = (struct pciem_dma_piece){
			m->bus[0] + i * 4096, (uintptr_t)host + i * 4096, 4096, PCIEM_DMA_READ,
		};
	return ioctl(s->pciem, PCIEM_DMA_LIST, &l);
}

static int by_memcpy(struct side *s, const struct dmatest_map *m, uint32_t len)
{
	(void)s;
	(void)m;
	memcpy(host, other, len);
	__asm__ volatile("" ::: "memory");
	return 0;
}

static int no_copy(struct side *s, const struct dmatest_map *m, uint32_t len)
{
	struct pciem_dma_list l = { .raise = ~0u };

	(void)m;
	(void)len;
	return ioctl(s->pciem, PCIEM_DMA_LIST, &l);
}

static uint64_t ns_of(struct side *s, const struct dmatest_map *m, transfer_fn *fn, uint32_t len)
{
	uint64_t best = ~0ull, t;
	int i, k, n = len > 4096 ? 500 : 5000;

	for (i = 0; i < BEST_OF; i++) {
		t = now_ns();
		for (k = 0; k < n; k++)
			if (fn(s, m, len))
				bail("a transfer");
		t = (now_ns() - t) / n;
		best = t < best ? t : best;
	}
	return best;
}

static void device_side(struct side *s, const struct dmatest_map *m, const char *what,
			transfer_fn *fn, uint32_t len)
{
	uint64_t ns = ns_of(s, m, fn, len), copy = ns_of(s, m, by_memcpy, len);

	printf("# %-44s %7llu ns, memcpy %6llu ns, %.1f times\n", what, (unsigned long long)ns,
	       (unsigned long long)copy, (double)ns / (copy ? copy : 1));
}

void bench(struct side *s)
{
	struct dmatest_map m = map(s, DMATEST_SINGLE, DMATEST_BOTH, 131072, 0, 1);

	memset(other, 1, sizeof(other));
	driver_side(s, "map + unmap of a page", 0, 0);
	driver_side(s, "the same with 4000 mapped besides", 0, 4000);
	driver_side(s, "map_sg + unmap_sg of 32 pages", 32, 0);
	device_side(s, &m, "DMA_LIST without a piece", no_copy, 4096);
	device_side(s, &m, "DMA_LIST, 4 KiB from the driver", by_list, 4096);
	device_side(s, &m, "DMA_LIST, 4 KiB to the driver", by_list_write, 4096);
	device_side(s, &m, "DMA_LIST, 128 KiB in one piece", by_list, 131072);
	device_side(s, &m, "DMA_LIST, 128 KiB in 32 pieces", by_pieces, 131072);
	end(s, &m, DMATEST_RIGHT);
}
