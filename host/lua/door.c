// SPDX-License-Identifier: MIT
/*
 * door.c: the one door into Lua: a protected call. Accesses to a row with a hook
 * go straight to that row's own function, so that nothing is looked up in Lua;
 * all else goes to the language's function for events.
 *
 * Try it:  ./moonbar -e 'driver("edu").liveness = 5; print(edu.liveness)' lua/devices/edu.lua
 */
#include <lauxlib.h>
#include <lua.h>
#include <stdio.h>
#include <stdlib.h>

#include "door.h"

static void push_device(lua_State *L, struct binding *b)
{
	lua_getfield(L, LUA_REGISTRYINDEX, BY_ADDRESS);
	lua_pushlightuserdata(L, b);
	lua_rawget(L, -2);
	lua_remove(L, -2);			/* ... device or nil */
}

/* The hook failed with a message on the stack; tell core.on_error, and stderr if that fails. Ctrl-C,
 * a debug hook that raises, may have stopped the hook, and is not to stop the report.
 */
static void report(struct binding *b, enum mb_event event, uint32_t row)
{
	lua_State *L = b->L;			/* ... message */
	lua_Hook hook = lua_gethook(L);
	int mask = lua_gethookmask(L), count = lua_gethookcount(L);

	lua_sethook(L, NULL, 0, 0);
	lua_rawgeti(L, LUA_REGISTRYINDEX, b->on_error);	/* ... message core */
	lua_getfield(L, -1, "on_error");	/* ... message core on_error */
	lua_replace(L, -2);			/* ... message on_error */
	if (lua_isfunction(L, -1)) {
		push_device(L, b);
		lua_pushinteger(L, event);
		lua_pushnumber(L, row);
		lua_pushvalue(L, -5);		/* ... message on_error device event row message */
		if (!lua_pcall(L, 4, 0, 0)) {	/* ... message */
			lua_pop(L, 1);
			lua_sethook(L, hook, mask, count);
			return;
		}
	}
	fprintf(stderr, "moonbar: a hook failed: %s\n", lua_tostring(L, -2));
	lua_pop(L, 2);
	lua_sethook(L, hook, mask, count);
}

/* Calls what lies above the traceback function: @nargs arguments, one result. -1: it failed, and that has
 * been told; the stack is as before the traceback then.
 */
static int call(struct binding *b, int nargs, enum mb_event event, uint32_t row)
{
	lua_State *L = b->L;			/* ... traceback fn args */

	if (!lua_pcall(L, nargs, 1, -nargs - 2))
		return 0;			/* ... traceback result */
	lua_remove(L, -2);			/* ... message */
	report(b, event, row);			/* ... */
	return -1;
}

/* The row's own function. It has no arguments and returns no number: conversions between integers and
 * doubles are what costs most where the processor is emulated.
 */
static int call_hook(struct binding *b, int hook, enum mb_event event, uint32_t row)
{
	lua_State *L = b->L;
	int result;

	lua_rawgeti(L, LUA_REGISTRYINDEX, b->traceback);
	lua_rawgeti(L, LUA_REGISTRYINDEX, hook);	/* ... traceback hook */
	if (call(b, 0, event, row))
		return -1;
	result = lua_isnil(L, -1) ? 0 : lua_toboolean(L, -1) ? 1 : 2;
	lua_pop(L, 2);				/* ... */
	return result;
}

int mb_door(void *ctx, enum mb_event event, uint32_t row, struct mb_call *c)
{
	struct binding *b = ctx;
	lua_State *L = b->L;
	int result;

	(void)c;
	if (!lua_checkstack(L, 12))
		return -1;
	if (row < b->nhooks && (event == MB_EV_READ || event == MB_EV_WRITE)) {
		int hook = b->hook[event == MB_EV_WRITE][row];

		if (hook != LUA_NOREF)
			return call_hook(b, hook, event, row);
	}
	lua_rawgeti(L, LUA_REGISTRYINDEX, b->traceback);
	lua_rawgeti(L, LUA_REGISTRYINDEX, b->door);
	lua_pushinteger(L, event);
	lua_pushinteger(L, row);		/* ... traceback door event row */
	if (call(b, 2, event, row))
		return -1;
	result = lua_tointeger(L, -1);		/* ... traceback result */
	lua_pop(L, 2);
	return result;
}

/* ---- which hooks there are ---------------------------------------------------------------- */

static void make_room(lua_State *L, struct binding *b, uint32_t n)
{
	for (int k = 0; k < 2; k++) {
		int *p = realloc(b->hook[k], n * sizeof(*p));

		if (!p)
			luaL_error(L, "no memory for the hooks of %d registers", (int)n);
		b->hook[k] = p;
		for (uint32_t i = b->nhooks; i < n; i++)
			p[i] = LUA_NOREF;
	}
	b->nhooks = n;
}

void mb_door_set_hook(lua_State *L, struct binding *b, enum mb_event event, uint32_t row, int arg)
{
	int *hook;

	if (row >= b->nhooks)
		make_room(L, b, row + 1);
	hook = &b->hook[event == MB_EV_WRITE][row];
	luaL_unref(L, LUA_REGISTRYINDEX, *hook);
	*hook = LUA_NOREF;
	if (!lua_isnil(L, arg)) {
		lua_pushvalue(L, arg);
		*hook = luaL_ref(L, LUA_REGISTRYINDEX);
	}
}

void mb_door_forget_hooks(struct binding *b)
{
	for (uint32_t i = 0; i < b->nhooks; i++) {
		for (int k = 0; k < 2; k++) {
			luaL_unref(b->L, LUA_REGISTRYINDEX, b->hook[k][i]);
			b->hook[k][i] = LUA_NOREF;
		}
	}
}

void mb_door_free(struct binding *b)
{
	mb_door_forget_hooks(b);
	free(b->hook[0]);
	free(b->hook[1]);
	b->nhooks = 0;
	luaL_unref(b->L, LUA_REGISTRYINDEX, b->door);
	luaL_unref(b->L, LUA_REGISTRYINDEX, b->traceback);
	luaL_unref(b->L, LUA_REGISTRYINDEX, b->on_error);
}
