// SPDX-License-Identifier: GPL-2.0-only
/*
 * Tickers.
 */
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common.h"

#define PERIOD (20 * KC_MILLISECOND)

static kc_ticker *ticker(int64_t period)
{
	kc_ticker *t = NULL;

	must_int(kc_ticker_make(&t, period), 0);
	must(t);
	return t;
}

static int64_t tick(kc_ticker *t)
{
	int64_t at = 0;

	must_int(kc_recv_timeout(kc_ticker_chan(t), &at, LATE), 1);
	return at;
}

static void test_ticks(void)
{
	kc_ticker *t = ticker(LATE);
	int64_t at, from, last = 0;
	int i;

	expect_int(kc_elem_size(kc_ticker_chan(t)), sizeof(int64_t));
	expect_int(kc_try_recv(kc_ticker_chan(t), &at), -EAGAIN);
	kc_ticker_unref(t);
	from = tap_now_ns();
	t = ticker(PERIOD);
	for (i = 1; i <= 10; i++) {
		at = tick(t);
		/* The ticks keep the phase of the start. */
		expect(at >= from + i * PERIOD);
		expect(at > last);
		expect(at <= tap_now_ns());
		last = at;
	}
	kc_ticker_unref(t);
	kc_ticker_unref(NULL);
	expect(!kc_ticker_ref(NULL));
}

static void test_slow(void)
{
	kc_ticker *t = ticker(PERIOD);
	int64_t from, at;

	sleep_ms(10 * 20);
	until(kc_len(kc_ticker_chan(t)));
	/* One old tick is kept. The ticks after it were dropped. */
	from = tap_now_ns();
	expect(tick(t) < from);
	at = tick(t);
	expect(at >= from);
	expect_int(kc_len(kc_ticker_chan(t)) <= 1, 1);
	kc_ticker_unref(t);
}

static void test_stop(void)
{
	kc_ticker *t = ticker(PERIOD);
	kc_chan *c = kc_ticker_chan(t);
	int64_t at, from;

	tick(t);
	kc_ticker_stop(t);
	kc_ticker_stop(t);
	expect_int(kc_recv_timeout(c, &at, 3 * PERIOD), -ETIMEDOUT);
	from = tap_now_ns();
	expect_int(kc_ticker_reset(t, PERIOD), 0);
	expect(tick(t) >= from + PERIOD);
	tick(t);
	/* The stop also removes a tick that was not received. */
	until(kc_len(c) == 1);
	kc_ticker_stop(t);
	expect_int(kc_try_recv(c, &at), -EAGAIN);
	kc_ticker_unref(t);
}

static void test_reset(void)
{
	kc_ticker *t = ticker(LATE);
	kc_chan *c = kc_ticker_chan(t);
	int64_t from, at;

	expect_int(kc_ticker_reset(t, PERIOD), 0);
	tick(t);
	tick(t);
	until(kc_len(c) == 1);
	from = tap_now_ns();
	expect_int(kc_ticker_reset(t, 3 * PERIOD), 0);
	expect(tick(t) >= from + 3 * PERIOD);
	expect(tick(t) >= from + 6 * PERIOD);
	expect_int(kc_ticker_reset(t, LATE), 0);
	expect_int(kc_recv_timeout(c, &at, 4 * PERIOD), -ETIMEDOUT);
	kc_ticker_unref(t);
}

static void test_invalid(void)
{
	kc_ticker *t = NULL;

	expect_int(kc_ticker_make(&t, 0), -EINVAL);
	expect_int(kc_ticker_make(&t, -1), -EINVAL);
	expect_int(kc_ticker_make(&t, INT64_MIN), -EINVAL);
	expect(!t);
	t = ticker(PERIOD);
	expect_int(kc_ticker_reset(t, 0), -EINVAL);
	expect_int(kc_ticker_reset(t, -1), -EINVAL);
	/* Then it works as before. */
	tick(t);
	expect_int(kc_ticker_reset(t, INT64_MAX), 0);
	kc_ticker_stop(t);
	kc_ticker_unref(t);
	t = ticker(INT64_MAX);
	kc_ticker_unref(t);
}

/* The shortest period: the ticker neither lags behind nor uses the whole processor. */
static void test_fast(void)
{
	kc_ticker *t = ticker(1);
	long long used;
	int64_t from;
	int i;

	for (i = 0; i < 100; i++)
		tick(t);
	expect_int(kc_ticker_reset(t, KC_MILLISECOND), 0);
	used = cpu_ns();
	from = tap_now_ns();
	for (i = 0; i < 100; i++)
		tick(t);
	expect(tap_now_ns() - from >= 90 * KC_MILLISECOND);
	used = cpu_ns() - used;
	expect(used < tap_now_ns() - from);
	kc_ticker_unref(t);
}

/* Together with a channel and a descriptor, in a select and in epoll. */
static void test_loop(void)
{
	kc_ticker *fast = ticker(PERIOD / 4), *slow = ticker(PERIOD);
	struct epoll_event event = { .events = EPOLLIN };
	kc_chan *c = make(8, 1);
	int64_t at;
	uint64_t value;
	kc_case cases[] = {
		kc_case_recv(kc_ticker_chan(fast), &at),
		kc_case_recv(kc_ticker_chan(slow), &at),
		kc_case_recv(c, &value),
	};
	int seen[3] = { 0 }, i, ep;

	send_now(c, 1);
	for (i = 0; i < 20; i++)
		seen[kc_select(cases, 3)]++;
	expect(seen[0] > seen[1]);
	expect(seen[1] >= 2);
	expect_int(seen[2], 1);

	ep = epoll_create1(0);
	must_int(epoll_ctl(ep, EPOLL_CTL_ADD, kc_fd(kc_ticker_chan(slow)),
			   &event), 0);
	for (i = 0; i < 5; i++) {
		must_int(epoll_wait(ep, &event, 1, tap_patience() * 1000), 1);
		expect_int(kc_try_recv(kc_ticker_chan(slow), &at), 1);
	}
	kc_ticker_unref(fast);
	kc_ticker_unref(slow);
	kc_unref(c);
}

static void test_fork(void)
{
	kc_ticker *t = ticker(PERIOD), *own;
	int status, i;
	pid_t pid;

	tick(t);
	pid = fork();
	must(pid >= 0);
	if (!pid) {
		kc_ticker_stop(t);
		expect_int(kc_ticker_reset(t, PERIOD), 0);
		kc_ticker_unref(t);
		own = ticker(PERIOD);
		for (i = 0; i < 3; i++)
			tick(own);
		kc_ticker_unref(own);
		_exit(0);
	}
	must_int(waitpid(pid, &status, 0), pid);
	expect_int(status, 0);
	tick(t);
	tick(t);
	kc_ticker_unref(t);
}

static const struct tap_test tests[] = {
	{ "ticks", test_ticks },
	{ "a slow receiver", test_slow },
	{ "stop", test_stop },
	{ "reset", test_reset },
	{ "no periods", test_invalid },
	{ "fast", test_fast },
	{ "in a loop with others", test_loop },
	{ "fork", test_fork },
};

TAP_MAIN(tests)
