// SPDX-License-Identifier: GPL-2.0-only
/*
 * Allocations that fail. One allocation after the other fails. Each time all is as it
 * was before, and nobody is charged more than before.
 */
#include <kunit/test.h>
#include <linux/err.h>
#include <linux/random.h>
#include <linux/slab.h>

#include "arms.h"
#include "call.h"
#include "memory.h"
#include "ring.h"
#include "selects.h"
#include "users.h"

/* The most allocations that a test counts; far more than anything here makes. */
#define ALLOC_MAX	60

/**
 * struct alloc - what is tried
 * @test: the test
 * @u: who tries it, in a namespace of a namespace
 * @size: bytes in an element
 * @capacity: elements in the buffer
 * @ch: a channel
 * @call: a call that waits, with a deadline that has passed
 * @s: a select of that kind
 * @armed: an armed select
 * @got: what was allocated
 */
struct alloc {
	struct kunit *test;
	struct kt_user *u;
	u32 size;
	u32 capacity;
	struct kchan *ch;
	struct kt_call *call;
	struct kt_select *s;
	struct kchan_armed *armed;
	void *got;
};

static int alloc_keep(struct alloc *a, void *got)
{
	a->got = got;
	return PTR_ERR_OR_ZERO(got);
}

/*
 * Now and then the kernel allocates for itself, for example when a slab is full. Such
 * an allocation is counted as well, and one of ours is then passed over. Take some
 * objects from the slabs, so that it is not the same one in each round.
 */
static void alloc_shift(struct alloc *a)
{
	unsigned int nr = get_random_u32_below(8);

	while (nr--)
		kunit_kmalloc(a->test, 32 << get_random_u32_below(9),
			      GFP_KERNEL_ACCOUNT);
}

/*
 * Makes one allocation after the other fail while @fn runs, until a run has no
 * failing allocation. Returns how many allocations made @fn fail.
 */
static unsigned int alloc_round(struct alloc *a, int (*fn)(struct alloc *a),
				void (*undo)(struct alloc *a))
{
	const size_t charged = kt_charged(a->u);
	unsigned int nth, failed = 0;
	bool came = true;
	int ret;

	for (nth = 1; came && nth < ALLOC_MAX; nth++) {
		alloc_shift(a);
		kt_become(a->u);
		kt_fail_nth(nth);
		ret = fn(a);

		came = !kt_fail_nth(0);
		kt_return(a->u);
		if (!ret) {
			undo(a);
		} else {
			KUNIT_EXPECT_TRUE_MSG(a->test, came, "fails: %d", ret);
			/* A copy of user memory may be made to fail, too. */
			KUNIT_EXPECT_TRUE_MSG(a->test,
					      ret == -ENOMEM || ret == -EFAULT,
					      "not for lack of memory: %d", ret);
			failed += ret == -ENOMEM;
		}
		KUNIT_EXPECT_EQ_MSG(a->test, kt_charged(a->u), charged,
				    "after %u allocations", nth);
	}
	KUNIT_EXPECT_FALSE(a->test, came);
	return failed;
}

/*
 * Expects that @expected allocations make it fail, in at least one of several rounds.
 */
static void alloc_each(struct alloc *a, unsigned int expected,
		       int (*fn)(struct alloc *a), void (*undo)(struct alloc *a))
{
	unsigned int failed = 0, rounds;

	kt_failslab(a->test, true);
	for (rounds = 0; rounds < 30; rounds++) {
		failed = alloc_round(a, fn, undo);
		if (failed >= expected)
			break;
	}
	kt_failslab(a->test, false);
	KUNIT_EXPECT_GE_MSG(a->test, failed, expected, "allocations that failed");
}

static struct alloc *alloc_begin(struct kunit *test, u32 size, u32 capacity)
{
	struct alloc *a = kunit_kzalloc(test, sizeof(*a), GFP_KERNEL);
	struct kt_user *u;

	KUNIT_ASSERT_NOT_NULL(test, a);
	u = kt_user(test, NULL, 60001);
	u = kt_user(test, u, 60002);
	a->test = test;
	a->u = kt_user(test, u, 60003);
	a->size = size;
	a->capacity = capacity;
	return a;
}

static int alloc_channel(struct alloc *a)
{
	return alloc_keep(a, kchan_alloc(NULL));
}

static void alloc_put_channel(struct alloc *a)
{
	kchan_put(a->got);
}

/* The channel, and the user at each of three levels. */
static void alloc_of_channel(struct kunit *test)
{
	alloc_each(alloc_begin(test, 0, 0), 4, alloc_channel, alloc_put_channel);
}

static int alloc_setup(struct alloc *a)
{
	int ret = kchan_setup(a->ch, a->size, a->capacity, 0);

	if (ret) {
		KUNIT_EXPECT_TRUE(a->test, a->ch->message);
		KUNIT_EXPECT_TRUE(a->test, list_empty(&a->ch->rings));
	}
	return ret;
}

static int alloc_use(struct alloc *a)
{
	int ret = kchan_use(a->ch);

	if (ret) {
		KUNIT_EXPECT_FALSE(a->test, a->ch->ready);
		KUNIT_EXPECT_TRUE(a->test, list_empty(&a->ch->rings));
	}
	return ret;
}

static void alloc_new_channel(struct alloc *a)
{
	if (a->ch)
		kt_user_put(a->ch);
	a->ch = kt_user_alloc(a->u);
	KUNIT_ASSERT_FALSE(a->test, IS_ERR(a->ch));
}

/*
 * The ring, and its slots if it has any. When these fail, the channel has not
 * changed.
 */
static void alloc_of_setup(struct kunit *test)
{
	static const u32 sizes[] = { 8, PAGE_SIZE + 8, PAGE_SIZE + 8 };
	static const u32 capacities[] = { 4, 4, 0 };
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(sizes); i++) {
		struct alloc *a = alloc_begin(test, sizes[i], capacities[i]);

		alloc_new_channel(a);
		alloc_each(a, capacities[i] ? 2 : 1, alloc_setup, alloc_new_channel);
		kt_user_put(a->ch);
	}
}

static void alloc_of_use(struct kunit *test)
{
	struct alloc *a = alloc_begin(test, 0, 0);

	alloc_new_channel(a);
	alloc_each(a, 2, alloc_use, alloc_new_channel);
	kt_user_put(a->ch);
}

static int alloc_resize(struct alloc *a)
{
	int ret = kchan_resize(a->ch, 2);

	if (ret) {
		KUNIT_EXPECT_EQ(a->test, a->ch->capacity, a->capacity);
		KUNIT_EXPECT_TRUE(a->test, list_is_singular(&a->ch->rings));
	}
	return ret;
}

static void alloc_resize_back(struct alloc *a)
{
	KUNIT_EXPECT_EQ(a->test, kchan_resize(a->ch, a->capacity), 0);
}

static void alloc_of_resize(struct kunit *test)
{
	struct alloc *a = alloc_begin(test, 8, 4);

	a->ch = kt_user_chan(a->u, 8, 4);
	alloc_each(a, 2, alloc_resize, alloc_resize_back);
	kt_user_put(a->ch);
}

/* A transfer that need not wait allocates nothing at all. */
static void alloc_of_transfer(struct kunit *test)
{
	struct kchan *ch = kt_chan(test, 8, 1);

	kt_failslab(test, true);
	kt_fail_nth(1);
	KUNIT_EXPECT_EQ(test, kt_send_n(ch, 2), 0);
	KUNIT_EXPECT_EQ(test, kt_send_n(ch, 3), -EAGAIN);
	KUNIT_EXPECT_EQ(test, kt_recv_n(ch), 2);
	KUNIT_EXPECT_EQ(test, kt_recv_n(ch), -EAGAIN);
	KUNIT_EXPECT_EQ(test, kt_fail_nth(0), 1);
	kt_failslab(test, false);
	kt_check(test, ch);
}

/*
 * Large elements are messages: those of fixed size would be allocated only once, and
 * then kept to be used again.
 */
static struct kchan *alloc_chan(struct kunit *test, u32 size, u32 capacity)
{
	if (size > KCHAN_INLINE_ELEM_SIZE)
		return kt_message_chan(test, size, capacity);
	return kt_chan(test, size, capacity);
}

static int alloc_elem(struct alloc *a)
{
	return alloc_keep(a, kchan_elem_alloc(a->ch, a->size));
}

static void alloc_free_elem(struct alloc *a)
{
	kchan_elem_free(a->ch, a->got);
}

/*
 * Elements: small ones, of a user who is not known yet; large ones that a ring pays
 * for; and large ones that no ring pays for, of the channel's user.
 */
static void alloc_of_elem(struct kunit *test)
{
	static const u32 sizes[] = { 200, PAGE_SIZE + 8, 20000 };
	unsigned int i, paid;

	for (i = 0; i < 2 * ARRAY_SIZE(sizes); i++) {
		const u32 size = sizes[i / 2];
		const bool large = size > KCHAN_INLINE_ELEM_SIZE;
		struct alloc *a = alloc_begin(test, size, 1);
		struct kchan_elem *first = NULL;

		paid = i % 2;
		a->ch = alloc_chan(test, size, 1);
		if (large && !paid) {
			first = kchan_elem_alloc(a->ch, size);
			KUNIT_ASSERT_FALSE(test, IS_ERR(first));
		}
		alloc_each(a, large ? 2 : 4, alloc_elem, alloc_free_elem);
		if (large)
			KUNIT_EXPECT_EQ(test, list_first_entry(&a->ch->rings,
							       struct kchan_ring,
							       node)->used, !paid);
		kchan_elem_free(a->ch, first);
	}
}

/* An element that comes back is kept even if there is no memory at once. */
static void alloc_of_keep(struct kunit *test)
{
	struct alloc *a = alloc_begin(test, 8, 1);
	struct kchan_stack_elem small = {};
	unsigned int nth;

	a->ch = kt_chan(test, 8, 1);
	small.elem.len = 8;
	small.elem.data = small.room;
	*(u64 *)small.room = 66;
	kt_failslab(test, true);
	for (nth = 1; nth < 8; nth++) {
		struct kchan_elem *elem;

		kt_become(a->u);
		kt_fail_nth(nth);
		KUNIT_EXPECT_EQ(test, kchan_elem_pay_kept(a->ch, &small.elem), 0);
		elem = kchan_elem_keep(a->ch, &small.elem);
		kt_fail_nth(0);
		kt_return(a->u);
		KUNIT_EXPECT_EQ(test, kt_elem_n(elem), 66);
		kchan_elem_free(a->ch, elem);
		KUNIT_EXPECT_EQ(test, kt_charged(a->u), 0);
	}
	kt_failslab(test, false);
}

static int alloc_wait(struct alloc *a)
{
	struct kvec vec = { .iov_base = a->call->buf, .iov_len = a->size };
	ktime_t deadline = 1;
	struct kchan_wait wait = { .deadline = &deadline };
	struct iov_iter iter;
	ssize_t ret;

	iov_iter_kvec(&iter, a->call->send ? ITER_SOURCE : ITER_DEST, &vec, 1,
		      a->size);
	if (a->call->send)
		ret = kchan_send(a->ch, &iter, &wait);
	else
		ret = kchan_recv(a->ch, &iter, &wait);
	KUNIT_EXPECT_EQ(a->test, iov_iter_count(&iter), a->size);
	KUNIT_EXPECT_EQ(a->test, a->ch->senders.len, 0);
	KUNIT_EXPECT_EQ(a->test, a->ch->receivers.len, 0);
	return ret == -ETIMEDOUT ? 0 : ret;
}

static void alloc_nothing(struct alloc *a)
{
}

/*
 * Without memory to stage an element no call waits. An element of up to 128 bytes
 * needs no memory. A receiver of elements that are passed by pointer needs none
 * either.
 */
static void alloc_of_wait(struct kunit *test)
{
	static const u32 sizes[] = { 8, 128, 129, PAGE_SIZE, PAGE_SIZE + 8 };
	unsigned int i, send, expected;

	for (i = 0; i < 2 * ARRAY_SIZE(sizes); i++) {
		const u32 size = sizes[i / 2];
		struct alloc *a = alloc_begin(test, size, 0);

		send = i % 2;
		a->ch = alloc_chan(test, size, 0);
		a->call = kt_call(test, a->ch, send, size);
		expected = 4;
		if (size <= KCHAN_STACK_ELEM)
			expected = 0;
		else if (size > PAGE_SIZE)
			/*
			 * The ring pays for the one element of a rendezvous channel.
			 */
			expected = send ? 2 : 0;
		alloc_each(a, expected, alloc_wait, alloc_nothing);
		kt_check(test, a->ch);
	}
}

static int alloc_select(struct alloc *a)
{
	ktime_t deadline = 1;
	const struct kchan_wait wait = { .deadline = &deadline };
	int ret = kt_select_run(a->s, &wait);
	unsigned int i;

	for (i = 0; i < a->s->nr_channels; i++) {
		KUNIT_EXPECT_EQ(a->test, a->s->channels[i]->senders.len, 0);
		KUNIT_EXPECT_EQ(a->test, a->s->channels[i]->receivers.len, 0);
	}
	return ret == -ETIMEDOUT ? 0 : ret;
}

/* A select that fails to prepare its wait has moved nothing, and does not wait. */
static void alloc_of_select(struct kunit *test)
{
	static const u32 sizes[] = KT_SIZES;
	/* The user; the waiters; the staging of three, two, or no elements. */
	static const unsigned int expected[] = { 4, 7, 6 };
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(sizes); i++) {
		const u32 size = sizes[i];
		struct alloc *a = alloc_begin(test, size, 0);
		unsigned long addr = kt_user_filled(test, size, 1);
		struct kchan *full = kt_chan(test, size, 1);
		struct kchan *ch = kt_chan(test, size, 0);
		struct kt_call *buf = kt_call(test, full, true, size);

		KUNIT_EXPECT_EQ(test, kt_try_send(full, buf->buf, size), size);
		a->s = kt_select(test);
		kt_add(a->s, full, true, addr, size);
		kt_add(a->s, ch, true, addr, size);
		kt_add(a->s, ch, false, addr, size);
		alloc_each(a, expected[i], alloc_select, alloc_nothing);
		KUNIT_EXPECT_EQ(test, kt_len(full), 1);
		kt_check(test, ch);
	}
}

static int alloc_armed(struct alloc *a)
{
	return alloc_keep(a, kchan_armed_alloc());
}

static void alloc_close_armed(struct alloc *a)
{
	kchan_armed_close(a->got);
}

static int alloc_cases(struct alloc *a)
{
	return alloc_keep(a, kchan_armed_cases_alloc(3, KT_COMMIT));
}

static void alloc_free_cases(struct alloc *a)
{
	kchan_armed_cases_free(a->got);
}

/* The two objects, and the user at three levels. */
static void alloc_of_armed(struct kunit *test)
{
	alloc_each(alloc_begin(test, 0, 0), 4, alloc_armed, alloc_close_armed);
	alloc_each(alloc_begin(test, 0, 0), 4, alloc_cases, alloc_free_cases);
}

static int alloc_arm(struct alloc *a)
{
	struct kchan_armed_cases *cases = kchan_armed_cases_alloc(2, KT_COMMIT);
	int ret;

	if (IS_ERR(cases))
		return PTR_ERR(cases);
	kt_arm_add(cases, a->ch, true, (unsigned long)a->got);
	kt_arm_add(cases, a->ch, false, 0);
	ret = kt_arm(a->armed, cases);
	if (ret) {
		KUNIT_EXPECT_NULL(a->test, a->armed->cases);
		KUNIT_EXPECT_EQ(a->test, kref_read(&a->ch->ref), 1);
		KUNIT_EXPECT_EQ(a->test, a->ch->senders.len, 0);
	}
	return ret;
}

static void alloc_disarm(struct alloc *a)
{
	KUNIT_EXPECT_EQ(a->test, a->ch->senders.len, 1);
	KUNIT_EXPECT_EQ(a->test, kchan_armed_disarm(a->armed), 0);
}

/* To arm: the cases, and the staging of each. */
static void alloc_of_arm(struct kunit *test)
{
	static const u32 sizes[] = KT_SIZES;
	static const unsigned int expected[] = { 1, 3, 3 };
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(sizes); i++) {
		struct alloc *a = alloc_begin(test, sizes[i], 0);

		a->ch = alloc_chan(test, sizes[i], 0);
		a->got = (void *)kt_user_filled(test, sizes[i], 1);
		kt_become(a->u);
		a->armed = kchan_armed_alloc();
		kt_return(a->u);
		KUNIT_ASSERT_FALSE(test, IS_ERR(a->armed));
		alloc_each(a, expected[i], alloc_arm, alloc_disarm);
		kchan_armed_close(a->armed);
		KUNIT_EXPECT_EQ(test, kt_charged(a->u), 0);
		kt_check(test, a->ch);
	}
}

static struct kunit_case alloc_cases_of_tests[] = {
	KUNIT_CASE(alloc_of_channel),
	KUNIT_CASE(alloc_of_setup),
	KUNIT_CASE(alloc_of_use),
	KUNIT_CASE(alloc_of_resize),
	KUNIT_CASE(alloc_of_transfer),
	KUNIT_CASE(alloc_of_elem),
	KUNIT_CASE(alloc_of_keep),
	KUNIT_CASE(alloc_of_wait),
	KUNIT_CASE(alloc_of_select),
	KUNIT_CASE(alloc_of_armed),
	KUNIT_CASE(alloc_of_arm),
	{}
};

static struct kunit_suite alloc_suite = {
	.name = "kchan_alloc",
	.init = kt_limits_init,
	.exit = kt_limits_exit,
	.test_cases = alloc_cases_of_tests,
};

kunit_test_suite(alloc_suite);
