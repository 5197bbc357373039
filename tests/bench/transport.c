// SPDX-License-Identifier: GPL-2.0-only
/*
 * What moves elements: each as a program would use it that moves one element a call.
 *
 * Elements move by bare system calls, but through the library. The C library's read()
 * and the like do more, for the cancellation of threads, once a process has had a
 * second one.
 */
#include "bench.h"

#include <errno.h>
#include <fcntl.h>
#include <kchan/kchan.h>
#include <linux/kchan.h>
#include <mqueue.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

static void fds_close(struct lane *lane)
{
	close(lane->tx);
	if (lane->rx != lane->tx)
		close(lane->rx);
}

static void fd_send(const struct lane *lane, const void *elem)
{
	if (syscall(SYS_write, lane->tx, elem, lane->size) != (long)lane->size)
		die("write");
}

/* A pipe gives what is there of a large element. */
static void fd_recv(const struct lane *lane, void *elem)
{
	size_t got = 0;

	do {
		long n = syscall(SYS_read, lane->rx, (char *)elem + got,
				 lane->size - got);

		if (n <= 0)
			die("read");
		got += (size_t)n;
	} while (got < lane->size);
}

static void default_open(struct lane *lane, size_t size, unsigned int capacity)
{
	(void)size;
	(void)capacity;
	lane->tx = open("/dev/kchan", O_RDWR | O_CLOEXEC);
	if (lane->tx < 0)
		die("open /dev/kchan");
	lane->rx = lane->tx;
}

/*
 * One end for both sides: it is the same code in the kernel as with two of one
 * direction each.
 */
static void kchan_open(struct lane *lane, size_t size, unsigned int capacity)
{
	struct kchan_setup setup = {
		.elem_size = (uint32_t)size,
		.capacity = capacity,
	};

	default_open(lane, size, capacity);
	if (ioctl(lane->tx, KCHAN_IOC_SETUP, &setup))
		die("KCHAN_IOC_SETUP");
}

const struct transport kchan_transport = { kchan_open, fds_close, fd_send, fd_recv };
/* Without setup: in message mode. */
const struct transport default_transport = {
	default_open, fds_close, fd_send, fd_recv
};

static void lib_make(struct lane *lane, size_t size, unsigned int capacity,
		     uint32_t flags)
{
	kc_chan_opts opts = KC_CHAN_OPTS_INIT;
	kc_chan *made;

	opts.flags = flags;
	opts.elem_size = size;
	opts.cap = capacity;
	errno = -kc_make_opts(&made, &opts);
	if (errno)
		die("kc_make_opts");
	lane->handle = made;
}

static void lib_open(struct lane *lane, size_t size, unsigned int capacity)
{
	lib_make(lane, size, capacity, 0);
}

static void lib_plain_open(struct lane *lane, size_t size, unsigned int capacity)
{
	lib_make(lane, size, capacity, KC_CHAN_NOMAP);
}

static void lib_close(struct lane *lane)
{
	kc_unref(lane->handle);
}

static void lib_send(const struct lane *lane, const void *elem)
{
	if (kc_send(lane->handle, elem))
		die("kc_send");
}

static void lib_recv(const struct lane *lane, void *elem)
{
	if (kc_recv(lane->handle, elem) != 1)
		die("kc_recv");
}

const struct transport lib_transport = { lib_open, lib_close, lib_send, lib_recv };
const struct transport lib_plain_transport = {
	lib_plain_open, lib_close, lib_send, lib_recv
};

/*
 * A pipe's size is left as it comes, as nearly everybody does, where an element fits
 * in; a capacity of 0 asks for no more either.
 */
#define PIPE_SIZE	(64 << 10)

static void pipe_open(struct lane *lane, size_t size, unsigned int capacity)
{
	int fds[2];

	if (pipe2(fds, O_CLOEXEC))
		die("pipe2");
	if (capacity && size > PIPE_SIZE && fcntl(fds[1], F_SETPIPE_SZ, (int)size) < 0)
		die("F_SETPIPE_SZ");
	lane->rx = fds[0];
	lane->tx = fds[1];
}

const struct transport pipe_transport = { pipe_open, fds_close, fd_send, fd_recv };

/* Its buffer also holds what the kernel needs for an element. */
#define SOCKET_SIZE	(192 << 10)

static void seqpacket_open(struct lane *lane, size_t size, unsigned int capacity)
{
	int fds[2], room = 2 * (int)size;

	(void)capacity;
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, fds))
		die("socketpair");
	if (room > SOCKET_SIZE &&
	    setsockopt(fds[0], SOL_SOCKET, SO_SNDBUFFORCE, &room, sizeof(room)))
		die("SO_SNDBUFFORCE");
	lane->tx = fds[0];
	lane->rx = fds[1];
}

const struct transport seqpacket_transport = {
	seqpacket_open, fds_close, fd_send, fd_recv
};

/* The least bound that everybody may ask for, whatever the limits. */
#define MQUEUE_DEFAULT	10

static void mqueue_open(struct lane *lane, size_t size, unsigned int capacity)
{
	struct mq_attr attr = {
		.mq_maxmsg = capacity ? capacity : 1,
		.mq_msgsize = (long)size,
	};
	const int flags = O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC;
	char name[32];

	snprintf(name, sizeof(name), "/kchan-bench-%d", (int)getpid());
	/* A message queue is a file descriptor in Linux. */
	lane->tx = mq_open(name, flags, 0600, &attr);
	if (lane->tx < 0 && errno == EINVAL && attr.mq_maxmsg > MQUEUE_DEFAULT) {
		attr.mq_maxmsg = MQUEUE_DEFAULT;
		lane->tx = mq_open(name, flags, 0600, &attr);
	}
	if (lane->tx < 0)
		die("mq_open");
	lane->rx = lane->tx;
	mq_unlink(name);
}

static void mqueue_send(const struct lane *lane, const void *elem)
{
	if (syscall(SYS_mq_timedsend, lane->tx, elem, lane->size, 0, NULL))
		die("mq_timedsend");
}

static void mqueue_recv(const struct lane *lane, void *elem)
{
	if (syscall(SYS_mq_timedreceive, lane->rx, elem, lane->size, NULL, NULL) < 0)
		die("mq_timedreceive");
}

const struct transport mqueue_transport = {
	mqueue_open, fds_close, mqueue_send, mqueue_recv
};

/*
 * An eventfd moves no element. As a semaphore each write is seen by one read; nothing
 * holds up the writer.
 */
static void eventfd_open(struct lane *lane, size_t size, unsigned int capacity)
{
	(void)size;
	(void)capacity;
	lane->tx = eventfd(0, EFD_CLOEXEC | EFD_SEMAPHORE);
	if (lane->tx < 0)
		die("eventfd");
	lane->rx = lane->tx;
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

const struct transport eventfd_transport = {
	eventfd_open, fds_close, eventfd_send, eventfd_recv
};

/*
 * A ring in the process's memory, as one writes it with POSIX: a mutex, and a
 * condition for each direction. It holds at least one element.
 */
struct ring {
	pthread_mutex_t lock;
	pthread_cond_t filled;
	pthread_cond_t emptied;
	unsigned int capacity;
	unsigned int first;
	unsigned int len;
	char elems[];
};

static void ring_open(struct lane *lane, size_t size, unsigned int capacity)
{
	struct ring *ring;

	if (!capacity)
		capacity = 1;
	ring = touched_memory(sizeof(*ring) + capacity * size);
	pthread_mutex_init(&ring->lock, NULL);
	pthread_cond_init(&ring->filled, NULL);
	pthread_cond_init(&ring->emptied, NULL);
	ring->capacity = capacity;
	lane->handle = ring;
}

static void ring_close(struct lane *lane)
{
	free(lane->handle);
}

static void ring_send(const struct lane *lane, const void *elem)
{
	struct ring *ring = lane->handle;
	unsigned int at;

	pthread_mutex_lock(&ring->lock);
	while (ring->len == ring->capacity)
		pthread_cond_wait(&ring->emptied, &ring->lock);
	at = ring->first + ring->len++;
	if (at >= ring->capacity)
		at -= ring->capacity;
	memcpy(ring->elems + at * lane->size, elem, lane->size);
	pthread_cond_signal(&ring->filled);
	pthread_mutex_unlock(&ring->lock);
}

static void ring_recv(const struct lane *lane, void *elem)
{
	struct ring *ring = lane->handle;

	pthread_mutex_lock(&ring->lock);
	while (!ring->len)
		pthread_cond_wait(&ring->filled, &ring->lock);
	memcpy(elem, ring->elems + ring->first * lane->size, lane->size);
	if (++ring->first == ring->capacity)
		ring->first = 0;
	ring->len--;
	pthread_cond_signal(&ring->emptied);
	pthread_mutex_unlock(&ring->lock);
}

const struct transport ring_transport = { ring_open, ring_close, ring_send, ring_recv };

/*
 * The least that two system calls through the VFS can cost. Nothing waits here,
 * so only a pair has a meaning.
 */
static void floor_open(struct lane *lane, size_t size, unsigned int capacity)
{
	(void)size;
	(void)capacity;
	lane->tx = open("/dev/null", O_WRONLY | O_CLOEXEC);
	if (lane->tx < 0)
		die("open /dev/null");
	lane->rx = open("/dev/zero", O_RDONLY | O_CLOEXEC);
	if (lane->rx < 0)
		die("open /dev/zero");
}

const struct transport floor_transport = { floor_open, fds_close, fd_send, fd_recv };

/* The benchmark's own loop. */
static void nothing_open(struct lane *lane, size_t size, unsigned int capacity)
{
	(void)lane;
	(void)size;
	(void)capacity;
}

static void nothing_close(struct lane *lane)
{
	(void)lane;
}

static void nothing_send(const struct lane *lane, const void *elem)
{
	(void)lane;
	(void)elem;
}

static void nothing_recv(const struct lane *lane, void *elem)
{
	(void)lane;
	(void)elem;
}

const struct transport nothing_transport = {
	nothing_open, nothing_close, nothing_send, nothing_recv
};
