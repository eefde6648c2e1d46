// SPDX-License-Identifier: MIT
/*
 * error.c: one sentence for what went wrong, so that no caller ever has to
 * guess from a number.
 *
 * Try it:  ./moonbar run --on pciem:/dev/nowhere lua/devices/edu.lua
 */
#include <stdarg.h>
#include <stdio.h>

#include "internal.h"

int mb_fail(struct mb_error *err, const char *fmt, ...)
{
	va_list ap;

	if (!err)
		return -1;
	va_start(ap, fmt);
	vsnprintf(err->text, sizeof(err->text), fmt, ap);
	va_end(ap);
	return -1;
}
