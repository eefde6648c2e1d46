/* SPDX-License-Identifier: MIT */
/*
 * sysfs.h: configuration space of a function as Linux reads it.
 *
 * Try it:  grep -n mb_sysfs host/transport/pciem.c
 */
#ifndef MB_SYSFS_H
#define MB_SYSFS_H

#include <stdint.h>

/* mb_sysfs_config() - the MB_CONFIG_SIZE bytes of the function that has a BAR at bus address
 * @bar_at; -1 if there is none, or its file cannot be read
 */
int mb_sysfs_config(uint64_t bar_at, uint8_t *image);

#endif
