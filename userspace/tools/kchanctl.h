/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * kchanctl: what its files share.
 */
#ifndef KCHANCTL_H
#define KCHANCTL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <kchan/kchan.h>

enum {
	STATUS_OK,
	STATUS_FAILED,
	STATUS_USAGE,
	STATUS_ENDED,	/* end-of-stream: recv -n, select */
	STATUS_NONE,	/* select: no case in time */
};

/* As many as one select takes. */
#define MAX_BRANCHES	64

/* A case of select. */
struct branch {
	char op;		/* R, S or P, as the options' letters */
	int fd;
	char *word;		/* S: the message */
};

struct options {
	int fd;			/* -1: not given */
	char delimiter;		/* between messages, as text */
	bool whole;		/* send: all of the input is one message */
	bool raw;		/* recv: write no delimiter */
	unsigned long count;	/* recv: stop after so many; 0: never */
	const char *command;	/* recv: run for each message */
	bool argument;		/* recv: the message is the command's $1 */
	int64_t timeout;	/* select: nanoseconds, -1: for ever */
	bool now;		/* select: do not wait */
	struct branch branches[MAX_BRANCHES];
	size_t nr_branches;
	char **words;		/* send: the messages, NULL at the end */
	int pid;		/* goroutines: the process */
};

/* What stands on the command line besides options. */
enum operands {
	NO_OPERANDS,
	WORDS,
	PID,
};

struct command {
	const char *name;
	const char *options;	/* their letters; -f is then required*/
	enum operands operands;
	int (*run)(kc_chan *c, const struct options *opts);
};

/* Ends the program when the command line is wrong. */
const struct command *parse(int argc, char **argv, struct options *opts);

int cmd_send(kc_chan *c, const struct options *opts);
int cmd_recv(kc_chan *c, const struct options *opts);
int cmd_close(kc_chan *c, const struct options *opts);
int cmd_info(kc_chan *c, const struct options *opts);
int cmd_select(kc_chan *none, const struct options *opts);
int cmd_goroutines(kc_chan *none, const struct options *opts);

/*
 * A handle of our own descriptor: the one that we inherited stays as it is for
 * the commands that recv runs. A failure has been told.
 */
int get_channel(kc_chan **out, int fd);

/* Tells why @fd is none, if that is because of what is at /dev/kchan, or is not. */
void explain_device(int fd);

/*
 * Writes to standard output, in one go, so that several of us may share it: a
 * message with what is before and after it. A failure has been told.
 */
int put(const char *command, const char *buf, size_t len);

/*
 * A case of a select that is ready when nobody can read the standard output any more: a
 * message that is received after that would be lost. Never ready where that cannot be.
 */
kc_case output_case(void);

/* That it is so: ends as a write to it does, by SIGPIPE if that is not ignored. */
int output_gone(const char *command);

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
