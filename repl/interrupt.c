// SPDX-License-Identifier: MIT
/*
 * interrupt.c: Ctrl-C. It abandons the line being typed, stops the line that runs, and stops a hook
 * of the device that never returns, so that the device goes on.
 *
 * Lua stops at a debug hook, which raises. Compiled traces do not look at debug hooks, so the prompt
 * starts LuaJIT's profiler for its other use: in mode 'l' every line of a trace checks a flag, and
 * leaves for the interpreter when it is set; there the debug hook is seen. The profiler's own clock is
 * set to once in twelve days, and SIGPROF is raised here when the flag is wanted.
 *
 * Try it:  echo 'while true do end' | timeout -s INT 1 ./moonbar run lua/devices/edu.lua
 */
#define _GNU_SOURCE
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

#include <lauxlib.h>
#include <luajit.h>

#include "priv.h"

#define PROFILE		"li1000000000"	/* a check a line; the interval in ms */
#define AGAIN_NS	50000000	/* what swallows an error is stopped again so much later */
#define LOOP_NS		200000000	/* the loop comes round sooner than that, unless a hook hangs */
#define LAST_PRESS	3		/* without effect until then: the program ends */

/* A signal handler has no context. One prompt at a time. */
static struct {
	lua_State *L;
	pthread_t thread;		/* that runs Lua */
	struct sigaction old_int, old_alarm;
	struct termios terminal;	/* as it was before the prompt */
	bool tty, has_timer;
	timer_t timer;
	int fd;				/* eventfd: Ctrl-C while nothing ran */
	volatile sig_atomic_t on;	/* a line runs, and may be stopped at once */
	volatile sig_atomic_t presses;	/* since somebody last came back */
	volatile sig_atomic_t rounds, budget;
} ic = { .fd = -1 };

/* What catches errors (pcall) would go on for ever: each round raises one time more than the last,
 * until the outermost call has been left.
 */
static void stop_hook(lua_State *L, lua_Debug *ar)
{
	(void)ar;
	if (--ic.budget <= 0)
		lua_sethook(L, NULL, 0, 0);
	luaL_where(L, 0);
	lua_pushliteral(L, "interrupted");
	lua_concat(L, 2);
	lua_error(L);
}

static void set_hook(lua_State *L)
{
	lua_sethook(L, stop_hook, LUA_MASKCALL | LUA_MASKRET | LUA_MASKCOUNT, 1);
}

/* The profiler calls when a trace has been left; the debug hook is set already. */
static void on_sample(void *data, lua_State *L, int samples, int state)
{
	(void)data;
	(void)L;
	(void)samples;
	(void)state;
}

static void set_timer(long ns)
{
	struct itimerspec t = {
		.it_value = { ns / 1000000000, ns % 1000000000 },
		.it_interval = { 0, ns ? AGAIN_NS : 0 },
	};

	if (ic.has_timer)
		timer_settime(ic.timer, 0, &t, NULL);
}

/* Async-signal-safe: lua_sethook() is, by LuaJIT's word. */
static void stop_lua(void)
{
	ic.budget = ++ic.rounds;
	set_hook(ic.L);
	raise(SIGPROF);
}

static void die(int sig)
{
	if (ic.tty)
		tcsetattr(STDIN_FILENO, TCSANOW, &ic.terminal);
	signal(sig, SIG_DFL);
	raise(sig);
}

static bool elsewhere(int sig)
{
	if (pthread_equal(pthread_self(), ic.thread))
		return false;
	pthread_kill(ic.thread, sig);
	return true;
}

static void on_sigint(int sig)
{
	static const uint64_t one = 1;
	int keep = errno;

	if (elsewhere(sig))
		return;
	if (++ic.presses >= LAST_PRESS) {
		die(sig);
	} else if (ic.on) {
		stop_lua();
		set_timer(AGAIN_NS);
	} else if (ic.tty) {
		if (write(ic.fd, &one, sizeof(one)) < 0)	/* full: it has been told */
			errno = 0;
		set_timer(LOOP_NS);
	} else if (ic.old_int.sa_handler != SIG_DFL && ic.old_int.sa_handler != SIG_IGN) {
		ic.old_int.sa_handler(sig);	/* a script is read: the wish to end */
	}
	errno = keep;
}

/* Nobody has come back since Ctrl-C. */
static void on_late(int sig)
{
	int keep = errno;

	if (elsewhere(sig))
		return;
	if (ic.presses && (ic.on || ic.tty))
		stop_lua();
	errno = keep;
}

void interrupt_start(lua_State *L, bool tty)
{
	struct sigaction act = { .sa_handler = on_sigint }, late = { .sa_handler = on_late };
	struct sigevent ev = { .sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGVTALRM };

	ic.L = L;
	ic.thread = pthread_self();
	ic.tty = tty && !tcgetattr(STDIN_FILENO, &ic.terminal);
	ic.presses = ic.rounds = ic.on = 0;
	ic.fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	luaJIT_profile_start(L, PROFILE, on_sample, NULL);
	sigaction(SIGVTALRM, &late, &ic.old_alarm);
	ic.has_timer = !timer_create(CLOCK_MONOTONIC, &ev, &ic.timer);
	sigaction(SIGINT, &act, &ic.old_int);
}

void interrupt_stop(void)
{
	sigaction(SIGINT, &ic.old_int, NULL);
	if (ic.has_timer)
		timer_delete(ic.timer);
	ic.has_timer = false;
	sigaction(SIGVTALRM, &ic.old_alarm, NULL);
	luaJIT_profile_stop(ic.L);
	lua_sethook(ic.L, NULL, 0, 0);
	if (ic.fd >= 0)
		close(ic.fd);
	ic.fd = -1;
}

int interrupt_fd(void)
{
	return ic.fd;
}

bool interrupt_take(void)
{
	uint64_t n;

	return read(ic.fd, &n, sizeof(n)) == sizeof(n) && !ic.rounds;
}

bool interrupt_rest(void)
{
	bool pressed = ic.presses > 0;

	ic.on = 0;
	ic.presses = ic.rounds = 0;
	if (pressed) {
		set_timer(0);
		lua_sethook(ic.L, NULL, 0, 0);
	}
	return pressed;
}

/* term.running(on): from now on Ctrl-C stops what runs, or no longer */
int interrupt_running(lua_State *L)
{
	ic.on = lua_toboolean(L, 1);
	if (!ic.on && ic.rounds)
		lua_sethook(L, NULL, 0, 0);
	return 0;
}

/* term.caught(message): a message handler. What handles the error is not to be stopped, too. */
int interrupt_caught(lua_State *L)
{
	ic.on = 0;
	if (ic.rounds)
		lua_sethook(L, NULL, 0, 0);
	lua_settop(L, 1);
	return 1;
}
