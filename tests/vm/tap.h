/* SPDX-License-Identifier: MIT */
/*
 * tap.h: results of a test program as TAP, one line each.
 *
 * Try it:  tests/vm/run ioctl
 */
#ifndef TAP_H
#define TAP_H

#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <errno.h>
#include <string.h>

static int tap_run, tap_failed;

__attribute__((format(printf, 2, 3)))
static inline bool ok(bool good, const char *fmt, ...)
{
	va_list ap;

	tap_run++;
	tap_failed += !good;
	printf("%s %d - ", good ? "ok" : "not ok", tap_run);
	va_start(ap, fmt);
	vprintf(fmt, ap);
	va_end(ap);
	printf("\n");
	fflush(stdout);
	return good;
}

static inline bool is(long long got, long long wanted, const char *what)
{
	bool good = ok(got == wanted, "%s", what);

	if (!good)
		printf("#   got:    %#llx\n#   wanted: %#llx\n", got, wanted);
	fflush(stdout);
	return good;
}

static inline int done_testing(void)
{
	printf("1..%d\n", tap_run);
	return tap_failed != 0;
}

__attribute__((noreturn)) static inline void bail(const char *what)
{
	printf("Bail out! %s: %s\n", what, strerror(errno));
	exit(1);
}

#endif
