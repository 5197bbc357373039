// SPDX-License-Identifier: GPL-2.0-only
/*
 * kchanctl select
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/uio.h>

#include "kchanctl.h"

static const struct option options[] = {
	{ "recv", required_argument, NULL, 'R' },
	{ "send", required_argument, NULL, 'S' },
	{ "poll", required_argument, NULL, 'P' },
	{ "null", no_argument, NULL, '0' },
	{ "timeout", required_argument, NULL, 't' },
	{ "default", no_argument, NULL, 'd' },
	OPTIONS_END
};

/* A case of the select. */
struct branch {
	char op;		/* R, S or P: the letter of the option */
	const char *text;	/* the channel, as the user wrote it */
	struct place at;
	char *word;		/* S: the message */
	kc_chan *c;		/* R, S */
	int fd;			/* P */
};

struct selecting {
	struct branch branches[KCHAN_MAX_CASES];
	size_t nr;
	char delimiter;
	int64_t timeout;	/* -1: for ever */
	bool now;		/* do not wait */
};

static int send_case(kc_case *to, const struct branch *b)
{
	const size_t len = strlen(b->word), size = kc_elem_size(b->c);
	kc_chan *c = b->c;

	if (!kc_is_message(c)) {
		if (len != size)
			return fail("select: '%s' has %zu bytes: the channel on %s has elements of %zu",
				    b->word, len, b->text, size);
		*to = kc_case_send(c, b->word);
		return STATUS_OK;
	}
	if (!len)
		return fail("select: the message for %s is empty: a message has at least 1 byte",
			    b->text);
	if (len > size)
		return fail("select: the message for %s has %zu bytes: the channel takes at most %zu",
			    b->text, len, size);
	*to = kc_case_send_msg(c, b->word, len);
	return STATUS_OK;
}

static kc_case recv_case(kc_chan *c, char *buf)
{
	return kc_is_message(c) ? kc_case_recv_msg(c, buf, kc_elem_size(c)) :
				  kc_case_recv(c, buf);
}

/*
 * Writes the channel as the user wrote it and, with @message, a space and the received
 * message.
 */
static int tell(const struct selecting *s, const struct branch *b, char *elem, size_t len,
		bool message)
{
	char space = ' ', delimiter = s->delimiter;
	struct iovec parts[] = {
		{ (char *)b->text, strlen(b->text) },
		{ &space, message },
		{ elem, len },
		{ &delimiter, 1 },
	};

	return put("select", parts, 4);
}

static int outcome(const struct selecting *s, const struct branch *b,
		   const kc_case *c, char *elem)
{
	int status;

	if (c->status == -EPIPE)
		return fail("select: not sent on %s: the channel is closed, or nobody receives",
			    b->text);
	if (c->status)
		return fail("select: %s: %s", place_name(&b->at),
			    kc_strerror(c->status));
	status = tell(s, b, elem, c->ok ? c->len : 0, c->ok);
	if (status)
		return status;
	return b->op == 'R' && !c->ok ? STATUS_ENDED : STATUS_OK;
}

static int failed(const struct selecting *s, const kc_case *cases, int error)
{
	size_t i;

	if (error == -EAGAIN || error == -ETIMEDOUT)
		return STATUS_NONE;
	for (i = 0; i < s->nr; i++)
		if (cases[i].status)
			return fail("select: %s: %s", place_name(&s->branches[i].at),
				    kc_strerror(error));
	return fail("select: %s", kc_strerror(error));
}

static int run(const struct selecting *s, kc_case *cases, char *elem)
{
	const int output = s->nr;
	size_t n = s->nr;
	int ret;

	/*
	 * One more case, if there is room for it. No event is asked for: errors and
	 * hang-ups are always reported.
	 */
	if (n < KCHAN_MAX_CASES)
		cases[n++] = kc_case_fd(output_fd(), 0);
	if (s->now)
		ret = kc_try_select(cases, n);
	else if (s->timeout >= 0)
		ret = kc_select_timeout(cases, n, s->timeout);
	else
		ret = kc_select(cases, n);
	if (ret < 0)
		return failed(s, cases, ret);
	if (ret == output)
		return output_gone("select");
	return outcome(s, &s->branches[ret], &cases[ret], elem);
}

/* The descriptor of a poll is a copy: drop_inherited() does not close it. */
static int open_poll(struct branch *b)
{
	if (b->at.fd < 0) {
		if (open_channel(&b->c, &b->at, KC_OPEN_RECV))
			return STATUS_FAILED;
		b->fd = kc_fd(b->c);
		return STATUS_OK;
	}
	b->fd = fcntl(b->at.fd, F_DUPFD_CLOEXEC, 3);
	if (b->fd < 0)
		return fail("select: file descriptor %d: %s", b->at.fd,
			    strerror(errno));
	return STATUS_OK;
}

/* Sets *@room to the largest size of an element that may be received. */
static int open_all(struct selecting *s, size_t *room)
{
	struct branch *b;
	size_t size;
	int status;

	for (b = s->branches; b != s->branches + s->nr; b++) {
		if (b->op == 'P')
			status = open_poll(b);
		else
			status = open_channel(&b->c, &b->at, b->op == 'R' ?
					      KC_OPEN_RECV : KC_OPEN_SEND);
		if (status)
			return status;
		size = b->op == 'R' ? kc_elem_size(b->c) : 0;
		if (size > *room)
			*room = size;
	}
	return STATUS_OK;
}

static int with_channels(const struct selecting *s, size_t room)
{
	kc_case cases[KCHAN_MAX_CASES];
	int status = STATUS_OK;
	size_t i;
	char *elem;

	/* Only one case commits, so there is room for one element. */
	elem = malloc(room + 1);
	if (!elem)
		return fail("select: %s", strerror(errno));
	for (i = 0; i < s->nr && !status; i++) {
		const struct branch *b = &s->branches[i];

		if (b->op == 'P')
			cases[i] = kc_case_fd(b->fd, EPOLLIN);
		else if (b->op == 'R')
			cases[i] = recv_case(b->c, elem);
		else
			status = send_case(&cases[i], b);
	}
	if (!status)
		status = run(s, cases, elem);
	free(elem);
	return status;
}

static void add_branch(struct selecting *s, char op, char *text)
{
	struct branch *b = &s->branches[s->nr];

	if (s->nr++ == KCHAN_MAX_CASES)
		usage("more than %d cases", KCHAN_MAX_CASES);
	b->op = op;
	b->text = text;
	b->fd = -1;
	if (op == 'S') {
		b->word = strchr(text, '=');
		if (!b->word)
			usage("--send %s: send what? Say CHANNEL=WORD", text);
		*b->word++ = '\0';
	}
	b->at = place_of(text);
}

static int select_run(int argc, char **argv)
{
	static struct selecting s = { .delimiter = '\n', .timeout = -1 };
	size_t i, room = 0;
	int option, status;

	while ((option = next_option(&select_command, argc, argv, options)) != -1) {
		switch (option) {
		case 'R':
		case 'S':
		case 'P':
			add_branch(&s, option, optarg);
			break;
		case '0':
			s.delimiter = '\0';
			break;
		case 't':
			s.timeout = time_of(optarg);
			break;
		case 'd':
			s.now = true;
			break;
		}
	}
	no_more(argc, argv);
	if (s.now && s.timeout >= 0)
		usage("either --timeout or --default");
	if (!s.nr)
		usage("which cases? Say --recv CHANNEL, --send CHANNEL=WORD or --poll CHANNEL");
	status = open_all(&s, &room);
	if (!status) {
		drop_inherited(NULL, NULL);
		status = with_channels(&s, room);
	}
	for (i = 0; i < s.nr; i++)
		kc_unref(s.branches[i].c);
	return status;
}

const struct command select_command = {
	.name = "select",
	.brief = "do the one of several sends and receives that can be done",
	.help =
"Usage: kchanctl select CASE... [OPTION]...\n"
"Wait until one of the cases can be done, do that one and no other, and write a\n"
"line: its CHANNEL and, after a space, the message received. If several can be\n"
"done, one is taken at random. CHANNEL is a descriptor or the PATH of a name.\n"
"\n"
"  -R, --recv=CHANNEL\n"
"                    receive a message\n"
"  -S, --send=CHANNEL=WORD\n"
"                    send WORD\n"
"  -P, --poll=CHANNEL\n"
"                    see that there is input; a descriptor may be of any kind\n"
"  -0, --null        the message ends with a zero byte, not a newline\n"
"  -t, --timeout=T   wait no longer than T: a number with a unit: ns, us, ms, s\n"
"                    (also without a unit), m, h\n"
"  -d, --default     do not wait\n"
"  -h, --help        show this\n"
"\n"
"Exit status: 3 at end-of-stream, on the channel that it wrote; 4 if nothing could\n"
"be done, with --timeout or --default.\n"
"\n"
"Example, a loop over two channels, which ends with one of them, or after ten\n"
"seconds of nothing:\n"
"\n"
"  while line=$(kchanctl select --recv 3 --recv 4 --timeout 10s); do\n"
"      case $line in\n"
"      \"3 \"*) echo \"a job: ${line#3 }\" ;;\n"
"      \"4 \"*) echo \"a command: ${line#4 }\" ;;\n"
"      esac\n"
"  done\n",
	.run = select_run,
};
