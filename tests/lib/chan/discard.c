// SPDX-License-Identifier: GPL-2.0-only
/*
 * Receiving unwanted elements: with a NULL address an element is discarded, as by Go's
 * <-c alone. Also sends whose result nobody checks.
 */
#include <stdlib.h>

#include "common.h"

KC_CHAN_DEFINE(int_chan, int);

/* More than fits on any stack here. */
#define LARGE	(1 << 20)

static void test_calls(void)
{
	kc_chan *c = make(8, 8);
	kc_ctx *ctx = NULL;
	uint64_t i;

	must_int(kc_with_cancel(&ctx, NULL), 0);
	for (i = 1; i <= 5; i++)
		send_now(c, i);
	expect_int(kc_recv(c, NULL), 1);
	expect_int(kc_try_recv(c, NULL), 1);
	expect_int(kc_recv_timeout(c, NULL, KC_SECOND), 1);
	expect_int(kc_recv_ctx(ctx, c, NULL), 1);
	expect_int(recv_now(c), 5);
	expect_int(kc_try_recv(c, NULL), -EAGAIN);
	expect_int(kc_recv_timeout(c, NULL, KC_MILLISECOND), -ETIMEDOUT);
	expect_int(kc_close(c), 0);
	expect_int(kc_recv(c, NULL), 0);
	expect_int(kc_try_recv(c, NULL), 0);
	expect_int(kc_recv_timeout(c, NULL, KC_SECOND), 0);
	expect_int(kc_recv_ctx(ctx, c, NULL), 0);
	kc_cancel_unref(ctx);
	kc_unref(c);
}

/* A waiting receiver gets the element and discards it. */
static void test_rendezvous(void)
{
	kc_chan *c = make(8, 0);
	struct call sender;
	kc_case one;

	call_send(&sender, c, 7);
	expect_int(kc_recv(c, NULL), 1);
	expect_int(call_end(&sender), 0);
	call_send(&sender, c, 7);
	one = kc_case_recv(c, NULL);
	expect_int(kc_select(&one, 1), 0);
	expect(one.ok);
	expect_int(one.len, 8);
	expect_int(call_end(&sender), 0);
	kc_unref(c);
}

static void test_large(void)
{
	kc_chan *c = make(LARGE, 2);
	char *elem = calloc(1, LARGE);
	kc_case one = kc_case_recv(c, NULL);

	must(elem != NULL);
	expect_int(kc_send(c, elem), 0);
	expect_int(kc_send(c, elem), 0);
	expect_int(kc_recv(c, NULL), 1);
	expect_int(kc_select(&one, 1), 0);
	expect(one.ok);
	expect_int(one.len, LARGE);
	expect_int(kc_len(c), 0);
	free(elem);
	kc_unref(c);
}

/* The length of a message is still returned. The size of the buffer does not matter. */
static void test_messages(void)
{
	kc_chan *c = make_messages(100, 8);
	kc_case one = kc_case_recv_msg(c, NULL, 0);
	int i;

	for (i = 0; i < 5; i++)
		must_int(kc_send_msg(c, "hello", 5), 0);
	expect_int(kc_recv_msg(c, NULL, 0), 5);
	expect_int(kc_try_recv_msg(c, NULL, 1), 5);
	expect_int(kc_recv_msg_timeout(c, NULL, 0, KC_SECOND), 5);
	expect_int(kc_recv_msg_ctx(NULL, c, NULL, 0), 5);
	expect_int(kc_select(&one, 1), 0);
	expect_int(one.status, 0);
	expect(one.ok);
	expect_int(one.len, 5);
	expect_int(kc_try_recv_msg(c, NULL, 0), -EAGAIN);
	must_int(kc_close(c), 0);
	expect_int(kc_recv_msg(c, NULL, 0), 0);
	kc_unref(c);
}

/* Together with other cases that keep their elements, of other sizes. */
static void test_select(void)
{
	kc_chan *small = make(8, 4), *large = make(4096, 4), *c = make(8, 4);
	static const char elem[4096];
	uint64_t value = 0;
	kc_case cases[] = {
		kc_case_recv(small, NULL),
		kc_case_recv(large, NULL),
		kc_case_recv(c, &value),
	};

	expect_int(kc_try_select(cases, 3), -EAGAIN);
	send_now(small, 1);
	expect_int(kc_select(cases, 3), 0);
	expect(cases[0].ok);
	expect_int(cases[0].len, 8);
	must_int(kc_send(large, elem), 0);
	expect_int(kc_select(cases, 3), 1);
	expect(cases[1].ok);
	expect_int(cases[1].len, 4096);
	expect_int(value, 0);
	send_now(c, 3);
	expect_int(kc_select_timeout(cases, 3, KC_SECOND), 2);
	expect(cases[2].ok);
	expect_int(value, 3);
	/* The cases are not changed. */
	expect(!cases[0].addr && !cases[1].addr);
	must_int(kc_close(large), 0);
	expect_int(kc_select(cases, 3), 1);
	expect_int(cases[1].status, 0);
	expect(!cases[1].ok);
	kc_unref(small);
	kc_unref(large);
	kc_unref(c);
}

/* A send from NULL fails. */
static void test_send(void)
{
	kc_chan *c = make(8, 4);
	kc_case one = kc_case_send(c, NULL);

	expect_int(kc_send(c, NULL), -EFAULT);
	expect_int(kc_try_send(c, NULL), -EFAULT);
	expect_int(kc_select(&one, 1), -EFAULT);
	expect_int(kc_len(c), 0);
	kc_unref(c);
}

/* Go's select { case c <- v: default: }. The compiler does not warn. */
static void test_drop(void)
{
	kc_chan *c = make(8, 1), *m = make_messages(8, 1);
	int_chan *typed = NULL;
	uint64_t value = 1;

	must_int(int_chan_make(&typed, 1), 0);
	for (; value <= 3; value++) {
		kc_try_send(c, &value);
		kc_try_send_msg(m, &value, sizeof(value));
		int_chan_try_send(typed, (int)value);
	}
	expect_int(recv_now(c), 1);
	expect_int(kc_len(c), 0);
	expect_int(kc_len(m), 1);
	expect_int(int_chan_recv(typed, NULL), 1);
	expect_int(int_chan_try_recv(typed, NULL), -EAGAIN);
	kc_unref(c);
	kc_unref(m);
	int_chan_unref(typed);
}

static const struct tap_test tests[] = {
	{ "each call that receives", test_calls },
	{ "a rendezvous", test_rendezvous },
	{ "large elements", test_large },
	{ "messages", test_messages },
	{ "among the cases of a select", test_select },
	{ "to send NULL is a bad address", test_send },
	{ "sends that drop what does not fit", test_drop },
};

TAP_MAIN(tests)
