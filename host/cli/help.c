// SPDX-License-Identifier: MIT
/*
 * help.c: the manual of the command, and a page for each verb.
 *
 * Try it:  ./moonbar help doc
 */
#include <stddef.h>
#include <string.h>

#include "cli.h"

const char cli_manual[] =
"moonbar - a scripting host for PCIe devices\n"
"\n"
"Usage\n"
"  moonbar run [--on BUS] FILE [NAME=VALUE]... [FILE ...]\n"
"                         put devices on a bus and open the prompt\n"
"  moonbar check [-v] FILE...\n"
"                         look for mistakes and start nothing\n"
"  moonbar test FILE [NAME=VALUE]...\n"
"                         the tests that a register map gives for free, as TAP\n"
"  moonbar doc FILE       a data sheet: Markdown, HTML, or drawings as SVG\n"
"  moonbar header FILE    a C and C++ header of the registers\n"
"  moonbar export FILE    the registers as CMSIS-SVD\n"
"  moonbar import FILE    a device file out of CMSIS-SVD or IP-XACT\n"
"  moonbar driver FILE    a Linux driver to begin with\n"
"  moonbar -e CODE [FILE [NAME=VALUE]...]\n"
"                         run Lua; FILEs are on the simulated bus, and started\n"
"  moonbar help [VERB] | --help | --version\n"
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
"Options of doc, header, export, import and driver\n"
"  -o, --output OUT       write OUT, whole or not at all (standard output);\n"
"                         `moonbar help VERB` has the rest\n"
"\n"
"At the prompt: help lists the commands, help NAME explains one.\n"
"\n"
"Environment\n"
"  MOONBAR_ROOT           where lua/ and repl/ are (beside the program)\n"
"  NO_COLOR               no colours, also on a terminal\n"
"\n"
"Exit status\n"
"  0  done                1  it failed while running; a test failed\n"
"  2  a mistake in a file or on the command line; nothing was started or written\n"
"\n"
"Examples\n"
"  moonbar run lua/devices/edu.lua\n"
"  moonbar run --on pciem lua/devices/nvme.lua size=4G file=disk.img\n"
"  moonbar check -v lua/devices/nvme.lua\n"
"  moonbar test lua/devices/edu.lua\n"
"  moonbar doc -o edu.html lua/devices/edu.lua\n"
"  moonbar -e 'print(driver(\"edu\").id)' lua/devices/edu.lua\n";

static const char run_page[] =
"moonbar run [--on BUS] [--no-prompt] FILE [NAME=VALUE]... [FILE ...]\n"
"\n"
"Puts devices on a bus and opens the prompt. BUS is sim, sim:stepped, pciem or\n"
"pciem:PATH. --tour plays the tour, --demo greets at more length.\n"
"\n"
"  moonbar run --on pciem lua/devices/nvme.lua size=4G\n";

static const char check_page[] =
"moonbar check [-v] FILE [NAME=VALUE]...\n"
"\n"
"Looks for mistakes, lists the file's options and starts nothing. -v tells what\n"
"each register costs a driver.\n"
"\n"
"  moonbar check -v lua/devices/edu.lua\n";

static const char test_page[] =
"moonbar test FILE [NAME=VALUE]...\n"
"\n"
"Tests a device by its own register map and prints TAP.\n"
"\n"
"  moonbar test lua/devices/edu.lua\n";

static const char doc_page[] =
"moonbar doc [--format md|html|svg] [--register NAME]... [-o OUT] FILE [NAME=VALUE]...\n"
"\n"
"Writes the device's data sheet: who it is, its BARs, a map of all registers,\n"
"and each register drawn as bits.\n"
"\n"
"  --format md            Markdown, drawings in text (the default)\n"
"  --format html          one page that needs nothing else, for a bright or a\n"
"                         dark screen\n"
"  --format svg           the drawings alone\n"
"  --register NAME        of that register only, as in status or chan.ctrl; may\n"
"                         be given 16 times\n"
"  -o, --output OUT       write OUT; .md, .html and .svg choose the format\n"
"\n"
"  moonbar doc -o edu.html lua/devices/edu.lua\n"
"  moonbar doc -o status.svg --register status lua/devices/edu.lua\n";

static const char header_page[] =
"moonbar header [-o OUT] FILE [NAME=VALUE]...\n"
"\n"
"Writes a header for C11, C++11 and the kernel: identity, offsets, reset values,\n"
"masks and shifts of fields, enums, and each BAR as a structure whose offsets are\n"
"asserted.\n"
"\n"
"  -o, --output OUT       write OUT instead of standard output\n"
"\n"
"  moonbar header -o edu.h lua/devices/edu.lua\n";

static const char export_page[] =
"moonbar export [-o OUT] FILE [NAME=VALUE]...\n"
"\n"
"Writes the registers as CMSIS-SVD 1.3, a peripheral for each BAR. What SVD has\n"
"no words for is kept beside it, so that moonbar import gives the same map back.\n"
"\n"
"  -o, --output OUT       write OUT instead of standard output\n"
"\n"
"  moonbar export -o edu.svd lua/devices/edu.lua\n";

static const char import_page[] =
"moonbar import [--list] [--peripheral NAME]... [-o OUT] FILE\n"
"\n"
"Writes a device file out of CMSIS-SVD or IP-XACT (2009, 2014, 2022): rows, fields,\n"
"enums, registers that repeat as arrays and groups. Behaviour is yours to add.\n"
"\n"
"  --list                 what peripherals FILE has, and how many registers each\n"
"  --peripheral NAME      take this one (a memory map in IP-XACT); each becomes\n"
"                         a BAR, at most six\n"
"  -o, --output OUT       write OUT instead of standard output\n"
"\n"
"  moonbar import --list chip.svd\n"
"  moonbar import --peripheral UART0 -o uart.lua chip.svd\n";

static const char driver_page[] =
"moonbar driver [-o OUT] FILE [NAME=VALUE]...\n"
"\n"
"Writes a Linux PCI driver to begin with: it binds to the device, maps the BARs,\n"
"takes its interrupts and shows every register in debugfs. It includes NAME_regs.h,\n"
"which moonbar header writes.\n"
"\n"
"  -o, --output OUT       write OUT instead of standard output\n"
"\n"
"  moonbar driver -o edu_drv.c lua/devices/edu.lua\n"
"  moonbar header -o edu_regs.h lua/devices/edu.lua\n"
"  make -C /lib/modules/$(uname -r)/build M=$PWD obj-m=edu_drv.o modules\n";

const char *const cli_verbs[] = {
	"run", "check", "test", "doc", "header", "export", "import", "driver", NULL
};

const char *cli_page(const char *verb)
{
	static const char *const pages[] = {
		run_page, check_page, test_page, doc_page, header_page, export_page, import_page, driver_page
	};

	for (size_t i = 0; cli_verbs[i]; i++)
		if (!strcmp(cli_verbs[i], verb))
			return pages[i];
	return NULL;
}
