// SPDX-License-Identifier: GPL-2.0-only
/*
 * Closing: the channel for all, and the descriptor.
 */
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <sys/socket.h>

#include "chan.h"

#define MANY 6

static void wakes_receivers(uint32_t capacity)
{
	int fd = chan_make(0, 8, capacity), i;
	struct call c[MANY];
	uint64_t got[MANY];

	for (i = 0; i < MANY; i++)
		call_read(&c[i], fd, &got[i], 8);
	wait_receivers(fd, MANY);
	chan_close(fd);
	expect_int(chan_info(fd).recv_waiters, 0);
	for (i = 0; i < MANY; i++)
		expect_done(&c[i], 0);
	expect_end(fd);
	close(fd);
}

static void wakes_all_receivers(void)
{
	wakes_receivers(0);
	wakes_receivers(4);
}

static void wakes_senders(uint32_t capacity)
{
	int fd = chan_make(0, 8, capacity);
	struct call c[MANY];
	uint64_t v[MANY], i;

	for (i = 0; i < capacity; i++)
		send_u64(fd, i);
	for (i = 0; i < MANY; i++) {
		v[i] = 100 + i;
		call_write(&c[i], fd, &v[i], 8);
	}
	wait_senders(fd, MANY);
	chan_close(fd);
	expect_int(chan_info(fd).send_waiters, 0);
	for (i = 0; i < MANY; i++)
		expect_done_errno(&c[i], EPIPE);
	/* None of theirs is delivered; those before are, in order. */
	expect_int(chan_len(fd), capacity);
	for (i = 0; i < capacity; i++)
		expect_recv(fd, i);
	for (i = 0; i < 3; i++)
		expect_end(fd);
	close(fd);
}

/* "Close leaving a blocked sender asleep, or telling it that it delivered". */
static void wakes_all_senders(void)
{
	wakes_senders(0);
	wakes_senders(1);
	wakes_senders(4);
}

static void wakes_selects(void)
{
	int fd = chan_make(0, 8, 0), i;
	struct one_case one[MANY];
	struct call c[MANY];
	uint64_t v[MANY];

	for (i = 0; i < MANY; i++) {
		one_case(&one[i], fd, KCHAN_OP_RECV, &v[i], 8, 0, 0);
		call_select(&c[i], fd, &one[i]);
	}
	wait_receivers(fd, MANY);
	chan_close(fd);
	for (i = 0; i < MANY; i++) {
		expect_done(&c[i], 0);
		expect_int(one[i].s.status, EPIPE);
		expect_int(one[i].s.len, 0);
	}
}

static void wakes_messages(void)
{
	int fd = chan_open();
	struct call c[2];
	char big[4096];

	call_read(&c[0], fd, big, sizeof(big));
	call_read(&c[1], fd, big, 1);
	wait_receivers(fd, 2);
	chan_close(fd);
	expect_done(&c[0], 0);
	expect_done(&c[1], 0);
}

static void big_elements(void)
{
	static const uint32_t sizes[] = { 129, 4096, 4097, 100 * 1024 };
	size_t i;

	for (i = 0; i < ARRAY_SIZE(sizes); i++) {
		uint32_t size = sizes[i];
		char *in = map_pages(size), *out = map_pages(size);
		int fd = chan_make(0, size, 1);
		struct call c;

		tap_about("size %u", size);
		fill(in, size, 1);
		expect_int(write(fd, in, size), size);
		call_write(&c, fd, in, size);
		wait_senders(fd, 1);
		chan_close(fd);
		expect_done_errno(&c, EPIPE);
		expect_int(read(fd, out, size), size);
		expect(filled(out, size, 1));
		expect_int(read(fd, out, size), 0);

		fd = chan_make(0, size, 0);
		call_read(&c, fd, out, size);
		wait_receivers(fd, 1);
		chan_close(fd);
		expect_done(&c, 0);
	}
}

/* A receiver that was handed an element before the close has it. */
static void handed_before_close(void)
{
	unsigned long round, rounds = tap_scale(200);

	for (round = 0; round < rounds; round++) {
		int fd = chan_make(0, 8, round % 2);
		struct call c;
		uint64_t got = 0;

		call_read(&c, fd, &got, 8);
		wait_receivers(fd, 1);
		send_u64(fd, round);
		chan_close(fd);
		expect_done(&c, 8);
		expect_int(got, round);
		close(fd);
	}
}

struct race {
	int fd;
	atomic_ulong sent, failed;
};

static void *race_send(void *arg)
{
	struct race *r = arg;
	uint64_t v = 1;

	while (write(r->fd, &v, 8) == 8)
		atomic_fetch_add(&r->sent, 1);
	expect_int(errno, EPIPE);
	atomic_fetch_add(&r->failed, 1);
	return NULL;
}

/*
 * Receivers that drain while it is closed: what was sent is received. ("A
 * non-blocking receive that reads closed before empty misses the last".)
 */
static void *race_drain(void *arg)
{
	struct race *r = arg;
	unsigned long got = 0;
	uint64_t v;
	ssize_t ret;

	for (;;) {
		ret = read(r->fd, &v, 8);
		if (ret == 0)
			break;
		if (ret == 8)
			got++;
		else if (!expect_int(errno, EAGAIN))
			break;
	}
	return (void *)got;
}

static void drain_race(bool nonblock, uint32_t capacity)
{
	unsigned long round, rounds = tap_scale(60);

	for (round = 0; round < rounds; round++) {
		struct race r = { .fd = chan_make(0, 8, capacity) };
		pthread_t senders[2], reader;
		uint64_t v;
		void *got;
		int i;

		chan_nonblock(r.fd, nonblock);
		/* Nonblocking senders would stop at EAGAIN: they select. */
		if (!nonblock)
			for (i = 0; i < 2; i++)
				thread_start(&senders[i], race_send, &r);
		thread_start(&reader, race_drain, &r);
		if (nonblock) {
			/* The last element and the close, close together. */
			v = round;
			while (capacity && write(r.fd, &v, 8) == 8)
				atomic_fetch_add(&r.sent, 1);
		} else {
			until(atomic_load(&r.sent) > 3);
		}
		chan_close(r.fd);
		if (!nonblock)
			for (i = 0; i < 2; i++)
				thread_join(senders[i]);
		must_int(pthread_join(reader, &got), 0);
		expect_int((unsigned long)got, atomic_load(&r.sent));
		expect_int(atomic_load(&r.failed), nonblock ? 0 : 2);
		expect_int(chan_len(r.fd), 0);
		close(r.fd);
	}
}

static void drained_while_closing(void)
{
	drain_race(false, 0);
	drain_race(false, 1);
	drain_race(false, 16);
	drain_race(true, 4);
}

static void *close_it(void *arg)
{
	int fd = *(int *)arg;

	return (void *)(intptr_t)(ioctl(fd, KCHAN_IOC_CLOSE) ? errno : 0);
}

static void close_race(void)
{
	unsigned long round, rounds = tap_scale(100);

	/* One of them closes it, the others are told so. */
	for (round = 0; round < rounds; round++) {
		int fd = chan_make(0, 8, 1), i, won = 0;
		pthread_t t[4];

		for (i = 0; i < 4; i++)
			thread_start(&t[i], close_it, &fd);
		for (i = 0; i < 4; i++) {
			void *ret;

			must_int(pthread_join(t[i], &ret), 0);
			if (ret)
				expect_int((intptr_t)ret, EALREADY);
			else
				won++;
		}
		expect_int(won, 1);
		close(fd);
	}
}

/*
 * close(2) of a descriptor while another thread is blocked in a call on it:
 * the call holds the file, so the channel lives on and nobody is woken.
 */
static void close_fd_of_blocked(bool sends)
{
	int fd = chan_make(0, 8, 0), copy = dup(fd);
	struct call c;
	uint64_t v = 5;

	must(copy >= 0);
	if (sends)
		call_write(&c, fd, &v, 8);
	else
		call_read(&c, fd, &v, 8);
	if (sends)
		wait_senders(copy, 1);
	else
		wait_receivers(copy, 1);
	call_wait_asleep(&c);
	expect_int(close(fd), 0);
	expect(call_asleep(&c));
	expect_int(sends ? chan_info(copy).send_waiters :
		   chan_info(copy).recv_waiters, 1);
	expect_int(chan_info(copy).flags & KCHAN_INFO_CLOSED, 0);
	/* It is closed by the ioctl. */
	chan_close(copy);
	if (sends)
		expect_done_errno(&c, EPIPE);
	else
		expect_done(&c, 0);
	close(copy);
}

static void close_fd_blocked(void)
{
	close_fd_of_blocked(false);
	close_fd_of_blocked(true);
}

/* The same with no other descriptor: only a signal ends the call then. */
static void close_last_fd_blocked(void)
{
	int fd = chan_make(0, 8, 0);
	struct call c;
	uint64_t v = 0;

	on_signal(SIGUSR1, 0);
	call_read(&c, fd, &v, 8);
	wait_receivers(fd, 1);
	call_wait_asleep(&c);
	expect_int(close(fd), 0);
	expect(call_asleep(&c));
	call_signal(&c, SIGUSR1);
	expect_done_errno(&c, EINTR);
}

static void select_holds_channel(void)
{
	int fd = chan_make(0, 8, 0), on = chan_open(), copy = dup(fd);
	struct one_case one;
	struct call c;
	uint64_t v = 0;

	/* A case's fd is held as long as the call, and so is the one asked. */
	one_case(&one, fd, KCHAN_OP_RECV, &v, 8, 0, 0);
	call_select(&c, on, &one);
	wait_receivers(copy, 1);
	expect_int(close(fd), 0);
	expect_int(close(on), 0);
	expect_int(chan_info(copy).recv_waiters, 1);
	send_u64(copy, 12);
	expect_done(&c, 0);
	expect_int(one.s.status, 0);
	expect_int(v, 12);
}

static void poll_holds_channel(void)
{
	int fd = chan_make(0, 8, 1), copy = dup(fd);
	struct call c;

	call_poll(&c, fd, POLLIN);
	call_wait_asleep(&c);
	expect_int(close(fd), 0);
	send_u64(copy, 1);
	/* Woken, it finds that the number is no descriptor any more. */
	expect_done(&c, 1);
	expect_int(c.events, POLLNVAL);
	expect_recv(copy, 1);
}

/* A descriptor on its way in a socket holds its channel, as any other. */
static void in_flight(void)
{
	int fd = chan_make(0, 8, 2), ends[2], got = -1;
	union {
		struct cmsghdr align;
		char bytes[CMSG_SPACE(sizeof(int))];
	} control;
	struct iovec io = { .iov_base = "x", .iov_len = 1 };
	struct msghdr msg = {
		.msg_iov = &io,
		.msg_iovlen = 1,
		.msg_control = control.bytes,
		.msg_controllen = sizeof(control.bytes),
	};
	uint64_t id = chan_info(fd).id;
	char byte;

	must_int(socketpair(AF_UNIX, SOCK_DGRAM, 0, ends), 0);
	memset(&control, 0, sizeof(control));
	control.align.cmsg_level = SOL_SOCKET;
	control.align.cmsg_type = SCM_RIGHTS;
	control.align.cmsg_len = CMSG_LEN(sizeof(int));
	memcpy(CMSG_DATA(&control.align), &fd, sizeof(int));
	send_u64(fd, 9);
	must_int(sendmsg(ends[0], &msg, 0), 1);
	close(fd);
	memset(&control, POISON, sizeof(control));
	io.iov_base = &byte;
	msg.msg_controllen = sizeof(control.bytes);
	must_int(recvmsg(ends[1], &msg, 0), 1);
	memcpy(&got, CMSG_DATA(&control.align), sizeof(int));
	must(got >= 0);
	expect_int(chan_info(got).id, id);
	expect_int(chan_info(got).flags & KCHAN_INFO_CLOSED, 0);
	expect_recv(got, 9);
}

static void calls_after_close(void)
{
	int fd = chan_make(0, 8, 4);
	struct kchan_info info;

	send_u64(fd, 1);
	chan_close(fd);
	info = chan_info(fd);
	expect_int(info.flags, KCHAN_INFO_FIXED | KCHAN_INFO_CLOSED |
		   KCHAN_INFO_SEND | KCHAN_INFO_RECV);
	expect_int(info.len, 1);
	expect_int(info.capacity, 4);
	/* What is wrong stays wrong. */
	expect_errno(read(fd, &info, 7), EINVAL);
	expect_recv(fd, 1);
	expect_end(fd);
}

static void close_needs_nothing(void)
{
	int fd = chan_open(), i;
	char byte = 1;

	chan_close(fd);
	expect_int(chan_info(fd).flags & KCHAN_INFO_FIXED, 0);
	for (i = 0; i < 3; i++)
		expect_int(read(fd, &byte, 1), 0);
	expect_errno(write(fd, &byte, 1), EPIPE);
	expect_errno(ioctl(fd, KCHAN_IOC_CLOSE), EALREADY);
}

static const struct tap_test tests[] = {
	{ "close wakes blocked receivers: end-of-stream",
	  wakes_all_receivers },
	{ "close wakes blocked senders: EPIPE, nothing delivered",
	  wakes_all_senders },
	{ "close wakes blocked selects", wakes_selects },
	{ "close wakes receivers of messages", wakes_messages },
	{ "close with large elements", big_elements },
	{ "what was handed over before the close is received",
	  handed_before_close },
	{ "what was sent before the close is received",
	  drained_while_closing },
	{ "of several closes one wins", close_race },
	{ "close(2) under a blocked call wakes nobody", close_fd_blocked },
	{ "close(2) of the last descriptor under a blocked call",
	  close_last_fd_blocked },
	{ "a select holds its channels", select_holds_channel },
	{ "a poll holds its channel", poll_holds_channel },
	{ "a descriptor in a socket's queue holds the channel", in_flight },
	{ "info and calls after the close", calls_after_close },
	{ "a channel never used can be closed", close_needs_nothing },
};

TAP_MAIN(tests)
