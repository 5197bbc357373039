// SPDX-License-Identifier: GPL-2.0-only
/*
 * The semantics table, by rows: send, receive and close, each on a channel
 * that is open with room or data, would block, and is closed. Every row runs
 * in fixed and message mode, buffered and rendezvous. (poll/poll.c has the row of
 * poll, size0.c the elements of no bytes.)
 */
#include "chan.h"

struct shape {
	const char *text;
	uint32_t flags;
	uint32_t capacity;
};

static const struct shape shapes[] = {
	{ "fixed, buffered", 0, 3 },
	{ "fixed, capacity 1", 0, 1 },
	{ "message, buffered", KCHAN_SETUP_MESSAGE, 3 },
	{ "fixed, rendezvous", 0, 0 },
	{ "message, rendezvous", KCHAN_SETUP_MESSAGE, 0 },
};

#define each_shape(s)							\
	for (s = shapes; s < shapes + ARRAY_SIZE(shapes) &&		\
	     (tap_about("%s", s->text), true); s++)

static int make(const struct shape *s)
{
	return chan_make(s->flags, 8, s->capacity);
}

static void send_room(void)
{
	const struct shape *s;
	uint64_t i;

	each_shape(s) {
		int fd = make(s);

		for (i = 0; i < s->capacity; i++) {
			send_u64(fd, i);
			expect_int(chan_len(fd), i + 1);
		}
		for (i = 0; i < s->capacity; i++)
			expect_recv(fd, i);
		expect_int(chan_len(fd), 0);
		close(fd);
	}
}

static void send_to_parked(void)
{
	const struct shape *s;

	each_shape(s) {
		int fd = make(s);
		uint64_t got = 0;
		struct call c;

		call_read(&c, fd, &got, 8);
		wait_receivers(fd, 1);
		expect(!atomic_load(&c.done));
		send_u64(fd, 77);
		expect_done(&c, 8);
		expect_int(got, 77);
		expect_int(chan_len(fd), 0);
		expect_int(chan_info(fd).recv_waiters, 0);
		close(fd);
	}
}

static void send_waits(void)
{
	const struct shape *s;
	uint64_t i, v = 100;

	each_shape(s) {
		int fd = make(s);
		struct call c;

		for (i = 0; i < s->capacity; i++)
			send_u64(fd, i);
		call_write(&c, fd, &v, 8);
		wait_senders(fd, 1);
		expect(!atomic_load(&c.done));
		expect_int(chan_len(fd), s->capacity);
		for (i = 0; i < s->capacity; i++)
			expect_recv(fd, i);
		expect_recv(fd, 100);
		expect_done(&c, 8);
		expect_int(chan_info(fd).send_waiters, 0);
		close(fd);
	}
}

static void send_would_block(void)
{
	const struct shape *s;
	uint64_t i, v = 100;

	each_shape(s) {
		int fd = make(s);
		struct call c;

		chan_nonblock(fd, true);
		for (i = 0; i < s->capacity; i++)
			send_u64(fd, i);
		expect_errno(write(fd, &v, 8), EAGAIN);
		expect_errno(try_send(fd, &v, 8), EAGAIN);
		expect_int(chan_len(fd), s->capacity);
		expect_int(chan_info(fd).send_waiters, 0);
		for (i = 0; i < s->capacity; i++)
			expect_recv(fd, i);
		expect_errno(read(fd, &v, 8), EAGAIN);

		/* With a receiver waiting it would not block. */
		chan_nonblock(fd, false);
		call_read(&c, fd, &v, 8);
		wait_receivers(fd, 1);
		chan_nonblock(fd, true);
		send_u64(fd, 55);
		expect_done(&c, 8);
		expect_int(v, 55);
		close(fd);
	}
}

static void receive_would_block(void)
{
	const struct shape *s;
	uint64_t got, v = 9;

	each_shape(s) {
		int fd = make(s);
		struct call c;

		chan_nonblock(fd, true);
		expect_errno(read(fd, &got, 8), EAGAIN);
		expect_errno(try_recv(fd, &got, 8), EAGAIN);
		expect_int(chan_info(fd).recv_waiters, 0);
		if (s->capacity)
			continue;
		/* With a sender waiting it would not block. */
		chan_nonblock(fd, false);
		call_write(&c, fd, &v, 8);
		wait_senders(fd, 1);
		chan_nonblock(fd, true);
		expect_recv(fd, 9);
		expect_done(&c, 8);
		expect_errno(read(fd, &got, 8), EAGAIN);
		close(fd);
	}
}

static void rendezvous_send_waits(void)
{
	const struct shape *s;
	uint64_t v = 5;

	each_shape(s) {
		int fd = make(s);
		struct call c;

		if (s->capacity)
			continue;
		/* It returns only once a receiver has been handed it. */
		call_write(&c, fd, &v, 8);
		wait_senders(fd, 1);
		call_wait_asleep(&c);
		expect_int(chan_len(fd), 0);
		expect(!atomic_load(&c.done));
		expect_int(chan_info(fd).send_waiters, 1);
		expect_recv(fd, 5);
		expect_done(&c, 8);
		close(fd);
	}
}

/* SIGPIPE has its default action here: it would end the test. */
static void send_closed(void)
{
	const struct shape *s;
	uint64_t v = 5;

	each_shape(s) {
		int fd = make(s);

		chan_close(fd);
		expect_errno(write(fd, &v, 8), EPIPE);
		chan_nonblock(fd, true);
		expect_errno(write(fd, &v, 8), EPIPE);
		expect_int(try_send(fd, &v, 8), EPIPE);
		expect_int(chan_len(fd), 0);
		close(fd);
	}
}

static void receive_closed(void)
{
	const struct shape *s;
	uint64_t i, got;

	each_shape(s) {
		int fd = make(s);

		for (i = 0; i < s->capacity; i++)
			send_u64(fd, i + 1);
		chan_close(fd);
		expect(chan_info(fd).flags & KCHAN_INFO_CLOSED);
		expect_int(chan_len(fd), s->capacity);
		for (i = 0; i < s->capacity; i++) {
			/* What is queued comes first, however one asks. */
			chan_nonblock(fd, i % 2);
			expect_recv(fd, i + 1);
		}
		for (i = 0; i < 4; i++) {
			chan_nonblock(fd, i % 2);
			expect_int(read(fd, &got, 8), 0);
		}
		expect_int(try_recv(fd, &got, 8), EPIPE);
		close(fd);
	}
}

static void close_twice(void)
{
	const struct shape *s;

	each_shape(s) {
		int fd = make(s);

		expect_int(chan_info(fd).flags & KCHAN_INFO_CLOSED, 0);
		expect_int(ioctl(fd, KCHAN_IOC_CLOSE), 0);
		expect_errno(ioctl(fd, KCHAN_IOC_CLOSE), EALREADY);
		expect_errno(ioctl(fd, KCHAN_IOC_CLOSE), EALREADY);
		close(fd);
	}
}

static const struct tap_test tests[] = {
	{ "send and receive with room and data", send_room },
	{ "send to a receiver that waits", send_to_parked },
	{ "send waits for room", send_waits },
	{ "send that would block is EAGAIN", send_would_block },
	{ "receive that would block is EAGAIN", receive_would_block },
	{ "send on a rendezvous waits for its receiver", rendezvous_send_waits },
	{ "send on a closed channel is EPIPE, no signal", send_closed },
	{ "receive on a closed channel drains, then 0", receive_closed },
	{ "close twice is EALREADY", close_twice },
};

TAP_MAIN(tests)
