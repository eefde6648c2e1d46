/* SPDX-License-Identifier: MIT */
/*
 * core.h: the C module "moonbar.core", through which the device language
 * reaches the library.
 *
 * Try it:  ./moonbar -e 'print(require "moonbar.core")'
 */
#ifndef MB_LUA_CORE_H
#define MB_LUA_CORE_H

#include <lua.h>

#include "moonbar.h"

/* luaopen_moonbar_core() - for package.preload or require: pushes the module's table */
MB_API int luaopen_moonbar_core(struct lua_State *L);

/* A loop that core.loop() runs ends soon after *mb_lua_stop_flag() is set (a signal handler may). */
volatile int *mb_lua_stop_flag(void);

#endif
