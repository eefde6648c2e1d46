// SPDX-License-Identifier: MIT
/*
 * store.c: memory that a device keeps its data in, in a file or in RAM. It is
 * mapped, so that DMA goes straight between it and the driver's pages.
 *
 * Try it:  ./moonbar run --on sim lua/devices/nvme.lua file=disk.img size=1G
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "internal.h"

struct mb_store {
	struct mb_span span;
	int fd;			/* -1: RAM */
};

static int open_file(const char *path, uint64_t *size, struct mb_error *err)
{
	struct stat st;
	int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);

	if (fd < 0)
		return mb_fail(err, "cannot open the backing file %s: %s", path, strerror(errno));
	if (fstat(fd, &st) || !S_ISREG(st.st_mode)) {
		mb_fail(err, "the backing file %s is not a regular file", path);
		goto fail;
	}
	if (!*size)
		*size = st.st_size;
	if (!*size) {
		mb_fail(err, "the backing file %s is empty: say how large it is to be (size=1G)", path);
		goto fail;
	}
	if (st.st_size && (uint64_t)st.st_size != *size) {
		mb_fail(err, "the backing file %s has %llu bytes, the device %llu: give the size that the file has, or another file",
			path, (unsigned long long)st.st_size, (unsigned long long)*size);
		goto fail;
	}
	if (!st.st_size && ftruncate(fd, *size)) {
		mb_fail(err, "cannot make the backing file %s %llu bytes long: %s", path,
			(unsigned long long)*size, strerror(errno));
		goto fail;
	}
	return fd;
fail:
	close(fd);
	return -1;
}

struct mb_store *mb_store_open(const char *path, uint64_t size, struct mb_error *err)
{
	struct mb_store *st = calloc(1, sizeof(*st));
	int flags = path ? MAP_SHARED : MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE;
	void *p;

	if (!st || (!path && !size)) {
		mb_fail(err, st ? "a store in RAM needs a size" : "no memory");
		free(st);
		return NULL;
	}
	st->fd = path ? open_file(path, &size, err) : -1;
	if (path && st->fd < 0) {
		free(st);
		return NULL;
	}
	p = mmap(NULL, size, PROT_READ | PROT_WRITE, flags, st->fd, 0);
	if (p == MAP_FAILED) {
		mb_fail(err, "cannot map %llu bytes for %s: %s", (unsigned long long)size,
			path ? path : "a store in RAM", strerror(errno));
		if (st->fd >= 0)
			close(st->fd);
		free(st);
		return NULL;
	}
	st->span = (struct mb_span){ p, size };
	return st;
}

struct mb_span mb_store_span(struct mb_store *st)
{
	return st->span;
}

int mb_store_flush(struct mb_store *st, struct mb_error *err)
{
	if (st->fd >= 0 && fdatasync(st->fd))
		return mb_fail(err, "cannot flush the backing file: %s", strerror(errno));
	return 0;
}

int mb_store_discard(struct mb_store *st, uint64_t offset, uint64_t len)
{
	uint64_t page = 4096, from = (offset + page - 1) & ~(page - 1), to = (offset + len) & ~(page - 1);
	bool given_back = false;

	if (offset > st->span.len || len > st->span.len - offset)
		return -1;
	if (st->fd >= 0)
		given_back = !fallocate(st->fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, offset, len);
	else if (from < to && !madvise(st->span.ptr + from, to - from, MADV_DONTNEED)) {
		memset(st->span.ptr + offset, 0, from - offset);
		memset(st->span.ptr + to, 0, offset + len - to);
		given_back = true;
	}
	if (!given_back)
		memset(st->span.ptr + offset, 0, len);
	return 0;
}

void mb_store_close(struct mb_store *st)
{
	if (!st)
		return;
	munmap(st->span.ptr, st->span.len);
	if (st->fd >= 0)
		close(st->fd);
	free(st);
}
