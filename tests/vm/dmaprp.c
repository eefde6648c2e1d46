// SPDX-License-Identifier: MIT
/*
 * dmaprp.c: DMA_INDIRECT against a model: random page sizes, offsets, lengths and page orders, with
 * lists that begin anywhere and chain; and the lists that must be refused.
 *
 * Try it:  tests/vm/run dma
 */
#include <errno.h>
#include <string.h>
#include <sys/ioctl.h>

#include "dmaside.h"

#define DATA	(4u << 20)
#define LISTS	(256u << 10)
#define MOST	(1u << 20)

static struct dmatest_map data, lists;
static unsigned char model[DATA], seen[DATA], host[MOST], want[MOST];
static uint64_t list[LISTS / 8];
static uint32_t order[DATA / 4096];	/* pages of the data in the order they are used */

/* A random transfer: where it begins, and what its second PRP says. */
struct prps {
	uint32_t page, length, first;
	uint64_t prp1, prp2;
	uint32_t chains;
};

static void shuffle(uint32_t n, bool sorted)
{
	uint32_t i, j, t;

	for (i = 0; i < n; i++)
		order[i] = i;
	for (i = n - 1; i && !sorted; i--) {
		j = rnd(i + 1);
		t = order[i];
		order[i] = order[j];
		order[j] = t;
	}
}

/* Writes entries for @n pages after the first, chained where a page of the list ends. */
static void write_list(struct prps *p, uint32_t n)
{
	uint32_t per = p->page / 8, at = (rnd(2) ? per - 1 - rnd(3) : rnd(per)), lp = 0, i;

	p->prp2 = lists.bus[0] + at * 8;
	for (i = 0; i < n; i++) {
		if (at % per == per - 1 && n - i > 1) {
			lp = (lp + 1 + rnd(2)) % (LISTS / p->page);
			list[at] = lists.bus[0] + lp * p->page;
			at = lp * per;
			p->chains++;
		}
		list[at++] = data.bus[0] + order[1 + i] * p->page;
	}
}

static struct prps random_prps(struct side *s)
{
	struct prps p = { .page = 4096u << rnd(5) };
	uint32_t off = rnd(3) ? rnd(p.page) & ~3u : 0, n;

	p.length = 1 + rnd(rnd(4) ? MOST : 4 * p.page < MOST ? 4 * p.page : MOST);
	p.first = p.page - off < p.length ? p.page - off : p.length;
	n = (p.length - p.first + p.page - 1) / p.page;
	shuffle(DATA / p.page, rnd(3) == 0);
	p.prp1 = data.bus[0] + order[0] * p.page + off;
	if (n == 1)
		p.prp2 = data.bus[0] + order[1] * p.page;
	if (n > 1)
		write_list(&p, n);
	mem(s, &lists, DMATEST_WRITE, 0, 0, list, LISTS);
	return p;
}

/* The same transfer between @flat and the model. */
static void in_model(const struct prps *p, unsigned char *flat, bool write)
{
	uint32_t done = 0, n, i;
	unsigned char *at;

	for (i = 0; done < p->length; i++, done += n) {
		at = model + (i ? order[i] * p->page : p->prp1 - data.bus[0]);
		n = i ? p->page : p->first;
		if (n > p->length - done)
			n = p->length - done;
		if (write)
			memcpy(at, flat + done, n);
		else
			memcpy(flat + done, at, n);
	}
}

static void random_transfers(struct side *s)
{
	uint32_t bad_read = 0, bad_write = 0, chains = 0, i;

	fill(model, DATA, 11);
	mem(s, &data, DMATEST_WRITE, 0, 0, model, DATA);
	for (i = 0; i < 60; i++) {
		struct prps p = random_prps(s);

		memset(host, 0, p.length);
		in_model(&p, want, false);
		bad_read += prp(s, p.prp1, p.prp2, host, p.length, p.page, PCIEM_DMA_READ) ||
			    memcmp(host, want, p.length);
		chains += p.chains;
	}
	for (i = 0; i < 60; i++) {
		struct prps p = random_prps(s);

		fill(host, p.length, i);
		in_model(&p, host, true);
		bad_write += !!prp(s, p.prp1, p.prp2, host, p.length, p.page, PCIEM_DMA_WRITE);
		mem(s, &data, DMATEST_READ, 0, 0, seen, DATA);
		bad_write += !!memcmp(seen, model, DATA);
		chains += p.chains;
	}
	is(bad_read, 0, "PRP: 60 random reads are as the model's");
	is(bad_write, 0, "PRP: 60 random writes, and nothing else has changed");
	ok(chains >= 20, "PRP: %u lists were chained", chains);
}

/* Three pages by a list at @at of the lists' memory, whose entries are @e0 and @e1. */
static int three(struct side *s, uint32_t at, uint64_t e0, uint64_t e1)
{
	uint64_t e[2] = { e0, e1 };

	mem(s, &lists, DMATEST_WRITE, 0, at & ~7u, e, at % 4096 < 4089 ? 16 : 8);
	return prp(s, data.bus[0], lists.bus[0] + at, host, 3 * 4096, 4096, PCIEM_DMA_READ);
}

static void refused_lists(struct side *s)
{
	uint64_t d = data.bus[0], l = lists.bus[0];
	struct dmatest_map from = map(s, DMATEST_SINGLE, DMATEST_FROM_DEVICE, 4096, 0, 1);
	struct dmatest_map cut = map(s, DMATEST_SINGLE, DMATEST_BOTH, 6000, 0, 1);

	is(three(s, 0, d + 8192, d + 4096), 0, "PRP: a list of two");
	is(three(s, 0, d + 8192, d + 4097), -EINVAL, "PRP: an entry inside a page is EINVAL");
	is(three(s, 4, d, d), -EINVAL, "PRP: a list at no multiple of 8 is EINVAL");
	is(three(s, 4088, l + 8192 + 8, 0), -EINVAL, "PRP: a chain into a page is EINVAL");
	is(three(s, 0, d, 0x1000), -EFAULT, "PRP: a wild entry is EFAULT");
	is(three(s, 4088, 0x1000, 0), -EFAULT, "PRP: a wild chain is EFAULT");
	is(three(s, 0, d, cut.bus[0]), 0, "PRP: a page that its mapping holds");
	is(three(s, 0, d, cut.bus[0] + 4096), -EFAULT, "PRP: a page that its mapping ends in");
	is(prp(s, d, d + 64, host, 8192, 4096, PCIEM_DMA_READ), -EINVAL,
	   "PRP: a second page that does not begin at one is EINVAL");
	is(prp(s, d, from.bus[0], host, 3 * 4096, 4096, PCIEM_DMA_READ), -EFAULT,
	   "PRP: a list that the device may not read is EFAULT");
	is(prp(s, d, 0x1000, host, 3 * 4096, 4096, PCIEM_DMA_READ), -EFAULT,
	   "PRP: a wild list is EFAULT");
	is(prp(s, d, l, host, 0, 4096, PCIEM_DMA_READ), 0, "PRP: length 0 is nothing");
	is(prp(s, d, l, host, 4096, 2048, PCIEM_DMA_READ), -EINVAL, "PRP: pages of 2048 bytes");
	is(prp(s, d, l, host, 4096, 131072, PCIEM_DMA_READ), -EINVAL, "PRP: pages of 128 KiB");
	is(prp(s, d, l, host, 4096, 5000, PCIEM_DMA_READ), -EINVAL, "PRP: pages of 5000 bytes");
	end(s, &from, DMATEST_RIGHT);
	end(s, &cut, DMATEST_RIGHT);
}

/* Lists that run in circles end with the length. */
static void circles(struct side *s)
{
	uint64_t e[512], t;
	int i;

	for (i = 0; i < 511; i++)
		e[i] = data.bus[0] + i * 4096;
	e[511] = lists.bus[0];
	mem(s, &lists, DMATEST_WRITE, 0, 0, e, sizeof(e));
	t = now_ns();
	/* A page of the list that begins at its last entry only names the next: once, no more. */
	e[511] = lists.bus[0] + 4088;
	is(three(s, 4088, lists.bus[0] + 4088, 0), -EINVAL, "PRP: a list that names itself");
	mem(s, &lists, DMATEST_WRITE, 0, 0, e, sizeof(e));
	is(prp(s, data.bus[0], lists.bus[0], host, MOST, 4096, PCIEM_DMA_READ), 0,
	   "PRP: a list that would run in a circle ends with the transfer");
	ok(now_ns() - t < 1000000000, "PRP: and soon");
}

void prp_tests(struct side *s)
{
	data = map(s, DMATEST_COHERENT, DMATEST_BOTH, DATA, 0, 1);
	lists = map(s, DMATEST_COHERENT, DMATEST_BOTH, LISTS, 0, 1);
	random_transfers(s);
	refused_lists(s);
	circles(s);
	end(s, &data, DMATEST_RIGHT);
	end(s, &lists, DMATEST_RIGHT);
}
