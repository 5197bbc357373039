// SPDX-License-Identifier: GPL-2.0-only
/*
 * Selects with a default. The default is taken only if there was an instant at which
 * no case was ready. Each ready case has the same probability.
 */
#include <kunit/test.h>
#include <linux/err.h>
#include <linux/file.h>
#include <linux/fs.h>
#include <linux/math.h>
#include <linux/poll.h>
#include <linux/slab.h>

#include "between.h"
#include "parties.h"
#include "selects.h"

/* Each bit of a set is picked, no other bit is, and all are picked equally often. */
static void exact_pick(struct kunit *test)
{
	static const u64 sets[] = {
		1, BIT_ULL(63), 3, 0x8000000000000001, 0x7070, 0xff00ff00ff00ff00,
		U64_MAX,
	};
	const unsigned int each = 2000;
	unsigned int i, k;

	for (i = 0; i < ARRAY_SIZE(sets); i++) {
		const unsigned int nr = hweight64(sets[i]);
		unsigned int met[64] = {};

		for (k = 0; k < nr * each; k++) {
			unsigned int n = kchan_pick(sets[i]);

			KUNIT_ASSERT_LT(test, n, 64);
			met[n]++;
		}
		for (k = 0; k < 64; k++) {
			if (!(sets[i] & BIT_ULL(k)))
				KUNIT_EXPECT_EQ(test, met[k], 0);
			else
				/* Six standard deviations, or more. */
				KUNIT_EXPECT_LE(test, abs((int)(met[k] - each)),
						6 * int_sqrt(each));
		}
	}
}

/* The same for the cases of a select. Cases that are not ready do not change this. */
static void exact_fair(struct kunit *test)
{
	const unsigned int loops = kt_scale(2400);
	struct kchan *full = kt_chan(test, 8, 1), *ch[4];
	struct kt_select *s = kt_select(test);
	unsigned int i, met[7] = {};

	KUNIT_EXPECT_EQ(test, kt_send_n(full, 0), 0);
	for (i = 0; i < 4; i++)
		ch[i] = kt_chan(test, 8, 2);
	KUNIT_EXPECT_EQ(test, kt_send_n(ch[1], 1), 0);
	KUNIT_EXPECT_EQ(test, kt_send_n(ch[2], 1), 0);
	kt_add_send_n(s, full, 0);
	kt_add_send_n(s, ch[0], 0);
	kt_add_recv_n(s, ch[3]);
	kt_add_recv_n(s, ch[1]);
	kt_add_nil(s, true);
	kt_add_recv_n(s, ch[2]);
	for (i = 0; i < loops; i++) {
		int at = kt_select_now(s);

		KUNIT_ASSERT_GE(test, at, 0);
		met[at]++;
		if (at == 1)
			KUNIT_ASSERT_EQ(test, kt_recv_n(ch[0]), 0);
		else
			KUNIT_ASSERT_EQ(test, kt_send_n(s->branches[at].ch, 1), 0);
	}
	for (i = 0; i < 7; i++) {
		if (i == 1 || i == 3 || i == 5)
			KUNIT_EXPECT_LE(test, abs((int)(met[i] - loops / 3)),
					6 * int_sqrt(loops / 3));
		else
			KUNIT_EXPECT_EQ(test, met[i], 0);
	}
}

/*
 * The thing that is ready, and that moves from one of two channels to the other: an
 * element, a sender that waits, room, a receiver that waits.
 */
enum exact_thing {
	EXACT_STORED,
	EXACT_SENDER,
	EXACT_ROOM,
	EXACT_RECEIVER,
	EXACT_THINGS,
};

struct exact {
	struct kunit *test;
	enum exact_thing thing;
	struct kchan *ch[2];
	struct kt_party *p[2];
	unsigned int at;
	bool gone;
	unsigned int moves;
};

/* Puts the thing into channel @i as well. */
static void exact_put(struct exact *e, unsigned int i)
{
	switch (e->thing) {
	case EXACT_STORED:
		kt_send_n(e->ch[i], 7);
		break;
	case EXACT_SENDER:
		e->p[i] = kt_party_sender(e->test, e->ch[i], 7);
		break;
	case EXACT_ROOM:
		kt_recv_n(e->ch[i]);
		break;
	case EXACT_RECEIVER:
		e->p[i] = kt_party_receiver(e->test, e->ch[i], 8);
		break;
	default:
		break;
	}
}

/* Takes the thing from channel @i. Returns whether it was still there. */
static bool exact_take(struct exact *e, unsigned int i)
{
	bool there = false;

	switch (e->thing) {
	case EXACT_STORED:
		there = kt_recv_n(e->ch[i]) == 7;
		break;
	case EXACT_ROOM:
		there = !kt_send_n(e->ch[i], 7);
		break;
	default:
		there = kt_party_give_up(e->p[i]);
		kt_party_end(e->p[i]);
		break;
	}
	return there;
}

/*
 * Moves the thing. It is put before it is taken, so that one of the two channels is
 * ready at every moment.
 */
static void exact_move(struct exact *e)
{
	if (e->gone)
		return;
	exact_put(e, !e->at);
	if (exact_take(e, e->at)) {
		e->at = !e->at;
		e->moves++;
	} else {
		/* The select has it. */
		exact_take(e, !e->at);
		e->gone = true;
	}
}

/*
 * The lock of one channel has been dropped: the thing moves there, and the other
 * channel is watched next.
 */
static void exact_dropped(struct kt_between *b)
{
	struct exact *e = b->arg;

	exact_move(e);
	kt_between_at(b, e->ch[!e->at], 0);
}

/*
 * The poll of a file that is never ready. While it is asked, the thing moves for the
 * first time.
 */
static __poll_t exact_poll(struct file *file, poll_table *pt)
{
	struct kt_between *b = file->private_data;
	struct exact *e = b->arg;

	exact_move(e);
	kt_between_at(b, e->ch[!e->at], 0);
	return 0;
}

static const struct file_operations exact_fops = {
	.poll = exact_poll,
};

static struct exact *exact_begin(struct kunit *test, enum exact_thing thing)
{
	const bool buffer = thing == EXACT_STORED || thing == EXACT_ROOM;
	struct exact *e = kunit_kzalloc(test, sizeof(*e), GFP_KERNEL);
	unsigned int i;

	KUNIT_ASSERT_NOT_NULL(test, e);
	e->test = test;
	e->thing = thing;
	e->at = 1;
	for (i = 0; i < 2; i++) {
		e->ch[i] = kt_chan(test, 8, buffer);
		if (thing == EXACT_ROOM)
			KUNIT_EXPECT_EQ(test, kt_send_n(e->ch[i], 7), 0);
	}
	return e;
}

/*
 * A select that looks at one channel after the other finds the thing in neither:
 * whenever it has looked at a channel, the thing moves there. But the thing was ready
 * at every moment, so the default is not taken.
 */
static void exact_moves(struct kunit *test)
{
	enum exact_thing thing;
	struct kt_between *b;
	struct file *file;

	for (thing = 0; thing < EXACT_THINGS; thing++) {
		struct exact *e = exact_begin(test, thing);
		const bool send = thing >= EXACT_ROOM;
		struct kt_select *s;
		unsigned int i;

		b = kt_between(test, exact_dropped, e);
		file = kt_file(test, &exact_fops, b);
		s = kt_select(test);
		for (i = 0; i < 2; i++) {
			/* The memory of the case is present, also for a receive. */
			kt_add_send_n(s, e->ch[i], 9);
			if (!send)
				s->branches[i].op = KCHAN_OP_RECV;
		}
		kt_add_file(s, file);
		exact_put(e, 1);
		KUNIT_EXPECT_GE_MSG(test, kt_select_now(s), 0, "thing %d", thing);
		KUNIT_EXPECT_EQ(test, s->call.status, 0);
		kt_between_at(b, NULL, 0);
		/*
		 * The thing was never where the select looked, until the select took
		 * all locks.
		 */
		KUNIT_EXPECT_GE(test, e->moves, 9);
		KUNIT_EXPECT_EQ(test, s->call.nr_locks, 2);
		if (!send)
			KUNIT_EXPECT_EQ(test, kt_case_n(s, s->ret), 7);
		if (!e->gone && e->p[e->at])
			kt_party_end(e->p[e->at]);
		fput(file);
		kt_check(test, e->ch[0]);
		kt_check(test, e->ch[1]);
	}
}

/*
 * A sender that waits behind many that have given up. It came when the select tried.
 */
static __poll_t exact_crowds(struct file *file, poll_table *pt)
{
	struct exact *e = file->private_data;

	if (e->moves++)
		return 0;
	kt_party_stale(e->test, e->ch[0], true, 4 * KCHAN_STEP_STALE);
	e->p[0] = kt_party_sender(e->test, e->ch[0], 7);
	return 0;
}

static const struct file_operations exact_crowd_fops = {
	.poll = exact_crowds,
};

static void exact_behind_stale(struct kunit *test)
{
	struct exact *e = exact_begin(test, EXACT_SENDER);
	struct file *file = kt_file(test, &exact_crowd_fops, e);
	struct kt_select *s = kt_select(test);

	kt_add_recv_n(s, e->ch[1]);
	kt_add_recv_n(s, e->ch[0]);
	kt_add_file(s, file);
	KUNIT_EXPECT_EQ(test, kt_select_now(s), 1);
	KUNIT_EXPECT_EQ(test, kt_case_n(s, 1), 7);
	kt_party_end(e->p[0]);
	fput(file);
	kt_check(test, e->ch[0]);
	kt_check(test, e->ch[1]);
}

/* If nothing happens, to look twice is enough, and not all locks are taken. */
static void exact_default(struct kunit *test)
{
	struct kchan *empty = kt_chan(test, 8, 1), *full = kt_chan(test, 8, 1);
	struct kchan *none = kt_chan(test, 8, 0);
	struct kt_select *s = kt_select(test);

	KUNIT_EXPECT_EQ(test, kt_send_n(full, 1), 0);
	kt_add_recv_n(s, empty);
	kt_add_send_n(s, full, 2);
	kt_add_recv_n(s, none);
	kt_add_send_n(s, none, 3);
	kt_add_nil(s, true);
	KUNIT_EXPECT_EQ(test, kt_select_now(s), -EAGAIN);
	KUNIT_EXPECT_EQ(test, s->call.nr_locks, 0);
	/* Parties that have given up are no counterparts. */
	kt_party_stale(test, none, true, 3);
	kt_party_stale(test, none, false, 3);
	KUNIT_EXPECT_EQ(test, kt_select_now(s), -EAGAIN);
	kt_check(test, empty);
	kt_check(test, none);
}

/* A sender that comes and goes may be missed. The select does not wait for it. */
static void exact_comes_and_goes(struct kt_between *b)
{
	struct exact *e = b->arg;

	e->moves++;
	kt_send_n(e->ch[0], 1);
	kt_recv_n(e->ch[0]);
	kt_between_at(b, e->ch[e->moves % 2], 0);
}

static void exact_missed(struct kunit *test)
{
	struct exact *e = exact_begin(test, EXACT_STORED);
	struct kt_between *b = kt_between(test, exact_comes_and_goes, e);
	struct kt_select *s = kt_select(test);

	kt_add_recv_n(s, e->ch[0]);
	kt_add_recv_n(s, e->ch[1]);
	kt_between_at(b, e->ch[0], 0);
	KUNIT_EXPECT_EQ(test, kt_select_now(s), -EAGAIN);
	kt_between_at(b, NULL, 0);
	/* After two tries the select has taken all locks. */
	KUNIT_EXPECT_GE(test, e->moves, 8);
	KUNIT_EXPECT_EQ(test, s->call.nr_locks, 2);
	kt_check(test, e->ch[0]);
	kt_check(test, e->ch[1]);
}

static struct kunit_case exact_cases[] = {
	KUNIT_CASE(exact_pick),
	KUNIT_CASE(exact_fair),
	KUNIT_CASE(exact_moves),
	KUNIT_CASE(exact_behind_stale),
	KUNIT_CASE(exact_default),
	KUNIT_CASE(exact_missed),
	{}
};

static struct kunit_suite exact_suite = {
	.name = "kchan_select_exact",
	.test_cases = exact_cases,
};

kunit_test_suite(exact_suite);
