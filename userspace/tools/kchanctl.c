// SPDX-License-Identifier: GPL-2.0-only
/*
 * kchanctl: channels in the shell.
 */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

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
};

#define NR_COMMANDS	(sizeof(commands) / sizeof(commands[0]))

static const char after_commands[] =
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
"work cannot run the program. Else run has that of its program.\n";

static int show_help(void)
{
	size_t i;

	fputs("Usage: kchanctl COMMAND [OPTION]... [OPERAND]...\n"
	      "Use channels from a shell.\n"
	      "\n"
	      "Commands:\n", stdout);
	for (i = 0; i < NR_COMMANDS; i++)
		printf("  %-12s %s\n", commands[i]->name, commands[i]->brief);
	fputs(after_commands, stdout);
	return flush("help");
}

static const struct command *find(const char *name)
{
	size_t i;

	for (i = 0; i < NR_COMMANDS; i++)
		if (!strcmp(commands[i]->name, name))
			return commands[i];
	usage("there is no command '%s'", name);
}

/*
 * A channel that is opened must not become the standard output that the user has closed.
 * To use what is opened here in its place fails, as if it were closed.
 */
static void fill_standard(void)
{
	int fd;

	for (fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++)
		if (fcntl(fd, F_GETFD) < 0)
			open("/dev/null", fd == STDIN_FILENO ? O_WRONLY : O_RDONLY);
}

int main(int argc, char **argv)
{
	static char program[] = "kchanctl";
	const struct command *command;

	fill_standard();
	if (argc < 2)
		usage("no command");
	if (!strcmp(argv[1], "--help") || !strcmp(argv[1], "-h"))
		return show_help();
	if (!strcmp(argv[1], "--version") || !strcmp(argv[1], "-V")) {
		printf("kchanctl %s\n", kc_version());
		return flush("version");
	}
	if (!strcmp(argv[1], "help")) {
		if (argc == 2)
			return show_help();
		fputs(find(argv[2])->help, stdout);
		return flush("help");
	}
	command = find(argv[1]);
	argv[1] = program;
	return command->run(argc - 1, argv + 1);
}
