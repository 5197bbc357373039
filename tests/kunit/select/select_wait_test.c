// SPDX-License-Identifier: GPL-2.0-only
/*
 * Selects that wait: what ends the wait, how often, and what becomes of the cases
 * that lost. For other events see select_meet_test.c.
 */
#include <kunit/test.h>
#include <linux/err.h>
#include <linux/file.h>
#include <linux/fs.h>
#include <linux/poll.h>
#include <linux/sched/signal.h>
#include <linux/wait.h>

#include "memory.h"
#include "selects.h"

static const u32 wait_sizes[] = KT_SIZES;

static void wait_size_desc(const u32 *size, char *desc)
{
	snprintf(desc, KUNIT_PARAM_DESC_SIZE, "%u bytes", *size);
}

KUNIT_ARRAY_PARAM(wait_size, wait_sizes, wait_size_desc);

/*
 * Either case, in either direction, ends the wait. The other case has not happened.
 */
static void wait_for_either(struct kunit *test)
{
	unsigned int way;

	/* Bits: which case is completed; whether case 0, and case 1, sends. */
	for (way = 0; way < 8; way++) {
		const bool second = way & 1;
		const bool send[2] = { way & 2, way & 4 };
		struct kchan *ch[2] = { kt_chan(test, 8, 0),
					kt_chan(test, 8, 0) };
		struct kt_select *s = kt_park_two(test, ch[0], send[0],
						  ch[1], send[1]);

		if (send[second])
			KUNIT_EXPECT_EQ(test, kt_recv_n(ch[second]),
					100 + second);
		else
			KUNIT_EXPECT_EQ(test, kt_send_n(ch[second], 5), 0);
		/*
		 * This is so at once, and not only after the select has taken its
		 * waiters out.
		 */
		if (send[!second])
			KUNIT_EXPECT_EQ(test, kt_recv_n(ch[!second]), -EAGAIN);
		else
			KUNIT_EXPECT_EQ(test, kt_send_n(ch[!second], 6),
					-EAGAIN);
		kt_expect_chosen(s, second, 0);
		if (!send[second])
			KUNIT_EXPECT_EQ(test, kt_case_n(s, second), 5);
		kt_check(test, ch[0]);
		kt_check(test, ch[1]);
	}
}

/* Elements of any size, received and sent, in parties of three cases. */
static void wait_for_any_size(struct kunit *test)
{
	const u32 size = *(const u32 *)test->param_value;
	struct kchan *a = kt_chan(test, size, 0), *b = kt_chan(test, size, 0);
	struct kchan *full = kt_chan(test, size, 1);
	unsigned long from = kt_user_filled(test, size, 1);
	unsigned long to = kt_user_pages(test, 2);
	struct kt_call *buf = kt_call(test, a, true, size);
	struct kt_select *s = kt_select(test);

	kt_fill(buf->buf, size, 2);
	KUNIT_EXPECT_EQ(test, kt_try_send(full, buf->buf, size), size);
	kt_add(s, a, true, from, size);
	kt_add(s, b, false, to, size);
	kt_add(s, full, true, from, size);

	kt_select_park(s);
	KUNIT_EXPECT_EQ(test, kt_try_recv(a, buf->buf, size), size);
	KUNIT_EXPECT_TRUE(test, kt_filled(buf->buf, size, 1));
	kt_expect_chosen(s, 0, 0);

	kt_select_park(s);
	kt_fill(buf->buf, size, 3);
	KUNIT_EXPECT_EQ(test, kt_try_send(b, buf->buf, size), size);
	kt_expect_chosen(s, 1, 0);
	KUNIT_EXPECT_EQ(test, s->branches[1].got, size);
	KUNIT_EXPECT_TRUE(test, kt_user_is_filled(test, to, size, 3));

	/* The element enters the buffer when there is room. */
	kt_select_park(s);
	KUNIT_EXPECT_EQ(test, kt_try_recv(full, buf->buf, size), size);
	KUNIT_EXPECT_TRUE(test, kt_filled(buf->buf, size, 2));
	kt_expect_chosen(s, 2, 0);
	KUNIT_EXPECT_EQ(test, kt_try_recv(full, buf->buf, size), size);
	KUNIT_EXPECT_TRUE(test, kt_filled(buf->buf, size, 1));
	kt_check(test, a);
	kt_check(test, b);
	kt_check(test, full);
}

/*
 * Trap: both cases are completed, when the party was told for the first one and not
 * yet woken.
 */
static void wait_claimed_once(struct kunit *test)
{
	struct kchan *a = kt_chan(test, 8, 0), *b = kt_chan(test, 8, 1);
	struct kt_select *s = kt_park_two(test, a, false, b, false);
	struct kchan_step step;

	KUNIT_EXPECT_EQ(test, kt_give(a, 1, &step), 0);
	KUNIT_EXPECT_EQ(test, kt_send_n(a, 2), -EAGAIN);
	/* Nobody waits there any more, so the element is stored. */
	KUNIT_EXPECT_EQ(test, kt_send_n(b, 3), 0);
	KUNIT_EXPECT_EQ(test, kt_len(b), 1);
	KUNIT_EXPECT_FALSE(test, kt_select_returned(s));
	kchan_finish(a, &step);
	kt_expect_chosen(s, 0, 0);
	KUNIT_EXPECT_EQ(test, kt_case_n(s, 0), 1);
	KUNIT_EXPECT_EQ(test, kt_recv_n(b), 3);
	kt_check(test, a);
	kt_check(test, b);
}

/* Trap: one channel in several cases of a select that waits, in either direction. */
static void wait_one_channel_twice(struct kunit *test)
{
	struct kchan *ch = kt_chan(test, 8, 0);
	struct kt_call *other;
	struct kt_select *s;
	unsigned int i, send, met = 0;

	for (i = 0; i < 200 && met != 0xf; i++) {
		send = i % 2;
		s = kt_park_two(test, ch, send, ch, send);
		if (send) {
			other = kt_park_send_n(test, ch, 7);
			KUNIT_EXPECT_GE(test, kt_recv_n(ch), 100);
			KUNIT_EXPECT_EQ(test, kt_recv_n(ch), 7);
			KUNIT_EXPECT_EQ(test, kt_recv_n(ch), -EAGAIN);
			KUNIT_EXPECT_EQ(test, kt_join(other), 8);
		} else {
			other = kt_park_recv_n(test, ch);
			KUNIT_EXPECT_EQ(test, kt_send_n(ch, 8), 0);
			KUNIT_EXPECT_EQ(test, kt_send_n(ch, 9), 0);
			KUNIT_EXPECT_EQ(test, kt_send_n(ch, 9), -EAGAIN);
			KUNIT_EXPECT_EQ(test, kt_join_n(other), 9);
		}
		KUNIT_ASSERT_GE(test, kt_select_join(s), 0);
		if (!send)
			KUNIT_EXPECT_EQ(test, kt_case_n(s, s->ret), 8);
		met |= 1 << (s->ret + 2 * send);
		kt_check(test, ch);
	}
	/* If two cases become ready at the same instant, either may commit. */
	KUNIT_EXPECT_EQ(test, met, 0xf);
}

/*
 * Trap: a select that waits for both directions of one rendezvous channel does not
 * meet itself.
 */
static void wait_not_for_itself(struct kunit *test)
{
	struct kchan *ch = kt_chan(test, 8, 0);
	struct kt_select *s, *other;

	s = kt_park_two(test, ch, true, ch, false);
	KUNIT_EXPECT_EQ(test, kt_recv_n(ch), 100);
	kt_expect_chosen(s, 0, 0);
	s = kt_park_two(test, ch, true, ch, false);
	KUNIT_EXPECT_EQ(test, kt_send_n(ch, 4), 0);
	kt_expect_chosen(s, 1, 0);
	KUNIT_EXPECT_EQ(test, kt_case_n(s, 1), 4);

	/* But it meets another select of the same kind, in either direction. */
	s = kt_park_two(test, ch, true, ch, false);
	other = kt_select(test);
	kt_add_send_n(other, ch, 200);
	kt_add_recv_n(other, ch);
	KUNIT_EXPECT_GE(test, kt_select_now(other), 0);
	KUNIT_EXPECT_EQ(test, kt_select_join(s), 1 - other->ret);
	if (other->ret)
		KUNIT_EXPECT_EQ(test, kt_case_n(other, 1), 100);
	else
		KUNIT_EXPECT_EQ(test, kt_case_n(s, 1), 200);
	kt_check(test, ch);
}

enum wait_event {
	WAIT_DEADLINE,
	WAIT_SIGNAL,
};

/* Trap: a signal or a deadline that comes after the claim. The claim wins. */
static void wait_claim_wins(struct kunit *test)
{
	enum wait_event event;
	unsigned int i, send;

	for (i = 0; i < 4; i++) {
		struct kchan *a = kt_chan(test, 8, 0);
		struct kchan *b = kt_chan(test, 8, 1);
		struct kt_select *s = kt_select(test);
		struct kchan_step step;

		send = i / 2;
		event = i % 2 ? WAIT_SIGNAL : WAIT_DEADLINE;
		kt_add_recv_n(s, b);
		if (send)
			kt_add_send_n(s, a, 5);
		else
			kt_add_recv_n(s, a);
		if (event == WAIT_DEADLINE)
			s->deadline = ktime_add_ms(ktime_get(), 300);
		kt_select_park(s);
		if (send)
			KUNIT_EXPECT_EQ(test, kt_take(a, &step), 5);
		else
			KUNIT_EXPECT_EQ(test, kt_give(a, 6, &step), 0);
		if (event == WAIT_SIGNAL)
			kt_select_signal(s, SIGTERM);
		/* This is so before anybody wakes it. */
		kt_expect_chosen(s, 1, 0);
		if (!send)
			KUNIT_EXPECT_EQ(test, kt_case_n(s, 1), 6);
		kchan_finish(a, &step);
		kt_check(test, a);
		kt_check(test, b);
	}
}

/*
 * A select that gives up before the claim leaves all queues, and each element stays
 * with its owner.
 */
static void wait_given_up(struct kunit *test)
{
	const u32 size = *(const u32 *)test->param_value;
	enum wait_event event;

	for (event = WAIT_DEADLINE; event <= WAIT_SIGNAL; event++) {
		struct kchan *a = kt_chan(test, size, 0);
		struct kchan *b = kt_chan(test, size, 0);
		unsigned long mem = kt_user_filled(test, size, 1);
		struct kt_call *buf = kt_call(test, a, true, size);
		struct kt_select *s = kt_select(test);

		kt_add(s, a, true, mem, size);
		kt_add(s, b, false, mem, size);
		kt_add(s, a, false, mem, size);
		if (event == WAIT_DEADLINE) {
			s->deadline = ktime_add_us(ktime_get(), 500);
			kt_select_start(s);
			KUNIT_EXPECT_EQ(test, kt_select_join(s), -ETIMEDOUT);
		} else {
			kt_select_park(s);
			kt_select_signal(s, SIGTERM);
			KUNIT_EXPECT_EQ(test, kt_select_join(s), -ERESTARTSYS);
		}
		kt_check(test, a);
		kt_check(test, b);
		KUNIT_EXPECT_EQ(test, kt_try_recv(a, buf->buf, size), -EAGAIN);
		KUNIT_EXPECT_EQ(test, kt_try_send(b, buf->buf, size), -EAGAIN);
	}
}

/* What is ready commits, even if the deadline has passed. */
static void wait_past_deadline(struct kunit *test)
{
	struct kchan *a = kt_chan(test, 8, 1), *b = kt_chan(test, 8, 1);
	struct kt_select *s = kt_select(test);

	kt_add_recv_n(s, a);
	kt_add_recv_n(s, b);
	s->deadline = 1;
	KUNIT_EXPECT_EQ(test, kt_send_n(b, 3), 0);
	kt_select_start(s);
	kt_expect_chosen(s, 1, 0);
	kt_select_start(s);
	KUNIT_EXPECT_EQ(test, kt_select_join(s), -ETIMEDOUT);
	kt_check(test, a);
	kt_check(test, b);
}

/*
 * A select that waits at @b has lost there. @before: a call waits ahead of it.
 * @after: a call waits behind it. @met: others find it in the queue before it takes
 * itself out.
 */
static void wait_lose(struct kunit *test, bool met, bool before, bool after)
{
	struct kchan *a = kt_chan(test, 8, 0), *b = kt_chan(test, 8, 0);
	struct kt_call *first = NULL, *last = NULL;
	struct kt_select *s;
	struct kchan_step step;

	if (before)
		first = kt_park_recv_n(test, b);
	s = kt_park_two(test, a, false, b, false);
	if (after)
		last = kt_park_recv_n(test, b);
	KUNIT_EXPECT_EQ(test, kt_give(a, 1, &step), 0);
	if (met) {
		/* A send passes it over, and takes it out. */
		if (before)
			KUNIT_EXPECT_EQ(test, kt_send_n(b, 2), 0);
		KUNIT_EXPECT_EQ(test, kt_send_n(b, 3), after ? 0 : -EAGAIN);
		KUNIT_EXPECT_EQ(test, b->receivers.len, 0);
	}
	kchan_finish(a, &step);
	kt_expect_chosen(s, 0, 0);
	/* The others have kept their places. */
	if (!met && before)
		KUNIT_EXPECT_EQ(test, kt_send_n(b, 2), 0);
	if (!met && after)
		KUNIT_EXPECT_EQ(test, kt_send_n(b, 3), 0);
	if (before)
		KUNIT_EXPECT_EQ(test, kt_join_n(first), 2);
	if (after)
		KUNIT_EXPECT_EQ(test, kt_join_n(last), 3);
	kt_check(test, a);
	kt_check(test, b);
}

/*
 * Trap: when a loser is removed, "only element of the queue" is taken for "already
 * taken out". The loser is alone, first, in the middle, or last.
 */
static void wait_losers(struct kunit *test)
{
	unsigned int way;

	for (way = 0; way < 8; way++)
		wait_lose(test, way & 4, way & 2, way & 1);
}

/* First come, first served, both for selects and for plain calls. */
static void wait_in_turn(struct kunit *test)
{
	struct kchan *ch = kt_chan(test, 8, 0), *other = kt_chan(test, 8, 0);
	struct kt_call *first = kt_park_recv_n(test, ch), *third;
	struct kt_select *second, *fourth;

	second = kt_park_two(test, other, true, ch, false);
	third = kt_park_recv_n(test, ch);
	fourth = kt_park_two(test, ch, false, other, true);
	KUNIT_EXPECT_EQ(test, kt_send_n(ch, 1), 0);
	KUNIT_EXPECT_EQ(test, kt_send_n(ch, 2), 0);
	KUNIT_EXPECT_EQ(test, kt_send_n(ch, 3), 0);
	KUNIT_EXPECT_EQ(test, kt_join_n(first), 1);
	kt_expect_chosen(second, 1, 0);
	KUNIT_EXPECT_EQ(test, kt_case_n(second, 1), 2);
	KUNIT_EXPECT_EQ(test, kt_join_n(third), 3);
	/*
	 * The other case of the second select is no longer in front of that of the
	 * fourth.
	 */
	KUNIT_EXPECT_EQ(test, kt_recv_n(other), 101);
	kt_expect_chosen(fourth, 1, 0);
	kt_check(test, ch);
	kt_check(test, other);
}

/**
 * struct wait_noise - a file that is never ready, and wakes who asks it, each time
 * @queue: who waits for it
 * @asked: how often it was asked
 * @sig: the signal that the task which asks gets, the second time; 0 for none
 * @on: the channel that it sends to, the second time; NULL for none
 */
struct wait_noise {
	wait_queue_head_t queue;
	unsigned int asked;
	int sig;
	struct kchan *on;
};

/* After so many times it is silent, so that a select that does not end is seen. */
#define WAIT_NOISE_MOST	1000

/*
 * The second time that it is asked, the select is about to park. So what happens there
 * has happened when the select sleeps.
 */
#define WAIT_NOISE_PARKS	2

/* The first time that a parked select asks. */
#define WAIT_NOISE_PARKED	3

static __poll_t wait_noise_poll(struct file *file, poll_table *pt)
{
	struct wait_noise *n = file->private_data;

	poll_wait(file, &n->queue, pt);
	n->asked++;
	if (n->asked == WAIT_NOISE_PARKS && n->sig)
		send_sig(n->sig, current, 1);
	if (n->asked == WAIT_NOISE_PARKED && n->on)
		kt_send_n(n->on, 5);
	if (n->asked < WAIT_NOISE_MOST)
		wake_up_poll(&n->queue, EPOLLIN);
	return 0;
}

static const struct file_operations wait_noise_fops = {
	.poll = wait_noise_poll,
};

static const struct {
	bool beside;	/* it also receives from a channel */
	ktime_t deadline;
	int sig;
	bool send;
	int ret;
} wait_noise_ends[] = {
	{ .deadline = 1, .ret = -ETIMEDOUT },
	{ .beside = true, .deadline = 1, .ret = -ETIMEDOUT },
	{ .sig = SIGTERM, .ret = -ERESTARTSYS },
	{ .beside = true, .sig = SIGTERM, .ret = -ERESTARTSYS },
	{ .beside = true, .send = true, .ret = 1 },
};

/*
 * A file wakes a select again before the select has looked at all its files, every
 * time. The select never sleeps then. It still looks at its deadline, at its signals,
 * and at its other cases.
 */
static void wait_amid_noise(struct kunit *test)
{
	struct kchan *ch = kt_chan(test, 8, 0);
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(wait_noise_ends); i++) {
		struct wait_noise n = {
			.sig = wait_noise_ends[i].sig,
			.on = wait_noise_ends[i].send ? ch : NULL,
		};
		struct file *file = kt_file(test, &wait_noise_fops, &n);
		struct kt_select *s = kt_select(test);

		init_waitqueue_head(&n.queue);
		kt_add_file(s, file);
		if (wait_noise_ends[i].beside)
			kt_add_recv_n(s, ch);
		s->deadline = wait_noise_ends[i].deadline;
		kt_select_start(s);
		KUNIT_EXPECT_EQ(test, kt_select_join(s), wait_noise_ends[i].ret);
		KUNIT_EXPECT_LE_MSG(test, n.asked, WAIT_NOISE_PARKED, "end %u", i);
		if (n.on)
			KUNIT_EXPECT_EQ(test, kt_case_n(s, 1), 5);
		fput(file);
		kt_check(test, ch);
	}
}

static struct kunit_case wait_cases[] = {
	KUNIT_CASE(wait_for_either),
	KUNIT_CASE_PARAM(wait_for_any_size, wait_size_gen_params),
	KUNIT_CASE(wait_claimed_once),
	KUNIT_CASE(wait_one_channel_twice),
	KUNIT_CASE(wait_not_for_itself),
	KUNIT_CASE(wait_claim_wins),
	KUNIT_CASE_PARAM(wait_given_up, wait_size_gen_params),
	KUNIT_CASE(wait_past_deadline),
	KUNIT_CASE(wait_losers),
	KUNIT_CASE(wait_in_turn),
	KUNIT_CASE(wait_amid_noise),
	{}
};

static struct kunit_suite wait_suite = {
	.name = "kchan_select_wait",
	.test_cases = wait_cases,
};

kunit_test_suite(wait_suite);
