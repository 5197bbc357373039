/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Programs of commands, which use channels: kchanctl, kchan-nats.
 */
#ifndef CLI_H
#define CLI_H

#include <getopt.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <kchan/kchan.h>
#include <kchan/uapi.h>

/* The exit statuses of all commands. kchanctl(1) has the same table. */
enum {
	STATUS_OK,
	STATUS_FAILED,
	STATUS_USAGE,
	STATUS_ENDED,		/* end-of-stream came before what was asked for */
	STATUS_NONE,		/* nothing could be done in time */
	STATUS_CANNOT_RUN = 126,	/* run: CMD is there, and cannot be run */
	STATUS_NOT_FOUND,	/* run: there is no CMD */
};

/*
 * A command. Its file has its options and its help. argv[0] is the name of the
 * program, for the messages of getopt_long().
 */
struct command {
	const char *name;
	const char *brief;	/* a line of "PROGRAM --help" */
	const char *help;	/* "PROGRAM NAME --help" */
	bool runs;		/* what follows the first operand is a program's */
	int (*run)(int argc, char **argv);
};

/*
 * A program. The file of its name has it. main() is in program.c.
 */
struct program {
	const char *name;
	const char *brief;	/* a line of "PROGRAM --help" */
	const struct command *const *commands;	/* with NULL at the end */
	const char *after;	/* what the help tells after the commands */
};

extern const struct program program;

/* The command of this name. Ends the program if there is none. */
const struct command *find_command(const char *name);

/*
 * Options and operands: options.c.
 */

/* What every list of options ends with. */
#define OPTIONS_END						\
	{ "help", no_argument, NULL, 'h' }, { NULL, 0, NULL, 0 }

#define FD_OPTION	{ "fd", required_argument, NULL, 'f' }

/*
 * The next option of a command, or -1 when there are only operands left, from
 * argv[optind]. Shows the help, and ends the program, if the user asks for it or if an
 * option is wrong.
 */
int next_option(const struct command *command, int argc, char **argv,
		const struct option *names);

/* Says what is wrong with the command line, and ends the program. */
void usage(const char *fmt, ...)
	__attribute__((noreturn, format(printf, 1, 2)));

/* Values of options. If the text is none, they end the program. */
unsigned long number_of(const char *text, const char *what, unsigned long min,
			unsigned long max);
int descriptor_of(const char *text);
int64_t time_of(const char *text);	/* in nanoseconds */
unsigned int mode_of(const char *text);	/* permission bits */

/*
 * Which channel: channel.c.
 */

/* A file descriptor, or the path of a name. */
struct place {
	int fd;			/* -1: the path counts */
	const char *path;
};

#define NO_PLACE	{ .fd = -1 }

/* For messages. The text lasts until the next call. */
const char *place_name(const struct place *at);

/* A number is a descriptor, all else is a path. */
struct place place_of(const char *text);

/*
 * If --fd did not say which channel, the first operand does. Moves optind. Ends the
 * program if there is none.
 */
void take_place(struct place *at, int argc, char **argv);

/* Ends the program if there are more operands. */
void no_more(int argc, char **argv);

/*
 * Makes a handle for these directions (KC_OPEN_*). The handle of a descriptor is a new
 * end, and can do nothing else, if there is one direction. With both it can do what the
 * descriptor can. On failure it has printed a message.
 */
int open_channel(kc_chan **out, const struct place *at, uint32_t directions);

/*
 * Closes all descriptors of channels that the program got from its parent, and does not
 * use. A shell gives the descriptors that it has open to all programs. If they stayed
 * open, channels would not close when the others have gone.
 *
 * A standard descriptor stays. If it is the one of @used, it becomes the handle's end.
 */
void drop_inherited(const struct place *used, kc_chan *c);

/* Asks the kernel about the channel. On failure it has printed a message. */
int get_info(const struct place *at, kc_chan *c, struct kchan_info *info);

/* True if the file is in a filesystem of names. */
bool has_names(const char *path);

/*
 * Sends an element or a message, whatever the channel has. Waits for @timeout at most,
 * for ever if that is negative. 0 or a negative errno.
 */
int send_element(kc_chan *c, const void *elem, size_t len, int64_t timeout);

/*
 * Until when: deadline.c.
 */

#define NEVER	INT64_MAX

/* When a time is over that begins now; a negative one never is. */
int64_t deadline_of(int64_t timeout);

/* How long poll() has to wait at most. */
int poll_time(int64_t deadline);

/*
 * Why there is none: explain.c. These print what to do, if they know it.
 */

/* @fd is no channel. */
void explain_device(int fd);

/* @path cannot be opened in these directions, or made, because of @error. */
void explain_path(const char *path, uint32_t directions, int error);

/* No filesystem of names is there. */
void explain_names(void);

/*
 * Output: output.c.
 */

/* Prints the message, in a line of its own. */
void complain(const char *fmt, va_list args) __attribute__((format(printf, 1, 0)));

/* The same, and returns STATUS_FAILED. */
int fail(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

struct iovec;

/*
 * Writes a message, with what comes before and after it, to standard output in one
 * write. So several processes may share the output. Changes the @nr parts. On failure it
 * has printed a message.
 */
int put(const char *command, struct iovec *parts, int nr);

/* Writes what is buffered for standard output. On failure it has printed a message. */
int flush(const char *command);

/*
 * The descriptor of standard output, if it can tell that nobody can read it any more: a
 * message that is received after that would be lost. Else -1.
 */
int output_fd(void);

/* Ends as a write to such an output does: by SIGPIPE, unless this signal is ignored. */
int output_gone(const char *command);

#endif /* CLI_H */
