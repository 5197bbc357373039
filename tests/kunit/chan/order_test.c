// SPDX-License-Identifier: GPL-2.0-only
/*
 * The order of elements and of waiters, hand-over, rendezvous, and sends and receives
 * of several elements.
 */
#include <kunit/test.h>

#include "harness.h"

static void order_of_elements(struct kunit *test)
{
	struct kchan *ch = kt_chan(test, 8, 4);
	unsigned int round;
	u64 n;

	/* Three rounds of three through four slots. */
	for (round = 0; round < 3; round++) {
		for (n = 1; n <= 3; n++)
			KUNIT_EXPECT_EQ(test, kt_send_n(ch, n), 0);
		for (n = 1; n <= 3; n++)
			KUNIT_EXPECT_EQ(test, kt_recv_n(ch), n);
		KUNIT_EXPECT_EQ(test, kt_recv_n(ch), -EAGAIN);
	}
	kt_check(test, ch);
}

static void order_of_capacity(struct kunit *test)
{
	static const u32 capacities[] = { 0, 1, 2, 7, 1000 };
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(capacities); i++) {
		struct kchan *ch = kt_chan(test, 8, capacities[i]);
		u64 n;

		for (n = 0; n < capacities[i]; n++)
			KUNIT_ASSERT_EQ(test, kt_send_n(ch, n), 0);
		KUNIT_EXPECT_EQ(test, kt_send_n(ch, n), -EAGAIN);
		KUNIT_EXPECT_EQ(test, kt_len(ch), capacities[i]);
		for (n = 0; n < capacities[i]; n++)
			KUNIT_ASSERT_EQ(test, kt_recv_n(ch), n);
		KUNIT_EXPECT_EQ(test, kt_recv_n(ch), -EAGAIN);
		kt_check(test, ch);
	}
}

static void order_of_senders(struct kunit *test)
{
	struct kchan *ch = kt_chan(test, 8, 1);
	struct kt_call *calls[4];
	unsigned int i;

	KUNIT_ASSERT_EQ(test, kt_send_n(ch, 100), 0);
	for (i = 0; i < ARRAY_SIZE(calls); i++)
		calls[i] = kt_park_send_n(test, ch, i);
	KUNIT_EXPECT_EQ(test, kt_recv_n(ch), 100);
	for (i = 0; i < ARRAY_SIZE(calls); i++) {
		/* The freed slot goes to this sender, and to nobody else. */
		KUNIT_EXPECT_EQ(test, kt_join(calls[i]), 8);
		KUNIT_EXPECT_EQ(test, kt_send_n(ch, 200), -EAGAIN);
		kt_wait_parked(test, ch, ARRAY_SIZE(calls) - 1 - i, 0);
		KUNIT_EXPECT_EQ(test, kt_recv_n(ch), i);
	}
	KUNIT_EXPECT_EQ(test, kt_recv_n(ch), -EAGAIN);
	kt_check(test, ch);
}

static void order_of_receivers(struct kunit *test)
{
	struct kchan *ch = kt_chan(test, 8, 4);
	struct kt_call *calls[4];
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(calls); i++)
		calls[i] = kt_park_recv_n(test, ch);
	for (i = 0; i < ARRAY_SIZE(calls); i++)
		KUNIT_EXPECT_EQ(test, kt_send_n(ch, i), 0);
	for (i = 0; i < ARRAY_SIZE(calls); i++)
		KUNIT_EXPECT_EQ(test, kt_join_n(calls[i]), i);
	kt_check(test, ch);
}

/*
 * The element is the parked receiver's from the moment of the send. It never
 * passes through the buffer, where a call that comes later could find it, even
 * while the receiver has not been woken yet.
 */
static void order_hand_over(struct kunit *test)
{
	struct kchan *ch = kt_chan(test, 8, 4);
	struct kt_call *call = kt_park_recv_n(test, ch);
	struct kchan_step step;
	struct kchan_info info;

	KUNIT_EXPECT_EQ(test, kt_give(ch, 1, &step), 0);
	kt_info(ch, &info);
	KUNIT_EXPECT_EQ(test, info.len, 0);
	KUNIT_EXPECT_EQ(test, info.recv_waiters, 0);
	KUNIT_EXPECT_EQ(test, kt_recv_n(ch), -EAGAIN);
	KUNIT_EXPECT_EQ(test, kt_send_n(ch, 2), 0);

	kchan_finish(ch, &step);
	KUNIT_EXPECT_EQ(test, kt_join_n(call), 1);
	KUNIT_EXPECT_EQ(test, kt_recv_n(ch), 2);
	kt_check(test, ch);
}

static void order_rendezvous(struct kunit *test)
{
	struct kchan *ch = kt_chan(test, 8, 0);
	struct kt_call *call;

	KUNIT_EXPECT_EQ(test, kt_send_n(ch, 1), -EAGAIN);
	KUNIT_EXPECT_EQ(test, kt_recv_n(ch), -EAGAIN);

	/* The sender's call lasts until the element is received. */
	call = kt_park_send_n(test, ch, 2);
	KUNIT_EXPECT_EQ(test, kt_len(ch), 0);
	KUNIT_EXPECT_EQ(test, kt_send_n(ch, 3), -EAGAIN);
	KUNIT_EXPECT_FALSE(test, kt_returned(call));
	KUNIT_EXPECT_EQ(test, kt_recv_n(ch), 2);
	KUNIT_EXPECT_EQ(test, kt_join(call), 8);

	/* If the receiver is there first, neither of the two waits any longer. */
	call = kt_park_recv_n(test, ch);
	KUNIT_EXPECT_EQ(test, kt_send_n(ch, 4), 0);
	KUNIT_EXPECT_EQ(test, kt_join_n(call), 4);
	KUNIT_EXPECT_EQ(test, kt_send_n(ch, 5), -EAGAIN);
	kt_check(test, ch);
}

/*
 * The same where the receiver detaches, for elements over a page, and where the
 * sender parks with its element in an allocation of its own.
 */
static void order_rendezvous_of_sizes(struct kunit *test)
{
	static const u32 sizes[] = { 1, 128, 129, PAGE_SIZE, PAGE_SIZE + 1 };
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(sizes); i++) {
		struct kchan *ch = kt_chan(test, sizes[i], 0);
		struct kt_call *send = kt_call(test, ch, true, sizes[i]);
		struct kt_call *recv;

		kt_fill(send->buf, sizes[i], i);
		kt_park(send);
		recv = kt_call(test, ch, false, sizes[i]);
		kt_start(recv);
		KUNIT_EXPECT_EQ(test, kt_join(recv), sizes[i]);
		KUNIT_EXPECT_EQ(test, kt_join(send), sizes[i]);
		KUNIT_EXPECT_TRUE(test, kt_filled(recv->buf, sizes[i], i));
		kt_check(test, ch);
	}
}

static void order_batch_nonblock(struct kunit *test)
{
	struct kchan *ch = kt_chan(test, 8, 5);
	u64 in[8] = { 0, 1, 2, 3, 4, 5, 6, 7 };
	u64 out[8] = {};
	unsigned int i;

	/* As many as fit are sent. The error comes with the next call. */
	KUNIT_EXPECT_EQ(test, kt_try_send(ch, in, 24), 24);
	KUNIT_EXPECT_EQ(test, kt_try_send(ch, in + 3, 40), 16);
	KUNIT_EXPECT_EQ(test, kt_try_send(ch, in + 5, 24), -EAGAIN);

	/* As many whole elements are received as are there and fit. */
	KUNIT_EXPECT_EQ(test, kt_try_recv(ch, out, 20), 16);
	KUNIT_EXPECT_EQ(test, kt_try_recv(ch, out + 2, 8), 8);
	KUNIT_EXPECT_EQ(test, kt_try_recv(ch, out + 3, 40), 16);
	KUNIT_EXPECT_EQ(test, kt_try_recv(ch, out + 5, 24), -EAGAIN);
	for (i = 0; i < 5; i++)
		KUNIT_EXPECT_EQ(test, out[i], i);
	KUNIT_EXPECT_EQ(test, out[5], 0);
	kt_check(test, ch);
}

/* More elements than move under one hold of the lock. */
static void order_batch_long(struct kunit *test)
{
	static const u32 sizes[] = { 8, 200, PAGE_SIZE + 8 };
	const unsigned int nr = 97;
	unsigned int i, j;

	for (i = 0; i < ARRAY_SIZE(sizes); i++) {
		const size_t len = nr * sizes[i];
		struct kchan *ch = kt_chan(test, sizes[i], nr);
		struct kt_call *send = kt_call(test, ch, true, len);
		struct kt_call *recv = kt_call(test, ch, false, len);

		for (j = 0; j < nr; j++)
			kt_fill(send->buf + j * sizes[i], sizes[i], j);
		KUNIT_EXPECT_EQ(test, kt_try_send(ch, send->buf, len), len);
		KUNIT_EXPECT_EQ(test, kt_len(ch), nr);
		KUNIT_EXPECT_EQ(test, kt_try_recv(ch, recv->buf, len), len);
		KUNIT_EXPECT_EQ(test, memcmp(send->buf, recv->buf, len), 0);
		kt_check(test, ch);
	}
}

/*
 * A batch is several sends. It stages one element at a time. For each wait it queues
 * again at the tail, so two batches take turns.
 */
static void order_batch_takes_turns(struct kunit *test)
{
	static const u64 expected[] = { 1, 11, 2, 12, 3, 13 };
	struct kchan *ch = kt_chan(test, 8, 0);
	struct kt_call *a = kt_park_send_batch(test, ch, 1, 3);
	struct kt_call *b = kt_park_send_batch(test, ch, 11, 3);
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(expected); i++) {
		/*
		 * Each batch has to be back in the queue, or have sent its last
		 * element.
		 */
		kt_wait_parked(test, ch, i < 5 ? 2 : 1, 0);
		KUNIT_EXPECT_EQ(test, kt_recv_n(ch), expected[i]);
		if (i == 4)
			KUNIT_EXPECT_EQ(test, kt_join(a), 24);
	}
	KUNIT_EXPECT_EQ(test, kt_join(b), 24);
	kt_check(test, ch);
}

/*
 * Other senders' elements may come between those of a batch. The order within the
 * batch is kept.
 */
static void order_batch_into_buffer(struct kunit *test)
{
	struct kchan *ch = kt_chan(test, 8, 2);
	struct kt_call *a = kt_park_send_batch(test, ch, 1, 5);
	struct kt_call *b = kt_park_send_n(test, ch, 11);
	u64 out[8];

	KUNIT_EXPECT_EQ(test, kt_len(ch), 2);
	/* 1 leaves, 3 enters; the batch queues again, behind 11. */
	KUNIT_EXPECT_EQ(test, kt_recv_n(ch), 1);
	kt_wait_parked(test, ch, 2, 0);
	KUNIT_EXPECT_EQ(test, kt_recv_n(ch), 2);
	KUNIT_EXPECT_EQ(test, kt_join(b), 8);
	kt_wait_parked(test, ch, 1, 0);
	KUNIT_EXPECT_EQ(test, kt_recv_n(ch), 3);
	kt_wait_parked(test, ch, 1, 0);
	KUNIT_EXPECT_EQ(test, kt_recv_n(ch), 11);
	KUNIT_EXPECT_EQ(test, kt_join(a), 40);
	KUNIT_EXPECT_EQ(test, kt_try_recv(ch, out, sizeof(out)), 16);
	KUNIT_EXPECT_EQ(test, out[0], 4);
	KUNIT_EXPECT_EQ(test, out[1], 5);
	kt_check(test, ch);
}

/*
 * A receive of several elements also takes those of parked senders, as many as fit.
 */
static void order_batch_of_parked(struct kunit *test)
{
	static const u32 capacities[] = { 0, 1, 2 };
	unsigned int i, j;

	for (i = 0; i < ARRAY_SIZE(capacities); i++) {
		struct kchan *ch = kt_chan(test, 8, capacities[i]);
		struct kt_call *calls[4];
		u64 out[8];
		u64 n;

		for (n = 0; n < capacities[i]; n++)
			KUNIT_EXPECT_EQ(test, kt_send_n(ch, n), 0);
		for (j = 0; j < ARRAY_SIZE(calls); j++)
			calls[j] = kt_park_send_n(test, ch, n + j);
		n += ARRAY_SIZE(calls);
		/* All but the last. */
		KUNIT_EXPECT_EQ(test, kt_try_recv(ch, out, (n - 1) * 8),
				(n - 1) * 8);
		for (j = 0; j < n - 1; j++)
			KUNIT_EXPECT_EQ(test, out[j], j);
		KUNIT_EXPECT_EQ(test, kt_recv_n(ch), n - 1);
		for (j = 0; j < ARRAY_SIZE(calls); j++)
			KUNIT_EXPECT_EQ(test, kt_join(calls[j]), 8);
		kt_check(test, ch);
	}
}

/* A receive of several elements waits only for the first one. */
static void order_batch_recv_waits_once(struct kunit *test)
{
	struct kchan *ch = kt_chan(test, 8, 4);
	struct kt_call *call = kt_park_recv(test, ch, 32);

	KUNIT_EXPECT_EQ(test, kt_send_n(ch, 7), 0);
	KUNIT_EXPECT_EQ(test, kt_join(call), 8);
	KUNIT_EXPECT_EQ(test, *(u64 *)call->buf, 7);
	kt_check(test, ch);
}

enum order_stop {
	ORDER_CLOSE,
	ORDER_SIGNAL,
	ORDER_DEADLINE,
	ORDER_NO_RECEIVER,
};

/*
 * If something stops a batch after some elements, the next call returns the error.
 * The elements before it have been sent, and those after it have not.
 */
static void order_batch_partial(struct kunit *test)
{
	enum order_stop stop;

	for (stop = ORDER_CLOSE; stop <= ORDER_NO_RECEIVER; stop++) {
		struct kchan *ch = kt_chan(test, 8, 2);
		struct kt_call *call = kt_call(test, ch, true, 40);
		struct kt_call *next = kt_call(test, ch, true, 8);
		ssize_t error = -EPIPE;
		unsigned int i;

		for (i = 0; i < 5; i++)
			((u64 *)call->buf)[i] = i;
		if (stop == ORDER_DEADLINE) {
			/*
			 * This is long enough to park before the deadline, most of
			 * the time.
			 */
			call->deadline = ktime_add_ms(ktime_get(), 20);
			next->deadline = call->deadline;
			error = -ETIMEDOUT;
			kt_start(call);
		} else {
			kt_park(call);
		}
		if (stop == ORDER_CLOSE) {
			KUNIT_EXPECT_EQ(test, kchan_close(ch), 0);
		} else if (stop == ORDER_SIGNAL) {
			kt_signal(call, SIGTERM);
			error = -ERESTARTSYS;
		} else if (stop == ORDER_NO_RECEIVER) {
			kchan_end_put(ch, FMODE_READ);
		}
		KUNIT_EXPECT_EQ_MSG(test, kt_join(call), 16, "stop %d", stop);

		if (stop == ORDER_SIGNAL) {
			kt_park(next);
			kt_signal(next, SIGTERM);
		} else {
			kt_start(next);
		}
		KUNIT_EXPECT_EQ_MSG(test, kt_join(next), error, "stop %d",
				    stop);
		/* When the last end that receives goes, these elements are freed. */
		if (stop != ORDER_NO_RECEIVER) {
			KUNIT_EXPECT_EQ(test, kt_recv_n(ch), 0);
			KUNIT_EXPECT_EQ(test, kt_recv_n(ch), 1);
		}
		KUNIT_EXPECT_EQ(test, kt_recv_n(ch),
				stop == ORDER_CLOSE ? -EPIPE : -EAGAIN);
		kt_check(test, ch);
	}
}

/* A batch goes first to the receivers that wait, then to the buffer. */
static void order_batch_to_receivers(struct kunit *test)
{
	struct kchan *ch = kt_chan(test, 8, 2);
	struct kt_call *first = kt_park_recv_n(test, ch);
	struct kt_call *second = kt_park_recv_n(test, ch);
	u64 in[5] = { 1, 2, 3, 4, 5 };

	KUNIT_EXPECT_EQ(test, kt_try_send(ch, in, sizeof(in)), 32);
	KUNIT_EXPECT_EQ(test, kt_join_n(first), 1);
	KUNIT_EXPECT_EQ(test, kt_join_n(second), 2);
	KUNIT_EXPECT_EQ(test, kt_recv_n(ch), 3);
	KUNIT_EXPECT_EQ(test, kt_recv_n(ch), 4);
	kt_check(test, ch);
}

static struct kunit_case order_cases[] = {
	KUNIT_CASE(order_of_elements),
	KUNIT_CASE(order_of_capacity),
	KUNIT_CASE(order_of_senders),
	KUNIT_CASE(order_of_receivers),
	KUNIT_CASE(order_hand_over),
	KUNIT_CASE(order_rendezvous),
	KUNIT_CASE(order_rendezvous_of_sizes),
	KUNIT_CASE(order_batch_nonblock),
	KUNIT_CASE(order_batch_long),
	KUNIT_CASE(order_batch_takes_turns),
	KUNIT_CASE(order_batch_into_buffer),
	KUNIT_CASE(order_batch_of_parked),
	KUNIT_CASE(order_batch_recv_waits_once),
	KUNIT_CASE(order_batch_partial),
	KUNIT_CASE(order_batch_to_receivers),
	{}
};

static struct kunit_suite order_suite = {
	.name = "kchan_order",
	.test_cases = order_cases,
};

kunit_test_suite(order_suite);
