// SPDX-License-Identifier: MIT
/*
 * parse.c: what the user typed after "moonbar", and the manual for it.
 *
 * Try it:  ./moonbar --help
 */
#include <getopt.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "cli.h"
#include "moonbar.h"

static const char help[] =
"moonbar - a scripting host for PCIe devices\n"
"\n"
"Usage\n"
"  moonbar run [--on BUS] FILE [NAME=VALUE]... [FILE ...]\n"
"                         put devices on a bus and open the prompt\n"
"  moonbar check [-v] FILE...\n"
"                         look for mistakes and start nothing\n"
"  moonbar test FILE [NAME=VALUE]...\n"
"                         the tests that a register map gives for free, as TAP\n"
"  moonbar -e CODE [FILE [NAME=VALUE]...]\n"
"                         run Lua; FILEs are on the simulated bus, and started\n"
"  moonbar --help | --version\n"
"\n"
"A FILE describes one device in Lua (lua/devices/edu.lua is the one to read\n"
"first). NAME=VALUE gives the options that the file before it takes; sizes may\n"
"end in K, M, G or T. `moonbar check FILE` lists a file's options.\n"
"\n"
"Options of run\n"
"  --on sim               the simulated bus, in this process (the default);\n"
"                         its driver's side is driver \"NAME\" at the prompt\n"
"  --on sim:stepped       the same, with a clock that only :step(ns) moves\n"
"  --on pciem[:PATH]      the kernel's bus through PATH (/dev/pciem): Linux\n"
"                         drivers bind; needs root and the module pciem.ko\n"
"  --no-prompt            serve until SIGINT or SIGTERM; print no prompt\n"
"  --tour                 play the tour of the teaching device and end\n"
"  --demo                 a longer greeting for a first visit\n"
"\n"
"Options of check\n"
"  -v, --verbose          what every register costs a driver, and which one\n"
"                         keeps a page from being mapped\n"
"\n"
"At the prompt: help lists the commands, help NAME explains one.\n"
"\n"
"Environment\n"
"  MOONBAR_ROOT           where lua/ and repl/ are (beside the program)\n"
"  NO_COLOR               no colours, also on a terminal\n"
"\n"
"Exit status\n"
"  0  done                1  it failed while running; a test failed\n"
"  2  a mistake in a device file or on the command line; nothing was started\n"
"\n"
"Examples\n"
"  moonbar run lua/devices/edu.lua\n"
"  moonbar run --on pciem lua/devices/nvme.lua size=4G file=disk.img\n"
"  moonbar check -v lua/devices/nvme.lua\n"
"  moonbar test lua/devices/edu.lua\n"
"  moonbar -e 'print(driver(\"edu\").id)' lua/devices/edu.lua\n";

enum { OPT_ON = 256, OPT_TOUR, OPT_DEMO, OPT_NO_PROMPT, OPT_VERSION };

static const struct option options[] = {
	{ "on", required_argument, NULL, OPT_ON },
	{ "verbose", no_argument, NULL, 'v' },
	{ "tour", no_argument, NULL, OPT_TOUR },
	{ "demo", no_argument, NULL, OPT_DEMO },
	{ "no-prompt", no_argument, NULL, OPT_NO_PROMPT },
	{ "help", no_argument, NULL, 'h' },
	{ "version", no_argument, NULL, OPT_VERSION },
	{ NULL, 0, NULL, 0 }
};

static int end(int *status, int with)
{
	*status = with;
	return 1;
}

static int wrong(int *status, const char *what, const char *which)
{
	fprintf(stderr, "moonbar: %s%s%s; 'moonbar --help' tells more\n", what, which ? " " : "",
		which ? which : "");
	return end(status, 2);
}

static bool is_bus(const char *on)
{
	return !strcmp(on, "sim") || !strcmp(on, "sim:stepped") || !strcmp(on, "pciem") ||
	       (!strncmp(on, "pciem:", 6) && on[6]);
}

static int take_options(struct cli *cli, int argc, char **argv, int *status)
{
	int c;

	while ((c = getopt_long(argc, argv, "e:hv", options, NULL)) != -1) {
		switch (c) {
		case 'e':
			cli->code = optarg;
			break;
		case 'v':
			cli->verbose = true;
			break;
		case OPT_ON:
			cli->on = optarg;
			break;
		case OPT_TOUR:
			cli->tour = true;
			break;
		case OPT_DEMO:
			cli->demo = true;
			break;
		case OPT_NO_PROMPT:
			cli->no_prompt = true;
			break;
		case 'h':
			fputs(help, stdout);
			return end(status, 0);
		case OPT_VERSION:
			puts("moonbar " MB_VERSION);
			return end(status, 0);
		default:
			fprintf(stderr, "'moonbar --help' tells more\n");
			return end(status, 2);
		}
	}
	return 0;
}

int cli_parse(struct cli *cli, int argc, char **argv, int *status)
{
	if (take_options(cli, argc, argv, status))
		return 1;
	if (cli->on && !is_bus(cli->on))
		return wrong(status, "--on takes sim, sim:stepped, pciem or pciem:PATH, not", cli->on);
	if (!cli->code && optind == argc) {
		fputs(help, stderr);
		return end(status, 2);
	}
	if (cli->code) {
		cli->verb = "eval";
	} else {
		cli->verb = argv[optind++];
		if (!strcmp(cli->verb, "help")) {
			fputs(help, stdout);
			return end(status, 0);
		}
		if (!access(cli->verb, R_OK)) {
			fprintf(stderr, "moonbar: a verb is missing; did you mean 'moonbar run %s'?\n",
				cli->verb);
			return end(status, 2);
		}
		if (strcmp(cli->verb, "run") && strcmp(cli->verb, "check") && strcmp(cli->verb, "test"))
			return wrong(status, "there is run, check and test, but no verb", cli->verb);
		if (optind == argc)
			return wrong(status, "a device file is missing after", cli->verb);
	}
	if (cli->on && strcmp(cli->verb, "run"))
		return wrong(status, "--on belongs to run, not to", cli->verb);
	cli->args = argv + optind;
	cli->nargs = argc - optind;
	return 0;
}
