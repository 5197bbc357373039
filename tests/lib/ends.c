// SPDX-License-Identifier: GPL-2.0-only
/*
 * Handles of one direction.
 */
#include <fcntl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common.h"

KC_CHAN_DEFINE(int_chan, int);

static void test_direction(void)
{
	kc_chan *c = make(8, 2), *recv = NULL, *send = NULL, *more = NULL;
	uint64_t value = 4;

	must_int(kc_recv_only(&recv, c), 0);
	must_int(kc_send_only(&send, c), 0);
	expect_int(kc_fd(recv) != kc_fd(c), 1);
	expect_int(fcntl(kc_fd(recv), F_GETFD), FD_CLOEXEC);
	expect_int(fcntl(kc_fd(send), F_GETFD), FD_CLOEXEC);

	expect_int(kc_send(send, &value), 0);
	expect_int(kc_recv(send, &value), -EBADF);
	expect_int(kc_try_recv(send, &value), -EBADF);
	expect_int(kc_recv_timeout(send, &value, KC_SECOND), -EBADF);
	expect_int(kc_send(recv, &value), -EBADF);
	expect_int(kc_try_send(recv, &value), -EBADF);
	expect_int(kc_send_timeout(recv, &value, KC_SECOND), -EBADF);
	value = 0;
	expect_int(kc_recv(recv, &value), 1);
	expect_int(value, 4);

	expect_int(kc_recv_only(&more, send), -EBADF);
	expect_int(kc_send_only(&more, recv), -EBADF);
	expect(!more);
	expect_int(kc_resize(recv, 1), -EBADF);
	expect_int(kc_resize(send, 1), -EBADF);
	expect_int(kc_elem_size(recv), 8);
	expect_int(kc_cap(send), 2);
	expect_int(kc_close(recv), -EBADF);
	expect_int(kc_close(send), 0);
	expect_int(kc_recv(recv, &value), 0);
	kc_unref(recv);
	kc_unref(send);
	kc_unref(c);
}

/* Made of one that has the same direction already. */
static void test_again(void)
{
	kc_chan *recv = NULL, *send = NULL, *recv2 = NULL, *send2 = NULL;
	uint64_t value;

	must_int(kc_make_pair(&recv, &send, 8, 1), 0);
	must_int(kc_recv_only(&recv2, recv), 0);
	must_int(kc_send_only(&send2, send), 0);
	kc_unref(recv);
	kc_unref(send);
	send_now(send2, 3);
	expect_int(recv_now(recv2), 3);
	kc_unref(send2);
	expect_int(kc_try_recv(recv2, &value), 0);
	kc_unref(recv2);
}

static void test_closes_by_itself(void)
{
	kc_chan *recv = NULL, *send = NULL;
	uint64_t value = 1;

	must_int(kc_make_pair(&recv, &send, 8, 2), 0);
	send_now(send, 1);
	kc_unref(send);
	expect_int(kc_recv(recv, &value), 1);
	expect_int(kc_recv(recv, &value), 0);
	kc_unref(recv);

	must_int(kc_make_pair(&recv, &send, 8, 2), 0);
	kc_unref(recv);
	expect_int(kc_send(send, &value), -EPIPE);
	kc_unref(send);
}

/* Calls that wait when the other side goes. */
static void test_wakes(void)
{
	kc_chan *recv = NULL, *send = NULL;
	struct call call;

	must_int(kc_make_pair(&recv, &send, 8, 0), 0);
	call_recv(&call, recv);
	kc_unref(send);
	expect_int(call_end(&call), 0);
	kc_unref(recv);

	must_int(kc_make_pair(&recv, &send, 8, 0), 0);
	call_send(&call, send, 1);
	kc_unref(recv);
	expect_int(call_end(&call), -EPIPE);
	kc_unref(send);
}

/* Each process keeps the end that it uses: then the loop ends by itself. */
static void test_fork(void)
{
	kc_chan *recv = NULL, *send = NULL;
	uint64_t value, sum = 0;
	int status = -1;
	pid_t pid;

	must_int(kc_make_pair(&recv, &send, 8, 0), 0);
	pid = fork();
	must(pid >= 0);
	if (!pid) {
		kc_unref(recv);
		for (value = 1; value <= 100; value++)
			if (kc_send(send, &value))
				_exit(1);
		_exit(0);
	}
	kc_unref(send);
	kc_for_each(recv, &value)
		sum += value;
	expect_int(sum, 5050);
	must_int(waitpid(pid, &status, 0), pid);
	expect_int(status, 0);
	kc_unref(recv);
}

static void test_messages(void)
{
	kc_chan_opts opts = KC_CHAN_OPTS_INIT;
	kc_chan *recv = NULL, *send = NULL;
	char buf[10];

	opts.flags = KC_CHAN_MESSAGE;
	opts.elem_size = 10;
	opts.cap = 1;
	must_int(kc_make_pair_opts(&recv, &send, &opts), 0);
	expect_int(kc_is_message(recv), 1);
	expect_int(kc_is_message(send), 1);
	expect_int(kc_send_msg(send, "abc", 3), 0);
	expect_int(kc_recv_msg(recv, buf, sizeof(buf)), 3);
	kc_unref(recv);
	kc_unref(send);
	opts.flags = 1U << 31;
	expect_int(kc_make_pair_opts(&recv, &send, &opts), -EINVAL);
}

static void test_nil(void)
{
	kc_chan *c = make(8, 1), *out = c;

	expect_int(kc_recv_only(&out, NULL), 0);
	expect(!out);
	out = c;
	expect_int(kc_send_only(&out, NULL), 0);
	expect(!out);
	kc_unref(c);
}

static void test_typed(void)
{
	int_chan *recv = NULL, *send = NULL, *recv2 = NULL, *send2 = NULL;
	int value = 0;

	must_int(int_chan_make_pair(&recv, &send, 1), 0);
	must_int(int_chan_recv_only(&recv2, recv), 0);
	must_int(int_chan_send_only(&send2, send), 0);
	expect_int(int_chan_send(send2, 11), 0);
	expect_int(int_chan_recv(recv2, &value), 1);
	expect_int(value, 11);
	expect_int(int_chan_send(recv, 1), -EBADF);
	expect_int(int_chan_recv_only(&recv2, send), -EBADF);
	int_chan_unref(recv);
	int_chan_unref(send);
	int_chan_unref(recv2);
	int_chan_unref(send2);
}

static int count_open(void)
{
	int fd, count = 0;

	for (fd = 0; fd < 256; fd++)
		count += fcntl(fd, F_GETFD) >= 0;
	return count;
}

/* Whatever fails on the way, nothing is left open. */
static void test_no_descriptors(void)
{
	kc_chan *recv = NULL, *send = NULL, *c = make(8, 1);
	int fd = dup(0), before, more;
	struct rlimit limit;

	/* The lowest that is free, and none above it is in use. */
	close(fd);
	before = count_open();
	must_int(before, fd);
	must_int(getrlimit(RLIMIT_NOFILE, &limit), 0);
	for (more = 0; more < 3; more++) {
		tap_about("%d descriptors", more);
		limit.rlim_cur = fd + more;
		must_int(setrlimit(RLIMIT_NOFILE, &limit), 0);
		expect_int(kc_make_pair(&recv, &send, 8, 1), -EMFILE);
		expect(!recv && !send);
		if (!more)
			expect_int(kc_recv_only(&recv, c), -EMFILE);
		expect_int(count_open(), before);
	}
	limit.rlim_cur = limit.rlim_max;
	must_int(setrlimit(RLIMIT_NOFILE, &limit), 0);
	tap_about("enough");
	expect_int(kc_make_pair(&recv, &send, 8, 1), 0);
	expect_int(count_open(), before + 2);
	kc_unref(recv);
	kc_unref(send);
	expect_int(count_open(), before);
	kc_unref(c);
}

static const struct tap_test tests[] = {
	{ "a handle goes one way only", test_direction },
	{ "a handle made of one of the same direction", test_again },
	{ "a pair closes by itself", test_closes_by_itself },
	{ "who waits is told when the other side goes", test_wakes },
	{ "a pair between two processes", test_fork },
	{ "a pair of message mode", test_messages },
	{ "of the NULL channel", test_nil },
	{ "typed handles", test_typed },
	{ "no descriptors left", test_no_descriptors },
};

TAP_MAIN(tests)
