// SPDX-License-Identifier: GPL-2.0-only
/*
 * Elements of no bytes, Go's chan struct{}: only select moves them.
 */
#include <poll.h>

#include "chan.h"

static void no_read_write(void)
{
	int fd = chan_make(0, 0, 2);
	char buf[8];

	expect_errno(write(fd, buf, 1), EINVAL);
	expect_errno(read(fd, buf, 8), EINVAL);
	/* Those of 0 bytes do nothing. */
	expect_int(write(fd, buf, 0), 0);
	expect_int(read(fd, buf, 0), 0);
	expect_int(chan_len(fd), 0);
	expect_int(try_send(fd, NULL, 0), 0);
	expect_errno(read(fd, buf, 8), EINVAL);
	expect_int(read(fd, buf, 0), 0);
	expect_int(chan_len(fd), 1);
}

static void buffered(void)
{
	int fd = chan_make(0, 0, 3), i;
	struct kchan_select s;

	expect_errno(try_recv(fd, NULL, 0), EAGAIN);
	for (i = 0; i < 3; i++) {
		expect_int(select_one(fd, KCHAN_OP_SEND, NULL, 0, 0, 0, &s), 0);
		expect_int(s.status, 0);
		expect_int(s.len, 0);
		expect_int(chan_len(fd), i + 1);
	}
	expect_errno(try_send(fd, NULL, 0), EAGAIN);
	for (i = 0; i < 3; i++) {
		expect_int(select_one(fd, KCHAN_OP_RECV, NULL, 0, 0, 0, &s), 0);
		expect_int(s.status, 0);
		expect_int(s.len, 0);
	}
	expect_errno(try_recv(fd, NULL, 0), EAGAIN);
}

static void address_not_looked_at(void)
{
	int fd = chan_make(0, 0, 1);
	void *bad = (void *)0xffff800000000000;

	expect_int(try_send(fd, bad, 0), 0);
	expect_int(try_recv(fd, bad, 0), 0);
	expect_errno(try_send(fd, bad, 1), EINVAL);
	expect_errno(try_recv(fd, bad, 1), EINVAL);
	expect_errno(try_recv(fd, bad, UINT32_MAX), EINVAL);
}

static void rendezvous(void)
{
	int fd = chan_make(0, 0, 0);
	struct one_case one;
	struct call c;

	expect_errno(try_send(fd, NULL, 0), EAGAIN);
	one_case(&one, fd, KCHAN_OP_SEND, NULL, 0, 0, 0);
	call_select(&c, fd, &one);
	wait_senders(fd, 1);
	expect_int(try_recv(fd, NULL, 0), 0);
	expect_done(&c, 0);
	expect_int(one.s.status, 0);

	one_case(&one, fd, KCHAN_OP_RECV, NULL, 0, 0, 0);
	call_select(&c, fd, &one);
	wait_receivers(fd, 1);
	expect_int(try_send(fd, NULL, 0), 0);
	expect_done(&c, 0);
	expect_int(one.s.status, 0);
	expect_int(chan_len(fd), 0);
}

static void closing(void)
{
	int fd = chan_make(0, 0, 2);
	struct one_case one;
	struct call c;

	expect_int(try_send(fd, NULL, 0), 0);
	chan_close(fd);
	/* An element of no bytes is told from end-of-stream. */
	expect_int(try_recv(fd, NULL, 0), 0);
	expect_int(try_recv(fd, NULL, 0), EPIPE);
	expect_int(try_send(fd, NULL, 0), EPIPE);

	/* The usual use: close tells all who wait. */
	fd = chan_make(0, 0, 0);
	one_case(&one, fd, KCHAN_OP_RECV, NULL, 0, 0, 0);
	call_select(&c, fd, &one);
	wait_receivers(fd, 1);
	chan_close(fd);
	expect_done(&c, 0);
	expect_int(one.s.status, EPIPE);
}

static void polled(void)
{
	int fd = chan_make(0, 0, 1);

	expect_int(poll_now(fd), POLLOUT);
	expect_int(try_send(fd, NULL, 0), 0);
	expect_int(poll_now(fd), POLLIN);
	chan_close(fd);
	expect_int(poll_now(fd), POLLIN | POLLRDHUP | POLLOUT);
	expect_int(try_recv(fd, NULL, 0), 0);
	expect_int(poll_now(fd), POLLIN | POLLRDHUP | POLLHUP | POLLOUT);
}

static void resized(void)
{
	int fd = chan_make(0, 0, 0);
	struct one_case one;
	struct call c;

	one_case(&one, fd, KCHAN_OP_SEND, NULL, 0, 0, 0);
	call_select(&c, fd, &one);
	wait_senders(fd, 1);
	chan_resize(fd, 2);
	expect_done(&c, 0);
	expect_int(chan_len(fd), 1);
	expect_errno(try_resize(fd, 0), EBUSY);
	expect_int(try_recv(fd, NULL, 0), 0);
	chan_resize(fd, 0);
	expect_errno(try_send(fd, NULL, 0), EAGAIN);
}

static const struct tap_test tests[] = {
	{ "read and write of a byte or more are EINVAL", no_read_write },
	{ "buffered", buffered },
	{ "the address is not looked at", address_not_looked_at },
	{ "rendezvous", rendezvous },
	{ "close, and comma-ok", closing },
	{ "poll", polled },
	{ "resize", resized },
};

TAP_MAIN(tests)
