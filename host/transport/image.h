/* SPDX-License-Identifier: MIT */
/*
 * image.h: registers in configuration space on the kernel's bus.
 *
 * Try it:  tests/vm/run config
 */
#ifndef MB_IMAGE_H
#define MB_IMAGE_H

#include "../internal.h"
#include "config.h"

/** struct mb_image - @fd: /dev/pciem; @shown: what the kernel answers for each row of dev->config */
struct mb_image {
	int fd;
	uint32_t *shown;
};

/* mb_image_show() - the rows as they are now into @c, which the kernel will get. -1: no memory */
int mb_image_show(struct mb_image *im, const struct mb_device *dev, struct mb_config *c);
/* mb_image_watch() - after SET_REGS: what of its space the device hears of. -1, with errno */
int mb_image_watch(struct mb_image *im, const struct mb_device *dev);
/* mb_image_misplaced() - after REGISTER: a row of dev->config that the kernel has no place for, or MB_NONE */
uint32_t mb_image_misplaced(struct mb_image *im, const struct mb_device *dev);
/* mb_image_update() - rows may have changed: what is new goes to the kernel, before a driver looks */
void mb_image_update(struct mb_image *im, const struct mb_device *dev);
void mb_image_free(struct mb_image *im);

#endif
