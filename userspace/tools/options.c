// SPDX-License-Identifier: GPL-2.0-only
/*
 * kchanctl: the command line.
 */
#include <errno.h>
#include <getopt.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "kchanctl.h"

static const char help[] =
"Usage: kchanctl COMMAND --fd N [OPTION]...\n"
"       kchanctl select CASE... [OPTION]...\n"
"       kchanctl goroutines PID\n"
"Use the channels that are open on file descriptors.\n"
"\n"
"Commands:\n"
"  send [WORD]...    send each WORD, or else each line of the input, as one\n"
"                    message; waits while the channel is full\n"
"  recv              write each message received as a line, until end-of-stream\n"
"  close             close the channel, for all who use it: nothing can be sent\n"
"                    any more; what is queued can still be received\n"
"  info              tell what the channel is and holds\n"
"  select            wait until one of the cases can be done, do that one and no\n"
"                    other, and write a line: its descriptor and, after a space,\n"
"                    the message received\n"
"  goroutines        tell of a process which channels it has open, and which of\n"
"                    its threads wait there: to do what, for how long (which root\n"
"                    alone can know), and who can wake them: \"process\", none but\n"
"                    the process itself; \"nobody\", for all of it waits;\n"
"                    \"others\"; \"timer\"; \"?\", that cannot be known\n"
"\n"
"Cases of select, of which one that is ready is taken at random:\n"
"  -R, --recv=N      receive a message from the channel on descriptor N\n"
"  -S, --send=N=WORD send WORD on the channel on descriptor N\n"
"  -P, --poll=N      see that there is input on descriptor N, of any kind\n"
"\n"
"Options:\n"
"  -f, --fd=N        the channel's descriptor\n"
"  -0, --null        send, recv, select: messages end with a zero byte, not a\n"
"                    newline\n"
"  -m, --message     send: all of the input is one message\n"
"  -n, --count=N     recv: stop after N messages\n"
"  -r, --raw         recv: write the messages with nothing between them\n"
"  -x, --exec=CMD    recv: run the shell command CMD for each message, which is\n"
"                    its standard input; KCHAN_SEQ counts them, from 1\n"
"  -a, --argument    recv: the message is CMD's $1 instead, and its standard\n"
"                    input is empty\n"
"  -t, --timeout=T   select: wait no longer than T, a number with a unit: ns, us,\n"
"                    ms, s (also without a unit), m, h\n"
"  -d, --default     select: do not wait\n"
"  -h, --help        show this\n"
"  -V, --version     show the version\n"
"\n"
"A channel that the shell opens takes messages of 1 to 4096 bytes and queues\n"
"16 of them, unless the administrator has chosen otherwise:\n"
"\n"
"  [ -c /dev/kchan ] && exec 3<>/dev/kchan\n"
"  { ls *.txt | kchanctl send --fd 3; kchanctl close --fd 3; } &\n"
"  for i in 1 2 3 4; do kchanctl recv --fd 3 -ax 'gzip \"$1\"' & done; wait\n"
"\n"
"All processes that the shell starts have its descriptor, so the channel does\n"
"not close by itself when a sender ends: use close.\n"
"\n"
"A loop over two channels, which ends with one of them, or after ten seconds of\n"
"nothing:\n"
"\n"
"  while line=$(kchanctl select --recv 3 --recv 4 --timeout 10s); do\n"
"      case $line in\n"
"      \"3 \"*) echo \"a job: ${line#3 }\" ;;\n"
"      \"4 \"*) echo \"a command: ${line#4 }\" ;;\n"
"      esac\n"
"  done\n"
"\n"
"Exit status: 0; 1 if something failed, also a CMD; 2 for wrong usage; 3 at\n"
"end-of-stream: of recv, before the N messages of --count; of select, on the\n"
"channel whose descriptor it wrote; 4 if select did nothing, with --timeout or\n"
"--default.\n";

static const struct command commands[] = {
	{ "send", "f0m", WORDS, cmd_send },
	{ "recv", "f0nrxa", NO_OPERANDS, cmd_recv },
	{ "close", "f", NO_OPERANDS, cmd_close },
	{ "info", "f", NO_OPERANDS, cmd_info },
	{ "select", "0RSPtd", NO_OPERANDS, cmd_select },
	{ "goroutines", "", PID, cmd_goroutines },
};

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
	/* strtoul() accepts a minus sign. */
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

static int descriptor(const char *text)
{
	return number(text, "file descriptor", 0, 1 << 30);
}

/* A time in nanoseconds. */
static int64_t duration(const char *text)
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

static void add_branch(struct options *opts, char op, char *text)
{
	struct branch *b = &opts->branches[opts->nr_branches];

	if (opts->nr_branches++ == MAX_BRANCHES)
		usage("more than %d cases", MAX_BRANCHES);
	b->op = op;
	if (op == 'S') {
		b->word = strchr(text, '=');
		if (!b->word)
			usage("--send %s: send what? Say N=WORD", text);
		*b->word++ = '\0';
	}
	b->fd = descriptor(text);
}

/* Checks that the given options fit the command. */
static void check(const struct command *command, const char *given,
		  const struct options *opts)
{
	const char *wrong = given + strspn(given, command->options);

	if (*wrong)
		usage("%s has no option -%c", command->name, *wrong);
	if (*opts->words && command->operands == NO_OPERANDS)
		usage("%s takes no '%s'", command->name, *opts->words);
	if (*opts->words && opts->whole)
		usage("either words or --message");
	if (*opts->words && !opts->delimiter)
		usage("either words or --null");
	if (opts->argument && !opts->command)
		usage("--argument is for --exec");
	if (opts->command && (opts->raw || !opts->delimiter))
		usage("with --exec nothing is written: no --raw, no --null");
	if (opts->now && opts->timeout >= 0)
		usage("either --timeout or --default");
	if (opts->fd < 0 && strchr(command->options, 'f'))
		usage("which channel? Say --fd N");
	if (!opts->nr_branches && strchr(command->options, 'R'))
		usage("which cases? Say --recv N, --send N=WORD or --poll N");
}

static int process(char **words)
{
	if (!words[0] || words[1])
		usage("of which process? Say goroutines PID");
	return number(words[0], "process", 1, INT_MAX);
}

/* --help and --version come before all else, at any position. */
const struct command *parse(int argc, char **argv, struct options *opts)
{
	static const struct option names[] = {
		{ "fd", required_argument, NULL, 'f' },
		{ "null", no_argument, NULL, '0' },
		{ "message", no_argument, NULL, 'm' },
		{ "count", required_argument, NULL, 'n' },
		{ "raw", no_argument, NULL, 'r' },
		{ "exec", required_argument, NULL, 'x' },
		{ "argument", no_argument, NULL, 'a' },
		{ "recv", required_argument, NULL, 'R' },
		{ "send", required_argument, NULL, 'S' },
		{ "poll", required_argument, NULL, 'P' },
		{ "timeout", required_argument, NULL, 't' },
		{ "default", no_argument, NULL, 'd' },
		{ "help", no_argument, NULL, 'h' },
		{ "version", no_argument, NULL, 'V' },
		{ NULL, 0, NULL, 0 },
	};
	char given[sizeof(names) / sizeof(names[0])] = "";
	const struct command *command;
	int option;

	while ((option = getopt_long(argc, argv, "f:0mn:rx:aR:S:P:t:dhV", names,
				     NULL)) != -1) {
		switch (option) {
		case 'f':
			opts->fd = descriptor(optarg);
			break;
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
		case 'R':
		case 'S':
		case 'P':
			add_branch(opts, option, optarg);
			break;
		case 't':
			opts->timeout = duration(optarg);
			break;
		case 'd':
			opts->now = true;
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
	command = find_command(argv[optind]);
	opts->words = argv + optind + 1;
	check(command, given, opts);
	if (command->operands == PID)
		opts->pid = process(opts->words);
	return command;
}
