// SPDX-License-Identifier: GPL-2.0-only
/*
 * The geometry: setup, what fixes the geometry, and a capacity that changes while the
 * channel is in use.
 */
#include <kunit/test.h>
#include <linux/err.h>

#include "harness.h"

static void setup_default(struct kunit *test)
{
	struct kchan *ch = kt_raw_chan(test);
	struct kchan_info info;

	kt_info(ch, &info);
	KUNIT_EXPECT_EQ(test, info.flags, KCHAN_INFO_MESSAGE);
	KUNIT_EXPECT_EQ(test, info.elem_size, 4096);
	KUNIT_EXPECT_EQ(test, info.capacity, 16);
	KUNIT_EXPECT_EQ(test, info.len, 0);
	KUNIT_EXPECT_EQ(test, info.send_ends, 1);
	KUNIT_EXPECT_EQ(test, info.recv_ends, 1);
	KUNIT_EXPECT_EQ(test, info.send_waiters, 0);
	KUNIT_EXPECT_EQ(test, info.recv_waiters, 0);
	/*
	 * The channel has no storage until it is used. To ask for its info does not
	 * use it.
	 */
	KUNIT_EXPECT_TRUE(test, list_empty(&ch->rings));
	KUNIT_EXPECT_EQ(test, kchan_use(ch), 0);
	KUNIT_EXPECT_FALSE(test, list_empty(&ch->rings));
	kt_info(ch, &info);
	KUNIT_EXPECT_EQ(test, info.flags,
			KCHAN_INFO_MESSAGE | KCHAN_INFO_FIXED);
	KUNIT_EXPECT_EQ(test, kt_try_send(ch, "hello", 5), 5);
	KUNIT_EXPECT_EQ(test, kt_len(ch), 1);
}

static void setup_ids(struct kunit *test)
{
	struct kchan_info first, second;

	kt_info(kt_raw_chan(test), &first);
	kt_info(kt_raw_chan(test), &second);
	KUNIT_EXPECT_NE(test, first.id, second.id);
	KUNIT_EXPECT_NE(test, first.id, 0);
}

/* Setup may be repeated. The last one counts. */
static void setup_repeated(struct kunit *test)
{
	struct kchan *ch = kt_raw_chan(test);
	struct kchan_info info;

	KUNIT_EXPECT_EQ(test, kchan_setup(ch, 100, 7, KCHAN_SETUP_MESSAGE), 0);
	KUNIT_EXPECT_EQ(test, kchan_setup(ch, 8, 0, 0), 0);
	KUNIT_EXPECT_TRUE(test, list_empty(&ch->rings));
	KUNIT_EXPECT_EQ(test, kchan_setup(ch, 1 << 20, 3, KCHAN_SETUP_MESSAGE), 0);
	KUNIT_EXPECT_EQ(test, kchan_setup(ch, 8, 2, 0), 0);
	KUNIT_EXPECT_TRUE(test, list_is_singular(&ch->rings));
	kt_info(ch, &info);
	KUNIT_EXPECT_EQ(test, info.flags, 0);
	KUNIT_EXPECT_EQ(test, info.elem_size, 8);
	KUNIT_EXPECT_EQ(test, info.capacity, 2);
	KUNIT_EXPECT_EQ(test, kchan_use(ch), 0);
	KUNIT_EXPECT_TRUE(test, list_is_singular(&ch->rings));
	KUNIT_EXPECT_EQ(test, kt_send_n(ch, 1), 0);
	KUNIT_EXPECT_EQ(test, kt_send_n(ch, 2), 0);
	KUNIT_EXPECT_EQ(test, kt_send_n(ch, 3), -EAGAIN);
	KUNIT_EXPECT_EQ(test, kchan_setup(ch, 8, 2, 0), -EBUSY);
}

/* A setup that is refused leaves the one before it. */
static void setup_refused(struct kunit *test)
{
	struct kchan *ch = kt_raw_chan(test);
	struct kchan_info info;

	KUNIT_EXPECT_EQ(test, kchan_setup(ch, 24, 5, 0), 0);
	KUNIT_EXPECT_EQ(test, kchan_setup(ch, 0, 4, KCHAN_SETUP_MESSAGE), -EINVAL);
	KUNIT_EXPECT_EQ(test,
			kchan_setup(ch, KCHAN_MAX_ELEM_SIZE + 1, 0, 0),
			-EINVAL);
	KUNIT_EXPECT_EQ(test, kchan_setup(ch, 1, KCHAN_MAX_CAPACITY + 1, 0),
			-EINVAL);
	KUNIT_EXPECT_EQ(test, kchan_setup(ch, U32_MAX, U32_MAX, KCHAN_SETUP_MESSAGE),
			-EINVAL);
	/* The limits allow us this size, but no allocation is that large. */
	KUNIT_EXPECT_EQ(test,
			kchan_setup(ch, PAGE_SIZE, KCHAN_MAX_CAPACITY, 0),
			-ENOMEM);
	KUNIT_EXPECT_EQ(test, kchan_resize(ch, KCHAN_MAX_CAPACITY + 1),
			-EINVAL);
	kt_info(ch, &info);
	KUNIT_EXPECT_EQ(test, info.flags, 0);
	KUNIT_EXPECT_EQ(test, info.elem_size, 24);
	KUNIT_EXPECT_EQ(test, info.capacity, 5);
	KUNIT_EXPECT_EQ(test, kchan_use(ch), 0);
}

/* The maxima themselves are allowed. */
static void setup_maxima(struct kunit *test)
{
	struct kchan *ch = kt_raw_chan(test);

	KUNIT_EXPECT_EQ(test, kchan_setup(ch, KCHAN_MAX_ELEM_SIZE, 0, KCHAN_SETUP_MESSAGE), 0);
	KUNIT_EXPECT_EQ(test, kchan_setup(ch, 0, KCHAN_MAX_CAPACITY, 0), 0);
	KUNIT_EXPECT_EQ(test, kchan_use(ch), 0);
	KUNIT_EXPECT_EQ(test, kt_try_send(ch, NULL, 0), 0);
	KUNIT_EXPECT_EQ(test, kt_try_recv(ch, NULL, 0), 0);
}

/*
 * The first use may fail for lack of memory, and be tried again. Setup allocates at
 * once, so this is for a channel without setup. The limits allow us this size, but no
 * allocation is that large.
 */
static void setup_first_use_fails(struct kunit *test)
{
	struct kchan *ch;
	struct kchan_info info;

	KUNIT_EXPECT_EQ(test, kt_set_param("default_capacity", "1048576"), 0);
	ch = kchan_alloc(NULL);
	KUNIT_EXPECT_EQ(test, kt_set_param("default_capacity", "16"), 0);
	KUNIT_ASSERT_FALSE(test, IS_ERR(ch));

	KUNIT_EXPECT_EQ(test, kchan_use(ch), -ENOMEM);
	KUNIT_EXPECT_EQ(test, kchan_use(ch), -ENOMEM);
	KUNIT_EXPECT_FALSE(test, ch->ready);
	kt_info(ch, &info);
	KUNIT_EXPECT_TRUE(test, info.flags & KCHAN_INFO_FIXED);
	KUNIT_EXPECT_EQ(test, kchan_setup(ch, 8, 1, 0), -EBUSY);
	KUNIT_EXPECT_EQ(test, kchan_resize(ch, 1), 0);
	KUNIT_EXPECT_EQ(test, kchan_use(ch), 0);
	kchan_put(ch);
}

/*
 * Before the geometry is fixed, a resize changes the future capacity, and does not
 * fix the geometry.
 */
static void resize_before_use(struct kunit *test)
{
	struct kchan *ch = kt_raw_chan(test);
	struct kchan_info info;

	KUNIT_EXPECT_EQ(test, kchan_resize(ch, 3), 0);
	kt_info(ch, &info);
	KUNIT_EXPECT_EQ(test, info.flags, KCHAN_INFO_MESSAGE);
	KUNIT_EXPECT_EQ(test, info.capacity, 3);
	KUNIT_EXPECT_EQ(test, kchan_setup(ch, 8, 1, 0), 0);
	KUNIT_EXPECT_EQ(test, kchan_resize(ch, 2), 0);
	KUNIT_EXPECT_EQ(test, kchan_use(ch), 0);
	KUNIT_EXPECT_EQ(test, kt_send_n(ch, 1), 0);
	KUNIT_EXPECT_EQ(test, kt_send_n(ch, 2), 0);
	KUNIT_EXPECT_EQ(test, kt_send_n(ch, 3), -EAGAIN);
	kt_check(test, ch);
}

static void resize_grows_and_shrinks(struct kunit *test)
{
	struct kchan *ch = kt_chan(test, 8, 2);
	u64 n;

	KUNIT_EXPECT_EQ(test, kt_send_n(ch, 0), 0);
	KUNIT_EXPECT_EQ(test, kt_send_n(ch, 1), 0);
	KUNIT_EXPECT_EQ(test, kchan_resize(ch, 5), 0);
	for (n = 2; n < 5; n++)
		KUNIT_EXPECT_EQ(test, kt_send_n(ch, n), 0);
	KUNIT_EXPECT_EQ(test, kt_send_n(ch, 5), -EAGAIN);
	KUNIT_EXPECT_EQ(test, kchan_resize(ch, 4), -EBUSY);
	KUNIT_EXPECT_EQ(test, ch->capacity, 5);
	KUNIT_EXPECT_EQ(test, kt_recv_n(ch), 0);
	KUNIT_EXPECT_EQ(test, kchan_resize(ch, 4), 0);
	/* The buffer is full: in a new ring there would be more room. */
	KUNIT_EXPECT_EQ(test, kt_send_n(ch, 5), -EAGAIN);
	KUNIT_EXPECT_EQ(test, kt_recv_n(ch), 1);
	KUNIT_EXPECT_EQ(test, kt_send_n(ch, 5), 0);
	KUNIT_EXPECT_EQ(test, kt_send_n(ch, 6), -EAGAIN);
	for (n = 2; n < 6; n++)
		KUNIT_EXPECT_EQ(test, kt_recv_n(ch), n);
	KUNIT_EXPECT_TRUE(test, list_is_singular(&ch->rings));
	kt_check(test, ch);
}

/* To a rendezvous channel and back. */
static void resize_to_nothing(struct kunit *test)
{
	struct kchan *ch = kt_chan(test, 8, 2);
	struct kt_call *send;

	KUNIT_EXPECT_EQ(test, kt_send_n(ch, 1), 0);
	KUNIT_EXPECT_EQ(test, kchan_resize(ch, 0), -EBUSY);
	KUNIT_EXPECT_EQ(test, kt_recv_n(ch), 1);
	KUNIT_EXPECT_EQ(test, kchan_resize(ch, 0), 0);
	KUNIT_EXPECT_TRUE(test, list_empty(&ch->rings));
	KUNIT_EXPECT_EQ(test, kt_send_n(ch, 2), -EAGAIN);
	send = kt_park_send_n(test, ch, 3);
	KUNIT_EXPECT_EQ(test, kchan_resize(ch, 0), 0);
	KUNIT_EXPECT_FALSE(test, kt_returned(send));
	KUNIT_EXPECT_EQ(test, kchan_resize(ch, 1), 0);
	/* The sender was parked for a receiver. It may also get a slot. */
	KUNIT_EXPECT_EQ(test, kt_join(send), 8);
	KUNIT_EXPECT_EQ(test, kt_send_n(ch, 4), -EAGAIN);
	KUNIT_EXPECT_EQ(test, kt_recv_n(ch), 3);
	kt_check(test, ch);
}

/*
 * Several rings at once: the order is kept, and each ring is freed when it is empty.
 */
static void resize_many_rings(struct kunit *test)
{
	static const u32 sizes[] = { 8, 200, PAGE_SIZE + 8 };
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(sizes); i++) {
		struct kchan *ch = kt_message_chan(test, sizes[i], 2);
		struct kchan_ring *ring;
		unsigned int rings = 0;
		u64 n, out;

		for (n = 0; n < 40; n++) {
			if (n && n % 2 == 0)
				KUNIT_EXPECT_EQ(test, kchan_resize(ch, n + 2),
						0);
			KUNIT_EXPECT_EQ(test, kt_try_send(ch, &n, 8), 8);
		}
		list_for_each_entry(ring, &ch->rings, node)
			rings++;
		KUNIT_EXPECT_EQ(test, rings, 20);
		/*
		 * The ring was not emptied, so it stays, and all elements fit again.
		 */
		KUNIT_EXPECT_EQ(test, kchan_resize(ch, 40), 0);
		for (n = 0; n < 40; n++) {
			KUNIT_EXPECT_EQ(test, kt_try_recv(ch, &out, 8), 8);
			KUNIT_EXPECT_EQ(test, out, n);
			rings = 0;
			list_for_each_entry(ring, &ch->rings, node)
				rings++;
			KUNIT_EXPECT_EQ(test, rings, 21 - (n + 1) / 2);
			KUNIT_EXPECT_EQ(test, kt_try_send(ch, &n, 8), 8);
		}
		KUNIT_EXPECT_TRUE(test, list_is_singular(&ch->rings));
		for (n = 0; n < 40; n++) {
			KUNIT_EXPECT_EQ(test, kt_try_recv(ch, &out, 8), 8);
			KUNIT_EXPECT_EQ(test, out, n);
		}
		kt_check(test, ch);
	}
}

/* Senders that wait enter in their order, and before any sender that comes now. */
static void resize_lets_senders_in(struct kunit *test)
{
	static const u32 capacities[] = { 0, 1, 2 };
	unsigned int i, j;

	for (i = 0; i < ARRAY_SIZE(capacities); i++) {
		struct kchan *ch = kt_chan(test, 8, capacities[i]);
		struct kt_call *calls[4];
		u64 n;

		for (n = 0; n < capacities[i]; n++)
			KUNIT_EXPECT_EQ(test, kt_send_n(ch, n), 0);
		for (j = 0; j < ARRAY_SIZE(calls); j++)
			calls[j] = kt_park_send_n(test, ch, n + j);
		KUNIT_EXPECT_EQ(test, kchan_resize(ch, n + 2), 0);
		KUNIT_EXPECT_EQ(test, kt_join(calls[0]), 8);
		KUNIT_EXPECT_EQ(test, kt_join(calls[1]), 8);
		KUNIT_EXPECT_FALSE(test, kt_returned(calls[2]));
		KUNIT_EXPECT_EQ(test, kt_send_n(ch, 100), -EAGAIN);
		KUNIT_EXPECT_EQ(test, kchan_resize(ch, n + 8), 0);
		KUNIT_EXPECT_EQ(test, kt_join(calls[2]), 8);
		KUNIT_EXPECT_EQ(test, kt_join(calls[3]), 8);
		KUNIT_EXPECT_EQ(test, kt_send_n(ch, n + 4), 0);
		for (j = 0; j < n + 5; j++)
			KUNIT_EXPECT_EQ(test, kt_recv_n(ch), j);
		kt_check(test, ch);
	}
}

/* A resize that fails leaves all as it was. */
static void resize_refused(struct kunit *test)
{
	struct kchan *ch = kt_chan(test, PAGE_SIZE, 2);
	struct kt_call *call = kt_call(test, ch, true, 3 * PAGE_SIZE);
	unsigned int i;

	for (i = 0; i < 3; i++)
		kt_fill(call->buf + i * PAGE_SIZE, PAGE_SIZE, i);
	kt_park(call);
	KUNIT_EXPECT_EQ(test, kchan_resize(ch, KCHAN_MAX_CAPACITY), -ENOMEM);
	KUNIT_EXPECT_EQ(test, kchan_resize(ch, KCHAN_MAX_CAPACITY + 1),
			-EINVAL);
	KUNIT_EXPECT_EQ(test, kchan_resize(ch, 1), -EBUSY);
	KUNIT_EXPECT_EQ(test, ch->capacity, 2);
	KUNIT_EXPECT_EQ(test, ch->senders.len, 1);
	KUNIT_EXPECT_FALSE(test, kt_returned(call));
	KUNIT_EXPECT_TRUE(test, list_is_singular(&ch->rings));
	KUNIT_EXPECT_EQ(test, kt_try_recv(ch, call->buf, 3 * PAGE_SIZE),
			3 * PAGE_SIZE);
	KUNIT_EXPECT_EQ(test, kt_join(call), 3 * PAGE_SIZE);
	for (i = 0; i < 3; i++)
		KUNIT_EXPECT_TRUE(test, kt_filled(call->buf + i * PAGE_SIZE,
						  PAGE_SIZE, i));
	kt_check(test, ch);
}

/* A resize is no send: the capacity of a closed channel can still change. */
static void resize_closed(struct kunit *test)
{
	struct kchan *ch = kt_chan(test, 8, 2);

	KUNIT_EXPECT_EQ(test, kt_send_n(ch, 1), 0);
	KUNIT_EXPECT_EQ(test, kchan_close(ch), 0);
	KUNIT_EXPECT_EQ(test, kchan_resize(ch, 4), 0);
	KUNIT_EXPECT_EQ(test, kt_send_n(ch, 2), -EPIPE);
	KUNIT_EXPECT_EQ(test, kt_recv_n(ch), 1);
	KUNIT_EXPECT_EQ(test, kt_recv_n(ch), -EPIPE);
	KUNIT_EXPECT_EQ(test, kchan_resize(ch, 0), 0);
	KUNIT_EXPECT_EQ(test, kt_recv_n(ch), -EPIPE);
	kt_check(test, ch);
}

static struct kunit_case resize_cases[] = {
	KUNIT_CASE(setup_default),
	KUNIT_CASE(setup_ids),
	KUNIT_CASE(setup_repeated),
	KUNIT_CASE(setup_refused),
	KUNIT_CASE(setup_maxima),
	KUNIT_CASE(setup_first_use_fails),
	KUNIT_CASE(resize_before_use),
	KUNIT_CASE(resize_grows_and_shrinks),
	KUNIT_CASE(resize_to_nothing),
	KUNIT_CASE(resize_many_rings),
	KUNIT_CASE(resize_lets_senders_in),
	KUNIT_CASE(resize_refused),
	KUNIT_CASE(resize_closed),
	{}
};

static struct kunit_suite resize_suite = {
	.name = "kchan_resize",
	.test_cases = resize_cases,
};

kunit_test_suite(resize_suite);
