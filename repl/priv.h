/* SPDX-License-Identifier: MIT */
/*
 * priv.h: what repl.c and edit.c share; nobody else includes it.
 *
 * Try it:  grep -n repl_feed repl/edit.c
 */
#ifndef MOONBAR_REPL_PRIV_H
#define MOONBAR_REPL_PRIV_H

#include "repl.h"

#define PROMPT		"> "
#define PROMPT_MORE	".. "

struct mb_repl {
	lua_State *L;
	int prompt;		/* registry reference of the Lua prompt */
	bool tty;		/* a person is typing: both ends are terminals */
	bool edits;		/* edit.c has the terminal */
	bool editing;		/* the prompt is on the screen, waiting for keys */
	bool more;		/* the statement goes on in the next line */
	bool quit;
	bool interrupted;	/* Ctrl-C while the last line was evaluated */
	int watch;		/* epoll of what mb_repl_input() looks at, -1: input only */
	int files;		/* inotify of the devices' files, or -1 */
	int status;
	char *line;		/* plain reader: bytes since the last newline */
	size_t len, room;
};

/* ---- repl.c, for edit.c ---- */

/* repl_call() - prompt:NAME(text), with Ctrl-C ending that call only. Leaves its one result on
 * the Lua stack and returns 0; on failure leaves nothing, shows the error and returns -1.
 */
int repl_call(struct mb_repl *r, const char *name, const char *text, size_t len);
/* repl_take_verdict() - act on the result of a repl_call() and pop it */
void repl_take_verdict(struct mb_repl *r);
/* repl_feed() - evaluate text: one line, or the several lines of a paste */
void repl_feed(struct mb_repl *r, const char *text, size_t len);
void repl_end_of_input(struct mb_repl *r);

/* ---- edit.c, for repl.c: readline, or functions that do nothing ---- */

/* edit_start() - take the terminal and show the prompt; -1 if there is no readline */
int edit_start(struct mb_repl *r);
void edit_stop(struct mb_repl *r);
void edit_read_key(void);
/* edit_abandon() - forget the line, as Ctrl-C does */
void edit_abandon(void);
/* edit_above() - print a line above the one being typed; false if there is no readline */
bool edit_above(const char *text);

/* ---- interrupt.c, for repl.c ---- */

/* interrupt_start() - Ctrl-C is ours from now on. @tty: also while nothing runs */
void interrupt_start(lua_State *L, bool tty);
void interrupt_stop(void);
/* interrupt_fd() - readable after Ctrl-C while no line ran. interrupt_take(): was there one, and did it
 * stop no hook?
 */
int interrupt_fd(void);
bool interrupt_take(void);
/* interrupt_rest() - the thread is back where nothing runs away; true: Ctrl-C was pressed since */
bool interrupt_rest(void);
/* functions of term, for prompt.lua */
int interrupt_running(lua_State *L);
int interrupt_caught(lua_State *L);

#endif
