// SPDX-License-Identifier: GPL-2.0-only
/*
 * Large elements, which are passed by pointer. Their ring pays for as many of them as
 * it has slots, wherever they are, until they are freed. A ring lives as long as it
 * pays for an element.
 */
#include <kunit/test.h>
#include <linux/err.h>
#include <linux/poll.h>
#include <linux/random.h>
#include <linux/slab.h>

#include "arms.h"
#include "frees.h"
#include "parties.h"
#include "ring.h"
#include "selects.h"
#include "users.h"

#define PREPAID_SIZE	(PAGE_SIZE + 8)

/* What a ring with @capacity slots is charged, with its elements. */
static size_t prepaid_charge(u32 capacity)
{
	return kt_ring_charge(capacity * sizeof(void *)) +
	       max(capacity, 1U) * kt_elem_charge(PREPAID_SIZE);
}

static ssize_t prepaid_send(struct kt_user *u, struct kchan *ch, u64 n)
{
	struct kt_call *call = kt_call(u->test, ch, true, PREPAID_SIZE);
	ssize_t ret;

	*(u64 *)call->buf = n;
	ret = kt_user_send(u, call);
	/* The call ends with the test, and the channel ends earlier. */
	call->ch = NULL;
	return ret == PREPAID_SIZE ? 0 : ret;
}

static s64 prepaid_recv(struct kt_user *u, struct kchan *ch)
{
	void *buf = kunit_kzalloc(u->test, PREPAID_SIZE, GFP_KERNEL);
	ssize_t ret;

	KUNIT_ASSERT_NOT_NULL(u->test, buf);
	ret = kt_try_recv(ch, buf, PREPAID_SIZE);
	return ret == PREPAID_SIZE ? *(s64 *)buf : ret;
}

static struct kchan_elem *prepaid_elem(struct kt_user *u, struct kchan *ch)
{
	struct kchan_elem *elem;

	kt_become(u);
	elem = kchan_elem_alloc(ch, PREPAID_SIZE);
	kt_return(u);
	return elem;
}

/* A channel that leaves too little of the user's quota for one more element. */
static struct kchan *prepaid_filler(struct kt_user *u)
{
	struct kchan *filler = kt_user_alloc(u);

	KUNIT_ASSERT_FALSE(u->test, IS_ERR(filler));
	KUNIT_ASSERT_EQ(u->test, kchan_setup(filler, 8, 12600, 0), 0);
	return filler;
}

static u32 prepaid_used(struct kchan *ch)
{
	return kchan_newest(ch)->used;
}

/*
 * The elements of the buffer are charged when the buffer is made, and not when they
 * are sent.
 */
static void prepaid_buffer(struct kunit *test)
{
	struct kt_user *u = kt_user(test, NULL, 60001);
	struct kchan *ch = kt_user_chan(u, PREPAID_SIZE, 3);
	u64 n;

	kt_expect_charged(u, prepaid_charge(3));
	for (n = 0; n < 3; n++)
		KUNIT_EXPECT_EQ(test, prepaid_send(u, ch, n), 0);
	KUNIT_EXPECT_EQ(test, prepaid_used(ch), 3);
	KUNIT_EXPECT_EQ(test, prepaid_send(u, ch, n), -EAGAIN);
	kt_expect_charged(u, prepaid_charge(3));
	for (n = 0; n < 3; n++)
		KUNIT_EXPECT_EQ(test, prepaid_recv(u, ch), n);
	KUNIT_EXPECT_EQ(test, prepaid_used(ch), 0);
	kt_expect_charged(u, prepaid_charge(3));
	kt_user_put(ch);
	kt_expect_charged(u, 0);
}

/* So a send that has room does not fail for a quota, even if the quota is used up. */
static void prepaid_quota_full(struct kunit *test)
{
	struct kt_user *u = kt_user(test, NULL, 60001);
	struct kchan *ch = kt_user_chan(u, PREPAID_SIZE, 2);
	struct kchan *filler = prepaid_filler(u);
	struct kchan_elem *elem;

	KUNIT_EXPECT_EQ(test, prepaid_send(u, ch, 0), 0);
	KUNIT_EXPECT_EQ(test, prepaid_send(u, ch, 1), 0);
	/*
	 * A send that finds the buffer full is told so, and is not told of the quota.
	 */
	KUNIT_EXPECT_EQ(test, prepaid_send(u, ch, 2), -EAGAIN);
	elem = prepaid_elem(u, ch);
	KUNIT_EXPECT_EQ(test, PTR_ERR_OR_ZERO(elem), -EDQUOT);

	/*
	 * An element in flight still holds its place. So nothing pays for a new
	 * element, although the buffer has room.
	 */
	elem = kt_detach(test, ch);
	KUNIT_EXPECT_EQ(test, prepaid_used(ch), 2);
	KUNIT_EXPECT_FALSE(test, !!(kchan_readiness(ch, FMODE_WRITE) & EPOLLOUT));
	KUNIT_EXPECT_EQ(test, prepaid_send(u, ch, 2), -EAGAIN);
	kt_settle(ch, elem);
	KUNIT_EXPECT_TRUE(test, !!(kchan_readiness(ch, FMODE_WRITE) & EPOLLOUT));
	KUNIT_EXPECT_EQ(test, prepaid_send(u, ch, 2), 0);
	KUNIT_EXPECT_EQ(test, prepaid_recv(u, ch), 1);
	KUNIT_EXPECT_EQ(test, prepaid_recv(u, ch), 2);
	kt_user_put(ch);
	kt_user_put(filler);
	kt_expect_charged(u, 0);
}

/* An element beyond the places of the ring is charged by itself. */
static void prepaid_beyond(struct kunit *test)
{
	struct kt_user *u = kt_user(test, NULL, 60001);
	struct kt_user *other = kt_user(test, NULL, 60002);
	struct kchan *ch = kt_user_chan(u, PREPAID_SIZE, 1);
	struct kchan_elem *a = prepaid_elem(other, ch), *b = prepaid_elem(other, ch);

	KUNIT_ASSERT_FALSE(test, IS_ERR(a));
	KUNIT_ASSERT_FALSE(test, IS_ERR(b));
	/* Whoever sends, the user who opened the channel is charged. */
	kt_expect_charged(u, prepaid_charge(1) + kt_elem_charge(PREPAID_SIZE));
	kt_expect_charged(other, 0);
	/* Whichever element is freed, its own place comes free. */
	kchan_elem_free(ch, a);
	KUNIT_EXPECT_EQ(test, prepaid_used(ch), 0);
	kt_expect_charged(u, prepaid_charge(1) + kt_elem_charge(PREPAID_SIZE));
	kchan_elem_free(ch, b);
	kt_expect_charged(u, prepaid_charge(1));
	KUNIT_EXPECT_EQ(test, prepaid_used(ch), 0);
	kt_user_put(ch);
	kt_expect_charged(u, 0);
}

/* A rendezvous is charged for the one element that its sender stages. */
static void prepaid_rendezvous(struct kunit *test)
{
	struct kt_user *u = kt_user(test, NULL, 60001);
	struct kt_user *other = kt_user(test, NULL, 60002);
	struct kchan *ch = kt_user_chan(u, PREPAID_SIZE, 0);
	struct kt_party *first, *second;

	kt_expect_charged(u, prepaid_charge(0));
	kt_become(other);
	first = kt_party_sender(test, ch, 1);
	second = kt_party_sender(test, ch, 2);
	kt_return(other);
	KUNIT_EXPECT_EQ(test, prepaid_used(ch), 1);
	kt_expect_charged(other, 0);
	kt_expect_charged(u, prepaid_charge(0) + kt_elem_charge(PREPAID_SIZE));
	KUNIT_EXPECT_EQ(test, prepaid_recv(u, ch), 1);
	KUNIT_EXPECT_EQ(test, prepaid_used(ch), 0);
	kt_expect_charged(u, prepaid_charge(0) + kt_elem_charge(PREPAID_SIZE));
	KUNIT_EXPECT_EQ(test, prepaid_recv(u, ch), 2);
	kt_expect_charged(u, prepaid_charge(0));
	kt_party_end(first);
	kt_party_end(second);
	kt_user_put(ch);
	kt_expect_charged(u, 0);
}

/*
 * A ring that is retired while elements that it pays for are in flight stays charged,
 * until the last of them is freed or received.
 */
static void prepaid_retired(struct kunit *test)
{
	struct kt_user *u = kt_user(test, NULL, 60001);
	struct kchan *ch = kt_user_chan(u, PREPAID_SIZE, 3);
	struct kchan_elem *elem[3];
	unsigned int i;

	for (i = 0; i < 3; i++)
		KUNIT_EXPECT_EQ(test, prepaid_send(u, ch, i), 0);
	for (i = 0; i < 3; i++)
		elem[i] = kt_detach(test, ch);
	KUNIT_EXPECT_EQ(test, kt_user_resize(u, ch, 0), 0);
	KUNIT_EXPECT_TRUE(test, list_is_singular(&ch->rings));
	KUNIT_EXPECT_EQ(test, prepaid_used(ch), 0);
	kt_expect_charged(u, prepaid_charge(3) + prepaid_charge(0));
	kt_settle(ch, elem[1]);
	kt_expect_charged(u, prepaid_charge(3) + prepaid_charge(0));
	/* An element that comes back holds its place, also while it is put back. */
	kchan_put_back(ch, elem[2]);
	kchan_put_back(ch, elem[0]);
	KUNIT_EXPECT_EQ(test, prepaid_recv(u, ch), 0);
	kt_expect_charged(u, prepaid_charge(3) + prepaid_charge(0));
	KUNIT_EXPECT_EQ(test, prepaid_recv(u, ch), 2);
	kt_expect_charged(u, prepaid_charge(0));
	kt_user_put(ch);
	kt_expect_charged(u, 0);
}

/* A ring still holds elements when another one is added, and is then drained. */
static void prepaid_drained(struct kunit *test)
{
	struct kt_user *u = kt_user(test, NULL, 60001);
	struct kchan *ch = kt_user_chan(u, PREPAID_SIZE, 2);
	struct kchan_elem *elem;

	KUNIT_EXPECT_EQ(test, prepaid_send(u, ch, 0), 0);
	KUNIT_EXPECT_EQ(test, prepaid_send(u, ch, 1), 0);
	KUNIT_EXPECT_EQ(test, kt_user_resize(u, ch, 4), 0);
	kt_expect_charged(u, prepaid_charge(2) + prepaid_charge(4));
	KUNIT_EXPECT_EQ(test, prepaid_send(u, ch, 2), 0);
	KUNIT_EXPECT_EQ(test, prepaid_used(ch), 1);
	KUNIT_EXPECT_EQ(test, prepaid_recv(u, ch), 0);
	/* The last element of the old ring. The ring leaves the list with it. */
	elem = kt_detach(test, ch);
	KUNIT_EXPECT_TRUE(test, list_is_singular(&ch->rings));
	kt_expect_charged(u, prepaid_charge(2) + prepaid_charge(4));
	kt_settle(ch, elem);
	kt_expect_charged(u, prepaid_charge(4));
	KUNIT_EXPECT_EQ(test, prepaid_recv(u, ch), 2);
	kt_user_put(ch);
	kt_expect_charged(u, 0);
}

/* The last receive end goes, while elements hold all the places. */
static void prepaid_dropped(struct kunit *test)
{
	struct kt_user *u = kt_user(test, NULL, 60001);
	struct kchan *ch = kt_user_chan(u, PREPAID_SIZE, 3);
	struct kchan_elem *back, *flying, *staged;
	unsigned int i;

	for (i = 0; i < 3; i++)
		KUNIT_EXPECT_EQ(test, prepaid_send(u, ch, i), 0);
	back = kt_detach(test, ch);
	flying = kt_detach(test, ch);
	kchan_put_back(ch, back);
	staged = prepaid_elem(u, ch);
	KUNIT_ASSERT_FALSE(test, IS_ERR(staged));
	kt_expect_charged(u, prepaid_charge(3) + kt_elem_charge(PREPAID_SIZE));
	kchan_end_put(ch, FMODE_READ);
	KUNIT_EXPECT_TRUE(test, list_empty(&ch->rings));
	/* One element is in flight, and its ring still pays for it. */
	kt_expect_charged(u, prepaid_charge(3) + kt_elem_charge(PREPAID_SIZE));
	kchan_elem_free(ch, staged);
	kt_expect_charged(u, prepaid_charge(3));
	kchan_put_back(ch, flying);
	kt_expect_charged(u, 0);
	/* There is nobody to send to, and nothing that pays for the element. */
	KUNIT_EXPECT_EQ(test, prepaid_send(u, ch, 9), -EPIPE);
	KUNIT_EXPECT_EQ(test, kt_user_resize(u, ch, 2), 0);
	KUNIT_EXPECT_EQ(test, prepaid_send(u, ch, 9), -EPIPE);
	kchan_end_put(ch, FMODE_WRITE);
	kchan_put(ch);
	kt_expect_charged(u, 0);
}

/*
 * A large element that was received stays with the ring, as far as the ring pays for
 * it, and the next send takes it. Messages differ in length, and do not.
 */
static void prepaid_spare(struct kunit *test)
{
	const u32 size = PREPAID_SIZE;
	unsigned int message;

	for (message = 0; message < 2; message++) {
		struct kchan *ch = message ? kt_message_chan(test, size, 2) :
					     kt_chan(test, size, 2);
		struct kt_call *buf = kt_call(test, ch, true, size);
		struct kchan_ring *ring = kchan_newest(ch);
		struct kchan_elem *elem, *more;
		unsigned int i;

		for (i = 0; i < 3; i++) {
			kt_fill(buf->buf, size, i);
			KUNIT_EXPECT_EQ(test, kt_try_send(ch, buf->buf, size), size);
			KUNIT_EXPECT_NULL(test, ring->spare);
			memset(buf->buf, 0, size);
			KUNIT_EXPECT_EQ(test, kt_try_recv(ch, buf->buf, size), size);
			KUNIT_EXPECT_TRUE(test, kt_filled(buf->buf, size, i));
			KUNIT_EXPECT_EQ(test, !ring->spare, message);
		}
		elem = kchan_elem_alloc(ch, size);
		KUNIT_ASSERT_FALSE(test, IS_ERR(elem));
		KUNIT_EXPECT_NULL(test, ring->spare);
		/* What an older ring pays for does not stay. */
		KUNIT_EXPECT_EQ(test, kt_try_send(ch, buf->buf, size), size);
		KUNIT_EXPECT_EQ(test, kchan_resize(ch, 3), 0);
		more = kt_detach(test, ch);
		kt_settle(ch, more);
		KUNIT_EXPECT_PTR_NE(test, kchan_newest(ch), ring);
		KUNIT_EXPECT_NULL(test, kchan_newest(ch)->spare);
		kchan_elem_free(ch, elem);
		kt_check(test, ch);
	}
}

#define PREPAID_FLYING	6

/* Random operations: in the end nobody is charged for anything. */
static void prepaid_random(struct kunit *test)
{
	struct kt_user *u = kt_user(test, NULL, 60001);
	unsigned int round, i, k;

	for (round = 0; round < kt_scale(24); round++) {
		struct kchan *ch = kt_user_chan(u, PREPAID_SIZE, round % 4);
		struct kchan_elem *elem[PREPAID_FLYING] = {};

		for (i = 0; i < 60; i++) {
			k = get_random_u32_below(PREPAID_FLYING);
			switch (get_random_u32_below(6)) {
			case 0:
			case 1:
				prepaid_send(u, ch, i);
				break;
			case 2:
				prepaid_recv(u, ch);
				break;
			case 3:
				kt_user_resize(u, ch, get_random_u32_below(4));
				break;
			case 4:
				if (elem[k])
					kt_settle(ch, elem[k]);
				elem[k] = NULL;
				if (kt_try_detach(ch, &elem[k]))
					elem[k] = NULL;
				break;
			case 5:
				if (elem[k])
					kchan_put_back(ch, elem[k]);
				elem[k] = NULL;
				break;
			}
		}
		if (round % 2)
			kchan_end_put(ch, FMODE_READ);
		for (k = 0; k < PREPAID_FLYING; k++)
			if (elem[k])
				kchan_put_back(ch, elem[k]);
		kchan_end_put(ch, round % 2 ? FMODE_WRITE :
			      FMODE_READ | FMODE_WRITE);
		kchan_put(ch);
		KUNIT_ASSERT_EQ(test, kt_charged(u), 0);
	}
}

/* A send does what poll reported, in all the states that the places may be in. */
static void prepaid_poll(struct kunit *test)
{
	struct kt_user *u = kt_user(test, NULL, 60001);
	struct kchan *ch = kt_user_chan(u, PREPAID_SIZE, 2);
	struct kchan *filler = prepaid_filler(u);
	struct kchan_elem *elem[3] = {};
	unsigned int i, k, agreed = 0;

	for (i = 0; i < kt_scale(400); i++) {
		const bool out = kchan_readiness(ch, FMODE_WRITE) & EPOLLOUT;

		KUNIT_EXPECT_EQ(test, prepaid_send(u, ch, i), out ? 0 : -EAGAIN);
		agreed += out;
		k = get_random_u32_below(3);
		if (elem[k] && get_random_u32_below(2))
			kchan_put_back(ch, elem[k]);
		else if (elem[k])
			kt_settle(ch, elem[k]);
		elem[k] = NULL;
		if (get_random_u32_below(2))
			prepaid_recv(u, ch);
		else if (kt_try_detach(ch, &elem[k]))
			elem[k] = NULL;
	}
	KUNIT_EXPECT_GT(test, agreed, 10);
	for (k = 0; k < 3; k++)
		if (elem[k])
			kt_settle(ch, elem[k]);
	kt_user_put(ch);
	kt_user_put(filler);
	kt_expect_charged(u, 0);
}

/*
 * A send that is staged has paid, perhaps with the last place. It is ready when there
 * is room, although nobody could pay for another element.
 */
static void prepaid_staged(struct kunit *test)
{
	struct kt_user *u = kt_user(test, NULL, 60001);
	struct kchan *ch = kt_user_chan(u, PREPAID_SIZE, 2);
	/* Nobody whose quota is used up pays for a receive there. */
	struct kchan *other = kt_chan(test, 8, 1);
	struct kchan *filler = prepaid_filler(u);
	struct kchan_armed *armed = kt_armed(test);
	struct kchan_armed_cases *cases = kt_arm_begin(test, 2, KT_COMMIT);
	struct kchan_elem *flying;
	struct kchan_commit commit;

	KUNIT_EXPECT_EQ(test, prepaid_send(u, ch, 0), 0);
	flying = kt_detach(test, ch);
	kt_arm_add(cases, ch, true, kt_user_filled(test, PREPAID_SIZE, 7));
	kt_arm_add(cases, other, false, 0);
	kt_become(u);
	KUNIT_EXPECT_EQ(test, kt_arm(armed, cases), 0);
	kt_return(u);
	KUNIT_EXPECT_EQ(test, prepaid_used(ch), 2);
	KUNIT_EXPECT_FALSE(test, kchan_elem_payable(ch));
	KUNIT_EXPECT_EQ(test, kt_len(ch), 1);
	KUNIT_EXPECT_EQ(test, kt_armed_read(armed, &commit, sizeof(commit)),
			sizeof(commit));
	KUNIT_EXPECT_EQ(test, commit.index, 0);
	KUNIT_EXPECT_EQ(test, commit.status, 0);
	kchan_armed_close(armed);
	kt_settle(ch, flying);
	kt_user_put(ch);
	kt_user_put(filler);
	kt_expect_charged(u, 0);
}

static size_t prepaid_places(void *arg)
{
	return ((struct kchan_ring *)arg)->used;
}

/*
 * An element holds its place until its memory is free, where the ring does not keep it:
 * a message, and one of a channel that is closed.
 */
static void prepaid_freed_first(struct kunit *test)
{
	unsigned int message;

	for (message = 0; message < 2; message++) {
		struct kchan *ch = message ? kt_message_chan(test, PREPAID_SIZE, 2) :
					     kt_chan(test, PREPAID_SIZE, 2);
		struct kchan_ring *ring = kchan_newest(ch);
		struct kt_frees *f = kt_frees(test, prepaid_places, ring);
		struct kchan_elem *elem;
		unsigned int i;

		if (!message)
			KUNIT_EXPECT_EQ(test, kchan_close(ch), 0);
		for (i = 0; i < 2; i++) {
			elem = kchan_elem_alloc(ch, PREPAID_SIZE);
			KUNIT_ASSERT_FALSE(test, IS_ERR(elem));
			KUNIT_EXPECT_EQ(test, ring->used, 1);
			kt_frees_watch(f, i ? (void *)elem : elem->data);
			kchan_elem_free(ch, elem);
			kt_frees_expect(f, 1);
			KUNIT_EXPECT_EQ(test, ring->used, 0);
		}
		KUNIT_EXPECT_NULL(test, ring->spare);
		kt_check(test, ch);
	}
}

static size_t prepaid_nothing(void *arg)
{
	return 0;
}

/* A ring that goes frees the spare elements that it has. */
static void prepaid_spare_freed(struct kunit *test)
{
	struct kt_frees *f = kt_frees(test, prepaid_nothing, NULL);
	struct kt_user *u = kt_user(test, NULL, 60001);
	unsigned int part, way;

	for (way = 0; way < 4; way++) {
		struct kchan *ch = kt_user_chan(u, PREPAID_SIZE, 1);
		struct kchan_elem *spare;

		part = way % 2;
		KUNIT_EXPECT_EQ(test, prepaid_send(u, ch, 1), 0);
		KUNIT_EXPECT_EQ(test, prepaid_recv(u, ch), 1);
		spare = kchan_newest(ch)->spare;
		KUNIT_ASSERT_NOT_NULL(test, spare);
		kt_frees_watch(f, part ? (void *)spare : spare->data);
		if (way < 2)
			KUNIT_EXPECT_EQ(test, kt_user_resize(u, ch, 2), 0);
		else
			kchan_end_put(ch, FMODE_READ);
		kt_frees_expect(f, 0);
		if (way < 2)
			kchan_end_put(ch, FMODE_READ);
		kchan_end_put(ch, FMODE_WRITE);
		kchan_put(ch);
		kt_expect_charged(u, 0);
	}
}

/*
 * An armed select is all that holds a channel. When it goes, in any way, the element that
 * it has staged is freed before the channel is; KASAN would see otherwise.
 */
static void prepaid_armed_last(struct kunit *test)
{
	unsigned int way;

	for (way = 0; way < 3; way++) {
		struct kt_user *u = kt_user(test, NULL, 60001);
		struct kchan *ch = kt_user_chan(u, PREPAID_SIZE, 0);
		struct kchan *other = kt_chan(test, 8, 0);
		struct kchan_armed_cases *cases = kt_arm_begin(test, 3, KT_COMMIT);
		struct kchan_armed *armed = kt_armed(test);
		u64 out[KT_COMMIT / 8 + 1];

		/* Both directions, so that the channel stays open. */
		kt_arm_add(cases, ch, true, kt_user_filled(test, PREPAID_SIZE, 7));
		kt_arm_add(cases, ch, false, 0);
		kt_arm_add(cases, other, false, 0);
		kt_become(u);
		KUNIT_EXPECT_EQ(test, kt_arm(armed, cases), 0);
		kt_return(u);
		KUNIT_EXPECT_EQ(test, prepaid_used(ch), 1);
		kt_user_put(ch);
		kt_expect_charged(u, prepaid_charge(0));
		if (way == 0) {
			KUNIT_EXPECT_EQ(test, kt_send_n(other, 5), 0);
			KUNIT_EXPECT_EQ(test, kt_armed_read(armed, out, sizeof(out)),
					sizeof(out));
		} else if (way == 1) {
			KUNIT_EXPECT_EQ(test, kchan_armed_disarm(armed), 0);
		}
		if (way < 2)
			kt_expect_charged(u, 0);
		kchan_armed_close(armed);
		kt_expect_charged(u, 0);
		kt_check(test, other);
	}
}

static struct kunit_case prepaid_cases[] = {
	KUNIT_CASE(prepaid_buffer),
	KUNIT_CASE(prepaid_quota_full),
	KUNIT_CASE(prepaid_staged),
	KUNIT_CASE(prepaid_beyond),
	KUNIT_CASE(prepaid_rendezvous),
	KUNIT_CASE(prepaid_retired),
	KUNIT_CASE(prepaid_drained),
	KUNIT_CASE(prepaid_dropped),
	KUNIT_CASE(prepaid_spare),
	KUNIT_CASE(prepaid_random),
	KUNIT_CASE(prepaid_poll),
	KUNIT_CASE(prepaid_freed_first),
	KUNIT_CASE(prepaid_spare_freed),
	KUNIT_CASE(prepaid_armed_last),
	{}
};

static struct kunit_suite prepaid_suite = {
	.name = "kchan_prepaid",
	.init = kt_limits_init,
	.exit = kt_limits_exit,
	.test_cases = prepaid_cases,
};

kunit_test_suite(prepaid_suite);
