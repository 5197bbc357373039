// SPDX-License-Identifier: GPL-2.0-only
/*
 * Runs: elements of fixed size that go in one copy. They are the same elements, in the
 * same order, as if each had gone by itself.
 */
#include <kunit/test.h>
#include <linux/err.h>
#include <linux/random.h>
#include <linux/slab.h>
#include <linux/uaccess.h>
#include <linux/uio.h>

#include "between.h"
#include "call.h"
#include "memory.h"
#include "parties.h"
#include "ring.h"

#define RUN_CAPACITY	7
#define RUN_MOST	10

/*
 * Batches of random lengths go around the ring, and each is compared with a count. The
 * sizes are such that a slot begins at any byte.
 */
static void run_wraps(struct kunit *test)
{
	static const u32 sizes[] = { 1, 3, 8, 13, 64, 200 };
	unsigned int i, round, sent, got, wrong;

	for (i = 0; i < ARRAY_SIZE(sizes); i++) {
		const u32 size = sizes[i];
		struct kchan *ch = kt_chan(test, size, RUN_CAPACITY);
		u8 *buf = kunit_kzalloc(test, RUN_MOST * size, GFP_KERNEL);

		KUNIT_ASSERT_NOT_NULL(test, buf);
		sent = 0;
		got = 0;
		wrong = 0;
		for (round = 0; round < 200; round++) {
			unsigned int nr = 1 + get_random_u32_below(RUN_MOST), k;
			const unsigned int room = RUN_CAPACITY - (sent - got);
			ssize_t ret, most;

			for (k = 0; k < nr; k++)
				kt_fill(buf + k * size, size, sent + k);
			most = room ? (ssize_t)min(nr, room) * size : -EAGAIN;
			ret = kt_try_send(ch, buf, nr * size);
			KUNIT_EXPECT_EQ(test, ret, most);
			if (ret > 0)
				sent += ret / size;

			nr = 1 + get_random_u32_below(RUN_MOST);
			memset(buf, 0xa5, RUN_MOST * size);
			most = (ssize_t)min(nr, sent - got) * size;
			ret = kt_try_recv(ch, buf, nr * size);
			KUNIT_EXPECT_EQ(test, ret, most);
			for (k = 0; ret > 0 && k < ret / size; k++)
				wrong += !kt_filled(buf + k * size, size, got++);
			KUNIT_EXPECT_EQ(test, kt_len(ch), sent - got);
		}
		KUNIT_EXPECT_EQ_MSG(test, wrong, 0, "elements of %u bytes", size);
		KUNIT_EXPECT_EQ(test, kchan_sent(ch), sent);
		kt_check(test, ch);
	}
}

/* What one copy moves, and when it moves nothing, though there may be what to move. */
static void run_takes_part(struct kunit *test)
{
	u64 in[6] = { 1, 2, 3, 4, 5, 6 }, out[6] = {};
	struct kchan *ch = kt_chan(test, 8, 4);
	struct kvec vec = { .iov_base = in, .iov_len = sizeof(in) };
	struct kchan_elem *elem;
	struct iov_iter iter;

	KUNIT_EXPECT_TRUE(test, kchan_is_plain(ch));
	iov_iter_kvec(&iter, ITER_SOURCE, &vec, 1, sizeof(in));
	KUNIT_EXPECT_EQ(test, kchan_give_run(ch, &iter), 4);
	KUNIT_EXPECT_EQ(test, iov_iter_count(&iter), 16);
	KUNIT_EXPECT_EQ(test, kchan_give_run(ch, &iter), 0);
	KUNIT_EXPECT_EQ(test, kt_recv_n(ch), 1);
	KUNIT_EXPECT_EQ(test, kchan_give_run(ch, &iter), 1);
	KUNIT_EXPECT_EQ(test, kt_recv_n(ch), 2);

	/* One that came back goes first. */
	elem = kt_detach(test, ch);
	kchan_put_back(ch, elem);
	vec.iov_base = out;
	iov_iter_kvec(&iter, ITER_DEST, &vec, 1, sizeof(out));
	KUNIT_EXPECT_EQ(test, kchan_take_run(ch, &iter), 0);
	KUNIT_EXPECT_EQ(test, kt_recv_n(ch), 3);
	/* Up to the last slot, though more is there. */
	KUNIT_EXPECT_EQ(test, kt_send_n(ch, 6), 0);
	KUNIT_EXPECT_EQ(test, kchan_take_run(ch, &iter), 1);
	KUNIT_EXPECT_EQ(test, kchan_take_run(ch, &iter), 2);
	KUNIT_EXPECT_EQ(test, kchan_take_run(ch, &iter), 0);
	KUNIT_EXPECT_EQ(test, out[0], 4);
	KUNIT_EXPECT_EQ(test, out[1], 5);
	KUNIT_EXPECT_EQ(test, out[2], 6);
	kt_check(test, ch);
}

/* Nobody who waits is passed by: neither a receiver nor a sender. */
static void run_leaves_parked(struct kunit *test)
{
	u64 in[2] = { 1, 2 }, out[4] = {};
	struct kchan *ch = kt_chan(test, 8, 2);
	struct kt_party *p = kt_party_receiver(test, ch, 8);
	struct kt_party *late;

	KUNIT_EXPECT_EQ(test, kt_try_send(ch, in, sizeof(in)), sizeof(in));
	KUNIT_EXPECT_EQ(test, kt_party_n(p), 1);
	KUNIT_EXPECT_EQ(test, kt_send_n(ch, 3), 0);
	late = kt_party_sender(test, ch, 4);
	KUNIT_EXPECT_EQ(test, kt_try_recv(ch, out, sizeof(out)), 24);
	KUNIT_EXPECT_EQ(test, kt_party_status(late), 0);
	KUNIT_EXPECT_EQ(test, out[0], 2);
	KUNIT_EXPECT_EQ(test, out[1], 3);
	KUNIT_EXPECT_EQ(test, out[2], 4);
	kt_party_end(p);
	kt_party_end(late);
	kt_check(test, ch);
}

/* Nothing goes in a run to or from a channel that is closed, or has no receiver. */
static void run_of_the_end(struct kunit *test)
{
	u64 in[2] = { 1, 2 }, out[4] = {};
	struct kchan *ch = kt_chan(test, 8, 4);

	KUNIT_EXPECT_EQ(test, kt_try_send(ch, in, sizeof(in)), sizeof(in));
	KUNIT_EXPECT_EQ(test, kchan_close(ch), 0);
	KUNIT_EXPECT_EQ(test, kt_try_send(ch, in, sizeof(in)), -EPIPE);
	KUNIT_EXPECT_EQ(test, kt_try_recv(ch, out, sizeof(out)), 16);
	KUNIT_EXPECT_EQ(test, out[1], 2);
	KUNIT_EXPECT_EQ(test, kt_try_recv(ch, out, sizeof(out)), -EPIPE);

	ch = kt_chan(test, 8, 4);
	kchan_end_put(ch, FMODE_READ);
	KUNIT_EXPECT_EQ(test, kt_try_send(ch, in, sizeof(in)), -EPIPE);
}

/* Elements of two rings come in their order. */
static void run_of_two_rings(struct kunit *test)
{
	u64 in[5] = { 1, 2, 3, 4, 5 }, out[5] = {};
	struct kchan *ch = kt_chan(test, 8, 3);
	unsigned int i;

	KUNIT_EXPECT_EQ(test, kt_try_send(ch, in, 24), 24);
	KUNIT_EXPECT_EQ(test, kchan_resize(ch, 5), 0);
	KUNIT_EXPECT_EQ(test, kt_try_send(ch, in + 3, 16), 16);
	KUNIT_EXPECT_EQ(test, kt_send_n(ch, 6), -EAGAIN);
	KUNIT_EXPECT_EQ(test, kt_try_recv(ch, out, sizeof(out)), sizeof(out));
	for (i = 0; i < 5; i++)
		KUNIT_EXPECT_EQ(test, out[i], i + 1);
	KUNIT_EXPECT_TRUE(test, list_is_singular(&ch->rings));
	kt_check(test, ch);
}

/* One element of a user buffer: it moves whole, or not at all. */
static void run_of_user(struct kunit *test)
{
	unsigned long end = kt_user_pages(test, 1) + PAGE_SIZE;
	u64 __user *at = (u64 __user *)(end - 8), *bad = (u64 __user *)(end - 4);
	struct kchan *ch = kt_chan(test, 8, 2);
	u64 n = 0;

	KUNIT_ASSERT_EQ(test, 0, put_user(5ULL, at));
	KUNIT_EXPECT_TRUE(test, kchan_give_user(ch, at));
	KUNIT_EXPECT_FALSE(test, kchan_give_user(ch, bad));
	KUNIT_EXPECT_FALSE(test, kchan_give_user(ch, (void __user *)-PAGE_SIZE));
	KUNIT_EXPECT_EQ(test, kt_len(ch), 1);
	KUNIT_ASSERT_EQ(test, 0, put_user(0ULL, at));
	KUNIT_EXPECT_FALSE(test, kchan_take_user(ch, bad));
	KUNIT_EXPECT_FALSE(test, kchan_take_user(ch, (void __user *)-PAGE_SIZE));
	KUNIT_EXPECT_EQ(test, kt_len(ch), 1);
	KUNIT_EXPECT_TRUE(test, kchan_take_user(ch, at));
	KUNIT_EXPECT_FALSE(test, kchan_take_user(ch, at));
	KUNIT_ASSERT_EQ(test, 0, get_user(n, at));
	KUNIT_EXPECT_EQ(test, n, 5);
	kt_check(test, ch);
}

/* No more moves under one hold than a batch has, whatever the buffer has room for. */
static void run_is_bounded(struct kunit *test)
{
	static const struct {
		u32 size;
		u32 batch;
	} most[] = { { 8, KCHAN_BATCH_ELEMS }, { 4096, KCHAN_BATCH_BYTES / 4096 } };
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(most); i++) {
		const u32 nr = 2 * most[i].batch;
		struct kchan *ch = kt_chan(test, most[i].size, nr);
		struct kvec vec = { .iov_len = nr * most[i].size };
		struct iov_iter iter;

		vec.iov_base = kvzalloc(vec.iov_len, GFP_KERNEL);
		KUNIT_ASSERT_NOT_NULL(test, vec.iov_base);
		iov_iter_kvec(&iter, ITER_SOURCE, &vec, 1, vec.iov_len);
		KUNIT_EXPECT_EQ(test, kchan_give_run(ch, &iter), most[i].batch);
		KUNIT_EXPECT_EQ(test, kchan_give_run(ch, &iter), most[i].batch);
		iov_iter_kvec(&iter, ITER_DEST, &vec, 1, vec.iov_len);
		KUNIT_EXPECT_EQ(test, kchan_take_run(ch, &iter), most[i].batch);
		KUNIT_EXPECT_EQ(test, kchan_take_run(ch, &iter), most[i].batch);
		kvfree(vec.iov_base);
		kt_check(test, ch);
	}
}

static void run_dropped_again(struct kt_between *b)
{
}

/*
 * A drain is no run, but as many elements as are there still move under one hold: of a
 * channel that is closed, one whose older ring is left, and one where an element came
 * back.
 */
static void run_drains_at_once(struct kunit *test)
{
	u64 in[4] = { 1, 2, 3, 4 }, out[4];
	unsigned int way, i;

	for (way = 0; way < 3; way++) {
		struct kchan *ch = kt_chan(test, 8, 4);
		struct kt_between *b = kt_between(test, run_dropped_again, NULL);

		KUNIT_EXPECT_EQ(test, kt_try_send(ch, in, sizeof(in)), sizeof(in));
		if (way == 0)
			KUNIT_EXPECT_EQ(test, kchan_close(ch), 0);
		else if (way == 1)
			KUNIT_EXPECT_EQ(test, kchan_resize(ch, 5), 0);
		else
			kchan_put_back(ch, kt_detach(test, ch));
		memset(out, 0, sizeof(out));
		/* The run that is tried first has a hold of its own. */
		kt_between_at(b, ch, 2);
		KUNIT_EXPECT_EQ(test, kt_try_recv(ch, out, sizeof(out)), sizeof(out));
		kt_between_end(b, 0);
		for (i = 0; i < 4; i++)
			KUNIT_EXPECT_EQ(test, out[i], i + 1);
		kt_check(test, ch);
	}
}

static struct kunit_case run_cases[] = {
	KUNIT_CASE(run_wraps),
	KUNIT_CASE(run_takes_part),
	KUNIT_CASE(run_of_user),
	KUNIT_CASE(run_leaves_parked),
	KUNIT_CASE(run_of_the_end),
	KUNIT_CASE(run_of_two_rings),
	KUNIT_CASE(run_is_bounded),
	KUNIT_CASE(run_drains_at_once),
	{}
};

static struct kunit_suite run_suite = {
	.name = "kchan_run",
	.test_cases = run_cases,
};

kunit_test_suite(run_suite);
