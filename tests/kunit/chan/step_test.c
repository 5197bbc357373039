// SPDX-License-Identifier: GPL-2.0-only
/*
 * Steps: one hold of the lock serves only so many parties. The rest is done in
 * further steps, and all calls that come in between find the same order.
 */
#include <kunit/test.h>
#include <linux/poll.h>

#include "parties.h"
#include "selects.h"

/* More than two steps of each kind. */
#define STEP_MANY	(2 * KCHAN_STEP_PARTIES + 5)
#define STEP_STALE	(2 * KCHAN_STEP_STALE + 5)

struct step_crowd {
	struct kt_party *p[STEP_MANY];
};

static struct step_crowd *step_senders(struct kunit *test, struct kchan *ch)
{
	struct step_crowd *c = kunit_kzalloc(test, sizeof(*c), GFP_KERNEL);
	unsigned int i;

	KUNIT_ASSERT_NOT_NULL(test, c);
	for (i = 0; i < STEP_MANY; i++)
		c->p[i] = kt_party_sender(test, ch, i);
	return c;
}

static struct step_crowd *step_receivers(struct kunit *test, struct kchan *ch,
					 u32 room)
{
	struct step_crowd *c = kunit_kzalloc(test, sizeof(*c), GFP_KERNEL);
	unsigned int i;

	KUNIT_ASSERT_NOT_NULL(test, c);
	for (i = 0; i < STEP_MANY; i++)
		c->p[i] = kt_party_receiver(test, ch, room);
	return c;
}

/* Expects that the first @told were told @status, and the others wait. */
static void step_expect_told(struct kunit *test, struct step_crowd *c,
			     unsigned int told, int status)
{
	unsigned int i, wrong = 0;

	for (i = 0; i < STEP_MANY; i++)
		wrong += kt_party_status(c->p[i]) !=
			 (i < told ? status : -EINPROGRESS);
	KUNIT_EXPECT_EQ_MSG(test, wrong, 0, "not the first %u told %d", told,
			    status);
}

static void step_end(struct step_crowd *c)
{
	unsigned int i;

	for (i = 0; i < STEP_MANY; i++) {
		kt_party_give_up(c->p[i]);
		kt_party_end(c->p[i]);
	}
}

/*
 * One hold serves so many parties, in their order, and no more. Then comes the next
 * hold.
 */
static void step_bounds_parties(struct kunit *test)
{
	struct kchan *ch = kt_chan(test, 8, 0);
	struct step_crowd *c = step_senders(test, ch);
	struct kchan_step step;

	/* Do this as a close does it. */
	kchan_step_begin(&step);
	kchan_lock(ch);
	ch->closed = true;
	kchan_catch_up(ch, &step);
	kchan_unlock(ch);
	KUNIT_EXPECT_EQ(test, step.nr_told, KCHAN_STEP_PARTIES);
	KUNIT_EXPECT_TRUE(test, step.more);
	step_expect_told(test, c, KCHAN_STEP_PARTIES, -EPIPE);
	kchan_finish(ch, &step);
	step_expect_told(test, c, STEP_MANY, -EPIPE);
	step_end(c);
	kt_check(test, ch);
}

static void step_bounds_stale(struct kunit *test)
{
	struct kchan *ch = kt_chan(test, 8, 0);
	struct kchan_step step;
	struct kt_party *p;
	unsigned int holds;
	int ret;

	kt_party_stale(test, ch, false, STEP_STALE);
	p = kt_party_receiver(test, ch, 8);
	for (holds = 1; holds < 10; holds++) {
		ret = kt_give(ch, 5, &step);
		KUNIT_EXPECT_EQ(test, ch->receivers.len,
				ret ? STEP_STALE + 1 - holds * KCHAN_STEP_STALE : 0);
		if (ret != KCHAN_MORE)
			break;
		/* Nothing was done yet, and nobody was told. */
		KUNIT_EXPECT_EQ(test, step.stale, KCHAN_STEP_STALE);
		KUNIT_EXPECT_TRUE(test, step.more);
		KUNIT_EXPECT_TRUE(test, kt_party_open(p));
		/* The further steps of kchan_finish() are not made here. */
	}
	KUNIT_EXPECT_EQ(test, ret, 0);
	KUNIT_EXPECT_EQ(test, holds, 3);
	kchan_finish(ch, &step);
	KUNIT_EXPECT_EQ(test, kt_party_n(p), 5);
	kt_party_end(p);
	kt_check(test, ch);
}

/* A call goes on in as many steps as it takes, whichever call it is. */
static void step_stale_send(struct kunit *test)
{
	struct kchan *ch = kt_chan(test, 8, 1);
	struct kt_party *p;

	kt_party_stale(test, ch, false, STEP_STALE);
	p = kt_party_receiver(test, ch, 8);
	KUNIT_EXPECT_EQ(test, kt_send_n(ch, 1), 0);
	KUNIT_EXPECT_EQ(test, kt_party_n(p), 1);
	kt_party_end(p);
	kt_party_stale(test, ch, false, STEP_STALE);
	KUNIT_EXPECT_EQ(test, kt_send_n(ch, 2), 0);
	KUNIT_EXPECT_EQ(test, kt_send_n(ch, 3), -EAGAIN);
	KUNIT_EXPECT_EQ(test, kt_recv_n(ch), 2);
	kt_check(test, ch);
}

static void step_stale_recv(struct kunit *test)
{
	struct kchan *ch = kt_chan(test, 8, 0);
	struct kt_party *p;

	kt_party_stale(test, ch, true, STEP_STALE);
	p = kt_party_sender(test, ch, 4);
	KUNIT_EXPECT_EQ(test, kt_recv_n(ch), 4);
	KUNIT_EXPECT_EQ(test, kt_party_status(p), 0);
	kt_party_stale(test, ch, true, STEP_STALE);
	KUNIT_EXPECT_EQ(test, kt_recv_n(ch), -EAGAIN);
	kt_check(test, ch);
}

/* The same for calls that only look. */
static void step_stale_look(struct kunit *test)
{
	struct kchan *ch = kt_chan(test, 8, 0);
	struct kchan *messages = kt_message_chan(test, 64, 0);
	struct kt_party *p;

	kt_party_stale(test, ch, true, STEP_STALE);
	p = kt_party_sender(test, ch, 4);
	KT_EXPECT_POLL(test, kchan_readiness(ch, FMODE_READ), EPOLLIN | EPOLLRDNORM);
	KUNIT_EXPECT_TRUE(test, kt_party_give_up(p));
	kt_party_end(p);
	kt_party_stale(test, ch, false, STEP_STALE);
	p = kt_party_receiver(test, ch, 8);
	KT_EXPECT_POLL(test, kchan_readiness(ch, FMODE_WRITE), EPOLLOUT | EPOLLWRNORM);
	KUNIT_EXPECT_TRUE(test, kt_party_give_up(p));
	kt_party_end(p);
	kt_check(test, ch);

	kt_party_stale(test, messages, true, STEP_STALE);
	p = kt_party(test);
	kt_party_add(p, messages, true, 33, 0);
	kt_party_park(p);
	KUNIT_EXPECT_EQ(test, kchan_next_len(messages), 33);
	KUNIT_EXPECT_TRUE(test, kt_party_give_up(p));
	kt_party_end(p);
	kt_check(test, messages);
}

/* The same for a select, whether it waits or not. */
static void step_stale_select(struct kunit *test)
{
	struct kchan *a = kt_chan(test, 8, 0), *b = kt_chan(test, 8, 0);
	struct kt_select *s = kt_select(test);
	unsigned int waits;
	struct kt_party *p;

	kt_add_recv_n(s, a);
	kt_add_send_n(s, b, 6);
	for (waits = 0; waits < 2; waits++) {
		const struct kchan_wait wait = { .nonblock = !waits };

		kt_party_stale(test, a, true, STEP_STALE);
		kt_party_stale(test, b, false, STEP_STALE);
		p = kt_party_receiver(test, b, 8);
		KUNIT_EXPECT_EQ(test, kt_select_run(s, &wait), 1);
		KUNIT_EXPECT_EQ(test, kt_party_n(p), 6);
		kt_party_end(p);
	}
	kt_party_stale(test, b, false, STEP_STALE);
	KUNIT_EXPECT_EQ(test, kt_select_now(s), -EAGAIN);
	kt_party_stale(test, a, true, STEP_STALE);
	kt_party_stale(test, b, false, STEP_STALE);
	kt_select_start(s);
	/* All that was in its way is gone. */
	kt_wait_parked(test, a, 0, 1);
	kt_wait_parked(test, b, 1, 0);
	KUNIT_EXPECT_EQ(test, kt_recv_n(b), 6);
	kt_expect_chosen(s, 1, 0);
	kt_check(test, a);
	kt_check(test, b);
}

static void step_stale_put_back(struct kunit *test)
{
	struct kchan *ch = kt_chan(test, 8, 1);
	struct kchan_elem *elem;
	struct kt_party *p;

	KUNIT_EXPECT_EQ(test, kt_send_n(ch, 3), 0);
	elem = kt_detach(test, ch);
	kt_party_stale(test, ch, false, STEP_STALE);
	p = kt_party_receiver(test, ch, 8);
	kchan_put_back(ch, elem);
	KUNIT_EXPECT_EQ(test, kt_party_n(p), 3);
	KUNIT_EXPECT_EQ(test, ch->nr_put_back, 0);
	kt_party_end(p);
	kt_check(test, ch);
}

static void step_close(struct kunit *test)
{
	unsigned int send;

	for (send = 0; send < 2; send++) {
		struct kchan *ch = kt_chan(test, 8, 0);
		struct step_crowd *c;

		kt_party_stale(test, ch, send, STEP_STALE);
		c = send ? step_senders(test, ch) : step_receivers(test, ch, 8);
		KUNIT_EXPECT_EQ(test, kchan_close(ch), 0);
		step_expect_told(test, c, STEP_MANY, -EPIPE);
		step_end(c);
		kt_check(test, ch);
	}
}

static void step_no_receiver(struct kunit *test)
{
	struct kchan *ch = kt_chan(test, 8, 0);
	struct step_crowd *c = step_senders(test, ch);

	kchan_end_put(ch, FMODE_READ);
	step_expect_told(test, c, STEP_MANY, -EPIPE);
	step_end(c);
	kt_check(test, ch);
}

/* The last element in flight is settled. This ends all receives that wait. */
static void step_settle(struct kunit *test)
{
	struct kchan *ch = kt_chan(test, 8, 1);
	struct kchan_elem *elem;
	struct step_crowd *c;

	KUNIT_EXPECT_EQ(test, kt_send_n(ch, 3), 0);
	elem = kt_detach(test, ch);
	c = step_receivers(test, ch, 8);
	KUNIT_EXPECT_EQ(test, kchan_close(ch), 0);
	step_expect_told(test, c, 0, 0);
	kt_settle(ch, elem);
	step_expect_told(test, c, STEP_MANY, -EPIPE);
	step_end(c);
	kt_check(test, ch);
}

/*
 * A message turns away the receivers that have no room for it: when it is stored,
 * when it is put back, and when it is received from a sender that waits.
 */
static void step_turns_away(struct kunit *test)
{
	unsigned int way;

	for (way = 0; way < 3; way++) {
		struct kchan *ch = kt_message_chan(test, 64, way < 2);
		struct kchan_elem *elem = NULL;
		struct step_crowd *c;
		u8 buf[64] = {};

		if (way == 1) {
			KUNIT_EXPECT_EQ(test, kt_try_send(ch, buf, 33), 33);
			elem = kt_detach(test, ch);
		}
		c = step_receivers(test, ch, 32);
		if (way == 0) {
			KUNIT_EXPECT_EQ(test, kt_try_send(ch, buf, 33), 33);
		} else if (way == 1) {
			kchan_put_back(ch, elem);
		} else {
			struct kt_party *p = kt_party(test);

			kt_party_add(p, ch, true, 33, 0);
			kt_party_park(p);
			step_expect_told(test, c, 0, 0);
			KUNIT_EXPECT_EQ(test, kt_try_recv(ch, buf, 64), 33);
		}
		step_expect_told(test, c, STEP_MANY, -EMSGSIZE);
		if (way < 2)
			KUNIT_EXPECT_EQ(test, kt_try_recv(ch, buf, 64), 33);
		step_end(c);
		kt_check(test, ch);
	}
}

/*
 * A message that is handed over turns away the receivers that have waited longer, and
 * no others.
 */
static void step_turns_away_before(struct kunit *test)
{
	struct kchan *ch = kt_message_chan(test, 64, 1);
	struct step_crowd *before = step_receivers(test, ch, 32), *after;
	struct kt_party *fits = kt_party_receiver(test, ch, 33);
	u8 buf[33] = {};

	after = step_receivers(test, ch, 32);
	KUNIT_EXPECT_EQ(test, kt_try_send(ch, buf, 33), 33);
	KUNIT_EXPECT_EQ(test, kt_party_status(fits), 0);
	step_expect_told(test, before, STEP_MANY, -EMSGSIZE);
	step_expect_told(test, after, 0, 0);
	KUNIT_EXPECT_EQ(test, ch->receivers.len, STEP_MANY);
	/* The next message turns these away. */
	KUNIT_EXPECT_EQ(test, kt_try_send(ch, buf, 33), 33);
	step_expect_told(test, after, STEP_MANY, -EMSGSIZE);
	KUNIT_EXPECT_EQ(test, kt_try_recv(ch, buf, 33), 33);
	kt_party_end(fits);
	step_end(before);
	step_end(after);
	kt_check(test, ch);
}

/*
 * A send that fails turns nobody away: neither if the buffer is full, nor if it
 * faults.
 */
static void step_failing_send(struct kunit *test)
{
	struct kchan *ch = kt_message_chan(test, 64, 0);
	struct kt_party *small = kt_party_receiver(test, ch, 32);
	struct kt_party *none = kt_party_receiver(test, ch, 0);
	struct kt_poller *poller = kt_poller(test, ch, false);
	struct kchan_src src = { .nr = 1 };
	struct kchan_step step;
	struct iov_iter from;
	u8 buf[33] = {};
	int ret;

	KUNIT_EXPECT_EQ(test, kt_try_send(ch, buf, 33), -EAGAIN);
	KUNIT_EXPECT_EQ(test, ch->receivers.len, 2);
	KUNIT_EXPECT_TRUE(test, kt_party_open(small));
	KUNIT_EXPECT_TRUE(test, kt_party_open(none));

	/* The memory is not the user's. */
	src.from = &from;
	src.len = 10;
	iov_iter_ubuf(&from, ITER_SOURCE, (void __user *)-PAGE_SIZE, 10);
	kchan_step_begin(&step);
	kchan_lock(ch);
	ret = kchan_give(ch, &src, &step);
	kchan_unlock(ch);
	KUNIT_EXPECT_EQ(test, ret, -EFAULT);
	KUNIT_EXPECT_EQ(test, step.nr_told, 0);
	KUNIT_EXPECT_EQ(test, iov_iter_count(&from), 10);
	kchan_finish(ch, &step);
	KUNIT_EXPECT_TRUE(test, kt_party_open(small));
	KUNIT_EXPECT_TRUE(test, kt_party_open(none));
	KUNIT_EXPECT_EQ(test, kchan_in_flight(ch), 0);
	kt_expect_woken(poller, 0, 0, 0);
	KUNIT_EXPECT_TRUE(test, kt_party_give_up(small));
	KUNIT_EXPECT_TRUE(test, kt_party_give_up(none));
	kt_party_end(small);
	kt_party_end(none);
	kt_check(test, ch);
}

static struct kunit_case step_cases[] = {
	KUNIT_CASE(step_bounds_parties),
	KUNIT_CASE(step_bounds_stale),
	KUNIT_CASE(step_stale_send),
	KUNIT_CASE(step_stale_recv),
	KUNIT_CASE(step_stale_look),
	KUNIT_CASE(step_stale_select),
	KUNIT_CASE(step_stale_put_back),
	KUNIT_CASE(step_close),
	KUNIT_CASE(step_no_receiver),
	KUNIT_CASE(step_settle),
	KUNIT_CASE(step_turns_away),
	KUNIT_CASE(step_turns_away_before),
	KUNIT_CASE(step_failing_send),
	{}
};

static struct kunit_suite step_suite = {
	.name = "kchan_step",
	.test_cases = step_cases,
};

kunit_test_suite(step_suite);
