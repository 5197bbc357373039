// SPDX-License-Identifier: GPL-2.0-only
/*
 * Parties: who may complete a blocked call, once, and how that meets its deadline and
 * signals.
 */
#include <kunit/test.h>
#include <linux/err.h>
#include <linux/kthread.h>
#include <linux/sched/signal.h>
#include <linux/slab.h>

#include "parties.h"
#include "ring.h"

/*
 * A party whose owner has given up is passed over by all others, and taken out on the
 * way.
 */
static void claim_passed_over_receiver(struct kunit *test)
{
	struct kchan *ch = kt_chan(test, 8, 1);
	struct kt_call *call;

	kt_party_stale(test, ch, false, 1);
	call = kt_park_recv_n(test, ch);
	KUNIT_EXPECT_EQ(test, ch->receivers.len, 2);
	KUNIT_EXPECT_EQ(test, kt_send_n(ch, 1), 0);
	KUNIT_EXPECT_EQ(test, kt_join_n(call), 1);
	KUNIT_EXPECT_EQ(test, ch->receivers.len, 0);
	/* If no open receiver is left, the element goes to the buffer. */
	kt_party_stale(test, ch, false, 1);
	KUNIT_EXPECT_EQ(test, kt_send_n(ch, 2), 0);
	KUNIT_EXPECT_EQ(test, kt_len(ch), 1);
	KUNIT_EXPECT_EQ(test, ch->receivers.len, 0);
	KUNIT_EXPECT_EQ(test, kt_recv_n(ch), 2);
	kt_check(test, ch);
}

static void claim_passed_over_sender(struct kunit *test)
{
	struct kchan *ch = kt_chan(test, 8, 0);
	struct kt_call *call;

	kt_party_stale(test, ch, true, 1);
	call = kt_park_send_n(test, ch, 2);
	KUNIT_EXPECT_EQ(test, ch->senders.len, 2);
	KUNIT_EXPECT_EQ(test, kt_recv_n(ch), 2);
	KUNIT_EXPECT_EQ(test, kt_join(call), 8);
	KUNIT_EXPECT_EQ(test, ch->senders.len, 0);
	kt_party_stale(test, ch, true, 1);
	KUNIT_EXPECT_EQ(test, kt_recv_n(ch), -EAGAIN);
	kt_check(test, ch);
}

/*
 * The same when a party that has given up is first in line for a slot that came free.
 */
static void claim_passed_over_admitted(struct kunit *test)
{
	struct kchan *ch = kt_chan(test, 8, 1);
	struct kt_call *call;

	KUNIT_EXPECT_EQ(test, kt_send_n(ch, 1), 0);
	kt_party_stale(test, ch, true, 1);
	call = kt_park_send_n(test, ch, 3);
	KUNIT_EXPECT_EQ(test, kt_recv_n(ch), 1);
	KUNIT_EXPECT_EQ(test, kt_join(call), 8);
	KUNIT_EXPECT_EQ(test, kt_recv_n(ch), 3);
	kt_check(test, ch);
}

/* The same for an element that is put back. */
static void claim_passed_over_put_back(struct kunit *test)
{
	struct kchan *ch = kt_chan(test, 8, 1);
	struct kchan_elem *elem;
	struct kt_call *call;

	KUNIT_EXPECT_EQ(test, kt_send_n(ch, 1), 0);
	elem = kt_detach(test, ch);
	kt_party_stale(test, ch, false, 1);
	call = kt_park_recv_n(test, ch);
	kchan_put_back(ch, elem);
	KUNIT_EXPECT_EQ(test, kt_join_n(call), 1);
	kt_check(test, ch);
}

enum claim_event {
	CLAIM_DEADLINE,
	CLAIM_SIGNAL,
};

/*
 * Trap: a signal or a deadline that comes after the claim. The claim wins: the call
 * has its element. It need not be woken for that. The task that is about to wake it
 * finds that the owner has gone.
 */
static void claim_beats_receiver(struct kunit *test)
{
	enum claim_event event;

	for (event = CLAIM_DEADLINE; event <= CLAIM_SIGNAL; event++) {
		struct kchan *ch = kt_chan(test, 8, 1);
		struct kt_call *call = kt_call(test, ch, false, 8);
		struct kchan_step step;

		if (event == CLAIM_DEADLINE)
			call->deadline = ktime_add_ms(ktime_get(), 300);
		kt_park(call);
		KUNIT_EXPECT_EQ(test, kt_give(ch, 7, &step), 0);
		if (event == CLAIM_SIGNAL)
			kt_signal(call, SIGTERM);
		KUNIT_EXPECT_EQ(test, kt_join_n(call), 7);
		kchan_finish(ch, &step);
		kt_check(test, ch);
	}
}

/*
 * The sender's element has gone. The sender learns so, even if a signal or a deadline
 * came meanwhile.
 */
static void claim_beats_sender(struct kunit *test)
{
	enum claim_event event;

	for (event = CLAIM_DEADLINE; event <= CLAIM_SIGNAL; event++) {
		struct kchan *ch = kt_chan(test, 8, 0);
		struct kt_call *call = kt_call(test, ch, true, 8);
		struct kchan_step step;

		*(u64 *)call->buf = 9;
		if (event == CLAIM_DEADLINE)
			call->deadline = ktime_add_ms(ktime_get(), 300);
		kt_park(call);
		KUNIT_EXPECT_EQ(test, kt_take(ch, &step), 9);
		if (event == CLAIM_SIGNAL)
			kt_signal(call, SIGTERM);
		KUNIT_EXPECT_EQ(test, kt_join(call), 8);
		kchan_finish(ch, &step);
		kt_check(test, ch);
	}
}

/* The same for several parties that were served under one hold of the lock. */
static void claim_beats_several(struct kunit *test)
{
	struct kchan *ch = kt_chan(test, 8, 1);
	struct kt_call *calls[3];
	struct kchan_step steps[3];
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(calls); i++)
		calls[i] = kt_park_recv_n(test, ch);
	for (i = 0; i < ARRAY_SIZE(calls); i++)
		KUNIT_EXPECT_EQ(test, kt_give(ch, i, &steps[i]), 0);
	for (i = 0; i < ARRAY_SIZE(calls); i++)
		kt_signal(calls[i], SIGTERM);
	for (i = 0; i < ARRAY_SIZE(calls); i++)
		KUNIT_EXPECT_EQ(test, kt_join_n(calls[i]), i);
	for (i = 0; i < ARRAY_SIZE(calls); i++)
		kchan_finish(ch, &steps[i]);
	kt_check(test, ch);
}

/* A signal or a deadline before the claim leaves the element with its sender. */
static void claim_given_up(struct kunit *test)
{
	static const u32 sizes[] = { 8, 200, PAGE_SIZE + 8 };
	enum claim_event event;
	unsigned int i, send;

	for (i = 0; i < 2 * ARRAY_SIZE(sizes); i++) {
		const u32 size = sizes[i / 2];

		send = i % 2;
		for (event = CLAIM_DEADLINE; event <= CLAIM_SIGNAL; event++) {
			struct kchan *ch = kt_chan(test, size, 0);
			struct kt_call *call = kt_call(test, ch, send, size);
			struct kt_call *next = kt_call(test, ch, send, size);
			struct kt_call *peer = kt_call(test, ch, !send, size);

			if (event == CLAIM_DEADLINE) {
				call->deadline = ktime_add_us(ktime_get(), 500);
				kt_start(call);
				KUNIT_EXPECT_EQ(test, kt_join(call),
						-ETIMEDOUT);
			} else {
				kt_park(call);
				kt_signal(call, SIGTERM);
				KUNIT_EXPECT_EQ(test, kt_join(call),
						-ERESTARTSYS);
			}
			/* It is out of the queue, and nobody finds it. */
			KUNIT_EXPECT_EQ(test, ch->senders.len, 0);
			KUNIT_EXPECT_EQ(test, ch->receivers.len, 0);
			*(u8 *)next->buf = send;
			*(u8 *)peer->buf = !send;
			kt_park(next);
			kt_start(peer);
			KUNIT_EXPECT_EQ(test, kt_join(peer), size);
			KUNIT_EXPECT_EQ(test, kt_join(next), size);
			KUNIT_EXPECT_EQ(test, *(u8 *)peer->buf, 1);
			KUNIT_EXPECT_EQ(test, *(u8 *)next->buf, 1);
			kt_check(test, ch);
		}
	}
}

/* The same in the middle of a queue: the others keep their places. */
static void claim_given_up_between(struct kunit *test)
{
	struct kchan *ch = kt_chan(test, 8, 0);
	struct kt_call *calls[5];
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(calls); i++)
		calls[i] = kt_park_send_n(test, ch, i);
	for (i = 0; i < ARRAY_SIZE(calls); i += 2) {
		kt_signal(calls[i], SIGTERM);
		KUNIT_EXPECT_EQ(test, kt_join(calls[i]), -ERESTARTSYS);
	}
	KUNIT_EXPECT_EQ(test, kt_recv_n(ch), 1);
	KUNIT_EXPECT_EQ(test, kt_recv_n(ch), 3);
	KUNIT_EXPECT_EQ(test, kt_recv_n(ch), -EAGAIN);
	KUNIT_EXPECT_EQ(test, kt_join(calls[1]), 8);
	KUNIT_EXPECT_EQ(test, kt_join(calls[3]), 8);
	kt_check(test, ch);
}

/*
 * What is ready moves, even if the deadline has passed. What is not ready times out.
 */
static void claim_past_deadline(struct kunit *test)
{
	static const ktime_t deadlines[] = { 0, 1, NSEC_PER_MSEC };
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(deadlines); i++) {
		struct kchan *ch = kt_chan(test, 8, 1);
		struct kt_call *send = kt_call(test, ch, true, 8);
		struct kt_call *late = kt_call(test, ch, true, 8);
		struct kt_call *recv = kt_call(test, ch, false, 8);
		struct kt_call *none = kt_call(test, ch, false, 8);
		ktime_t deadline = deadlines[i];

		send->wait.deadline = &deadline;
		late->wait.deadline = &deadline;
		recv->wait.deadline = &deadline;
		none->wait.deadline = &deadline;
		*(u64 *)send->buf = 6;
		kt_start(send);
		KUNIT_EXPECT_EQ(test, kt_join(send), 8);
		kt_start(late);
		KUNIT_EXPECT_EQ(test, kt_join(late), -ETIMEDOUT);
		kt_start(recv);
		KUNIT_EXPECT_EQ(test, kt_join_n(recv), 6);
		kt_start(none);
		KUNIT_EXPECT_EQ(test, kt_join(none), -ETIMEDOUT);
		kt_check(test, ch);
	}
}

/* Two cases of 8 bytes, which send 100 and 101. */
static struct kt_party *claim_two(struct kunit *test, struct kchan *a, bool send_a,
				  struct kchan *b, bool send_b)
{
	struct kt_party *p = kt_party(test);

	kt_party_add(p, a, send_a, 8, 100);
	kt_party_add(p, b, send_b, 8, 101);
	kt_party_park(p);
	return p;
}

/* Trap: two cases of one party are both completed. */
static void claim_one_of_two_channels(struct kunit *test)
{
	struct kchan *a = kt_chan(test, 8, 0);
	struct kchan *b = kt_chan(test, 8, 1);
	struct kt_party *p = claim_two(test, a, false, b, false);

	KUNIT_EXPECT_EQ(test, kt_send_n(b, 1), 0);
	KUNIT_EXPECT_EQ(test, kt_send_n(b, 2), 0);
	KUNIT_EXPECT_EQ(test, kt_send_n(a, 3), -EAGAIN);
	KUNIT_EXPECT_EQ(test, kt_len(b), 1);
	KUNIT_EXPECT_EQ(test, kchan_party_wait(&p->party, NULL, NULL), 0);
	KUNIT_EXPECT_EQ(test, kt_party_winner(p), 1);
	KUNIT_EXPECT_EQ(test, kt_party_n(p), 1);
	KUNIT_EXPECT_EQ(test, p->slots[0].w.status, -EUCLEAN);
	kt_party_end(p);
	KUNIT_EXPECT_EQ(test, kt_recv_n(b), 2);
	kt_check(test, a);
	kt_check(test, b);
}

/* Trap: the same, with one channel in two cases. */
static void claim_twice_in_channel(struct kunit *test)
{
	struct kchan *ch = kt_chan(test, 8, 0);
	struct kt_call *other;
	unsigned int send;

	for (send = 0; send < 2; send++) {
		struct kt_party *p = claim_two(test, ch, send, ch, send);

		if (send) {
			other = kt_park_send_n(test, ch, 1);
			KUNIT_EXPECT_EQ(test, kt_recv_n(ch), 100);
			KUNIT_EXPECT_EQ(test, kt_recv_n(ch), 1);
			KUNIT_EXPECT_EQ(test, kt_recv_n(ch), -EAGAIN);
			KUNIT_EXPECT_EQ(test, kt_join(other), 8);
		} else {
			other = kt_park_recv_n(test, ch);
			KUNIT_EXPECT_EQ(test, kt_send_n(ch, 1), 0);
			KUNIT_EXPECT_EQ(test, kt_send_n(ch, 2), 0);
			KUNIT_EXPECT_EQ(test, kt_send_n(ch, 3), -EAGAIN);
			KUNIT_EXPECT_EQ(test, kt_party_n(p), 1);
			KUNIT_EXPECT_EQ(test, p->slots[1].w.status, -EUCLEAN);
			KUNIT_EXPECT_EQ(test, kt_join_n(other), 2);
		}
		KUNIT_EXPECT_EQ(test, kchan_party_wait(&p->party, NULL, NULL), 0);
		KUNIT_EXPECT_EQ(test, kt_party_winner(p), 0);
		kt_party_end(p);
		kt_check(test, ch);
	}
}

/*
 * Trap: a party that both sends to and receives from one rendezvous channel. Once one
 * of its cases is served, nobody finds the other one.
 */
static void claim_both_ways(struct kunit *test)
{
	struct kchan *ch = kt_chan(test, 8, 0);
	unsigned int send;

	for (send = 0; send < 2; send++) {
		struct kt_party *p = claim_two(test, ch, false, ch, true);

		if (send) {
			KUNIT_EXPECT_EQ(test, kt_recv_n(ch), 101);
			KUNIT_EXPECT_EQ(test, kt_send_n(ch, 1), -EAGAIN);
		} else {
			KUNIT_EXPECT_EQ(test, kt_send_n(ch, 1), 0);
			KUNIT_EXPECT_EQ(test, kt_party_n(p), 1);
			KUNIT_EXPECT_EQ(test, kt_recv_n(ch), -EAGAIN);
		}
		KUNIT_EXPECT_EQ(test, kchan_party_wait(&p->party, NULL, NULL), 0);
		KUNIT_EXPECT_EQ(test, kt_party_winner(p), send);
		kt_party_end(p);
		kt_check(test, ch);
	}
}

/* Close completes a party once, by one of its cases. */
static void claim_close_once(struct kunit *test)
{
	struct kchan *ch = kt_chan(test, 8, 0);
	struct kt_party *p = claim_two(test, ch, true, ch, true);

	KUNIT_EXPECT_EQ(test, kchan_close(ch), 0);
	KUNIT_EXPECT_EQ(test, kchan_party_wait(&p->party, NULL, NULL), 0);
	KUNIT_EXPECT_EQ(test, kt_party_winner(p), 0);
	KUNIT_EXPECT_EQ(test, kt_party_status(p), -EPIPE);
	KUNIT_EXPECT_EQ(test, p->slots[1].w.status, -EUCLEAN);
	kt_party_end(p);
	kt_check(test, ch);
}

/*
 * Trap: when a loser is removed, the only element of a queue is taken for one that is
 * out already; or one that is out already is removed again.
 */
static void claim_take_out_last(struct kunit *test)
{
	struct kchan *ch = kt_chan(test, 8, 0);
	struct kt_party *p = kt_party_receiver(test, ch, 8);

	KUNIT_EXPECT_EQ(test, ch->receivers.len, 1);
	kchan_unpark(ch, &p->slots[0].w, KCHAN_OP_RECV);
	KUNIT_EXPECT_EQ(test, ch->receivers.len, 0);
	KUNIT_EXPECT_TRUE(test, list_empty(&ch->receivers.list));
	kchan_unpark(ch, &p->slots[0].w, KCHAN_OP_RECV);
	kt_check(test, ch);
}

/* A party that has given up counts as gone, even before it is taken out. */
static void claim_own(struct kunit *test)
{
	struct kchan *ch = kt_chan(test, 8, 0);
	struct kt_party *p = kt_party_receiver(test, ch, 8);
	ktime_t deadline = 1;

	/* A deadline that has passed does not give up the party yet. */
	KUNIT_EXPECT_EQ(test, kchan_party_wait(&p->party, &deadline, NULL),
			-ETIMEDOUT);
	KUNIT_EXPECT_TRUE(test, kt_party_open(p));
	KUNIT_EXPECT_TRUE(test, kt_party_give_up(p));
	KUNIT_EXPECT_EQ(test, kt_send_n(ch, 1), -EAGAIN);
	KUNIT_EXPECT_FALSE(test, kt_party_give_up(p));
	kt_party_end(p);
	kt_check(test, ch);

	/* A party that is DONE is done, even if the deadline has passed. */
	p = kt_party_receiver(test, ch, 8);
	KUNIT_EXPECT_EQ(test, kt_send_n(ch, 1), 0);
	KUNIT_EXPECT_EQ(test, kchan_party_wait(&p->party, &deadline, NULL), 0);
	KUNIT_EXPECT_FALSE(test, kt_party_give_up(p));
	kt_party_end(p);
	kt_check(test, ch);
}

/* A party that frees its memory as soon as it may. */
struct claim_owner {
	struct kchan *ch;
	struct task_struct *task;
	struct completion done;
	int status;
};

static int claim_owner_fn(void *arg)
{
	struct claim_owner *o = arg;
	struct kchan_party *party = kzalloc(sizeof(*party), GFP_KERNEL);
	struct kchan_waiter *w = kzalloc(sizeof(*w), GFP_KERNEL);
	struct kchan_elem *elem = kchan_elem_alloc(o->ch, 8);

	o->status = -ENOMEM;
	if (IS_ERR(elem))
		elem = NULL;
	if (party && w && elem) {
		allow_signal(SIGTERM);
		/* The task that wakes us is preempted there. */
		sched_set_fifo(current);
		kchan_party_init(party, current);
		w->party = party;
		w->elem = elem;
		w->room = 8;
		spin_lock(&o->ch->lock);
		kchan_park(o->ch, w, KCHAN_OP_RECV);
		spin_unlock(&o->ch->lock);
		o->status = kchan_party_wait(party, NULL, NULL);
		if (o->status)
			kchan_unpark(o->ch, w, KCHAN_OP_RECV);
		else
			o->status = w->status;
		if (!o->status)
			kchan_settle(o->ch, elem);
	}
	kfree(w);
	kfree(party);
	kchan_elem_free(o->ch, elem);
	kthread_complete_and_exit(&o->done, 0);
}

/*
 * Trap: the waker touches a waiter on another task's stack after that task may run.
 * These tasks free their waiters before the waker goes on, so that KASAN would see
 * it.
 */
static void claim_gone_when_done(struct kunit *test)
{
	struct kchan *ch = kt_chan(test, 8, 0);
	struct claim_owner *owners;
	const unsigned int nr = 4;
	unsigned int i, served = 0, closed = 0;
	bool returned = true;

	owners = kunit_kcalloc(test, nr, sizeof(*owners), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, owners);
	for (i = 0; i < nr; i++) {
		owners[i].ch = ch;
		init_completion(&owners[i].done);
		owners[i].task = kthread_run(claim_owner_fn, &owners[i],
					     "kt_owner");
		KUNIT_ASSERT_FALSE(test, IS_ERR(owners[i].task));
	}
	kt_wait_parked(test, ch, 0, nr);
	KUNIT_EXPECT_EQ(test, kt_send_n(ch, 1), 0);
	KUNIT_EXPECT_EQ(test, kchan_close(ch), 0);
	for (i = 0; i < nr; i++)
		if (!wait_for_completion_timeout(&owners[i].done, KT_PATIENCE))
			returned = false;
	KUNIT_ASSERT_TRUE(test, returned);
	/* The one that parked first got the element. */
	for (i = 0; i < nr; i++) {
		served += owners[i].status == 0;
		closed += owners[i].status == -EPIPE;
	}
	KUNIT_EXPECT_EQ(test, served, 1);
	KUNIT_EXPECT_EQ(test, closed, nr - 1);
	kt_check(test, ch);
}

static struct kunit_case claim_cases[] = {
	KUNIT_CASE(claim_passed_over_receiver),
	KUNIT_CASE(claim_passed_over_sender),
	KUNIT_CASE(claim_passed_over_admitted),
	KUNIT_CASE(claim_passed_over_put_back),
	KUNIT_CASE(claim_beats_receiver),
	KUNIT_CASE(claim_beats_sender),
	KUNIT_CASE(claim_beats_several),
	KUNIT_CASE(claim_given_up),
	KUNIT_CASE(claim_given_up_between),
	KUNIT_CASE(claim_past_deadline),
	KUNIT_CASE(claim_one_of_two_channels),
	KUNIT_CASE(claim_twice_in_channel),
	KUNIT_CASE(claim_both_ways),
	KUNIT_CASE(claim_close_once),
	KUNIT_CASE(claim_take_out_last),
	KUNIT_CASE(claim_own),
	KUNIT_CASE(claim_gone_when_done),
	{}
};

static struct kunit_suite claim_suite = {
	.name = "kchan_claim",
	.test_cases = claim_cases,
};

kunit_test_suite(claim_suite);
