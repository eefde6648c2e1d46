/* SPDX-License-Identifier: MIT */
/*
 * cli.h: the command line, taken apart.
 *
 * Try it:  ./moonbar --help
 */
#ifndef MB_CLI_H
#define MB_CLI_H

#include <stdbool.h>

/**
 * struct cli - @verb: a function of lua/lib/moonbar/cli.lua; @args: files and name=value; @out: where to
 * write instead of standard output; @only: names that --register, or --peripheral
 * (then @peripherals is set), gave
 */
struct cli {
	const char *verb, *on, *code, *out, *format;
	const char *only[16];
	int nonly;
	bool verbose, tour, demo, no_prompt, list, help, peripherals;
	int nargs;
	char **args;
};

/* cli_parse() - 0, or non-zero when the program is to end with *@status at once */
int cli_parse(struct cli *cli, int argc, char **argv, int *status);

/* cli_page() - what `moonbar help VERB` prints, or NULL; cli_verbs: their names, in order, then NULL */
const char *cli_page(const char *verb);
extern const char *const cli_verbs[];
extern const char cli_manual[];

#endif
