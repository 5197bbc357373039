// SPDX-License-Identifier: GPL-2.0-only
/*
 * kchanctl recv
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "kchanctl.h"

/* 1 and the length, 0 at end-of-stream, or a negative errno. */
static int receive(kc_chan *c, char *buf, size_t *len)
{
	ssize_t ret;

	if (kc_is_message(c)) {
		ret = kc_recv_msg(c, buf, kc_elem_size(c));
		*len = ret;
		return ret > 0 ? 1 : ret;
	}
	*len = kc_elem_size(c);
	return kc_recv(c, buf);
}

static int recv_all(kc_chan *c, const struct options *opts, char *buf)
{
	int status = STATUS_OK;
	unsigned long seq = 0;
	size_t len;
	int ret;

	while (!opts->count || seq < opts->count) {
		ret = receive(c, buf, &len);
		if (ret < 0)
			return fail("recv: %s", kc_strerror(ret));
		if (!ret)
			return opts->count && !status ? STATUS_ENDED : status;
		seq++;

		if (opts->command) {
			buf[len] = '\0';
			/* The others still want to be seen to. */
			if (!run_command(opts, buf, len, seq))
				status = STATUS_FAILED;
			continue;
		}
		if (!opts->raw)
			buf[len++] = opts->delimiter;
		if (put("recv", buf, len))
			return STATUS_FAILED;
	}
	return status;
}

int cmd_recv(kc_chan *c, const struct options *opts)
{
	/* And the delimiter, or a command's zero byte. */
	char *buf = malloc((size_t)kc_elem_size(c) + 1);
	int status;

	if (!buf)
		return fail("recv: %s", strerror(errno));
	status = recv_all(c, opts, buf);
	free(buf);
	return status;
}
