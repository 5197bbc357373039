// SPDX-License-Identifier: GPL-2.0-only
/*
 * The clock that leaps when all wait: with channels.
 */
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "bubble.h"
#include "contexts.h"

static void run(void (*fn)(void *arg))
{
	must_int(kc_synctest(fn, NULL), 0);
}

static void tick_for_an_hour(void *arg)
{
	const int64_t begin = kc_now();
	kc_ticker *ticker;
	int64_t tick;
	int i;

	(void)arg;
	must_int(kc_ticker_make(&ticker, MINUTE), 0);
	for (i = 1; i <= 60; i++) {
		must_int(kc_recv(kc_ticker_chan(ticker), &tick), 1);
		expect_int(tick - begin, i * MINUTE);
		expect_int(kc_now(), tick);
	}
	must_int(kc_ticker_reset(ticker, HOUR), 0);
	must_int(kc_recv(kc_ticker_chan(ticker), &tick), 1);
	expect_int(tick - begin, 2 * HOUR);
	/* Ticks that nobody receives are dropped. */
	kc_sleep(4 * HOUR + MINUTE);
	must_int(kc_recv(kc_ticker_chan(ticker), &tick), 1);
	expect_int(tick - begin, 3 * HOUR);
	must_int(kc_recv(kc_ticker_chan(ticker), &tick), 1);
	expect_int(tick - begin, 7 * HOUR);
	kc_ticker_unref(ticker);
}

static void test_ticker(void)
{
	const long long begin = tap_now_ns();

	run(tick_for_an_hour);
	expect(tap_now_ns() - begin < 30 * KC_SECOND);
}

static void set_timers(void *arg)
{
	const int64_t begin = kc_now();
	kc_timer *timer;
	int64_t tick = 0;
	kc_chan *after;

	(void)arg;
	must_int(kc_after(&after, HOUR), 0);
	must_int(kc_timer_make(&timer, 2 * HOUR), 0);
	expect_int(kc_recv(after, &tick), 1);
	expect_int(tick - begin, HOUR);
	expect_int(kc_timer_reset(timer, 5 * HOUR), 1);
	expect_int(kc_recv_timeout(kc_timer_chan(timer), &tick, 4 * HOUR),
		   -ETIMEDOUT);
	expect_int(kc_now() - begin, 5 * HOUR);
	expect_int(kc_recv_timeout(kc_timer_chan(timer), &tick, 4 * HOUR), 1);
	expect_int(tick - begin, 6 * HOUR);
	expect_int(kc_timer_stop(timer), 0);
	kc_timer_unref(timer);
	kc_unref(after);
}

static void test_timers(void)
{
	run(set_timers);
}

static void limit_calls(void *arg)
{
	kc_chan *c = make(sizeof(uint64_t), 1), *m = make_messages(16, 1);
	int64_t at = kc_now();
	uint64_t value = 7;
	char text[16];

	(void)arg;
	expect_int(kc_recv_timeout(c, &value, HOUR), -ETIMEDOUT);
	expect_int(kc_now() - at, HOUR);
	expect_int(kc_send_timeout(c, &value, HOUR), 0);
	expect_int(kc_send_timeout(c, &value, HOUR), -ETIMEDOUT);
	expect_int(kc_now() - at, 2 * HOUR);
	expect_int(kc_recv_timeout(c, &value, HOUR), 1);
	expect_int(value, 7);
	expect_int(kc_now() - at, 2 * HOUR);
	expect_int(kc_recv_timeout(c, &value, 0), -ETIMEDOUT);
	expect_int(kc_recv_timeout(NULL, &value, HOUR), -ETIMEDOUT);
	expect_int(kc_now() - at, 3 * HOUR);

	at = kc_now();
	expect_int(kc_recv_msg_timeout(m, text, sizeof(text), HOUR), -ETIMEDOUT);
	expect_int(kc_send_msg_timeout(m, "one", 3, HOUR), 0);
	expect_int(kc_send_msg_timeout(m, "two", 3, HOUR), -ETIMEDOUT);
	expect_int(kc_now() - at, 2 * HOUR);
	expect_int(kc_recv_msg_timeout(m, text, sizeof(text), HOUR), 3);
	kc_close(c);
	expect_int(kc_recv_timeout(c, &value, HOUR), 0);
	expect_int(kc_send_timeout(c, &value, HOUR), -EPIPE);
	expect_int(kc_now() - at, 2 * HOUR);
	kc_unref(c);
	kc_unref(m);
}

static void take_two_later(void *arg)
{
	uint64_t got[2];

	kc_sleep(10 * MINUTE);
	expect_int(kc_recv_n(arg, got, 2), 2);
}

static void limit_several(void *arg)
{
	const uint64_t sent[] = { 0, 1, 2, 3 };
	kc_chan *c = make(sizeof(uint64_t), 2);
	const int64_t at = kc_now();
	uint64_t got[4];
	kc_ctx *ctx;

	(void)arg;
	expect_int(kc_recv_n_timeout(c, got, 4, HOUR), -ETIMEDOUT);
	expect_int(kc_now() - at, HOUR);
	/* Two at once, and two when there is room. */
	must_int(kc_go(take_two_later, c), 0);
	expect_int(kc_send_n_timeout(c, sent, 4, HOUR), 4);
	expect_int(kc_now() - at, HOUR + 10 * MINUTE);
	expect_int(kc_send_n_timeout(c, sent, 4, HOUR), -ETIMEDOUT);
	expect_int(kc_now() - at, 2 * HOUR + 10 * MINUTE);
	expect_int(kc_recv_n_timeout(c, got, 1, HOUR), 1);
	expect_int(kc_send_n_timeout(c, sent, 4, HOUR), 1);
	expect_int(kc_now() - at, 3 * HOUR + 10 * MINUTE);
	expect_int(kc_recv_n_timeout(c, NULL, 4, HOUR), 2);
	expect_int(kc_recv_n_timeout(c, NULL, 4, HOUR), -ETIMEDOUT);
	must_int(kc_with_timeout(&ctx, NULL, HOUR), 0);
	expect_int(kc_send_n_ctx(ctx, c, sent, 4), 2);
	expect_int(kc_now() - at, 5 * HOUR + 10 * MINUTE);
	expect_int(kc_send_n_ctx(ctx, c, sent, 4), -ETIMEDOUT);
	kc_ctx_unref(ctx);
	/* One that waits for ever is let go when all others wait. */
	must_int(kc_go(take_two_later, c), 0);
	expect_int(kc_send_n(c, sent, 2), 2);
	expect_int(kc_now() - at, 5 * HOUR + 20 * MINUTE);
	kc_unref(c);
}

static void test_several(void)
{
	run(limit_several);
}

static void test_calls(void)
{
	run(limit_calls);
}

static void limit_selects(void *arg)
{
	kc_chan *a = make(sizeof(uint64_t), 1), *b = make(sizeof(uint64_t), 1);
	int64_t at = kc_now();
	uint64_t value;
	kc_case cases[3] = {
		kc_case_recv(a, &value), kc_case_recv(b, &value),
		kc_case_after(HOUR),
	};
	kc_case times[] = { kc_case_after(2 * HOUR), kc_case_after(HOUR) };

	(void)arg;
	expect_int(kc_select(cases, 3), 2);
	expect_int(kc_now() - at, HOUR);
	expect_int(kc_select_timeout(cases, 3, MINUTE), -ETIMEDOUT);
	expect_int(kc_select_deadline(cases, 3, at + HOUR + 3 * MINUTE),
		   -ETIMEDOUT);
	expect_int(kc_now() - at, HOUR + 3 * MINUTE);
	/* This time has passed. */
	expect_int(kc_select_deadline(cases, 3, at), -ETIMEDOUT);
	expect_int(kc_try_select(cases, 2), -EAGAIN);
	send_now(b, 9);
	expect_int(kc_select_timeout(cases, 3, MINUTE), 1);
	expect_int(value, 9);
	expect_int(kc_now() - at, HOUR + 3 * MINUTE);
	/* Only durations. */
	expect_int(kc_select(times, 2), 1);
	expect_int(kc_now() - at, 2 * HOUR + 3 * MINUTE);
	kc_unref(a);
	kc_unref(b);
}

static void select_many(void *arg)
{
	kc_chan *c = make(sizeof(uint64_t), 1);
	kc_case cases[64];
	uint64_t value;
	int i;

	(void)arg;
	for (i = 0; i < 64; i++)
		cases[i] = kc_case_recv(c, &value);
	expect_int(kc_select_timeout(cases, 64, HOUR), -E2BIG);
	expect_int(kc_select_timeout(cases, 63, HOUR), -ETIMEDOUT);
	kc_unref(c);
}

static void test_selects(void)
{
	run(limit_selects);
	run(select_many);
}

static void contexts(void *arg)
{
	const int64_t at = kc_now();
	kc_chan *c = make(sizeof(uint64_t), 0), *over;
	kc_ctx *ctx = with_timeout(NULL, HOUR), *below = cancellable(ctx);
	uint64_t value;
	kc_case cases[2];

	(void)arg;
	over = done(below);
	cases[0] = kc_case_recv(c, &value);
	cases[1] = kc_case_done(ctx);
	expect_int(kc_sleep_ctx(ctx, MINUTE), 0);
	expect_int(kc_now() - at, MINUTE);
	expect_int(kc_recv_ctx(below, c, &value), -ETIMEDOUT);
	expect_int(kc_now() - at, HOUR);
	expect_int(kc_recv(over, NULL), 0);
	expect_int(kc_select(cases, 2), 1);
	expect_int(cases[1].status, -ETIMEDOUT);
	expect_int(kc_sleep_ctx(ctx, MINUTE), -ETIMEDOUT);
	expect_int(kc_now() - at, HOUR);
	kc_ctx_unref(below);
	kc_ctx_unref(ctx);
	kc_unref(c);
}

/* The done channel is closed, even if nobody checks the context. */
static void wait_for_done(void *arg)
{
	const int64_t at = kc_now();
	kc_ctx *ctx = with_timeout(NULL, HOUR);

	(void)arg;
	expect_int(kc_recv(done(ctx), NULL), 0);
	expect_int(kc_now() - at, HOUR);
	kc_ctx_unref(ctx);
}

static void test_contexts(void)
{
	run(contexts);
	run(wait_for_done);
}

struct pair {
	kc_chan *jobs, *results;
};

static void work(void *arg)
{
	struct pair *p = arg;
	uint64_t job;

	kc_for_each(p->jobs, &job) {
		kc_sleep(job * MINUTE);
		must_int(kc_send(p->results, &job), 0);
	}
}

/* They are done in parallel: the results come in the order of their times. */
static void pool(void *arg)
{
	struct pair p = { make(sizeof(uint64_t), 8), make(sizeof(uint64_t), 0) };
	const int64_t at = kc_now();
	uint64_t job, result = 0;
	int i;

	(void)arg;
	for (i = 0; i < 8; i++)
		must_int(kc_go(work, &p), 0);
	for (job = 1; job <= 8; job++)
		must_int(kc_send(p.jobs, &job), 0);
	for (job = 1; job <= 8; job++) {
		must_int(kc_recv(p.results, &result), 1);
		expect_int(result, job);
		expect_int(kc_now() - at, (int64_t)job * MINUTE);
	}
	kc_close(p.jobs);
	kc_synctest_wait();
	kc_unref(p.jobs);
	kc_unref(p.results);
}

static void test_pool(void)
{
	const unsigned long rounds = tap_scale(10);
	unsigned long i;

	for (i = 0; i < rounds; i++)
		run(pool);
}

/* It always answers at once, so the limit is never reached. */
static void answer(void *arg)
{
	struct pair *p = arg;
	uint64_t job;

	kc_for_each(p->jobs, &job)
		must_int(kc_send(p->results, &job), 0);
}

static void ask(void *arg)
{
	struct pair p = { make(sizeof(uint64_t), 0), make(sizeof(uint64_t), 0) };
	const int64_t at = kc_now();
	uint64_t job, result;

	(void)arg;
	must_int(kc_go(answer, &p), 0);
	must_int(kc_go(answer, &p), 0);
	for (job = 1; job <= 100; job++) {
		must_int(kc_send_timeout(p.jobs, &job, 1), 0);
		must_int(kc_recv_timeout(p.results, &result, 1), 1);
		expect_int(result, job);
	}
	expect_int(kc_now() - at, 0);
	kc_close(p.jobs);
	kc_synctest_wait();
	kc_unref(p.jobs);
	kc_unref(p.results);
}

static void test_never_early(void)
{
	const unsigned long rounds = tap_scale(10);
	unsigned long i;

	for (i = 0; i < rounds; i++)
		run(ask);
}

static void *write_later(void *arg)
{
	const uint64_t one = 1;

	sleep_ms(200);
	must_int(write(*(int *)arg, &one, sizeof(one)), sizeof(one));
	return NULL;
}

static void wait_for_descriptor(void *arg)
{
	const int64_t at = kc_now();
	int fd = *(int *)arg;
	kc_case cases[] = { kc_case_fd(fd, EPOLLIN), kc_case_after(HOUR) };

	expect_int(kc_select(cases, 2), 0);
	expect_int(kc_now() - at, 0);
}

/* The outside of the process is not seen, so the clock does not leap. */
static void test_descriptor(void)
{
	int fd = eventfd(0, 0);
	pid_t pid;

	must(fd >= 0);
	pid = fork();
	must(pid >= 0);
	if (!pid) {
		write_later(&fd);
		_exit(0);
	}
	must_int(kc_synctest(wait_for_descriptor, &fd), 0);
}

static const struct tap_test tests[] = {
	{ "an hour's ticker", test_ticker },
	{ "timers", test_timers },
	{ "calls with limits", test_calls },
	{ "calls for several elements", test_several },
	{ "selects with limits", test_selects },
	{ "contexts", test_contexts },
	{ "workers that take their time", test_pool },
	{ "no limit passes too early", test_never_early },
	{ "a descriptor that is no channel", test_descriptor },
};

TAP_MAIN(tests)
