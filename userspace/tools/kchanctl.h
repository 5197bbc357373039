/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the files of kchanctl share.
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

/* The maximum number of cases of a select. */
#define MAX_BRANCHES	64

/* A case of select. */
struct branch {
	char op;		/* R, S or P: the letter of the option */
	int fd;
	char *word;		/* S: the message */
};

struct options {
	int fd;			/* -1: not given */
	char delimiter;		/* between messages, as text */
	bool whole;		/* send: the whole input is one message */
	bool raw;		/* recv: write no delimiter */
	unsigned long count;	/* recv: stop after this many; 0: never */
	const char *command;	/* recv: the command to run for each message */
	bool argument;		/* recv: the message is the command's $1 */
	int64_t timeout;	/* select: nanoseconds, -1: for ever */
	bool now;		/* select: do not wait */
	struct branch branches[MAX_BRANCHES];
	size_t nr_branches;
	char **words;		/* send: the messages, with NULL at the end */
	int pid;		/* goroutines: the process */
};

/* The operands: what follows the options on the command line. */
enum operands {
	NO_OPERANDS,
	WORDS,
	PID,
};

struct command {
	const char *name;
	const char *options;	/* the letters of its options; -f is then required */
	enum operands operands;
	int (*run)(kc_chan *c, const struct options *opts);
};

/* Ends the program if the command line is wrong. */
const struct command *parse(int argc, char **argv, struct options *opts);

int cmd_send(kc_chan *c, const struct options *opts);
int cmd_recv(kc_chan *c, const struct options *opts);
int cmd_close(kc_chan *c, const struct options *opts);
int cmd_info(kc_chan *c, const struct options *opts);
int cmd_select(kc_chan *none, const struct options *opts);
int cmd_goroutines(kc_chan *none, const struct options *opts);

/*
 * Makes a handle of a duplicate of @fd. The inherited descriptor is not changed, for
 * the commands that recv runs. On failure it has printed a message.
 */
int get_channel(kc_chan **out, int fd);

/*
 * If @fd is no channel because /dev/kchan is missing or is another file, prints this.
 */
void explain_device(int fd);

/*
 * Writes a message, with what comes before and after it, to standard output in one
 * write. So several processes may share the output. On failure it has printed a
 * message.
 */
int put(const char *command, const char *buf, size_t len);

/*
 * A case of a select that is ready when nobody can read standard output any more: a
 * message that is received after that would be lost. It is never ready if the output
 * cannot be polled.
 */
kc_case output_case(void);

/* Ends as a write to such an output does: by SIGPIPE, unless this signal is ignored. */
int output_gone(const char *command);

/*
 * Runs opts->command for the message number @seq, the @len bytes at @msg. A zero byte
 * must follow them. Returns false if the command could not run or failed, and has then
 * printed a message.
 */
bool run_command(const struct options *opts, const char *msg, size_t len,
		 unsigned long seq);

/* Prints the message, and returns STATUS_FAILED. */
int fail(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

#endif /* KCHANCTL_H */
