/* SPDX-License-Identifier: MIT */
/*
 * repl.h: the prompt, driven by an event loop that belongs to somebody else.
 *
 * The loop watches mb_repl_fd() and calls mb_repl_input() when it is readable; the prompt
 * never waits by itself, so the device goes on serving its driver. readline keeps its state
 * in globals: at most one struct mb_repl at a time.
 *
 * Try it:  make && ./moonbar run lua/devices/edu.lua
 */
#ifndef MOONBAR_REPL_H
#define MOONBAR_REPL_H

#include <lua.h>

#include "moonbar.h"

struct mb_repl;

/* mb_repl_new() - start a prompt on standard input over the devices loaded in @L.
 * Loads the Lua module "repl.prompt" (so package.path must reach it), points the log of the
 * module "moonbar" at the terminal and prints the greeting; set require("repl.prompt").demo
 * before for the longer one. @L stays the caller's and must outlive the prompt.
 * Returns NULL and fills @err when the Lua side does not load.
 */
struct mb_repl *mb_repl_new(lua_State *L, struct mb_error *err);

/* mb_repl_fd() - the descriptor to watch for input. May be a regular file: poll(2), not epoll */
int mb_repl_fd(const struct mb_repl *repl);

/* mb_repl_input() - take what has been typed; call when mb_repl_fd() is readable or at its
 * end. Evaluates at most one line a call when input is no terminal, so the caller can serve
 * its devices in between. Non-zero: the user asked to quit, or input has ended.
 * @repl: struct mb_repl *; the type is what mb_loop() passes on.
 */
int mb_repl_input(void *repl);

/* mb_repl_status() - exit status so far: 1 if a line read from a file or pipe failed, else 0 */
int mb_repl_status(const struct mb_repl *repl);

/* mb_repl_free() - give the terminal back as it was and keep the history. NULL is fine */
void mb_repl_free(struct mb_repl *repl);

#endif
