// SPDX-License-Identifier: GPL-2.0-only
/* Poll: what would not block, and how often pollers are woken when that changes. */
#include <kunit/test.h>
#include <linux/poll.h>

#include "parties.h"

#define POLL_INPUT	(EPOLLIN | EPOLLRDNORM)
#define POLL_OUTPUT	(EPOLLOUT | EPOLLWRNORM)

/*
 * Each end is told only its own directions. It is told of an error only if it cannot
 * receive.
 */
static void poll_expect(struct kunit *test, struct kchan *ch, __poll_t recv,
			__poll_t send)
{
	__poll_t r = kchan_readiness(ch, FMODE_READ);
	__poll_t w = kchan_readiness(ch, FMODE_WRITE);
	__poll_t rw = kchan_readiness(ch, FMODE_READ | FMODE_WRITE);

	KT_EXPECT_POLL(test, r, recv);
	KT_EXPECT_POLL(test, w, send);
	KT_EXPECT_POLL(test, rw, (recv | send) & ~EPOLLERR);
}

static void poll_buffered(struct kunit *test)
{
	struct kchan *ch = kt_chan(test, 8, 2);
	struct kt_call *call;

	poll_expect(test, ch, 0, POLL_OUTPUT);
	call = kt_park_recv_n(test, ch);
	poll_expect(test, ch, 0, POLL_OUTPUT);
	KUNIT_EXPECT_EQ(test, kt_send_n(ch, 0), 0);
	KUNIT_EXPECT_EQ(test, kt_join_n(call), 0);
	poll_expect(test, ch, 0, POLL_OUTPUT);
	KUNIT_EXPECT_EQ(test, kt_send_n(ch, 1), 0);
	poll_expect(test, ch, POLL_INPUT, POLL_OUTPUT);
	KUNIT_EXPECT_EQ(test, kt_send_n(ch, 2), 0);
	poll_expect(test, ch, POLL_INPUT, 0);
	call = kt_park_send_n(test, ch, 3);
	poll_expect(test, ch, POLL_INPUT, 0);
	KUNIT_EXPECT_EQ(test, kt_recv_n(ch), 1);
	KUNIT_EXPECT_EQ(test, kt_join(call), 8);
	poll_expect(test, ch, POLL_INPUT, 0);
	KUNIT_EXPECT_EQ(test, kt_recv_n(ch), 2);
	poll_expect(test, ch, POLL_INPUT, POLL_OUTPUT);
	KUNIT_EXPECT_EQ(test, kt_recv_n(ch), 3);
	poll_expect(test, ch, 0, POLL_OUTPUT);
}

/* A rendezvous channel is ready for one side when the other side waits. */
static void poll_rendezvous(struct kunit *test)
{
	struct kchan *ch = kt_chan(test, 8, 0);
	struct kt_call *call;

	poll_expect(test, ch, 0, 0);
	call = kt_park_send_n(test, ch, 1);
	poll_expect(test, ch, POLL_INPUT, 0);
	kchan_put_back(ch, kt_detach(test, ch));
	KUNIT_EXPECT_EQ(test, kt_join(call), 8);
	poll_expect(test, ch, POLL_INPUT, 0);
	KUNIT_EXPECT_EQ(test, kt_recv_n(ch), 1);
	poll_expect(test, ch, 0, 0);
	call = kt_park_recv_n(test, ch);
	poll_expect(test, ch, 0, POLL_OUTPUT);
	KUNIT_EXPECT_EQ(test, kt_send_n(ch, 2), 0);
	KUNIT_EXPECT_EQ(test, kt_join_n(call), 2);
	poll_expect(test, ch, 0, 0);
}

/* A party that has given up is no counterpart. */
static void poll_given_up(struct kunit *test)
{
	struct kchan *ch = kt_chan(test, 8, 0);

	kt_party_stale(test, ch, false, 1);
	poll_expect(test, ch, 0, 0);
	kt_party_stale(test, ch, true, 1);
	poll_expect(test, ch, 0, 0);
}

/* Put-backs can be received, and take no room in the buffer. */
static void poll_put_back(struct kunit *test)
{
	struct kchan *ch = kt_chan(test, 8, 1);
	struct kchan_elem *elem;

	KUNIT_EXPECT_EQ(test, kt_send_n(ch, 1), 0);
	elem = kt_detach(test, ch);
	poll_expect(test, ch, 0, POLL_OUTPUT);
	kchan_put_back(ch, elem);
	poll_expect(test, ch, POLL_INPUT, POLL_OUTPUT);
	KUNIT_EXPECT_EQ(test, kt_send_n(ch, 2), 0);
	poll_expect(test, ch, POLL_INPUT, 0);
	KUNIT_EXPECT_EQ(test, kt_recv_n(ch), 1);
	poll_expect(test, ch, POLL_INPUT, 0);
	KUNIT_EXPECT_EQ(test, kt_recv_n(ch), 2);
	poll_expect(test, ch, 0, POLL_OUTPUT);
}

static void poll_closed(struct kunit *test)
{
	struct kchan *ch = kt_chan(test, 8, 2);
	struct kchan_elem *elem;

	KUNIT_EXPECT_EQ(test, kt_send_n(ch, 1), 0);
	KUNIT_EXPECT_EQ(test, kchan_close(ch), 0);
	poll_expect(test, ch, POLL_INPUT | EPOLLRDHUP, POLL_OUTPUT | EPOLLERR);
	elem = kt_detach(test, ch);
	/* The element may come back, so this is not the end of the stream yet. */
	poll_expect(test, ch, EPOLLRDHUP, POLL_OUTPUT | EPOLLERR);
	kchan_put_back(ch, elem);
	poll_expect(test, ch, POLL_INPUT | EPOLLRDHUP, POLL_OUTPUT | EPOLLERR);
	KUNIT_EXPECT_EQ(test, kt_recv_n(ch), 1);
	poll_expect(test, ch, POLL_INPUT | EPOLLRDHUP | EPOLLHUP,
		    POLL_OUTPUT | EPOLLERR);
}

static void poll_no_receive_end(struct kunit *test)
{
	struct kchan *full = kt_chan(test, 8, 1);
	struct kchan *room = kt_chan(test, 8, 1);

	KUNIT_EXPECT_EQ(test, kt_send_n(full, 1), 0);
	kchan_end_put(full, FMODE_READ);
	kchan_end_put(room, FMODE_READ);
	poll_expect(test, full, 0, POLL_OUTPUT | EPOLLERR);
	poll_expect(test, room, 0, POLL_OUTPUT | EPOLLERR);
}

static void poll_no_send_end(struct kunit *test)
{
	struct kchan *ch = kt_chan(test, 8, 1);

	KUNIT_EXPECT_EQ(test, kt_send_n(ch, 1), 0);
	kchan_end_put(ch, FMODE_WRITE);
	KT_EXPECT_POLL(test, kchan_readiness(ch, FMODE_READ), POLL_INPUT | EPOLLRDHUP);
	KUNIT_EXPECT_EQ(test, kt_recv_n(ch), 1);
	KT_EXPECT_POLL(test, kchan_readiness(ch, FMODE_READ),
		       POLL_INPUT | EPOLLRDHUP | EPOLLHUP);
}

static void poll_before_setup(struct kunit *test)
{
	struct kchan *ch = kt_raw_chan(test);

	KUNIT_EXPECT_EQ(test, kchan_setup(ch, 8, 0, 0), 0);
	poll_expect(test, ch, 0, 0);
	poll_expect(test, kt_raw_chan(test), 0, POLL_OUTPUT);
}

/*
 * Pollers are woken when elements queue, and when slots come free: once for all that
 * was done under one hold of the lock.
 */
static void poll_wakes_each(struct kunit *test)
{
	const unsigned int nr = 72;
	struct kchan *ch = kt_chan(test, 8, nr);
	struct kt_call *buf = kt_call(test, ch, true, nr * 8);
	struct kt_poller *p = kt_poller(test, ch, false);

	KUNIT_EXPECT_EQ(test, kt_send_n(ch, 1), 0);
	kt_expect_woken(p, 1, 0, 0);
	/*
	 * They are woken even if the channel was ready before: not only on the edge.
	 */
	KUNIT_EXPECT_EQ(test, kt_send_n(ch, 2), 0);
	kt_expect_woken(p, 1, 0, 0);
	KUNIT_EXPECT_EQ(test, kt_recv_n(ch), 1);
	kt_expect_woken(p, 0, 1, 0);
	KUNIT_EXPECT_EQ(test, kt_recv_n(ch), 2);
	kt_expect_woken(p, 0, 1, 0);
	KUNIT_EXPECT_EQ(test, kt_recv_n(ch), -EAGAIN);
	kt_expect_woken(p, 0, 0, 0);

	/* As much as one hold moves, and what is left, which goes around the last slot. */
	KUNIT_EXPECT_EQ(test, kt_try_send(ch, buf->buf, nr * 8), nr * 8);
	kt_expect_woken(p, 2, 0, 0);
	KUNIT_EXPECT_EQ(test, kt_send_n(ch, 3), -EAGAIN);
	kt_expect_woken(p, 0, 0, 0);
	KUNIT_EXPECT_EQ(test, kt_try_recv(ch, buf->buf, nr * 8), nr * 8);
	kt_expect_woken(p, 0, 2, 0);
}

/* An element that goes to a call that waits wakes that call, and nobody else. */
static void poll_hand_over_wakes_none(struct kunit *test)
{
	struct kchan *ch = kt_chan(test, 8, 2);
	struct kt_poller *p = kt_poller(test, ch, false);
	struct kt_call *call = kt_park_recv_n(test, ch);

	KUNIT_EXPECT_EQ(test, kt_send_n(ch, 1), 0);
	KUNIT_EXPECT_EQ(test, kt_join_n(call), 1);
	kt_expect_woken(p, 0, 0, 0);
}

/* Pollers are told only of the elements that queue. */
static void poll_batch_over_receivers(struct kunit *test)
{
	struct kchan *ch = kt_chan(test, 8, 4);
	struct kt_poller *p = kt_poller(test, ch, false);
	struct kt_call *call = kt_park_recv_n(test, ch);
	u64 in[3] = { 1, 2, 3 };

	KUNIT_EXPECT_EQ(test, kt_try_send(ch, in, sizeof(in)), sizeof(in));
	KUNIT_EXPECT_EQ(test, kt_join_n(call), 1);
	kt_expect_woken(p, 1, 0, 0);
}

/*
 * A parked sender's element that enters the buffer counts as a send that queues.
 * Pollers are not told of the slot that it takes.
 */
static void poll_sender_enters(struct kunit *test)
{
	struct kchan *ch = kt_chan(test, 8, 1);
	struct kt_poller *p = kt_poller(test, ch, false);
	struct kt_call *call;

	KUNIT_EXPECT_EQ(test, kt_send_n(ch, 1), 0);
	call = kt_park_send_n(test, ch, 2);
	kt_expect_woken(p, 1, 0, 0);
	KUNIT_EXPECT_EQ(test, kt_recv_n(ch), 1);
	KUNIT_EXPECT_EQ(test, kt_join(call), 8);
	kt_expect_woken(p, 1, 0, 0);
	KUNIT_EXPECT_EQ(test, kt_recv_n(ch), 2);
	kt_expect_woken(p, 0, 1, 0);
}

/* On a rendezvous channel, the parking of a case makes the other side ready. */
static void poll_park_wakes(struct kunit *test)
{
	struct kchan *ch = kt_chan(test, 8, 0);
	struct kt_poller *p = kt_poller(test, ch, false);
	struct kt_call *call = kt_park_send_n(test, ch, 1);

	kt_expect_woken(p, 1, 0, 0);
	KUNIT_EXPECT_EQ(test, kt_recv_n(ch), 1);
	KUNIT_EXPECT_EQ(test, kt_join(call), 8);
	kt_expect_woken(p, 0, 0, 0);
	call = kt_park_recv_n(test, ch);
	kt_expect_woken(p, 0, 1, 0);
	KUNIT_EXPECT_EQ(test, kt_send_n(ch, 2), 0);
	KUNIT_EXPECT_EQ(test, kt_join_n(call), 2);
	kt_expect_woken(p, 0, 0, 0);
	/* Calls that do not wait change nothing. */
	KUNIT_EXPECT_EQ(test, kt_send_n(ch, 3), -EAGAIN);
	KUNIT_EXPECT_EQ(test, kt_recv_n(ch), -EAGAIN);
	kt_expect_woken(p, 0, 0, 0);
}

/* A batch parks once for each element. */
static void poll_batch_parks(struct kunit *test)
{
	struct kchan *ch = kt_chan(test, 8, 0);
	struct kt_poller *p = kt_poller(test, ch, false);
	struct kt_call *call = kt_park_send_batch(test, ch, 1, 3);
	unsigned int i;

	for (i = 1; i <= 3; i++) {
		kt_wait_parked(test, ch, 1, 0);
		KUNIT_EXPECT_EQ(test, kt_recv_n(ch), i);
	}
	KUNIT_EXPECT_EQ(test, kt_join(call), 24);
	kt_expect_woken(p, 3, 0, 0);
}

static void poll_resize_wakes(struct kunit *test)
{
	struct kchan *ch = kt_chan(test, 8, 1);
	struct kt_poller *p = kt_poller(test, ch, false);
	struct kt_poller *x = kt_poller(test, ch, true);
	struct kt_poller *y = kt_poller(test, ch, true);
	struct kt_call *call;

	KUNIT_EXPECT_EQ(test, kchan_resize(ch, 3), 0);
	/* There may be room for all who wait for it. */
	kt_expect_woken(p, 0, 1, 0);
	kt_expect_woken(x, 0, 1, 0);
	kt_expect_woken(y, 0, 1, 0);
	KUNIT_EXPECT_EQ(test, kchan_resize(ch, 1), 0);
	kt_expect_woken(p, 0, 0, 0);
	KUNIT_EXPECT_EQ(test, kt_send_n(ch, 1), 0);
	kt_expect_woken(p, 1, 0, 0);
	call = kt_park_send_n(test, ch, 2);
	KUNIT_EXPECT_EQ(test, kchan_resize(ch, 0), -EBUSY);
	kt_expect_woken(p, 0, 0, 0);
	/* All the room is taken, so pollers are not told of it. */
	KUNIT_EXPECT_EQ(test, kchan_resize(ch, 2), 0);
	KUNIT_EXPECT_EQ(test, kt_join(call), 8);
	kt_expect_woken(p, 1, 0, 0);
	call = kt_park_send_n(test, ch, 3);
	/* Pollers are told of input and of room, in two wake-ups. */
	KUNIT_EXPECT_EQ(test, kchan_resize(ch, 4), 0);
	KUNIT_EXPECT_EQ(test, kt_join(call), 8);
	kt_expect_woken(p, 1, 1, 0);
}

static void poll_put_back_wakes(struct kunit *test)
{
	struct kchan *ch = kt_chan(test, 8, 1);
	struct kt_poller *p = kt_poller(test, ch, false);
	struct kchan_elem *elem;
	struct kt_call *call;

	KUNIT_EXPECT_EQ(test, kt_send_n(ch, 1), 0);
	elem = kt_detach(test, ch);
	kt_expect_woken(p, 1, 1, 0);
	kchan_put_back(ch, elem);
	kt_expect_woken(p, 1, 0, 0);
	/* The put-back took no room, so its receive frees none. */
	elem = kt_detach(test, ch);
	kt_expect_woken(p, 0, 0, 0);
	call = kt_park_recv_n(test, ch);
	kchan_put_back(ch, elem);
	KUNIT_EXPECT_EQ(test, kt_join_n(call), 1);
	kt_expect_woken(p, 0, 0, 0);
}

static unsigned int poll_exclusive_woken(struct kt_poller **x, unsigned int nr,
					 bool out)
{
	unsigned int i, woken = 0;

	for (i = 0; i < nr; i++) {
		woken += out ? x[i]->out : x[i]->in;
		x[i]->in = 0;
		x[i]->out = 0;
	}
	return woken;
}

/*
 * Elements that queue wake every plain poller. Each of them wakes one exclusive
 * poller. The same holds for slots that come free.
 */
static void poll_exclusive(struct kunit *test)
{
	struct kchan *ch = kt_chan(test, 8, 4);
	struct kt_poller *p = kt_poller(test, ch, false);
	struct kt_poller *q = kt_poller(test, ch, false);
	struct kt_poller *x[4];
	u64 buf[3] = { 1, 2, 3 };
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(x); i++)
		x[i] = kt_poller(test, ch, true);
	KUNIT_EXPECT_EQ(test, kt_send_n(ch, 1), 0);
	kt_expect_woken(p, 1, 0, 0);
	kt_expect_woken(q, 1, 0, 0);
	KUNIT_EXPECT_EQ(test, poll_exclusive_woken(x, 4, false), 1);
	KUNIT_EXPECT_EQ(test, kt_try_send(ch, buf, sizeof(buf)), sizeof(buf));
	kt_expect_woken(p, 1, 0, 0);
	kt_expect_woken(q, 1, 0, 0);
	KUNIT_EXPECT_EQ(test, poll_exclusive_woken(x, 4, false), 3);
	KUNIT_EXPECT_EQ(test, kt_recv_n(ch), 1);
	kt_expect_woken(p, 0, 1, 0);
	KUNIT_EXPECT_EQ(test, poll_exclusive_woken(x, 4, true), 1);
	KUNIT_EXPECT_EQ(test, kt_try_recv(ch, buf, sizeof(buf)), sizeof(buf));
	kt_expect_woken(p, 0, 1, 0);
	KUNIT_EXPECT_EQ(test, poll_exclusive_woken(x, 4, true), 3);
	for (i = 0; i < ARRAY_SIZE(x); i++)
		kt_expect_woken(x[i], 0, 0, 0);
}

/* A final change wakes all pollers, whatever they wait for. */
static void poll_end_wakes_all(struct kunit *test)
{
	unsigned int how;

	for (how = 0; how < 3; how++) {
		struct kchan *ch = kt_chan(test, 8, 1);
		struct kt_poller *p = kt_poller(test, ch, false);
		struct kt_poller *x = kt_poller(test, ch, true);
		struct kt_poller *y = kt_poller(test, ch, true);

		kchan_end_get(ch, FMODE_READ | FMODE_WRITE);
		kchan_end_put(ch, FMODE_READ | FMODE_WRITE);
		kt_expect_woken(p, 0, 0, 0);
		if (how == 0)
			KUNIT_EXPECT_EQ(test, kchan_close(ch), 0);
		else if (how == 1)
			kchan_end_put(ch, FMODE_WRITE);
		else
			kchan_end_put(ch, FMODE_READ);
		kt_expect_woken(p, 0, 0, 1);
		kt_expect_woken(x, 0, 0, 1);
		kt_expect_woken(y, 0, 0, 1);
	}
}

/*
 * A closed channel that runs empty, with nothing in flight, is at its end, EPOLLHUP.
 * Those who wait are told.
 */
static void poll_drained_wakes_all(struct kunit *test)
{
	struct kchan *ch = kt_chan(test, 8, 4);
	struct kt_poller *p = kt_poller(test, ch, false);
	struct kt_poller *x = kt_poller(test, ch, true);
	struct kt_poller *y = kt_poller(test, ch, true);
	struct kchan_elem *elem;
	u64 n;

	for (n = 0; n < 3; n++)
		KUNIT_EXPECT_EQ(test, kt_send_n(ch, n), 0);
	KUNIT_EXPECT_EQ(test, kchan_close(ch), 0);
	kt_expect_woken(p, 3, 0, 1);
	KUNIT_EXPECT_EQ(test, x->in + y->in, 3);
	x->in = 0;
	y->in = 0;
	kt_expect_woken(x, 0, 0, 1);
	kt_expect_woken(y, 0, 0, 1);
	KUNIT_EXPECT_EQ(test, kt_recv_n(ch), 0);
	KUNIT_EXPECT_EQ(test, kt_recv_n(ch), 1);
	elem = kt_detach(test, ch);
	/* There is room again, but nobody may send. */
	KUNIT_EXPECT_EQ(test, p->all_rd, 0);
	p->out = 0;
	kchan_put_back(ch, elem);
	kt_expect_woken(p, 1, 0, 0);
	elem = kt_detach(test, ch);
	kt_expect_woken(p, 0, 0, 0);
	KUNIT_EXPECT_EQ(test, x->all_rd + x->all_wr + y->all_rd + y->all_wr, 0);
	kt_settle(ch, elem);
	kt_expect_woken(p, 0, 0, 1);
	KUNIT_EXPECT_EQ(test, x->all_rd, 1);
	KUNIT_EXPECT_EQ(test, y->all_rd, 1);
}

/* The same when the last element is received directly, and never in flight. */
static void poll_received_wakes_all(struct kunit *test)
{
	struct kchan *ch = kt_chan(test, 8, 4);
	struct kt_poller *p;

	KUNIT_EXPECT_EQ(test, kt_send_n(ch, 1), 0);
	KUNIT_EXPECT_EQ(test, kt_send_n(ch, 2), 0);
	KUNIT_EXPECT_EQ(test, kchan_close(ch), 0);
	p = kt_poller(test, ch, false);
	KUNIT_EXPECT_EQ(test, kt_recv_n(ch), 1);
	KUNIT_EXPECT_EQ(test, p->all_rd, 0);
	KUNIT_EXPECT_EQ(test, kt_recv_n(ch), 2);
	KUNIT_EXPECT_EQ(test, p->all_rd, 1);
	KUNIT_EXPECT_EQ(test, p->all_wr, 1);
}

static struct kunit_case poll_cases[] = {
	KUNIT_CASE(poll_buffered),
	KUNIT_CASE(poll_rendezvous),
	KUNIT_CASE(poll_given_up),
	KUNIT_CASE(poll_put_back),
	KUNIT_CASE(poll_closed),
	KUNIT_CASE(poll_no_receive_end),
	KUNIT_CASE(poll_no_send_end),
	KUNIT_CASE(poll_before_setup),
	KUNIT_CASE(poll_wakes_each),
	KUNIT_CASE(poll_hand_over_wakes_none),
	KUNIT_CASE(poll_batch_over_receivers),
	KUNIT_CASE(poll_sender_enters),
	KUNIT_CASE(poll_park_wakes),
	KUNIT_CASE(poll_batch_parks),
	KUNIT_CASE(poll_resize_wakes),
	KUNIT_CASE(poll_put_back_wakes),
	KUNIT_CASE(poll_exclusive),
	KUNIT_CASE(poll_end_wakes_all),
	KUNIT_CASE(poll_drained_wakes_all),
	KUNIT_CASE(poll_received_wakes_all),
	{}
};

static struct kunit_suite poll_suite = {
	.name = "kchan_poll",
	.test_cases = poll_cases,
};

kunit_test_suite(poll_suite);
