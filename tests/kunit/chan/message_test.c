// SPDX-License-Identifier: GPL-2.0-only
/*
 * Elements of every size: message mode, size 0, and both sides of each size at which
 * elements are stored or staged in another way.
 */
#include <kunit/test.h>

#include "harness.h"

static void message_lengths(struct kunit *test)
{
	struct kchan *ch = kt_message_chan(test, 100, 100);
	u8 buf[200];
	unsigned int i;

	for (i = 1; i <= 100; i++) {
		kt_fill(buf, i, i);
		KUNIT_EXPECT_EQ(test, kt_try_send(ch, buf, i), i);
	}
	/* One call moves one message, even if there is room for more. */
	for (i = 1; i <= 100; i++) {
		memset(buf, 0xff, sizeof(buf));
		KUNIT_EXPECT_EQ(test, kt_try_recv(ch, buf, sizeof(buf)), i);
		KUNIT_EXPECT_TRUE(test, kt_filled(buf, i, i));
		KUNIT_EXPECT_EQ(test, buf[i], 0xff);
	}
	KUNIT_EXPECT_EQ(test, kt_try_recv(ch, buf, sizeof(buf)), -EAGAIN);
	kt_check(test, ch);
}

/* A message that is too long for the receiver's buffer stays where it is. */
static void message_stays(struct kunit *test)
{
	static const u32 sizes[] = { 64, 1000, PAGE_SIZE + 64 };
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(sizes); i++) {
		struct kchan *stored = kt_message_chan(test, sizes[i], 1);
		struct kchan *rendezvous = kt_message_chan(test, sizes[i], 0);
		struct kt_call *call;
		u8 buf[50];

		memset(buf, i, sizeof(buf));
		KUNIT_EXPECT_EQ(test, kt_try_send(stored, buf, 50), 50);
		KUNIT_EXPECT_EQ(test, kt_try_recv(stored, buf, 49), -EMSGSIZE);
		KUNIT_EXPECT_EQ(test, kt_try_recv(stored, buf, 0), -EMSGSIZE);
		call = kt_call(test, stored, false, 10);
		kt_start(call);
		KUNIT_EXPECT_EQ(test, kt_join(call), -EMSGSIZE);

		/* The same for a message that was put back. */
		kchan_put_back(stored, kt_detach(test, stored));
		KUNIT_EXPECT_EQ(test, kt_try_recv(stored, buf, 49), -EMSGSIZE);
		KUNIT_EXPECT_EQ(test, kt_len(stored), 1);
		KUNIT_EXPECT_EQ(test, kt_try_recv(stored, buf, 50), 50);

		/* The same for a message of a sender that waits. */
		call = kt_call(test, rendezvous, true, 50);
		memset(call->buf, i, 50);
		kt_park(call);
		KUNIT_EXPECT_EQ(test, kt_try_recv(rendezvous, buf, 49),
				-EMSGSIZE);
		KUNIT_EXPECT_FALSE(test, kt_returned(call));
		KUNIT_EXPECT_EQ(test, kt_try_recv(rendezvous, buf, 50), 50);
		KUNIT_EXPECT_EQ(test, kt_join(call), 50);
		KUNIT_EXPECT_EQ(test, buf[49], i);
		kt_check(test, stored);
		kt_check(test, rendezvous);
	}
}

/*
 * A sender that meets a parked receiver with too little room ends that one's wait
 * with EMSGSIZE, and goes on to the next.
 */
static void message_parked_small(struct kunit *test)
{
	static const u32 sizes[] = { 64, 1000, PAGE_SIZE + 64 };
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(sizes); i++) {
		struct kchan *ch = kt_message_chan(test, sizes[i], 4);
		struct kt_call *small = kt_park_recv(test, ch, 9);
		struct kt_call *none = kt_park_recv(test, ch, 0);
		struct kt_call *fits = kt_park_recv(test, ch, 10);
		struct kt_call *last = kt_park_recv(test, ch, 5);
		u8 buf[10];

		kt_fill(buf, 10, i);
		KUNIT_EXPECT_EQ(test, kt_try_send(ch, buf, 10), 10);
		KUNIT_EXPECT_EQ(test, kt_join(small), -EMSGSIZE);
		KUNIT_EXPECT_EQ(test, kt_join(none), -EMSGSIZE);
		KUNIT_EXPECT_EQ(test, kt_join(fits), 10);
		KUNIT_EXPECT_TRUE(test, kt_filled(fits->buf, 10, i));
		KUNIT_EXPECT_FALSE(test, kt_returned(last));
		KUNIT_EXPECT_EQ(test, kt_len(ch), 0);

		/* No receiver is left: the message is queued, and not lost. */
		KUNIT_EXPECT_EQ(test, kt_try_send(ch, buf, 10), 10);
		KUNIT_EXPECT_EQ(test, kt_join(last), -EMSGSIZE);
		KUNIT_EXPECT_EQ(test, kt_len(ch), 1);
		KUNIT_EXPECT_EQ(test, kt_try_recv(ch, buf, 10), 10);
		kt_check(test, ch);
	}
}

/*
 * On a rendezvous channel the sender then waits itself. It has sent nothing, so it
 * has turned nobody away, until somebody else receives the message.
 */
static void message_parked_small_rendezvous(struct kunit *test)
{
	struct kchan *ch = kt_message_chan(test, 64, 0);
	struct kt_call *small = kt_park_recv(test, ch, 9);
	struct kt_call *call = kt_call(test, ch, true, 10);
	u8 buf[10];

	kt_fill(call->buf, 10, 3);
	kt_start(call);
	kt_wait_parked(test, ch, 1, 1);
	KUNIT_EXPECT_FALSE(test, kt_returned(call));
	KUNIT_EXPECT_FALSE(test, kt_returned(small));
	KUNIT_EXPECT_EQ(test, kt_try_recv(ch, buf, 10), 10);
	KUNIT_EXPECT_EQ(test, kt_join(small), -EMSGSIZE);
	KUNIT_EXPECT_TRUE(test, kt_filled(buf, 10, 3));
	KUNIT_EXPECT_EQ(test, kt_join(call), 10);
	kt_check(test, ch);
}

/* The same until a larger buffer lets the message in. */
static void message_parked_small_resize(struct kunit *test)
{
	struct kchan *ch = kt_message_chan(test, 64, 0);
	struct kt_call *first = kt_park_recv(test, ch, 9);
	struct kt_call *small = kt_park_recv(test, ch, 9);
	struct kt_call *call = kt_call(test, ch, true, 10);
	u8 buf[10] = {};

	kt_park(call);
	/* A message that the receiver has room for is still handed over. */
	KUNIT_EXPECT_EQ(test, kt_try_send(ch, buf, 8), 8);
	KUNIT_EXPECT_EQ(test, kt_join(first), 8);
	KUNIT_EXPECT_FALSE(test, kt_returned(small));
	KUNIT_EXPECT_EQ(test, kchan_resize(ch, 1), 0);
	KUNIT_EXPECT_EQ(test, kt_join(call), 10);
	KUNIT_EXPECT_EQ(test, kt_join(small), -EMSGSIZE);
	KUNIT_EXPECT_EQ(test, kt_try_recv(ch, buf, 10), 10);
	kt_check(test, ch);
}

/* The same for a message that is put back. */
static void message_put_back_small(struct kunit *test)
{
	static const u32 sizes[] = { 64, 1000, PAGE_SIZE + 64 };
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(sizes); i++) {
		struct kchan *ch = kt_message_chan(test, sizes[i], 4);
		struct kt_call *small, *fits;
		struct kchan_elem *elem;
		u8 buf[10];

		kt_fill(buf, 10, i);
		KUNIT_EXPECT_EQ(test, kt_try_send(ch, buf, 10), 10);
		elem = kt_detach(test, ch);
		small = kt_park_recv(test, ch, 9);
		fits = kt_park_recv(test, ch, 64);
		kchan_put_back(ch, elem);
		KUNIT_EXPECT_EQ(test, kt_join(small), -EMSGSIZE);
		KUNIT_EXPECT_EQ(test, kt_join(fits), 10);
		KUNIT_EXPECT_TRUE(test, kt_filled(fits->buf, 10, i));

		/* If no receiver has the room, it stays put back. */
		KUNIT_EXPECT_EQ(test, kt_try_send(ch, buf, 10), 10);
		elem = kt_detach(test, ch);
		small = kt_park_recv(test, ch, 9);
		kchan_put_back(ch, elem);
		KUNIT_EXPECT_EQ(test, kt_join(small), -EMSGSIZE);
		KUNIT_EXPECT_EQ(test, kt_try_recv(ch, buf, 10), 10);
		kt_check(test, ch);
	}
}

/* A message that is shorter than its slot shows nothing of an older, longer one. */
static void message_short_after_long(struct kunit *test)
{
	static const u32 sizes[] = { 100, 1000, PAGE_SIZE + 8 };
	unsigned int i, parked;

	for (i = 0; i < ARRAY_SIZE(sizes); i++) {
		struct kchan *ch = kt_message_chan(test, sizes[i], 1);
		struct kt_call *buf = kt_call(test, ch, true, sizes[i]);
		struct kt_call *recv;

		memset(buf->buf, 0xaa, sizes[i]);
		for (parked = 0; parked < 2; parked++) {
			KUNIT_EXPECT_EQ(test,
					kt_try_send(ch, buf->buf, sizes[i]),
					sizes[i]);
			KUNIT_EXPECT_EQ(test,
					kt_try_recv(ch, buf->buf, sizes[i]),
					sizes[i]);
			recv = kt_call(test, ch, false, sizes[i]);
			memset(recv->buf, 0x55, sizes[i]);
			if (parked)
				kt_park(recv);
			KUNIT_EXPECT_EQ(test, kt_try_send(ch, "xyz", 3), 3);
			if (!parked)
				kt_start(recv);
			KUNIT_EXPECT_EQ(test, kt_join(recv), 3);
			KUNIT_EXPECT_EQ(test, memcmp(recv->buf, "xyz\x55", 4),
					0);
		}
		kt_check(test, ch);
	}
}

/*
 * Go's chan struct{}: elements are only counted. A call moves one element, and there
 * are no batches.
 */
static void message_size_zero(struct kunit *test)
{
	struct kchan *ch = kt_chan(test, 0, 3);
	struct kt_call *send, *recv;
	unsigned int i;

	for (i = 0; i < 3; i++)
		KUNIT_EXPECT_EQ(test, kt_try_send(ch, NULL, 0), 0);
	KUNIT_EXPECT_EQ(test, kt_len(ch), 3);
	KUNIT_EXPECT_EQ(test, kt_try_send(ch, NULL, 0), -EAGAIN);
	send = kt_call(test, ch, true, 0);
	kt_park(send);
	for (i = 0; i < 4; i++)
		KUNIT_EXPECT_EQ(test, kt_try_recv(ch, NULL, 0), 0);
	KUNIT_EXPECT_EQ(test, kt_join(send), 0);
	KUNIT_EXPECT_EQ(test, kt_try_recv(ch, NULL, 0), -EAGAIN);

	recv = kt_park_recv(test, ch, 0);
	KUNIT_EXPECT_EQ(test, kt_try_send(ch, NULL, 0), 0);
	KUNIT_EXPECT_EQ(test, kt_join(recv), 0);

	KUNIT_EXPECT_EQ(test, kt_try_send(ch, NULL, 0), 0);
	kchan_put_back(ch, kt_detach(test, ch));
	KUNIT_EXPECT_EQ(test, kt_len(ch), 1);
	KUNIT_EXPECT_EQ(test, kchan_close(ch), 0);
	KUNIT_EXPECT_EQ(test, kt_try_send(ch, NULL, 0), -EPIPE);
	KUNIT_EXPECT_EQ(test, kt_try_recv(ch, NULL, 0), 0);
	KUNIT_EXPECT_EQ(test, kt_try_recv(ch, NULL, 0), -EPIPE);
	kt_check(test, ch);
}

static void message_size_zero_rendezvous(struct kunit *test)
{
	struct kchan *ch = kt_chan(test, 0, 0);
	struct kt_call *send, *recv;

	KUNIT_EXPECT_EQ(test, kt_try_send(ch, NULL, 0), -EAGAIN);
	KUNIT_EXPECT_EQ(test, kt_try_recv(ch, NULL, 0), -EAGAIN);
	send = kt_call(test, ch, true, 0);
	kt_park(send);
	KUNIT_EXPECT_EQ(test, kt_try_recv(ch, NULL, 0), 0);
	KUNIT_EXPECT_EQ(test, kt_join(send), 0);
	recv = kt_park_recv(test, ch, 0);
	KUNIT_EXPECT_EQ(test, kchan_close(ch), 0);
	KUNIT_EXPECT_EQ(test, kt_join(recv), -EPIPE);
	kt_check(test, ch);
}

/* Element sizes on both sides of every boundary. */
static const u32 message_sizes[] = {
	1, 2, 7, 8, 9, 127, 128, 129, PAGE_SIZE - 1, PAGE_SIZE, PAGE_SIZE + 1,
	100 << 10,
};

static void message_size_desc(const u32 *size, char *desc)
{
	snprintf(desc, KUNIT_PARAM_DESC_SIZE, "%u bytes", *size);
}

KUNIT_ARRAY_PARAM(message_size, message_sizes, message_size_desc);

/* Sends @len bytes in every way that there is, with other messages around them. */
static void message_all_ways(struct kunit *test, struct kchan *ch, size_t len)
{
	struct kt_call *send[3], *recv[3];
	unsigned int seed = len;
	unsigned int i;

	for (i = 0; i < 3; i++) {
		send[i] = kt_call(test, ch, true, len);
		kt_fill(send[i]->buf, len, seed + i);
		recv[i] = kt_call(test, ch, false, ch->elem_size);
		memset(recv[i]->buf, 0x5a, ch->elem_size);
	}

	/* To a receiver that waits. */
	kt_park(recv[0]);
	kt_start(send[0]);
	KUNIT_EXPECT_EQ(test, kt_join(send[0]), len);
	KUNIT_EXPECT_EQ(test, kt_join(recv[0]), len);
	KUNIT_EXPECT_TRUE(test, kt_filled(recv[0]->buf, len, seed));

	/*
	 * The message goes through the buffer, comes from a sender that waits, or
	 * both.
	 */
	if (ch->capacity) {
		kt_start(send[1]);
		KUNIT_EXPECT_EQ(test, kt_join(send[1]), len);
	} else {
		kt_park(send[1]);
	}
	if (ch->capacity > 1) {
		kt_start(send[2]);
		KUNIT_EXPECT_EQ(test, kt_join(send[2]), len);
	} else {
		kt_park(send[2]);
	}
	for (i = 1; i < 3; i++) {
		kt_start(recv[i]);
		KUNIT_EXPECT_EQ(test, kt_join(recv[i]), len);
		KUNIT_EXPECT_EQ(test, kt_join(send[i]), len);
		KUNIT_EXPECT_TRUE(test, kt_filled(recv[i]->buf, len, seed + i));
	}

	/* And put back. */
	if (ch->capacity) {
		kt_fill(send[0]->buf, len, seed + 3);
		KUNIT_EXPECT_EQ(test, kt_try_send(ch, send[0]->buf, len), len);
		kchan_put_back(ch, kt_detach(test, ch));
		KUNIT_EXPECT_EQ(test,
				kt_try_recv(ch, recv[0]->buf, ch->elem_size),
				len);
		KUNIT_EXPECT_TRUE(test, kt_filled(recv[0]->buf, len, seed + 3));
	}
	kt_check(test, ch);
}

static void message_boundary(struct kunit *test)
{
	const u32 size = *(const u32 *)test->param_value;
	u32 capacity;

	for (capacity = 0; capacity <= 2; capacity++) {
		struct kchan *ch = kt_message_chan(test, size, capacity);

		message_all_ways(test, kt_chan(test, size, capacity), size);
		message_all_ways(test, ch, size);
		message_all_ways(test, ch, (size + 1) / 2);
		message_all_ways(test, ch, 1);
	}
}

static struct kunit_case message_cases[] = {
	KUNIT_CASE(message_lengths),
	KUNIT_CASE(message_stays),
	KUNIT_CASE(message_parked_small),
	KUNIT_CASE(message_parked_small_rendezvous),
	KUNIT_CASE(message_parked_small_resize),
	KUNIT_CASE(message_put_back_small),
	KUNIT_CASE(message_short_after_long),
	KUNIT_CASE(message_size_zero),
	KUNIT_CASE(message_size_zero_rendezvous),
	KUNIT_CASE_PARAM(message_boundary, message_size_gen_params),
	{}
};

static struct kunit_suite message_suite = {
	.name = "kchan_message",
	.test_cases = message_cases,
};

kunit_test_suite(message_suite);
