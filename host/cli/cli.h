/* SPDX-License-Identifier: MIT */
/*
 * cli.h: the command line, taken apart.
 *
 * Try it:  ./moonbar --help
 */
#ifndef MB_CLI_H
#define MB_CLI_H

#include <stdbool.h>

/** struct cli - @verb: a function of lua/lib/moonbar/cli.lua; @args: files and name=value */
struct cli {
	const char *verb, *on, *code;
	bool verbose, tour, demo, no_prompt;
	int nargs;
	char **args;
};

/* cli_parse() - 0, or non-zero when the program is to end with *@status at once */
int cli_parse(struct cli *cli, int argc, char **argv, int *status);

#endif
