// SPDX-License-Identifier: GPL-2.0-only
/*
 * Generators and pipelines.
 */
#include <stdio.h>
#include <stdlib.h>

#include "common.h"
#include "flow.h"

static void test_sizes(void)
{
	/* Part of the ABI. */
	expect_int(sizeof(kc_stage), 72);
}

/* Sends 1, 2, and so on, up to the number at @arg. */
static kc_error *count(void *arg, kc_sink *out)
{
	uint64_t i, last = *(uint64_t *)arg;

	for (i = 1; i <= last; i++)
		if (kc_yield(out, &i))
			break;
	return NULL;
}

static uint64_t forever = UINT64_MAX;

static kc_chan *generate(kc_group *g, kc_ctx *ctx, uint64_t *last, size_t cap)
{
	kc_chan_opts opts = KC_CHAN_OPTS_INIT;
	kc_chan *c = NULL;

	opts.elem_size = 8;
	opts.cap = cap;
	must_int(kc_generate(&c, g, ctx, &opts, count, last), 0);
	return c;
}

static void test_generator(void)
{
	kc_group g = KC_GROUP_INIT;
	uint64_t value, last = 5, i;
	struct left left = what_is_there();
	kc_chan *c = generate(&g, NULL, &last, 2);

	for (i = 1; i <= last; i++) {
		must_int(kc_recv(c, &value), 1);
		expect_int(value, i);
	}
	expect_int(kc_recv(c, &value), 0);
	/* The channel is for receiving only. */
	expect_int(kc_send(c, &value), -EBADF);
	kc_unref(c);
	expect(!kc_group_wait(&g));
	expect_nothing_left(left);
}

/* It ends when nobody receives any more. This is no error. */
static void test_consumer_goes(void)
{
	kc_group g = KC_GROUP_INIT;
	struct left left = what_is_there();
	uint64_t value;
	kc_chan *c;
	size_t cap;

	for (cap = 0; cap < 4; cap += 3) {
		c = generate(&g, NULL, &forever, cap);
		must_int(kc_recv(c, &value), 1);
		kc_unref(c);
		expect(!kc_group_wait(&g));
	}
	expect_nothing_left(left);
}

static void test_cancelled(void)
{
	kc_group g = KC_GROUP_INIT;
	struct left left = what_is_there();
	uint64_t value;
	kc_error *err;
	kc_ctx *ctx;
	kc_chan *c;

	must_int(kc_with_cancel(&ctx, NULL), 0);
	c = generate(&g, ctx, &forever, 1);
	must_int(kc_recv(c, &value), 1);
	kc_cancel(ctx);
	err = kc_group_wait(&g);
	expect_int(kc_error_code(err), -ECANCELED);
	kc_error_unref(err);
	/* Receive until the queued elements are drained. */
	while (kc_recv(c, &value) == 1)
		;
	kc_unref(c);
	kc_ctx_unref(ctx);
	expect_nothing_left(left);
}

/* Without a group, so nobody waits for it. */
static void test_no_group(void)
{
	struct left left = what_is_there();
	uint64_t value, last = 2;
	kc_chan *c;

	c = generate(NULL, NULL, &forever, 1);
	must_int(kc_recv(c, &value), 1);
	kc_unref(c);
	c = generate(NULL, NULL, &last, 0);
	must_int(kc_recv(c, &value), 1);
	must_int(kc_recv(c, &value), 1);
	must_int(kc_recv(c, &value), 0);
	kc_unref(c);
	expect_nothing_left(left);
}

static kc_error *fail(void *arg, kc_sink *out)
{
	const uint64_t one = 1;

	if (kc_yield(out, &one))
		return NULL;
	return kc_error_new(-EIO, arg);
}

static char logged[200];

static void log_it(void *arg, const char *text)
{
	(void)arg;
	snprintf(logged, sizeof(logged), "%s", text);
}

static void test_error_is_logged(void)
{
	kc_chan_opts opts = KC_CHAN_OPTS_INIT;
	uint64_t value;
	kc_chan *c;

	kc_set_logger(log_it, NULL);
	opts.elem_size = 8;
	must_int(kc_generate(&c, NULL, NULL, &opts, fail, (void *)"no luck"), 0);
	must_int(kc_recv(c, &value), 1);
	must_int(kc_recv(c, &value), 0);
	kc_unref(c);
	kc_shutdown();
	expect(!strcmp(logged, "no luck"));
}

static kc_error *square(void *arg, void *elem, size_t len, kc_sink *out)
{
	uint64_t *value = elem;

	(void)arg;
	expect_int(len, 8);
	*value *= *value;
	(void)!kc_yield(out, value);
	return NULL;
}

static kc_error *only_odd(void *arg, void *elem, size_t len, kc_sink *out)
{
	(void)arg;
	(void)len;
	if (*(uint64_t *)elem % 2)
		(void)!kc_yield(out, elem);
	return NULL;
}

static kc_error *twice(void *arg, void *elem, size_t len, kc_sink *out)
{
	(void)arg;
	(void)len;
	if (!kc_yield(out, elem))
		(void)!kc_yield(out, elem);
	return NULL;
}

#define STAGE(f)	{ .fn = (f), .elem_size = 8 }

static void test_stages(void)
{
	const kc_stage stages[] = {
		STAGE(square), STAGE(only_odd), STAGE(twice),
	};
	kc_group g = KC_GROUP_INIT;
	struct left left = what_is_there();
	uint64_t value, last = 9, i;
	kc_chan *numbers, *c;

	numbers = generate(&g, NULL, &last, 0);
	must_int(kc_pipeline(&c, &g, NULL, numbers, stages, 3), 0);
	kc_unref(numbers);
	for (i = 0; i < 10; i++) {
		must_int(kc_recv(c, &value), 1);
		expect_int(value, (i / 2 * 2 + 1) * (i / 2 * 2 + 1));
	}
	expect_int(kc_recv(c, &value), 0);
	kc_unref(c);
	expect(!kc_group_wait(&g));
	expect_nothing_left(left);
}

static void test_consumer_of_stages_goes(void)
{
	const kc_stage stages[] = {
		{ .fn = square, .elem_size = 8, .workers = 3, .cap = 2 },
		STAGE(twice),
	};
	kc_group g = KC_GROUP_INIT;
	struct left left = what_is_there();
	kc_chan *numbers, *c;
	uint64_t value;

	numbers = generate(&g, NULL, &forever, 0);
	must_int(kc_pipeline(&c, &g, NULL, numbers, stages, 2), 0);
	kc_unref(numbers);
	must_int(kc_recv(c, &value), 1);
	must_int(kc_recv(c, &value), 1);
	kc_unref(c);
	expect(!kc_group_wait(&g));
	expect_nothing_left(left);
}

/* All elements arrive once, in any order. */
static void test_workers(void)
{
	const kc_stage stages[] = {
		{ .fn = twice, .elem_size = 8, .workers = 4 },
		{ .fn = twice, .elem_size = 8, .workers = 3, .cap = 5 },
	};
	uint64_t value, last = tap_scale(500), sum = 0, received = 0;
	kc_group g = KC_GROUP_INIT;
	struct left left = what_is_there();
	kc_chan *numbers, *c;

	numbers = generate(&g, NULL, &last, 3);
	must_int(kc_pipeline(&c, &g, NULL, numbers, stages, 2), 0);
	kc_unref(numbers);
	kc_for_each(c, &value) {
		sum += value;
		received++;
	}
	expect_int(received, 4 * last);
	expect_int(sum, 4 * last * (last + 1) / 2);
	kc_unref(c);
	expect(!kc_group_wait(&g));
	expect_nothing_left(left);
}

static kc_error *fail_at(void *arg, void *elem, size_t len, kc_sink *out)
{
	(void)len;
	if (*(uint64_t *)elem == *(uint64_t *)arg)
		return kc_error_new(-EIO, "cannot go on");
	(void)!kc_yield(out, elem);
	return NULL;
}

/* An error ends the whole pipeline, with a context and without one. */
static void test_error(void)
{
	uint64_t value, bad = 3;
	const kc_stage stages[] = {
		STAGE(twice),
		{ .fn = fail_at, .arg = &bad, .elem_size = 8 },
		STAGE(square),
	};
	struct left left = what_is_there();
	kc_group g = KC_GROUP_INIT;
	kc_chan *numbers, *c;
	kc_ctx *ctx = NULL;
	kc_error *err;
	int i;

	for (i = 0; i < 2; i++) {
		if (i)
			must_int(kc_group_with_context(&g, &ctx, NULL), 0);
		numbers = generate(&g, ctx, &forever, 0);
		must_int(kc_pipeline(&c, &g, ctx, numbers, stages, 3), 0);
		kc_unref(numbers);
		kc_for_each(c, &value)
			expect(value < 9);
		err = kc_group_wait(&g);
		expect_int(kc_error_code(err), -EIO);
		kc_error_unref(err);
		kc_unref(c);
	}
	kc_ctx_unref(ctx);
	expect_nothing_left(left);
}

/* The error that a function returns after a failed send does not count. */
static kc_error *take_offence(void *arg, void *elem, size_t len, kc_sink *out)
{
	int ret = kc_yield(out, elem);

	(void)arg;
	(void)len;
	return ret ? kc_error_new(ret, "nobody listens") : NULL;
}

static void test_cancelled_stages(void)
{
	const kc_stage stages[] = { STAGE(take_offence), STAGE(take_offence) };
	struct left left = what_is_there();
	kc_group g = KC_GROUP_INIT;
	kc_chan *numbers, *c;
	kc_error *cause, *err;
	uint64_t value;
	kc_ctx *ctx;

	cause = kc_error_new(-EINTR, "enough");
	must_int(kc_with_cancel(&ctx, NULL), 0);
	numbers = generate(&g, ctx, &forever, 0);
	must_int(kc_pipeline(&c, &g, ctx, numbers, stages, 2), 0);
	kc_unref(numbers);
	must_int(kc_recv(c, &value), 1);
	kc_cancel_cause(ctx, kc_error_ref(cause));
	err = kc_group_wait(&g);
	expect(err == cause);
	kc_error_unref(err);
	kc_unref(c);
	kc_ctx_unref(ctx);

	numbers = generate(&g, NULL, &forever, 0);
	must_int(kc_pipeline(&c, &g, NULL, numbers, stages, 2), 0);
	kc_unref(numbers);
	kc_unref(c);
	expect(!kc_group_wait(&g));
	kc_error_unref(cause);
	expect_nothing_left(left);
}

/* The last stage sends nothing: its effect is the sum. */
static kc_error *add_up(void *arg, void *elem, size_t len, kc_sink *out)
{
	*(uint64_t *)arg += *(uint64_t *)elem;
	(void)len;
	expect(!kc_sink_ctx(out));
	return NULL;
}

static void test_no_output(void)
{
	uint64_t sum = 0, last = 10;
	const kc_stage stages[] = {
		STAGE(square), { .fn = add_up, .arg = &sum },
	};
	kc_group g = KC_GROUP_INIT;
	struct left left = what_is_there();
	kc_chan *numbers = generate(&g, NULL, &last, 0);

	must_int(kc_pipeline(NULL, &g, NULL, numbers, stages, 2), 0);
	kc_unref(numbers);
	expect(!kc_group_wait(&g));
	expect_int(sum, 385);
	expect_nothing_left(left);
}

static kc_error *shout(void *arg, void *elem, size_t len, kc_sink *out)
{
	char text[20];

	(void)arg;
	must(len < sizeof(text) - 1);
	memcpy(text, elem, len);
	text[len] = '!';
	(void)!kc_yield_msg(out, text, len + 1);
	return NULL;
}

static void test_messages(void)
{
	const kc_stage stage = {
		.fn = shout, .elem_size = 10, .cap = 2, .flags = KC_CHAN_MESSAGE,
	};
	kc_group g = KC_GROUP_INIT;
	kc_chan *in = make_messages(10, 4), *c;
	char text[10];
	kc_error *err;

	must_int(kc_pipeline(&c, &g, NULL, in, &stage, 1), 0);
	must_int(kc_send_msg(in, "a", 1), 0);
	must_int(kc_send_msg(in, "hello", 5), 0);
	expect_int(kc_recv_msg(c, text, sizeof(text)), 2);
	expect(!memcmp(text, "a!", 2));
	expect_int(kc_recv_msg(c, text, sizeof(text)), 6);
	expect(!memcmp(text, "hello!", 6));
	/* The message is too long: an error of the stage. */
	must_int(kc_send_msg(in, "0123456789", 10), 0);
	expect_int(kc_recv_msg(c, text, sizeof(text)), 0);
	err = kc_group_wait(&g);
	expect_int(kc_error_code(err), -EMSGSIZE);
	kc_error_unref(err);
	kc_unref(in);
	kc_unref(c);
}

/* If the pipeline cannot be started, it has received nothing. */
static void test_errors(void)
{
	const kc_stage none = { .elem_size = 8 }, one = STAGE(square);
	const kc_stage wrong = { .fn = square, .flags = 1U << 31 };
	const kc_stage later = { .fn = square, .reserved = { 0, 0, 1, 0 } };
	const kc_stage many = { .fn = square, .elem_size = 8, .workers = 4 };
	const kc_stage large = { .fn = square, .elem_size = SIZE_MAX };
	struct left left = what_is_there();
	kc_chan *in = make(8, 4), *send, *c = NULL;
	kc_group g = KC_GROUP_INIT;

	must_int(kc_send_only(&send, in), 0);
	send_now(in, 7);
	expect_int(kc_pipeline(&c, &g, NULL, NULL, &one, 1), -EINVAL);
	expect_int(kc_pipeline(&c, &g, NULL, in, &one, 0), -EINVAL);
	expect_int(kc_pipeline(&c, &g, NULL, in, &none, 1), -EINVAL);
	expect_int(kc_pipeline(&c, &g, NULL, in, &wrong, 1), -EINVAL);
	expect_int(kc_pipeline(&c, &g, NULL, in, &later, 1), -EINVAL);
	expect_int(kc_pipeline(&c, &g, NULL, send, &one, 1), -EBADF);
	expect_int(kc_pipeline(&c, &g, NULL, in,
			       (kc_stage[]){ one, many, large }, 3), -EINVAL);
	/* Goroutines that had been started are members until they have ended. */
	expect(!kc_group_wait(&g));
	kc_group_set_limit(&g, 3);
	expect_int(kc_pipeline(&c, &g, NULL, in, (kc_stage[]){ one, many }, 2),
		   -EBUSY);
	expect(!kc_group_wait(&g));
	expect(!c);
	expect_int(recv_now(in), 7);
	kc_unref(send);
	kc_unref(in);
	expect_nothing_left(left);
}

/* The stage drops all its references, even if its function does not return. */
static kc_error *goes_exit(void *arg, void *elem, size_t len, kc_sink *out)
{
	(void)arg;
	(void)len;
	if (!kc_yield(out, elem))
		kc_goexit();
	return NULL;
}

static void test_goexit(void)
{
	const kc_stage stage = STAGE(goes_exit);
	struct left left = what_is_there();
	kc_group g = KC_GROUP_INIT;
	kc_chan *numbers, *c;
	uint64_t value;

	numbers = generate(&g, NULL, &forever, 0);
	must_int(kc_pipeline(&c, &g, NULL, numbers, &stage, 1), 0);
	kc_unref(numbers);
	must_int(kc_recv(c, &value), 1);
	expect_int(kc_recv(c, &value), 0);
	kc_unref(c);
	expect(!kc_group_wait(&g));
	expect_nothing_left(left);
}

static const struct tap_test tests[] = {
	{ "the sizes are fixed", test_sizes },
	{ "a generator, to its end", test_generator },
	{ "it ends with its consumer", test_consumer_goes },
	{ "it ends with its context", test_cancelled },
	{ "without a group", test_no_group },
	{ "an error that there is nobody to tell is logged", test_error_is_logged },
	{ "stages, in order", test_stages },
	{ "they end with their consumer", test_consumer_of_stages_goes },
	{ "stages of several workers", test_workers },
	{ "an error ends all of them", test_error },
	{ "they end with their context", test_cancelled_stages },
	{ "a last stage that sends nothing", test_no_output },
	{ "messages", test_messages },
	{ "what cannot be started", test_errors },
	{ "a stage that ends by goexit", test_goexit },
};

TAP_MAIN(tests)
