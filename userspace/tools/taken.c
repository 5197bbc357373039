// SPDX-License-Identifier: GPL-2.0-only
/*
 * kchanctl recv: until its output has been read.
 *
 * What is in a pipe, or in a socket, is lost with its reader. So recv acknowledges a
 * message when the reader has taken it, and receives the next one after that.
 *
 * poll() tells when a pipe has room, and not when it is empty. But for a pipe that has
 * room for one page these are the same: a page of a pipe is free when its last byte was
 * read. So the pipe is made that small, and there is no need to look again and again. If
 * that is not possible now, because more pages are in use, or if somebody makes the pipe
 * larger again, this looks again after a pause.
 *
 * FIONREAD tells what was not read, also when there is no reader any more: the kernel
 * keeps it until the last descriptor is closed. If several programs write into one pipe,
 * then what the others have written counts, too. So a message may go back that was read,
 * but none is lost.
 *
 * A stream socket of the machine tells the same by SIOCOUTQ, but there is nothing to wait
 * for. When its peer closes it, the kernel drops what was not read, and then there is an
 * error, which was set before. So it is looked for after the number.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/sockios.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "kchanctl.h"

/* Milliseconds. A reader that works on a message for a long time is asked less often. */
#define FIRST_PAUSE	1
#define LONGEST_PAUSE	50

static bool holds_nothing(void)
{
	int unread;

	return ioctl(STDOUT_FILENO, FIONREAD, &unread) || !unread;
}

/* True if the pipe has room for one page now, and no more. */
static bool one_page(void)
{
	const long page = sysconf(_SC_PAGESIZE);

	return fcntl(STDOUT_FILENO, F_GETPIPE_SZ) == page ||
	       fcntl(STDOUT_FILENO, F_SETPIPE_SZ, page) == page;
}

static int longer(int pause)
{
	return pause < LONGEST_PAUSE ? 2 * pause : pause;
}

static bool pipe_taken(void)
{
	struct pollfd fd = { .fd = STDOUT_FILENO };
	int pause = FIRST_PAUSE;
	bool small;

	while (!holds_nothing()) {
		small = one_page();
		fd.events = small ? POLLOUT : 0;
		poll(&fd, 1, small ? -1 : pause);
		/* Nobody reads any more, so what the pipe holds now is what was not read. */
		if (fd.revents & POLLERR)
			return holds_nothing();
		if (!small)
			pause = longer(pause);
	}
	return true;
}

static bool is_local_stream(void)
{
	socklen_t size = sizeof(int);
	int domain, type;

	return !getsockopt(STDOUT_FILENO, SOL_SOCKET, SO_DOMAIN, &domain, &size) &&
	       domain == AF_UNIX &&
	       !getsockopt(STDOUT_FILENO, SOL_SOCKET, SO_TYPE, &type, &size) &&
	       type == SOCK_STREAM;
}

static bool socket_taken(void)
{
	socklen_t size = sizeof(int);
	int pause = FIRST_PAUSE;
	int unread, error;

	while (!ioctl(STDOUT_FILENO, SIOCOUTQ, &unread) && unread) {
		poll(NULL, 0, pause);
		pause = longer(pause);
	}
	return getsockopt(STDOUT_FILENO, SOL_SOCKET, SO_ERROR, &error, &size) || !error;
}

bool output_taken(void)
{
	/* Only a pipe has a size: an end of a channel has none, and keeps what it has. */
	if (fcntl(STDOUT_FILENO, F_GETPIPE_SZ) > 0)
		return pipe_taken();
	return !is_local_stream() || socket_taken();
}
