// SPDX-License-Identifier: GPL-2.0-only
/*
 * Reads of armed selects: they read all or nothing, one thread reads at a time, and a
 * read that failed can be repeated.
 */
#include <kunit/test.h>
#include <linux/err.h>
#include <linux/kthread.h>
#include <linux/sched/signal.h>
#include <linux/slab.h>
#include <linux/uaccess.h>

#include "arms.h"
#include "memory.h"

/* Elements of each size. The buffer is one byte too short, and then long enough. */
static void armed_read_whole(struct kunit *test)
{
	static const u32 sizes[] = { 8, 200, PAGE_SIZE + 8 };
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(sizes); i++) {
		const u32 len = KT_COMMIT + sizes[i];
		struct kchan *ch = kt_chan(test, sizes[i], 0);
		struct kchan_armed *armed = kt_armed_recv(test, ch);
		struct kt_call *buf = kt_call(test, ch, true, len + 1);
		struct kchan_commit *commit = buf->buf;

		kt_fill(buf->buf, sizes[i], i);
		KUNIT_EXPECT_EQ(test, kt_try_send(ch, buf->buf, sizes[i]), sizes[i]);
		memset(buf->buf, 0x5a, len + 1);
		KUNIT_EXPECT_EQ(test, kt_armed_read(armed, buf->buf, 0), -EMSGSIZE);
		KUNIT_EXPECT_EQ(test, kt_armed_read(armed, buf->buf, len - 1),
				-EMSGSIZE);
		KUNIT_EXPECT_NULL(test, memchr_inv(buf->buf, 0x5a, len));
		KUNIT_EXPECT_TRUE(test, kchan_armed_readable(armed));
		KUNIT_EXPECT_EQ(test, kchan_in_flight(ch), 1);
		KUNIT_EXPECT_EQ(test, kt_armed_read(armed, buf->buf, len + 1), len);
		KUNIT_EXPECT_EQ(test, commit->size, KT_COMMIT);
		KUNIT_EXPECT_EQ(test, commit->index, 0);
		KUNIT_EXPECT_EQ(test, commit->status, 0);
		KUNIT_EXPECT_EQ(test, commit->len, sizes[i]);
		KUNIT_EXPECT_TRUE(test, kt_filled(commit + 1, sizes[i], i));
		KUNIT_EXPECT_EQ(test, ((u8 *)buf->buf)[len], 0x5a);
		kchan_armed_close(armed);
		kt_check(test, ch);
	}
}

/*
 * A newer caller's structure is longer. The fields that the kernel does not know are
 * 0.
 */
static void armed_read_longer(struct kunit *test)
{
	struct kchan *ch = kt_chan(test, 8, 1);
	struct kchan_armed *armed = kt_armed(test);
	const u32 size = KT_COMMIT + 24;
	struct kchan_armed_cases *cases = kt_arm_begin(test, 1, size);
	u64 out[KT_COMMIT / 8 + 5];

	kt_arm_add(cases, ch, false, 0);
	KUNIT_EXPECT_EQ(test, kt_arm(armed, cases), 0);
	KUNIT_EXPECT_EQ(test, kt_send_n(ch, 77), 0);
	memset(out, 0x5a, sizeof(out));
	KUNIT_EXPECT_EQ(test, kt_armed_read(armed, out, size + 7), -EMSGSIZE);
	KUNIT_EXPECT_EQ(test, kt_armed_read(armed, out, sizeof(out)), size + 8);
	KUNIT_EXPECT_EQ(test, ((struct kchan_commit *)out)->size, size);
	KUNIT_EXPECT_NULL(test, memchr_inv(&out[KT_COMMIT / 8], 0, 24));
	KUNIT_EXPECT_EQ(test, out[size / 8], 77);
	kchan_armed_close(armed);
	kt_check(test, ch);
}

static unsigned long armed_user_end(struct kunit *test)
{
	return kt_user_pages(test, 1) + PAGE_SIZE;
}

static ssize_t armed_read_user(struct kunit *test, struct kchan_armed *armed,
			       unsigned long addr, size_t len)
{
	struct kt_armed_call call = {
		.armed = armed,
		.ubuf = addr,
		.len = len,
		.nonblock = true,
	};

	kt_armed_start(test, &call);
	return kt_armed_join(test, &call);
}

/*
 * The memory is bad from the first byte on, from the element on, or at the last byte.
 * The outcome stays. Those who poll or wait are woken once more.
 */
static void armed_read_bad_memory(struct kunit *test)
{
	static const u32 short_of[] = { KT_COMMIT + 8, 12, 8, 1 };
	unsigned long end = armed_user_end(test);
	struct kchan *ch = kt_chan(test, 8, 1);
	struct kchan_armed *armed = kt_armed_recv(test, ch);
	struct kchan_commit commit;
	unsigned int i;
	u64 n;

	KUNIT_EXPECT_EQ(test, kt_send_n(ch, 6), 0);
	KUNIT_EXPECT_EQ(test, kt_send_n(ch, 7), 0);
	for (i = 0; i < ARRAY_SIZE(short_of); i++) {
		KUNIT_EXPECT_EQ(test,
				armed_read_user(test, armed,
						end - KT_COMMIT - 8 + short_of[i],
						KT_COMMIT + 8), -EFAULT);
		KUNIT_EXPECT_TRUE(test, kchan_armed_readable(armed));
		KUNIT_EXPECT_EQ(test, kt_arm_recv(test, armed, ch), -EBUSY);
		KUNIT_EXPECT_EQ(test, kchan_armed_disarm(armed), -EALREADY);
		KUNIT_EXPECT_EQ(test, kchan_in_flight(ch), 1);
	}
	KUNIT_EXPECT_EQ(test,
			armed_read_user(test, armed, end - KT_COMMIT - 8,
					KT_COMMIT + 8), KT_COMMIT + 8);
	KUNIT_EXPECT_EQ(test, 0,
			copy_from_user(&commit,
				       (void __user *)(end - KT_COMMIT - 8),
				       sizeof(commit)));
	KUNIT_EXPECT_EQ(test, 0,
			copy_from_user(&n, (void __user *)(end - 8), sizeof(n)));
	KUNIT_EXPECT_EQ(test, commit.len, 8);
	KUNIT_EXPECT_EQ(test, n, 6);
	KUNIT_EXPECT_EQ(test, kt_recv_n(ch), 7);
	kchan_armed_close(armed);
	kt_check(test, ch);
}

/* One reader waits for his memory, and another one waits for the outcome. */
struct armed_readers {
	struct kchan *ch;
	struct kchan_armed *armed;
	struct kt_slow *slow;
	struct kt_armed_call first;
	struct kt_armed_call second;
};

/*
 * While the first one copies, others see the select as if no case had committed. But
 * a case has committed: it can neither be taken back nor armed anew.
 */
static struct armed_readers *armed_readers(struct kunit *test)
{
	struct armed_readers *r = kunit_kzalloc(test, sizeof(*r), GFP_KERNEL);
	unsigned long addr = kt_user_pages(test, 1);

	KUNIT_ASSERT_NOT_NULL(test, r);
	r->ch = kt_chan(test, 8, 1);
	r->armed = kt_armed_recv(test, r->ch);
	r->slow = kt_slow(test, addr);
	r->first.armed = r->armed;
	r->first.ubuf = addr;
	r->first.len = KT_COMMIT + 8;
	r->second.armed = r->armed;
	r->second.len = KT_COMMIT + 8;
	KUNIT_EXPECT_EQ(test, kt_send_n(r->ch, 5), 0);
	kt_armed_start(test, &r->first);
	kt_slow_wait(r->slow);

	KUNIT_EXPECT_FALSE(test, kchan_armed_readable(r->armed));
	KUNIT_EXPECT_EQ(test, kt_armed_read_n(r->armed), -EAGAIN);
	KUNIT_EXPECT_EQ(test, kchan_armed_disarm(r->armed), -EALREADY);
	KUNIT_EXPECT_EQ(test, kt_arm_recv(test, r->armed, r->ch), -EBUSY);
	KUNIT_EXPECT_EQ(test, kchan_in_flight(r->ch), 1);
	kt_armed_start(test, &r->second);
	kt_armed_wait_asleep(test, &r->second);
	return r;
}

/* The first one fails: the second one gets the outcome. */
static void armed_read_passed_on(struct kunit *test)
{
	struct armed_readers *r = armed_readers(test);

	kt_slow_go(r->slow, true);
	KUNIT_EXPECT_EQ(test, kt_armed_join(test, &r->first), -EFAULT);
	KUNIT_EXPECT_EQ(test, kt_armed_join(test, &r->second), KT_COMMIT + 8);
	KUNIT_EXPECT_EQ(test, *(u64 *)(r->second.buf + KT_COMMIT), 5);
	KUNIT_EXPECT_EQ(test, kt_armed_read_n(r->armed), -EINVAL);
	kchan_armed_close(r->armed);
	kt_check(test, r->ch);
}

/*
 * The first one gets the outcome: the second one is told that nothing is armed any
 * more.
 */
static void armed_read_taken(struct kunit *test)
{
	struct armed_readers *r = armed_readers(test);

	kt_slow_go(r->slow, false);
	KUNIT_EXPECT_EQ(test, kt_armed_join(test, &r->first), KT_COMMIT + 8);
	KUNIT_EXPECT_EQ(test, kt_armed_join(test, &r->second), -EINVAL);
	KUNIT_EXPECT_FALSE(test, kchan_armed_readable(r->armed));
	kchan_armed_close(r->armed);
	kt_check(test, r->ch);
}

/*
 * A read waits until a case commits, until nothing is armed any more, or until a
 * signal.
 */
static void armed_read_waits(struct kunit *test)
{
	struct kchan *ch = kt_chan(test, 8, 0);
	struct kchan_armed *armed = kt_armed(test);
	unsigned int way;

	for (way = 0; way < 4; way++) {
		struct kt_armed_call call = {
			.armed = armed,
			.len = KT_COMMIT + 8,
		};
		ssize_t ret = KT_COMMIT + 8;

		KUNIT_EXPECT_EQ(test, kt_arm_recv(test, armed, ch), 0);
		kt_armed_start(test, &call);
		kt_armed_wait_asleep(test, &call);
		switch (way) {
		case 0:
			KUNIT_EXPECT_EQ(test, kt_send_n(ch, 8), 0);
			break;
		case 1:
			KUNIT_EXPECT_EQ(test, kchan_armed_disarm(armed), 0);
			ret = -EINVAL;
			break;
		case 2:
			send_sig(SIGTERM, call.task, 1);
			ret = -ERESTARTSYS;
			break;
		case 3:
			KUNIT_EXPECT_EQ(test, kchan_close(ch), 0);
			ret = KT_COMMIT;
			break;
		}
		KUNIT_EXPECT_EQ_MSG(test, kt_armed_join(test, &call), ret,
				    "way %u", way);
		if (!way)
			KUNIT_EXPECT_EQ(test, *(u64 *)(call.buf + KT_COMMIT), 8);
		KUNIT_EXPECT_EQ(test, kchan_armed_disarm(armed), 0);
	}
	kchan_armed_close(armed);
	kt_check(test, ch);
}

/*
 * Many threads read at once. One gets the outcome, and the others are told that
 * nothing is left.
 */
static void armed_read_by_many(struct kunit *test)
{
	struct kchan *ch = kt_chan(test, 8, 0);
	struct kchan_armed *armed = kt_armed_recv(test, ch);
	struct kt_armed_call *calls;
	unsigned int i, got = 0, none = 0;

	calls = kunit_kcalloc(test, 6, sizeof(*calls), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, calls);
	for (i = 0; i < 6; i++) {
		calls[i].armed = armed;
		calls[i].len = KT_COMMIT + 8;
		kt_armed_start(test, &calls[i]);
		kt_armed_wait_asleep(test, &calls[i]);
	}
	KUNIT_EXPECT_EQ(test, kt_send_n(ch, 2), 0);
	for (i = 0; i < 6; i++) {
		ssize_t ret = kt_armed_join(test, &calls[i]);

		got += ret == KT_COMMIT + 8;
		none += ret == -EINVAL;
	}
	KUNIT_EXPECT_EQ(test, got, 1);
	KUNIT_EXPECT_EQ(test, none, 5);
	kchan_armed_close(armed);
	kt_check(test, ch);
}

/*
 * A task that holds an outcome, and waits for end-of-stream on the same channel,
 * waits for itself.
 */
static void armed_read_ends_stream(struct kunit *test)
{
	struct kchan *ch = kt_chan(test, 8, 1);
	struct kchan_armed *armed = kt_armed_recv(test, ch);
	struct kt_call *recv;

	KUNIT_EXPECT_EQ(test, kt_send_n(ch, 1), 0);
	KUNIT_EXPECT_EQ(test, kchan_close(ch), 0);
	KUNIT_EXPECT_EQ(test, kt_recv_n(ch), -EAGAIN);
	recv = kt_park_recv_n(test, ch);
	KUNIT_EXPECT_EQ(test, kt_armed_read(armed, NULL, 0), -EMSGSIZE);
	KUNIT_EXPECT_EQ(test, ch->receivers.len, 1);
	KUNIT_EXPECT_EQ(test, kt_armed_read_n(armed), 1);
	KUNIT_EXPECT_EQ(test, kt_join(recv), -EPIPE);
	kchan_armed_close(armed);
	kt_check(test, ch);
}

static struct kunit_case armed_read_cases[] = {
	KUNIT_CASE(armed_read_whole),
	KUNIT_CASE(armed_read_longer),
	KUNIT_CASE(armed_read_bad_memory),
	KUNIT_CASE(armed_read_passed_on),
	KUNIT_CASE(armed_read_taken),
	KUNIT_CASE(armed_read_waits),
	KUNIT_CASE(armed_read_by_many),
	KUNIT_CASE(armed_read_ends_stream),
	{}
};

static struct kunit_suite armed_read_suite = {
	.name = "kchan_armed_read",
	.test_cases = armed_read_cases,
};

kunit_test_suite(armed_read_suite);
