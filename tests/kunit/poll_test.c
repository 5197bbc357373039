// SPDX-License-Identifier: GPL-2.0-only
/*
 * Poll: what would not block, and who is woken how often when that changes.
 */
#include <kunit/test.h>
#include <linux/poll.h>

#include "harness.h"

#define POLL_INPUT	(EPOLLIN | EPOLLRDNORM)
#define POLL_OUTPUT	(EPOLLOUT | EPOLLWRNORM)

/* Each end is told its own direction only, and one of both directions both. */
static void poll_expect(struct kunit *test, struct kchan *ch, __poll_t recv,
			__poll_t send)
{
	__poll_t r = kchan_readiness(ch, FMODE_READ);
	__poll_t w = kchan_readiness(ch, FMODE_WRITE);
	__poll_t rw = kchan_readiness(ch, FMODE_READ | FMODE_WRITE);

	KUNIT_EXPECT_EQ(test, (__force u32)r, (__force u32)recv);
	KUNIT_EXPECT_EQ(test, (__force u32)w, (__force u32)send);
	KUNIT_EXPECT_EQ(test, (__force u32)rw, (__force u32)(recv | send));
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

/* A rendezvous is ready for one side when the other one waits. */
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

/* One whose party is claimed is nobody to meet. */
static void poll_claimed(struct kunit *test)
{
	struct kchan *ch = kt_chan(test, 8, 0);
	struct kt_call *recv = kt_park_recv_n(test, ch);
	struct kt_call *send;
	struct kchan_waiter *w = kt_claim(test, ch, false);

	poll_expect(test, ch, 0, 0);
	kt_finish(ch, w, false, -EPIPE);
	KUNIT_EXPECT_EQ(test, kt_join(recv), -EPIPE);
	send = kt_park_send_n(test, ch, 1);
	w = kt_claim(test, ch, true);
	poll_expect(test, ch, 0, 0);
	kt_finish(ch, w, true, -EPIPE);
	KUNIT_EXPECT_EQ(test, kt_join(send), -EPIPE);
}

/* Put-backs are there to be received, and take no room. */
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
	poll_expect(test, ch, POLL_INPUT | EPOLLRDHUP | EPOLLHUP,
		    POLL_OUTPUT | EPOLLERR);
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
	poll_expect(test, full, POLL_INPUT, POLL_OUTPUT | EPOLLERR);
	poll_expect(test, room, 0, POLL_OUTPUT | EPOLLERR);
}

static void poll_no_send_end(struct kunit *test)
{
	struct kchan *ch = kt_chan(test, 8, 1);

	KUNIT_EXPECT_EQ(test, kt_send_n(ch, 1), 0);
	kchan_end_put(ch, FMODE_WRITE);
	KUNIT_EXPECT_EQ(test,
			(__force u32)kchan_readiness(ch, FMODE_READ),
			(__force u32)(POLL_INPUT | EPOLLRDHUP));
	KUNIT_EXPECT_EQ(test, kt_recv_n(ch), 1);
	KUNIT_EXPECT_EQ(test,
			(__force u32)kchan_readiness(ch, FMODE_READ),
			(__force u32)(POLL_INPUT | EPOLLRDHUP | EPOLLHUP));
}

static void poll_before_setup(struct kunit *test)
{
	struct kchan *ch = kt_raw_chan(test);

	KUNIT_EXPECT_EQ(test, kchan_setup(ch, 8, 0, false), 0);
	poll_expect(test, ch, 0, 0);
	poll_expect(test, kt_raw_chan(test), 0, POLL_OUTPUT);
}

/* One wake-up for each element that queues, and for each slot that comes free. */
static void poll_wakes_each(struct kunit *test)
{
	const unsigned int nr = 72;
	struct kchan *ch = kt_chan(test, 8, nr);
	struct kt_call *buf = kt_call(test, ch, true, nr * 8);
	struct kt_poller *p = kt_poller(test, ch, false);

	KUNIT_EXPECT_EQ(test, kt_send_n(ch, 1), 0);
	kt_expect_woken(p, 1, 0, 0);
	/* Also when it was ready before: not only on the edge. */
	KUNIT_EXPECT_EQ(test, kt_send_n(ch, 2), 0);
	kt_expect_woken(p, 1, 0, 0);
	KUNIT_EXPECT_EQ(test, kt_recv_n(ch), 1);
	kt_expect_woken(p, 0, 1, 0);
	KUNIT_EXPECT_EQ(test, kt_recv_n(ch), 2);
	kt_expect_woken(p, 0, 1, 0);
	KUNIT_EXPECT_EQ(test, kt_recv_n(ch), -EAGAIN);
	kt_expect_woken(p, 0, 0, 0);

	KUNIT_EXPECT_EQ(test, kt_try_send(ch, buf->buf, nr * 8), nr * 8);
	kt_expect_woken(p, nr, 0, 0);
	KUNIT_EXPECT_EQ(test, kt_send_n(ch, 3), -EAGAIN);
	kt_expect_woken(p, 0, 0, 0);
	KUNIT_EXPECT_EQ(test, kt_try_recv(ch, buf->buf, nr * 8), nr * 8);
	kt_expect_woken(p, 0, nr, 0);
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

/* Only the elements that queue are told. */
static void poll_batch_over_receivers(struct kunit *test)
{
	struct kchan *ch = kt_chan(test, 8, 4);
	struct kt_poller *p = kt_poller(test, ch, false);
	struct kt_call *call = kt_park_recv_n(test, ch);
	u64 in[3] = { 1, 2, 3 };

	KUNIT_EXPECT_EQ(test, kt_try_send(ch, in, sizeof(in)), sizeof(in));
	KUNIT_EXPECT_EQ(test, kt_join_n(call), 1);
	kt_expect_woken(p, 2, 0, 0);
}

/*
 * A parked sender's element that enters the buffer counts as a send that queues.
 * The slot that it takes is not told.
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

/* On a rendezvous channel it is the parking that makes the other side ready. */
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
	/* There may be room for every one who waits for it. */
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
	/* The room is all taken: none to tell of. */
	KUNIT_EXPECT_EQ(test, kchan_resize(ch, 2), 0);
	KUNIT_EXPECT_EQ(test, kt_join(call), 8);
	kt_expect_woken(p, 1, 0, 0);
	call = kt_park_send_n(test, ch, 3);
	/* Input and room both, and not in one key. */
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
	/* It took no room, and leaves none. */
	elem = kt_detach(test, ch);
	kt_expect_woken(p, 0, 0, 0);
	call = kt_park_recv_n(test, ch);
	kchan_put_back(ch, elem);
	KUNIT_EXPECT_EQ(test, kt_join_n(call), 1);
	kt_expect_woken(p, 0, 0, 0);
}

/* An element that queues wakes every plain poller, and one exclusive set. */
static void poll_exclusive(struct kunit *test)
{
	struct kchan *ch = kt_chan(test, 8, 4);
	struct kt_poller *p = kt_poller(test, ch, false);
	struct kt_poller *q = kt_poller(test, ch, false);
	struct kt_poller *x = kt_poller(test, ch, true);
	struct kt_poller *y = kt_poller(test, ch, true);
	u64 in[3] = { 1, 2, 3 };

	KUNIT_EXPECT_EQ(test, kt_send_n(ch, 1), 0);
	kt_expect_woken(p, 1, 0, 0);
	kt_expect_woken(q, 1, 0, 0);
	KUNIT_EXPECT_EQ(test, x->in + y->in, 1);
	KUNIT_EXPECT_EQ(test, kt_try_send(ch, in, sizeof(in)), sizeof(in));
	kt_expect_woken(p, 3, 0, 0);
	kt_expect_woken(q, 3, 0, 0);
	KUNIT_EXPECT_EQ(test, x->in + y->in, 4);
	KUNIT_EXPECT_EQ(test, kt_recv_n(ch), 1);
	kt_expect_woken(p, 0, 1, 0);
	KUNIT_EXPECT_EQ(test, x->out + y->out, 1);
	KUNIT_EXPECT_EQ(test, x->both + y->both + x->all + y->all, 0);
}

/* What is final wakes all there are, for whatever they wait. */
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

/* A closed channel that runs empty is at its end, EPOLLHUP: who waits sees it. */
static void poll_drained_wakes_all(struct kunit *test)
{
	struct kchan *ch = kt_chan(test, 8, 4);
	struct kt_poller *p = kt_poller(test, ch, false);
	struct kt_poller *x = kt_poller(test, ch, true);
	struct kt_poller *y = kt_poller(test, ch, true);
	struct kchan_elem *elem;

	KUNIT_EXPECT_EQ(test, kt_send_n(ch, 1), 0);
	KUNIT_EXPECT_EQ(test, kt_send_n(ch, 2), 0);
	KUNIT_EXPECT_EQ(test, kchan_close(ch), 0);
	kt_expect_woken(p, 2, 0, 1);
	KUNIT_EXPECT_EQ(test, kt_recv_n(ch), 1);
	KUNIT_EXPECT_EQ(test, p->all, 0);
	elem = kt_detach(test, ch);
	KUNIT_EXPECT_EQ(test, p->all, 1);
	KUNIT_EXPECT_EQ(test, x->all, 2);
	KUNIT_EXPECT_EQ(test, y->all, 2);
	kchan_put_back(ch, elem);
	KUNIT_EXPECT_EQ(test, p->in, 1);
	KUNIT_EXPECT_EQ(test, kt_recv_n(ch), 2);
	KUNIT_EXPECT_EQ(test, p->all, 2);
	KUNIT_EXPECT_EQ(test, p->both, 0);
}

static struct kunit_case poll_cases[] = {
	KUNIT_CASE(poll_buffered),
	KUNIT_CASE(poll_rendezvous),
	KUNIT_CASE(poll_claimed),
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
	{}
};

static struct kunit_suite poll_suite = {
	.name = "kchan_poll",
	.test_cases = poll_cases,
};

kunit_test_suite(poll_suite);
