// SPDX-License-Identifier: GPL-2.0-only
/*
 * Single contexts: making them, and their properties. Needs no channel.
 */
#include <limits.h>
#include <malloc.h>
#include <stdlib.h>

#include "contexts.h"

#define expect_text(err, want)	expect(!strcmp(kc_error_text(err), want))

static void root(kc_ctx *ctx)
{
	int64_t deadline = 42;
	kc_chan *done = (kc_chan *)&deadline;

	expect_int(kc_ctx_err(ctx), 0);
	expect(!kc_ctx_cause(ctx));
	expect_int(kc_ctx_deadline(ctx, &deadline), 0);
	expect_int(kc_ctx_deadline(ctx, NULL), 0);
	expect_int(deadline, 42);
	expect(!kc_ctx_value(ctx, &deadline));
	expect_int(kc_cancel(ctx), -EINVAL);
	expect_int(kc_cancel_cause(ctx, NULL), -EINVAL);
	/* The context is never cancelled. */
	expect_int(kc_ctx_done(&done, ctx), 0);
	expect(!done);
	expect(kc_ctx_ref(ctx) == ctx);
	kc_ctx_unref(ctx);
	kc_ctx_unref(ctx);
	expect_int(kc_ctx_err(ctx), 0);
}

static void test_root(void)
{
	tap_about("NULL");
	root(NULL);
	tap_about("the background");
	expect(kc_background());
	root(kc_background());
	tap_about("to do");
	expect(kc_todo());
	root(kc_todo());
}

static void test_cancel(void)
{
	kc_ctx *ctx = cancellable(NULL);

	expect_int(kc_ctx_err(ctx), 0);
	expect(!kc_ctx_cause(ctx));
	expect_int(kc_ctx_deadline(ctx, NULL), 0);
	expect_int(kc_cancel(ctx), 0);
	expect_int(kc_ctx_err(ctx), -ECANCELED);
	expect_int(kc_error_code(kc_ctx_cause(ctx)), -ECANCELED);
	expect_text(kc_ctx_cause(ctx), "context canceled");
	expect_int(kc_cancel(ctx), 0);
	expect_int(kc_ctx_err(ctx), -ECANCELED);
	kc_ctx_unref(ctx);

	/* Cancel and drop in one call. */
	ctx = cancellable(kc_background());
	kc_ctx_ref(ctx);
	kc_cancel_unref(ctx);
	expect_int(kc_ctx_err(ctx), -ECANCELED);
	kc_cancel_unref(ctx);
	kc_cancel_unref(NULL);
}

static void test_cause(void)
{
	kc_error *why = kc_error_new(-EPROTO, "why"), *later;
	kc_ctx *ctx, *below;

	must_int(kc_with_cancel(&ctx, NULL), 0);
	below = with_timeout(ctx, LATE);
	expect_int(kc_cancel_cause(ctx, why), 0);
	/* The first cancellation counts. */
	later = kc_error_new(-EIO, "later");
	expect_int(kc_cancel_cause(ctx, kc_error_ref(later)), 0);
	expect_int(kc_cancel_cause(below, later), 0);
	expect_int(kc_cancel(ctx), 0);
	expect_int(kc_ctx_err(ctx), -ECANCELED);
	expect_int(kc_ctx_err(below), -ECANCELED);
	expect(kc_ctx_cause(ctx) == why);
	expect(kc_ctx_cause(below) == why);
	kc_ctx_unref(ctx);
	expect_text(kc_ctx_cause(below), "why");
	kc_ctx_unref(below);

	ctx = cancellable(NULL);
	expect_int(kc_cancel_cause(ctx, NULL), 0);
	expect_text(kc_ctx_cause(ctx), "context canceled");
	kc_ctx_unref(ctx);
}

/* A large error, so that a leak is noticed. */
static kc_error *large_cause(void)
{
	return kc_errorf(-EIO, "%*s", 4000, "");
}

/* The call takes over the reference to the cause, also if it fails. */
static void test_cause_taken(void)
{
	const unsigned int rounds = 1000;
	unsigned int i;
	size_t before;
	kc_ctx *ctx;

	before = mallinfo2().uordblks;
	for (i = 0; i < rounds; i++) {
		ctx = cancellable(NULL);
		must_int(kc_cancel_cause(ctx, large_cause()), 0);
		must_int(kc_cancel_cause(ctx, large_cause()), 0);
		must_int(kc_cancel_cause(kc_background(), large_cause()), -EINVAL);
		expect_int(kc_error_code(kc_ctx_cause(ctx)), -EIO);
		kc_ctx_unref(ctx);
	}
	expect(mallinfo2().uordblks < before + rounds * 1000);
}

static void test_timeout(void)
{
	const int64_t from = tap_now_ns();
	kc_ctx *ctx = with_timeout(NULL, SOON);
	int64_t deadline = 0;

	expect_int(kc_ctx_deadline(ctx, &deadline), 1);
	expect(deadline >= from + SOON);
	expect(deadline <= tap_now_ns() + SOON);
	until(kc_ctx_err(ctx));
	expect(tap_now_ns() >= deadline);
	expect_int(kc_ctx_err(ctx), -ETIMEDOUT);
	expect_int(kc_error_code(kc_ctx_cause(ctx)), -ETIMEDOUT);
	expect_text(kc_ctx_cause(ctx), "context deadline exceeded");
	expect_int(kc_cancel(ctx), 0);
	expect_int(kc_ctx_err(ctx), -ETIMEDOUT);
	/* A deadline that has passed is still returned. */
	expect_int(kc_ctx_deadline(ctx, NULL), 1);
	kc_ctx_unref(ctx);

	/* Cancelled before the deadline. */
	ctx = with_timeout(NULL, LATE);
	expect_int(kc_ctx_err(ctx), 0);
	expect_int(kc_cancel(ctx), 0);
	expect_int(kc_ctx_err(ctx), -ECANCELED);
	kc_ctx_unref(ctx);
}

static void test_deadlines(void)
{
	static const int64_t over[] = { 0, -1, INT64_MIN, 1 };
	kc_ctx *ctx, *below;
	int64_t deadline;
	size_t i;

	for (i = 0; i < ARRAY_SIZE(over); i++) {
		tap_about("deadline %lld", (long long)over[i]);
		must_int(kc_with_deadline(&ctx, NULL, over[i]), 0);
		expect_int(kc_ctx_err(ctx), -ETIMEDOUT);
		expect_int(kc_ctx_deadline(ctx, &deadline), 1);
		expect_int(deadline, over[i]);
		below = cancellable(ctx);
		expect_int(kc_ctx_err(below), -ETIMEDOUT);
		kc_ctx_unref(ctx);
		kc_ctx_unref(below);
	}
	tap_about("timeouts");
	ctx = with_timeout(NULL, INT64_MIN);
	expect_int(kc_ctx_err(ctx), -ETIMEDOUT);
	kc_ctx_unref(ctx);
	ctx = with_timeout(NULL, INT64_MAX);
	expect_int(kc_ctx_err(ctx), 0);
	/* The earliest deadline of the ancestors holds. */
	below = with_timeout(ctx, LATE);
	expect_int(kc_ctx_deadline(below, &deadline), 1);
	kc_ctx_unref(ctx);
	must_int(kc_with_deadline(&ctx, below, deadline + 1), 0);
	deadline++;
	expect_int(kc_ctx_deadline(ctx, &deadline), 1);
	kc_ctx_unref(below);
	below = cancellable(ctx);
	expect_int(kc_ctx_deadline(below, &deadline), 1);
	expect(deadline <= tap_now_ns() + LATE);
	kc_ctx_unref(ctx);
	must_int(kc_with_deadline(&ctx, below, 7), 0);
	expect_int(kc_ctx_deadline(ctx, &deadline), 1);
	expect_int(deadline, 7);
	expect_int(kc_ctx_err(ctx), -ETIMEDOUT);
	expect_int(kc_ctx_err(below), 0);
	kc_ctx_unref(ctx);
	kc_ctx_unref(below);
}

/* The cause is that of the earliest deadline, whenever it is noticed. */
static void test_late_causes(void)
{
	kc_error *outer = kc_error_new(-EIO, "outer");
	kc_error *inner = kc_error_new(-EIO, "inner");
	kc_error *other = kc_error_new(-EIO, "other");
	kc_ctx *top, *middle, *side, *low, *unused;
	const int64_t now = tap_now_ns();

	must_int(kc_with_deadline_cause(&top, NULL, now + 2 * SOON, outer), 0);
	must_int(kc_with_deadline_cause(&middle, top, now + SOON, inner), 0);
	must_int(kc_with_deadline_cause(&side, top, now + SOON, other), 0);
	/* Its own deadline does not hold, so its cause does not count. */
	must_int(kc_with_timeout_cause(&unused, top, LATE, inner), 0);
	low = cancellable(middle);
	kc_error_unref(outer);
	kc_error_unref(inner);
	kc_error_unref(other);
	sleep_ms(60);
	/* This is the first check after the deadlines. */
	expect_text(kc_ctx_cause(low), "inner");
	expect_text(kc_ctx_cause(middle), "inner");
	expect_text(kc_ctx_cause(side), "other");
	expect_text(kc_ctx_cause(unused), "outer");
	expect_text(kc_ctx_cause(top), "outer");
	expect_int(kc_ctx_err(low), -ETIMEDOUT);
	kc_ctx_unref(top);
	kc_ctx_unref(middle);
	kc_ctx_unref(side);
	kc_ctx_unref(low);
	kc_ctx_unref(unused);
}

/* A cancellation after the deadline finds that the deadline came first. */
static void test_cancel_late(void)
{
	kc_error *why = kc_error_new(-EIO, "why");
	kc_ctx *ctx = cancellable(NULL), *timed = with_timeout(ctx, SOON);
	kc_ctx *below = cancellable(timed), *early = cancellable(ctx);

	sleep_ms(40);
	expect_int(kc_cancel_cause(ctx, why), 0);
	expect_int(kc_ctx_err(ctx), -ECANCELED);
	expect_int(kc_ctx_err(early), -ECANCELED);
	expect_int(kc_ctx_err(timed), -ETIMEDOUT);
	expect_int(kc_ctx_err(below), -ETIMEDOUT);
	expect(kc_ctx_cause(early) == why);
	expect_int(kc_error_code(kc_ctx_cause(below)), -ETIMEDOUT);
	kc_ctx_unref(ctx);
	kc_ctx_unref(timed);
	kc_ctx_unref(below);
	kc_ctx_unref(early);
}

static int keys[3];
static atomic_int destroyed;

static void destroy(void *value)
{
	atomic_fetch_add(&destroyed, *(int *)value);
}

static void test_values(void)
{
	int one = 1, ten = 10, hundred = 100;
	kc_ctx *a, *b, *c, *d;

	must_int(kc_with_value(&a, NULL, &keys[0], &one, destroy), 0);
	b = with_timeout(a, LATE);
	must_int(kc_with_value(&c, b, &keys[1], &ten, destroy), 0);
	must_int(kc_with_value(&d, c, &keys[0], &hundred, destroy), 0);
	expect(kc_ctx_value(a, &keys[0]) == &one);
	expect(kc_ctx_value(b, &keys[0]) == &one);
	expect(kc_ctx_value(c, &keys[0]) == &one);
	/* The nearest value for the key. */
	expect(kc_ctx_value(d, &keys[0]) == &hundred);
	expect(kc_ctx_value(d, &keys[1]) == &ten);
	expect(!kc_ctx_value(d, &keys[2]));
	expect(!kc_ctx_value(b, &keys[1]));
	/*
	 * It has its parent's deadline and cancellation, and cannot be cancelled by
	 * itself.
	 */
	expect_int(kc_ctx_deadline(d, NULL), 1);
	expect_int(kc_cancel(d), -EINVAL);
	expect_int(kc_ctx_err(d), 0);
	expect_int(kc_cancel(b), 0);
	expect_int(kc_ctx_err(d), -ECANCELED);
	expect_int(kc_ctx_err(a), 0);
	expect(kc_ctx_value(d, &keys[1]) == &ten);

	kc_ctx_unref(a);
	kc_ctx_unref(c);
	expect_int(atomic_load(&destroyed), 0);
	kc_ctx_unref(d);
	expect_int(atomic_load(&destroyed), 110);
	kc_ctx_unref(b);
	expect_int(atomic_load(&destroyed), 111);

	/* NULL is a valid value. A destructor is not needed. */
	must_int(kc_with_value(&a, NULL, &keys[0], &one, NULL), 0);
	must_int(kc_with_value(&b, a, &keys[0], NULL, NULL), 0);
	expect(!kc_ctx_value(b, &keys[0]));
	kc_ctx_unref(a);
	kc_ctx_unref(b);
}

static void test_without_cancel(void)
{
	int one = 1;
	kc_ctx *ctx = with_timeout(NULL, LATE), *value, *without, *below;
	kc_chan *done;

	must_int(kc_with_value(&value, ctx, &keys[0], &one, NULL), 0);
	must_int(kc_without_cancel(&without, value), 0);
	below = cancellable(without);
	expect_int(kc_ctx_deadline(without, NULL), 0);
	expect_int(kc_ctx_deadline(below, NULL), 0);
	expect_int(kc_cancel(without), -EINVAL);
	expect_int(kc_cancel(ctx), 0);
	expect_int(kc_ctx_err(value), -ECANCELED);
	expect_int(kc_ctx_err(without), 0);
	expect_int(kc_ctx_err(below), 0);
	expect(!kc_ctx_cause(without));
	expect(kc_ctx_value(below, &keys[0]) == &one);
	expect_int(kc_ctx_done(&done, without), 0);
	expect(!done);
	/* Also if it is made from a cancelled context. */
	kc_ctx_unref(without);
	must_int(kc_without_cancel(&without, value), 0);
	expect_int(kc_ctx_err(without), 0);
	expect_int(kc_cancel(below), 0);
	expect_int(kc_ctx_err(below), -ECANCELED);
	kc_ctx_unref(ctx);
	kc_ctx_unref(value);
	kc_ctx_unref(without);
	kc_ctx_unref(below);
	must_int(kc_without_cancel(&without, NULL), 0);
	expect_int(kc_ctx_err(without), 0);
	kc_ctx_unref(without);
}

/* A context without work costs no system call and no thread. */
static void test_calls(void)
{
	kc_ctx *ctx = cancellable(NULL), *never;

	must_int(kc_without_cancel(&never, ctx), 0);
	expect_int(kc_sleep_ctx(never, KC_MILLISECOND), 0);
	expect_int(kc_sleep_ctx(NULL, KC_MILLISECOND), 0);
	expect_int(kc_sleep_ctx(ctx, 0), 0);
	expect_int(kc_sleep_ctx(ctx, -5), 0);
	expect_int(kc_cancel(ctx), 0);
	expect_int(kc_sleep_ctx(never, KC_MILLISECOND), 0);
	expect_int(kc_sleep_ctx(ctx, LATE), -ECANCELED);
	expect_int(kc_sleep_ctx(ctx, 0), -ECANCELED);
	expect_int(kc_recv_ctx(ctx, NULL, NULL), -ECANCELED);
	expect_int(kc_send_ctx(ctx, NULL, NULL), -ECANCELED);
	expect_int(kc_select_ctx(ctx, NULL, 0), -ECANCELED);
	kc_ctx_unref(ctx);
	kc_ctx_unref(never);
	ctx = with_timeout(NULL, 0);
	expect_int(kc_sleep_ctx(ctx, LATE), -ETIMEDOUT);
	kc_ctx_unref(ctx);
}

static void no_key(void *arg)
{
	kc_ctx *ctx;

	(void)!kc_with_value(&ctx, NULL, NULL, arg, NULL);
}

static void test_no_key(void)
{
	kc_panic_info info;

	must_int(kc_protect(no_key, NULL, &info), 1);
	expect(!strcmp(info.text, "nil key"));
	kc_panic_info_clear(&info);
}

static const struct tap_test tests[] = {
	{ "the background", test_root },
	{ "cancel", test_cancel },
	{ "causes", test_cause },
	{ "a cause is taken over", test_cause_taken },
	{ "timeout", test_timeout },
	{ "deadlines", test_deadlines },
	{ "causes of deadlines", test_late_causes },
	{ "cancelled after the deadline", test_cancel_late },
	{ "values", test_values },
	{ "without cancellation", test_without_cancel },
	{ "calls that need not wait", test_calls },
	{ "a value without a key is a panic", test_no_key },
};

TAP_MAIN(tests)
