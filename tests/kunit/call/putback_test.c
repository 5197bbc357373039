// SPDX-License-Identifier: GPL-2.0-only
/*
 * Elements that were handed out and could not be received. They come back: to the
 * longest-waiting receiver, or ahead of all that was sent after them.
 */
#include <kunit/test.h>
#include <linux/minmax.h>
#include <linux/random.h>
#include <linux/slab.h>

#include "harness.h"

/* A size for each way in which elements are stored and staged. */
static const u32 putback_sizes[] = { 8, 200, PAGE_SIZE + 8 };

static void putback_size_desc(const u32 *size, char *desc)
{
	snprintf(desc, KUNIT_PARAM_DESC_SIZE, "%u bytes", *size);
}

KUNIT_ARRAY_PARAM(putback_size, putback_sizes, putback_size_desc);

static struct kchan *putback_chan(struct kunit *test, u32 capacity)
{
	return kt_chan(test, *(const u32 *)test->param_value, capacity);
}

/* Sends an element of any size that contains its number. */
static ssize_t putback_send(struct kunit *test, struct kchan *ch, u64 n)
{
	struct kt_call *call = kt_call(test, ch, true, ch->elem_size);
	ssize_t ret;

	*(u64 *)call->buf = n;
	ret = kt_try_send(ch, call->buf, call->len);
	return ret == call->len ? 0 : ret;
}

static s64 putback_recv(struct kunit *test, struct kchan *ch)
{
	struct kt_call *call = kt_call(test, ch, false, ch->elem_size);
	ssize_t ret = kt_try_recv(ch, call->buf, call->len);

	return ret == call->len ? *(s64 *)call->buf : ret;
}

static s64 putback_join(struct kunit *test, struct kt_call *call)
{
	ssize_t ret = kt_join(call);

	return ret == call->len ? *(s64 *)call->buf : ret;
}

static void putback_is_drained_first(struct kunit *test)
{
	struct kchan *ch = putback_chan(test, 4);
	struct kchan_elem *elem;
	u64 n;

	for (n = 0; n < 4; n++)
		KUNIT_EXPECT_EQ(test, putback_send(test, ch, n), 0);
	elem = kt_detach(test, ch);
	KUNIT_EXPECT_EQ(test, kt_elem_n(elem), 0);
	/* Another element has its slot, and it comes back even so. */
	KUNIT_EXPECT_EQ(test, putback_send(test, ch, 4), 0);
	kchan_put_back(ch, elem);
	KUNIT_EXPECT_EQ(test, kt_len(ch), 5);
	KUNIT_EXPECT_EQ(test, ch->stored, 4);
	KUNIT_EXPECT_EQ(test, putback_send(test, ch, 5), -EAGAIN);
	KUNIT_EXPECT_EQ(test, putback_recv(test, ch), 0);
	/* It was outside the capacity, so no slot came free. */
	KUNIT_EXPECT_EQ(test, putback_send(test, ch, 5), -EAGAIN);
	for (n = 1; n < 5; n++)
		KUNIT_EXPECT_EQ(test, putback_recv(test, ch), n);
	KUNIT_EXPECT_EQ(test, putback_recv(test, ch), -EAGAIN);
	kt_check(test, ch);
}

/*
 * Several elements come back out of order, and go out in the order in which they were
 * sent.
 */
static void putback_is_sorted(struct kunit *test)
{
	static const u8 orders[][4] = {
		{ 0, 1, 2, 3 }, { 3, 2, 1, 0 }, { 1, 3, 0, 2 }, { 2, 0, 3, 1 },
	};
	struct kchan_elem *elems[4];
	unsigned int i, j;

	for (i = 0; i < ARRAY_SIZE(orders); i++) {
		struct kchan *ch = putback_chan(test, 8);

		for (j = 0; j < 6; j++)
			KUNIT_EXPECT_EQ(test, putback_send(test, ch, j), 0);
		for (j = 0; j < 4; j++)
			elems[j] = kt_detach(test, ch);
		for (j = 0; j < 4; j++)
			kchan_put_back(ch, elems[orders[i][j]]);
		for (j = 0; j < 6; j++)
			KUNIT_EXPECT_EQ(test, putback_recv(test, ch), j);
		kt_check(test, ch);
	}
}

/* An element that was put back twice keeps its place. */
static void putback_twice(struct kunit *test)
{
	struct kchan *ch = putback_chan(test, 4);
	struct kchan_elem *first, *second;
	u64 n;

	for (n = 0; n < 3; n++)
		KUNIT_EXPECT_EQ(test, putback_send(test, ch, n), 0);
	first = kt_detach(test, ch);
	second = kt_detach(test, ch);
	kchan_put_back(ch, second);
	second = kt_detach(test, ch);
	KUNIT_EXPECT_EQ(test, kt_elem_n(second), 1);
	kchan_put_back(ch, first);
	first = kt_detach(test, ch);
	KUNIT_EXPECT_EQ(test, kt_elem_n(first), 0);
	kchan_put_back(ch, second);
	kchan_put_back(ch, first);
	for (n = 0; n < 3; n++)
		KUNIT_EXPECT_EQ(test, putback_recv(test, ch), n);
	kt_check(test, ch);
}

/* An element that was handed to a parked receiver also has its place in the order. */
static void putback_after_hand_over(struct kunit *test)
{
	struct kchan *ch = kt_chan(test, 8, 4);
	struct kt_call *call = kt_park_recv_n(test, ch);
	struct kchan_elem *second;
	struct kchan_step step;

	KUNIT_EXPECT_EQ(test, kt_give(ch, 1, &step), 0);
	KUNIT_EXPECT_EQ(test, kt_send_n(ch, 2), 0);
	KUNIT_EXPECT_EQ(test, kt_send_n(ch, 3), 0);
	second = kt_detach(test, ch);
	kchan_put_back(ch, second);
	/* The receiver of the first element is killed before it has copied it. */
	kt_signal(call, SIGKILL);
	kchan_finish(ch, &step);
	KUNIT_EXPECT_EQ(test, kt_join(call), -EINTR);
	KUNIT_EXPECT_EQ(test, kt_len(ch), 3);
	KUNIT_EXPECT_EQ(test, kt_recv_n(ch), 1);
	KUNIT_EXPECT_EQ(test, kt_recv_n(ch), 2);
	KUNIT_EXPECT_EQ(test, kt_recv_n(ch), 3);
	kt_check(test, ch);
}

static void putback_to_receiver(struct kunit *test)
{
	struct kchan *ch = putback_chan(test, 4);
	struct kt_call *first, *second;
	struct kchan_elem *elem;

	KUNIT_EXPECT_EQ(test, putback_send(test, ch, 1), 0);
	elem = kt_detach(test, ch);
	first = kt_park_recv(test, ch, ch->elem_size);
	second = kt_park_recv(test, ch, ch->elem_size);
	kchan_put_back(ch, elem);
	KUNIT_EXPECT_EQ(test, putback_join(test, first), 1);
	KUNIT_EXPECT_EQ(test, kt_len(ch), 0);
	KUNIT_EXPECT_FALSE(test, kt_returned(second));
	KUNIT_EXPECT_EQ(test, putback_send(test, ch, 2), 0);
	KUNIT_EXPECT_EQ(test, putback_join(test, second), 2);
	kt_check(test, ch);
}

/*
 * Trap: a wake-up that was given to a task which then leaves because of a signal has
 * to be passed on. Here the element is passed on, to the receiver that waits next.
 */
static void putback_passes_on(struct kunit *test)
{
	struct kchan *ch = kt_chan(test, 8, 0);
	struct kt_call *killed = kt_park_recv_n(test, ch);
	struct kt_call *next = kt_park_recv_n(test, ch);
	struct kchan_step step;

	KUNIT_EXPECT_EQ(test, kt_give(ch, 5, &step), 0);
	kt_signal(killed, SIGKILL);
	kchan_finish(ch, &step);
	KUNIT_EXPECT_EQ(test, kt_join(killed), -EINTR);
	KUNIT_EXPECT_EQ(test, kt_join_n(next), 5);
	KUNIT_EXPECT_EQ(test, kt_len(ch), 0);
	kt_check(test, ch);
}

/* A put-back is the only way in which a rendezvous channel holds an element. */
static void putback_on_rendezvous(struct kunit *test)
{
	struct kchan *ch = putback_chan(test, 0);
	struct kt_call *send = kt_call(test, ch, true, ch->elem_size);
	struct kchan_elem *elem;

	*(u64 *)send->buf = 1;
	kt_park(send);
	elem = kt_detach(test, ch);
	/* The claim is not undone: the sender has sent the element. */
	KUNIT_EXPECT_EQ(test, kt_join(send), ch->elem_size);
	kchan_put_back(ch, elem);
	KUNIT_EXPECT_EQ(test, kt_len(ch), 1);
	KUNIT_EXPECT_EQ(test, putback_send(test, ch, 2), -EAGAIN);

	/* It goes out before the element of a sender that waits. */
	send = kt_call(test, ch, true, ch->elem_size);
	*(u64 *)send->buf = 2;
	kt_park(send);
	KUNIT_EXPECT_EQ(test, putback_recv(test, ch), 1);
	KUNIT_EXPECT_FALSE(test, kt_returned(send));
	KUNIT_EXPECT_EQ(test, putback_recv(test, ch), 2);
	KUNIT_EXPECT_EQ(test, kt_join(send), ch->elem_size);
	kt_check(test, ch);
}

/*
 * On a closed channel the put-back is drained as usual. Until then it is not the end
 * of the stream.
 */
static void putback_on_closed(struct kunit *test)
{
	struct kchan *ch = putback_chan(test, 2);
	struct kchan_elem *elem;

	KUNIT_EXPECT_EQ(test, putback_send(test, ch, 1), 0);
	elem = kt_detach(test, ch);
	KUNIT_EXPECT_EQ(test, kchan_close(ch), 0);
	KUNIT_EXPECT_EQ(test, putback_recv(test, ch), -EAGAIN);
	kchan_put_back(ch, elem);
	KUNIT_EXPECT_EQ(test, putback_recv(test, ch), 1);
	KUNIT_EXPECT_EQ(test, putback_recv(test, ch), -EPIPE);
	kt_check(test, ch);
}

/* If no receive end is left, the element is dropped; kmemleak would tell. */
static void putback_without_receiver(struct kunit *test)
{
	struct kchan *ch = putback_chan(test, 2);
	struct kchan_elem *elem;

	KUNIT_EXPECT_EQ(test, putback_send(test, ch, 1), 0);
	KUNIT_EXPECT_EQ(test, putback_send(test, ch, 2), 0);
	elem = kt_detach(test, ch);
	kchan_end_put(ch, FMODE_READ);
	kchan_put_back(ch, elem);
	/* What was queued is dropped as well. */
	KUNIT_EXPECT_EQ(test, kt_len(ch), 0);
	kt_check(test, ch);
}

/* What is put back when the channel is freed is freed with it. */
static void putback_left_behind(struct kunit *test)
{
	struct kchan *ch = putback_chan(test, 3);
	struct kchan_elem *first, *second;
	u64 n;

	for (n = 0; n < 3; n++)
		KUNIT_EXPECT_EQ(test, putback_send(test, ch, n), 0);
	first = kt_detach(test, ch);
	second = kt_detach(test, ch);
	kchan_put_back(ch, second);
	kchan_put_back(ch, first);
	KUNIT_EXPECT_EQ(test, kt_len(ch), 3);
	kchan_end_put(ch, FMODE_READ | FMODE_WRITE);
}

/*
 * A receive of several elements takes those put back, those stored, and those of
 * parked senders.
 */
static void putback_in_batch(struct kunit *test)
{
	struct kchan *ch = kt_chan(test, 8, 2);
	struct kchan_elem *first, *second;
	struct kt_call *send;
	u64 out[8];
	u64 n;

	for (n = 0; n < 2; n++)
		KUNIT_EXPECT_EQ(test, kt_send_n(ch, n), 0);
	first = kt_detach(test, ch);
	second = kt_detach(test, ch);
	for (n = 2; n < 4; n++)
		KUNIT_EXPECT_EQ(test, kt_send_n(ch, n), 0);
	send = kt_park_send_n(test, ch, 4);
	kchan_put_back(ch, second);
	kchan_put_back(ch, first);
	KUNIT_EXPECT_EQ(test, kt_try_recv(ch, out, sizeof(out)), 40);
	for (n = 0; n < 5; n++)
		KUNIT_EXPECT_EQ(test, out[n], n);
	KUNIT_EXPECT_EQ(test, kt_join(send), 8);
	kt_check(test, ch);
}

/* Put-backs do not count for the capacity, also not in a resize. */
static void putback_and_resize(struct kunit *test)
{
	struct kchan *ch = putback_chan(test, 2);
	struct kchan_elem *first, *second;
	u64 n;

	for (n = 0; n < 2; n++)
		KUNIT_EXPECT_EQ(test, putback_send(test, ch, n), 0);
	first = kt_detach(test, ch);
	second = kt_detach(test, ch);
	KUNIT_EXPECT_EQ(test, putback_send(test, ch, 2), 0);
	kchan_put_back(ch, first);
	kchan_put_back(ch, second);
	KUNIT_EXPECT_EQ(test, kchan_resize(ch, 0), -EBUSY);
	KUNIT_EXPECT_EQ(test, kchan_resize(ch, 1), 0);
	KUNIT_EXPECT_EQ(test, kt_len(ch), 3);
	for (n = 0; n < 3; n++)
		KUNIT_EXPECT_EQ(test, putback_recv(test, ch), n);
	KUNIT_EXPECT_EQ(test, kchan_resize(ch, 0), 0);
	kt_check(test, ch);
}

/*
 * Many elements are put back in random order. Each put-back looks at no more elements
 * than a balanced tree has levels. The elements are received in order.
 */
static void putback_many(struct kunit *test)
{
	const unsigned int nr = 3000;
	struct kchan *ch = kt_chan(test, 8, nr);
	struct kchan_elem **elems;
	unsigned int i, wrong = 0;

	elems = kvcalloc(nr, sizeof(*elems), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, elems);
	for (i = 0; i < nr; i++)
		wrong += kt_send_n(ch, i) != 0;
	for (i = 0; i < nr; i++)
		elems[i] = kt_detach(test, ch);
	for (i = nr; i > 1; i--) {
		const unsigned int k = get_random_u32_below(i);

		swap(elems[i - 1], elems[k]);
	}
	for (i = 0; i < nr; i++)
		kchan_put_back(ch, elems[i]);
	kvfree(elems);
	KUNIT_EXPECT_EQ(test, ch->nr_put_back, nr);
	KUNIT_EXPECT_LE(test, kt_levels(ch->put_back.rb_root.rb_node), KT_LEVELS(nr));
	for (i = 0; i < nr; i++)
		wrong += kt_recv_n(ch) != i;
	KUNIT_EXPECT_EQ(test, wrong, 0);
	kt_check(test, ch);
}

static struct kunit_case putback_cases[] = {
	KUNIT_CASE_PARAM(putback_is_drained_first, putback_size_gen_params),
	KUNIT_CASE_PARAM(putback_is_sorted, putback_size_gen_params),
	KUNIT_CASE_PARAM(putback_twice, putback_size_gen_params),
	KUNIT_CASE(putback_after_hand_over),
	KUNIT_CASE_PARAM(putback_to_receiver, putback_size_gen_params),
	KUNIT_CASE(putback_passes_on),
	KUNIT_CASE_PARAM(putback_on_rendezvous, putback_size_gen_params),
	KUNIT_CASE_PARAM(putback_on_closed, putback_size_gen_params),
	KUNIT_CASE_PARAM(putback_without_receiver, putback_size_gen_params),
	KUNIT_CASE_PARAM(putback_left_behind, putback_size_gen_params),
	KUNIT_CASE(putback_in_batch),
	KUNIT_CASE(putback_many),
	KUNIT_CASE_PARAM(putback_and_resize, putback_size_gen_params),
	{}
};

static struct kunit_suite putback_suite = {
	.name = "kchan_putback",
	.test_cases = putback_cases,
};

kunit_test_suite(putback_suite);
