// SPDX-License-Identifier: GPL-2.0-only
/*
 * Limits and delays: elements that come back by themselves.
 */
#include <kunit/test.h>
#include <linux/delay.h>
#include <linux/err.h>
#include <linux/poll.h>
#include <linux/slab.h>
#include <linux/workqueue.h>

#include "arms.h"
#include "lease.h"
#include "mapped.h"
#include "ring.h"

/* Nanoseconds: soon enough to wait for, and late enough not to come meanwhile. */
#define LIMIT_SOON	(2 * NSEC_PER_MSEC)
#define LIMIT_LATE	(3600ULL * NSEC_PER_SEC)

static void limit_wait_len(struct kunit *test, struct kchan *ch, u32 len)
{
	unsigned long end = jiffies + KT_PATIENCE;

	while (kt_len(ch) != len) {
		if (time_after(jiffies, end))
			KUNIT_FAIL_AND_ABORT(test, "no element comes back");
		usleep_range(20, 100);
	}
}

/* The limit comes: the element is back, and every call says so until it is armed again. */
static void limit_comes(struct kunit *test)
{
	static const u32 sizes[] = { 8, 200, PAGE_SIZE + 8 };
	unsigned int i;

	for (i = 0; i < 2 * ARRAY_SIZE(sizes); i++) {
		const u32 size = sizes[i / 2], len = KT_COMMIT + size;
		struct kchan *ch = kt_chan(test, size, 2);
		struct kt_call *buf = kt_call(test, ch, true, len);
		struct kchan_commit *commit = buf->buf;
		struct kchan_armed *armed;
		const bool read = i % 2;

		kt_fill(buf->buf, size, i);
		kt_try_send(ch, buf->buf, size);
		armed = kt_lease(test, ch, read ? LIMIT_LATE : LIMIT_SOON);
		if (read) {
			KUNIT_EXPECT_EQ(test, kt_armed_read(armed, buf->buf, len), len);
			KUNIT_EXPECT_NE(test, commit->limit, 0);
			KUNIT_EXPECT_EQ(test, kchan_armed_extend(armed, LIMIT_SOON), 0);
		}
		kt_lease_wait_expired(test, armed);
		KT_EXPECT_POLL(test, kchan_armed_readiness(armed),
			       EPOLLIN | EPOLLRDNORM | EPOLLERR);
		KUNIT_EXPECT_EQ(test, kt_armed_read(armed, buf->buf, len), -ETIME);
		KUNIT_EXPECT_EQ(test, kchan_armed_ack(armed, false), -ETIME);
		KUNIT_EXPECT_EQ(test, kchan_armed_ack(armed, true), -ETIME);
		KUNIT_EXPECT_EQ(test, kchan_armed_return(armed, 0, 0), -ETIME);
		KUNIT_EXPECT_EQ(test, kchan_armed_extend(armed, 0), -ETIME);
		KUNIT_EXPECT_EQ(test, kt_len(ch), 1);
		/* It is armed again without being disarmed. */
		KUNIT_EXPECT_EQ(test, kt_arm_lease(test, armed, ch, LIMIT_LATE), 0);
		KUNIT_EXPECT_EQ(test, kt_armed_read(armed, buf->buf, len), len);
		KUNIT_EXPECT_EQ(test, commit->number, 0);
		KUNIT_EXPECT_EQ(test, commit->returns, read);
		KUNIT_EXPECT_TRUE(test, kt_filled(commit + 1, size, i));
		KUNIT_EXPECT_EQ(test, kchan_armed_ack(armed, false), 0);
		/* Or it is disarmed, or closed. */
		kt_try_send(ch, buf->buf, size);
		KUNIT_EXPECT_EQ(test, kt_arm_lease(test, armed, ch, LIMIT_SOON), 0);
		kt_lease_wait_expired(test, armed);
		if (read) {
			KUNIT_EXPECT_EQ(test, kchan_armed_disarm(armed), 0);
			KUNIT_EXPECT_EQ(test, kchan_armed_disarm(armed), 0);
		}
		kchan_armed_close(armed);
		KUNIT_EXPECT_EQ(test, kt_try_recv(ch, buf->buf, size), size);
		kt_check(test, ch);
	}
}

/* It is moved: earlier, later, and to never. Without a limit it gets one. */
static void limit_moved(struct kunit *test)
{
	struct kchan *ch = kt_chan(test, 8, 2);
	struct kchan_armed *armed;
	struct kchan_commit commit;
	u64 limit;

	kt_send_n(ch, 1);
	armed = kt_lease(test, ch, LIMIT_LATE);
	KUNIT_EXPECT_EQ(test, kt_lease_read(armed, &commit), 1);
	limit = commit.limit;
	KUNIT_EXPECT_EQ(test, kchan_armed_extend(armed, 2 * LIMIT_LATE), 0);
	KUNIT_EXPECT_EQ(test, kt_lease_read(armed, &commit), 1);
	KUNIT_EXPECT_GT(test, commit.limit, limit);
	KUNIT_EXPECT_EQ(test, kchan_armed_extend(armed, 0), 0);
	KUNIT_EXPECT_EQ(test, kt_lease_read(armed, &commit), 1);
	KUNIT_EXPECT_EQ(test, commit.limit, 0);
	/* Later than the clock can tell is never. */
	KUNIT_EXPECT_EQ(test, kchan_armed_extend(armed, U64_MAX), 0);
	KUNIT_EXPECT_EQ(test, kt_lease_read(armed, &commit), 1);
	KUNIT_EXPECT_EQ(test, commit.limit, 0);
	KUNIT_EXPECT_EQ(test, kchan_armed_extend(armed, 1), 0);
	kt_lease_wait_expired(test, armed);
	KUNIT_EXPECT_EQ(test, kt_recv_n(ch), 1);
	kchan_armed_close(armed);
	kt_check(test, ch);
}

/* The one timer of a channel serves many, in the order of their times. */
static void limit_many(struct kunit *test)
{
	struct kchan *ch = kt_chan(test, 8, 8);
	struct kchan_armed *armed[8];
	struct kchan_commit commit;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(armed); i++) {
		kt_send_n(ch, i);
		armed[i] = kt_lease(test, ch, LIMIT_LATE);
		kt_lease_read(armed[i], &commit);
	}
	for (i = 0; i < ARRAY_SIZE(armed); i += 2)
		KUNIT_EXPECT_EQ(test, 0,
				kchan_armed_extend(armed[i], (8 - i) * LIMIT_SOON));
	limit_wait_len(test, ch, 4);
	for (i = 0; i < ARRAY_SIZE(armed); i++) {
		KUNIT_EXPECT_EQ(test, armed[i]->lease.expired, !(i & 1));
		if (!(i & 1))
			KUNIT_EXPECT_EQ(test, kt_recv_n(ch), i);
	}
	KUNIT_EXPECT_EQ(test, ch->leased, 4);
	for (i = 0; i < ARRAY_SIZE(armed); i++)
		kchan_armed_close(armed[i]);
	KUNIT_EXPECT_TRUE(test, RB_EMPTY_ROOT(&ch->due.rb_root));
	for (i = 1; i < ARRAY_SIZE(armed); i += 2)
		KUNIT_EXPECT_EQ(test, kt_recv_n(ch), i);
	kt_check(test, ch);
}

/* Delayed elements come in the order of their times, each to its place. */
static void limit_delays(struct kunit *test)
{
	struct kchan *ch = kt_chan(test, 8, 8);
	struct kchan_armed *armed[4];
	unsigned int i;

	for (i = 1; i <= 4; i++)
		kt_send_n(ch, i);
	for (i = 1; i <= 3; i++)
		armed[i] = kt_lease(test, ch, 0);
	/* The second goes to the tail. */
	for (i = 1; i <= 3; i++)
		KUNIT_EXPECT_EQ(test, 0,
				kchan_armed_return(armed[i],
						   i == 2 ? KCHAN_RETURN_TAIL : 0,
						   (4 - i) * LIMIT_SOON));
	limit_wait_len(test, ch, 4);
	KUNIT_EXPECT_EQ(test, kt_recv_n(ch), 1);
	KUNIT_EXPECT_EQ(test, kt_recv_n(ch), 3);
	KUNIT_EXPECT_EQ(test, kt_recv_n(ch), 4);
	KUNIT_EXPECT_EQ(test, kt_recv_n(ch), 2);
	for (i = 1; i <= 3; i++)
		kchan_armed_close(armed[i]);
	kt_check(test, ch);
}

/*
 * A lease with a limit ends, and its element is on its way to the queue, or is delayed for
 * longer than the limit. It does not come back by itself when that time comes.
 */
static void limit_returned(struct kunit *test)
{
	struct kchan *ch = kt_chan(test, 8, 4);
	struct kchan_armed *armed;
	struct kchan_commit commit;
	struct kchan_elem *elem;

	kt_send_n(ch, 1);
	armed = kt_lease(test, ch, LIMIT_LATE);
	KUNIT_EXPECT_EQ(test, kt_lease_read(armed, &commit), 1);
	/* The first half of kchan_armed_return(). */
	KUNIT_ASSERT_EQ(test, 0, kchan_lease_return(ch, &armed->lease, 0, 0, &elem));
	KUNIT_EXPECT_TRUE(test, RB_EMPTY_ROOT(&ch->due.rb_root));
	KUNIT_EXPECT_EQ(test, kt_len(ch), 0);
	kchan_put_back(ch, elem);
	KUNIT_EXPECT_EQ(test, kt_recv_n(ch), 1);
	kchan_armed_close(armed);
	kt_check(test, ch);

	/* This one goes with its channel. */
	kt_send_n(ch, 2);
	armed = kt_lease(test, ch, LIMIT_SOON);
	/* On a busy machine the limit comes first. */
	while (kchan_armed_return(armed, 0, LIMIT_LATE) == -ETIME)
		KUNIT_ASSERT_EQ(test, kt_arm_lease(test, armed, ch, LIMIT_SOON), 0);
	usleep_range(2 * LIMIT_SOON / NSEC_PER_USEC, 3 * LIMIT_SOON / NSEC_PER_USEC);
	flush_work(&ch->work);
	KUNIT_EXPECT_EQ(test, kt_len(ch), 0);
	KUNIT_EXPECT_EQ(test, ch->delayed, 1);
	kchan_armed_close(armed);
}

/* When the limit comes, the channel wakes a thread that polls the lease. */
static void limit_wakes(struct kunit *test)
{
	struct kchan *ch = kt_chan(test, 8, 2);
	struct kchan_armed *armed;
	struct kchan_commit commit;

	kt_send_n(ch, 1);
	armed = kt_lease(test, ch, 0);
	KUNIT_EXPECT_EQ(test, kt_lease_read(armed, &commit), 1);
	KUNIT_EXPECT_EQ(test, kchan_armed_extend(armed, LIMIT_SOON), 0);
	/* Without the wake-up it sees this at the end of its patience. */
	KUNIT_EXPECT_GT(test,
			wait_event_timeout(armed->polled.wait,
					   kchan_armed_readiness(armed), KT_PATIENCE),
			KT_PATIENCE / 2);
	kchan_armed_close(armed);
	KUNIT_EXPECT_EQ(test, kt_recv_n(ch), 1);
	kt_check(test, ch);
}

/*
 * The limit comes while a thread reads, and another receiver gets the element. The bytes
 * are there until the reader is done. The memory is not used again meanwhile.
 */
static void limit_while_read(struct kunit *test)
{
	static const u32 sizes[] = { 8, 200, PAGE_SIZE + 8 };
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(sizes); i++) {
		const u32 size = sizes[i], len = KT_COMMIT + size;
		struct kchan *ch = kt_chan(test, size, 2);
		struct kt_call *buf = kt_call(test, ch, true, len);
		struct kchan_armed *armed = kt_lease(test, ch, 0);
		struct kchan_lease_seen seen;

		kt_fill(buf->buf, size, 1);
		kt_try_send(ch, buf->buf, size);
		KUNIT_EXPECT_EQ(test, kt_armed_read(armed, buf->buf, len), len);
		KUNIT_ASSERT_EQ(test, 0, kchan_lease_look(ch, &armed->lease, &seen));
		/* Its memory cannot be used for the next one. */
		KUNIT_EXPECT_EQ(test, kchan_armed_ack(armed, true),
				kchan_by_pointer(ch) ? 0 : -EBUSY);
		if (kchan_by_pointer(ch)) {
			kt_try_send(ch, buf->buf, size);
			KUNIT_EXPECT_TRUE(test, armed->lease.elem != seen.elem);
		}
		KUNIT_EXPECT_EQ(test, kchan_armed_extend(armed, 1), 0);
		kt_lease_wait_expired(test, armed);
		KUNIT_EXPECT_EQ(test, kt_try_recv(ch, buf->buf, size), size);
		kt_fill(buf->buf, size, 2);
		kt_try_send(ch, buf->buf, size);
		/* Another lease of the same select: the read does not count for it. */
		KUNIT_EXPECT_EQ(test, kt_arm_lease(test, armed, ch, 0), 0);
		KUNIT_EXPECT_EQ(test, seen.elem->len, size);
		KUNIT_EXPECT_TRUE(test, kt_filled(seen.elem->data, size, 1));
		kchan_lease_looked(&armed->lease, &seen, true);
		KUNIT_EXPECT_FALSE(test, armed->lease.read);
		KUNIT_EXPECT_EQ(test, kchan_armed_ack(armed, false), -EAGAIN);
		kchan_armed_close(armed);
		KUNIT_EXPECT_EQ(test, kt_try_recv(ch, buf->buf, size), size);
		KUNIT_EXPECT_TRUE(test, kt_filled(buf->buf, size, 2));
		kt_check(test, ch);
	}
}

/* Whoever is first, the limit or the acknowledgment: the element is there once. */
static void limit_races(struct kunit *test)
{
	struct kchan *ch = kt_chan(test, 8, 2);
	struct kchan_armed *armed = kt_armed(test);
	unsigned int i, acked = 0, expired = 0;
	struct kchan_commit commit;

	for (i = 0; i < 400; i++) {
		ktime_t until;
		int ret;

		kt_send_n(ch, i);
		KUNIT_EXPECT_EQ(test, kt_arm_lease(test, armed, ch, 50 * NSEC_PER_USEC), 0);
		until = ktime_add_ns(ktime_get(), i * 250);
		ret = kt_lease_read(armed, &commit);
		while (ktime_before(ktime_get(), until))
			cpu_relax();
		if (ret >= 0)
			ret = kchan_armed_ack(armed, false);
		if (!ret) {
			acked++;
			KUNIT_EXPECT_EQ(test, kt_recv_n(ch), -EAGAIN);
		} else {
			expired++;
			KUNIT_EXPECT_EQ(test, ret, -ETIME);
			limit_wait_len(test, ch, 1);
			KUNIT_EXPECT_EQ(test, kt_recv_n(ch), i);
			KUNIT_EXPECT_EQ(test, kchan_armed_disarm(armed), 0);
		}
	}
	kunit_info(test, "%u acknowledged, %u too late", acked, expired);
	kchan_armed_close(armed);
	kt_check(test, ch);
}

/* A channel goes while its timer is set, and an element is delayed. */
static void limit_channel_goes(struct kunit *test)
{
	unsigned int i;

	for (i = 0; i < 50; i++) {
		struct kchan *ch = kchan_alloc(NULL);
		struct kchan_armed *armed = kt_armed(test);

		KUNIT_ASSERT_FALSE(test, IS_ERR(ch));
		kchan_end_get(ch, FMODE_READ | FMODE_WRITE);
		KUNIT_EXPECT_EQ(test, kchan_setup(ch, 8, 1, 0), 0);
		KUNIT_EXPECT_EQ(test, kchan_use(ch), 0);
		kt_send_n(ch, 1);
		KUNIT_EXPECT_EQ(test, kt_arm_lease(test, armed, ch, i & 1 ? 1000 * i : 0), 0);
		if (!(i & 1))
			KUNIT_EXPECT_EQ(test, kchan_armed_return(armed, 0, 1000 * i + 1), 0);
		udelay(i);
		kchan_end_put(ch, FMODE_READ | FMODE_WRITE);
		kchan_armed_close(armed);
		kchan_put(ch);
	}
}

/*
 * A mapped channel: what the process sends goes to a lease by way of the kernel. What comes
 * back is received first, so the process goes by the kernel until then.
 */
static void limit_mapped(struct kunit *test)
{
	struct kchan *ch = kt_chan(test, 8, 4);
	struct mapped *m = kt_map(test, ch);
	struct kchan_armed *armed = kt_lease(test, ch, 0);
	struct kchan_commit commit;
	u64 n;

	KUNIT_EXPECT_TRUE(test, m->map->head_frozen);
	kt_send_n(ch, 1);
	KUNIT_EXPECT_EQ(test, kt_lease_read(armed, &commit), 1);
	KUNIT_EXPECT_FALSE(test, m->map->head_frozen);
	kt_send_n(ch, 2);
	kt_send_n(ch, 3);
	KUNIT_EXPECT_EQ(test, kchan_armed_return(armed, 0, LIMIT_SOON), 0);
	limit_wait_len(test, ch, 3);
	KUNIT_EXPECT_TRUE(test, m->map->head_frozen);
	KUNIT_EXPECT_EQ(test, kt_recv_n(ch), 1);
	KUNIT_EXPECT_FALSE(test, m->map->head_frozen);
	KUNIT_EXPECT_EQ(test, kt_arm_lease(test, armed, ch, 0), 0);
	KUNIT_EXPECT_EQ(test, kt_lease_read(armed, &commit), 2);
	KUNIT_EXPECT_EQ(test, kchan_armed_return(armed, KCHAN_RETURN_TAIL, 0), 0);
	KUNIT_EXPECT_TRUE(test, m->map->head_frozen);
	kt_send_n(ch, 4);
	KUNIT_EXPECT_EQ(test, kt_recv_n(ch), 3);
	/* With a lease out the ring is unmapped. */
	KUNIT_EXPECT_EQ(test, kt_arm_lease(test, armed, ch, 0), 0);
	KUNIT_EXPECT_EQ(test, kt_lease_read(armed, &commit), 2);
	kt_unmap(m);
	kchan_armed_close(armed);
	for (n = 2; n <= 4; n += 2)
		KUNIT_EXPECT_EQ(test, kt_recv_n(ch), n);
	kt_check(test, ch);
}

static struct kunit_case limit_cases[] = {
	KUNIT_CASE(limit_comes),
	KUNIT_CASE(limit_moved),
	KUNIT_CASE(limit_many),
	KUNIT_CASE(limit_delays),
	KUNIT_CASE(limit_returned),
	KUNIT_CASE(limit_wakes),
	KUNIT_CASE(limit_while_read),
	KUNIT_CASE(limit_races),
	KUNIT_CASE(limit_channel_goes),
	KUNIT_CASE(limit_mapped),
	{}
};

static struct kunit_suite limit_suite = {
	.name = "kchan_lease_limit",
	.test_cases = limit_cases,
};

kunit_test_suite(limit_suite);
