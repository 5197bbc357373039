// SPDX-License-Identifier: GPL-2.0-only
/*
 * liburing: reads, writes and polls of a channel, in a ring. TAP.
 */
#include <errno.h>
#include <liburing.h>
#include <poll.h>
#include <stdint.h>
#include <string.h>

#include "client.h"

static struct io_uring ring;

static struct io_uring_sqe *request(void)
{
	struct io_uring_sqe *sqe = io_uring_get_sqe(&ring);

	client_must(sqe);
	return sqe;
}

/* The result of the request that is done next, and which it was. */
static int result(uint64_t *id)
{
	struct io_uring_cqe *cqe;
	int res;

	client_must(!io_uring_wait_cqe(&ring, &cqe));
	res = cqe->res;
	*id = io_uring_cqe_get_data64(cqe);
	io_uring_cqe_seen(&ring, cqe);
	return res;
}

static void set_blocking(int fd)
{
	client_must(!fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) & ~O_NONBLOCK));
}

/* A read waits for the write that follows it. */
static int waits(void)
{
	struct client_pair p = client_pair(8, 1, 0);
	uint64_t in = 0, out = 7, first, second;
	int a, b;

	set_blocking(p.recv);
	set_blocking(p.send);
	io_uring_prep_read(request(), p.recv, &in, sizeof(in), -1);
	client_must(io_uring_submit(&ring) == 1);
	client_must(io_uring_peek_cqe(&ring, &(struct io_uring_cqe *){ NULL }) == -EAGAIN);
	io_uring_prep_write(request(), p.send, &out, sizeof(out), -1);
	client_must(io_uring_submit(&ring) == 1);
	a = result(&first);
	b = result(&second);
	close(p.recv);
	close(p.send);
	return a == 8 && b == 8 && in == 7;
}

static int ends(void)
{
	struct client_pair p = client_pair(8, 1, 0);
	uint64_t in, id;
	int a;

	set_blocking(p.recv);
	io_uring_prep_read(request(), p.recv, &in, sizeof(in), -1);
	client_must(io_uring_submit(&ring) == 1);
	close(p.send);
	a = result(&id);
	close(p.recv);
	return !a;
}

static int cancelled(void)
{
	struct client_pair p = client_pair(8, 1, 0);
	struct io_uring_sqe *sqe;
	uint64_t in, out = 5, id;
	int i, res, good = 1;

	set_blocking(p.recv);
	sqe = request();
	io_uring_prep_read(sqe, p.recv, &in, sizeof(in), -1);
	io_uring_sqe_set_data64(sqe, 1);
	client_must(io_uring_submit(&ring) == 1);
	sqe = request();
	io_uring_prep_cancel64(sqe, 1, 0);
	io_uring_sqe_set_data64(sqe, 2);
	client_must(io_uring_submit(&ring) == 1);
	for (i = 0; i < 2; i++) {
		res = result(&id);
		good &= id == 1 ? res == -ECANCELED : !res;
	}
	/* It has taken nothing. */
	client_must(write(p.send, &out, sizeof(out)) == 8);
	good &= read(p.recv, &in, sizeof(in)) == 8 && in == 5;
	close(p.recv);
	close(p.send);
	return good;
}

/* One poll, and a completion for each element. */
static int polled(void)
{
	struct client_pair p = client_pair(8, 4, 0);
	uint64_t value = 1, id;
	int i, res, good = 1;

	io_uring_prep_poll_multishot(request(), p.recv, POLLIN);
	client_must(io_uring_submit(&ring) == 1);
	for (i = 0; i < 3; i++) {
		client_must(write(p.send, &value, sizeof(value)) == 8);
		res = result(&id);
		good &= res > 0 && (res & POLLIN);
		client_must(read(p.recv, &value, sizeof(value)) == 8);
	}
	close(p.send);
	res = result(&id);
	good &= res > 0 && (res & POLLHUP);
	close(p.recv);
	return good;
}

int main(void)
{
	if (io_uring_queue_init(8, &ring, 0)) {
		printf("1..0 # SKIP no io_uring here\n");
		return 0;
	}
	client_says(waits(), "liburing: a read waits for a write");
	client_says(ends(), "liburing: a read sees the end of the stream");
	client_says(cancelled(), "liburing: a read is cancelled, and has taken nothing");
	client_says(polled(), "liburing: a multishot poll tells of each element, and the end");
	io_uring_queue_exit(&ring);
	return client_end();
}
