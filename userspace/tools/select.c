// SPDX-License-Identifier: GPL-2.0-only
/*
 * kchanctl select
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>

#include "kchanctl.h"

static int send_case(kc_case *to, kc_chan *c, const struct branch *b)
{
	const size_t len = strlen(b->word), size = kc_elem_size(c);

	if (!kc_is_message(c)) {
		if (len != size)
			return fail("select: '%s' has %zu bytes: the channel on %d has elements of %zu",
				    b->word, len, b->fd, size);
		*to = kc_case_send(c, b->word);
		return STATUS_OK;
	}
	if (!len)
		return fail("select: the message for %d is empty: a message has at least 1 byte",
			    b->fd);
	if (len > size)
		return fail("select: the message for %d has %zu bytes: the channel takes at most %zu",
			    b->fd, len, size);
	*to = kc_case_send_msg(c, b->word, len);
	return STATUS_OK;
}

static kc_case recv_case(kc_chan *c, char *buf)
{
	return kc_is_message(c) ? kc_case_recv_msg(c, buf, kc_elem_size(c)) :
				  kc_case_recv(c, buf);
}

/* Room before the element for the descriptor's number and a space. */
#define HEAD	16

/* Writes the descriptor's number and, with @message, the received message. */
static int tell(const struct options *opts, int fd, char *elem, size_t len,
		bool message)
{
	char head[HEAD];
	int at;

	at = snprintf(head, sizeof(head), message ? "%d " : "%d", fd);
	memcpy(elem - at, head, at);
	elem[len] = opts->delimiter;
	return put("select", elem - at, at + len + 1);
}

static int outcome(const struct options *opts, const struct branch *b,
		   const kc_case *c, char *elem)
{
	int status;

	if (c->status == -EPIPE)
		return fail("select: not sent on %d: the channel is closed, or nobody receives",
			    b->fd);
	if (c->status)
		return fail("select: file descriptor %d: %s", b->fd,
			    kc_strerror(c->status));
	status = tell(opts, b->fd, elem, c->ok ? c->len : 0, c->ok);
	if (status)
		return status;
	return b->op == 'R' && !c->ok ? STATUS_ENDED : STATUS_OK;
}

static int failed(const struct options *opts, const kc_case *cases, int error)
{
	size_t i;

	if (error == -EAGAIN || error == -ETIMEDOUT)
		return STATUS_NONE;
	for (i = 0; i < opts->nr_branches; i++)
		if (cases[i].status)
			return fail("select: file descriptor %d: %s",
				    opts->branches[i].fd, kc_strerror(error));
	return fail("select: %s", kc_strerror(error));
}

static int run(const struct options *opts, kc_case *cases, char *elem)
{
	const int output = opts->nr_branches;
	size_t n = opts->nr_branches;
	int ret;

	/* One more case, if there is room for it. */
	if (n < MAX_BRANCHES)
		cases[n++] = output_case();
	if (opts->now)
		ret = kc_try_select(cases, n);
	else if (opts->timeout >= 0)
		ret = kc_select_timeout(cases, n, opts->timeout);
	else
		ret = kc_select(cases, n);
	if (ret < 0)
		return failed(opts, cases, ret);
	if (ret == output)
		return output_gone("select");
	return outcome(opts, &opts->branches[ret], &cases[ret], elem);
}

/* Opens the channels. Sets *@room to the largest element size of those that receive. */
static int open_all(const struct options *opts, kc_chan **channels, size_t *room)
{
	size_t i, size;
	int status;

	for (i = 0; i < opts->nr_branches; i++) {
		if (opts->branches[i].op == 'P')
			continue;
		status = get_channel(&channels[i], opts->branches[i].fd);
		if (status)
			return status;
		size = kc_elem_size(channels[i]);
		if (opts->branches[i].op == 'R' && size > *room)
			*room = size;
	}
	return STATUS_OK;
}

static int with_channels(const struct options *opts, kc_chan **channels,
			 size_t room)
{
	kc_case cases[MAX_BRANCHES];
	int status = STATUS_OK;
	size_t i;
	char *buf;

	/*
	 * Only one case commits, so there is room for one element, and the delimiter.
	 */
	buf = malloc(HEAD + room + 1);
	if (!buf)
		return fail("select: %s", strerror(errno));
	for (i = 0; i < opts->nr_branches && !status; i++) {
		const struct branch *b = &opts->branches[i];

		if (b->op == 'P')
			cases[i] = kc_case_fd(b->fd, EPOLLIN);
		else if (b->op == 'R')
			cases[i] = recv_case(channels[i], buf + HEAD);
		else
			status = send_case(&cases[i], channels[i], b);
	}
	if (!status)
		status = run(opts, cases, buf + HEAD);
	free(buf);
	return status;
}

int cmd_select(kc_chan *none, const struct options *opts)
{
	kc_chan *channels[MAX_BRANCHES] = { NULL };
	size_t i, room = 0;
	int status;

	(void)none;
	status = open_all(opts, channels, &room);
	if (!status)
		status = with_channels(opts, channels, room);
	for (i = 0; i < opts->nr_branches; i++)
		kc_unref(channels[i]);
	return status;
}
