// SPDX-License-Identifier: GPL-2.0-only
/*
 * A select is told to those who watch a file, as the read or write that it is.
 *
 * The file is that of the device, which the first end of each channel has. Where a
 * read or write of it is not told, there is nothing to test.
 */
#include <sys/inotify.h>

#include "cases.h"

#define DEVICE "/dev/kchan"

/* What was told since, of all events together. */
static uint32_t told(int in)
{
	char buf[8192] __attribute__((aligned(__alignof__(struct inotify_event))));
	uint32_t mask = 0;
	ssize_t got;

	while ((got = read(in, buf, sizeof(buf))) > 0) {
		ssize_t at = 0;

		while (at < got) {
			const struct inotify_event *e = (void *)(buf + at);

			mask |= e->mask;
			at += (ssize_t)sizeof(*e) + e->len;
		}
	}
	must(errno == EAGAIN);
	return mask & (IN_ACCESS | IN_MODIFY);
}

static int watch(void)
{
	int in = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);

	if (in < 0 || inotify_add_watch(in, DEVICE, IN_ACCESS | IN_MODIFY) < 0)
		tap_skip("no inotify");
	return in;
}

static void selects_are_told(void)
{
	int fd = chan_make(0, 8, 4), in = watch();
	struct kchan_select out;
	struct cases c;
	uint64_t v = 1;

	send_u64(fd, 1);
	if (told(in) != IN_MODIFY)
		tap_skip("a write of the device is not told");
	expect_recv(fd, 1);
	if (told(in) != IN_ACCESS)
		tap_skip("a read of the device is not told");
	expect_int(try_send(fd, &v, 8), 0);
	expect_int(told(in), IN_MODIFY);
	expect_int(try_recv(fd, &v, 8), 0);
	expect_int(told(in), IN_ACCESS);
	/* Nothing moved, nothing is told. */
	expect_errno(try_recv(fd, &v, 8), EAGAIN);
	expect_errno(select_one(fd, KCHAN_OP_RECV, &v, 8, KCHAN_SELECT_DEADLINE,
				1, &out), ETIMEDOUT);
	expect_int(told(in), 0);
	/* Of several cases the one that committed. */
	cases_init(&c, 0, 0);
	add_recv(&c, fd, &v, 8);
	add_send(&c, fd, &v, 8);
	must_int(cases_now(fd, &c), 1);
	expect_int(told(in), IN_MODIFY);
	c.nr = 1;
	must_int(cases_now(fd, &c), 0);
	expect_int(told(in), IN_ACCESS);
}

static void blocked_selects_are_told(void)
{
	int fd = chan_make(0, 8, 0), in = watch();
	struct one_case one;
	struct call call;
	uint64_t v = 2;

	/* The other side is an end that is no device. */
	call_write(&call, end_make(fd, KCHAN_END_SEND), &v, 8);
	wait_senders(fd, 1);
	expect_recv(fd, 2);
	expect_done(&call, 8);
	if (told(in) != IN_ACCESS)
		tap_skip("a read of the device is not told");
	one_case(&one, fd, KCHAN_OP_RECV, &v, 8, 0, 0);
	call_select(&call, fd, &one);
	wait_receivers(fd, 1);
	expect_int(told(in), 0);
	send_u64(end_make(fd, KCHAN_END_SEND), 3);
	expect_done(&call, 0);
	expect_int(told(in), IN_ACCESS);
	one_case(&one, fd, KCHAN_OP_SEND, &v, 8, 0, 0);
	call_select(&call, fd, &one);
	wait_senders(fd, 1);
	expect_int(told(in), 0);
	expect_recv(end_make(fd, KCHAN_END_RECV), 3);
	expect_done(&call, 0);
	expect_int(told(in), IN_MODIFY);
}

static const struct tap_test tests[] = {
	{ "selects are told as reads and writes", selects_are_told },
	{ "so are selects that wait", blocked_selects_are_told },
};

TAP_MAIN(tests)
