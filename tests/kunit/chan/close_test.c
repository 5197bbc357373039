// SPDX-License-Identifier: GPL-2.0-only
/* The end of a channel: a close, and the loss of the last end of a direction. */
#include <kunit/test.h>

#include "parties.h"

static void close_drains(struct kunit *test)
{
	struct kchan *ch = kt_chan(test, 8, 4);
	struct kchan_info info;

	KUNIT_EXPECT_EQ(test, kt_send_n(ch, 1), 0);
	KUNIT_EXPECT_EQ(test, kt_send_n(ch, 2), 0);
	KUNIT_EXPECT_EQ(test, kchan_close(ch), 0);
	KUNIT_EXPECT_EQ(test, kchan_close(ch), -EALREADY);
	KUNIT_EXPECT_EQ(test, kt_send_n(ch, 3), -EPIPE);
	/*
	 * Trap: a receive that does not wait and reads "closed" before "empty"
	 * misses these.
	 */
	KUNIT_EXPECT_EQ(test, kt_recv_n(ch), 1);
	KUNIT_EXPECT_EQ(test, kt_recv_n(ch), 2);
	KUNIT_EXPECT_EQ(test, kt_recv_n(ch), -EPIPE);
	KUNIT_EXPECT_EQ(test, kt_recv_n(ch), -EPIPE);
	KUNIT_EXPECT_EQ(test, kchan_close(ch), -EALREADY);
	kt_info(ch, &info);
	KUNIT_EXPECT_TRUE(test, info.flags & KCHAN_INFO_CLOSED);
	kt_check(test, ch);
}

/*
 * A call that may wait finds what is left, and then the end of the stream. It never
 * waits.
 */
static void close_blocking_calls(struct kunit *test)
{
	struct kchan *ch = kt_chan(test, 8, 4);
	struct kt_call *recv = kt_call(test, ch, false, 32);
	struct kt_call *end = kt_call(test, ch, false, 32);
	struct kt_call *send = kt_call(test, ch, true, 8);

	KUNIT_EXPECT_EQ(test, kt_send_n(ch, 1), 0);
	KUNIT_EXPECT_EQ(test, kt_send_n(ch, 2), 0);
	KUNIT_EXPECT_EQ(test, kchan_close(ch), 0);
	kt_start(send);
	KUNIT_EXPECT_EQ(test, kt_join(send), -EPIPE);
	kt_start(recv);
	KUNIT_EXPECT_EQ(test, kt_join(recv), 16);
	kt_start(end);
	KUNIT_EXPECT_EQ(test, kt_join(end), -EPIPE);
	kt_check(test, ch);
}

/*
 * Trap: close leaves a blocked sender asleep, or tells it that its element was
 * delivered.
 */
static void close_wakes_senders(struct kunit *test)
{
	static const u32 capacities[] = { 0, 1, 3 };
	static const u32 sizes[] = { 8, 200, PAGE_SIZE + 8 };
	unsigned int i, j, k;

	for (i = 0; i < ARRAY_SIZE(capacities); i++) {
		for (j = 0; j < ARRAY_SIZE(sizes); j++) {
			struct kchan *ch = kt_chan(test, sizes[j],
						   capacities[i]);
			struct kt_call *calls[3];
			struct kt_call *buf;

			buf = kt_call(test, ch, false, sizes[j]);
			for (k = 0; k < capacities[i]; k++)
				KUNIT_EXPECT_EQ(test,
						kt_try_send(ch, buf->buf,
							    sizes[j]),
						sizes[j]);
			for (k = 0; k < ARRAY_SIZE(calls); k++) {
				calls[k] = kt_call(test, ch, true, sizes[j]);
				memset(calls[k]->buf, 0xee, sizes[j]);
				kt_park(calls[k]);
			}
			KUNIT_EXPECT_EQ(test, kchan_close(ch), 0);
			for (k = 0; k < ARRAY_SIZE(calls); k++)
				KUNIT_EXPECT_EQ(test, kt_join(calls[k]),
						-EPIPE);
			/* The elements of these senders are nowhere. */
			for (k = 0; k < capacities[i]; k++) {
				KUNIT_EXPECT_EQ(test,
						kt_try_recv(ch, buf->buf,
							    sizes[j]),
						sizes[j]);
				KUNIT_EXPECT_EQ(test, *(u8 *)buf->buf, 0);
			}
			KUNIT_EXPECT_EQ(test,
					kt_try_recv(ch, buf->buf, sizes[j]),
					-EPIPE);
			kt_check(test, ch);
		}
	}
}

static void close_wakes_receivers(struct kunit *test)
{
	static const u32 capacities[] = { 0, 3 };
	static const u32 sizes[] = { 8, 200, PAGE_SIZE + 8 };
	unsigned int i, j, k;

	for (i = 0; i < ARRAY_SIZE(capacities); i++) {
		for (j = 0; j < ARRAY_SIZE(sizes); j++) {
			struct kchan *ch = kt_chan(test, sizes[j],
						   capacities[i]);
			struct kt_call *calls[3];

			for (k = 0; k < ARRAY_SIZE(calls); k++)
				calls[k] = kt_park_recv(test, ch, sizes[j]);
			KUNIT_EXPECT_EQ(test, kchan_close(ch), 0);
			for (k = 0; k < ARRAY_SIZE(calls); k++)
				KUNIT_EXPECT_EQ(test, kt_join(calls[k]),
						-EPIPE);
			kt_check(test, ch);
		}
	}
}

/*
 * A party that was served before keeps what it was served with, although nobody has
 * woken it. So does a party whose owner gives up.
 */
static void close_skips_served(struct kunit *test)
{
	struct kchan *ch = kt_chan(test, 8, 0);
	struct kt_call *served = kt_park_recv_n(test, ch);
	struct kt_party *gone = kt_party_receiver(test, ch, 8);
	struct kt_call *other = kt_park_recv_n(test, ch);
	struct kchan_step step;

	KUNIT_EXPECT_EQ(test, kt_give(ch, 3, &step), 0);
	KUNIT_EXPECT_TRUE(test, kt_party_give_up(gone));
	KUNIT_EXPECT_EQ(test, kchan_close(ch), 0);
	/* The element of the first one may still come back. */
	KUNIT_EXPECT_FALSE(test, kt_returned(other));
	kchan_finish(ch, &step);
	KUNIT_EXPECT_EQ(test, kt_join_n(served), 3);
	KUNIT_EXPECT_EQ(test, kt_join_n(other), -EPIPE);
	KUNIT_EXPECT_EQ(test, kt_party_status(gone), -EINPROGRESS);
	KUNIT_EXPECT_EQ(test, gone->slots[0].w.status, -EUCLEAN);
	kt_party_end(gone);
	kt_check(test, ch);
}

/* The same for senders. */
static void close_skips_served_sender(struct kunit *test)
{
	struct kchan *ch = kt_chan(test, 8, 0);
	struct kt_party *served = kt_party_sender(test, ch, 1);
	struct kt_party *gone = kt_party_sender(test, ch, 2);
	struct kt_call *other = kt_park_send_n(test, ch, 3);

	KUNIT_EXPECT_EQ(test, kt_recv_n(ch), 1);
	KUNIT_EXPECT_TRUE(test, kt_party_give_up(gone));
	KUNIT_EXPECT_EQ(test, kchan_close(ch), 0);
	KUNIT_EXPECT_EQ(test, kt_join(other), -EPIPE);
	KUNIT_EXPECT_EQ(test, kt_party_status(served), 0);
	KUNIT_EXPECT_EQ(test, gone->slots[0].w.status, -EUCLEAN);
	kt_party_end(gone);
	kt_check(test, ch);
}

/* The last end that sends closes the channel; not one before it. */
static void close_last_send_end(struct kunit *test)
{
	struct kchan *ch = kt_chan(test, 8, 2);
	struct kt_call *recv;
	struct kchan_info info;

	kchan_end_get(ch, FMODE_WRITE);
	kchan_end_get(ch, FMODE_READ);
	kt_info(ch, &info);
	KUNIT_EXPECT_EQ(test, info.send_ends, 2);
	KUNIT_EXPECT_EQ(test, info.recv_ends, 2);

	KUNIT_EXPECT_EQ(test, kt_send_n(ch, 1), 0);
	kchan_end_put(ch, FMODE_READ | FMODE_WRITE);
	KUNIT_EXPECT_EQ(test, kt_send_n(ch, 2), 0);
	KUNIT_EXPECT_EQ(test, kt_recv_n(ch), 1);
	KUNIT_EXPECT_EQ(test, kt_recv_n(ch), 2);
	recv = kt_park_recv_n(test, ch);
	kchan_end_put(ch, FMODE_WRITE);
	KUNIT_EXPECT_EQ(test, kt_join_n(recv), -EPIPE);
	kt_info(ch, &info);
	KUNIT_EXPECT_EQ(test, info.send_ends, 0);
	KUNIT_EXPECT_EQ(test, info.recv_ends, 1);
	KUNIT_EXPECT_TRUE(test, info.flags & KCHAN_INFO_CLOSED);
	KUNIT_EXPECT_EQ(test, kchan_close(ch), -EALREADY);
	kt_check(test, ch);
}

/* It drains as after any close. */
static void close_last_send_end_drains(struct kunit *test)
{
	struct kchan *ch = kt_chan(test, 8, 2);

	kchan_end_get(ch, FMODE_READ);
	KUNIT_EXPECT_EQ(test, kt_send_n(ch, 1), 0);
	kchan_end_put(ch, FMODE_READ | FMODE_WRITE);
	KUNIT_EXPECT_EQ(test, kt_recv_n(ch), 1);
	KUNIT_EXPECT_EQ(test, kt_recv_n(ch), -EPIPE);
	kt_check(test, ch);
}

/* An end that goes after a close closes nothing twice. */
static void close_then_last_send_end(struct kunit *test)
{
	struct kchan *ch = kt_chan(test, 8, 2);

	kchan_end_get(ch, FMODE_READ);
	KUNIT_EXPECT_EQ(test, kt_send_n(ch, 1), 0);
	KUNIT_EXPECT_EQ(test, kchan_close(ch), 0);
	kchan_end_put(ch, FMODE_READ | FMODE_WRITE);
	KUNIT_EXPECT_EQ(test, kt_recv_n(ch), 1);
	KUNIT_EXPECT_EQ(test, kt_recv_n(ch), -EPIPE);
	kt_check(test, ch);
}

/*
 * When the last end that receives goes, senders that wait are turned away at once. So
 * are senders that come later. The channel is not closed by that.
 */
static void close_last_recv_end(struct kunit *test)
{
	static const u32 capacities[] = { 0, 2 };
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(capacities); i++) {
		struct kchan *ch = kt_chan(test, 8, capacities[i]);
		struct kt_call *first, *second, *late;
		struct kchan_info info;
		u64 n;

		kchan_end_get(ch, FMODE_READ);
		for (n = 0; n < capacities[i]; n++)
			KUNIT_EXPECT_EQ(test, kt_send_n(ch, n), 0);
		first = kt_park_send_n(test, ch, n);
		second = kt_park_send_n(test, ch, n + 1);
		kchan_end_put(ch, FMODE_READ);
		KUNIT_EXPECT_FALSE(test, kt_returned(first));
		kchan_end_put(ch, FMODE_READ);
		KUNIT_EXPECT_EQ(test, kt_join(first), -EPIPE);
		KUNIT_EXPECT_EQ(test, kt_join(second), -EPIPE);

		KUNIT_EXPECT_EQ(test, kt_send_n(ch, 9), -EPIPE);
		late = kt_call(test, ch, true, 8);
		kt_start(late);
		KUNIT_EXPECT_EQ(test, kt_join(late), -EPIPE);
		kt_info(ch, &info);
		KUNIT_EXPECT_EQ(test, info.recv_ends, 0);
		/* Nobody will ever receive what was queued, so it is gone. */
		KUNIT_EXPECT_EQ(test, info.len, 0);
		KUNIT_EXPECT_FALSE(test, info.flags & KCHAN_INFO_CLOSED);
		KUNIT_EXPECT_EQ(test, kchan_close(ch), 0);
		kt_check(test, ch);
	}
}

/* The buffer has room, and still there is nobody to send to. */
static void close_last_recv_end_with_room(struct kunit *test)
{
	struct kchan *ch = kt_chan(test, 8, 2);

	kchan_end_put(ch, FMODE_READ);
	KUNIT_EXPECT_EQ(test, kt_send_n(ch, 1), -EPIPE);
	KUNIT_EXPECT_EQ(test, kt_len(ch), 0);
	/* More room does not help. */
	KUNIT_EXPECT_EQ(test, kchan_resize(ch, 8), 0);
	KUNIT_EXPECT_EQ(test, kt_send_n(ch, 1), -EPIPE);
	kt_check(test, ch);
}

/*
 * A channel that is freed with elements in it frees them, too; kmemleak would tell.
 */
static void close_never_drained(struct kunit *test)
{
	static const u32 sizes[] = { 8, 200, PAGE_SIZE + 8 };
	unsigned int i, j;

	for (i = 0; i < ARRAY_SIZE(sizes); i++) {
		struct kchan *ch = kt_chan(test, sizes[i], 4);
		struct kt_call *buf = kt_call(test, ch, true, sizes[i]);

		for (j = 0; j < 3; j++)
			KUNIT_EXPECT_EQ(test,
					kt_try_send(ch, buf->buf, sizes[i]),
					sizes[i]);
		KUNIT_EXPECT_EQ(test, kchan_resize(ch, 5), 0);
		KUNIT_EXPECT_EQ(test, kt_try_send(ch, buf->buf, sizes[i]),
				sizes[i]);
		if (i)
			KUNIT_EXPECT_EQ(test, kchan_close(ch), 0);
	}
}

static struct kunit_case close_cases[] = {
	KUNIT_CASE(close_drains),
	KUNIT_CASE(close_blocking_calls),
	KUNIT_CASE(close_wakes_senders),
	KUNIT_CASE(close_wakes_receivers),
	KUNIT_CASE(close_skips_served),
	KUNIT_CASE(close_skips_served_sender),
	KUNIT_CASE(close_last_send_end),
	KUNIT_CASE(close_last_send_end_drains),
	KUNIT_CASE(close_then_last_send_end),
	KUNIT_CASE(close_last_recv_end),
	KUNIT_CASE(close_last_recv_end_with_room),
	KUNIT_CASE(close_never_drained),
	{}
};

static struct kunit_suite close_suite = {
	.name = "kchan_close",
	.test_cases = close_cases,
};

kunit_test_suite(close_suite);
