// SPDX-License-Identifier: MIT
/*
 * core.c: devices as Lua userdata. Only what may call back into Lua is a C
 * function here; everything else the language calls by FFI, with the
 * declarations of core.cdef. The one door into Lua is in door.c.
 *
 * Try it:  ./moonbar -e 'print(require("moonbar.core").cdef)'
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <lauxlib.h>
#include <lua.h>
#include <lualib.h>
#include <stdlib.h>

#include "core.h"
#include "door.h"
#include "moonbar.h"

#define DEVICE	"moonbar.device"

extern const char mb_cdef[];	/* generated from moonbar.h and regs.h at build time */

/* ---- methods ------------------------------------------------------------------------ */

static struct binding *check(lua_State *L)
{
	struct binding *b = luaL_checkudata(L, 1, DEVICE);

	if (!b->dev)
		luaL_error(L, "the device has been freed");
	return b;
}

/* The door must open on the coroutine that is running; true or nil, message. */
static int outcome(lua_State *L, int ret, const struct mb_error *err)
{
	if (!ret) {
		lua_pushboolean(L, 1);
		return 1;
	}
	lua_pushnil(L);
	lua_pushstring(L, err->text);
	return 2;
}

static lua_State *enter(struct binding *b, lua_State *L)
{
	lua_State *was = b->L;

	b->L = L;
	b->running++;
	return was;
}

static void leave(struct binding *b, lua_State *was)
{
	b->running--;
	b->L = was;
}

static int l_attach_sim(lua_State *L)
{
	struct binding *b = check(L);
	struct mb_error err = { "" };

	return outcome(L, mb_attach_sim(b->dev, lua_toboolean(L, 2), &err), &err);
}

static int l_attach_pciem(lua_State *L)
{
	struct binding *b = check(L);
	struct mb_error err = { "" };

	return outcome(L, mb_attach_pciem(b->dev, luaL_optstring(L, 2, NULL), &err), &err);
}

static int l_start(lua_State *L)
{
	struct binding *b = check(L);
	struct mb_error err = { "" };
	lua_State *was = enter(b, L);
	int ret = mb_start(b->dev, &err);

	leave(b, was);
	return outcome(L, ret, &err);
}

static int l_stop(lua_State *L)
{
	struct binding *b = check(L);
	struct mb_error err = { "" };
	lua_State *was = enter(b, L);
	int ret = mb_stop(b->dev, &err);

	leave(b, was);
	return outcome(L, ret, &err);
}

static int l_serve(lua_State *L)
{
	struct binding *b = check(L);
	struct mb_error err = { "" };
	lua_State *was = enter(b, L);
	int n = mb_serve(b->dev, &err);

	leave(b, was);
	if (n < 0)
		return outcome(L, n, &err);
	lua_pushinteger(L, n);
	return 1;
}

static int l_step(lua_State *L)
{
	struct binding *b = check(L);
	lua_State *was = enter(b, L);

	mb_step(b->dev, luaL_checknumber(L, 2));
	leave(b, was);
	return 0;
}

static uint32_t check_u32(lua_State *L, int arg)
{
	lua_Number n = luaL_checknumber(L, arg);

	luaL_argcheck(L, n >= 0 && n <= 4294967295.0, arg, "out of range");
	return (uint32_t)n;
}

static uint32_t check_size(lua_State *L, int arg, uint32_t max)
{
	uint32_t size = check_u32(L, arg);

	luaL_argcheck(L, size && size <= max, arg, "access size out of range");
	return size;
}

static int l_bus_read(lua_State *L)
{
	struct binding *b = check(L);
	uint32_t bar = check_u32(L, 2), size = check_size(L, 4, 8);
	uint64_t offset = luaL_checknumber(L, 3);
	lua_State *was = enter(b, L);
	uint64_t data = mb_bus_read(b->dev, bar, offset, size);

	leave(b, was);
	mb_call_of(b->dev)->data = data;
	return 0;
}

static int l_bus_write(lua_State *L)
{
	struct binding *b = check(L);
	uint32_t bar = check_u32(L, 2), size = check_size(L, 4, 8);
	uint64_t offset = luaL_checknumber(L, 3), data = mb_call_of(b->dev)->data;
	lua_State *was = enter(b, L);

	mb_bus_write(b->dev, bar, offset, size, data);
	leave(b, was);
	return 0;
}

static int l_config_read(lua_State *L)
{
	struct binding *b = check(L);
	uint32_t offset = check_u32(L, 2), size = check_size(L, 3, 4), value;
	lua_State *was = enter(b, L);

	value = mb_config_read32(b->dev, offset, size);
	leave(b, was);
	lua_pushnumber(L, value);
	return 1;
}

static int l_config_write(lua_State *L)
{
	struct binding *b = check(L);
	uint32_t offset = check_u32(L, 2), size = check_size(L, 3, 4), value = check_u32(L, 4);
	lua_State *was = enter(b, L);

	mb_config_write32(b->dev, offset, size, value);
	leave(b, was);
	return 0;
}

static int l_bus_reset(lua_State *L)
{
	struct binding *b = check(L);
	uint32_t kind = check_u32(L, 2);
	struct mb_error err = { "" };
	lua_State *was = enter(b, L);
	int ret = mb_bus_reset(b->dev, kind, &err);

	leave(b, was);
	return outcome(L, ret, &err);
}

/* Is a method or a loop under way that may come back to the device? */
static int l_is_running(lua_State *L)
{
	lua_pushboolean(L, check(L)->running > 0);
	return 1;
}

static int l_free(lua_State *L)
{
	struct binding *b = luaL_checkudata(L, 1, DEVICE);

	if (b->dev && b->running)
		return luaL_error(L, "the device cannot be freed from inside one of its own hooks");
	if (b->dev) {
		lua_State *was = enter(b, L);

		mb_device_free(b->dev);
		leave(b, was);
		mb_door_free(b);
		b->dev = NULL;
	}
	return 0;
}

/* device:hook(event, row, function or nil) */
static int l_hook(lua_State *L)
{
	struct binding *b = check(L);
	uint32_t event = check_u32(L, 2), row = check_u32(L, 3);

	luaL_argcheck(L, event == MB_EV_READ || event == MB_EV_WRITE, 2, "no event with hooks");
	luaL_argcheck(L, row < 2 * MB_MAX_ROWS, 3, "no such row");
	luaL_argcheck(L, lua_isfunction(L, 4) || lua_isnil(L, 4), 4, "function or nil expected");
	mb_door_set_hook(L, b, event, row, 4);
	return 0;
}

static int l_forget_hooks(lua_State *L)
{
	mb_door_forget_hooks(check(L));
	return 0;
}

static const luaL_Reg methods[] = {
	{ "attach_sim", l_attach_sim }, { "attach_pciem", l_attach_pciem },
	{ "start", l_start }, { "stop", l_stop }, { "serve", l_serve }, { "step", l_step },
	{ "bus_read", l_bus_read }, { "bus_write", l_bus_write },
	{ "config_read", l_config_read }, { "config_write", l_config_write },
	{ "bus_reset", l_bus_reset }, { "is_running", l_is_running }, { "hook", l_hook },
	{ "forget_hooks", l_forget_hooks },
	{ "free", l_free }, { "__gc", l_free }, { NULL, NULL }
};

/* ---- the module ------------------------------------------------------------------------ */

/* core.device(desc, door): @desc a struct mb_desc cdata; the device, or nil and a sentence */
static int l_device(lua_State *L)
{
	const struct mb_desc *desc = lua_topointer(L, 1);
	struct mb_error err = { "" };
	struct binding *b;

	luaL_argcheck(L, lua_type(L, 1) == 10 /* cdata */ && desc, 1, "struct mb_desc expected");
	luaL_checktype(L, 2, LUA_TFUNCTION);
	b = lua_newuserdata(L, sizeof(*b));		/* desc door b */
	*b = (struct binding){ .L = L };
	b->dev = mb_device_new(desc, mb_door, b, &err);
	if (!b->dev)
		return outcome(L, -1, &err);
	lua_pushvalue(L, 2);
	b->door = luaL_ref(L, LUA_REGISTRYINDEX);
	lua_getglobal(L, "debug");
	lua_getfield(L, -1, "traceback");
	b->traceback = luaL_ref(L, LUA_REGISTRYINDEX);
	lua_pop(L, 1);
	lua_pushvalue(L, lua_upvalueindex(1));
	b->on_error = luaL_ref(L, LUA_REGISTRYINDEX);	/* the module, whose on_error is called */
	luaL_getmetatable(L, DEVICE);
	lua_setmetatable(L, -2);			/* desc door b */
	lua_getfield(L, LUA_REGISTRYINDEX, BY_ADDRESS);
	lua_pushlightuserdata(L, b);
	lua_pushvalue(L, -3);
	lua_rawset(L, -3);
	lua_pop(L, 1);
	return 1;
}

static int l_call(lua_State *L)
{
	lua_pushlightuserdata(L, mb_call_of(check(L)->dev));
	return 1;
}

static int l_ptr(lua_State *L)
{
	lua_pushlightuserdata(L, check(L)->dev);
	return 1;
}

/* core.ffi_lib(ffi): the namespace with this library's functions */
static int l_ffi_lib(lua_State *L)
{
	void *program = dlopen(NULL, RTLD_LAZY);
	Dl_info self;

	luaL_checktype(L, 1, LUA_TTABLE);
	if (!program || dlsym(program, "mb_device_new") || !dladdr((void *)l_ffi_lib, &self)) {
		lua_getfield(L, 1, "C");	/* linked into the program */
		return 1;
	}
	lua_getfield(L, 1, "load");
	lua_pushstring(L, self.dli_fname);
	lua_call(L, 1, 1);
	return 1;
}

static volatile int stop_flag;

volatile int *mb_lua_stop_flag(void)
{
	return &stop_flag;
}

struct extra {
	lua_State *L;
	int failed;
};

static int on_extra(void *ctx)
{
	struct extra *e = ctx;
	int end;

	lua_pushvalue(e->L, 3);			/* devices fd fn | fn */
	if (lua_pcall(e->L, 0, 1, 0)) {		/* ... | message */
		e->failed = 1;
		return 1;
	}
	end = lua_toboolean(e->L, -1);
	lua_pop(e->L, 1);
	return end;
}

/* core.loop({device, ...}, fd or nil, function or nil): true, or nil and a sentence */
static int l_loop(lua_State *L)
{
	struct mb_device *dev[64];
	struct binding *b[64];
	lua_State *was[64];
	struct extra e = { L, 0 };
	struct mb_error err = { "" };
	int fd = luaL_optint(L, 2, -1), n, i, ret;

	luaL_checktype(L, 1, LUA_TTABLE);
	lua_settop(L, 3);
	n = lua_objlen(L, 1);
	luaL_argcheck(L, n <= 64, 1, "at most 64 devices");
	for (i = 0; i < n; i++) {
		lua_rawgeti(L, 1, i + 1);
		b[i] = luaL_checkudata(L, -1, DEVICE);
		dev[i] = b[i]->dev;
		luaL_argcheck(L, dev[i], 1, "a device has been freed");
		lua_pop(L, 1);
	}
	for (i = 0; i < n; i++)
		was[i] = enter(b[i], L);
	stop_flag = 0;
	ret = mb_loop(dev, n, fd, on_extra, &e, &stop_flag, &err);
	stop_flag = 0;
	for (i = 0; i < n; i++)
		leave(b[i], was[i]);
	if (e.failed)
		return lua_error(L);
	return outcome(L, ret, &err);
}

static const luaL_Reg functions[] = {
	{ "call", l_call }, { "ptr", l_ptr }, { "ffi_lib", l_ffi_lib }, { "loop", l_loop },
	{ NULL, NULL }
};

int luaopen_moonbar_core(lua_State *L)
{
	luaL_newmetatable(L, DEVICE);
	lua_pushvalue(L, -1);
	lua_setfield(L, -2, "__index");
	luaL_register(L, NULL, methods);		/* meta */
	lua_pop(L, 1);
	lua_newtable(L);				/* weak */
	lua_createtable(L, 0, 1);
	lua_pushliteral(L, "v");
	lua_setfield(L, -2, "__mode");
	lua_setmetatable(L, -2);
	lua_setfield(L, LUA_REGISTRYINDEX, BY_ADDRESS);
	lua_newtable(L);				/* core */
	luaL_register(L, NULL, functions);
	lua_pushvalue(L, -1);
	lua_pushcclosure(L, l_device, 1);
	lua_setfield(L, -2, "device");
	lua_pushstring(L, mb_cdef);
	lua_setfield(L, -2, "cdef");
	lua_pushliteral(L, MB_VERSION);
	lua_setfield(L, -2, "version");
	return 1;
}
