// SPDX-License-Identifier: GPL-2.0-only
/*
 * Leases.
 */
#include <signal.h>
#include <sys/epoll.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common.h"

static kc_lease *lease_make(kc_chan *c, int64_t limit)
{
	kc_lease *lease;

	must_int(kc_lease_make(&lease, c, limit), 0);
	return lease;
}

static uint64_t value_of(const kc_lease *lease)
{
	size_t len;
	const uint64_t *value = kc_lease_elem(lease, &len);

	must(value);
	expect_int(len, sizeof(*value));
	return *value;
}

static void test_life(void)
{
	kc_chan *c = make(8, 4);
	kc_lease *lease = lease_make(c, 0);

	expect(!kc_lease_elem(lease, NULL));
	expect_int(kc_lease_ack(lease), -EINVAL);
	expect_int(kc_lease_next(lease), -EINVAL);
	expect_int(kc_lease_return(lease, 0, 0), -EINVAL);
	expect_int(kc_lease_extend(lease, 0), -EINVAL);
	expect_int(kc_lease_try_recv(lease), -EAGAIN);
	expect_int(kc_lease_recv_timeout(lease, KC_MILLISECOND), -ETIMEDOUT);
	for (uint64_t i = 1; i <= 4; i++)
		send_now(c, i);
	/* What has given up has reserved nothing. */
	expect_int(kc_len(c), 4);
	must_int(kc_lease_recv(lease), 1);
	expect_int(value_of(lease), 1);
	expect_int(kc_lease_number(lease), 0);
	expect_int(kc_lease_returns(lease), 0);
	expect_int(kc_lease_recv(lease), -EBUSY);
	expect_int(kc_lease_arm(lease), -EBUSY);
	for (uint64_t i = 2; i <= 4; i++) {
		must_int(kc_lease_next(lease), 1);
		expect_int(value_of(lease), i);
		expect_int(kc_lease_number(lease), i - 1);
	}
	expect_int(kc_lease_ack(lease), 0);
	expect(!kc_lease_elem(lease, NULL));
	must_int(kc_close(c), 0);
	expect_int(kc_lease_recv(lease), 0);
	expect_int(kc_lease_try_recv(lease), 0);
	kc_lease_unref(lease);
	kc_lease_unref(NULL);
	expect(!kc_lease_ref(NULL));
	expect_int(kc_lease_fd(NULL), -EINVAL);
	kc_unref(c);
}

static void test_make(void)
{
	kc_chan *c, *send;
	kc_lease *lease;

	must_int(kc_make_pair(&c, &send, 8, 1), 0);
	expect_int(kc_lease_make(&lease, NULL, 0), -EINVAL);
	expect_int(kc_lease_make(&lease, c, -1), -EINVAL);
	expect_int(kc_lease_make(&lease, send, 0), -EBADF);
	expect_int(kc_lease_from_fd(&lease, -1), -EBADF);
	expect_int(kc_lease_from_fd(&lease, kc_fd(c)), -EINVAL);
	lease = lease_make(c, 0);
	expect(kc_lease_ref(lease) == lease);
	kc_lease_unref(lease);
	expect(kc_lease_fd(lease) >= 0);
	kc_lease_unref(lease);
	kc_unref(c);
	kc_unref(send);
}

static void test_returns(void)
{
	kc_chan *c = make(8, 4);
	kc_lease *lease = lease_make(c, 0);
	uint64_t value;
	long long from;

	send_now(c, 1);
	send_now(c, 2);
	must_int(kc_lease_recv(lease), 1);
	expect_int(kc_lease_return(lease, 4, 0), -EINVAL);
	expect_int(kc_lease_return(lease, 0, -1), -EINVAL);
	must_int(kc_lease_return(lease, KC_LEASE_TAIL, 0), 0);
	must_int(kc_lease_recv(lease), 1);
	expect_int(value_of(lease), 2);
	must_int(kc_lease_next(lease), 1);
	expect_int(value_of(lease), 1);
	expect_int(kc_lease_returns(lease), 1);
	must_int(kc_lease_return(lease, KC_LEASE_UNCOUNTED, 0), 0);
	must_int(kc_lease_recv(lease), 1);
	expect_int(kc_lease_returns(lease), 1);
	from = tap_now_ns();
	must_int(kc_lease_return(lease, 0, 30 * KC_MILLISECOND), 0);
	must_int(kc_lease_recv(lease), 1);
	expect(tap_now_ns() - from >= 30 * KC_MILLISECOND);
	expect_int(kc_lease_returns(lease), 2);
	/* With the handle it goes back. */
	kc_lease_unref(lease);
	must_int(kc_try_recv(c, &value), 1);
	expect_int(value, 1);
	kc_unref(c);
}

static void test_limits(void)
{
	kc_chan *c = make(8, 4);
	kc_lease *lease = lease_make(c, 3600 * KC_SECOND);

	send_now(c, 1);
	must_int(kc_lease_recv(lease), 1);
	expect_int(kc_lease_extend(lease, -1), -EINVAL);
	must_int(kc_lease_extend(lease, 0), 0);
	must_int(kc_lease_extend(lease, 1), 0);
	while (!kc_len(c))
		sleep_ms(1);
	expect_int(kc_lease_ack(lease), -ETIME);
	expect(!kc_lease_elem(lease, NULL));
	must_int(kc_lease_recv(lease), 1);
	expect_int(kc_lease_returns(lease), 1);
	must_int(kc_lease_extend(lease, 1), 0);
	while (!kc_len(c))
		sleep_ms(1);
	/* Nothing was received. */
	expect_int(kc_lease_next(lease), -ETIME);
	must_int(kc_lease_recv(lease), 1);
	expect_int(kc_lease_returns(lease), 2);
	expect_int(kc_lease_ack(lease), 0);
	kc_lease_unref(lease);
	kc_unref(c);
}

static void test_messages(void)
{
	kc_chan *c = make_messages(10000, 4);
	kc_lease *lease = lease_make(c, 0);
	static char text[10000];
	size_t len;

	memset(text, 'x', sizeof(text));
	must_int(kc_send_msg(c, text, 5), 0);
	must_int(kc_send_msg(c, text, sizeof(text)), 0);
	must_int(kc_lease_recv(lease), 1);
	expect(!memcmp(kc_lease_elem(lease, &len), text, 5));
	expect_int(len, 5);
	must_int(kc_lease_next(lease), 1);
	expect(!memcmp(kc_lease_elem(lease, &len), text, sizeof(text)));
	expect_int(len, sizeof(text));
	kc_lease_unref(lease);
	kc_unref(c);
}

static void test_select(void)
{
	kc_chan *c = make(8, 4), *other = make(8, 1);
	kc_lease *lease = lease_make(c, 0);
	uint64_t value;
	kc_case cases[] = {
		kc_case_fd(kc_lease_fd(lease), EPOLLIN),
		kc_case_recv(other, &value),
	};

	must_int(kc_lease_arm(lease), 0);
	must_int(kc_lease_arm(lease), 0);
	expect_int(kc_try_select(cases, 2), -EAGAIN);
	send_now(c, 7);
	must_int(kc_select(cases, 2), 0);
	expect_int(kc_lease_disarm(lease), -EALREADY);
	must_int(kc_lease_try_recv(lease), 1);
	expect_int(value_of(lease), 7);
	/* The other one was first: the element goes to whoever comes. */
	must_int(kc_lease_ack(lease), 0);
	must_int(kc_lease_arm(lease), 0);
	send_now(other, 1);
	must_int(kc_select(cases, 2), 1);
	must_int(kc_lease_disarm(lease), 0);
	send_now(c, 8);
	expect_int(kc_len(c), 1);
	kc_lease_unref(lease);
	kc_unref(c);
	kc_unref(other);
}

static void test_context(void)
{
	kc_chan *c = make(8, 4);
	kc_lease *lease = lease_make(c, 0);
	kc_ctx *ctx;

	must_int(kc_with_timeout(&ctx, kc_background(), 20 * KC_MILLISECOND), 0);
	expect_int(kc_lease_recv_ctx(ctx, lease), -ETIMEDOUT);
	send_now(c, 1);
	expect_int(kc_lease_recv_ctx(ctx, lease), -ETIMEDOUT);
	expect_int(kc_len(c), 1);
	must_int(kc_lease_recv_ctx(kc_background(), lease), 1);
	expect_int(kc_lease_returns(lease), 0);
	kc_ctx_unref(ctx);
	kc_lease_unref(lease);
	kc_unref(c);
}

/* The child has the lease by its descriptor. The parent is gone, as far as that goes. */
static void test_passed_on(void)
{
	kc_chan *c = make_messages(20000, 4);
	kc_lease *lease = lease_make(c, 0), *passed;
	static char text[20000];
	int status = 1, fd;
	size_t len;
	pid_t pid;

	must_int(kc_send_msg(c, text, sizeof(text)), 0);
	must_int(kc_lease_recv(lease), 1);
	fd = dup(kc_lease_fd(lease));
	pid = fork();
	if (!pid) {
		if (kc_lease_from_fd(&passed, fd))
			_exit(2);
		if (!kc_lease_elem(passed, &len) || len != sizeof(text))
			_exit(3);
		if (kc_lease_recv(passed) != -EBUSY || kc_lease_next(passed) != -EINVAL)
			_exit(4);
		if (kc_lease_ack(passed) || kc_lease_recv(passed) != -EINVAL)
			_exit(5);
		_exit(0);
	}
	must(pid > 0);
	must_int(waitpid(pid, &status, 0), pid);
	expect_int(status, 0);
	expect_int(kc_lease_ack(lease), -EINVAL);
	close(fd);
	kc_lease_unref(lease);
	expect_int(kc_len(c), 0);
	kc_unref(c);
}

static const struct tap_test tests[] = {
	{ "an element is received under lease, and acknowledged", test_life },
	{ "what can be made", test_make },
	{ "an element is returned", test_returns },
	{ "the limit comes", test_limits },
	{ "messages", test_messages },
	{ "in a select", test_select },
	{ "with a context", test_context },
	{ "a lease is passed on", test_passed_on },
};

TAP_MAIN(tests)
