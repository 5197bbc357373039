// SPDX-License-Identifier: GPL-2.0-only
/*
 * Waiting with a context: its channel, its case in a select, and calls with a context.
 */
#include <poll.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <unistd.h>

#include "contexts.h"
#include "task.h"

static void test_done(void)
{
	kc_ctx *top = cancellable(NULL), *ctx = cancellable(top);
	unsigned int before = count_fds();
	struct call call;
	kc_chan *c = done(ctx);

	/* There is one channel, and it belongs to the context. */
	expect(done(ctx) == c);
	expect_int(count_fds(), before + 2);
	expect_int(kc_elem_size(c), 0);
	expect_int(kc_try_recv(c, NULL), -EAGAIN);
	expect_int(kc_close(c), -EBADF);
	expect_int(kc_try_send(c, NULL), -EBADF);
	call_recv(&call, c);
	expect_int(kc_cancel(top), 0);
	expect_int(call_end(&call), 0);
	expect_int(kc_try_recv(c, NULL), 0);
	expect(done(ctx) == c);
	/* Asked for after the cancellation. */
	expect_int(kc_try_recv(done(top), NULL), 0);
	kc_ref(c);
	kc_ctx_unref(ctx);
	kc_ctx_unref(top);
	expect_int(kc_try_recv(c, NULL), 0);
	kc_unref(c);
	/* No channel is kept for later. */
	expect_int(count_fds(), before);
	ctx = with_timeout(NULL, 0);
	expect_int(kc_try_recv(done(ctx), NULL), 0);
	kc_ctx_unref(ctx);
	expect_int(count_fds(), before);

	/* Dropped without a cancellation: then nobody can cancel it any more. */
	ctx = cancellable(NULL);
	c = kc_ref(done(ctx));
	expect_int(kc_try_recv(c, NULL), -EAGAIN);
	kc_ctx_unref(ctx);
	expect_int(kc_try_recv(c, NULL), 0);
	kc_unref(c);
	expect_int(count_fds(), before);
}

/* A value's channel is that of the context above it. */
static void test_done_of_value(void)
{
	kc_ctx *ctx = cancellable(NULL), *value, *low;
	int key;

	must_int(kc_with_value(&value, ctx, &key, NULL, NULL), 0);
	low = cancellable(value);
	expect(done(value) == done(ctx));
	expect(done(low) != done(ctx));
	kc_ctx_unref(ctx);
	kc_ctx_unref(value);
	kc_ctx_unref(low);
}

/* Only the library's own thread can close it. */
static void test_done_at_deadline(void)
{
	kc_ctx *top = with_timeout(NULL, SOON), *ctx = cancellable(top);
	kc_ctx *late = with_timeout(ctx, LATE);
	struct pollfd fd = { kc_fd(done(late)), POLLIN, 0 };

	expect_int(poll(&fd, 1, tap_patience() * 1000), 1);
	expect(fd.revents & POLLIN);
	expect_int(kc_ctx_err(late), -ETIMEDOUT);
	expect_int(kc_try_recv(done(ctx), NULL), 0);
	kc_ctx_unref(late);
	kc_ctx_unref(ctx);
	kc_ctx_unref(top);
}

static void test_epoll(void)
{
	kc_ctx *ctx = cancellable(NULL);
	struct epoll_event event = { .events = EPOLLIN };
	int ep = epoll_create1(0);

	must_int(epoll_ctl(ep, EPOLL_CTL_ADD, kc_fd(done(ctx)), &event), 0);
	expect_int(epoll_wait(ep, &event, 1, 0), 0);
	expect_int(kc_cancel(ctx), 0);
	expect_int(epoll_wait(ep, &event, 1, 0), 1);
	kc_ctx_unref(ctx);
}

struct calling {
	kc_ctx *ctx;
	kc_chan *c;
	int which;
	long ret;
	uint64_t value;
	pthread_t thread;
	atomic_int tid;
};

enum { SEND, RECV, SEND_MSG, RECV_MSG, SELECT, NOTHING, SLEEP, CALLS };

static void *call_thread(void *arg)
{
	struct calling *x = arg;
	kc_case cases[2];

	atomic_store(&x->tid, gettid());
	switch (x->which) {
	case SEND:
		x->ret = kc_send_ctx(x->ctx, x->c, &x->value);
		break;
	case RECV:
		x->ret = kc_recv_ctx(x->ctx, x->c, &x->value);
		break;
	case SEND_MSG:
		x->ret = kc_send_msg_ctx(x->ctx, x->c, &x->value, 8);
		break;
	case RECV_MSG:
		x->ret = kc_recv_msg_ctx(x->ctx, x->c, &x->value, 8);
		break;
	case SELECT:
		cases[0] = kc_case_after(20 * LATE);
		cases[1] = kc_case_recv(x->c, &x->value);
		x->ret = kc_select_ctx(x->ctx, cases, 2);
		break;
	case NOTHING:
		x->ret = kc_recv_ctx(x->ctx, NULL, &x->value);
		break;
	case SLEEP:
		x->ret = kc_sleep_ctx(x->ctx, 20 * LATE);
		break;
	}
	return NULL;
}

static void begin(struct calling *x, kc_ctx *ctx, kc_chan *c, int which)
{
	*x = (struct calling){ .ctx = ctx, .c = c, .which = which, .value = 7 };
	x->thread = start(call_thread, x);
	until(atomic_load(&x->tid));
}

/* Waits until the call waits in the kernel. */
static void await_blocked(struct calling *x)
{
	switch (x->which) {
	case SEND:
	case SEND_MSG:
		wait_senders(x->c, 1);
		break;
	case RECV:
	case RECV_MSG:
	case SELECT:
		wait_receivers(x->c, 1);
		break;
	default:
		until(is_asleep(atomic_load(&x->tid)));
	}
}

static long ended(struct calling *x)
{
	join(x->thread);
	return x->ret;
}

static kc_chan *chan_for(int which)
{
	return which == SEND_MSG || which == RECV_MSG ? make_messages(8, 0) :
							make(8, 0);
}

static void test_cancelled(void)
{
	struct calling x;
	kc_ctx *top, *ctx;
	kc_chan *c;
	int which, again;

	for (which = 0; which < CALLS; which++) {
		tap_about("call %d", which);
		top = cancellable(NULL);
		ctx = cancellable(top);
		c = chan_for(which);
		/* In the second round, the channel exists already. */
		for (again = 0; again < 2; again++) {
			begin(&x, ctx, c, which);
			await_blocked(&x);
			expect_int(kc_cancel(top), 0);
			expect_int(ended(&x), -ECANCELED);
			wait_senders(c, 0);
			wait_receivers(c, 0);
			kc_ctx_unref(ctx);
			kc_ctx_unref(top);
			top = cancellable(NULL);
			ctx = cancellable(top);
			done(ctx);
		}
		kc_ctx_unref(ctx);
		kc_ctx_unref(top);
		kc_unref(c);
	}
}

static void test_timed_out(void)
{
	struct calling x;
	kc_ctx *top, *ctx;
	int64_t from;
	kc_chan *c;
	int which;

	for (which = 0; which < CALLS; which++) {
		tap_about("call %d", which);
		from = tap_now_ns();
		top = with_timeout(NULL, SOON);
		ctx = with_timeout(top, LATE);
		c = chan_for(which);
		begin(&x, ctx, c, which);
		expect_int(ended(&x), -ETIMEDOUT);
		expect(tap_now_ns() - from >= SOON);
		expect_int(kc_ctx_err(top), -ETIMEDOUT);
		wait_senders(c, 0);
		wait_receivers(c, 0);
		kc_ctx_unref(ctx);
		kc_ctx_unref(top);
		kc_unref(c);
	}
	/* All this needs no thread. */
	expect_threads(1);
}

/* The calls send and receive. */
static void test_meet(void)
{
	kc_ctx *ctx = with_timeout(NULL, LATE);
	struct calling x;
	struct call call;
	char text[8] = "";
	kc_chan *c;

	c = chan_for(SEND);
	begin(&x, ctx, c, SEND);
	await_blocked(&x);
	expect_int(recv_now(c), 7);
	expect_int(ended(&x), 0);
	begin(&x, ctx, c, RECV);
	await_blocked(&x);
	send_now(c, 9);
	expect_int(ended(&x), 1);
	expect_int(x.value, 9);
	begin(&x, ctx, c, SELECT);
	await_blocked(&x);
	send_now(c, 9);
	expect_int(ended(&x), 1);
	begin(&x, ctx, c, SELECT);
	await_blocked(&x);
	expect_int(kc_close(c), 0);
	expect_int(ended(&x), 1);
	expect_int(kc_send_ctx(ctx, c, &x.value), -EPIPE);
	expect_int(kc_recv_ctx(ctx, c, &x.value), 0);
	kc_unref(c);

	c = chan_for(RECV_MSG);
	begin(&x, ctx, c, SEND_MSG);
	await_blocked(&x);
	expect_int(kc_try_recv_msg(c, text, 8), 8);
	expect_int(ended(&x), 0);
	begin(&x, ctx, c, RECV_MSG);
	await_blocked(&x);
	must_int(kc_try_send_msg(c, "three", 5), 0);
	expect_int(ended(&x), 5);
	expect(!memcmp(&x.value, "three", 5));
	expect_int(kc_send_msg_ctx(ctx, c, text, 0), -EINVAL);
	expect_int(kc_send_msg_ctx(ctx, c, text, 9), -EMSGSIZE);
	expect_int(kc_send_ctx(ctx, c, text), -EINVAL);
	expect_int(kc_close(c), 0);
	expect_int(kc_recv_msg_ctx(ctx, c, text, 8), 0);
	kc_unref(c);

	/* With a context that cannot be cancelled it works as without one. */
	c = chan_for(SEND);
	call_recv(&call, c);
	expect_int(kc_send_ctx(NULL, c, &x.value), 0);
	expect_int(call_end(&call), 1);
	call_send(&call, c, 4);
	expect_int(kc_recv_ctx(kc_background(), c, &x.value), 1);
	expect_int(call_end(&call), 0);
	expect_int(x.value, 4);
	kc_unref(c);
	kc_ctx_unref(ctx);
}

/*
 * A ready operation is done, and makes no channel. After the cancellation it is not
 * done.
 */
static void test_at_once(void)
{
	kc_ctx *ctx = cancellable(NULL);
	kc_chan *c = make(8, 2);
	unsigned int before;
	uint64_t value = 3;
	kc_case cases[2];

	before = count_fds();
	cases[0] = kc_case_recv(c, &value);
	cases[1] = kc_case_after(LATE);
	expect_int(kc_send_ctx(ctx, c, &value), 0);
	expect_int(kc_send_ctx(ctx, c, &value), 0);
	expect_int(kc_recv_ctx(ctx, c, &value), 1);
	expect_int(kc_select_ctx(ctx, cases, 2), 0);
	cases[1].duration = 0;
	expect_int(kc_select_ctx(ctx, cases, 2), 1);
	expect_int(count_fds(), before);
	cases[1].duration = SOON;
	expect_int(kc_select_ctx(ctx, cases, 2), 1);
	expect_int(count_fds(), before + 2);
	send_now(c, 1);
	expect_int(kc_cancel(ctx), 0);
	expect_int(kc_recv_ctx(ctx, c, &value), -ECANCELED);
	expect_int(kc_send_ctx(ctx, c, &value), -ECANCELED);
	expect_int(kc_select_ctx(ctx, cases, 2), -ECANCELED);
	expect_int(kc_len(c), 1);
	kc_ctx_unref(ctx);
	kc_unref(c);
}

static void test_case(void)
{
	kc_ctx *top = cancellable(NULL), *ctx = cancellable(top);
	kc_ctx *timed = with_timeout(ctx, SOON), *never = with_timeout(NULL, LATE);
	kc_chan *c = make(8, 1);
	unsigned int seen = 0;
	uint64_t value;
	int64_t from;
	kc_case cases[] = {
		kc_case_done(NULL),
		kc_case_done(kc_background()),
		kc_case_recv(c, &value),
		kc_case_done(never),
		kc_case_done(timed),
	};
	int i;

	from = tap_now_ns();
	expect_int(kc_select(cases, 5), 4);
	expect(tap_now_ns() - from < LATE);
	expect_int(cases[4].status, -ETIMEDOUT);
	expect_int(cases[4].len, 0);
	expect_int(kc_try_select(cases, 5), 4);
	expect_int(cases[4].status, -ETIMEDOUT);
	expect_int(kc_try_select(cases, 4), -EAGAIN);
	expect_int(kc_select_timeout(cases, 4, SOON), -ETIMEDOUT);
	/* The context is one of the ready cases, and equally likely. */
	for (i = 0; i < 200; i++) {
		if (!kc_len(c))
			send_now(c, 1);
		seen |= 1U << kc_select(cases, 5);
	}
	expect_int(seen, 1 << 2 | 1 << 4);

	cases[0] = kc_case_done(ctx);
	cases[4] = kc_case_after(LATE);
	if (!kc_len(c))
		send_now(c, 1);
	expect_int(kc_select(cases, 5), 2);
	expect_int(kc_cancel(ctx), 0);
	expect_int(kc_select(cases, 5), 0);
	expect_int(cases[0].status, -ECANCELED);
	/* Each in a context of its own. */
	cases[0] = kc_case_done(never);
	cases[4] = kc_case_done(top);
	expect_int(kc_cancel(never), 0);
	expect_int(kc_select_ctx(top, cases, 5) % 3, 0);
	expect_int(kc_cancel(top), 0);
	expect_int(kc_select_ctx(top, cases, 5), -ECANCELED);
	kc_ctx_unref(top);
	kc_ctx_unref(ctx);
	kc_ctx_unref(timed);
	kc_ctx_unref(never);
	kc_unref(c);
}

/*
 * Deadlines of contexts, of the select and durations of its cases: the earliest counts.
 */
static void test_times(void)
{
	kc_ctx *soon = with_timeout(NULL, SOON), *late = with_timeout(NULL, LATE);
	kc_case cases[] = {
		kc_case_done(late),
		kc_case_after(SOON),
		kc_case_done(soon),
	};

	expect_int(kc_select(cases, 2), 1);
	expect_int(kc_select_timeout(cases, 1, SOON), -ETIMEDOUT);
	expect_int(kc_select_ctx(soon, cases, 1), -ETIMEDOUT);
	expect_int(kc_select_ctx(late, &cases[2], 1), 0);
	expect_int(cases[2].status, -ETIMEDOUT);
	expect_int(kc_select_timeout(cases, 3, LATE), 2);
	kc_ctx_unref(soon);
	soon = with_timeout(NULL, SOON);
	cases[2] = kc_case_done(soon);
	cases[1].duration = LATE;
	expect_int(kc_select(cases, 3), 2);
	expect_int(cases[2].status, -ETIMEDOUT);
	kc_ctx_unref(soon);
	kc_ctx_unref(late);
}

static void test_sleep(void)
{
	kc_ctx *ctx = with_timeout(NULL, LATE);
	int64_t from = tap_now_ns();

	expect_int(kc_sleep_ctx(ctx, SOON), 0);
	expect(tap_now_ns() - from >= SOON);
	expect_int(kc_sleep_ctx(ctx, 0), 0);
	kc_ctx_unref(ctx);
}

static void test_limits(void)
{
	kc_ctx *ctx = cancellable(NULL);
	kc_case cases[64];
	kc_chan *c = make(8, 0), *d = NULL;
	struct rlimit few;
	uint64_t value;
	size_t i;

	for (i = 0; i < 64; i++)
		cases[i] = kc_case_recv(c, &value);
	expect_int(kc_select_ctx(ctx, cases, 64), -E2BIG);
	expect_int(kc_cancel(ctx), 0);
	expect_int(kc_select_ctx(ctx, cases, 64), -ECANCELED);
	kc_ctx_unref(ctx);
	ctx = with_timeout(NULL, SOON);
	expect_int(kc_select_ctx(ctx, cases, 63), -ETIMEDOUT);
	kc_ctx_unref(ctx);
	ctx = cancellable(NULL);
	cases[63] = kc_case_done(ctx);
	expect_int(kc_try_select(cases, 64), -EAGAIN);
	kc_ctx_unref(ctx);

	ctx = cancellable(NULL);
	must_int(getrlimit(RLIMIT_NOFILE, &few), 0);
	few.rlim_cur = count_fds() + 1;
	must_int(setrlimit(RLIMIT_NOFILE, &few), 0);
	expect_int(kc_ctx_done(&d, ctx), -EMFILE);
	expect_int(kc_recv_ctx(ctx, c, &value), -EMFILE);
	/* It needs a channel only together with a channel. */
	cases[0] = kc_case_done(ctx);
	expect_int(kc_try_select(cases, 1), -EAGAIN);
	expect_int(kc_try_select(cases, 2), -EMFILE);
	expect_int(cases[0].status, -EMFILE);
	/* It still works after the failure. */
	few.rlim_cur += 10;
	must_int(setrlimit(RLIMIT_NOFILE, &few), 0);
	expect_int(kc_try_select(cases, 2), -EAGAIN);
	kc_ctx_unref(ctx);
	kc_unref(c);
}

/* Waits, calls of kc_ctx_done() and cancellations, all at the same time. */
struct storm {
	kc_chan *c;
	kc_ctx *ctx;
	pthread_barrier_t together;
	unsigned long rounds;
};

static void *recv_often(void *arg)
{
	struct storm *s = arg;
	unsigned long i;
	uint64_t value;

	for (i = 0; i < s->rounds; i++) {
		pthread_barrier_wait(&s->together);
		if (kc_recv_ctx(s->ctx, s->c, &value) != -ECANCELED)
			tap_fail(__FILE__, __LINE__, "not cancelled");
		pthread_barrier_wait(&s->together);
	}
	return NULL;
}

static void *done_often(void *arg)
{
	struct storm *s = arg;
	unsigned long i;

	for (i = 0; i < s->rounds; i++) {
		pthread_barrier_wait(&s->together);
		if (kc_recv(done(s->ctx), NULL) != 0)
			tap_fail(__FILE__, __LINE__, "not closed");
		pthread_barrier_wait(&s->together);
	}
	return NULL;
}

static void test_storm(void)
{
	struct storm s = { .c = make(8, 0), .rounds = tap_scale(500) };
	pthread_t threads[3];
	unsigned long i;
	size_t t;

	must_int(pthread_barrier_init(&s.together, NULL, 4), 0);
	for (t = 0; t < ARRAY_SIZE(threads); t++)
		threads[t] = start(t ? recv_often : done_often, &s);
	for (i = 0; i < s.rounds; i++) {
		s.ctx = cancellable(NULL);
		pthread_barrier_wait(&s.together);
		if (i % 2)
			kc_sleep(i % 100 * KC_MICROSECOND);
		kc_cancel(s.ctx);
		pthread_barrier_wait(&s.together);
		kc_ctx_unref(s.ctx);
	}
	for (t = 0; t < ARRAY_SIZE(threads); t++)
		join(threads[t]);
	kc_unref(s.c);
}

/* So many channels that closing them takes a while. */
#define FAMILY	200

static void *cancel_it(void *ctx)
{
	expect_int(kc_cancel(ctx), 0);
	return NULL;
}

/* Expects that the error and the closed channel are seen together, and then always. */
static void see_cancelled(kc_ctx *ctx, kc_chan *c, bool ask)
{
	kc_case one = kc_case_done(ctx);

	/*
	 * The second one to cancel it: it returns after the first one has closed the
	 * channel.
	 */
	if (!ask)
		expect_int(kc_cancel(ctx), 0);
	while (!kc_ctx_err(ctx))
		;
	expect_int(kc_try_recv(c, NULL), 0);
	expect_int(kc_try_select(&one, 1), 0);
	expect_int(one.status, -ECANCELED);
}

static void *await_closed(void *arg)
{
	kc_ctx *ctx = arg;

	expect_int(kc_recv(done(ctx), NULL), 0);
	expect_int(kc_ctx_err(ctx), -ECANCELED);
	return NULL;
}

/* One thread cancels all contexts, and the others watch. */
static void test_err_and_done(void)
{
	const unsigned long rounds = tap_scale(20);
	kc_ctx *top, *child[FAMILY];
	kc_chan *c[FAMILY];
	pthread_t canceller, waiter;
	unsigned long round;
	int i;

	for (round = 0; round < rounds; round++) {
		top = cancellable(NULL);
		for (i = 0; i < FAMILY; i++) {
			child[i] = cancellable(top);
			c[i] = done(child[i]);
		}
		waiter = start(await_closed, child[FAMILY / 2]);
		wait_receivers(c[FAMILY / 2], 1);
		i = round * 7 % FAMILY;
		canceller = start(cancel_it, top);
		while (!kc_ctx_err(top))
			;
		see_cancelled(child[i], c[i], round % 2 == 0);
		join(canceller);
		join(waiter);
		for (i = 0; i < FAMILY; i++)
			kc_ctx_unref(child[i]);
		kc_ctx_unref(top);
	}
}

static const struct tap_test tests[] = {
	{ "its channel", test_done },
	{ "its channel, of a value", test_done_of_value },
	{ "its channel, at a deadline", test_done_at_deadline },
	{ "its channel, in epoll", test_epoll },
	{ "calls are cancelled", test_cancelled },
	{ "calls are over at the deadline", test_timed_out },
	{ "calls do what they are for", test_meet },
	{ "calls that need not wait", test_at_once },
	{ "a case of a select", test_case },
	{ "several times in a select", test_times },
	{ "sleep", test_sleep },
	{ "limits", test_limits },
	{ "cancelled, and closed", test_err_and_done },
	{ "all at the same time", test_storm },
};

TAP_MAIN(tests)
