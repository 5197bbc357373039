/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * kchanctl: what its files share.
 */
#ifndef KCHANCTL_H
#define KCHANCTL_H

#include <stdbool.h>
#include <stddef.h>

#include <kchan/kchan.h>

enum {
	STATUS_OK,
	STATUS_FAILED,
	STATUS_USAGE,
	STATUS_ENDED,	/* recv -n: end-of-stream came first */
};

struct options {
	int fd;
	char delimiter;		/* between messages, as text */
	bool whole;		/* send: all of the input is one message */
	bool raw;		/* recv: write no delimiter */
	unsigned long count;	/* recv: stop after so many; 0: never */
	const char *command;	/* recv: run for each message */
	bool argument;		/* recv: the message is the command's $1 */
	char **words;		/* send: the messages, NULL at the end */
};

int cmd_send(kc_chan *c, const struct options *opts);
int cmd_recv(kc_chan *c, const struct options *opts);
int cmd_close(kc_chan *c, const struct options *opts);
int cmd_info(kc_chan *c, const struct options *opts);

/*
 * Run opts->command for the message of @len bytes at @msg, which a zero byte
 * follows, the @seq-th. False when it could not run or did not succeed, which
 * has been told then.
 */
bool run_command(const struct options *opts, const char *msg, size_t len,
		 unsigned long seq);

/* Prints the message and returns STATUS_FAILED. */
int fail(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

#endif /* KCHANCTL_H */
