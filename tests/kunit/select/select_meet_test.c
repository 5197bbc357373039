// SPDX-License-Identifier: GPL-2.0-only
/*
 * Selects that wait, and events other than sends and receives: a close, a resize,
 * elements that come back, memory and tasks that go, pollers.
 */
#include <kunit/test.h>
#include <linux/err.h>
#include <linux/mman.h>
#include <linux/poll.h>
#include <linux/sched/signal.h>
#include <linux/uaccess.h>

#include "memory.h"
#include "selects.h"

static const u32 meet_sizes[] = KT_SIZES;

static void meet_size_desc(const u32 *size, char *desc)
{
	snprintf(desc, KUNIT_PARAM_DESC_SIZE, "%u bytes", *size);
}

KUNIT_ARRAY_PARAM(meet_size, meet_sizes, meet_size_desc);

/*
 * A close, or the loss of the last end of a direction, commits the case that it
 * concerns.
 */
static void meet_closed(struct kunit *test)
{
	unsigned int way;

	for (way = 0; way < 6; way++) {
		struct kchan *a = kt_chan(test, 8, 0), *b = kt_chan(test, 8, 0);
		struct kt_select *s;

		/* Case 0 sends to a, case 1 receives from b. */
		s = kt_park_two(test, a, true, b, false);
		switch (way) {
		case 0:
			KUNIT_EXPECT_EQ(test, kchan_close(a), 0);
			break;
		case 1:
			KUNIT_EXPECT_EQ(test, kchan_close(b), 0);
			break;
		case 2:
			kchan_end_put(a, FMODE_READ);
			break;
		case 3:
			kchan_end_put(b, FMODE_WRITE);
			break;
		case 4:
			/*
			 * The first of two closes commits a case. The second finds
			 * nobody.
			 */
			KUNIT_EXPECT_EQ(test, kchan_close(a), 0);
			KUNIT_EXPECT_EQ(test, kchan_close(b), 0);
			break;
		case 5:
			KUNIT_EXPECT_EQ(test, kchan_close(b), 0);
			kchan_end_put(a, FMODE_READ);
			break;
		}
		kt_expect_chosen(s, way % 2, EPIPE);
		kt_check(test, a);
		kt_check(test, b);
	}
}

/* A close that finds a party served by another task leaves it as it is. */
static void meet_close_loses(struct kunit *test)
{
	struct kchan *a = kt_chan(test, 8, 0), *b = kt_chan(test, 8, 0);
	struct kt_select *s = kt_park_two(test, a, false, b, false);
	struct kt_call *plain = kt_park_recv_n(test, b);
	struct kchan_step step;

	KUNIT_EXPECT_EQ(test, kt_give(a, 1, &step), 0);
	KUNIT_EXPECT_EQ(test, kchan_close(b), 0);
	KUNIT_EXPECT_EQ(test, kt_join(plain), -EPIPE);
	KUNIT_EXPECT_EQ(test, kchan_close(a), 0);
	KUNIT_EXPECT_FALSE(test, kt_select_returned(s));
	kchan_finish(a, &step);
	kt_expect_chosen(s, 0, 0);
	KUNIT_EXPECT_EQ(test, kt_case_n(s, 0), 1);
	kt_check(test, a);
	kt_check(test, b);
}

/* Many selects on one channel that closes: each is told once, for that case. */
static void meet_close_tells_all(struct kunit *test)
{
	struct kchan *a = kt_chan(test, 8, 0), *b = kt_chan(test, 8, 0);
	struct kt_select *s[5];
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(s); i++) {
		s[i] = kt_select(test);
		kt_add_recv_n(s[i], a);
		kt_add_recv_n(s[i], b);
		if (i % 2)
			kt_add_recv_n(s[i], b);
		/* They free their memory before the closer goes on. */
		s[i]->fifo = true;
		kt_select_park(s[i]);
	}
	KUNIT_EXPECT_EQ(test, kchan_close(a), 0);
	for (i = 0; i < ARRAY_SIZE(s); i++)
		kt_expect_chosen(s[i], 0, EPIPE);
	kt_check(test, a);
	kt_check(test, b);
	KUNIT_EXPECT_EQ(test, kt_send_n(b, 1), -EAGAIN);
}

/* A larger buffer lets selects in, in turn with plain senders. */
static void meet_resize(struct kunit *test)
{
	struct kchan *ch = kt_chan(test, 8, 0), *other = kt_chan(test, 8, 0);
	struct kt_call *first = kt_park_send_n(test, ch, 1), *third;
	struct kt_select *second, *fourth;
	u64 n;

	second = kt_park_two(test, ch, true, other, false);
	third = kt_park_send_n(test, ch, 3);
	fourth = kt_park_two(test, other, false, ch, true);
	KUNIT_EXPECT_EQ(test, kchan_resize(ch, 3), 0);
	KUNIT_EXPECT_EQ(test, kt_join(first), 8);
	kt_expect_chosen(second, 0, 0);
	KUNIT_EXPECT_EQ(test, kt_join(third), 8);
	KUNIT_EXPECT_FALSE(test, kt_select_returned(fourth));
	KUNIT_EXPECT_EQ(test, kchan_resize(ch, 2), -EBUSY);
	KUNIT_EXPECT_EQ(test, kt_recv_n(ch), 1);
	kt_expect_chosen(fourth, 1, 0);
	KUNIT_EXPECT_EQ(test, kt_recv_n(ch), 100);
	KUNIT_EXPECT_EQ(test, kt_recv_n(ch), 3);
	KUNIT_EXPECT_EQ(test, kt_recv_n(ch), 101);
	/* A receiver goes on waiting, whatever the capacity becomes. */
	second = kt_park_two(test, ch, false, other, false);
	for (n = 0; n < 4; n++)
		KUNIT_EXPECT_EQ(test, kchan_resize(ch, 3 - n), 0);
	KUNIT_EXPECT_FALSE(test, kt_select_returned(second));
	KUNIT_EXPECT_EQ(test, kt_send_n(ch, 9), 0);
	kt_expect_chosen(second, 0, 0);
	kt_check(test, ch);
	kt_check(test, other);
}

/* An element that comes back goes to the select that has waited longest for it. */
static void meet_put_back(struct kunit *test)
{
	const u32 size = *(const u32 *)test->param_value;
	struct kchan *ch = kt_chan(test, size, 1);
	struct kchan *other = kt_chan(test, size, 0);
	unsigned long to = kt_user_pages(test, 2);
	struct kt_call *buf = kt_call(test, ch, true, size);
	struct kt_select *s = kt_select(test);
	struct kchan_elem *elem;

	kt_fill(buf->buf, size, 6);
	KUNIT_EXPECT_EQ(test, kt_try_send(ch, buf->buf, size), size);
	elem = kt_detach(test, ch);
	kt_add(s, other, false, to, size);
	kt_add(s, ch, false, to, size);
	kt_select_park(s);
	kchan_put_back(ch, elem);
	kt_expect_chosen(s, 1, 0);
	KUNIT_EXPECT_TRUE(test, kt_user_is_filled(test, to, size, 6));
	KUNIT_EXPECT_EQ(test, kt_len(ch), 0);
	kt_check(test, ch);
	kt_check(test, other);
}

/*
 * The memory was good when the select parked. It is gone when one of the cases has
 * been handed an element. The element goes to the receiver that waits next, or else
 * waits itself.
 */
static void meet_memory_goes(struct kunit *test)
{
	const u32 size = *(const u32 *)test->param_value;
	struct kchan *ch = kt_chan(test, size, 1);
	struct kchan *other = kt_chan(test, size, 0);
	struct kt_call *buf = kt_call(test, ch, true, size), *next;
	unsigned long to = kt_user_pages(test, 2);
	struct kt_select *s[2];
	unsigned int i;

	for (i = 0; i < 2; i++) {
		s[i] = kt_select(test);
		kt_add(s[i], other, false, to, size);
		kt_add(s[i], ch, false, to, size);
		kt_select_park(s[i]);
		if (!i)
			next = kt_park_recv(test, ch, size);
	}
	KUNIT_ASSERT_EQ(test, 0, vm_munmap(to, 2 * PAGE_SIZE));
	for (i = 0; i < 2; i++) {
		kt_fill(buf->buf, size, i);
		KUNIT_EXPECT_EQ(test, kt_try_send(ch, buf->buf, size), size);
		KUNIT_EXPECT_EQ(test, kt_select_join(s[i]), -EFAULT);
	}
	KUNIT_EXPECT_EQ(test, kt_join(next), size);
	KUNIT_EXPECT_TRUE(test, kt_filled(next->buf, size, 0));
	KUNIT_EXPECT_EQ(test, ch->nr_put_back, 1);
	KUNIT_EXPECT_EQ(test, kt_try_recv(ch, buf->buf, size), size);
	KUNIT_EXPECT_TRUE(test, kt_filled(buf->buf, size, 1));
	kt_check(test, ch);
	kt_check(test, other);
}

/* If a select is killed, the element that it was handed is put back. */
static void meet_killed(struct kunit *test)
{
	struct kchan *a = kt_chan(test, 8, 0), *b = kt_chan(test, 8, 0);
	struct kt_select *s = kt_park_two(test, a, false, b, false);
	struct kchan_step step;

	KUNIT_EXPECT_EQ(test, kt_give(b, 4, &step), 0);
	kt_select_signal(s, SIGKILL);
	KUNIT_EXPECT_EQ(test, kt_select_join(s), -EINTR);
	kchan_finish(b, &step);
	KUNIT_EXPECT_EQ(test, b->nr_put_back, 1);
	KUNIT_EXPECT_EQ(test, kt_recv_n(b), 4);
	kt_check(test, a);
	kt_check(test, b);
}

/*
 * A sender whose message is too long for a case commits that case, and goes on to the
 * next receiver.
 */
static void meet_too_long(struct kunit *test)
{
	struct kchan *ch = kt_message_chan(test, 100, 0);
	struct kchan *other = kt_message_chan(test, 100, 0);
	unsigned long to = kt_user_pages(test, 1);
	struct kt_call *send = kt_call(test, ch, true, 60), *recv;
	struct kt_select *s = kt_select(test);

	kt_add(s, other, false, to, 100);
	kt_add(s, ch, false, to, 59);
	kt_select_park(s);
	recv = kt_park_recv(test, ch, 60);
	kt_fill(send->buf, 60, 5);
	kt_start(send);
	KUNIT_EXPECT_EQ(test, kt_join(send), 60);
	kt_expect_chosen(s, 1, EMSGSIZE);
	KUNIT_EXPECT_EQ(test, kt_join(recv), 60);
	KUNIT_EXPECT_TRUE(test, kt_filled(recv->buf, 60, 5));
	kt_check(test, ch);
	kt_check(test, other);
}

static void meet_expect(struct kunit *test, struct kchan *ch, __poll_t want)
{
	__poll_t ready = kchan_readiness(ch, FMODE_READ | FMODE_WRITE);

	KT_EXPECT_POLL(test, ready, want);
}

/* On a rendezvous channel, a case that parks wakes the pollers of the other side. */
static void meet_tells_pollers(struct kunit *test)
{
	struct kchan *a = kt_chan(test, 8, 0), *b = kt_chan(test, 8, 0);
	struct kchan *empty = kt_chan(test, 8, 1);
	struct kt_poller *pa, *pb, *pe;
	struct kt_select *s = kt_select(test);

	pa = kt_poller(test, a, true);
	pb = kt_poller(test, b, true);
	pe = kt_poller(test, empty, true);
	kt_add_send_n(s, a, 1);
	kt_add_recv_n(s, b);
	kt_add_recv_n(s, empty);
	kt_select_park(s);
	kt_expect_woken(pa, 1, 0, 0);
	kt_expect_woken(pb, 0, 1, 0);
	kt_expect_woken(pe, 0, 0, 0);
	meet_expect(test, a, EPOLLIN | EPOLLRDNORM);
	meet_expect(test, b, EPOLLOUT | EPOLLWRNORM);
	KUNIT_EXPECT_EQ(test, kt_send_n(b, 1), 0);
	kt_expect_chosen(s, 1, 0);
	/* Neither direction is ready any more. */
	meet_expect(test, a, 0);
	meet_expect(test, b, 0);
	kt_check(test, a);
	kt_check(test, b);
}

static struct kunit_case meet_cases[] = {
	KUNIT_CASE(meet_closed),
	KUNIT_CASE(meet_close_loses),
	KUNIT_CASE(meet_close_tells_all),
	KUNIT_CASE(meet_resize),
	KUNIT_CASE_PARAM(meet_put_back, meet_size_gen_params),
	KUNIT_CASE_PARAM(meet_memory_goes, meet_size_gen_params),
	KUNIT_CASE(meet_killed),
	KUNIT_CASE(meet_too_long),
	KUNIT_CASE(meet_tells_pollers),
	{}
};

static struct kunit_suite meet_suite = {
	.name = "kchan_select_meet",
	.test_cases = meet_cases,
};

kunit_test_suite(meet_suite);
