// SPDX-License-Identifier: GPL-2.0-only
/*
 * Armed selects where timing is all: between the claim of one and the telling,
 * and when the waker has told but not let go yet.
 */
#include <kunit/test.h>
#include <linux/completion.h>
#include <linux/delay.h>
#include <linux/kthread.h>

#include "armed.h"
#include "harness.h"

/* One case, armed; the caller's channels are ends enough. */
static struct kchan_armed *armed_one(struct kunit *test, struct kchan *ch,
				     u8 op)
{
	struct kchan_armed_cases *cases = kchan_armed_cases_alloc(1);
	struct kchan_armed *armed = kchan_armed_alloc();
	int ret;

	KUNIT_ASSERT_NOT_NULL(test, cases);
	KUNIT_ASSERT_NOT_NULL(test, armed);
	cases->sel.branches[0] = (struct kchan_branch){
		.ch = ch,
		.op = op,
		.len = ch->elem_size,
	};
	cases->sel.nr = 1;
	ret = kchan_armed_arm(armed, cases);
	KUNIT_ASSERT_EQ(test, ret, 0);
	return armed;
}

static int armed_collect(struct kchan_armed *armed, u64 *n)
{
	struct kchan_commit commit;
	struct kchan_elem *elem;
	int ret;

	mutex_lock(&armed->lock);
	ret = kchan_armed_collect(armed, &commit, &elem);
	if (!ret) {
		ret = commit.status;
		*n = elem ? kt_elem_n(elem) : 0;
		kchan_armed_retire(armed);
	}
	mutex_unlock(&armed->lock);
	return ret;
}

/* A call on an armed select in a thread of its own. */
struct armed_call {
	struct kchan_armed *armed;
	struct task_struct *task;
	struct completion done;
	bool close;
	int ret;
};

static int armed_call_fn(void *arg)
{
	struct armed_call *call = arg;

	if (call->close)
		kchan_armed_close(call->armed);
	else
		call->ret = kchan_armed_disarm(call->armed);
	kthread_complete_and_exit(&call->done, 0);
}

static void armed_start(struct kunit *test, struct armed_call *call)
{
	init_completion(&call->done);
	call->task = kthread_run(armed_call_fn, call, "kt_armed");
	KUNIT_ASSERT_FALSE(test, IS_ERR(call->task));
}

/* It has gone to sleep, or returned. */
static void armed_settled(struct armed_call *call)
{
	unsigned long end = jiffies + KT_PATIENCE;

	while (!completion_done(&call->done) &&
	       !(READ_ONCE(call->task->__state) & TASK_UNINTERRUPTIBLE) &&
	       time_before(jiffies, end))
		usleep_range(20, 100);
}

/* Claimed, but not told: there is nothing to read yet, and nothing to take back. */
static void armed_claimed(struct kunit *test)
{
	struct kchan *ch = kt_chan(test, 8, 0);
	struct armed_call call = {
		.armed = armed_one(test, ch, KCHAN_OP_RECV),
	};
	struct kchan_waiter *w;
	u64 n = 0;

	w = kt_hand(test, ch, 7);
	KUNIT_EXPECT_FALSE(test, kchan_armed_ready(call.armed));
	KUNIT_EXPECT_EQ(test, armed_collect(call.armed, &n), -EAGAIN);
	armed_start(test, &call);
	armed_settled(&call);
	KUNIT_EXPECT_FALSE(test, completion_done(&call.done));
	kt_finish(ch, w, false, 0);
	KUNIT_ASSERT_NE(test, wait_for_completion_timeout(&call.done,
							  KT_PATIENCE), 0);
	KUNIT_EXPECT_EQ(test, call.ret, -EALREADY);
	KUNIT_EXPECT_EQ(test, armed_collect(call.armed, &n), 0);
	KUNIT_EXPECT_EQ(test, n, 7);
	kchan_armed_close(call.armed);
	kt_check(test, ch);
}

/* Closed while claimed: close waits, and the element goes back. */
static void armed_closed_while_claimed(struct kunit *test)
{
	struct kchan *ch = kt_chan(test, 8, 0);
	struct armed_call call = {
		.armed = armed_one(test, ch, KCHAN_OP_RECV),
		.close = true,
	};
	struct kchan_waiter *w;

	w = kt_hand(test, ch, 9);
	armed_start(test, &call);
	armed_settled(&call);
	KUNIT_EXPECT_FALSE(test, completion_done(&call.done));
	kt_finish(ch, w, false, 0);
	KUNIT_ASSERT_NE(test, wait_for_completion_timeout(&call.done,
							  KT_PATIENCE), 0);
	KUNIT_EXPECT_EQ(test, kt_len(ch), 1);
	KUNIT_EXPECT_EQ(test, kt_recv_n(ch), 9);
	kt_check(test, ch);
}

/*
 * Served but not told, and then another: an armed select is told when the lock has
 * been dropped, whatever else was served under it.
 */
static void armed_told_late(struct kunit *test)
{
	struct kchan *ch = kt_chan(test, 8, 0);
	struct kchan_armed *armed = armed_one(test, ch, KCHAN_OP_RECV);
	struct kchan_deferred d;
	u64 n = 0;

	kchan_deferred_init(&d);
	kt_give(test, ch, 3, &d);
	KUNIT_EXPECT_FALSE(test, kchan_armed_ready(armed));
	KUNIT_EXPECT_EQ(test, armed_collect(armed, &n), -EAGAIN);
	kchan_run_deferred(ch, &d);
	KUNIT_EXPECT_TRUE(test, kchan_armed_ready(armed));
	KUNIT_EXPECT_EQ(test, armed_collect(armed, &n), 0);
	KUNIT_EXPECT_EQ(test, n, 3);
	kchan_armed_close(armed);
	kt_check(test, ch);
}

/*
 * The waker has told, and is about to wake, when the owner reads and closes: what
 * it wakes by is still there, for KASAN to see.
 */
static void armed_gone_when_done(struct kunit *test)
{
	struct kchan *ch = kt_chan(test, 8, 0);
	struct kchan_armed *armed = armed_one(test, ch, KCHAN_OP_RECV);
	struct kchan_armed *waker;
	u64 n = 0;

	/* A waker takes its reference before it tells. */
	waker = kchan_armed_get(&armed->party);
	KUNIT_EXPECT_EQ(test, kt_send_n(ch, 5), 0);
	KUNIT_EXPECT_EQ(test, armed_collect(armed, &n), 0);
	KUNIT_EXPECT_EQ(test, n, 5);
	kchan_armed_close(armed);
	kchan_armed_wake(waker);
	kt_check(test, ch);
}

/* Who is woken by an armed select, and sees how it is held. */
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
	s->refs = kref_read(&s->armed->ref);
	return 0;
}

/* The reference that the waker takes is one of its own: see the test above. */
static void armed_waker_holds(struct kunit *test)
{
	unsigned int closes;

	for (closes = 0; closes < 2; closes++) {
		struct kchan *ch = kt_chan(test, 8, 0);
		struct kchan_armed *armed = armed_one(test, ch, KCHAN_OP_RECV);
		struct armed_sleeper s = { .armed = armed };

		init_waitqueue_func_entry(&s.wqe, armed_sleeper_fn);
		add_wait_queue(&armed->wait, &s.wqe);
		if (closes)
			KUNIT_EXPECT_EQ(test, kchan_close(ch), 0);
		else
			KUNIT_EXPECT_EQ(test, kt_send_n(ch, 1), 0);
		remove_wait_queue(&armed->wait, &s.wqe);
		KUNIT_EXPECT_EQ(test, s.woken, 1);
		KUNIT_EXPECT_EQ(test, s.refs, 2);
		KUNIT_EXPECT_EQ(test, kref_read(&armed->ref), 1);
		kchan_armed_close(armed);
		kt_check(test, ch);
	}
}

/* Its ends go with it, and no earlier. */
static void armed_counts(struct kunit *test)
{
	struct kchan *ch = kt_chan(test, 8, 1);
	struct kchan_armed *armed = armed_one(test, ch, KCHAN_OP_RECV);
	const u32 recv_ends = ch->recv_ends, send_ends = ch->send_ends;
	u64 n;

	KUNIT_EXPECT_EQ(test, kt_send_n(ch, 1), 0);
	KUNIT_EXPECT_EQ(test, ch->recv_ends, recv_ends);
	KUNIT_EXPECT_EQ(test, armed_collect(armed, &n), 0);
	KUNIT_EXPECT_EQ(test, ch->recv_ends, recv_ends - 1);
	KUNIT_EXPECT_EQ(test, ch->send_ends, send_ends);
	kchan_armed_close(armed);
	kt_check(test, ch);
}

static struct kunit_case armed_cases[] = {
	KUNIT_CASE(armed_claimed),
	KUNIT_CASE(armed_closed_while_claimed),
	KUNIT_CASE(armed_told_late),
	KUNIT_CASE(armed_gone_when_done),
	KUNIT_CASE(armed_waker_holds),
	KUNIT_CASE(armed_counts),
	{}
};

static struct kunit_suite armed_suite = {
	.name = "kchan_armed",
	.test_cases = armed_cases,
};

kunit_test_suite(armed_suite);
