// SPDX-License-Identifier: GPL-2.0-only
/* The name of a channel counts as an end, until it goes. */
#include <kunit/test.h>
#include <linux/kdev_t.h>

#include "parties.h"

#define HOLDS	(KCHAN_INFO_NAMED | KCHAN_INFO_SEND_HOLD)

static const struct kchan_geometry hold_geometry = {
	.elem_size = 8,
	.capacity = 2,
};

/* A channel with a name, one end that sends and receives, and @flags of its setup. */
static struct kchan *hold_chan(struct kunit *test, u32 flags)
{
	struct kchan *ch = kt_raw_chan(test);

	kchan_name(ch, &hold_geometry, MKDEV(0, 7), 9);
	if (flags)
		KUNIT_ASSERT_EQ(test, kchan_setup(ch, 8, 2, flags), 0);
	KUNIT_ASSERT_EQ(test, kchan_use(ch), 0);
	return ch;
}

static void hold_expect(struct kunit *test, struct kchan *ch, u32 flags, u32 send,
			u32 recv)
{
	struct kchan_info info;

	kt_info(ch, &info);
	KUNIT_EXPECT_EQ(test, info.flags & (HOLDS | KCHAN_INFO_CLOSED), flags);
	KUNIT_EXPECT_EQ(test, info.send_ends, send);
	KUNIT_EXPECT_EQ(test, info.recv_ends, recv);
}

/* What is queued stays while nobody has an end, and nobody sees an end of the stream. */
static void hold_keeps_elements(struct kunit *test)
{
	struct kchan *ch = hold_chan(test, 0);

	hold_expect(test, ch, HOLDS, 2, 2);
	KUNIT_EXPECT_EQ(test, ch->capacity, 2);
	KUNIT_EXPECT_EQ(test, kt_send_n(ch, 1), 0);
	kchan_end_put(ch, FMODE_READ | FMODE_WRITE);
	hold_expect(test, ch, HOLDS, 1, 1);
	KUNIT_EXPECT_EQ(test, kchan_end_get_live(ch, FMODE_READ), 0);
	KUNIT_EXPECT_EQ(test, kt_recv_n(ch), 1);
	KUNIT_EXPECT_EQ(test, kt_recv_n(ch), -EAGAIN);
	KUNIT_EXPECT_EQ(test, kchan_end_get_live(ch, FMODE_WRITE), 0);
	KUNIT_EXPECT_EQ(test, kt_send_n(ch, 2), 0);
	kt_check(test, ch);
}

/* The name goes: what nobody can receive is freed, and nobody is left to send. */
static void hold_goes(struct kunit *test)
{
	struct kchan *ch = hold_chan(test, 0);

	kchan_end_get(ch, FMODE_WRITE);
	KUNIT_EXPECT_EQ(test, kt_send_n(ch, 1), 0);
	kchan_end_put(ch, FMODE_READ | FMODE_WRITE);
	kchan_unhold(ch);
	hold_expect(test, ch, 0, 1, 0);
	KUNIT_EXPECT_EQ(test, ch->stored, 0);
	KUNIT_EXPECT_EQ(test, kt_send_n(ch, 2), -EPIPE);
	KUNIT_EXPECT_EQ(test, kchan_end_get_live(ch, FMODE_READ), -ENXIO);
	/* Once more does nothing. */
	kchan_unhold(ch);
	hold_expect(test, ch, 0, 1, 0);
	kt_check(test, ch);
}

static void hold_goes_with_receivers(struct kunit *test)
{
	struct kchan *ch = hold_chan(test, 0);
	struct kt_call *recv;

	kchan_end_get(ch, FMODE_READ);
	kchan_end_put(ch, FMODE_READ | FMODE_WRITE);
	recv = kt_park_recv_n(test, ch);
	kchan_unhold(ch);
	KUNIT_EXPECT_EQ(test, kt_join_n(recv), -EPIPE);
	hold_expect(test, ch, KCHAN_INFO_CLOSED, 0, 1);
	kt_check(test, ch);
}

/* Without a send hold: who set it up may go before the first sender comes. */
static void hold_until_a_sender_comes(struct kunit *test)
{
	struct kchan *ch = hold_chan(test, KCHAN_SETUP_NO_SEND_HOLD);

	hold_expect(test, ch, HOLDS, 2, 2);
	kchan_end_put(ch, FMODE_READ | FMODE_WRITE);
	hold_expect(test, ch, HOLDS, 1, 1);
	KUNIT_EXPECT_EQ(test, kchan_end_get_live(ch, FMODE_READ), 0);
	hold_expect(test, ch, HOLDS, 1, 2);
	KUNIT_EXPECT_EQ(test, kchan_end_get_live(ch, FMODE_WRITE), 0);
	hold_expect(test, ch, KCHAN_INFO_NAMED, 1, 2);
	KUNIT_EXPECT_EQ(test, kt_send_n(ch, 1), 0);
	kchan_end_put(ch, FMODE_WRITE);
	hold_expect(test, ch, KCHAN_INFO_NAMED | KCHAN_INFO_CLOSED, 0, 2);
	KUNIT_EXPECT_EQ(test, kt_recv_n(ch), 1);
	KUNIT_EXPECT_EQ(test, kt_recv_n(ch), -EPIPE);
	KUNIT_EXPECT_EQ(test, kchan_end_get_live(ch, FMODE_WRITE), -ENXIO);
	kt_check(test, ch);
}

/* Or it sends itself, through the end that it had before the setup. */
static void hold_until_an_element_comes(struct kunit *test)
{
	struct kchan *ch = hold_chan(test, KCHAN_SETUP_NO_SEND_HOLD);

	kchan_end_get(ch, FMODE_READ);
	KUNIT_EXPECT_EQ(test, kt_send_n(ch, 1), 0);
	KUNIT_EXPECT_EQ(test, kt_recv_n(ch), 1);
	hold_expect(test, ch, HOLDS, 2, 3);
	kchan_end_put(ch, FMODE_READ | FMODE_WRITE);
	hold_expect(test, ch, KCHAN_INFO_NAMED | KCHAN_INFO_CLOSED, 0, 2);
	KUNIT_EXPECT_EQ(test, kt_recv_n(ch), -EPIPE);
	kt_check(test, ch);
}

static void hold_set_up_again(struct kunit *test)
{
	struct kchan *ch = kt_raw_chan(test);

	KUNIT_EXPECT_EQ(test, kchan_setup(ch, 8, 2, KCHAN_SETUP_NO_SEND_HOLD), -EINVAL);
	kchan_name(ch, &hold_geometry, 0, 0);
	KUNIT_EXPECT_EQ(test, kchan_setup(ch, 8, 3, KCHAN_SETUP_NO_SEND_HOLD), 0);
	kchan_end_get(ch, FMODE_WRITE);
	hold_expect(test, ch, KCHAN_INFO_NAMED, 2, 2);
	KUNIT_EXPECT_EQ(test, kchan_setup(ch, 8, 3, 0), 0);
	hold_expect(test, ch, HOLDS, 3, 2);
	kchan_end_get(ch, FMODE_WRITE);
	hold_expect(test, ch, HOLDS, 4, 2);
	KUNIT_EXPECT_EQ(test, kchan_setup(ch, 8, 3, KCHAN_SETUP_NO_SEND_HOLD), 0);
	hold_expect(test, ch, HOLDS, 4, 2);
	kchan_unhold(ch);
	hold_expect(test, ch, 0, 3, 1);
	KUNIT_EXPECT_EQ(test, kchan_setup(ch, 8, 3, KCHAN_SETUP_NO_SEND_HOLD), -EINVAL);
	KUNIT_EXPECT_EQ(test, kchan_setup(ch, 8, 4, 0), 0);
	hold_expect(test, ch, 0, 3, 1);
	kt_check(test, ch);
}

static struct kunit_case hold_cases[] = {
	KUNIT_CASE(hold_keeps_elements),
	KUNIT_CASE(hold_goes),
	KUNIT_CASE(hold_goes_with_receivers),
	KUNIT_CASE(hold_until_a_sender_comes),
	KUNIT_CASE(hold_until_an_element_comes),
	KUNIT_CASE(hold_set_up_again),
	{}
};

static struct kunit_suite hold_suite = {
	.name = "kchan_hold",
	.test_cases = hold_cases,
};

kunit_test_suite(hold_suite);
