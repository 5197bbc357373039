// SPDX-License-Identifier: GPL-2.0-only
/*
 * The subjects: each as a program would use it that wants to move elements of
 * 64 bytes, one a call.
 *
 * Elements move by bare system calls. The C library's read() and the like do
 * more, for the cancellation of threads, once a process has had a second one.
 */
#include "bench.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/kchan.h>
#include <mqueue.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

/* A rendezvous is not what the others have; the pipe is there to compare. */
#define ALL	(1U << PAIR | 1U << PING_PONG | 1U << STREAM)
#define SYNC	(1U << GO | 1U << MUTEX)
#define KCHAN	(ALL | 1U << RENDEZVOUS | 1U << SELECT_2 | 1U << SELECT_8 | SYNC)
#define PIPE	(ALL | 1U << RENDEZVOUS | 1U << SELECT_8)

static int failed(struct lane *lane, const char *what, const char **why)
{
	int error = errno;

	lane_close(lane);
	*why = what;
	return -error;
}

void lane_close(struct lane *lane)
{
	if (lane->tx >= 0)
		close(lane->tx);
	if (lane->rx >= 0 && lane->rx != lane->tx)
		close(lane->rx);
	lane->tx = -1;
	lane->rx = -1;
}

static void fd_send(const struct lane *lane, const void *elem)
{
	if (syscall(SYS_write, lane->tx, elem, ELEM_SIZE) != ELEM_SIZE)
		die("write");
}

static void fd_recv(const struct lane *lane, void *elem)
{
	if (syscall(SYS_read, lane->rx, elem, ELEM_SIZE) != ELEM_SIZE)
		die("read");
}

/*
 * One end for both sides: it is the same code in the kernel as with two of one
 * direction each.
 */
static int kchan_open(struct lane *lane, enum work_id work, unsigned int capacity,
		      const char **why)
{
	struct kchan_setup setup = {
		.elem_size = ELEM_SIZE,
		.capacity = capacity,
	};

	(void)work;
	lane->tx = open("/dev/kchan", O_RDWR | O_CLOEXEC);
	if (lane->tx < 0)
		return failed(lane, "open /dev/kchan", why);
	if (ioctl(lane->tx, KCHAN_IOC_SETUP, &setup))
		return failed(lane, "KCHAN_IOC_SETUP", why);
	lane->rx = lane->tx;
	return 0;
}

/* A pipe's size is left as it comes, as nearly everybody does: 64 KiB. */
static int pipe_open(struct lane *lane, enum work_id work, unsigned int capacity,
		     const char **why)
{
	int fds[2];

	(void)work;
	(void)capacity;
	if (pipe2(fds, O_CLOEXEC))
		return failed(lane, "pipe2", why);
	lane->rx = fds[0];
	lane->tx = fds[1];
	return 0;
}

static int seqpacket_open(struct lane *lane, enum work_id work,
			  unsigned int capacity, const char **why)
{
	int fds[2];

	(void)work;
	(void)capacity;
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, fds))
		return failed(lane, "socketpair", why);
	lane->tx = fds[0];
	lane->rx = fds[1];
	return 0;
}

/* The least bound that everybody may ask for, whatever the limits. */
#define MQUEUE_DEFAULT	10

static int mqueue_open(struct lane *lane, enum work_id work, unsigned int capacity,
		       const char **why)
{
	struct mq_attr attr = {
		.mq_maxmsg = capacity ? capacity : 1,
		.mq_msgsize = ELEM_SIZE,
	};
	const int flags = O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC;
	char name[32];

	(void)work;
	snprintf(name, sizeof(name), "/kchan-bench-%d", (int)getpid());
	/* A message queue is a file descriptor in Linux. */
	lane->tx = mq_open(name, flags, 0600, &attr);
	if (lane->tx < 0 && errno == EINVAL && attr.mq_maxmsg > MQUEUE_DEFAULT) {
		attr.mq_maxmsg = MQUEUE_DEFAULT;
		lane->tx = mq_open(name, flags, 0600, &attr);
	}
	if (lane->tx < 0)
		return failed(lane, "mq_open", why);
	lane->rx = lane->tx;
	mq_unlink(name);
	return 0;
}

static void mqueue_send(const struct lane *lane, const void *elem)
{
	if (syscall(SYS_mq_timedsend, lane->tx, elem, ELEM_SIZE, 0, NULL))
		die("mq_timedsend");
}

static void mqueue_recv(const struct lane *lane, void *elem)
{
	if (syscall(SYS_mq_timedreceive, lane->rx, elem, ELEM_SIZE, NULL,
		    NULL) != ELEM_SIZE)
		die("mq_timedreceive");
}

/*
 * An eventfd moves no element: a wake-up and a sum. In a stream each write has
 * to be seen by one read, which is its semaphore mode; nothing holds up the
 * writer there.
 */
static int eventfd_open(struct lane *lane, enum work_id work, unsigned int capacity,
			const char **why)
{
	(void)capacity;
	lane->tx = eventfd(0, EFD_CLOEXEC | (work == STREAM ? EFD_SEMAPHORE : 0));
	if (lane->tx < 0)
		return failed(lane, "eventfd", why);
	lane->rx = lane->tx;
	return 0;
}

static void eventfd_send(const struct lane *lane, const void *elem)
{
	uint64_t one = 1;

	(void)elem;
	if (syscall(SYS_write, lane->tx, &one, sizeof(one)) != sizeof(one))
		die("write to an eventfd");
}

static void eventfd_recv(const struct lane *lane, void *elem)
{
	if (syscall(SYS_read, lane->rx, elem, sizeof(uint64_t)) != sizeof(uint64_t))
		die("read of an eventfd");
}

/*
 * The least that two system calls through the VFS can cost. Nothing waits here,
 * so only the pair has a meaning.
 */
static int floor_open(struct lane *lane, enum work_id work, unsigned int capacity,
		      const char **why)
{
	(void)work;
	(void)capacity;
	lane->tx = open("/dev/null", O_WRONLY | O_CLOEXEC);
	if (lane->tx < 0)
		return failed(lane, "open /dev/null", why);
	lane->rx = open("/dev/zero", O_RDONLY | O_CLOEXEC);
	if (lane->rx < 0)
		return failed(lane, "open /dev/zero", why);
	return 0;
}

const struct subject subjects[] = {
	{ "kchan", KCHAN, kchan_open, fd_send, fd_recv, &select_any, &kchan_sync },
	{ "pipe", PIPE, pipe_open, fd_send, fd_recv, &epoll_any, NULL },
	{ "seqpacket", ALL, seqpacket_open, fd_send, fd_recv, NULL, NULL },
	{ "mqueue", ALL, mqueue_open, mqueue_send, mqueue_recv, NULL, NULL },
	{ "eventfd", ALL, eventfd_open, eventfd_send, eventfd_recv, NULL, NULL },
	{ "read", 1U << SELECT_2, kchan_open, fd_send, fd_recv, &read_any, NULL },
	{ "floor", 1U << PAIR, floor_open, fd_send, fd_recv, NULL, NULL },
	{ "pthread", SYNC, NULL, NULL, NULL, NULL, &pthread_sync },
};

const unsigned int nr_subjects = sizeof(subjects) / sizeof(subjects[0]);
