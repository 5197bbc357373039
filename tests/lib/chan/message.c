// SPDX-License-Identifier: GPL-2.0-only
/*
 * Message mode.
 */
#include <stdlib.h>

#include "common.h"

static void test_lengths(void)
{
	kc_chan *c = make_messages(16, 4);
	char buf[32];

	expect_int(kc_is_message(c), 1);
	expect_int(kc_elem_size(c), 16);
	expect_int(kc_send_msg(c, "a", 1), 0);
	expect_int(kc_try_send_msg(c, "four", 4), 0);
	expect_int(kc_send_msg_timeout(c, "0123456789abcdef", 16, 0), 0);
	expect_int(kc_len(c), 3);

	memset(buf, '.', sizeof(buf));
	expect_int(kc_recv_msg(c, buf, sizeof(buf)), 1);
	expect(!memcmp(buf, "a.", 2));
	expect_int(kc_try_recv_msg(c, buf, sizeof(buf)), 4);
	expect(!memcmp(buf, "four.", 5));
	expect_int(kc_recv_msg_timeout(c, buf, sizeof(buf), 0), 16);
	expect(!memcmp(buf, "0123456789abcdef.", 17));
	kc_unref(c);
}

static void test_send_errors(void)
{
	kc_chan *c = make_messages(16, 4);
	char msg[17] = "";

	expect_int(kc_send_msg(c, msg, 0), -EINVAL);
	expect_int(kc_try_send_msg(c, msg, 0), -EINVAL);
	expect_int(kc_send_msg(c, msg, 17), -EMSGSIZE);
	expect_int(kc_try_send_msg(c, msg, 17), -EMSGSIZE);
	expect_int(kc_send_msg(c, msg, SIZE_MAX), -EMSGSIZE);
	/* Its lower half is 1. */
	expect_int(kc_try_send_msg(c, msg, ((size_t)1 << 32) + 1), -EMSGSIZE);
	expect_int(kc_len(c), 0);
	expect_int(kc_close(c), 0);
	expect_int(kc_send_msg(c, msg, 1), -EPIPE);
	expect_int(kc_try_send_msg(c, msg, 1), -EPIPE);
	kc_unref(c);
}

static void test_small_buffer(void)
{
	kc_chan *c = make_messages(16, 4);
	char buf[16];

	expect_int(kc_send_msg(c, "12345", 5), 0);
	expect_int(kc_recv_msg(c, buf, 4), -EMSGSIZE);
	expect_int(kc_try_recv_msg(c, buf, 4), -EMSGSIZE);
	expect_int(kc_recv_msg_timeout(c, buf, 0, 0), -EMSGSIZE);
	expect_int(kc_recv_msg(c, buf, 0), -EMSGSIZE);
	expect_int(kc_len(c), 1);
	expect_int(kc_recv_msg(c, buf, 5), 5);
	kc_unref(c);
}

static void test_huge_buffer_size(void)
{
	kc_chan *c = make_messages(4, 4);
	char buf[4];

	/* Nothing longer than the channel's element size is ever written. */
	expect_int(kc_send_msg(c, "1234", 4), 0);
	expect_int(kc_recv_msg(c, buf, SIZE_MAX), 4);
	expect_int(kc_send_msg(c, "1234", 4), 0);
	expect_int(kc_try_recv_msg(c, buf, ((size_t)1 << 32) + 1), 4);
	kc_unref(c);
}

static void test_end(void)
{
	kc_chan *c = make_messages(16, 4);
	char buf[16];

	expect_int(kc_try_recv_msg(c, buf, 16), -EAGAIN);
	expect_int(kc_recv_msg_timeout(c, buf, 16, KC_MILLISECOND), -ETIMEDOUT);
	expect_int(kc_send_msg(c, "x", 1), 0);
	expect_int(kc_close(c), 0);
	expect_int(kc_recv_msg(c, buf, 16), 1);
	expect_int(kc_recv_msg(c, buf, 16), 0);
	expect_int(kc_try_recv_msg(c, buf, 16), 0);
	expect_int(kc_recv_msg_timeout(c, buf, 16, 0), 0);
	kc_unref(c);
}

static void test_wrong_mode(void)
{
	kc_chan *c = make_messages(8, 1);
	uint64_t value = 0;

	expect_int(kc_send(c, &value), -EINVAL);
	expect_int(kc_try_send(c, &value), -EINVAL);
	expect_int(kc_send_timeout(c, &value, 0), -EINVAL);
	expect_int(kc_recv(c, &value), -EINVAL);
	expect_int(kc_try_recv(c, &value), -EINVAL);
	expect_int(kc_recv_timeout(c, &value, 0), -EINVAL);
	kc_unref(c);
}

/* Messages of several senders arrive as a whole. */
struct sender {
	kc_chan *c;
	unsigned char id;
	unsigned int count;
};

static void *send_many(void *arg)
{
	struct sender *s = arg;
	unsigned char msg[256];
	unsigned int i, len;

	memset(msg, s->id, sizeof(msg));
	for (i = 0; i < s->count; i++) {
		len = 1 + (i * 37 + s->id) % sizeof(msg);
		expect_int(kc_send_msg(s->c, msg, len), 0);
	}
	return NULL;
}

static void test_whole(void)
{
	const unsigned int count = tap_scale(2000);
	kc_chan *c = make_messages(256, 4);
	unsigned int next[4] = { 0 };
	struct sender senders[4];
	unsigned char buf[256];
	pthread_t threads[4];
	unsigned int i;
	ssize_t len, at;

	for (i = 0; i < 4; i++) {
		senders[i] = (struct sender){ c, i, count };
		threads[i] = start(send_many, &senders[i]);
	}
	for (i = 0; i < 4 * count; i++) {
		unsigned int id;

		len = kc_recv_msg(c, buf, sizeof(buf));
		must(len > 0);
		id = buf[0];
		must(id < 4);
		for (at = 1; at < len; at++)
			must(buf[at] == id);
		must_int(len, 1 + (next[id]++ * 37 + id) % sizeof(buf));
	}
	for (i = 0; i < 4; i++)
		join(threads[i]);
	kc_unref(c);
}

static const struct tap_test tests[] = {
	{ "a message keeps its length", test_lengths },
	{ "empty and overlong messages are refused", test_send_errors },
	{ "a message that does not fit stays", test_small_buffer },
	{ "a buffer may be said to be larger than any message",
	  test_huge_buffer_size },
	{ "empty, then the end", test_end },
	{ "element calls are not for messages", test_wrong_mode },
	{ "messages of several senders are whole and in order", test_whole },
};

TAP_MAIN(tests)
