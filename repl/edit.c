// SPDX-License-Identifier: MIT
/*
 * edit.c: editing a line at the terminal with readline, history and completion.
 *
 * readline's callback interface, because the event loop owns the thread: one key is taken when
 * there is one. This is the only file that needs readline; with -DMB_NO_READLINE it is empty.
 *
 * Try it:  make && ./moonbar run lua/devices/edu.lua
 */
#include "priv.h"

#ifndef MB_NO_READLINE

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <termios.h>
#include <unistd.h>

#include <readline/history.h>
#include <readline/readline.h>

#define HISTORY_LINES	1000

/* readline's callbacks carry no context, and its state is global anyway. */
static struct mb_repl *owner;
static char *history;		/* path of the history file, NULL: none */
static bool abandoned;		/* Ctrl-C ended the line */

static int make_parents(char *path)
{
	for (char *p = path + 1; (p = strchr(p, '/')); p++) {
		*p = '\0';
		if (mkdir(path, 0700) && errno != EEXIST) {
			*p = '/';
			return -1;
		}
		*p = '/';
	}
	return 0;
}

/* XDG Base Directory Specification: state that should survive a restart. A machine where the
 * file cannot be written simply has no history.
 */
static void open_history(void)
{
	const char *state = getenv("XDG_STATE_HOME"), *home = getenv("HOME");
	char path[4096];
	int n, fd;

	if (state && *state == '/')
		n = snprintf(path, sizeof(path), "%s/moonbar/history", state);
	else if (home && *home == '/')
		n = snprintf(path, sizeof(path), "%s/.local/state/moonbar/history", home);
	else
		return;
	if (n < 0 || (size_t)n >= sizeof(path) || make_parents(path))
		return;
	fd = open(path, O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
	if (fd < 0)
		return;
	close(fd);
	read_history(path);
	history = strdup(path);
}

static void remember(const char *line)
{
	HIST_ENTRY *last;

	if (!line[strspn(line, " \t\n")])
		return;
	using_history();
	last = previous_history();
	using_history();
	if (last && !strcmp(last->line, line))
		return;
	add_history(line);
	if (history)
		append_history(1, history);
}

static void on_line(char *line)
{
	struct mb_repl *r = owner;

	if (!line) {
		repl_end_of_input(r);
	} else if (abandoned) {
		if (!repl_call(r, "abandon", "", 0))
			repl_take_verdict(r);
	} else {
		remember(line);
		repl_feed(r, line, strlen(line));
	}
	abandoned = false;
	free(line);
	if (r->quit)
		rl_callback_handler_remove();
	else
		rl_set_prompt(r->more ? PROMPT_MORE : PROMPT);
}

/* Ctrl-C while typing: forget the line, and the statement it continues. */
static int abandon(int count, int key)
{
	(void)count;
	(void)key;
	rl_point = rl_end;
	rl_redisplay();
	fputs("^C", rl_outstream);
	rl_replace_line("", 1);
	abandoned = true;
	return rl_newline(1, '\n');
}

static int suspend(int count, int key)
{
	(void)count;
	(void)key;
	rl_deprep_terminal();
	kill(0, SIGTSTP);
	rl_prep_term_function(1);
	rl_on_new_line();
	return rl_forced_update_display();
}

/* While typing, Ctrl-Z is a key: the line must leave the screen in order. Ctrl-C is a signal always,
 * since a hook may hang (interrupt.c). SIGTERM stays the loop's, hence no rl_catch_signals.
 */
static void prep_terminal(int meta)
{
	struct termios t;

	rl_prep_terminal(meta);
	if (tcgetattr(STDIN_FILENO, &t))
		return;
	t.c_cc[VSUSP] = _POSIX_VDISABLE;
	tcsetattr(STDIN_FILENO, TCSADRAIN, &t);
}

/* Lua answers one string: the longest common part and then the candidates, newline between. */
static char **complete(const char *text, int start, int end)
{
	struct mb_repl *r = owner;
	char **list = NULL, *copy, *save, *word;
	size_t n = 0;

	(void)text;
	(void)start;
	rl_attempted_completion_over = 1;
	rl_completion_append_character = '\0';
	if (repl_call(r, "complete", rl_line_buffer, (size_t)end))
		return NULL;
	copy = lua_tostring(r->L, -1) ? strdup(lua_tostring(r->L, -1)) : NULL;
	lua_pop(r->L, 1);
	if (!copy)
		return NULL;
	for (word = strtok_r(copy, "\n", &save); word; word = strtok_r(NULL, "\n", &save)) {
		char **more = realloc(list, (n + 2) * sizeof(*list));

		if (!more)
			break;
		list = more;
		list[n++] = strdup(word);
		list[n] = NULL;
	}
	free(copy);
	return list;
}

int edit_start(struct mb_repl *r)
{
	static const char breaks[] = " \t\n\"'`@$><=;|&{}()[]+-*/%^#,~?";

	owner = r;
	rl_readline_name = "moonbar";
	rl_catch_signals = 0;
	rl_prep_term_function = prep_terminal;
	rl_attempted_completion_function = complete;
	rl_completer_word_break_characters = (char *)breaks;
	using_history();
	stifle_history(HISTORY_LINES);
	open_history();
	rl_initialize();
	rl_bind_key('C' & 0x1f, abandon);
	rl_bind_key('Z' & 0x1f, suspend);
	rl_bind_key_in_map('C' & 0x1f, abandon, vi_insertion_keymap);
	rl_bind_key_in_map('C' & 0x1f, abandon, vi_movement_keymap);
	rl_callback_handler_install(PROMPT, on_line);
	return 0;
}

void edit_stop(struct mb_repl *r)
{
	if (!r->quit) {
		rl_callback_handler_remove();
		putchar('\n');
	}
	if (history)
		history_truncate_file(history, HISTORY_LINES);
	clear_history();
	free(history);
	history = NULL;
	owner = NULL;
}

void edit_read_key(void)
{
	rl_callback_read_char();
}

void edit_abandon(void)
{
	rl_stuff_char('C' & 0x1f);
	rl_callback_read_char();
}

bool edit_above(const char *text)
{
	rl_clear_visible_line();
	fprintf(rl_outstream, "%s\n", text);
	rl_on_new_line();
	rl_redisplay();
	return true;
}

#else

int edit_start(struct mb_repl *r)
{
	(void)r;
	return -1;
}

void edit_stop(struct mb_repl *r)
{
	(void)r;
}

void edit_read_key(void)
{
}

void edit_abandon(void)
{
}

bool edit_above(const char *text)
{
	(void)text;
	return false;
}

#endif
