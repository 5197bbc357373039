// SPDX-License-Identifier: GPL-2.0-only
/*
 * kchanctl send
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "kchanctl.h"

/* @what and @nr describe the message in an error message. */
static int send_one(kc_chan *c, const char *msg, size_t len, const char *what,
		    unsigned long nr)
{
	const size_t size = kc_elem_size(c);
	int ret;

	if (kc_is_message(c)) {
		if (!len)
			return fail("send: %s %lu is empty: a message has at least 1 byte",
				    what, nr);
		if (len > size)
			return fail("send: %s %lu has %zu bytes: the channel takes at most %zu",
				    what, nr, len, size);
		ret = kc_send_msg(c, msg, len);
	} else {
		if (len != size)
			return fail("send: %s %lu has %zu bytes: the channel's elements have %zu",
				    what, nr, len, size);
		ret = kc_send(c, msg);
	}
	if (ret == -EPIPE)
		return fail("send: %s %lu not sent: the channel is closed, or nobody receives",
			    what, nr);
	if (ret)
		return fail("send: %s %lu not sent: %s", what, nr,
			    kc_strerror(ret));
	return STATUS_OK;
}

static int send_words(kc_chan *c, char **words)
{
	int i, status;

	for (i = 0; words[i]; i++) {
		status = send_one(c, words[i], strlen(words[i]), "word", i + 1);
		if (status)
			return status;
	}
	return STATUS_OK;
}

static int send_lines(kc_chan *c, char delimiter)
{
	int status = STATUS_OK;
	unsigned long nr = 0;
	char *line = NULL;
	size_t size = 0;
	ssize_t len;

	while (status == STATUS_OK &&
	       (len = getdelim(&line, &size, delimiter, stdin)) > 0) {
		/* The last line may have no delimiter. */
		if (line[len - 1] == delimiter)
			len--;
		status = send_one(c, line, len, "line", ++nr);
	}
	if (status == STATUS_OK && ferror(stdin))
		status = fail("send: cannot read the input: %s",
			      strerror(errno));
	free(line);
	return status;
}

static int send_whole(kc_chan *c)
{
	/* One byte more than the maximum shows that the input is too long. */
	const size_t size = (size_t)kc_elem_size(c) + 1;
	size_t len;
	char *msg;
	int status;

	msg = malloc(size);
	if (!msg)
		return fail("send: %s", strerror(errno));
	len = fread(msg, 1, size, stdin);
	if (ferror(stdin))
		status = fail("send: cannot read the input: %s",
			      strerror(errno));
	else if (len == size)
		status = fail("send: the input is too long: the channel takes at most %zu bytes",
			      size - 1);
	else
		status = send_one(c, msg, len, "message", 1);
	free(msg);
	return status;
}

int cmd_send(kc_chan *c, const struct options *opts)
{
	if (*opts->words)
		return send_words(c, opts->words);
	if (opts->whole)
		return send_whole(c);
	return send_lines(c, opts->delimiter);
}
