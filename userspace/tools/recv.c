// SPDX-License-Identifier: GPL-2.0-only
/*
 * kchanctl recv
 *
 * It receives under lease, and acknowledges a message when the reader of its output has
 * taken it, or when its command has ended. If recv is killed before that, or if the reader
 * has gone, the message goes back.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>

#include "kchanctl.h"

static const struct option options[] = {
	FD_OPTION,
	FRAME_OPTIONS,
	{ "count", required_argument, NULL, 'n' },
	{ "timeout", required_argument, NULL, 't' },
	{ "exec", required_argument, NULL, 'x' },
	{ "argument", no_argument, NULL, 'a' },
	{ "ahead", no_argument, NULL, 'A' },
	OPTIONS_END
};

struct receiving {
	kc_chan *c;
	kc_lease *lease;
	struct frames frames;
	unsigned long count;	/* stop after this many; 0: never */
	int64_t timeout;	/* for each message; -1: for ever */
	const char *command;	/* runs for each message */
	bool argument;		/* the message is the command's $1 */
	bool ahead;		/* do not wait until the output has been read */
};

/* What next() returns besides what kc_lease_recv() does. */
#define OUTPUT_GONE	2

/*
 * Waits for the next message, and reads it. If nobody can read the output any more, this
 * counts: a message that has come meanwhile was not read, and goes back with the lease.
 */
static int next(const struct receiving *r, int output)
{
	const int64_t deadline = deadline_of(r->timeout);
	struct pollfd fds[2] = {
		{ .fd = kc_lease_fd(r->lease), .events = POLLIN },
		/* No event is asked for: errors and hang-ups are always reported. */
		{ .fd = output },
	};
	int ret;

	for (;;) {
		ret = kc_lease_arm(r->lease);
		if (ret)
			return ret;
		poll(fds, 2, poll_time(deadline));
		if (fds[1].revents)
			return OUTPUT_GONE;
		/* At the end of the time, a message that is there is received. */
		if (fds[0].revents || kc_now() >= deadline)
			return kc_lease_try_recv(r->lease);
	}
}

static int write_out(const struct receiving *r, void *msg, size_t len)
{
	uint32_t head = htonl((uint32_t)len);
	char delimiter = r->frames.delimiter;
	struct iovec parts[] = {
		{ &head, r->frames.framing == FRAME_LENGTHS ? LENGTH_SIZE : 0 },
		{ msg, len },
		{ &delimiter, r->frames.framing == FRAME_LINES },
	};

	return put("recv", parts, 3);
}

static int handle(const struct receiving *r, unsigned long seq)
{
	size_t len;
	void *msg = kc_lease_elem(r->lease, &len);

	if (!r->command) {
		const int status = write_out(r, msg, len);

		return status || r->ahead || output_taken() ? status :
							      output_gone("recv");
	}
	return exec_for(r->command, r->argument, msg, len, seq) ? STATUS_OK :
								  STATUS_FAILED;
}

static int recv_all(const struct receiving *r)
{
	/* A command has its own output. */
	const int output = r->command ? -1 : output_fd();
	int ret, status = STATUS_OK, handled;
	unsigned long seq = 0;

	do {
		ret = next(r, output);
		if (ret == OUTPUT_GONE)
			return output_gone("recv");
		if (ret == -EAGAIN)
			return status ? status : STATUS_NONE;
		if (ret < 0)
			return fail("recv: %s", kc_strerror(ret));
		if (!ret)
			return r->count && !status ? STATUS_ENDED : status;
		handled = handle(r, ++seq);
		if (handled)
			status = handled;
		/* A message that was not written and read goes back. */
		if (handled && !r->command)
			return status;
		ret = kc_lease_ack(r->lease);
		if (ret)
			return fail("recv: %s", kc_strerror(ret));
		/* The messages after one whose command failed are still processed. */
	} while (seq != r->count);
	return status;
}

static int with_lease(struct receiving *r)
{
	/* A command may take as long as it likes. */
	const int ret = kc_lease_make(&r->lease, r->c, 0);
	int status;

	status = ret ? fail("recv: %s", kc_strerror(ret)) : recv_all(r);
	kc_lease_unref(r->lease);
	return status;
}

static void check(struct receiving *r)
{
	if (r->argument && !r->command)
		usage("--argument is for --exec");
	if (r->command && r->frames.chosen)
		usage("with --exec nothing is written: no --null, --message, --length or --raw");
	if (r->command && r->ahead)
		usage("with --exec nothing is written: no --ahead");
	if (r->frames.framing == FRAME_WHOLE && r->count > 1)
		usage("with --message the output is one message: no --count");
	if (r->frames.framing == FRAME_WHOLE)
		r->count = 1;
}

static int recv_run(int argc, char **argv)
{
	struct receiving r = { .frames = FRAMES_OF_LINES, .timeout = -1 };
	struct place at = NO_PLACE;
	int option, status;

	while ((option = next_option(&recv_command, argc, argv, options)) != -1) {
		if (take_framing(&r.frames, option))
			continue;
		switch (option) {
		case 'f':
			at.fd = descriptor_of(optarg);
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
		case 'A':
			r.ahead = true;
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
	status = with_lease(&r);
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
"  -A, --ahead       do not wait until the output has been read: this is faster, but\n"
"                    what is in a pipe is lost with its reader\n"
"  -h, --help        show this\n"
"\n"
"If its output is a pipe, it receives the next message when the last one has been\n"
"read. It also ends when nobody can read its output any more, and leaves the rest\n"
"of the messages in the channel, with the one that was not read.\n"
"\n"
"Exit status: 3 at end-of-stream before N messages, 4 if the time is over, 1 if\n"
"something failed, also a CMD.\n"
"\n"
"Example: kchanctl recv -t 10s /run/kchan/app/results >>results\n",
	.run = recv_run,
};
