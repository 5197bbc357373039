// SPDX-License-Identifier: GPL-2.0-only
/*
 * The receivers of a channel in message mode, by their room. The longest-waiting one
 * with enough room is found, whichever receivers come and go, and in little time.
 */
#include <kunit/test.h>
#include <linux/err.h>
#include <linux/random.h>
#include <linux/slab.h>

#include "harness.h"

#define ROOM_WAITERS	96
#define ROOM_MAX	40

/* A receiver that a test queues by hand. */
struct room_waiter {
	struct kchan_party party;
	struct kchan_waiter w;
};

struct room {
	struct kunit *test;
	struct kchan_waitq q;
	struct room_waiter waiters[ROOM_WAITERS];
};

static struct room *room_begin(struct kunit *test)
{
	struct room *r = kunit_kzalloc(test, sizeof(*r), GFP_KERNEL);
	unsigned int i;

	KUNIT_ASSERT_NOT_NULL(test, r);
	r->test = test;
	kchan_waitq_init(&r->q, KCHAN_OP_RECV);
	for (i = 0; i < ROOM_WAITERS; i++)
		INIT_LIST_HEAD(&r->waiters[i].w.node);
	return r;
}

static void room_add(struct room *r, struct room_waiter *at, u32 room)
{
	kchan_party_init(&at->party, NULL);
	at->w.party = &at->party;
	at->w.room = room;
	kchan_enqueue(&r->q, &at->w, true);
}

/* Finds the same by looking at each waiter in turn. */
static struct kchan_waiter *room_naive(struct room *r, u32 len)
{
	struct kchan_waiter *w;

	list_for_each_entry(w, &r->q.list, node)
		if (atomic_read(&w->party->state) == KCHAN_OPEN && w->room >= len)
			return w;
	return NULL;
}

/* Looks in as many steps as it takes. */
static struct kchan_waiter *room_first(struct room *r, u32 len)
{
	struct kchan_waiter *w;
	struct kchan_step step;

	do {
		kchan_step_begin(&step);
		w = kchan_first_with_room(&r->q, len, &step);
	} while (!w && step.more);
	return w;
}

/*
 * Returns the largest room in the subtree of a node. Checks that each node has this
 * of its own subtree.
 */
static u32 room_check_below(struct room *r, struct rb_node *node, unsigned int *nr)
{
	struct kchan_waiter *w;
	u32 most;

	if (!node)
		return 0;
	++*nr;
	w = rb_entry(node, struct kchan_waiter, by_room);
	most = max3(w->room, room_check_below(r, node->rb_left, nr),
		    room_check_below(r, node->rb_right, nr));
	if (w->max_room != most)
		KUNIT_FAIL(r->test, "the most room is %u, not %u", most,
			   w->max_room);
	return most;
}

/* Checks that the tree has the waiters of the list, in the same order. */
static void room_check(struct room *r)
{
	struct rb_node *node = rb_first(&r->q.rooms);
	unsigned int in_tree = 0, in_list = 0, wrong = 0;
	struct kchan_waiter *w;

	room_check_below(r, r->q.rooms.rb_node, &in_tree);
	list_for_each_entry(w, &r->q.list, node) {
		wrong += node != &w->by_room;
		node = node ? rb_next(node) : NULL;
		in_list++;
	}
	KUNIT_EXPECT_EQ(r->test, wrong, 0);
	KUNIT_EXPECT_EQ(r->test, in_list, r->q.len);
	KUNIT_EXPECT_EQ(r->test, in_tree, r->q.len);
}

/* Does one thing at random. */
static void room_disturb(struct room *r)
{
	struct room_waiter *at = &r->waiters[get_random_u32_below(ROOM_WAITERS)];

	if (list_empty(&at->w.node)) {
		room_add(r, at, get_random_u32_below(ROOM_MAX + 1));
		return;
	}
	switch (get_random_u32_below(4)) {
	case 0:
		/*
		 * Its owner gives up, and it stays in the queue until somebody finds
		 * it.
		 */
		atomic_set(&at->party.state, KCHAN_CLAIMED);
		break;
	case 1:
		kchan_dequeue(&r->q, &at->w);
		/* It leaves the queue for good. */
		kchan_dequeue(&r->q, &at->w);
		break;
	}
}

static void room_random(struct kunit *test)
{
	struct room *r = room_begin(test);
	const unsigned int nr = kt_scale(20000);
	unsigned int i, found = 0, none = 0, wrong = 0;

	for (i = 0; i < nr; i++) {
		struct kchan_waiter *want, *got;
		u32 len;

		room_disturb(r);
		len = get_random_u32_below(ROOM_MAX + 2);
		want = room_naive(r, len);
		got = room_first(r, len);
		wrong += want != got;
		found += !!got;
		none += !got;
		/* As when it is served. */
		if (got && !get_random_u32_below(8))
			kchan_dequeue(&r->q, got);
		if (i % 64 == 0)
			room_check(r);
		if (i % 1024 == 0)
			cond_resched();
	}
	room_check(r);
	KUNIT_EXPECT_EQ(test, wrong, 0);
	/* Both are tested often. */
	KUNIT_EXPECT_GT(test, found, nr / 200);
	KUNIT_EXPECT_GT(test, none, nr / 200);
}

/* For every order of rooms: finds the longest-waiting one of those that fit. */
static void room_orders(struct kunit *test)
{
	struct room *r = room_begin(test);
	unsigned int i, way;
	u32 len;

	for (way = 0; way < 4; way++) {
		for (i = 0; i < ROOM_WAITERS; i++)
			room_add(r, &r->waiters[i],
				 way == 0 ? i : way == 1 ? ROOM_WAITERS - i :
				 way == 2 ? 7 : i * 37 % ROOM_WAITERS);
		room_check(r);
		for (len = 0; len <= ROOM_WAITERS + 1; len++)
			KUNIT_EXPECT_PTR_EQ(test, room_first(r, len),
					    room_naive(r, len));
		/* Waiters leave at the front, at the back, and in between. */
		for (i = 0; i < ROOM_WAITERS; i++) {
			kchan_dequeue(&r->q, &r->waiters[i * 5 % ROOM_WAITERS].w);
			if (i % 8 == 0)
				room_check(r);
		}
		for (i = 0; i < ROOM_WAITERS; i++)
			kchan_dequeue(&r->q, &r->waiters[i].w);
		room_check(r);
		KUNIT_EXPECT_EQ(test, r->q.len, 0);
		KUNIT_EXPECT_TRUE(test, RB_EMPTY_ROOT(&r->q.rooms));
	}
}

/* Waiters that have given up are taken out on the way, as many as a step allows. */
static void room_stale(struct kunit *test)
{
	struct room *r = room_begin(test);
	struct kchan_step step;
	unsigned int i;

	/*
	 * An open waiter is in front, with too little room. One that fits is at the
	 * end.
	 */
	for (i = 0; i < ROOM_WAITERS; i++)
		room_add(r, &r->waiters[i], i ? 20 : 10);
	for (i = 1; i < ROOM_WAITERS - 1; i++)
		atomic_set(&r->waiters[i].party.state, KCHAN_CLAIMED);
	kchan_step_begin(&step);
	KUNIT_EXPECT_NULL(test, kchan_first_with_room(&r->q, 15, &step));
	KUNIT_EXPECT_TRUE(test, step.more);
	KUNIT_EXPECT_EQ(test, step.stale, KCHAN_STEP_STALE);
	KUNIT_EXPECT_EQ(test, r->q.len, ROOM_WAITERS - KCHAN_STEP_STALE);
	room_check(r);
	kchan_step_begin(&step);
	KUNIT_EXPECT_PTR_EQ(test, kchan_first_with_room(&r->q, 15, &step),
			    &r->waiters[ROOM_WAITERS - 1].w);
	KUNIT_EXPECT_FALSE(test, step.more);
	KUNIT_EXPECT_EQ(test, r->q.len, 2);
	room_check(r);
}

/*
 * When a message is handed over, the other receivers keep their places, and the next
 * message fits them.
 */
static void room_calls(struct kunit *test)
{
	static const u32 sizes[] = { 64, 1000, PAGE_SIZE + 64 };
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(sizes); i++) {
		struct kchan *ch = kt_message_chan(test, sizes[i], 0);
		struct kt_call *a = kt_park_recv(test, ch, 40);
		struct kt_call *b = kt_park_recv(test, ch, 10);
		struct kt_call *c = kt_park_recv(test, ch, 30);
		struct kt_call *d = kt_park_recv(test, ch, 50);
		u8 buf[50];

		kt_fill(buf, 50, i);
		KUNIT_EXPECT_EQ(test, kt_try_send(ch, buf, 20), 20);
		KUNIT_EXPECT_EQ(test, kt_join(a), 20);
		KUNIT_EXPECT_FALSE(test, kt_returned(b));
		KUNIT_EXPECT_EQ(test, kt_try_send(ch, buf, 31), 31);
		KUNIT_EXPECT_EQ(test, kt_join(d), 31);
		KUNIT_EXPECT_EQ(test, kt_join(b), -EMSGSIZE);
		KUNIT_EXPECT_EQ(test, kt_join(c), -EMSGSIZE);
		kt_check(test, ch);
	}
}

/*
 * Among very many receivers with too little room, the search goes one way down the
 * tree.
 */
static void room_fast(struct kunit *test)
{
	const unsigned int nr = 20000;
	struct room_waiter *many;
	struct room *r = room_begin(test);
	unsigned int i, wrong = 0;

	many = kvcalloc(nr, sizeof(*many), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, many);
	for (i = 0; i < nr; i++) {
		room_add(r, &many[i], i % 1000 == 999 ? 20 : 10);
		if (i >= 999)
			wrong += room_first(r, 15) != &many[999].w;
	}
	KUNIT_EXPECT_LE(test, kt_levels(r->q.rooms.rb_node), KT_LEVELS(nr));
	KUNIT_EXPECT_PTR_EQ(test, room_naive(r, 15), &many[999].w);
	KUNIT_EXPECT_EQ(test, wrong, 0);
	kvfree(many);
}

static struct kunit_case room_cases[] = {
	KUNIT_CASE(room_random),
	KUNIT_CASE(room_orders),
	KUNIT_CASE(room_stale),
	KUNIT_CASE(room_calls),
	KUNIT_CASE(room_fast),
	{}
};

static struct kunit_suite room_suite = {
	.name = "kchan_room",
	.test_cases = room_cases,
};

kunit_test_suite(room_suite);
