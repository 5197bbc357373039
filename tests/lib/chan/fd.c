// SPDX-License-Identifier: GPL-2.0-only
/*
 * Handles and descriptors.
 */
#include <fcntl.h>
#include <poll.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common.h"

static bool is_open(int fd)
{
	return fcntl(fd, F_GETFD) >= 0;
}

static void test_cloexec(void)
{
	kc_chan *c = make(8, 1);
	int fd = kc_fd(c);

	must(fd >= 0);
	expect_int(fcntl(fd, F_GETFD), FD_CLOEXEC);
	kc_unref(c);
	expect(!is_open(fd));
}

static void test_poll(void)
{
	kc_chan *c = make(8, 1);
	struct pollfd p = { .fd = kc_fd(c), .events = POLLIN | POLLOUT };

	expect_int(poll(&p, 1, 0), 1);
	expect_int(p.revents, POLLOUT);
	send_now(c, 1);
	expect_int(poll(&p, 1, 0), 1);
	expect_int(p.revents, POLLIN);
	kc_unref(c);
}

static void test_from_fd(void)
{
	kc_chan *c = make(8, 2), *other = NULL;
	int fd;

	/* The same channel, with another handle. */
	fd = dup(kc_fd(c));
	must(fd >= 0);
	expect_int(fcntl(fd, F_GETFD), 0);
	must_int(kc_from_fd(&other, fd), 0);
	expect_int(kc_fd(other), fd);
	expect_int(fcntl(fd, F_GETFD), FD_CLOEXEC);
	expect_int(kc_elem_size(other), 8);
	expect_int(kc_cap(other), 2);
	expect_int(kc_is_message(other), 0);

	send_now(c, 5);
	kc_unref(c);
	expect_int(recv_now(other), 5);
	kc_unref(other);
	expect(!is_open(fd));
}

static void test_defaults(void)
{
	int fd = open("/dev/kchan", O_RDWR);
	kc_chan *c = NULL;
	char buf[4096];

	must(fd >= 0);
	must_int(kc_from_fd(&c, fd), 0);
	expect_int(kc_is_message(c), 1);
	expect_int(kc_elem_size(c), 4096);
	expect_int(kc_cap(c), 16);
	expect_int(kc_send_msg(c, "hello", 5), 0);
	expect_int(kc_recv_msg(c, buf, sizeof(buf)), 5);
	kc_unref(c);
}

static void test_from_fd_errors(void)
{
	kc_chan *c = NULL;
	int ends[2];

	must_int(pipe(ends), 0);
	expect_int(kc_from_fd(&c, ends[0]), -ENOTTY);
	expect(is_open(ends[0]));
	expect_int(fcntl(ends[0], F_GETFD), 0);
	close(ends[0]);
	close(ends[1]);
	expect_int(kc_from_fd(&c, ends[0]), -EBADF);
	expect_int(kc_from_fd(&c, -1), -EBADF);
	expect(!c);
}

/* Blocking calls block even if the descriptor is O_NONBLOCK. */
static void test_nonblock(void)
{
	kc_chan *c = make(8, 1);
	struct call call;

	must_int(fcntl(kc_fd(c), F_SETFL, O_RDWR | O_NONBLOCK), 0);
	call_recv(&call, c);
	send_now(c, 1);
	expect_int(call_end(&call), 1);
	expect_int(call.value, 1);

	send_now(c, 2);
	call_send(&call, c, 3);
	expect_int(recv_now(c), 2);
	expect_int(call_end(&call), 0);
	expect_int(recv_now(c), 3);

	call_recv(&call, c);
	expect_int(kc_close(c), 0);
	expect_int(call_end(&call), 0);
	kc_unref(c);
}

static void *recv_message(void *arg)
{
	struct call *call = arg;

	call->ret = kc_recv_msg(call->c, &call->value, sizeof(call->value));
	return NULL;
}

static void test_nonblock_message(void)
{
	kc_chan *c = make_messages(8, 1);
	struct call call = { .c = c };

	must_int(fcntl(kc_fd(c), F_SETFL, O_RDWR | O_NONBLOCK), 0);
	call.thread = start(recv_message, &call);
	wait_receivers(c, 1);
	expect_int(kc_send_msg(c, "abc", 3), 0);
	expect_int(call_end(&call), 3);
	expect(!memcmp(&call.value, "abc", 3));
	kc_unref(c);
}

static void test_fork(void)
{
	kc_chan *there = make(8, 0), *back = make(8, 0);
	uint64_t value;
	pid_t pid;
	int i;

	pid = fork();
	must(pid >= 0);
	if (pid == 0) {
		kc_for_each(there, &value) {
			value *= 2;
			if (kc_send(back, &value))
				_exit(1);
		}
		_exit(0);
	}
	for (i = 1; i <= 100; i++) {
		value = i;
		must_int(kc_send(there, &value), 0);
		must_int(kc_recv(back, &value), 1);
		must_int(value, 2 * i);
	}
	expect_int(kc_close(there), 0);
	must_int(waitpid(pid, &i, 0), pid);
	expect_int(i, 0);
	kc_unref(there);
	kc_unref(back);
}

/* The last reference is dropped while the call of another thread waits. */
static void test_call_holds_reference(void)
{
	kc_chan *c = make(8, 0), *other = NULL;
	struct call call;
	int fd = kc_fd(c);

	must_int(kc_from_fd(&other, dup(fd)), 0);
	call_recv(&call, c);
	kc_unref(c);
	expect(is_open(fd));
	send_now(other, 77);
	expect_int(call_end(&call), 1);
	expect_int(call.value, 77);
	expect(!is_open(fd));
	kc_unref(other);
}

static void test_references(void)
{
	kc_chan *c = make(8, 1);
	int fd = kc_fd(c);

	expect(kc_ref(c) == c);
	kc_unref(c);
	expect(is_open(fd));
	send_now(c, 1);
	kc_unref(c);
	expect(!is_open(fd));
}

/*
 * A child drops its copy of the handle. The parent can still send, so this is no
 * end-of-stream.
 */
static void test_sender_gone(void)
{
	kc_chan *c = make(8, 1);
	uint64_t value;
	int status;
	pid_t pid;

	pid = fork();
	must(pid >= 0);
	if (pid == 0) {
		value = 5;
		_exit(kc_send(c, &value) ? 1 : 0);
	}
	must_int(waitpid(pid, &status, 0), pid);
	expect_int(status, 0);
	expect_int(kc_recv(c, &value), 1);
	expect_int(value, 5);
	expect_int(kc_try_recv(c, &value), -EAGAIN);
	kc_unref(c);
}

static const struct tap_test tests[] = {
	{ "descriptors are close-on-exec, and the handle's", test_cloexec },
	{ "a channel can be polled", test_poll },
	{ "a handle out of a descriptor", test_from_fd },
	{ "a channel opened by hand", test_defaults },
	{ "what is no channel is refused and left alone", test_from_fd_errors },
	{ "O_NONBLOCK does not matter", test_nonblock },
	{ "O_NONBLOCK does not matter to messages", test_nonblock_message },
	{ "handles work in a forked child", test_fork },
	{ "a call in progress holds a reference", test_call_holds_reference },
	{ "references", test_references },
	{ "a sender's death is not the end while another is there",
	  test_sender_gone },
};

TAP_MAIN(tests)
