// SPDX-License-Identifier: MIT
/*
 * repl.c: the prompt's life, its door into Lua, and reading lines plainly.
 *
 * It hands lines to repl/prompt.lua; what a line means is decided there. The event loop owns
 * the thread, so nothing here waits: input is taken when there is some, and the device is
 * served in between. On a terminal edit.c reads the keys; without readline, and whenever input
 * or output is no terminal, lines are read plainly.
 *
 * Try it:  make && printf 'edu.id\nregs\n' | ./moonbar run lua/devices/edu.lua
 */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <lauxlib.h>
#include <lua.h>

#include "priv.h"

/* The log carries no context, and readline's state is global anyway. */
static struct mb_repl *the_repl;

/* ---- the terminal, as Lua sees it ------------------------------------------------------ */

static void show_prompt(const struct mb_repl *r)
{
	if (!r->tty || r->edits)
		return;
	fputs(r->more ? PROMPT_MORE : PROMPT, stdout);
	fflush(stdout);
}

/* term.above(text): one or more lines above what is being typed, or on stderr without a prompt,
 * so that the output of a script stays what the script printed.
 */
static int term_above(lua_State *L)
{
	const char *text = luaL_checkstring(L, 1);
	struct mb_repl *r = the_repl;

	if (!r || !r->tty) {
		fflush(stdout);
		fprintf(stderr, "%s\n", text);
		return 0;
	}
	if (!r->editing) {
		printf("%s\n", text);
		fflush(stdout);
		return 0;
	}
	if (!edit_above(text)) {
		printf("\r%s\n", text);
		show_prompt(r);
	}
	fflush(stdout);
	return 0;
}

/* term.width(): columns of the terminal, or nil if output is none */
static int term_width(lua_State *L)
{
	struct winsize ws;

	if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &ws) || !ws.ws_col)
		return 0;
	lua_pushinteger(L, ws.ws_col);
	return 1;
}

/* term.watch(fd): prompt:changed() is to be called when it is readable; true, or false if the loop
 * cannot watch more than its input
 */
static int term_watch(lua_State *L)
{
	int fd = luaL_checkint(L, 1);
	struct epoll_event ev = { .events = EPOLLIN };

	if (the_repl->watch >= 0 && !epoll_ctl(the_repl->watch, EPOLL_CTL_ADD, fd, &ev))
		the_repl->files = fd;
	lua_pushboolean(L, the_repl->files == fd);
	return 1;
}

/* https://no-color.org: any non-empty value switches colours off */
static bool wants_color(void)
{
	const char *no = getenv("NO_COLOR"), *term = getenv("TERM");

	return isatty(STDOUT_FILENO) && !(no && *no) && term && *term && strcmp(term, "dumb");
}

static void push_term(struct mb_repl *r)
{
	lua_State *L = r->L;

	lua_createtable(L, 0, 7);
	lua_pushboolean(L, r->tty);
	lua_setfield(L, -2, "tty");
	lua_pushboolean(L, wants_color());
	lua_setfield(L, -2, "color");
	lua_pushcfunction(L, term_above);
	lua_setfield(L, -2, "above");
	lua_pushcfunction(L, term_width);
	lua_setfield(L, -2, "width");
	lua_pushcfunction(L, term_watch);
	lua_setfield(L, -2, "watch");
	lua_pushcfunction(L, interrupt_running);
	lua_setfield(L, -2, "running");
	lua_pushcfunction(L, interrupt_caught);
	lua_setfield(L, -2, "caught");
	/* term */
}

/* ---- the one door into Lua -------------------------------------------------------------- */

/* Calls prompt:NAME(text) with Ctrl-C ending that call only. Leaves its one result on the
 * stack and returns 0; on failure leaves nothing, shows the error and returns -1.
 */
int repl_call(struct mb_repl *r, const char *name, const char *text, size_t len)
{
	lua_State *L = r->L;
	int ret;

	lua_rawgeti(L, LUA_REGISTRYINDEX, r->prompt);
	lua_getfield(L, -1, name);
	lua_insert(L, -2);
	lua_pushlstring(L, text, len);
	/* method, prompt, text */

	ret = lua_pcall(L, 2, 1, 0);
	r->interrupted = interrupt_rest();
	fflush(stdout);
	if (!ret)
		return 0;	/* result */

	fprintf(stderr, "moonbar: the prompt itself failed: %s\n",
		lua_tostring(L, -1) ? lua_tostring(L, -1) : "(no message)");
	lua_pop(L, 1);
	r->status = 1;
	return -1;
}

void repl_take_verdict(struct mb_repl *r)
{
	const char *verdict = lua_tostring(r->L, -1);

	r->more = verdict && !strcmp(verdict, "more");
	r->quit = r->quit || (verdict && !strcmp(verdict, "quit"));
	if (verdict && !strcmp(verdict, "error") && !r->tty)
		r->status = 1;
	lua_pop(r->L, 1);
}

/* One call of a paste may bring several lines: each is a line of its own. */
void repl_feed(struct mb_repl *r, const char *text, size_t len)
{
	const char *nl;

	r->editing = false;
	while (!r->quit) {
		nl = memchr(text, '\n', len);
		if (!repl_call(r, "line", text, nl ? (size_t)(nl - text) : len))
			repl_take_verdict(r);
		if (!nl)
			break;
		len -= (size_t)(nl + 1 - text);
		text = nl + 1;
	}
	if (r->interrupted && !r->tty)
		r->quit = true;		/* Ctrl-C on a script ends the script */
	r->editing = !r->quit;
}

void repl_end_of_input(struct mb_repl *r)
{
	if (r->tty)
		putchar('\n');
	if (!repl_call(r, "finish", "", 0))
		repl_take_verdict(r);
	r->editing = false;
	r->quit = true;
}

/* ---- reading lines plainly ----------------------------------------------------------------- */

static int put_byte(struct mb_repl *r, char c)
{
	if (r->len == r->room) {
		size_t room = r->room ? 2 * r->room : 256;
		char *line = realloc(r->line, room);

		if (!line)
			return -1;
		r->line = line;
		r->room = room;
	}
	r->line[r->len++] = c;
	return 0;
}

/* Byte by byte, and no further than the newline: what follows stays in the pipe, so that the
 * loop sees it and serves the devices between two lines.
 */
static void read_plain(struct mb_repl *r)
{
	struct pollfd p = { .fd = STDIN_FILENO, .events = POLLIN };
	ssize_t n;
	char c;

	while (poll(&p, 1, 0) > 0) {
		n = read(STDIN_FILENO, &c, 1);
		if (n < 0 && (errno == EINTR || errno == EAGAIN))
			return;
		if (n == 1 && c != '\n') {
			if (!put_byte(r, c))
				continue;
			fprintf(stderr, "moonbar: no memory for a line of %zu bytes\n", r->len);
			r->status = 1;
			n = 0;
		}
		if (n == 1 || r->len) {
			repl_feed(r, r->line ? r->line : "", r->len);
			r->len = 0;
		}
		if (n < 1)
			repl_end_of_input(r);
		else if (!r->quit)
			show_prompt(r);
		return;
	}
}

/* ---- what the event loop calls ------------------------------------------------------------------- */

/* The loop watches one descriptor, and there are three: input, Ctrl-C, and the devices' files. A script
 * in a file cannot be waited for, so that it is all there is.
 */
static int open_watch(struct mb_repl *r, struct mb_error *err)
{
	int fds[] = { STDIN_FILENO, interrupt_fd() };
	size_t i;

	r->watch = epoll_create1(EPOLL_CLOEXEC);
	for (i = 0; r->watch >= 0 && i < sizeof(fds) / sizeof(fds[0]); i++) {
		struct epoll_event ev = { .events = EPOLLIN };

		if (epoll_ctl(r->watch, EPOLL_CTL_ADD, fds[i], &ev)) {
			close(r->watch);
			r->watch = -1;
		}
	}
	if (r->watch >= 0 || !r->tty)
		return 0;
	snprintf(err->text, sizeof(err->text), "the terminal cannot be watched: %s",
		 strerror(errno));
	return -1;
}

/* require("repl.prompt").new(term), kept in the registry */
static int load_prompt(struct mb_repl *r, struct mb_error *err)
{
	lua_State *L = r->L;
	int top = lua_gettop(L);

	lua_getglobal(L, "require");
	lua_pushliteral(L, "repl.prompt");
	/* require, name */
	if (lua_pcall(L, 1, 1, 0))
		goto fail;
	lua_getfield(L, -1, "new");
	push_term(r);
	/* module, new, term */
	if (lua_pcall(L, 1, 1, 0))
		goto fail;
	r->prompt = luaL_ref(L, LUA_REGISTRYINDEX);
	lua_settop(L, top);
	return 0;
fail:
	snprintf(err->text, sizeof(err->text), "the prompt did not load: %s",
		 lua_tostring(L, -1) ? lua_tostring(L, -1) : "(no message)");
	lua_settop(L, top);
	return -1;
}

struct mb_repl *mb_repl_new(lua_State *L, struct mb_error *err)
{
	struct mb_repl *r;

	if (the_repl) {
		snprintf(err->text, sizeof(err->text),
			 "there is a prompt already: free it before starting another");
		return NULL;
	}
	r = calloc(1, sizeof(*r));
	if (!r) {
		snprintf(err->text, sizeof(err->text), "no memory for the prompt");
		return NULL;
	}
	r->L = L;
	r->watch = r->files = -1;
	r->tty = isatty(STDIN_FILENO) && isatty(STDOUT_FILENO);
	the_repl = r;
	r->prompt = LUA_NOREF;
	interrupt_start(L, r->tty);
	if (open_watch(r, err) || load_prompt(r, err)) {
		mb_repl_free(r);
		return NULL;
	}
	if (!repl_call(r, "greet", "", 0))
		lua_pop(L, 1);
	r->edits = r->tty && !edit_start(r);
	show_prompt(r);
	r->editing = true;
	return r;
}

int mb_repl_fd(const struct mb_repl *repl)
{
	return repl->watch >= 0 ? repl->watch : STDIN_FILENO;
}

/* Ctrl-C while nothing ran */
static void abandon_line(struct mb_repl *r)
{
	if (r->edits) {
		edit_abandon();
		return;
	}
	r->len = 0;
	if (!repl_call(r, "abandon", "", 0))
		repl_take_verdict(r);
	putchar('\n');
	show_prompt(r);
}

static bool readable(int fd)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };

	return fd >= 0 && poll(&p, 1, 0) > 0;
}

int mb_repl_input(void *repl)
{
	struct mb_repl *r = repl;
	bool pressed;

	if (r->quit)
		return 1;
	pressed = r->tty && interrupt_take();
	interrupt_rest();
	if (pressed)
		abandon_line(r);
	if (readable(r->files) && !repl_call(r, "changed", "", 0))
		repl_take_verdict(r);
	if (readable(STDIN_FILENO)) {
		if (r->edits)
			edit_read_key();
		else
			read_plain(r);
	}
	fflush(stdout);
	return r->quit;
}

int mb_repl_status(const struct mb_repl *repl)
{
	return repl->status;
}

void mb_repl_free(struct mb_repl *repl)
{
	if (!repl)
		return;
	repl->editing = false;
	if (repl->edits)
		edit_stop(repl);
	interrupt_stop();
	if (repl->watch >= 0)
		close(repl->watch);
	if (repl->files >= 0)
		close(repl->files);
	luaL_unref(repl->L, LUA_REGISTRYINDEX, repl->prompt);
	the_repl = NULL;
	free(repl->line);
	free(repl);
}
