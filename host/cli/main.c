// SPDX-License-Identifier: MIT
/*
 * main.c: the moonbar command: reads the command line, opens Lua, and leaves
 * the rest to lua/lib/moonbar/cli.lua.
 *
 * Try it:  ./moonbar --help
 */
#define _GNU_SOURCE
#include <getopt.h>
#include <lauxlib.h>
#include <libgen.h>
#include <limits.h>
#include <lua.h>
#include <lualib.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../../repl/repl.h"
#include "../lua/core.h"
#include "cli.h"

/* The loop looks at the flag between two accesses. Code that never comes back to it, a hook or what
 * was typed, gets two seconds: compiled Lua looks at nothing.
 */
static volatile sig_atomic_t asked_by;

static void on_signal(int sig)
{
	if (asked_by)
		_exit(128 + sig);	/* asked twice */
	asked_by = sig;
	*mb_lua_stop_flag() = 1;
	alarm(2);
}

static void on_alarm(int sig)
{
	static const char text[] = "moonbar: Lua code does not return: ended without waiting for it\n";

	(void)sig;
	if (*mb_lua_stop_flag()) {
		if (write(2, text, sizeof(text) - 1) < 0)
			_exit(1);
		_exit(128 + asked_by);
	}
	asked_by = 0;	/* the loop has ended, and what follows may be asked to end, too */
}

static void catch_signals(void)
{
	struct sigaction stop = { .sa_handler = on_signal }, late = { .sa_handler = on_alarm };

	sigaction(SIGINT, &stop, NULL);
	sigaction(SIGTERM, &stop, NULL);
	sigaction(SIGALRM, &late, NULL);
	signal(SIGPIPE, SIG_IGN);
}

/* Where lua/ and repl/ are: beside the binary in a checkout, else where they were installed. */
static void find_root(char *root, size_t size)
{
	const char *env = getenv("MOONBAR_ROOT");
	char exe[PATH_MAX], probe[PATH_MAX + 32];
	ssize_t n;

	if (env) {
		snprintf(root, size, "%s", env);
		return;
	}
	n = readlink("/proc/self/exe", exe, sizeof(exe) - 1);
	if (n > 0) {
		exe[n] = 0;
		snprintf(root, size, "%s", dirname(exe));
		snprintf(probe, sizeof(probe), "%s/lua/lib/moonbar/init.lua", root);
		if (!access(probe, R_OK))
			return;
	}
	snprintf(root, size, "%s", MB_SHARE_DIR);
}

static void set_path(lua_State *L, const char *root)
{
	lua_getglobal(L, "package");			/* package */
	lua_pushfstring(L, "%s/lua/lib/?.lua;%s/lua/lib/?/init.lua;%s/?.lua;", root, root, root);
	lua_getfield(L, -2, "path");
	lua_concat(L, 2);				/* package path */
	lua_setfield(L, -2, "path");
	lua_getfield(L, -1, "preload");			/* package preload */
	lua_pushcfunction(L, luaopen_moonbar_core);
	lua_setfield(L, -2, "moonbar.core");
	lua_pop(L, 2);
}

/* ---- the prompt, as a Lua module that cli.lua uses ---------------------------------- */

static struct mb_repl *repl;

/* A person, a pipe or a script may type; /dev/null and a closed descriptor do not. */
static int l_repl_wanted(lua_State *L)
{
	struct stat st;

	lua_pushboolean(L, isatty(0) || (!fstat(0, &st) && !S_ISCHR(st.st_mode)));
	return 1;
}

static int l_repl_open(lua_State *L)
{
	struct mb_error err;

	repl = mb_repl_new(L, &err);
	if (!repl) {
		lua_pushnil(L);
		lua_pushstring(L, err.text);
		return 2;
	}
	lua_pushinteger(L, mb_repl_fd(repl));
	return 1;
}

static int l_repl_input(lua_State *L)
{
	lua_pushboolean(L, mb_repl_input(repl));
	return 1;
}

static int l_repl_terminal(lua_State *L)
{
	lua_pushboolean(L, isatty(0) && isatty(1));
	return 1;
}

static int l_repl_close(lua_State *L)
{
	lua_pushinteger(L, mb_repl_status(repl));
	mb_repl_free(repl);
	repl = NULL;
	return 1;
}

static int open_prompt(lua_State *L)
{
	static const luaL_Reg functions[] = {
		{ "wanted", l_repl_wanted }, { "open", l_repl_open },
		{ "input", l_repl_input }, { "close", l_repl_close },
		{ "terminal", l_repl_terminal },
		{ NULL, NULL }
	};

	lua_newtable(L);
	luaL_register(L, NULL, functions);
	return 1;
}

/* ---- Lua ------------------------------------------------------------------------------ */

static int traceback(lua_State *L)
{
	lua_getglobal(L, "debug");
	lua_getfield(L, -1, "traceback");
	lua_pushvalue(L, 1);
	lua_pushinteger(L, 2);
	lua_call(L, 2, 1);
	return 1;
}

/* require("moonbar.cli")[verb](request) → exit status */
static int run_verb(const struct cli *cli)
{
	lua_State *L = luaL_newstate();
	char root[PATH_MAX];
	int status, i;

	if (!L) {
		fprintf(stderr, "moonbar: no memory for Lua\n");
		return 1;
	}
	luaL_openlibs(L);
	find_root(root, sizeof(root));
	set_path(L, root);
	lua_getglobal(L, "package");
	lua_getfield(L, -1, "preload");
	lua_pushcfunction(L, open_prompt);
	lua_setfield(L, -2, "moonbar.prompt");
	lua_settop(L, 0);
	lua_pushcfunction(L, traceback);			/* traceback */
	lua_getglobal(L, "require");
	lua_pushliteral(L, "moonbar.cli");
	if (lua_pcall(L, 1, 1, 1)) {				/* traceback cli */
		fprintf(stderr, "moonbar: %s\n(the Lua files were looked for in %s; MOONBAR_ROOT names another place)\n",
			lua_tostring(L, -1), root);
		return 1;
	}
	lua_getfield(L, -1, cli->verb);
	lua_createtable(L, 0, 12);				/* traceback cli verb request */
	lua_pushstring(L, cli->on);
	lua_setfield(L, -2, "on");
	lua_pushstring(L, cli->code);
	lua_setfield(L, -2, "code");
	lua_pushboolean(L, cli->verbose);
	lua_setfield(L, -2, "verbose");
	lua_pushboolean(L, cli->tour);
	lua_setfield(L, -2, "tour");
	lua_pushboolean(L, cli->demo);
	lua_setfield(L, -2, "demo");
	lua_pushboolean(L, cli->no_prompt);
	lua_setfield(L, -2, "no_prompt");
	lua_pushboolean(L, cli->list);
	lua_setfield(L, -2, "list");
	lua_pushstring(L, cli->out);
	lua_setfield(L, -2, "out");
	lua_pushstring(L, cli->format);
	lua_setfield(L, -2, "format");
	lua_createtable(L, cli->nonly, 0);			/* traceback cli verb request only */
	for (i = 0; i < cli->nonly; i++) {
		lua_pushstring(L, cli->only[i]);
		lua_rawseti(L, -2, i + 1);
	}
	lua_setfield(L, -2, "only");
	for (i = 0; i < cli->nargs; i++) {
		lua_pushstring(L, cli->args[i]);
		lua_rawseti(L, -2, i + 1);
	}
	status = lua_pcall(L, 1, 1, 1);				/* traceback cli status */
	if (status) {
		fprintf(stderr, "moonbar: %s\n", lua_tostring(L, -1));
		status = 1;
	} else {
		status = lua_tointeger(L, -1);
	}
	lua_close(L);
	return status;
}

int main(int argc, char **argv)
{
	struct cli cli = { 0 };
	int status;

	if (cli_parse(&cli, argc, argv, &status))
		return status;
	if (!strcmp(cli.verb, "run"))
		catch_signals();
	return run_verb(&cli);
}
