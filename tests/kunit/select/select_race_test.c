// SPDX-License-Identifier: GPL-2.0-only
/*
 * Selects against each other and against all other calls, many times over. Each
 * commits at one instant, and once.
 */
#include <kunit/test.h>
#include <linux/bitmap.h>
#include <linux/bits.h>
#include <linux/delay.h>
#include <linux/err.h>
#include <linux/kthread.h>
#include <linux/math.h>
#include <linux/random.h>
#include <linux/sched/signal.h>
#include <linux/sched/task.h>
#include <linux/slab.h>

#include "compat.h"
#include "selects.h"

/* A thread of a test; it takes SIGTERM, and ends when told to. */
struct race_thread {
	struct kunit *test;
	struct kt_select *s;
	struct task_struct *task;
	struct completion done;
	int (*fn)(struct race_thread *t);
	struct kchan **ch;
	unsigned int nr;
	unsigned int id;
	unsigned int loops;
	bool fifo;
	bool stop;
	/* What the thread did, and the first error that it found. */
	unsigned int moved;
	int wrong;
	void *arg;
};

static int race_fn(void *arg)
{
	struct race_thread *t = arg;

	allow_signal(SIGTERM);
	if (t->fifo)
		sched_set_fifo(current);
	kthread_use_mm(t->s->mm);
	t->wrong = t->fn(t);
	kthread_unuse_mm(t->s->mm);
	kthread_complete_and_exit(&t->done, 0);
}

static bool race_ended(struct race_thread *t)
{
	if (!t->task)
		return true;
	if (!wait_for_completion_timeout(&t->done, KT_PATIENCE))
		return false;
	put_task_struct(t->task);
	t->task = NULL;
	return true;
}

static void race_free(void *arg)
{
	struct race_thread *t = arg;
	unsigned int i;

	WRITE_ONCE(t->stop, true);
	for (i = 0; t->task && i < t->nr; i++)
		kchan_close(t->ch[i]);
	if (!race_ended(t)) {
		/* The thread may still use its memory, so do not free it. */
		kunit_err(t->test, "a thread never ends\n");
		for (i = 0; i < t->nr; i++)
			kref_get(&t->ch[i]->ref);
		return;
	}
	kfree(t);
}

static struct race_thread *race_thread(struct kunit *test,
				       int (*fn)(struct race_thread *t),
				       struct kchan **ch, unsigned int nr)
{
	struct kt_select *s = kt_select(test);
	struct race_thread *t = kzalloc(sizeof(*t), GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, t);
	t->test = test;
	t->s = s;
	t->fn = fn;
	t->ch = ch;
	t->nr = nr;
	init_completion(&t->done);
	KUNIT_ASSERT_EQ(test, 0, kunit_add_action_or_reset(test, race_free, t));
	return t;
}

static void race_start(struct race_thread *t)
{
	struct task_struct *task;

	task = kthread_create(race_fn, t, "kt_race/%u", t->id);
	KUNIT_ASSERT_FALSE(t->test, IS_ERR(task));
	t->task = get_task_struct(task);
	wake_up_process(task);
}

static void race_join(struct race_thread *t)
{
	if (!race_ended(t))
		KUNIT_FAIL_AND_ABORT(t->test, "thread %u does not end", t->id);
	KUNIT_EXPECT_EQ_MSG(t->test, t->wrong, 0, "thread %u", t->id);
}

/*
 * Moves an element from one of two channels to the other and back. The element is put
 * in before it is taken out, so that one of the two channels is ready at every
 * moment. It moves at random moments, with a priority above all others.
 */
static int race_mover(struct race_thread *t)
{
	unsigned int at = 0;

	while (!READ_ONCE(t->stop)) {
		if (kt_send_n(t->ch[!at], 1))
			return -EUCLEAN;
		/* The looker may have the element, and brings it back. */
		while (kt_recv_n(t->ch[at]) == -EAGAIN && !READ_ONCE(t->stop))
			usleep_range(5, 20);
		at = !at;
		t->moved++;
		usleep_range(5, 20 + get_random_u32_below(30));
	}
	return 0;
}

/*
 * A default is not taken while some case is ready at every moment. A task that looks
 * at one channel after the other sometimes finds both empty.
 */
static void race_no_default(struct kunit *test)
{
	struct kchan *ch[2] = { kt_chan(test, 8, 4), kt_chan(test, 8, 4) };
	struct race_thread *mover = race_thread(test, race_mover, ch, 2);
	struct kt_select *s = kt_select(test);
	unsigned int defaults = 0;

	KUNIT_EXPECT_EQ(test, kt_send_n(ch[0], 1), 0);
	mover->fifo = true;
	kt_add_recv_n(s, ch[0]);
	kt_add_recv_n(s, ch[1]);
	race_start(mover);
	while (READ_ONCE(mover->moved) < kt_scale(4000)) {
		int at = kt_select_now(s);

		if (at == -EAGAIN) {
			defaults++;
			continue;
		}
		KUNIT_ASSERT_GE(test, at, 0);
		/* The looker does not look while it holds the element. */
		KUNIT_ASSERT_EQ(test, kt_send_n(ch[at], 1), 0);
	}
	WRITE_ONCE(mover->stop, true);
	race_join(mover);
	KUNIT_EXPECT_EQ(test, defaults, 0);
	kt_check(test, ch[0]);
	kt_check(test, ch[1]);
}

/*
 * One of two threads that meet over two rendezvous channels, in opposite directions.
 */
static int race_opposite_fn(struct race_thread *t)
{
	const struct kchan_wait wait = {};
	u8 *met = t->arg;
	unsigned int i;

	for (i = 0; i < t->loops; i++) {
		int at;

		kt_select_empty(t->s);
		/* Thread 0 sends to the first one, thread 1 to the second. */
		if (t->id)
			kt_add_recv_n(t->s, t->ch[0]);
		kt_add_send_n(t->s, t->ch[t->id], 2 * i + t->id);
		if (!t->id)
			kt_add_recv_n(t->s, t->ch[1]);
		at = kt_select_run(t->s, &wait);
		if (at < 0 || t->s->call.status)
			return -EIO;
		/* Case 0 of either is the first channel. */
		met[i] = at;
		if (at != (int)t->id && kt_case_n(t->s, at) != 2 * i + !t->id)
			return -EUCLEAN;
	}
	return 0;
}

static void race_opposite(struct kunit *test)
{
	const unsigned int loops = kt_scale(4000);
	struct kchan *ch[2] = { kt_chan(test, 8, 0), kt_chan(test, 8, 0) };
	struct race_thread *t[2];
	unsigned int i, firsts = 0, others = 0;
	u8 *met[2];

	for (i = 0; i < 2; i++) {
		met[i] = kunit_kzalloc(test, loops, GFP_KERNEL);
		KUNIT_ASSERT_NOT_NULL(test, met[i]);
		t[i] = race_thread(test, race_opposite_fn, ch, 2);
		t[i]->id = i;
		t[i]->loops = loops;
		t[i]->arg = met[i];
	}
	race_start(t[0]);
	race_start(t[1]);
	race_join(t[0]);
	race_join(t[1]);
	/* Both threads report the same outcomes. */
	for (i = 0; i < loops; i++) {
		firsts += !met[0][i];
		others += met[0][i] != met[1][i];
	}
	KUNIT_EXPECT_EQ(test, others, 0);
	/* Neither channel is preferred: within 10 standard deviations. */
	KUNIT_EXPECT_LT(test, abs((int)(2 * firsts - loops)),
			10 * int_sqrt(loops));
	kt_check(test, ch[0]);
	kt_check(test, ch[1]);
}

/*
 * Selects over all of many channels, in an order of the thread's own, with a default
 * or without.
 */
static int race_orders_fn(struct race_thread *t)
{
	static const unsigned int steps[] = { 1, 63, 37, 5 };
	ktime_t deadline;
	struct kchan_wait wait = { .deadline = &deadline };
	unsigned int i;

	for (i = 0; i < t->nr; i++) {
		unsigned int at = i * steps[t->id % 4] % t->nr;

		if ((i + t->id) % 2)
			kt_add_send_n(t->s, t->ch[at], 1);
		else
			kt_add_recv_n(t->s, t->ch[at]);
	}
	for (i = 0; i < t->loops; i++) {
		int ret;

		deadline = ktime_add_us(ktime_get(), 100);
		wait.nonblock = i % 2;
		ret = kt_select_run(t->s, &wait);
		if (ret < 0 && ret != -EAGAIN && ret != -ETIMEDOUT)
			return ret;
		/* Counts how many more elements it has sent than received. */
		if (ret >= 0)
			t->moved += t->s->branches[ret].op == KCHAN_OP_SEND ?
				    1 : -1;
		cond_resched();
	}
	return 0;
}

/*
 * Each of several selects looks at 64 channels at a time: no deadlock, and no element
 * lost.
 */
static void race_orders(struct kunit *test)
{
	static struct kchan *ch[KCHAN_MAX_CASES];
	struct race_thread *t[4];
	unsigned int i, len = 0, moved = 0;

	for (i = 0; i < ARRAY_SIZE(ch); i++)
		ch[i] = kt_chan(test, 8, i % 3);
	for (i = 0; i < ARRAY_SIZE(t); i++) {
		t[i] = race_thread(test, race_orders_fn, ch, ARRAY_SIZE(ch));
		t[i]->id = i;
		t[i]->loops = kt_scale(400);
	}
	for (i = 0; i < ARRAY_SIZE(t); i++)
		race_start(t[i]);
	for (i = 0; i < ARRAY_SIZE(t); i++) {
		race_join(t[i]);
		moved += t[i]->moved;
	}
	for (i = 0; i < ARRAY_SIZE(ch); i++) {
		len += kt_len(ch[i]);
		kt_check(test, ch[i]);
	}
	KUNIT_EXPECT_EQ(test, len, moved);
}

#define CROWD_TASKS	6
#define CROWD_CHANNELS	4

struct crowd {
	struct kchan *ch[CROWD_CHANNELS];
	unsigned int count;
	/* Indexed by the thread that has sent the elements. */
	unsigned long *received[CROWD_TASKS];
	struct race_thread *t[CROWD_TASKS];
};

static unsigned int crowd_index(struct crowd *c, struct kchan *ch)
{
	unsigned int i;

	for (i = 0; i < CROWD_CHANNELS - 1; i++)
		if (c->ch[i] == ch)
			break;
	return i;
}

/*
 * Takes about half of its channels, at random, in each direction; nil for those that
 * have ended.
 */
static void crowd_cases(struct race_thread *t, unsigned long open, bool sends)
{
	struct crowd *c = t->arg;
	u32 bits = get_random_u32();
	unsigned int i, more;

	kt_select_empty(t->s);
	for (i = 0; i < CROWD_CHANNELS; i++, bits >>= 4) {
		struct kchan *ch = open & BIT(i) ? c->ch[i] : NULL;

		/* Its next element is in several cases, and one of them sends it. */
		for (more = bits & 3; sends && more; more--)
			kt_add_send_n(t->s, ch, (u64)t->id << 32 | t->moved);
		if (!sends || (bits & 4))
			kt_add_recv_n(t->s, ch);
	}
}

static int crowd_received(struct crowd *c, u64 n)
{
	const u32 id = n >> 32, seq = n;

	if (id >= CROWD_TASKS || seq >= c->count)
		return -EUCLEAN;
	return test_and_set_bit(seq, c->received[id]) ? -EEXIST : 0;
}

static int crowd_fn(struct race_thread *t)
{
	unsigned long open = BIT(CROWD_CHANNELS) - 1;
	struct crowd *c = t->arg;
	ktime_t deadline;
	int ret = 0;

	while (open && !ret) {
		const bool sends = t->moved < c->count && !READ_ONCE(t->stop);
		const struct kchan_branch *b;
		struct kchan_wait wait = {};
		int at;

		crowd_cases(t, open, sends);
		wait.nonblock = !get_random_u32_below(3);
		deadline = ktime_add_ns(ktime_get(),
					get_random_u32_below(200000));
		wait.deadline = &deadline;
		at = kt_select_run(t->s, &wait);
		b = &t->s->branches[max(at, 0)];
		if (at == -EAGAIN || at == -ETIMEDOUT) {
			cond_resched();
		} else if (at == -ERESTARTSYS) {
			flush_signals(current);
		} else if (at < 0) {
			ret = at;
		} else if (t->s->call.status) {
			/*
			 * The channel is closed. A send learns this at once, a
			 * receive once the channel is drained.
			 */
			if (b->op == KCHAN_OP_SEND)
				WRITE_ONCE(t->stop, true);
			else
				open &= ~BIT(crowd_index(c, b->ch));
		} else if (b->op == KCHAN_OP_SEND) {
			t->moved++;
		} else {
			ret = crowd_received(c, kt_case_n(t->s, at));
		}
	}
	return ret;
}

static void crowd_free(void *arg)
{
	struct crowd *c = arg;
	unsigned int i;

	for (i = 0; i < CROWD_TASKS; i++)
		bitmap_free(c->received[i]);
	kfree(c);
}

static struct crowd *crowd_start(struct kunit *test, u32 capacity)
{
	struct crowd *c = kzalloc(sizeof(*c), GFP_KERNEL);
	unsigned int i;

	KUNIT_ASSERT_NOT_NULL(test, c);
	KUNIT_ASSERT_EQ(test, 0,
			kunit_add_action_or_reset(test, crowd_free, c));
	c->count = kt_scale(400);
	for (i = 0; i < CROWD_CHANNELS; i++)
		c->ch[i] = kt_chan(test, 8, i % 2 ? capacity : 0);
	for (i = 0; i < CROWD_TASKS; i++) {
		c->received[i] = bitmap_zalloc(c->count, GFP_KERNEL);
		KUNIT_ASSERT_NOT_NULL(test, c->received[i]);
		c->t[i] = race_thread(test, crowd_fn, c->ch, CROWD_CHANNELS);
		c->t[i]->id = i;
		c->t[i]->arg = c;
	}
	for (i = 0; i < CROWD_TASKS; i++)
		race_start(c->t[i]);
	return c;
}

/*
 * Sends signals and resizes; then closes, when all or about half of the elements are
 * sent.
 */
static void crowd_disturb(struct kunit *test, struct crowd *c, bool half)
{
	const unsigned int all = CROWD_TASKS * c->count / (half ? 2 : 1);
	unsigned long end = jiffies + KT_PATIENCE;
	unsigned int sent, i;

	for (;;) {
		for (i = 0, sent = 0; i < CROWD_TASKS; i++)
			sent += READ_ONCE(c->t[i]->moved);
		if (sent >= all)
			break;
		if (time_after(jiffies, end)) {
			KUNIT_FAIL(test, "%u of %u sent", sent, all);
			break;
		}
		/* Two channels stay rendezvous channels. */
		i = 1 + 2 * get_random_u32_below(CROWD_CHANNELS / 2);
		kchan_resize(c->ch[i], get_random_u32_below(5));
		i = get_random_u32_below(CROWD_TASKS);
		send_sig(SIGTERM, c->t[i]->task, 1);
		usleep_range(100, 500);
	}
	for (i = 0; i < CROWD_CHANNELS; i++)
		KUNIT_EXPECT_EQ(test, kchan_close(c->ch[i]), 0);
}

/*
 * Checks that every element that was sent is received once, and that no other one is.
 */
static void crowd_check(struct kunit *test, struct crowd *c)
{
	unsigned int i;

	for (i = 0; i < CROWD_TASKS; i++)
		race_join(c->t[i]);
	for (i = 0; i < CROWD_TASKS; i++) {
		const unsigned int sent = c->t[i]->moved;

		KUNIT_EXPECT_EQ(test, sent,
				find_first_zero_bit(c->received[i], c->count));
		KUNIT_EXPECT_EQ(test, sent,
				bitmap_weight(c->received[i], c->count));
	}
	for (i = 0; i < CROWD_CHANNELS; i++) {
		KUNIT_EXPECT_EQ(test, kt_len(c->ch[i]), 0);
		kt_check(test, c->ch[i]);
	}
}

static void race_crowd(struct kunit *test)
{
	struct crowd *c = crowd_start(test, 2);

	crowd_disturb(test, c, false);
	crowd_check(test, c);
}

static void race_crowd_rendezvous(struct kunit *test)
{
	struct crowd *c = crowd_start(test, 0);

	crowd_disturb(test, c, false);
	crowd_check(test, c);
}

static void race_crowd_close(struct kunit *test)
{
	struct crowd *c = crowd_start(test, 1);

	crowd_disturb(test, c, true);
	crowd_check(test, c);
}

static struct kunit_case race_cases[] = {
	KUNIT_CASE(race_no_default),
	KUNIT_CASE(race_opposite),
	KUNIT_CASE(race_orders),
	KUNIT_CASE(race_crowd),
	KUNIT_CASE(race_crowd_rendezvous),
	KUNIT_CASE(race_crowd_close),
	{}
};

static struct kunit_suite race_suite = {
	.name = "kchan_select_race",
	.test_cases = race_cases,
};

kunit_test_suite(race_suite);
