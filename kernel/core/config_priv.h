/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * config_priv.h: what config.c and config_caps.c share.
 *
 * Try it:  make build/test_config && build/test_config
 */
#ifndef MB_CORE_CONFIG_PRIV_H
#define MB_CORE_CONFIG_PRIV_H

#include "config.h"

static inline void mb_config_zero(struct mb_config *c, u32 offset, u32 n)
{
	for (; n--; offset++)
		c->val[offset] = c->wmask[offset] = c->w1c[offset] = 0;
}

/* Is this what the space answers at all? */
static inline bool mb_config_well_formed(u32 offset, unsigned int size)
{
	return (size == 1 || size == 2 || size == 4) && offset < MB_CONFIG_SIZE &&
	       !(offset & (size - 1));
}

static inline bool mb_config_overlap(u32 a, u32 na, u32 b, u32 nb)
{
	return a < b + nb && b < a + na;
}

#endif
