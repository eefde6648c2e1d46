/* SPDX-License-Identifier: MIT */
/*
 * Machine code as text, for test_decode_x86.c and test_decode_bus.c.
 *
 * Try it: make test-quick
 */
#ifndef MB_TEST_DECODE_HEX_H
#define MB_TEST_DECODE_HEX_H

#include "types.h"

/* Bytes as hexadecimal digits and blanks. Returns how many. */
static inline size_t parse(const char *hex, u8 *out)
{
	size_t n = 0;
	char c;

	for (; *hex; hex++) {
		if (*hex == ' ')
			continue;
		c = *hex <= '9' ? *hex - '0' : *hex - 'a' + 10;
		if (n & 1)
			out[n / 2] |= (u8)c;
		else
			out[n / 2] = (u8)(c << 4);
		n++;
	}
	return n / 2;
}

#endif
