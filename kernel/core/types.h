/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * types.h: fixed-width types for code that is compiled into the kernel module
 * and into the library, where neither side's headers exist on the other.
 */
#ifndef MB_CORE_TYPES_H
#define MB_CORE_TYPES_H

#ifdef __KERNEL__
#include <linux/types.h>
#else
#ifndef MB_CDEF		/* LuaJIT's ffi.cdef knows these types already */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#endif

typedef uint8_t u8;
typedef uint16_t u16;
typedef uint32_t u32;
typedef uint64_t u64;
typedef int8_t s8;
typedef int16_t s16;
typedef int32_t s32;
typedef int64_t s64;
#endif

#endif
