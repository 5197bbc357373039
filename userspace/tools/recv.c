// SPDX-License-Identifier: GPL-2.0-only
/*
 * kchanctl recv
 */
#include <arpa/inet.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "kchanctl.h"

static const struct option options[] = {
	FD_OPTION,
	{ "null", no_argument, NULL, '0' },
	{ "message", no_argument, NULL, 'm' },
	{ "length", no_argument, NULL, 'l' },
	{ "raw", no_argument, NULL, 'r' },
	{ "count", required_argument, NULL, 'n' },
	{ "timeout", required_argument, NULL, 't' },
	{ "exec", required_argument, NULL, 'x' },
	{ "argument", no_argument, NULL, 'a' },
	OPTIONS_END
};

struct receiving {
	kc_chan *c;
	enum framing framing;
	char delimiter;
	bool framed;		/* the user chose how */
	unsigned long count;	/* stop after this many; 0: never */
	int64_t timeout;	/* for each message; -1: for ever */
	const char *command;	/* runs for each message */
	bool argument;		/* the message is the command's $1 */
};

/* The cases of the select. The second one is ready when the output is closed. */
enum { MESSAGE, OUTPUT, NR_CASES };

static void make_cases(kc_case *cases, const struct receiving *r, char *buf)
{
	cases[MESSAGE] = kc_is_message(r->c) ?
		kc_case_recv_msg(r->c, buf, kc_elem_size(r->c)) :
		kc_case_recv(r->c, buf);
	/* A command has its own output. */
	cases[OUTPUT] = r->command ? kc_case_fd(-1, 0) : output_case();
}

/*
 * Returns the index of the case, or a negative errno. If both are ready, the output
 * counts, so that the message stays in the channel.
 */
static int receive(const struct receiving *r, kc_case *cases)
{
	if (!kc_try_select(&cases[OUTPUT], 1))
		return OUTPUT;
	return r->timeout < 0 ? kc_select(cases, NR_CASES) :
				kc_select_timeout(cases, NR_CASES, r->timeout);
}

/* Writes a message. There is room for what comes before it and after it. */
static int write_out(const struct receiving *r, char *msg, size_t len)
{
	const uint32_t head = htonl(len);

	if (r->framing == FRAME_LENGTHS) {
		msg -= LENGTH_SIZE;
		memcpy(msg, &head, LENGTH_SIZE);
		len += LENGTH_SIZE;
	} else if (r->framing == FRAME_LINES) {
		msg[len++] = r->delimiter;
	}
	return put("recv", msg, len);
}

static int recv_all(const struct receiving *r, char *msg)
{
	kc_case cases[NR_CASES];
	int status = STATUS_OK;
	unsigned long seq = 0;
	size_t len;
	int ret;

	make_cases(cases, r, msg);
	while (!r->count || seq < r->count) {
		ret = receive(r, cases);
		if (ret == OUTPUT)
			return output_gone("recv");
		if (ret == -ETIMEDOUT)
			return status ? status : STATUS_NONE;
		if (ret >= 0)
			ret = cases[MESSAGE].status;
		if (ret)
			return fail("recv: %s", kc_strerror(ret));
		if (!cases[MESSAGE].ok)
			return r->count && !status ? STATUS_ENDED : status;
		len = cases[MESSAGE].len;
		seq++;

		if (r->command) {
			msg[len] = '\0';
			/* The other messages are still processed. */
			if (!exec_for(r->command, r->argument, msg, len, seq))
				status = STATUS_FAILED;
			continue;
		}
		if (write_out(r, msg, len))
			return STATUS_FAILED;
	}
	return status;
}

static int with_buffer(const struct receiving *r)
{
	/* Room for a length, and for a delimiter, or a zero byte for a command. */
	char *buf = malloc(LENGTH_SIZE + (size_t)kc_elem_size(r->c) + 1);
	int status;

	if (!buf)
		return fail("recv: %s", strerror(errno));
	status = recv_all(r, buf + LENGTH_SIZE);
	free(buf);
	return status;
}

static void set_framing(struct receiving *r, enum framing framing, char delimiter)
{
	if (r->framed)
		usage("only one of --null, --message, --length, --raw");
	r->framed = true;
	r->framing = framing;
	r->delimiter = delimiter;
}

static void check(struct receiving *r)
{
	if (r->argument && !r->command)
		usage("--argument is for --exec");
	if (r->command && r->framed)
		usage("with --exec nothing is written: no --null, --message, --length or --raw");
	if (r->framing == FRAME_WHOLE && r->count > 1)
		usage("with --message the output is one message: no --count");
	if (r->framing == FRAME_WHOLE)
		r->count = 1;
}

static int recv_run(int argc, char **argv)
{
	struct receiving r = { .framing = FRAME_LINES, .delimiter = '\n', .timeout = -1 };
	struct place at = NO_PLACE;
	int option, status;

	while ((option = next_option(&recv_command, argc, argv, options)) != -1) {
		switch (option) {
		case 'f':
			at.fd = descriptor_of(optarg);
			break;
		case '0':
			set_framing(&r, FRAME_LINES, '\0');
			break;
		case 'm':
			set_framing(&r, FRAME_WHOLE, '\n');
			break;
		case 'l':
			set_framing(&r, FRAME_LENGTHS, '\n');
			break;
		case 'r':
			set_framing(&r, FRAME_RAW, '\n');
			break;
		case 'n':
			r.count = number_of(optarg, "count", 1, -1UL);
			break;
		case 't':
			r.timeout = time_of(optarg);
			break;
		case 'x':
			r.command = optarg;
			break;
		case 'a':
			r.argument = true;
			break;
		}
	}
	check(&r);
	take_place(&at, argc, argv);
	no_more(argc, argv);
	status = open_channel(&r.c, &at, KC_OPEN_RECV);
	if (status)
		return status;
	/* The command gets what this program got. */
	if (!r.command)
		drop_inherited(&at, r.c);
	status = with_buffer(&r);
	kc_unref(r.c);
	return status;
}

const struct command recv_command = {
	.name = "recv",
	.brief = "receive messages, and write them or run a command for each",
	.help =
"Usage: kchanctl recv [OPTION]... (--fd N | PATH)\n"
"Write each message received as a line, until end-of-stream.\n"
"\n"
"  -f, --fd=N        the channel on descriptor N\n"
"  -n, --count=N     stop after N messages\n"
"  -t, --timeout=T   wait no longer than T for each message: a number with a unit:\n"
"                    ns, us, ms, s (also without a unit), m, h\n"
"  -0, --null        write a zero byte after each message, not a newline\n"
"  -m, --message     write one message and nothing else, and stop\n"
"  -l, --length      write the length of each message before it, in 4 bytes, the\n"
"                    highest byte first\n"
"  -r, --raw         write the messages with nothing between them\n"
"  -x, --exec=CMD    run the shell command CMD for each message, which is its\n"
"                    standard input; KCHAN_SEQ counts them, from 1\n"
"  -a, --argument    the message is CMD's $1 instead, and its standard input is\n"
"                    empty\n"
"  -h, --help        show this\n"
"\n"
"It also ends when nobody can read its output any more, and leaves the rest of\n"
"the messages in the channel.\n"
"\n"
"Exit status: 3 at end-of-stream before N messages, 4 if the time is over, 1 if\n"
"something failed, also a CMD.\n"
"\n"
"Example: kchanctl recv -t 10s /run/kchan/app/results >>results\n",
	.run = recv_run,
};
