// SPDX-License-Identifier: GPL-2.0-only
/*
 * Programs of commands: what it writes.
 */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include "cli.h"

void complain(const char *fmt, va_list args)
{
	fprintf(stderr, "%s: ", program.name);
	vfprintf(stderr, fmt, args);
	fputc('\n', stderr);
}

int fail(const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	complain(fmt, args);
	va_end(args);
	return STATUS_FAILED;
}

/* Drops what was written from the parts. */
static void advance(struct iovec *parts, int nr, size_t done)
{
	size_t len;

	for (; nr && done; parts++, nr--) {
		len = done < parts->iov_len ? done : parts->iov_len;
		parts->iov_base = (char *)parts->iov_base + len;
		parts->iov_len -= len;
		done -= len;
	}
}

int put(const char *command, struct iovec *parts, int nr)
{
	struct pollfd fd = { .fd = STDOUT_FILENO, .events = POLLOUT };
	ssize_t done;

	for (;;) {
		while (nr && !parts->iov_len) {
			parts++;
			nr--;
		}
		if (!nr)
			return STATUS_OK;
		done = writev(STDOUT_FILENO, parts, nr);
		/* The other users of the output may want it non-blocking. */
		if (done < 0 && errno == EAGAIN)
			poll(&fd, 1, -1);
		else if (done < 0 && errno != EINTR)
			return fail("%s: cannot write: %s", command,
				    strerror(errno));
		if (done > 0)
			advance(parts, nr, (size_t)done);
	}
}

int flush(const char *command)
{
	if (fflush(stdout) || ferror(stdout))
		return fail("%s: cannot write: %s", command, strerror(errno));
	return STATUS_OK;
}

int output_fd(void)
{
	struct stat st;

	if (fstat(STDOUT_FILENO, &st) || S_ISREG(st.st_mode))
		return -1;
	return STDOUT_FILENO;
}

int output_gone(const char *command)
{
	raise(SIGPIPE);
	return fail("%s: cannot write: %s", command, kc_strerror(-EPIPE));
}
