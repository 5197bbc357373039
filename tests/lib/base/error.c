// SPDX-License-Identifier: GPL-2.0-only
/*
 * Errors. Needs no channel.
 */
#include <limits.h>
#include <sys/resource.h>

#include "common.h"

#define expect_text(err, want)	expect(!strcmp(kc_error_text(err), want))

static void test_makes(void)
{
	char text[] = "it broke";
	kc_error *err = kc_error_new(-EIO, text);

	/* The text is copied. */
	text[0] = 'X';
	expect_int(kc_error_code(err), -EIO);
	expect_text(err, "it broke");
	expect(!kc_error_cause(err));
	kc_error_unref(err);

	err = kc_errorf(-ENOENT, "%s: %d%%", "seen", 42);
	expect_int(kc_error_code(err), -ENOENT);
	expect_text(err, "seen: 42%");
	kc_error_unref(err);

	err = kc_error_new(-ENOENT, "100%s");
	expect_text(err, "100%s");
	kc_error_unref(err);
	err = kc_error_new(-ENOENT, "");
	expect_text(err, "");
	kc_error_unref(err);
}

static void test_codes(void)
{
	static const struct {
		int code, want;
		const char *text;
	} codes[] = {
		{ -ENOENT, -ENOENT, "No such file or directory" },
		{ ENOENT, -ENOENT, "No such file or directory" },
		{ 0, -EINVAL, "Invalid argument" },
		{ -ETIMEDOUT, -ETIMEDOUT, "deadline exceeded" },
		{ -ENODEV, -ENODEV,
		  "no such device (is the kernel module kchan loaded, and /dev/kchan its device?)" },
		{ -4000, -4000, "error -4000" },
		{ -100000, -100000, "error -100000" },
		{ INT_MIN, INT_MIN, "error -2147483648" },
		{ INT_MAX, -INT_MAX, "error -2147483647" },
	};
	kc_error *err;
	size_t i;

	for (i = 0; i < ARRAY_SIZE(codes); i++) {
		tap_about("code %d", codes[i].code);
		err = kc_error_new(codes[i].code, NULL);
		expect_int(kc_error_code(err), codes[i].want);
		expect_text(err, codes[i].text);
		/* The error matches the code it was made with, and the code it has. */
		expect_int(kc_error_is_code(err, codes[i].want), 1);
		expect_int(kc_error_is_code(err, codes[i].code), codes[i].code != 0);
		kc_error_unref(err);
		err = kc_errorf(codes[i].code, "text");
		expect_int(kc_error_code(err), codes[i].want);
		kc_error_unref(err);
	}
}

static void test_strerror(void)
{
	static const int codes[] = { 0, -EPIPE, -EAGAIN, -ECANCELED, -4000, INT_MIN };
	size_t i;

	expect(!strcmp(kc_strerror(-EPIPE), strerror(EPIPE)));
	expect(!strcmp(kc_strerror(EPIPE), strerror(EPIPE)));
	expect(!strcmp(kc_strerror(-ETIMEDOUT), "deadline exceeded"));
	expect(strstr(kc_strerror(-ENODEV), "module kchan"));
	expect(!strcmp(kc_strerror(-4000), "unknown error"));
	for (i = 0; i < ARRAY_SIZE(codes); i++)
		expect(kc_strerror(codes[i])[0]);
}

static void test_none(void)
{
	kc_error *err = kc_error_new(-EIO, NULL);

	expect_int(kc_error_code(NULL), 0);
	expect_text(NULL, "no error");
	expect(!kc_error_cause(NULL));
	expect(!kc_error_ref(NULL));
	kc_error_unref(NULL);
	expect_int(kc_error_is(NULL, NULL), 1);
	expect_int(kc_error_is(NULL, err), 0);
	expect_int(kc_error_is(err, NULL), 0);
	expect_int(kc_error_is_code(NULL, 0), 1);
	expect_int(kc_error_is_code(NULL, -EIO), 0);
	expect_int(kc_error_is_code(err, 0), 0);
	expect(!kc_error_wrap(NULL, "nothing %d", 1));
	expect(!kc_error_wrap_code(NULL, -EIO, "nothing %d", 1));
	kc_error_unref(err);
}

static void test_wrap(void)
{
	kc_error *inner = kc_error_new(-ENOENT, "no file");
	kc_error *other = kc_error_new(-ENOENT, "no file");
	kc_error *middle = kc_error_wrap(inner, "open %s", "x");
	kc_error *outer = kc_error_wrap_code(middle, -EPROTO, "load");

	expect_int(kc_error_code(middle), -ENOENT);
	expect_text(middle, "open x: no file");
	expect(kc_error_cause(middle) == inner);
	expect_int(kc_error_code(outer), -EPROTO);
	expect_text(outer, "load: open x: no file");
	expect(kc_error_cause(outer) == middle);

	/* Errors hold their causes. */
	kc_error_unref(inner);
	kc_error_unref(middle);
	expect(kc_error_cause(kc_error_cause(outer)) == inner);
	expect_text(inner, "no file");
	expect_text(middle, "open x: no file");

	expect_int(kc_error_is(outer, outer), 1);
	expect_int(kc_error_is(outer, middle), 1);
	expect_int(kc_error_is(outer, inner), 1);
	expect_int(kc_error_is(inner, outer), 0);
	/* kc_error_is() compares the error itself, not its text. */
	expect_int(kc_error_is(outer, other), 0);
	expect_int(kc_error_is_code(outer, -EPROTO), 1);
	expect_int(kc_error_is_code(outer, -ENOENT), 1);
	expect_int(kc_error_is_code(outer, -EIO), 0);
	expect_int(kc_error_is_code(inner, -EPROTO), 0);
	kc_error_unref(outer);
	kc_error_unref(other);
}

/* Also on a goroutine's small stack. */
static void drop(void *arg)
{
	kc_error_unref(arg);
}

static void test_long_chain(void)
{
	kc_error *err = kc_error_new(-EIO, "");
	kc_error *last = err, *next;
	kc_waitgroup wg = KC_WAITGROUP_INIT;
	int i;

	/* The text also gets longer. */
	for (i = 0; i < 5000; i++) {
		next = kc_error_wrap(err, "%s", "");
		kc_error_unref(err);
		err = next;
	}
	expect_int(strlen(kc_error_text(err)), 2 * 5000);
	expect_int(kc_error_is(err, last), 1);
	must_int(kc_waitgroup_go(&wg, drop, err), 0);
	kc_waitgroup_wait(&wg);
}

/* Many threads take and drop references to one error. */
struct sharers {
	kc_error *err;
	unsigned long rounds;
};

static void *share(void *arg)
{
	struct sharers *s = arg;
	unsigned long i;

	for (i = 0; i < s->rounds; i++) {
		kc_error *wrapped = kc_error_wrap(s->err, "round %lu", i);

		if (kc_error_ref(s->err) != s->err)
			tap_fail(__FILE__, __LINE__, "another error");
		kc_error_unref(wrapped);
		kc_error_unref(s->err);
	}
	kc_error_unref(s->err);
	return NULL;
}

static void test_shared(void)
{
	struct sharers s = { .rounds = tap_scale(20000) };
	pthread_t threads[4];
	size_t i;

	s.err = kc_error_new(-EIO, "shared");
	for (i = 0; i < ARRAY_SIZE(threads); i++) {
		kc_error_ref(s.err);
		threads[i] = start(share, &s);
	}
	for (i = 0; i < ARRAY_SIZE(threads); i++)
		join(threads[i]);
	expect_text(s.err, "shared");
	kc_error_unref(s.err);
}

#define WIDTH	(1 << 20)

/* If there is no memory, all calls return the same error. */
static void test_no_memory(void)
{
	kc_error *cause = kc_error_new(-EIO, "cause");
	kc_error *err, *again;
	const struct rlimit none = { 0, 0 };

	if (SANITIZED)
		tap_skip("malloc() is the sanitizer's");
	/* malloc() never gets memory for this. */
	must_int(setrlimit(RLIMIT_AS, &none), 0);
	err = kc_errorf(-EIO, "%*s", WIDTH, "");
	expect_int(kc_error_code(err), -ENOMEM);
	expect_text(err, "out of memory");
	again = kc_error_wrap(cause, "%*s", WIDTH, "");
	expect(again == err);
	expect_int(kc_error_is_code(again, -ENOMEM), 1);
	expect_int(kc_error_is(again, cause), 0);
	/* Dropping references to this error has no effect. */
	kc_error_unref(err);
	kc_error_unref(err);
	kc_error_unref(kc_error_ref(err));
	expect_text(err, "out of memory");
	kc_error_unref(cause);
}

static const struct tap_test tests[] = {
	{ "code and text", test_makes },
	{ "codes", test_codes },
	{ "what results mean", test_strerror },
	{ "no error", test_none },
	{ "causes", test_wrap },
	{ "a long chain of causes", test_long_chain },
	{ "shared by many threads", test_shared },
	{ "no memory", test_no_memory },
};

TAP_MAIN(tests)
