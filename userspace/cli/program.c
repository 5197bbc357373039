// SPDX-License-Identifier: GPL-2.0-only
/*
 * Programs of commands: where they begin.
 */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "cli.h"

static int show_help(void)
{
	const struct command *const *each;

	printf("Usage: %s COMMAND [OPTION]... [OPERAND]...\n"
	       "%s\n"
	       "\n"
	       "Commands:\n", program.name, program.brief);
	for (each = program.commands; *each; each++)
		printf("  %-12s %s\n", (*each)->name, (*each)->brief);
	fputs(program.after, stdout);
	return flush("help");
}

const struct command *find_command(const char *name)
{
	const struct command *const *each;

	for (each = program.commands; *each; each++)
		if (!strcmp((*each)->name, name))
			return *each;
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
	/* For getopt_long(), which names the program in its messages. */
	static char name[32];
	const struct command *command;

	fill_standard();
	if (argc < 2)
		usage("no command");
	if (!strcmp(argv[1], "--help") || !strcmp(argv[1], "-h"))
		return show_help();
	if (!strcmp(argv[1], "--version") || !strcmp(argv[1], "-V")) {
		printf("%s %s\n", program.name, kc_version());
		return flush("version");
	}
	if (!strcmp(argv[1], "help")) {
		if (argc == 2)
			return show_help();
		fputs(find_command(argv[2])->help, stdout);
		return flush("help");
	}
	command = find_command(argv[1]);
	snprintf(name, sizeof(name), "%s", program.name);
	argv[1] = name;
	return command->run(argc - 1, argv + 1);
}
