// SPDX-License-Identifier: GPL-2.0-only
/*
 * kchanctl recv
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "kchanctl.h"

/* The cases of the select. The second one is ready when the output is closed. */
enum { MESSAGE, OUTPUT, NR_CASES };

static void make_cases(kc_case *cases, kc_chan *c, const struct options *opts, char *buf)
{
	cases[MESSAGE] = kc_is_message(c) ?
		kc_case_recv_msg(c, buf, kc_elem_size(c)) : kc_case_recv(c, buf);
	/* A command has its own output. */
	cases[OUTPUT] = opts->command ? kc_case_fd(-1, 0) : output_case();
}

/*
 * Returns the index of the case, or a negative errno. If both are ready, the output
 * counts, so that the message stays in the channel.
 */
static int receive(kc_case *cases)
{
	if (!kc_try_select(&cases[OUTPUT], 1))
		return OUTPUT;
	return kc_select(cases, NR_CASES);
}

static int recv_all(kc_chan *c, const struct options *opts, char *buf)
{
	kc_case cases[NR_CASES];
	int status = STATUS_OK;
	unsigned long seq = 0;
	size_t len;
	int ret;

	make_cases(cases, c, opts, buf);
	while (!opts->count || seq < opts->count) {
		ret = receive(cases);
		if (ret == OUTPUT)
			return output_gone("recv");
		if (ret >= 0)
			ret = cases[MESSAGE].status;
		if (ret)
			return fail("recv: %s", kc_strerror(ret));
		if (!cases[MESSAGE].ok)
			return opts->count && !status ? STATUS_ENDED : status;
		len = cases[MESSAGE].len;
		seq++;

		if (opts->command) {
			buf[len] = '\0';
			/* The other messages are still processed. */
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
	/* One byte more: for the delimiter, or a zero byte for a command. */
	char *buf = malloc((size_t)kc_elem_size(c) + 1);
	int status;

	if (!buf)
		return fail("recv: %s", strerror(errno));
	status = recv_all(c, opts, buf);
	free(buf);
	return status;
}
