// SPDX-License-Identifier: GPL-2.0-only
/*
 * Runs: one copy moves several elements of fixed size. The receiver gets the same
 * elements, in the same order, as when each is copied by itself.
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

/* One try to send @most numbers, or to receive them. */
static int run_give(struct kchan *ch, const u64 *buf, u32 most, struct kchan_step *step)
{
	struct kvec vec = { .iov_base = (void *)buf, .iov_len = most * sizeof(*buf) };
	struct iov_iter from;
	struct kchan_src src = { .from = &from, .len = sizeof(*buf), .nr = most };
	int ret;

	iov_iter_kvec(&from, ITER_SOURCE, &vec, 1, vec.iov_len);
	kchan_step_begin(step);
	kchan_lock(ch);
	ret = kchan_give(ch, &src, step);
	kchan_unlock(ch);
	if (iov_iter_count(&from) != vec.iov_len - max(ret, 0) * sizeof(*buf))
		return -EUCLEAN;
	return ret;
}

static int run_take(struct kchan *ch, u64 *buf, u32 most, struct kchan_step *step)
{
	struct kvec vec = { .iov_base = buf, .iov_len = most * sizeof(*buf) };
	struct iov_iter to;
	struct kchan_dst dst = { .to = &to, .room = sizeof(*buf), .nr = most };
	int ret;

	iov_iter_kvec(&to, ITER_DEST, &vec, 1, vec.iov_len);
	kchan_step_begin(step);
	kchan_lock(ch);
	ret = kchan_take(ch, &dst, step);
	kchan_unlock(ch);
	if (iov_iter_count(&to) != vec.iov_len - max(ret, 0) * sizeof(*buf))
		return -EUCLEAN;
	return ret;
}

/* What one copy moves: it ends at the last slot, and at the last element that is there. */
static void run_takes_part(struct kunit *test)
{
	u64 in[6] = { 1, 2, 3, 4, 5, 6 }, out[6] = {};
	struct kchan *ch = kt_chan(test, 8, 4);
	struct kchan_step step;

	KUNIT_EXPECT_TRUE(test, kchan_is_copied(ch));
	KUNIT_EXPECT_EQ(test, run_give(ch, in, 2, &step), 2);
	KUNIT_EXPECT_EQ(test, run_give(ch, in + 2, 4, &step), 2);
	KUNIT_EXPECT_EQ(test, run_give(ch, in + 4, 2, &step), -EAGAIN);
	KUNIT_EXPECT_EQ(test, kt_recv_n(ch), 1);
	KUNIT_EXPECT_EQ(test, run_give(ch, in + 4, 2, &step), 1);
	KUNIT_EXPECT_EQ(test, kt_recv_n(ch), 2);
	KUNIT_EXPECT_EQ(test, kt_send_n(ch, 6), 0);

	/* Two are before the wrap, and two behind it. */
	KUNIT_EXPECT_EQ(test, run_take(ch, out, 1, &step), 1);
	KUNIT_EXPECT_EQ(test, run_take(ch, out + 1, 5, &step), 1);
	KUNIT_EXPECT_EQ(test, run_take(ch, out + 2, 4, &step), 2);
	KUNIT_EXPECT_EQ(test, run_take(ch, out + 4, 2, &step), -EAGAIN);
	KUNIT_EXPECT_EQ(test, memcmp(out, in + 2, 32), 0);
	kt_check(test, ch);
}

/* One that came back goes first, and alone. */
static void run_after_put_back(struct kunit *test)
{
	u64 in[4] = { 1, 2, 3, 4 }, out[4] = {};
	struct kchan *ch = kt_chan(test, 8, 4);
	struct kchan_step step;
	struct kchan_elem *elem;

	KUNIT_EXPECT_EQ(test, run_give(ch, in, 4, &step), 4);
	elem = kt_detach(test, ch);
	kchan_put_back(ch, elem);
	KUNIT_EXPECT_EQ(test, run_take(ch, out, 4, &step), 1);
	kchan_finish(ch, &step);
	KUNIT_EXPECT_EQ(test, run_take(ch, out + 1, 3, &step), 3);
	KUNIT_EXPECT_EQ(test, memcmp(out, in, sizeof(in)), 0);
	kt_check(test, ch);
}

/*
 * A send wakes the pollers of input once, with the number of elements in the run. A
 * receive wakes those of output once, with the number of slots that it has freed and no
 * parked sender has taken.
 */
static void run_tells_once(struct kunit *test)
{
	u64 in[4] = { 1, 2, 3, 4 }, out[4] = {};
	struct kchan *ch = kt_chan(test, 8, 4);
	const u32 recv_rises = ch->recv_rises, send_rises = ch->send_rises;
	struct kchan_step step;
	struct kt_party *p;

	KUNIT_EXPECT_EQ(test, run_give(ch, in, 4, &step), 4);
	KUNIT_EXPECT_EQ(test, step.in, 4);
	KUNIT_EXPECT_EQ(test, step.out, 0);
	KUNIT_EXPECT_EQ(test, ch->recv_rises, recv_rises + 1);
	p = kt_party_sender(test, ch, 5);
	KUNIT_EXPECT_EQ(test, run_take(ch, out, 4, &step), 4);
	/* The one that was let in took one of the four places. */
	KUNIT_EXPECT_EQ(test, kt_party_status(p), 0);
	KUNIT_EXPECT_EQ(test, step.in, 1);
	KUNIT_EXPECT_EQ(test, step.out, 3);
	KUNIT_EXPECT_EQ(test, ch->send_rises, send_rises + 1);
	kchan_finish(ch, &step);
	KUNIT_EXPECT_EQ(test, kt_recv_n(ch), 5);
	kt_party_end(p);
	kt_check(test, ch);
}

/*
 * A call moves at most kchan.batch elements under one hold of the lock. Each run counts
 * as one rise.
 */
static void run_is_bounded(struct kunit *test)
{
	const u32 size = 4000, nr = 2 * KCHAN_BATCH_BYTES / size;
	struct kchan *ch = kt_chan(test, size, nr);
	u32 recv_rises = ch->recv_rises, send_rises = ch->send_rises;
	u8 *buf = kunit_kzalloc(test, nr * size, GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, buf);
	KUNIT_EXPECT_EQ(test, ch->batch, 16);
	KUNIT_EXPECT_EQ(test, kt_try_send(ch, buf, nr * size), nr * size);
	KUNIT_EXPECT_EQ(test, ch->recv_rises - recv_rises, 2);
	KUNIT_EXPECT_EQ(test, kt_try_recv(ch, buf, nr * size), nr * size);
	KUNIT_EXPECT_EQ(test, ch->send_rises - send_rises, 2);
	kt_check(test, ch);

	ch = kt_chan(test, 1, 200);
	recv_rises = ch->recv_rises;
	send_rises = ch->send_rises;
	KUNIT_EXPECT_EQ(test, ch->batch, KCHAN_BATCH_ELEMS);
	KUNIT_EXPECT_EQ(test, kt_try_send(ch, buf, 200), 200);
	KUNIT_EXPECT_EQ(test, ch->recv_rises - recv_rises, 4);
	KUNIT_EXPECT_EQ(test, kt_try_recv(ch, buf, 200), 200);
	KUNIT_EXPECT_EQ(test, ch->send_rises - send_rises, 4);
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

/* The short way, of one element of a user buffer: it moves whole, or not at all. */
static void run_of_user(struct kunit *test)
{
	unsigned long end = kt_user_pages(test, 1) + PAGE_SIZE;
	u64 __user *at = (u64 __user *)(end - 8), *bad = (u64 __user *)(end - 4);
	struct kchan *ch = kt_chan(test, 8, 2);
	u64 n = 0;

	KUNIT_ASSERT_EQ(test, 0, put_user(5ULL, at));
	KUNIT_EXPECT_TRUE(test, kchan_give_user(ch, at, 8));
	KUNIT_EXPECT_FALSE(test, kchan_give_user(ch, bad, 8));
	KUNIT_EXPECT_FALSE(test, kchan_give_user(ch, (void __user *)-PAGE_SIZE, 8));
	KUNIT_EXPECT_EQ(test, kt_len(ch), 1);
	KUNIT_ASSERT_EQ(test, 0, put_user(0ULL, at));
	KUNIT_EXPECT_EQ(test, kchan_take_user(ch, bad, 8), 0);
	KUNIT_EXPECT_EQ(test, kchan_take_user(ch, (void __user *)-PAGE_SIZE, 8), 0);
	KUNIT_EXPECT_EQ(test, kt_len(ch), 1);
	KUNIT_EXPECT_EQ(test, kchan_take_user(ch, at, 8), 8);
	KUNIT_EXPECT_EQ(test, kchan_take_user(ch, at, 8), 0);
	KUNIT_ASSERT_EQ(test, 0, get_user(n, at));
	KUNIT_EXPECT_EQ(test, n, 5);
	kt_check(test, ch);
}

/* A message keeps its length. One that is longer than the room stays. */
static void run_of_user_message(struct kunit *test)
{
	unsigned long page = kt_user_pages(test, 1);
	u8 __user *in = (u8 __user *)page, *out = in + 256;
	struct kchan *ch = kt_message_chan(test, 64, 3);
	u8 got[64];
	u32 len;

	KUNIT_EXPECT_TRUE(test, kchan_is_copied(ch));
	for (len = 0; len < 64; len++)
		KUNIT_ASSERT_EQ(test, 0, put_user(len, in + len));
	for (len = 1; len <= 3; len++)
		KUNIT_EXPECT_TRUE(test, kchan_give_user(ch, in, 20 * len));
	KUNIT_EXPECT_FALSE(test, kchan_give_user(ch, in, 20));
	KUNIT_EXPECT_EQ(test, kchan_take_user(ch, out, 19), 0);
	KUNIT_EXPECT_EQ(test, kt_len(ch), 3);
	KUNIT_EXPECT_EQ(test, kchan_take_user(ch, out, 20), 20);
	KUNIT_EXPECT_EQ(test, kchan_take_user(ch, out, 4096), 40);
	KUNIT_EXPECT_EQ(test, kchan_take_user(ch, out, 4096), 60);
	KUNIT_ASSERT_EQ(test, 0, copy_from_user(got, out, sizeof(got)));
	for (len = 0; len < 64; len++)
		KUNIT_EXPECT_EQ(test, got[len], len < 60 ? len : 0);
	kt_check(test, ch);
}

/* The short way is for those who only store, or only take what is stored. */
static void run_of_user_refused(struct kunit *test)
{
	u64 __user *at = (u64 __user *)kt_user_pages(test, 1);
	struct kchan *ch = kt_chan(test, 8, 2);
	struct kt_party *p = kt_party_receiver(test, ch, 8);

	KUNIT_EXPECT_FALSE(test, kchan_do_give_user(ch, at, 8));
	KUNIT_EXPECT_EQ(test, kt_send_n(ch, 1), 0);
	KUNIT_EXPECT_EQ(test, kt_party_n(p), 1);
	kt_party_end(p);
	KUNIT_EXPECT_EQ(test, kt_send_n(ch, 2), 0);
	KUNIT_EXPECT_EQ(test, kt_send_n(ch, 3), 0);
	KUNIT_EXPECT_FALSE(test, kchan_do_give_user(ch, at, 8));
	/* One that came back goes first. */
	kchan_put_back(ch, kt_detach(test, ch));
	KUNIT_EXPECT_EQ(test, kchan_do_take_user(ch, at, 8), 0);
	KUNIT_EXPECT_EQ(test, kt_recv_n(ch), 2);
	/* A sender that waits is let in. */
	KUNIT_EXPECT_EQ(test, kt_send_n(ch, 4), 0);
	p = kt_party_sender(test, ch, 5);
	KUNIT_EXPECT_EQ(test, kchan_do_take_user(ch, at, 8), 0);
	KUNIT_EXPECT_EQ(test, kt_recv_n(ch), 3);
	KUNIT_EXPECT_EQ(test, kt_party_status(p), 0);
	kt_party_end(p);
	/* Rings that a resize left are freed. */
	KUNIT_EXPECT_EQ(test, kchan_resize(ch, 3), 0);
	KUNIT_EXPECT_EQ(test, kchan_do_take_user(ch, at, 8), 0);
	KUNIT_EXPECT_EQ(test, kt_recv_n(ch), 4);
	KUNIT_EXPECT_EQ(test, kt_recv_n(ch), 5);
	KUNIT_EXPECT_TRUE(test, list_is_singular(&ch->rings));
	/* A receive after the last element tells the end of the stream. */
	KUNIT_EXPECT_EQ(test, kt_send_n(ch, 6), 0);
	KUNIT_EXPECT_EQ(test, kchan_close(ch), 0);
	KUNIT_EXPECT_FALSE(test, kchan_do_give_user(ch, at, 8));
	KUNIT_EXPECT_EQ(test, kchan_do_take_user(ch, at, 8), 0);
	KUNIT_EXPECT_EQ(test, kt_recv_n(ch), 6);
	KUNIT_EXPECT_EQ(test, kt_recv_n(ch), -EPIPE);
	kt_check(test, ch);
}

static void run_dropped_again(struct kt_between *b)
{
}

/*
 * As many elements as are there move under one hold of the lock, also of a channel that is
 * closed, of one whose older ring is left, and of one where an element came back.
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
		kt_between_at(b, ch, 1);
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
	KUNIT_CASE(run_after_put_back),
	KUNIT_CASE(run_tells_once),
	KUNIT_CASE(run_is_bounded),
	KUNIT_CASE(run_of_user),
	KUNIT_CASE(run_of_user_message),
	KUNIT_CASE(run_of_user_refused),
	KUNIT_CASE(run_leaves_parked),
	KUNIT_CASE(run_of_the_end),
	KUNIT_CASE(run_of_two_rings),
	KUNIT_CASE(run_drains_at_once),
	{}
};

static struct kunit_suite run_suite = {
	.name = "kchan_run",
	.test_cases = run_cases,
};

kunit_test_suite(run_suite);
