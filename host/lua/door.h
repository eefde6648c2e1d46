/* SPDX-License-Identifier: MIT */
/*
 * door.h: what core.c and door.c share: a device as Lua's userdata, and the one
 * way from C into Lua.
 *
 * Try it:  ./moonbar -e 'driver("edu").liveness = 5; print(edu.liveness)' lua/devices/edu.lua
 */
#ifndef MB_LUA_DOOR_H
#define MB_LUA_DOOR_H

#include <lua.h>

#include "moonbar.h"

#define BY_ADDRESS "moonbar.by_address"	/* registry: struct binding * → its userdata, weak */

/**
 * struct binding - userdata of a device
 * @L: who is running Lua now, for the door to use
 * @door: @traceback: @on_error: registry references
 * @hook: of reads, of writes: a reference a row, to a function for that row alone or
 *	LUA_NOREF; @nhooks: rows there is room for
 * @running: methods on the C stack that may call the door
 */
struct binding {
	struct mb_device *dev;
	lua_State *L;
	int door, traceback, on_error;
	int *hook[2];
	uint32_t nhooks;
	int running;
};

/* mb_door() - the device's mb_handler, @ctx a struct binding */
int mb_door(void *ctx, enum mb_event event, uint32_t row, struct mb_call *call);

/* mb_door_set_hook() - the function at @arg (or nil: none) is for this row alone. It is called without
 * arguments and returns nil: keep, true: store call.value, false: drop
 */
void mb_door_set_hook(lua_State *L, struct binding *b, enum mb_event event, uint32_t row, int arg);
void mb_door_forget_hooks(struct binding *b);
void mb_door_free(struct binding *b);	/* everything it refers to */

#endif
