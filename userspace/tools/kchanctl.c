// SPDX-License-Identifier: GPL-2.0-only
/*
 * kchanctl: channels in the shell.
 */
#include "kchanctl.h"

static const struct command *const commands[] = {
	&create_command,
	&ls_command,
	&stat_command,
	&info_command,
	&setup_command,
	&resize_command,
	&close_command,
	&rm_command,
	&send_command,
	&recv_command,
	&select_command,
	&work_command,
	&wait_command,
	&peek_command,
	&move_command,
	&save_command,
	&load_command,
	&run_command,
	&top_command,
	&goroutines_command,
	NULL
};

const struct program program = {
	.name = "kchanctl",
	.brief = "Use channels from a shell.",
	.commands = commands,
	.after =
"\n"
"  -h, --help        show this; kchanctl COMMAND --help tells more of a command\n"
"  -V, --version     show the version\n"
"\n"
"A channel is the PATH of a name, or --fd N: a file descriptor that is open on it.\n"
"Names are made by create, or by mkfifo, in a filesystem of names: /run/kchan. Who\n"
"may use a name, its mode says. Or a shell opens a channel that has no name:\n"
"\n"
"  [ -c /dev/kchan ] && exec 3<>/dev/kchan\n"
"  { ls *.txt | kchanctl send --fd 3; kchanctl close --fd 3; } &\n"
"  for i in 1 2 3 4; do kchanctl recv --fd 3 -ax 'gzip \"$1\"' & done; wait\n"
"\n"
"Exit status: 0; 1 if something failed; 2 for wrong usage; 3 at end-of-stream,\n"
"before what was asked for; 4 if nothing could be done in time; 126 or 127 if run or\n"
"work cannot run the program. Else run has that of its program.\n",
};
