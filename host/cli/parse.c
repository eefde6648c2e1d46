// SPDX-License-Identifier: MIT
/*
 * parse.c: what the user typed after "moonbar".
 *
 * Try it:  ./moonbar --help
 */
#include <getopt.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "cli.h"
#include "moonbar.h"

enum { OPT_ON = 256, OPT_TOUR, OPT_DEMO, OPT_NO_PROMPT, OPT_VERSION, OPT_FORMAT, OPT_REGISTER, OPT_PERIPHERAL,
	OPT_LIST };

static const struct option options[] = {
	{ "on", required_argument, NULL, OPT_ON },
	{ "verbose", no_argument, NULL, 'v' },
	{ "tour", no_argument, NULL, OPT_TOUR },
	{ "demo", no_argument, NULL, OPT_DEMO },
	{ "no-prompt", no_argument, NULL, OPT_NO_PROMPT },
	{ "output", required_argument, NULL, 'o' },
	{ "format", required_argument, NULL, OPT_FORMAT },
	{ "register", required_argument, NULL, OPT_REGISTER },
	{ "peripheral", required_argument, NULL, OPT_PERIPHERAL },
	{ "list", no_argument, NULL, OPT_LIST },
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

/* Which verbs an option that was given is for; "eval" is -e. */
struct given {
	const char *option, *verbs;
	bool is;
};

static bool has_word(const char *words, const char *word)
{
	size_t len = strlen(word);

	for (const char *at = words; (at = strstr(at, word)); at += len)
		if ((at == words || at[-1] == ' ') && (!at[len] || at[len] == ' '))
			return true;
	return false;
}

static int check_given(const struct cli *cli, int *status)
{
	const struct given all[] = {
		{ "--on", "run", cli->on },
		{ "--tour", "run", cli->tour },
		{ "--demo", "run", cli->demo },
		{ "--no-prompt", "run", cli->no_prompt },
		{ "--verbose", "check", cli->verbose },
		{ "--output", "doc header export import driver", cli->out },
		{ "--format", "doc", cli->format },
		{ "--register", "doc", cli->nonly && !cli->peripherals },
		{ "--peripheral", "import", cli->peripherals },
		{ "--list", "import", cli->list },
	};

	for (size_t i = 0; i < sizeof(all) / sizeof(*all); i++) {
		if (all[i].is && !has_word(all[i].verbs, cli->verb)) {
			fprintf(stderr, "moonbar: %s belongs to %s, not to %s; 'moonbar --help' tells more\n",
				all[i].option, all[i].verbs, cli->code ? "-e" : cli->verb);
			return end(status, 2);
		}
	}
	return 0;
}

static int add_name(struct cli *cli, bool peripheral, int *status)
{
	if (cli->nonly == sizeof(cli->only) / sizeof(*cli->only))
		return wrong(status, "more than 16 names are given, the last is", optarg);
	if (cli->nonly && cli->peripherals != peripheral)
		return wrong(status, "--register is for doc, --peripheral for import; not both", NULL);
	cli->only[cli->nonly++] = optarg;
	cli->peripherals = peripheral;
	return 0;
}

static int take_option(struct cli *cli, int c, int *status)
{
	switch (c) {
	case 'e':
		cli->code = optarg;
		return 0;
	case 'v':
		cli->verbose = true;
		return 0;
	case 'o':
		cli->out = optarg;
		return 0;
	case 'h':
		cli->help = true;
		return 0;
	case OPT_ON:
		cli->on = optarg;
		return 0;
	case OPT_TOUR:
		cli->tour = true;
		return 0;
	case OPT_DEMO:
		cli->demo = true;
		return 0;
	case OPT_NO_PROMPT:
		cli->no_prompt = true;
		return 0;
	case OPT_FORMAT:
		cli->format = optarg;
		return 0;
	case OPT_LIST:
		cli->list = true;
		return 0;
	case OPT_REGISTER:
	case OPT_PERIPHERAL:
		return add_name(cli, c == OPT_PERIPHERAL, status);
	case OPT_VERSION:
		puts("moonbar " MB_VERSION);
		return end(status, 0);
	default:
		fprintf(stderr, "'moonbar --help' tells more\n");
		return end(status, 2);
	}
}

static int take_options(struct cli *cli, int argc, char **argv, int *status)
{
	int c;

	while ((c = getopt_long(argc, argv, "e:ho:v", options, NULL)) != -1)
		if (take_option(cli, c, status))
			return 1;
	return 0;
}

/* The manual, or the page of @verb if there is one; the status 0. */
static int show_help(const char *verb, int *status)
{
	const char *page = verb ? cli_page(verb) : NULL;

	if (verb && !page) {
		fprintf(stderr, "moonbar: there is no help on %s; there is on", verb);
		for (int i = 0; cli_verbs[i]; i++)
			fprintf(stderr, "%s%s", i ? ", " : " ", cli_verbs[i]);
		fputs("\n", stderr);
		return end(status, 2);
	}
	fputs(page ? page : cli_manual, stdout);
	return end(status, 0);
}

static int take_verb(struct cli *cli, int argc, char **argv, int *status)
{
	cli->verb = argv[optind++];
	if (!strcmp(cli->verb, "help"))
		return show_help(argv[optind], status);
	if (cli->help)
		return show_help(cli->verb, status);
	if (!cli_page(cli->verb)) {
		if (access(cli->verb, R_OK))
			return wrong(status, "there is run, check, test, doc, header, export, import and driver, but no verb",
				cli->verb);
		fprintf(stderr, "moonbar: a verb is missing; did you mean 'moonbar run %s'?\n", cli->verb);
		return end(status, 2);
	}
	if (optind == argc)
		return wrong(status, "a device file is missing after", cli->verb);
	return 0;
}

int cli_parse(struct cli *cli, int argc, char **argv, int *status)
{
	if (take_options(cli, argc, argv, status))
		return 1;
	if (cli->on && !is_bus(cli->on))
		return wrong(status, "--on takes sim, sim:stepped, pciem or pciem:PATH, not", cli->on);
	if (cli->help && (cli->code || optind == argc))
		return show_help(NULL, status);
	if (!cli->code && optind == argc) {
		fputs(cli_manual, stderr);
		return end(status, 2);
	}
	if (cli->code)
		cli->verb = "eval";
	else if (take_verb(cli, argc, argv, status))
		return 1;
	if (check_given(cli, status))
		return 1;
	cli->args = argv + optind;
	cli->nargs = argc - optind;
	return 0;
}
