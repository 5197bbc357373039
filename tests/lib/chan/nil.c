// SPDX-License-Identifier: GPL-2.0-only
/*
 * The NULL channel.
 */
#include <signal.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "common.h"
#include "interrupt.h"

static void test_at_once(void)
{
	uint64_t value = 0;

	expect_int(kc_try_send(NULL, &value), -EAGAIN);
	expect_int(kc_try_recv(NULL, &value), -EAGAIN);
	expect_int(kc_try_send_msg(NULL, &value, 1), -EAGAIN);
	expect_int(kc_try_recv_msg(NULL, &value, 1), -EAGAIN);
	expect_int(kc_close(NULL), -EINVAL);
	expect_int(kc_resize(NULL, 1), -EINVAL);
	expect_int(kc_fd(NULL), -EINVAL);
	expect_int(kc_len(NULL), 0);
	expect_int(kc_cap(NULL), 0);
	expect_int(kc_elem_size(NULL), 0);
	expect_int(kc_is_message(NULL), 0);
	expect(!kc_ref(NULL));
	kc_unref(NULL);
}

static void test_timed(void)
{
	long long from = tap_now_ns(), cpu = cpu_ns();
	uint64_t value = 0;

	expect_int(kc_send_timeout(NULL, &value, 30 * KC_MILLISECOND),
		   -ETIMEDOUT);
	expect_int(kc_recv_timeout(NULL, &value, 30 * KC_MILLISECOND),
		   -ETIMEDOUT);
	expect_int(kc_send_msg_timeout(NULL, &value, 1, 30 * KC_MILLISECOND),
		   -ETIMEDOUT);
	expect_int(kc_recv_msg_timeout(NULL, &value, 1, 30 * KC_MILLISECOND),
		   -ETIMEDOUT);
	expect(tap_now_ns() - from >= 120 * KC_MILLISECOND);
	expect(cpu_ns() - cpu < 60 * KC_MILLISECOND);
	expect_int(kc_recv_timeout(NULL, &value, 0), -ETIMEDOUT);
	expect_int(kc_recv_timeout(NULL, &value, -1), -ETIMEDOUT);
}

static atomic_int returned;

static void *send_nil(void *arg)
{
	(void)arg;
	atomic_fetch_add(&returned, kc_send(NULL, "") != 0);
	return NULL;
}

static void *recv_nil(void *arg)
{
	char c;

	(void)arg;
	atomic_fetch_add(&returned, kc_recv(NULL, &c) != 0);
	return NULL;
}

static void *send_msg_nil(void *arg)
{
	(void)arg;
	atomic_fetch_add(&returned, kc_send_msg(NULL, "", 1) != 0);
	return NULL;
}

static void *recv_msg_nil(void *arg)
{
	char c;

	(void)arg;
	atomic_fetch_add(&returned, kc_recv_msg(NULL, &c, 1) != 0);
	return NULL;
}

static void test_for_ever(void)
{
	static void *(*const calls[])(void *) = {
		send_nil, recv_nil, send_msg_nil, recv_msg_nil,
	};
	pthread_t threads[ARRAY_SIZE(calls)];
	size_t i;

	catch_signal(0);
	for (i = 0; i < ARRAY_SIZE(calls); i++)
		threads[i] = start(calls[i], NULL);
	sleep_ms(50);
	for (i = 0; i < ARRAY_SIZE(calls); i++)
		pthread_kill(threads[i], SIGUSR1);
	until(atomic_load(&handled) == (int)ARRAY_SIZE(calls));
	expect(is_idle_for(200));
	expect_int(atomic_load(&returned), 0);
}

static const struct tap_test tests[] = {
	{ "what does not wait", test_at_once },
	{ "timed calls wait out their time, asleep", test_timed },
	{ "the others wait for ever, asleep, whatever signals come",
	  test_for_ever },
};

TAP_MAIN(tests)
