// SPDX-License-Identifier: MIT
/*
 * sim.c: times accesses on the simulated bus, from C, so that nothing but the
 * bus, the masks and the hook is measured. The reference is an empty protected
 * call from C into Lua in the same process. Prints lines for tests/bench/table.
 *
 * Try it:  make build/bench_sim && build/bench_sim | tests/bench/table
 */
#include <lauxlib.h>
#include <lua.h>
#include <lualib.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "lua/core.h"
#include "moonbar.h"

#define ROUNDS	7
#define N	2000000

static lua_State *L;
static struct mb_device *dev;

static double now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1e9 + ts.tv_nsec;
}

static int by_value(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return x < y ? -1 : x > y;
}

static void empty_call(void)
{
	lua_pushvalue(L, 1);
	lua_pushinteger(L, 1);
	lua_pushinteger(L, 2);
	lua_pcall(L, 2, 1, 0);
	lua_pop(L, 1);
}

static void masked_read(void)
{
	mb_bus_read(dev, 0, 0x0, 4);
}

static void masked_write(void)
{
	mb_bus_write(dev, 0, 0x0, 4, 0x1234);
}

static void write_hook(void)
{
	mb_bus_write(dev, 0, 0x4, 4, 0x1234);
}

static void read_hook(void)
{
	mb_bus_read(dev, 0, 0x8, 4);
}

static void doorbell(void)
{
	mb_bus_write(dev, 0, 0xc, 4, 7);
}

static double measure(void (*f)(void))
{
	double ns[ROUNDS], start;
	int i, k;

	for (i = 0; i < ROUNDS; i++) {
		start = now();
		for (k = 0; k < N; k++)
			f();
		ns[i] = (now() - start) / N;
	}
	qsort(ns, ROUNDS, sizeof(ns[0]), by_value);
	return ns[ROUNDS / 2];
}

static const char script[] =
"package.path = './lua/lib/?.lua;./lua/lib/?/init.lua;' .. package.path\n"
"local mb = require 'moonbar'\n"
"local dev, mistakes = mb.load 'tests/bench/regs.lua'\n"
"if not dev then error(mb.mistakes_text(mistakes)) end\n"
"assert(dev:attach 'sim:stepped') assert(dev:start())\n"
"bench_device = dev\n"
"return require('moonbar.core').ptr(dev.core)\n";

int main(void)
{
	static const struct {
		const char *name;
		void (*f)(void);
		const char *target;
	} rows[] = {
		{ "masked register, read", masked_read, "<= 1.0" },
		{ "masked register, write", masked_write, "<= 1.0" },
		{ "Lua write hook", write_hook, "<= 4" }, { "Lua read hook", read_hook, "<= 4" },
		{ "doorbell", doorbell, "<= 4" },
	};
	double reference;
	unsigned int i;

	L = luaL_newstate();
	luaL_openlibs(L);
	lua_getglobal(L, "package");
	lua_getfield(L, -1, "preload");
	lua_pushcfunction(L, luaopen_moonbar_core);
	lua_setfield(L, -2, "moonbar.core");
	lua_settop(L, 0);
	if (luaL_dostring(L, script)) {
		fprintf(stderr, "bench: %s\n", lua_tostring(L, -1));
		return 1;
	}
	dev = lua_touserdata(L, -1);
	lua_settop(L, 0);
	if (luaL_dostring(L, "return function(event, row) return 0 end"))
		return 1;
	reference = measure(empty_call);
	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		printf("the simulated bus\t%s\t%.1f\tns\tan empty call from C into Lua\t%.1f\t%s\n",
		       rows[i].name, measure(rows[i].f), reference, rows[i].target);
	}
	lua_close(L);
	return 0;
}
