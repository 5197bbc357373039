// SPDX-License-Identifier: GPL-2.0-only
/*
 * Several elements in one call: kc_send_n(), kc_recv_n() and their forms.
 */
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdlib.h>

#include "common.h"

#define NR	100

/* More than a call of the kernel moves under one hold. */
#define MANY	5000

/* How many elements, of which the first is @first: each is one more than the last. */
static void expect_run(const uint64_t *elems, size_t nr, uint64_t first)
{
	size_t i;

	for (i = 0; i < nr; i++)
		if (elems[i] != first + i)
			break;
	expect_int(i, nr);
}

static uint64_t *numbers(size_t nr)
{
	uint64_t *elems = malloc(nr * sizeof(*elems));
	size_t i;

	must(elems != NULL);
	for (i = 0; i < nr; i++)
		elems[i] = i;
	return elems;
}

/* A call in a thread of its own: see struct call. */
struct batch {
	kc_chan *c;
	uint64_t *elems;
	size_t nr;
	ssize_t ret;
	pthread_t thread;
};

static void *send_thread(void *arg)
{
	struct batch *b = arg;

	b->ret = kc_send_n(b->c, b->elems, b->nr);
	return NULL;
}

static void *recv_thread(void *arg)
{
	struct batch *b = arg;

	b->ret = kc_recv_n(b->c, b->elems, b->nr);
	return NULL;
}

/* They are to wait when this returns. */
static void begin_send(struct batch *b, kc_chan *c, uint64_t *elems, size_t nr)
{
	*b = (struct batch){ .c = c, .elems = elems, .nr = nr };
	b->thread = start(send_thread, b);
	wait_senders(c, 1);
}

static void begin_recv(struct batch *b, kc_chan *c, uint64_t *elems, size_t nr)
{
	*b = (struct batch){ .c = c, .elems = elems, .nr = nr };
	b->thread = start(recv_thread, b);
	wait_receivers(c, 1);
}

static ssize_t end(struct batch *b)
{
	join(b->thread);
	return b->ret;
}

static void test_all_at_once(void)
{
	uint64_t sent[NR], got[NR + 1] = { 0 };
	kc_chan *c = make(8, NR);
	size_t i;

	for (i = 0; i < NR; i++)
		sent[i] = i;
	expect_int(kc_send_n(c, sent, NR), NR);
	expect_int(kc_len(c), NR);
	expect_int(kc_recv_n(c, got, 1), 1);
	expect_int(kc_recv_n(c, got + 1, 9), 9);
	/* It does not wait for what is not there. */
	expect_int(kc_recv_n(c, got + 10, NR), NR - 10);
	expect_run(got, NR, 0);
	kc_unref(c);
}

/* The send goes on until all are sent. */
static void test_send_waits(void)
{
	static const size_t caps[] = { 0, 1, 64 };
	uint64_t *sent = numbers(MANY), *got = calloc(MANY, sizeof(*got));
	struct batch b;
	kc_chan *c;
	size_t i, nr;
	ssize_t n;

	must(got != NULL);
	for (i = 0; i < ARRAY_SIZE(caps); i++) {
		tap_about("capacity %zu", caps[i]);
		c = make(8, caps[i]);
		begin_send(&b, c, sent, MANY);
		for (nr = 0; nr < MANY; nr += (size_t)n) {
			n = kc_recv_n(c, got + nr, MANY - nr);
			must(n > 0);
		}
		expect_int(end(&b), MANY);
		expect_run(got, MANY, 0);
		kc_unref(c);
	}
	free(sent);
	free(got);
}

/* The receive takes the first that comes, and no second. */
static void test_recv_waits(void)
{
	uint64_t got[4] = { 0 };
	kc_chan *c = make(8, 4);
	struct batch b;

	begin_recv(&b, c, got, 4);
	send_now(c, 7);
	expect_int(end(&b), 1);
	expect_int(got[0], 7);
	expect_int(got[1], 0);
	kc_unref(c);
}

static void test_try(void)
{
	uint64_t sent[] = { 0, 1, 2, 3, 4, 5 }, got[6] = { 0 };
	/* Their first use is a call that does not wait. */
	kc_chan *c = make(8, 4), *none = make(8, 0);
	struct batch b;
	ssize_t nr;

	expect_int(kc_try_recv_n(none, got, 6), -EAGAIN);
	expect_int(kc_try_send_n(c, sent, 6), 4);
	expect_int(kc_try_send_n(c, sent, 6), -EAGAIN);
	expect_int(kc_try_recv_n(c, got, 3), 3);
	expect_int(kc_try_recv_n(c, got + 3, 3), 1);
	expect_run(got, 4, 0);
	expect_int(kc_try_recv_n(c, got, 6), -EAGAIN);
	expect_int(kc_try_send_n(c, sent, 4), 4);

	/* Who waits is met: with one element at a time. */
	begin_send(&b, c, sent + 4, 2);
	nr = kc_try_recv_n(c, got, 6);
	expect(nr == 5 || nr == 6);
	expect_int(end(&b), 2);
	if (nr == 5)
		expect_int(kc_try_recv_n(c, got + 5, 6), 1);
	expect_run(got, 6, 0);
	begin_recv(&b, none, got, 6);
	expect_int(kc_try_send_n(none, sent, 6), 1);
	expect_int(end(&b), 1);
	begin_send(&b, none, sent, 6);
	expect_int(kc_try_recv_n(none, got, 1), 1);
	must_int(kc_close(none), 0);
	expect_int(end(&b), 1);
	kc_unref(c);
	kc_unref(none);
}

static void test_timed(void)
{
	uint64_t sent[] = { 0, 1, 2, 3, 4, 5 }, got[6] = { 0 };
	const int64_t begin = tap_now_ns();
	kc_chan *c = make(8, 4);

	expect_int(kc_recv_n_timeout(c, got, 6, 0), -ETIMEDOUT);
	expect_int(kc_recv_n_timeout(c, got, 6, 20 * KC_MILLISECOND), -ETIMEDOUT);
	/* What can be sent is sent, and the time is for all of them. */
	expect_int(kc_send_n_timeout(c, sent, 6, 20 * KC_MILLISECOND), 4);
	expect_int(kc_send_n_timeout(c, sent, 6, 20 * KC_MILLISECOND), -ETIMEDOUT);
	expect(tap_now_ns() - begin >= 60 * KC_MILLISECOND);
	expect_int(kc_send_n_timeout(c, sent, 6, -1), -ETIMEDOUT);
	expect_int(kc_recv_n_timeout(c, got, 3, INT64_MIN), 3);
	expect_int(kc_recv_n_timeout(c, got + 3, 3, KC_SECOND), 1);
	expect_run(got, 4, 0);
	kc_unref(c);
}

static void *send_timed(void *arg)
{
	struct batch *b = arg;

	b->ret = kc_send_n_timeout(b->c, b->elems, b->nr, INT64_MAX);
	return NULL;
}

static void *recv_timed(void *arg)
{
	struct batch *b = arg;

	b->ret = kc_recv_n_timeout(b->c, b->elems, b->nr, INT64_MAX);
	return NULL;
}

static void test_timed_waits(void)
{
	uint64_t *sent = numbers(NR), got[NR] = { 0 };
	kc_chan *c = make(8, 4);
	struct batch b = { .c = c, .elems = sent, .nr = NR };
	size_t nr = 0, i;
	ssize_t n;

	b.thread = start(send_timed, &b);
	while (nr < NR) {
		wait_senders(c, nr + 5 <= NR ? 1 : 0);
		expect_int(kc_recv(c, &got[nr++]), 1);
	}
	expect_int(end(&b), NR);
	expect_run(got, NR, 0);

	/* Who has waited takes what is there by then: mostly all of it. */
	i = 0;
	do {
		must(i++ < NR);
		b = (struct batch){ .c = c, .elems = got, .nr = NR };
		b.thread = start(recv_timed, &b);
		wait_receivers(c, 1);
		expect_int(kc_send_n(c, sent, 3), 3);
		n = end(&b);
		must(n > 0);
		if (n < 3)
			expect_int(kc_try_recv_n(c, got + n, NR), 3 - n);
		expect_run(got, 3, 0);
	} while (n == 1);
	kc_unref(c);
	free(sent);
}

/* What was sent before counts, and the error comes with the next call. */
static void test_closed(void)
{
	uint64_t sent[] = { 0, 1, 2, 3, 4, 5 }, got[6] = { 0 };
	kc_chan *c = make(8, 4);
	struct batch b;

	begin_send(&b, c, sent, 6);
	must_int(kc_close(c), 0);
	expect_int(end(&b), 4);
	expect_int(kc_send_n(c, sent, 6), -EPIPE);
	expect_int(kc_try_send_n(c, sent, 6), -EPIPE);
	expect_int(kc_send_n_timeout(c, sent, 6, KC_SECOND), -EPIPE);
	expect_int(kc_recv_n(c, got, 3), 3);
	expect_int(kc_recv_n(c, got, 6), 1);
	expect_int(kc_recv_n(c, got, 6), 0);
	expect_int(kc_try_recv_n(c, got, 6), 0);
	expect_int(kc_recv_n_timeout(c, got, 6, KC_SECOND), 0);
	expect_int(kc_recv_n(c, NULL, 6), 0);
	kc_unref(c);
}

/* On an end that cannot, and on a channel that nobody receives from any more. */
static void test_ends(void)
{
	uint64_t elems[2] = { 1, 2 };
	kc_chan *in, *out;

	must_int(kc_make_pair(&out, &in, 8, 1), 0);
	expect_int(kc_send_n(out, elems, 2), -EBADF);
	expect_int(kc_try_send_n(out, elems, 2), -EBADF);
	expect_int(kc_recv_n(in, elems, 2), -EBADF);
	expect_int(kc_recv_n_timeout(in, elems, 2, KC_SECOND), -EBADF);
	expect_int(kc_recv_n(in, NULL, 2), -EBADF);
	kc_unref(out);
	expect_int(kc_send_n(in, elems, 2), -EPIPE);
	kc_unref(in);
}

static void test_refused(void)
{
	kc_chan *c = make(8, 4), *messages = make_messages(8, 4);
	uint64_t elem = 1;

	expect_int(kc_send_n(c, &elem, 0), 0);
	expect_int(kc_try_send_n(NULL, &elem, 0), 0);
	expect_int(kc_recv_n(c, &elem, 0), -EINVAL);
	expect_int(kc_recv_n(NULL, &elem, 0), -EINVAL);
	expect_int(kc_send_n(c, &elem, SIZE_MAX / 8), -EINVAL);
	expect_int(kc_try_recv_n(c, &elem, (size_t)SSIZE_MAX / 8 + 1), -EINVAL);
	expect_int(kc_send_n(messages, &elem, 1), -EINVAL);
	expect_int(kc_send_n(messages, &elem, 0), -EINVAL);
	expect_int(kc_try_send_n(messages, &elem, 1), -EINVAL);
	expect_int(kc_recv_n(messages, &elem, 1), -EINVAL);
	expect_int(kc_recv_n_timeout(messages, &elem, 1, 0), -EINVAL);
	expect_int(kc_send_n(c, NULL, 2), -EFAULT);
	expect_int(kc_try_send_n(c, NULL, 2), -EFAULT);
	expect_int(kc_len(c), 0);
	kc_unref(c);
	kc_unref(messages);
}

static void test_nil(void)
{
	uint64_t elem = 1;

	expect_int(kc_try_send_n(NULL, &elem, 1), -EAGAIN);
	expect_int(kc_try_recv_n(NULL, &elem, 1), -EAGAIN);
	expect_int(kc_send_n_timeout(NULL, &elem, 1, KC_MILLISECOND), -ETIMEDOUT);
	expect_int(kc_recv_n_timeout(NULL, &elem, 1, KC_MILLISECOND), -ETIMEDOUT);
}

/* chan struct{}: each is a call of the kernel. */
static void test_nothing(void)
{
	kc_chan *c = make(0, 4);

	expect_int(kc_try_send_n(c, NULL, 6), 4);
	expect_int(kc_try_send_n(c, NULL, 6), -EAGAIN);
	expect_int(kc_recv_n(c, NULL, 3), 3);
	expect_int(kc_recv_n_timeout(c, NULL, 3, 0), 1);
	expect_int(kc_send_n(c, NULL, 4), 4);
	expect_int(kc_send_n_timeout(c, NULL, 4, 0), -ETIMEDOUT);
	must_int(kc_close(c), 0);
	expect_int(kc_recv_n(c, NULL, 9), 4);
	expect_int(kc_recv_n(c, NULL, 9), 0);
	kc_unref(c);
}

/* Elements over a page are memory of their own in the kernel. */
static void test_large(void)
{
	enum { SIZE = 100000, COUNT = 7 };
	char *sent = malloc((size_t)SIZE * COUNT), *got = malloc((size_t)SIZE * COUNT);
	kc_chan *c = make(SIZE, COUNT);
	int i;

	must(sent && got);
	for (i = 0; i < COUNT; i++)
		memset(sent + (size_t)i * SIZE, 'a' + i, SIZE);
	expect_int(kc_send_n(c, sent, COUNT), COUNT);
	expect_int(kc_recv_n(c, got, COUNT), COUNT);
	expect(!memcmp(sent, got, (size_t)SIZE * COUNT));
	free(sent);
	free(got);
	kc_unref(c);
}

static void test_discarded(void)
{
	uint64_t *sent = numbers(NR);
	kc_chan *c = make(8, NR);
	struct call call;

	expect_int(kc_send_n(c, sent, NR), NR);
	expect_int(kc_recv_n(c, NULL, 10), 10);
	expect_int(recv_now(c), 10);
	expect_int(kc_try_recv_n(c, NULL, NR), NR - 11);
	expect_int(kc_try_recv_n(c, NULL, NR), -EAGAIN);
	expect_int(kc_recv_n_timeout(c, NULL, NR, KC_MILLISECOND), -ETIMEDOUT);
	kc_unref(c);
	c = make(8, 0);
	call_send(&call, c, 3);
	expect_int(kc_recv_n(c, NULL, 2), 1);
	expect_int(call_end(&call), 0);
	kc_unref(c);
	free(sent);
}

/* O_NONBLOCK on the descriptor does not matter. */
static void test_nonblock(void)
{
	uint64_t sent[] = { 0, 1, 2, 3, 4, 5 }, got[6] = { 0 };
	kc_chan *c = make(8, 2);
	struct batch b;

	must_int(fcntl(kc_fd(c), F_SETFL, O_NONBLOCK), 0);
	begin_send(&b, c, sent, 6);
	expect_int(kc_recv_n(c, got, 2), 2);
	wait_senders(c, 1);
	expect_int(kc_recv_n(c, got + 2, 2), 2);
	expect_int(kc_recv_n(c, got + 4, 1), 1);
	expect_int(end(&b), 6);
	expect_int(kc_recv_n(c, got + 5, 1), 1);
	expect_run(got, 6, 0);
	begin_recv(&b, c, got, 6);
	expect_int(kc_send_n(c, sent, 1), 1);
	expect_int(end(&b), 1);
	kc_unref(c);
}

static atomic_int handled;

static void handle(int sig)
{
	(void)sig;
	atomic_fetch_add(&handled, 1);
}

/* The kernel stops in the middle, with what has been sent. The call goes on. */
static void test_signals(void)
{
	const struct sigaction act = { .sa_handler = handle };
	uint64_t *sent = numbers(NR), got[NR] = { 0 };
	kc_chan *c = make(8, 4);
	struct batch b;
	size_t nr = 0;

	must_int(sigaction(SIGUSR1, &act, NULL), 0);
	begin_send(&b, c, sent, NR);
	while (nr < NR) {
		if (nr + 5 <= NR) {
			const int before = atomic_load(&handled);

			wait_senders(c, 1);
			must_int(pthread_kill(b.thread, SIGUSR1), 0);
			until(atomic_load(&handled) > before);
		}
		expect_int(kc_recv_n(c, got + nr, 1), 1);
		nr++;
	}
	expect_int(end(&b), NR);
	expect_run(got, NR, 0);

	begin_recv(&b, c, got, NR);
	must_int(pthread_kill(b.thread, SIGUSR1), 0);
	sleep_ms(20);
	wait_receivers(c, 1);
	send_now(c, 5);
	expect_int(end(&b), 1);
	expect_int(got[0], 5);
	kc_unref(c);
	free(sent);
}

/* Another thread drops the last reference while the call lasts. */
static void test_held(void)
{
	uint64_t sent[] = { 0, 1, 2, 3 }, got[4] = { 0 };
	kc_chan *in, *out;
	struct batch b;

	must_int(kc_make_pair(&out, &in, 8, 0), 0);
	begin_send(&b, in, sent, 4);
	kc_unref(in);
	expect_int(kc_recv(out, &got[0]), 1);
	expect_int(kc_recv(out, &got[1]), 1);
	expect_int(kc_recv(out, &got[2]), 1);
	expect_int(kc_recv(out, &got[3]), 1);
	expect_int(end(&b), 4);
	expect_run(got, 4, 0);
	expect_int(kc_recv(out, got), 0);
	kc_unref(out);
}

struct in_context {
	kc_ctx *ctx;
	struct batch b;
};

static void *send_in_context(void *arg)
{
	struct in_context *in = arg;

	in->b.ret = kc_send_n_ctx(in->ctx, in->b.c, in->b.elems, in->b.nr);
	return NULL;
}

static void *recv_in_context(void *arg)
{
	struct in_context *in = arg;

	in->b.ret = kc_recv_n_ctx(in->ctx, in->b.c, in->b.elems, in->b.nr);
	return NULL;
}

static void test_context(void)
{
	uint64_t sent[] = { 0, 1, 2, 3, 4, 5 }, got[6] = { 0 };
	kc_chan *c = make(8, 4), *messages = make_messages(8, 4);
	struct in_context in = { .b = { c, sent, 6, 0, 0 } };
	kc_ctx *ctx;

	/* One that cannot be cancelled. */
	expect_int(kc_send_n_ctx(NULL, c, sent, 4), 4);
	expect_int(kc_recv_n_ctx(NULL, c, got, 6), 4);
	expect_run(got, 4, 0);

	must_int(kc_with_cancel(&ctx, NULL), 0);
	in.ctx = ctx;
	expect_int(kc_send_n_ctx(ctx, c, sent, 3), 3);
	expect_int(kc_recv_n_ctx(ctx, c, got, 2), 2);
	expect_int(kc_recv_n_ctx(ctx, c, NULL, 2), 1);
	expect_int(kc_send_n_ctx(ctx, c, sent, 0), 0);
	expect_int(kc_recv_n_ctx(ctx, c, got, 0), -EINVAL);
	expect_int(kc_send_n_ctx(ctx, messages, sent, 1), -EINVAL);
	expect_int(kc_recv_n_ctx(ctx, messages, got, 1), -EINVAL);

	/* They wait, and go on. */
	in.b.thread = start(send_in_context, &in);
	wait_senders(c, 1);
	expect_int(kc_recv_n(c, got, 3), 3);
	expect_int(end(&in.b), 6);
	expect_int(kc_recv_n(c, got + 3, 3), 3);
	expect_run(got, 6, 0);
	in.b.elems = got;
	in.b.thread = start(recv_in_context, &in);
	wait_receivers(c, 1);
	expect_int(kc_send_n(c, sent + 2, 1), 1);
	expect_int(end(&in.b), 1);
	expect_int(got[0], 2);

	/* Cancelled, after four of them. */
	in.b.elems = sent;
	in.b.thread = start(send_in_context, &in);
	wait_senders(c, 1);
	kc_cancel(ctx);
	expect_int(end(&in.b), 4);
	expect_int(kc_send_n_ctx(ctx, c, sent, 6), -ECANCELED);
	expect_int(kc_recv_n_ctx(ctx, c, got, 6), -ECANCELED);
	expect_int(kc_len(c), 4);
	must_int(kc_close(c), 0);
	kc_ctx_unref(ctx);

	must_int(kc_with_timeout(&ctx, NULL, 100 * KC_SECOND), 0);
	expect_int(kc_send_n_ctx(ctx, c, sent, 6), -EPIPE);
	expect_int(kc_recv_n_ctx(ctx, c, got, 6), 4);
	expect_int(kc_recv_n_ctx(ctx, c, got, 6), 0);
	kc_ctx_unref(ctx);
	must_int(kc_with_timeout(&ctx, NULL, 10 * KC_MILLISECOND), 0);
	expect_int(kc_recv_n_ctx(ctx, NULL, got, 6), -ETIMEDOUT);
	expect_int(kc_send_n_ctx(ctx, NULL, sent, 6), -ETIMEDOUT);
	kc_ctx_unref(ctx);
	kc_unref(c);
	kc_unref(messages);
}

KC_CHAN_DEFINE(int_chan, uint64_t);

static void test_typed(void)
{
	uint64_t sent[] = { 0, 1, 2, 3, 4 }, got[5] = { 0 };
	int_chan *c = NULL;

	must_int(int_chan_make(&c, 4), 0);
	expect_int(int_chan_send_n(c, sent, 2), 2);
	expect_int(int_chan_try_send_n(c, sent + 2, 3), 2);
	expect_int(int_chan_send_n_timeout(c, sent + 4, 1, 0), -ETIMEDOUT);
	expect_int(int_chan_recv_n(c, got, 1), 1);
	expect_int(int_chan_try_recv_n(c, got + 1, 1), 1);
	expect_int(int_chan_recv_n_timeout(c, got + 2, 3, KC_SECOND), 2);
	expect_int(int_chan_send_n_ctx(NULL, c, sent + 4, 1), 1);
	expect_int(int_chan_recv_n_ctx(NULL, c, got + 4, 4), 1);
	expect_run(got, 5, 0);
	int_chan_unref(c);
}

static const struct tap_test tests[] = {
	{ "as many as there is room for, and as are there", test_all_at_once },
	{ "a send waits until all are sent", test_send_waits },
	{ "a receive waits for the first one alone", test_recv_waits },
	{ "try moves what can be moved", test_try },
	{ "timed: all of them in the time", test_timed },
	{ "timed: until all are sent, or the first one comes", test_timed_waits },
	{ "closed in between: what was sent counts", test_closed },
	{ "ends of one direction", test_ends },
	{ "what is refused", test_refused },
	{ "the NULL channel", test_nil },
	{ "elements of size 0", test_nothing },
	{ "large elements", test_large },
	{ "received and discarded", test_discarded },
	{ "O_NONBLOCK does not matter", test_nonblock },
	{ "signal handlers in the middle", test_signals },
	{ "the handle is held for as long as the call lasts", test_held },
	{ "no longer than a context", test_context },
	{ "typed channels", test_typed },
};

TAP_MAIN(tests)
