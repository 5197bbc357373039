// SPDX-License-Identifier: GPL-2.0-only
/*
 * kchanctl: channels for the shell.
 */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "kchanctl.h"

static const char help[] =
"Usage: kchanctl COMMAND --fd N [OPTION]...\n"
"Use the channel that is open on a file descriptor.\n"
"\n"
"Commands:\n"
"  send [WORD]...    send each WORD, or else each line of the input, as one\n"
"                    message; waits while the channel is full\n"
"  recv              write each message received as a line, until end-of-stream\n"
"  close             close the channel, for all who use it: nothing can be sent\n"
"                    any more; what is queued can still be received\n"
"  info              tell what the channel is and holds\n"
"\n"
"Options:\n"
"  -f, --fd=N        the channel's descriptor\n"
"  -0, --null        send, recv: messages end with a zero byte, not a newline\n"
"  -m, --message     send: all of the input is one message\n"
"  -n, --count=N     recv: stop after N messages\n"
"  -r, --raw         recv: write the messages with nothing between them\n"
"  -x, --exec=CMD    recv: run the shell command CMD for each message, which is\n"
"                    its standard input; KCHAN_SEQ counts them, from 1\n"
"  -a, --argument    recv: the message is CMD's $1 instead, and its standard\n"
"                    input is empty\n"
"  -h, --help        show this\n"
"  -V, --version     show the version\n"
"\n"
"A channel that the shell opens takes messages of 1 to 4096 bytes and queues\n"
"16 of them, unless the administrator has chosen otherwise:\n"
"\n"
"  exec 3<>/dev/kchan\n"
"  { ls *.txt | kchanctl send --fd 3; kchanctl close --fd 3; } &\n"
"  for i in 1 2 3 4; do kchanctl recv --fd 3 -ax 'gzip \"$1\"' & done; wait\n"
"\n"
"All processes that the shell starts have its descriptor, so the channel does\n"
"not close by itself when a sender ends: use close.\n"
"\n"
"Exit status: 0; 1 if something failed, also a CMD; 2 for wrong usage; 3 if\n"
"end-of-stream came before the N messages of --count.\n";

struct command {
	const char *name;
	const char *options;	/* besides -f */
	bool words;
	int (*run)(kc_chan *c, const struct options *opts);
};

static const struct command commands[] = {
	{ "send", "0m", true, cmd_send },
	{ "recv", "0nrxa", false, cmd_recv },
	{ "close", "", false, cmd_close },
	{ "info", "", false, cmd_info },
};

int fail(const char *fmt, ...)
{
	va_list args;

	fputs("kchanctl: ", stderr);
	va_start(args, fmt);
	vfprintf(stderr, fmt, args);
	va_end(args);
	fputc('\n', stderr);
	return STATUS_FAILED;
}

static void usage(const char *fmt, ...)
	__attribute__((noreturn, format(printf, 1, 2)));
static void usage(const char *fmt, ...)
{
	va_list args;

	fputs("kchanctl: ", stderr);
	va_start(args, fmt);
	vfprintf(stderr, fmt, args);
	va_end(args);
	fputs("\nTry 'kchanctl --help'.\n", stderr);
	exit(STATUS_USAGE);
}

static unsigned long number(const char *text, const char *what,
			    unsigned long min, unsigned long max)
{
	unsigned long value;
	char *end;

	errno = 0;
	value = strtoul(text, &end, 10);
	/* strtoul() takes a minus sign. */
	if (*text < '0' || *text > '9' || *end || errno || value < min ||
	    value > max)
		usage("'%s' is no %s", text, what);
	return value;
}

static const struct command *find_command(const char *name)
{
	size_t i;

	for (i = 0; i < sizeof(commands) / sizeof(commands[0]); i++)
		if (!strcmp(commands[i].name, name))
			return &commands[i];
	usage("there is no command '%s'", name);
}

/* Help and version go before all else, wherever they stand. */
static void parse(int argc, char **argv, const struct command **command,
		  struct options *opts)
{
	static const struct option names[] = {
		{ "fd", required_argument, NULL, 'f' },
		{ "null", no_argument, NULL, '0' },
		{ "message", no_argument, NULL, 'm' },
		{ "count", required_argument, NULL, 'n' },
		{ "raw", no_argument, NULL, 'r' },
		{ "exec", required_argument, NULL, 'x' },
		{ "argument", no_argument, NULL, 'a' },
		{ "help", no_argument, NULL, 'h' },
		{ "version", no_argument, NULL, 'V' },
		{ NULL, 0, NULL, 0 },
	};
	char given[sizeof(names) / sizeof(names[0])] = "";
	const char *wrong;
	int option;

	while ((option = getopt_long(argc, argv, "f:0mn:rx:ahV", names,
				     NULL)) != -1) {
		switch (option) {
		case 'f':
			opts->fd = number(optarg, "file descriptor", 0, 1 << 30);
			continue;
		case '0':
			opts->delimiter = '\0';
			break;
		case 'm':
			opts->whole = true;
			break;
		case 'n':
			opts->count = number(optarg, "count", 1, -1UL);
			break;
		case 'r':
			opts->raw = true;
			break;
		case 'x':
			opts->command = optarg;
			break;
		case 'a':
			opts->argument = true;
			break;
		case 'h':
			fputs(help, stdout);
			exit(fflush(stdout) ? STATUS_FAILED : STATUS_OK);
		case 'V':
			printf("kchanctl %s\n", kc_version());
			exit(fflush(stdout) ? STATUS_FAILED : STATUS_OK);
		default:
			fputs("Try 'kchanctl --help'.\n", stderr);
			exit(STATUS_USAGE);
		}
		if (!strchr(given, option))
			given[strlen(given)] = option;
	}

	if (optind == argc)
		usage("no command");
	*command = find_command(argv[optind]);
	opts->words = argv + optind + 1;

	wrong = given + strspn(given, (*command)->options);
	if (*wrong)
		usage("%s has no option -%c", (*command)->name, *wrong);
	if (*opts->words && !(*command)->words)
		usage("%s takes no '%s'", (*command)->name, *opts->words);
	if (*opts->words && opts->whole)
		usage("either words or --message");
	if (*opts->words && !opts->delimiter)
		usage("either words or --null");
	if (opts->argument && !opts->command)
		usage("--argument is for --exec");
	if (opts->command && (opts->raw || !opts->delimiter))
		usage("with --exec nothing is written: no --raw, no --null");
	if (opts->fd < 0)
		usage("which channel? Say --fd N");
}

/*
 * A handle of our own descriptor: the one that we inherited stays as it is for
 * the commands that recv runs.
 */
static int get_channel(kc_chan **out, int fd)
{
	int copy, ret;

	copy = fcntl(fd, F_DUPFD_CLOEXEC, 3);
	if (copy < 0)
		return fail("file descriptor %d: %s", fd, strerror(errno));
	ret = kc_from_fd(out, copy);
	if (!ret)
		return STATUS_OK;
	close(copy);
	if (ret == -ENOTTY)
		return fail("file descriptor %d is no channel", fd);
	return fail("file descriptor %d: %s", fd, strerror(-ret));
}

int cmd_close(kc_chan *c, const struct options *opts)
{
	int ret = kc_close(c);

	(void)opts;
	if (ret == -EALREADY)
		return fail("close: the channel was closed already");
	if (ret)
		return fail("close: %s", strerror(-ret));
	return STATUS_OK;
}

int main(int argc, char **argv)
{
	struct options opts = { .fd = -1, .delimiter = '\n' };
	const struct command *command;
	kc_chan *c;
	int status;

	parse(argc, argv, &command, &opts);
	status = get_channel(&c, opts.fd);
	if (status)
		return status;
	status = command->run(c, &opts);
	kc_unref(c);
	return status;
}
