/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the files of kchanctl share.
 */
#ifndef KCHANCTL_H
#define KCHANCTL_H

#include "cli.h"

extern const struct command close_command;
extern const struct command create_command;
extern const struct command goroutines_command;
extern const struct command info_command;
extern const struct command load_command;
extern const struct command ls_command;
extern const struct command move_command;
extern const struct command peek_command;
extern const struct command recv_command;
extern const struct command resize_command;
extern const struct command rm_command;
extern const struct command run_command;
extern const struct command save_command;
extern const struct command select_command;
extern const struct command send_command;
extern const struct command setup_command;
extern const struct command stat_command;
extern const struct command top_command;
extern const struct command wait_command;
extern const struct command work_command;

/*
 * Messages in a stream of bytes: send.c, recv.c.
 */
enum framing {
	FRAME_LINES,	/* a delimiter comes after each one */
	FRAME_LENGTHS,	/* its length comes before each one: 4 bytes, the highest first */
	FRAME_RAW,	/* nothing */
	FRAME_WHOLE,	/* the stream is one message */
};

#define LENGTH_SIZE	4

struct frames {
	enum framing framing;
	char delimiter;		/* of FRAME_LINES */
	bool chosen;		/* by an option */
};

#define FRAMES_OF_LINES	{ FRAME_LINES, '\n', false }

#define FRAME_OPTIONS						\
	{ "null", no_argument, NULL, '0' },			\
	{ "message", no_argument, NULL, 'm' },			\
	{ "length", no_argument, NULL, 'l' },			\
	{ "raw", no_argument, NULL, 'r' }

/*
 * Takes one of FRAME_OPTIONS: frames.c. Returns false if @option is another one. Ends the
 * program if there are two.
 */
bool take_framing(struct frames *frames, int option);

/*
 * recv: waits until all that was written to standard output was read, if that is a pipe or
 * a stream socket of this machine: taken.c. Returns false if not all was read, and nobody
 * can read it any more.
 */
bool output_taken(void);

/*
 * An input for a command, which has the message, or nothing if that is NULL: exec.c.
 * Returns a descriptor, or -1.
 */
int message_input(const char *msg, size_t len);

/*
 * recv --exec: runs a shell command for the message number @seq, the @len bytes at
 * @msg. The message is the command's $1 if @argument is true, else its standard input.
 * Returns false if the command could not run or failed, and has then printed a message.
 */
bool exec_for(const char *command, bool argument, const char *msg, size_t len,
	      unsigned long seq);

#endif /* KCHANCTL_H */
