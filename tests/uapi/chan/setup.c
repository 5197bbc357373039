// SPDX-License-Identifier: GPL-2.0-only
/*
 * Setup: what it takes, until when, and what a channel is without it.
 */
#include <poll.h>
#include <sys/epoll.h>
#include <sys/select.h>

#include "chan.h"

static void expect_geometry(int fd, uint32_t message, uint32_t elem_size,
			    uint32_t capacity)
{
	struct kchan_info info = chan_info(fd);

	expect_int(info.flags & KCHAN_INFO_MESSAGE, message);
	expect_int(info.elem_size, elem_size);
	expect_int(info.capacity, capacity);
}

static bool fixed(int fd)
{
	bool told = chan_info(fd).flags & KCHAN_INFO_FIXED;

	/* What info tells is what setup does. */
	if (told)
		expect_errno(try_setup(fd, 0, 8, 2), EBUSY);
	else
		expect_int(try_setup(fd, 0, 8, 2), 0);
	return told;
}

static void setup_tells(void)
{
	int fd = chan_open();

	expect_int(try_setup(fd, 0, 24, 7), 0);
	expect_geometry(fd, 0, 24, 7);
	expect_int(try_setup(fd, KCHAN_SETUP_MESSAGE, 100, 0), 0);
	expect_geometry(fd, KCHAN_INFO_MESSAGE, 100, 0);
	expect_int(try_setup(fd, 0, 0, 3), 0);
	expect_geometry(fd, 0, 0, 3);
	expect_int(try_setup(fd, 0, 8, 2), 0);
	expect_geometry(fd, 0, 8, 2);
	/* The last one counts. */
	send_u64(fd, 1);
	send_u64(fd, 2);
	chan_nonblock(fd, true);
	expect_errno(write(fd, &(uint64_t){ 3 }, 8), EAGAIN);
	expect_errno(try_setup(fd, 0, 8, 2), EBUSY);
	expect_geometry(fd, 0, 8, 2);
}

static void setup_values(void)
{
	int fd = chan_open();

	expect_int(try_setup(fd, 0, 8, 2), 0);
	expect_errno(try_setup(fd, 2, 8, 2), EINVAL);
	expect_errno(try_setup(fd, 0x80000000, 8, 2), EINVAL);
	expect_errno(try_setup(fd, 3, 8, 2), EINVAL);
	expect_errno(try_setup(fd, 0, KCHAN_MAX_ELEM_SIZE + 1, 1), EINVAL);
	expect_errno(try_setup(fd, 0, UINT32_MAX, 1), EINVAL);
	expect_errno(try_setup(fd, 0, 1, KCHAN_MAX_CAPACITY + 1), EINVAL);
	expect_errno(try_setup(fd, 0, 1, UINT32_MAX), EINVAL);
	expect_errno(try_setup(fd, 0, UINT32_MAX, UINT32_MAX), EINVAL);
	expect_errno(try_setup(fd, 0, 0, KCHAN_MAX_CAPACITY + 1), EINVAL);
	/* No messages of 0 bytes. */
	expect_errno(try_setup(fd, KCHAN_SETUP_MESSAGE, 0, 2), EINVAL);
	/* A setup that failed changed nothing. */
	expect_geometry(fd, 0, 8, 2);
	send_u64(fd, 1);
	expect_recv(fd, 1);
}

static void setup_maxima(void)
{
	int fd = chan_open();
	char *big;

	if (try_setup(fd, 0, KCHAN_MAX_ELEM_SIZE, 0) && errno == ENOMEM)
		tap_skip("too little memory");
	expect_geometry(fd, 0, KCHAN_MAX_ELEM_SIZE, 0);
	expect_int(try_setup(fd, 0, KCHAN_MAX_ELEM_SIZE, 1), 0);
	big = map_pages(KCHAN_MAX_ELEM_SIZE);
	big[0] = 1;
	big[KCHAN_MAX_ELEM_SIZE - 1] = 2;
	expect_int(write(fd, big, KCHAN_MAX_ELEM_SIZE), KCHAN_MAX_ELEM_SIZE);
	memset(big, POISON, KCHAN_MAX_ELEM_SIZE);
	expect_int(read(fd, big, KCHAN_MAX_ELEM_SIZE), KCHAN_MAX_ELEM_SIZE);
	expect_int(big[0], 1);
	expect_int(big[1], 0);
	expect_int(big[KCHAN_MAX_ELEM_SIZE - 1], 2);

	fd = chan_open();
	expect_int(try_setup(fd, 0, 0, KCHAN_MAX_CAPACITY), 0);
	expect_geometry(fd, 0, 0, KCHAN_MAX_CAPACITY);
	expect_int(try_setup(fd, 0, 1, KCHAN_MAX_CAPACITY), 0);
	expect_int(write(fd, big, KCHAN_MAX_CAPACITY), KCHAN_MAX_CAPACITY);
	expect_int(chan_len(fd), KCHAN_MAX_CAPACITY);
	chan_nonblock(fd, true);
	expect_errno(write(fd, big, 1), EAGAIN);
	expect_int(read(fd, big, KCHAN_MAX_CAPACITY), KCHAN_MAX_CAPACITY);
}

/* Each does one thing to a channel of fixed mode, 8 bytes, capacity 2. */
static void use_send(int fd)
{
	send_u64(fd, 1);
}

static void use_recv(int fd)
{
	uint64_t v;

	chan_nonblock(fd, true);
	expect_errno(read(fd, &v, 8), EAGAIN);
}

static void use_poll(int fd)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };

	expect_int(poll(&p, 1, 0), 0);
}

static void use_poll_nothing(int fd)
{
	struct pollfd p = { .fd = fd };

	expect_int(poll(&p, 1, 0), 0);
}

static void use_pselect(int fd)
{
	struct timeval zero = { 0 };
	fd_set set;

	FD_ZERO(&set);
	FD_SET(fd, &set);
	expect_int(select(fd + 1, &set, NULL, NULL, &zero), 0);
}

static void use_epoll(int fd)
{
	struct epoll_event event = { .events = EPOLLIN };
	int ep = epoll_create1(EPOLL_CLOEXEC);

	expect_int(epoll_ctl(ep, EPOLL_CTL_ADD, fd, &event), 0);
}

static void use_select_send(int fd)
{
	uint64_t v = 1;

	expect_int(try_send(fd, &v, 8), 0);
}

static void use_select_recv(int fd)
{
	uint64_t v;

	expect_errno(try_recv(fd, &v, 8), EAGAIN);
}

static void what_fixes(void)
{
	static const struct {
		const char *text;
		void (*use)(int fd);
	} uses[] = {
		{ "send", use_send },
		{ "receive", use_recv },
		{ "poll", use_poll },
		{ "poll for nothing", use_poll_nothing },
		{ "select(2)", use_pselect },
		{ "epoll", use_epoll },
		{ "select, send", use_select_send },
		{ "select, receive", use_select_recv },
	};
	size_t i;

	for (i = 0; i < ARRAY_SIZE(uses); i++) {
		int fd = chan_make(0, 8, 2);

		tap_about("%s", uses[i].text);
		uses[i].use(fd);
		expect(fixed(fd));
		expect_geometry(fd, 0, 8, 2);
		close(fd);
	}
}

static void what_does_not_fix(void)
{
	int fd = chan_open();

	expect(!fixed(fd));
	expect(!fixed(fd));
	chan_info(fd);
	expect(!fixed(fd));
	expect_int(try_resize(fd, 9), 0);
	expect_geometry(fd, 0, 8, 9);
	expect(!fixed(fd));
	chan_close(fd);
	expect(!fixed(fd));
	expect_geometry(fd, 0, 8, 2);
	expect_end(fd);
	expect(fixed(fd));
}

static void blocked_call_fixes(void)
{
	int fd = chan_make(0, 8, 0);
	struct call c;
	uint64_t v = 1;

	call_write(&c, fd, &v, 8);
	wait_senders(fd, 1);
	expect(fixed(fd));
	expect_recv(fd, 1);
	expect_done(&c, 8);
}

static void defaults(void)
{
	char msg[4097], got[5000];
	int fd = chan_open(), i;

	expect_geometry(fd, KCHAN_INFO_MESSAGE, 4096, 16);
	chan_nonblock(fd, true);
	for (i = 0; i < 16; i++) {
		fill(msg, 4096, i);
		expect_int(write(fd, msg, i == 3 ? 4096 : i + 1),
			   i == 3 ? 4096 : i + 1);
	}
	expect_errno(write(fd, msg, 1), EAGAIN);
	for (i = 0; i < 16; i++) {
		int want = i == 3 ? 4096 : i + 1;

		memset(got, POISON, sizeof(got));
		expect_int(read(fd, got, sizeof(got)), want);
		expect(filled(got, want, i));
		expect_int((unsigned char)got[want], POISON);
	}
	expect_errno(write(fd, msg, 4097), EMSGSIZE);
	expect_errno(read(fd, got, sizeof(got)), EAGAIN);
	expect_errno(try_setup(fd, 0, 8, 1), EBUSY);
}

static void resize_of_default(void)
{
	char byte = 1;
	int fd = chan_open(), i;

	/* It changes the capacity the channel will have, and fixes nothing. */
	chan_resize(fd, 2);
	expect_geometry(fd, KCHAN_INFO_MESSAGE, 4096, 2);
	expect_int(chan_info(fd).flags & KCHAN_INFO_FIXED, 0);
	chan_nonblock(fd, true);
	for (i = 0; i < 2; i++)
		expect_int(write(fd, &byte, 1), 1);
	expect_errno(write(fd, &byte, 1), EAGAIN);
}

static const struct tap_test tests[] = {
	{ "setup may be repeated, and info tells it", setup_tells },
	{ "setup refuses bad values and keeps the old ones", setup_values },
	{ "the stated maxima work", setup_maxima },
	{ "send, receive, poll and select fix the geometry", what_fixes },
	{ "info, resize, close and setup do not", what_does_not_fix },
	{ "a blocked call has fixed it", blocked_call_fixes },
	{ "without setup: messages, 4096 bytes, capacity 16", defaults },
	{ "resize before the first use", resize_of_default },
};

TAP_MAIN(tests)
