// SPDX-License-Identifier: GPL-2.0-only
/*
 * Armed selects: their states from one arming to the next, and how they are told and
 * woken. For their reads see armed_read_test.c.
 */
#include <kunit/test.h>
#include <linux/completion.h>
#include <linux/err.h>
#include <linux/slab.h>

#include "arms.h"
#include "parties.h"

/* A poller of an armed select, which notes how the select is held. */
struct armed_sleeper {
	struct wait_queue_entry wqe;
	struct kchan_armed *armed;
	unsigned int woken;
	unsigned int refs;
};

static int armed_sleeper_fn(struct wait_queue_entry *wqe, unsigned int mode,
			    int sync, void *key)
{
	struct armed_sleeper *s = container_of(wqe, struct armed_sleeper, wqe);

	s->woken++;
	s->refs = refcount_read(&s->armed->polled.ref);
	return 0;
}

static void armed_sleep(struct armed_sleeper *s, struct kchan_armed *armed)
{
	s->armed = armed;
	s->woken = 0;
	init_waitqueue_func_entry(&s->wqe, armed_sleeper_fn);
	add_wait_queue(&armed->polled.wait, &s->wqe);
}

static void armed_wake(struct armed_sleeper *s)
{
	remove_wait_queue(&s->armed->polled.wait, &s->wqe);
}

/* With nothing armed there is nothing to read, nor to take back. */
static void armed_expect_idle(struct kunit *test, struct kchan_armed *armed)
{
	KUNIT_EXPECT_FALSE(test, kchan_armed_readable(armed));
	KUNIT_EXPECT_EQ(test, kt_armed_read_n(armed), -EINVAL);
	KUNIT_EXPECT_EQ(test, kchan_armed_disarm(armed), 0);
	KUNIT_EXPECT_EQ(test, atomic_read(&armed->polled.party.state),
			KCHAN_CLAIMED);
}

static void armed_expect_armed(struct kunit *test, struct kchan_armed *armed,
			       struct kchan *ch)
{
	KUNIT_EXPECT_FALSE(test, kchan_armed_readable(armed));
	KUNIT_EXPECT_EQ(test, kt_armed_read_n(armed), -EAGAIN);
	KUNIT_EXPECT_EQ(test, kt_arm_recv(test, armed, ch), -EBUSY);
}

/* It can neither be armed again nor taken back before it is read. */
static void armed_expect_committed(struct kunit *test, struct kchan_armed *armed,
				   struct kchan *ch)
{
	KUNIT_EXPECT_TRUE(test, kchan_armed_readable(armed));
	KUNIT_EXPECT_EQ(test, kt_arm_recv(test, armed, ch), -EBUSY);
	KUNIT_EXPECT_EQ(test, kchan_armed_disarm(armed), -EALREADY);
	KUNIT_EXPECT_EQ(test, kchan_armed_disarm(armed), -EALREADY);
	KUNIT_EXPECT_TRUE(test, kchan_armed_readable(armed));
}

/* Many times over: armed, committed, read, in each direction; and taken back. */
static void armed_life(struct kunit *test)
{
	struct kchan *ch = kt_chan(test, 8, 0);
	struct kchan_armed *armed = kt_armed(test);
	unsigned int round;

	for (round = 0; round < 3; round++) {
		armed_expect_idle(test, armed);
		KUNIT_EXPECT_EQ(test, kt_arm_recv(test, armed, ch), 0);
		armed_expect_armed(test, armed, ch);
		KUNIT_EXPECT_EQ(test, kt_send_n(ch, 7), 0);
		armed_expect_committed(test, armed, ch);
		KUNIT_EXPECT_EQ(test, kt_armed_read_n(armed), 7);

		armed_expect_idle(test, armed);
		KUNIT_EXPECT_EQ(test, kt_arm_send_n(test, armed, ch, 9), 0);
		armed_expect_armed(test, armed, ch);
		KUNIT_EXPECT_EQ(test, kt_recv_n(ch), 9);
		armed_expect_committed(test, armed, ch);
		KUNIT_EXPECT_EQ(test, kt_armed_read_n(armed), 0);

		armed_expect_idle(test, armed);
		KUNIT_EXPECT_EQ(test, kt_arm_send_n(test, armed, ch, 1), 0);
		KUNIT_EXPECT_EQ(test, kchan_armed_disarm(armed), 0);
		KUNIT_EXPECT_EQ(test, kt_recv_n(ch), -EAGAIN);
		kt_check(test, ch);
	}
	/* On a closed channel it commits at once, every time. */
	KUNIT_EXPECT_EQ(test, kt_arm_recv(test, armed, ch), 0);
	KUNIT_EXPECT_EQ(test, kchan_close(ch), 0);
	for (round = 0; round < 2; round++) {
		armed_expect_committed(test, armed, ch);
		KUNIT_EXPECT_EQ(test, kt_armed_read_n(armed), -EPIPE);
		armed_expect_idle(test, armed);
		KUNIT_EXPECT_EQ(test, kt_arm_send_n(test, armed, ch, 3), 0);
	}
	KUNIT_EXPECT_EQ(test, kt_armed_read_n(armed), -EPIPE);
	kchan_armed_close(armed);
	kt_check(test, ch);
}

/* A case that is ready commits while it is armed, and those who poll are told. */
static void armed_at_once(struct kunit *test)
{
	struct kchan *ch = kt_chan(test, 8, 2);
	struct kchan_armed *armed = kt_armed(test);
	struct armed_sleeper s;

	armed_sleep(&s, armed);
	KUNIT_EXPECT_EQ(test, kt_send_n(ch, 5), 0);
	KUNIT_EXPECT_EQ(test, kt_arm_recv(test, armed, ch), 0);
	KUNIT_EXPECT_EQ(test, s.woken, 1);
	armed_expect_committed(test, armed, ch);
	KUNIT_EXPECT_EQ(test, kt_armed_read_n(armed), 5);
	KUNIT_EXPECT_EQ(test, kt_arm_send_n(test, armed, ch, 6), 0);
	armed_expect_committed(test, armed, ch);
	KUNIT_EXPECT_EQ(test, kt_armed_read_n(armed), 0);
	KUNIT_EXPECT_EQ(test, kt_recv_n(ch), 6);
	armed_wake(&s);
	kchan_armed_close(armed);
	kt_check(test, ch);
}

/* One of two cases commits. The other one has not happened, at once and for good. */
static void armed_exactly_one(struct kunit *test)
{
	struct kchan *a = kt_chan(test, 8, 0), *b = kt_chan(test, 8, 0);
	unsigned int way;

	for (way = 0; way < 3; way++) {
		struct kchan_armed_cases *cases = kt_arm_begin(test, 2, KT_COMMIT);
		struct kchan_armed *armed = kt_armed(test);
		struct kt_party *after;

		kt_arm_add(cases, a, false, 0);
		kt_arm_add(cases, b, false, 0);
		KUNIT_EXPECT_EQ(test, kt_arm(armed, cases), 0);
		after = kt_party_receiver(test, a, 8);
		KUNIT_EXPECT_EQ(test, kt_send_n(b, 5), 0);
		KUNIT_EXPECT_EQ(test, kt_send_n(b, 6), -EAGAIN);
		/*
		 * The other case is passed over, before or after its owner has taken
		 * it out.
		 */
		if (way == 0)
			KUNIT_EXPECT_EQ(test, kt_send_n(a, 7), 0);
		if (way < 2) {
			u64 out[KT_COMMIT / 8 + 1];

			KUNIT_EXPECT_EQ(test, kt_armed_read(armed, out, sizeof(out)),
					sizeof(out));
			KUNIT_EXPECT_EQ(test, ((struct kchan_commit *)out)->index, 1);
			KUNIT_EXPECT_EQ(test, out[KT_COMMIT / 8], 5);
		} else {
			/* The owner closes it, which gives the element back. */
			kchan_armed_close(armed);
			KUNIT_EXPECT_EQ(test, kt_recv_n(b), 5);
		}
		if (way)
			KUNIT_EXPECT_EQ(test, kt_send_n(a, 7), 0);
		KUNIT_EXPECT_EQ(test, kt_party_n(after), 7);
		kt_party_end(after);
		if (way < 2)
			kchan_armed_close(armed);
		kt_check(test, a);
		kt_check(test, b);
	}
}

/*
 * An armed select is told when it is claimed. Its pollers are woken once, after the
 * lock has been dropped.
 */
static void armed_told_then_woken(struct kunit *test)
{
	struct kchan *ch = kt_chan(test, 8, 0);
	struct kchan_armed *armed = kt_armed_recv(test, ch);
	struct armed_sleeper s;
	struct kchan_step step;

	armed_sleep(&s, armed);
	KUNIT_EXPECT_EQ(test, kt_give(ch, 3, &step), 0);
	KUNIT_EXPECT_TRUE(test, kchan_armed_readable(armed));
	KUNIT_EXPECT_EQ(test, s.woken, 0);
	kchan_finish(ch, &step);
	KUNIT_EXPECT_EQ(test, s.woken, 1);
	armed_wake(&s);
	KUNIT_EXPECT_EQ(test, kt_armed_read_n(armed), 3);
	kchan_armed_close(armed);
	kt_check(test, ch);
}

/*
 * The server has told the select, and is about to wake its pollers, when the owner
 * reads and closes it. The memory that the server uses is still there; KASAN would
 * see otherwise.
 */
static void armed_gone_when_told(struct kunit *test)
{
	unsigned int reads;

	for (reads = 0; reads < 2; reads++) {
		struct kchan *ch = kt_chan(test, 8, 0);
		struct kchan_armed *armed = kt_armed_recv(test, ch);
		struct kchan_step step;

		KUNIT_EXPECT_EQ(test, kt_give(ch, 5, &step), 0);
		if (reads)
			KUNIT_EXPECT_EQ(test, kt_armed_read_n(armed), 5);
		kchan_armed_close(armed);
		kchan_finish(ch, &step);
		KUNIT_EXPECT_EQ(test, kt_recv_n(ch), reads ? -EAGAIN : 5);
		kt_check(test, ch);
	}
}

/* The reference that the server takes is one of its own: see the test above. */
static void armed_server_holds(struct kunit *test)
{
	unsigned int closes;

	for (closes = 0; closes < 2; closes++) {
		struct kchan *ch = kt_chan(test, 8, 0);
		struct kchan_armed *armed = kt_armed_recv(test, ch);
		struct armed_sleeper s;

		armed_sleep(&s, armed);
		if (closes)
			KUNIT_EXPECT_EQ(test, kchan_close(ch), 0);
		else
			KUNIT_EXPECT_EQ(test, kt_send_n(ch, 1), 0);
		armed_wake(&s);
		KUNIT_EXPECT_EQ(test, s.woken, 1);
		KUNIT_EXPECT_EQ(test, s.refs, 2);
		KUNIT_EXPECT_EQ(test, refcount_read(&armed->polled.ref), 1);
		kchan_armed_close(armed);
		kt_check(test, ch);
	}
}

static unsigned int armed_refs(struct kchan *ch)
{
	return kref_read(&ch->ref);
}

/* Each case is an end of its direction, until it is read, taken back or closed. */
static void armed_counts(struct kunit *test)
{
	struct kchan *ch = kt_chan(test, 8, 0);
	unsigned int way;

	for (way = 0; way < 4; way++) {
		struct kchan_armed *armed = kt_armed(test);
		const bool send = way % 2;

		if (send)
			KUNIT_EXPECT_EQ(test, kt_arm_send_n(test, armed, ch, 1), 0);
		else
			KUNIT_EXPECT_EQ(test, kt_arm_recv(test, armed, ch), 0);
		KUNIT_EXPECT_EQ(test, ch->send_ends, 1 + send);
		KUNIT_EXPECT_EQ(test, ch->recv_ends, 1 + !send);
		KUNIT_EXPECT_EQ(test, armed_refs(ch), 2);
		/* An arming that is refused adds no end. */
		KUNIT_EXPECT_EQ(test, kt_arm_recv(test, armed, ch), -EBUSY);
		KUNIT_EXPECT_EQ(test, armed_refs(ch), 2);
		if (way < 2) {
			if (send)
				KUNIT_EXPECT_EQ(test, kt_recv_n(ch), 1);
			else
				KUNIT_EXPECT_EQ(test, kt_send_n(ch, 1), 0);
			KUNIT_EXPECT_EQ(test, armed_refs(ch), 2);
			KUNIT_EXPECT_EQ(test, kt_armed_read_n(armed), !send);
		} else if (way == 2) {
			KUNIT_EXPECT_EQ(test, kchan_armed_disarm(armed), 0);
		}
		if (way < 3)
			KUNIT_EXPECT_EQ(test, armed_refs(ch), 1);
		kchan_armed_close(armed);
		KUNIT_EXPECT_EQ(test, armed_refs(ch), 1);
		KUNIT_EXPECT_EQ(test, ch->send_ends, 1);
		KUNIT_EXPECT_EQ(test, ch->recv_ends, 1);
		kt_check(test, ch);
	}
}

/*
 * An armed select is the last end that keeps a channel open. When it goes, the
 * channel closes.
 */
static void armed_last_end(struct kunit *test)
{
	struct kchan *ch = kt_chan(test, 8, 0);
	struct kchan_armed *armed = kt_armed(test);

	KUNIT_EXPECT_EQ(test, kt_arm_send_n(test, armed, ch, 4), 0);
	kchan_end_put(ch, FMODE_WRITE);
	KUNIT_EXPECT_FALSE(test, ch->closed);
	KUNIT_EXPECT_EQ(test, kt_recv_n(ch), 4);
	KUNIT_EXPECT_EQ(test, kt_recv_n(ch), -EAGAIN);
	KUNIT_EXPECT_EQ(test, kt_armed_read_n(armed), 0);
	KUNIT_EXPECT_TRUE(test, ch->closed);
	KUNIT_EXPECT_EQ(test, kt_recv_n(ch), -EPIPE);
	kchan_armed_close(armed);
	kt_check(test, ch);
}

/* An element that it was handed and nobody has read goes back when it is closed. */
static void armed_gives_back(struct kunit *test)
{
	static const u32 sizes[] = { 8, 200, PAGE_SIZE + 8 };
	unsigned int i, j;

	for (i = 0; i < ARRAY_SIZE(sizes); i++) {
		struct kchan *ch = kt_chan(test, sizes[i], 2);
		struct kchan_armed *armed = kt_armed_recv(test, ch);
		struct kt_call *buf = kt_call(test, ch, true, sizes[i]);

		for (j = 0; j < 2; j++) {
			kt_fill(buf->buf, sizes[i], j);
			KUNIT_EXPECT_EQ(test, kt_try_send(ch, buf->buf, sizes[i]),
					sizes[i]);
		}
		KUNIT_EXPECT_EQ(test, kchan_in_flight(ch), 1);
		kchan_armed_close(armed);
		KUNIT_EXPECT_EQ(test, kchan_in_flight(ch), 0);
		KUNIT_EXPECT_EQ(test, ch->nr_put_back, 1);
		for (j = 0; j < 2; j++) {
			KUNIT_EXPECT_EQ(test, kt_try_recv(ch, buf->buf, sizes[i]),
					sizes[i]);
			KUNIT_EXPECT_TRUE(test, kt_filled(buf->buf, sizes[i], j));
		}
		kt_check(test, ch);
	}
}

static struct kunit_case armed_cases[] = {
	KUNIT_CASE(armed_life),
	KUNIT_CASE(armed_at_once),
	KUNIT_CASE(armed_exactly_one),
	KUNIT_CASE(armed_told_then_woken),
	KUNIT_CASE(armed_gone_when_told),
	KUNIT_CASE(armed_server_holds),
	KUNIT_CASE(armed_counts),
	KUNIT_CASE(armed_last_end),
	KUNIT_CASE(armed_gives_back),
	{}
};

static struct kunit_suite armed_suite = {
	.name = "kchan_armed",
	.test_cases = armed_cases,
};

kunit_test_suite(armed_suite);
