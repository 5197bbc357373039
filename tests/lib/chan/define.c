// SPDX-License-Identifier: GPL-2.0-only
/*
 * KC_CHAN_DEFINE: channels with an element type.
 */
#include "common.h"

struct point {
	int x, y;
	char name[9];
};

KC_CHAN_DEFINE(point_chan, struct point);
KC_CHAN_DEFINE(int_chan, int);
KC_CHAN_DEFINE(string_chan, const char *);

static void test_values(void)
{
	const struct point sent = { 1, -2, "somewher" };
	struct point seen = { 0 };
	point_chan *c = NULL;

	must_int(point_chan_make(&c, 2), 0);
	expect_int(point_chan_cap(c), 2);
	expect_int(kc_elem_size(point_chan_chan(c)), sizeof(struct point));
	expect_int(point_chan_send(c, sent), 0);
	expect_int(point_chan_try_send(c, sent), 0);
	expect_int(point_chan_try_send(c, sent), -EAGAIN);
	expect_int(point_chan_send_timeout(c, sent, 0), -ETIMEDOUT);
	expect_int(point_chan_len(c), 2);
	expect_int(point_chan_recv(c, &seen), 1);
	expect(!memcmp(&sent, &seen, sizeof(sent)));
	expect_int(point_chan_try_recv(c, &seen), 1);
	expect_int(point_chan_try_recv(c, &seen), -EAGAIN);
	expect_int(point_chan_recv_timeout(c, &seen, 0), -ETIMEDOUT);
	expect_int(point_chan_close(c), 0);
	expect_int(point_chan_recv(c, &seen), 0);
	expect(point_chan_ref(c) == c);
	point_chan_unref(c);
	point_chan_unref(c);
}

static void test_pointers(void)
{
	static const char text[] = "by reference";
	const char *seen = NULL;
	string_chan *c = NULL;

	must_int(string_chan_make(&c, 1), 0);
	expect_int(string_chan_send(c, text), 0);
	expect_int(string_chan_recv(c, &seen), 1);
	expect(seen == text);
	string_chan_unref(c);
}

static void test_from(void)
{
	kc_chan *fits = make(sizeof(int), 1), *other = make(sizeof(int) + 1, 1);
	kc_chan *messages = make_messages(sizeof(int), 1);
	int_chan *c = NULL;
	int value = 0;

	expect_int(int_chan_from(&c, other), -EINVAL);
	expect_int(int_chan_from(&c, messages), -EINVAL);
	expect_int(int_chan_from(&c, NULL), -EINVAL);
	expect(!c);
	must_int(int_chan_from(&c, fits), 0);
	expect_int(int_chan_send(c, -3), 0);
	expect_int(kc_recv(fits, &value), 1);
	expect_int(value, -3);
	int_chan_unref(c);
	kc_unref(other);
	kc_unref(messages);
}

static void test_nil(void)
{
	int value;

	expect_int(int_chan_try_send(NULL, 1), -EAGAIN);
	expect_int(int_chan_recv_timeout(NULL, &value, 0), -ETIMEDOUT);
	expect_int(int_chan_close(NULL), -EINVAL);
	expect_int(int_chan_len(NULL), 0);
	int_chan_unref(NULL);
}

KC_CHAN_DEFINE(error_chan, kc_error *);

/* The reference moves with the error, and the error holds its cause. */
static void test_errors(void)
{
	kc_error *inner = kc_error_new(-ENOENT, "no file"), *got = NULL;
	error_chan *c = NULL;

	must_int(error_chan_make(&c, 2), 0);
	must_int(error_chan_send(c, kc_error_wrap(inner, "outer")), 0);
	must_int(error_chan_send(c, NULL), 0);
	kc_error_unref(inner);
	must_int(error_chan_recv(c, &got), 1);
	expect(!strcmp(kc_error_text(got), "outer: no file"));
	expect(kc_error_is_code(got, -ENOENT));
	expect(kc_error_is(got, kc_error_cause(got)));
	kc_error_unref(got);
	must_int(error_chan_recv(c, &got), 1);
	expect(!got);
	error_chan_unref(c);
}

static const struct tap_test tests[] = {
	{ "elements by value", test_values },
	{ "pointers as elements", test_pointers },
	{ "a plain handle made a typed one", test_from },
	{ "the NULL channel", test_nil },
	{ "errors as elements", test_errors },
};

TAP_MAIN(tests)
