/* SPDX-License-Identifier: MIT */
/*
 * space.h: the configuration space of a description.
 *
 * Try it:  make build/test_host && build/test_host
 */
#ifndef MB_SPACE_H
#define MB_SPACE_H

#include "config.h"
#include "internal.h"

/* mb_space_build() - header, BARs and capabilities of @d; 0, or -1 with a sentence in *@err */
int mb_space_build(struct mb_config *c, const struct mb_desc *d, struct mb_error *err);

#endif
