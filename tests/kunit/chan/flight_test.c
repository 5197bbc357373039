// SPDX-License-Identifier: GPL-2.0-only
/*
 * Elements in flight: a receiver was handed them and has not taken them yet, so they
 * may come back. A closed channel is at the end of its stream when there are none.
 */
#include <kunit/test.h>
#include <linux/poll.h>
#include <linux/sched/signal.h>

#include "between.h"
#include "memory.h"
#include "parties.h"
#include "selects.h"

static const u32 flight_sizes[] = KT_SIZES;

static void flight_size_desc(const u32 *size, char *desc)
{
	snprintf(desc, KUNIT_PARAM_DESC_SIZE, "%u bytes", *size);
}

KUNIT_ARRAY_PARAM(flight_size, flight_sizes, flight_size_desc);

static struct kchan *flight_chan(struct kunit *test, u32 capacity)
{
	return kt_chan(test, *(const u32 *)test->param_value, capacity);
}

static void flight_send(struct kunit *test, struct kchan *ch, u64 n)
{
	struct kt_call *call = kt_call(test, ch, true, ch->elem_size);

	*(u64 *)call->buf = n;
	KUNIT_EXPECT_EQ(test, kt_try_send(ch, call->buf, call->len), call->len);
}

static s64 flight_recv(struct kunit *test, struct kchan *ch)
{
	struct kt_call *call = kt_call(test, ch, false, ch->elem_size);
	ssize_t ret = kt_try_recv(ch, call->buf, call->len);

	return ret == call->len ? *(s64 *)call->buf : ret;
}

static void flight_expect(struct kunit *test, struct kchan *ch, unsigned int nr)
{
	struct kchan_info info;

	kt_info(ch, &info);
	KUNIT_EXPECT_EQ(test, info.in_flight, nr);
}

/*
 * Each way to hand an element out counts it as in flight. Each way to settle it
 * counts it no more.
 */
static void flight_counts(struct kunit *test)
{
	struct kchan *ch = flight_chan(test, 2);
	struct kchan_elem *first, *second;
	struct kt_party *p;

	flight_expect(test, ch, 0);
	flight_send(test, ch, 1);
	flight_send(test, ch, 2);
	flight_expect(test, ch, 0);
	/* Elements from the buffer, and elements that were put back. */
	first = kt_detach(test, ch);
	flight_expect(test, ch, 1);
	second = kt_detach(test, ch);
	flight_expect(test, ch, 2);
	kchan_put_back(ch, first);
	flight_expect(test, ch, 1);
	first = kt_detach(test, ch);
	KUNIT_EXPECT_EQ(test, kt_elem_n(first), 1);
	flight_expect(test, ch, 2);
	kt_settle(ch, second);
	flight_expect(test, ch, 1);
	/* It is handed on, and stays in flight until that receiver has it. */
	p = kt_party_receiver(test, ch, ch->elem_size);
	kchan_put_back(ch, first);
	KUNIT_EXPECT_EQ(test, kt_party_n(p), 1);
	flight_expect(test, ch, 1);
	kt_party_end(p);
	flight_expect(test, ch, 0);
	/* It is handed over directly. */
	p = kt_party_receiver(test, ch, ch->elem_size);
	flight_send(test, ch, 3);
	flight_expect(test, ch, 1);
	kt_party_end(p);
	flight_expect(test, ch, 0);
	/* It comes from a sender that waits. */
	KUNIT_EXPECT_EQ(test, kchan_resize(ch, 0), 0);
	p = kt_party_sender(test, ch, 4);
	first = kt_detach(test, ch);
	flight_expect(test, ch, 1);
	kt_settle(ch, first);
	flight_expect(test, ch, 0);
	kt_party_end(p);
	kt_check(test, ch);
}

/* A receive that fails has taken nothing. */
static void flight_not_of_failures(struct kunit *test)
{
	struct kchan *ch = kt_message_chan(test, *(const u32 *)test->param_value, 1);
	struct kchan_elem *elem;
	u8 buf[8] = {};

	KUNIT_EXPECT_EQ(test, kt_try_detach(ch, &elem), -EAGAIN);
	flight_expect(test, ch, 0);
	KUNIT_EXPECT_EQ(test, kt_try_send(ch, buf, 8), 8);
	KUNIT_EXPECT_EQ(test, kt_try_recv(ch, buf, 7), -EMSGSIZE);
	flight_expect(test, ch, 0);
	KUNIT_EXPECT_EQ(test, kt_try_recv(ch, buf, 8), 8);
	flight_expect(test, ch, 0);
	KUNIT_EXPECT_EQ(test, kchan_close(ch), 0);
	KUNIT_EXPECT_EQ(test, kt_try_detach(ch, &elem), -EPIPE);
	flight_expect(test, ch, 0);
	kt_check(test, ch);
}

/*
 * The channel closes while an element is in flight. Then the element is received, or
 * put back.
 */
static void flight_then_closed(struct kunit *test)
{
	unsigned int back;

	for (back = 0; back < 2; back++) {
		struct kchan *ch = flight_chan(test, 1);
		struct kt_call *call;
		struct kchan_elem *elem;
		struct kt_poller *p;

		flight_send(test, ch, 9);
		elem = kt_detach(test, ch);
		KUNIT_EXPECT_EQ(test, kchan_close(ch), 0);
		KUNIT_EXPECT_EQ(test, flight_recv(test, ch), -EAGAIN);
		KT_EXPECT_POLL(test, kchan_readiness(ch, FMODE_READ), EPOLLRDHUP);
		/* A receiver that comes now waits. */
		call = kt_park_recv(test, ch, ch->elem_size);
		p = kt_poller(test, ch, false);
		if (back) {
			kchan_put_back(ch, elem);
			KUNIT_EXPECT_EQ(test, kt_join(call), call->len);
			KUNIT_EXPECT_EQ(test, *(u64 *)call->buf, 9);
		} else {
			kt_settle(ch, elem);
			KUNIT_EXPECT_EQ(test, kt_join(call), -EPIPE);
		}
		/* When a large element is freed, the ring can pay for another one. */
		kt_expect_woken(p, 0, ch->elem_size > KCHAN_INLINE_ELEM_SIZE, 1);
		KUNIT_EXPECT_EQ(test, flight_recv(test, ch), -EPIPE);
		kt_check(test, ch);
	}
}

/* The element is settled before the close: the close tells the receivers. */
static void flight_then_settled(struct kunit *test)
{
	struct kchan *ch = flight_chan(test, 1);
	struct kt_call *call;
	struct kchan_elem *elem;

	flight_send(test, ch, 9);
	elem = kt_detach(test, ch);
	call = kt_park_recv(test, ch, ch->elem_size);
	kt_settle(ch, elem);
	KUNIT_EXPECT_FALSE(test, kt_returned(call));
	KUNIT_EXPECT_EQ(test, ch->receivers.len, 1);
	KUNIT_EXPECT_EQ(test, kchan_close(ch), 0);
	KUNIT_EXPECT_EQ(test, kt_join(call), -EPIPE);
	kt_check(test, ch);
}

/*
 * Only when the last of several is settled is it the end. Those that come back are
 * received.
 */
static void flight_several(struct kunit *test)
{
	struct kchan *ch = flight_chan(test, 4);
	struct kchan_elem *elem[4];
	struct kt_party *p[2];
	unsigned int i;

	for (i = 0; i < 4; i++)
		flight_send(test, ch, i);
	for (i = 0; i < 4; i++)
		elem[i] = kt_detach(test, ch);
	KUNIT_EXPECT_EQ(test, kchan_close(ch), 0);
	for (i = 0; i < 2; i++)
		p[i] = kt_party_receiver(test, ch, ch->elem_size);
	kt_settle(ch, elem[2]);
	kt_settle(ch, elem[0]);
	KUNIT_EXPECT_TRUE(test, kt_party_open(p[0]));
	kchan_put_back(ch, elem[3]);
	KUNIT_EXPECT_EQ(test, kt_party_n(p[0]), 3);
	kt_settle(ch, elem[1]);
	/* It was handed on, and is still in flight. */
	KUNIT_EXPECT_TRUE(test, kt_party_open(p[1]));
	flight_expect(test, ch, 1);
	kt_party_end(p[0]);
	KUNIT_EXPECT_EQ(test, kt_party_status(p[1]), -EPIPE);
	kt_party_end(p[1]);
	kt_check(test, ch);
}

/*
 * After the last end that receives has gone, an element that comes back is dropped.
 */
static void flight_no_receiver(struct kunit *test)
{
	struct kchan *ch = flight_chan(test, 2);
	struct kchan_elem *elem[2];
	unsigned int i;

	for (i = 0; i < 2; i++)
		flight_send(test, ch, i);
	for (i = 0; i < 2; i++)
		elem[i] = kt_detach(test, ch);
	kchan_end_put(ch, FMODE_READ);
	flight_expect(test, ch, 2);
	kchan_put_back(ch, elem[1]);
	flight_expect(test, ch, 1);
	kchan_put_back(ch, elem[0]);
	kt_check(test, ch);
}

/* A select that waits is told as any other. */
static void flight_select(struct kunit *test)
{
	struct kchan *ch = kt_chan(test, 8, 1), *other = kt_chan(test, 8, 0);
	struct kchan_elem *elem;
	struct kt_select *s;

	KUNIT_EXPECT_EQ(test, kt_send_n(ch, 1), 0);
	elem = kt_detach(test, ch);
	KUNIT_EXPECT_EQ(test, kchan_close(ch), 0);
	s = kt_select(test);
	kt_add_recv_n(s, other);
	kt_add_recv_n(s, ch);
	KUNIT_EXPECT_EQ(test, kt_select_now(s), -EAGAIN);
	kt_select_park(s);
	kt_settle(ch, elem);
	kt_expect_chosen(s, 1, EPIPE);
	kt_check(test, ch);
	kt_check(test, other);
}

/*
 * A blocked receive is about to copy its element out. Until it has done so, or has
 * found that its memory is gone, the others wait.
 */
static void flight_blocked_copy(struct kunit *test)
{
	unsigned int way;

	for (way = 0; way < 3; way++) {
		unsigned long addr = kt_user_pages(test, 2);
		struct kchan *ch = kt_chan(test, 8, 1);
		struct kt_call *recv = kt_call(test, ch, false, 8);
		struct kt_call *other = kt_call(test, ch, false, 8);
		struct kt_slow *slow;

		recv->ubuf = addr;
		kt_park(recv);
		/* The memory was there when the receiver parked. */
		slow = kt_slow(test, addr);
		KUNIT_EXPECT_EQ(test, kt_send_n(ch, 5), 0);
		kt_slow_wait(slow);
		flight_expect(test, ch, 1);
		KUNIT_EXPECT_EQ(test, kchan_close(ch), 0);
		KUNIT_EXPECT_EQ(test, kt_recv_n(ch), -EAGAIN);
		kt_park(other);
		kt_slow_go(slow, way);
		if (way) {
			KUNIT_EXPECT_EQ(test, kt_join(recv), -EFAULT);
			KUNIT_EXPECT_EQ(test, kt_join_n(other), 5);
		} else {
			KUNIT_EXPECT_EQ(test, kt_join(recv), 8);
			KUNIT_EXPECT_EQ(test, kt_join_n(other), -EPIPE);
		}
		KUNIT_EXPECT_EQ(test, kt_recv_n(ch), -EPIPE);
		kt_check(test, ch);
	}
}

/* A receiver that is killed gives the element back, and the next one gets it. */
static void flight_killed(struct kunit *test)
{
	struct kchan *ch = kt_chan(test, 8, 1);
	struct kt_call *killed = kt_park_recv_n(test, ch);
	struct kt_call *next = kt_park_recv_n(test, ch);
	struct kchan_step step;

	KUNIT_EXPECT_EQ(test, kt_give(ch, 6, &step), 0);
	KUNIT_EXPECT_EQ(test, kchan_close(ch), 0);
	KUNIT_EXPECT_EQ(test, kt_recv_n(ch), -EAGAIN);
	kt_signal(killed, SIGKILL);
	KUNIT_EXPECT_EQ(test, kt_join(killed), -EINTR);
	KUNIT_EXPECT_EQ(test, kt_join_n(next), 6);
	kchan_finish(ch, &step);
	KUNIT_EXPECT_EQ(test, kt_recv_n(ch), -EPIPE);
	kt_check(test, ch);
}

struct flight_race {
	struct kchan *ch;
	struct kchan_elem *elem;
	int close;
};

static void flight_settles(struct kt_between *b)
{
	struct flight_race *r = b->arg;

	kt_settle(r->ch, r->elem);
}

static void flight_closes(struct kt_between *b)
{
	struct flight_race *r = b->arg;

	r->close = kchan_close(r->ch);
}

/*
 * The last element is settled when a close has dropped the lock, and has told only
 * those who send.
 */
static void flight_settled_while_closing(struct kunit *test)
{
	struct flight_race r = { .ch = kt_chan(test, 8, 1) };
	struct kt_between *b = kt_between(test, flight_settles, &r);
	struct kt_party *p;

	KUNIT_EXPECT_EQ(test, kt_send_n(r.ch, 1), 0);
	r.elem = kt_detach(test, r.ch);
	p = kt_party_receiver(test, r.ch, 8);
	kt_between_at(b, r.ch, 0);
	KUNIT_EXPECT_EQ(test, kchan_close(r.ch), 0);
	kt_between_end(b, 1);
	KUNIT_EXPECT_EQ(test, kt_party_status(p), -EPIPE);
	kt_party_end(p);
	kt_check(test, r.ch);
}

/*
 * The channel is closed when the last element has just been put back. That element is
 * then received, and not lost behind the end of the stream.
 */
static void flight_closed_while_put_back(struct kunit *test)
{
	struct flight_race r = { .ch = kt_chan(test, 8, 1) };
	struct kt_between *b = kt_between(test, flight_closes, &r);

	KUNIT_EXPECT_EQ(test, kt_send_n(r.ch, 1), 0);
	r.elem = kt_detach(test, r.ch);
	kt_between_at(b, r.ch, 0);
	kchan_put_back(r.ch, r.elem);
	kt_between_end(b, 1);
	KUNIT_EXPECT_EQ(test, r.close, 0);
	KUNIT_EXPECT_EQ(test, kt_recv_n(r.ch), 1);
	KUNIT_EXPECT_EQ(test, kt_recv_n(r.ch), -EPIPE);
	kt_check(test, r.ch);
}

static struct kunit_case flight_cases[] = {
	KUNIT_CASE_PARAM(flight_counts, flight_size_gen_params),
	KUNIT_CASE_PARAM(flight_not_of_failures, flight_size_gen_params),
	KUNIT_CASE_PARAM(flight_then_closed, flight_size_gen_params),
	KUNIT_CASE_PARAM(flight_then_settled, flight_size_gen_params),
	KUNIT_CASE_PARAM(flight_several, flight_size_gen_params),
	KUNIT_CASE_PARAM(flight_no_receiver, flight_size_gen_params),
	KUNIT_CASE(flight_select),
	KUNIT_CASE(flight_blocked_copy),
	KUNIT_CASE(flight_killed),
	KUNIT_CASE(flight_settled_while_closing),
	KUNIT_CASE(flight_closed_while_put_back),
	{}
};

static struct kunit_suite flight_suite = {
	.name = "kchan_flight",
	.test_cases = flight_cases,
};

kunit_test_suite(flight_suite);
