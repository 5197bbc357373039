// SPDX-License-Identifier: GPL-2.0-only
/*
 * Programs of commands: options, and their values.
 */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli.h"

/* The command whose options are read, for messages. */
static const struct command *current;

static void try_help(void) __attribute__((noreturn));
static void try_help(void)
{
	if (current)
		fprintf(stderr, "Try '%s %s --help'.\n", program.name, current->name);
	else
		fprintf(stderr, "Try '%s --help'.\n", program.name);
	exit(STATUS_USAGE);
}

void usage(const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	complain(fmt, args);
	va_end(args);
	try_help();
}

/* The letters of the options, as getopt_long() wants them. */
static void letters_of(char *to, const struct command *command,
		       const struct option *names)
{
	if (command->runs)
		*to++ = '+';
	for (; names->name; names++) {
		if (names->val > 255)
			continue;
		*to++ = (char)names->val;
		if (names->has_arg)
			*to++ = ':';
	}
	*to = '\0';
}

int next_option(const struct command *command, int argc, char **argv,
		const struct option *names)
{
	char letters[64];
	int option;

	current = command;
	letters_of(letters, command, names);
	option = getopt_long(argc, argv, letters, names, NULL);
	if (option == '?')
		try_help();
	if (option == 'h') {
		fputs(command->help, stdout);
		exit(flush(command->name));
	}
	return option;
}

unsigned long number_of(const char *text, const char *what, unsigned long min,
			unsigned long max)
{
	unsigned long value;
	char *end;

	errno = 0;
	value = strtoul(text, &end, 10);
	/* strtoul() accepts a minus sign. */
	if (*text < '0' || *text > '9' || *end || errno || value < min ||
	    value > max)
		usage("'%s' is no %s", text, what);
	return value;
}

int descriptor_of(const char *text)
{
	return number_of(text, "file descriptor", 0, 1 << 30);
}

int64_t time_of(const char *text)
{
	static const struct {
		const char *name;
		double ns;
	} units[] = {
		{ "", KC_SECOND }, { "ns", 1 }, { "us", KC_MICROSECOND },
		{ "ms", KC_MILLISECOND }, { "s", KC_SECOND },
		{ "m", 60 * KC_SECOND }, { "h", 3600 * KC_SECOND },
	};
	const char *unit = text + strspn(text, "0123456789.");
	char *end;
	double ns;
	size_t i;

	ns = strtod(text, &end);
	for (i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
		if (unit == text || unit != end || strcmp(unit, units[i].name))
			continue;
		ns *= units[i].ns;
		/* A longer time is practically infinite. */
		return ns < (double)INT64_MAX ? (int64_t)ns : INT64_MAX;
	}
	usage("'%s' is no time", text);
}

unsigned int mode_of(const char *text)
{
	unsigned long mode;
	char *end;

	mode = strtoul(text, &end, 8);
	if (*text < '0' || *text > '7' || *end || mode > 0777)
		usage("'%s' is no mode: say it in octal, as 660", text);
	return mode;
}

void take_place(struct place *at, int argc, char **argv)
{
	if (at->fd >= 0)
		return;
	if (optind >= argc)
		usage("which channel? Say --fd N or a PATH");
	at->path = argv[optind++];
}

void no_more(int argc, char **argv)
{
	if (optind < argc)
		usage("%s takes no '%s'", current->name, argv[optind]);
}
