// SPDX-License-Identifier: GPL-2.0-only
/*
 * Calls that do not wait, or that have a timeout.
 */
#include "common.h"

static void test_try(void)
{
	kc_chan *c = make(8, 1);
	uint64_t value = 1;

	expect_int(kc_try_recv(c, &value), -EAGAIN);
	expect_int(kc_try_send(c, &value), 0);
	expect_int(kc_try_send(c, &value), -EAGAIN);
	expect_int(kc_try_recv(c, &value), 1);
	kc_unref(c);
}

static void test_try_meets_waiter(void)
{
	kc_chan *c = make(8, 0);
	struct call call;

	call_send(&call, c, 3);
	expect_int(recv_now(c), 3);
	expect_int(call_end(&call), 0);
	call_recv(&call, c);
	send_now(c, 4);
	expect_int(call_end(&call), 1);
	expect_int(call.value, 4);
	kc_unref(c);
}

static void test_expires(void)
{
	kc_chan *c = make(8, 1);
	uint64_t value = 1;

	expect_within(kc_recv_timeout(c, &value, 20 * KC_MILLISECOND),
		      -ETIMEDOUT, 20 * KC_MILLISECOND, LATE);
	send_now(c, 1);
	expect_within(kc_send_timeout(c, &value, 20 * KC_MILLISECOND),
		      -ETIMEDOUT, 20 * KC_MILLISECOND, LATE);
	expect_int(kc_len(c), 1);
	kc_unref(c);
}

static void test_no_time(void)
{
	static const int64_t none[] = { 0, -1, INT64_MIN };
	kc_chan *c = make(8, 1);
	uint64_t value = 1;
	size_t i;

	for (i = 0; i < ARRAY_SIZE(none); i++) {
		tap_about("timeout %lld", (long long)none[i]);
		expect_int(kc_recv_timeout(c, &value, none[i]), -ETIMEDOUT);
		expect_int(kc_send_timeout(c, &value, none[i]), 0);
		expect_int(kc_send_timeout(c, &value, none[i]), -ETIMEDOUT);
		expect_int(kc_recv_timeout(c, &value, none[i]), 1);
	}
	kc_unref(c);
}

static void *recv_patiently(void *arg)
{
	struct call *call = arg;

	call->ret = kc_recv_timeout(call->c, &call->value, INT64_MAX);
	return NULL;
}

static void test_all_time(void)
{
	kc_chan *c = make(8, 0);
	struct call call = { .c = c };

	call.thread = start(recv_patiently, &call);
	wait_receivers(c, 1);
	sleep_ms(20);
	wait_receivers(c, 1);
	send_now(c, 9);
	expect_int(call_end(&call), 1);
	expect_int(call.value, 9);
	kc_unref(c);
}

static const struct tap_test tests[] = {
	{ "try does not wait", test_try },
	{ "try meets a call that waits", test_try_meets_waiter },
	{ "a timed call ends in its time, and not before", test_expires },
	{ "no time: what is ready is done", test_no_time },
	{ "all the time there is", test_all_time },
};

TAP_MAIN(tests)
