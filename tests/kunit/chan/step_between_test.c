// SPDX-License-Identifier: GPL-2.0-only
/*
 * Between two steps, some waiters have still to be told. Calls that come then keep
 * the order, and find the channel as it will be after the last step.
 */
#include <kunit/test.h>

#include "between.h"
#include "parties.h"

/* More than two steps can serve. */
#define BETWEEN_MANY	(2 * KCHAN_STEP_PARTIES + 5)

struct between {
	struct kunit *test;
	struct kchan *ch;
	struct kt_party *p[BETWEEN_MANY];
	struct kt_party *late;
	struct kchan_elem *elem;
	s64 ret[4];
	unsigned int told;
};

static struct between *between(struct kunit *test, struct kchan *ch)
{
	struct between *w = kunit_kzalloc(test, sizeof(*w), GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, w);
	w->test = test;
	w->ch = ch;
	return w;
}

/* So many senders as two steps do not serve. They send 0, 1, and so on. */
static struct between *between_senders(struct kunit *test, struct kchan *ch)
{
	struct between *w = between(test, ch);
	unsigned int i;

	for (i = 0; i < BETWEEN_MANY; i++)
		w->p[i] = kt_party_sender(test, ch, i);
	return w;
}

static unsigned int between_count(struct between *w, int status)
{
	unsigned int i, nr = 0;

	for (i = 0; i < BETWEEN_MANY; i++)
		nr += kt_party_status(w->p[i]) == status;
	return nr;
}

static void between_end(struct between *w)
{
	unsigned int i;

	for (i = 0; i < BETWEEN_MANY; i++)
		kt_party_end(w->p[i]);
	kt_check(w->test, w->ch);
}

/* A resize. After its first step comes @fn. */
static void between_resize(struct between *w, void (*fn)(struct kt_between *b),
			   u32 capacity)
{
	struct kt_between *b = kt_between(w->test, fn, w);

	/*
	 * The lock is dropped once before the resize takes it to change the capacity.
	 * Then comes the first step.
	 */
	kt_between_at(b, w->ch, 1);
	KUNIT_EXPECT_EQ(w->test, kchan_resize(w->ch, capacity), 0);
	kt_between_end(b, 1);
}

/* The same with a close. */
static void between_close(struct between *w, void (*fn)(struct kt_between *b))
{
	struct kt_between *b = kt_between(w->test, fn, w);

	kt_between_at(b, w->ch, 0);
	KUNIT_EXPECT_EQ(w->test, kchan_close(w->ch), 0);
	kt_between_end(b, 1);
}

static void between_sends(struct kt_between *b)
{
	struct between *w = b->arg;

	w->told = between_count(w, 0);
	w->ret[0] = kt_send_n(w->ch, 1000);
	w->ret[1] = between_count(w, 0);
}

/* A send does not overtake the senders that a resize lets in, though there is room. */
static void between_resize_and_send(struct kunit *test)
{
	struct kchan *ch = kt_chan(test, 8, 0);
	struct between *w = between_senders(test, ch);
	unsigned int i;

	between_resize(w, between_sends, BETWEEN_MANY + 5);
	KUNIT_EXPECT_EQ(test, w->told, KCHAN_STEP_PARTIES);
	KUNIT_EXPECT_EQ(test, w->ret[0], 0);
	KUNIT_EXPECT_EQ(test, w->ret[1], BETWEEN_MANY);
	for (i = 0; i < BETWEEN_MANY; i++)
		KUNIT_EXPECT_EQ(test, kt_recv_n(ch), i);
	KUNIT_EXPECT_EQ(test, kt_recv_n(ch), 1000);
	between_end(w);
}

static void between_parks(struct kt_between *b)
{
	struct between *w = b->arg;

	w->ret[0] = kt_send_n(w->ch, 1000);
	w->ret[1] = between_count(w, 0);
}

/* The same if the room is just enough for these senders: then the send finds none. */
static void between_resize_just_enough(struct kunit *test)
{
	struct kchan *ch = kt_chan(test, 8, 0);
	struct between *w = between_senders(test, ch);
	unsigned int i;

	between_resize(w, between_parks, BETWEEN_MANY);
	KUNIT_EXPECT_EQ(test, w->ret[0], -EAGAIN);
	KUNIT_EXPECT_EQ(test, w->ret[1], BETWEEN_MANY);
	for (i = 0; i < BETWEEN_MANY; i++)
		KUNIT_EXPECT_EQ(test, kt_recv_n(ch), i);
	between_end(w);
}

static void between_receives(struct kt_between *b)
{
	struct between *w = b->arg;
	unsigned int i;

	for (i = 0; i < 3; i++)
		w->ret[i] = kt_recv_n(w->ch);
}

/* A receive in between gets the first of these elements, and each comes once. */
static void between_resize_and_recv(struct kunit *test)
{
	struct kchan *ch = kt_chan(test, 8, 0);
	struct between *w = between_senders(test, ch);
	unsigned int i;

	between_resize(w, between_receives, BETWEEN_MANY);
	for (i = 0; i < 3; i++)
		KUNIT_EXPECT_EQ(test, w->ret[i], i);
	for (; i < BETWEEN_MANY; i++)
		KUNIT_EXPECT_EQ(test, kt_recv_n(ch), i);
	KUNIT_EXPECT_EQ(test, kt_recv_n(ch), -EAGAIN);
	KUNIT_EXPECT_EQ(test, between_count(w, 0), BETWEEN_MANY);
	between_end(w);
}

static void between_shrinks(struct kt_between *b)
{
	struct between *w = b->arg;

	w->ret[0] = kchan_close(w->ch);
	w->ret[1] = between_count(w, 0);
	w->ret[2] = between_count(w, -EPIPE);
}

/*
 * A close in between admits no more senders. What is in the buffer is received, and
 * the others are told.
 */
static void between_resize_and_close(struct kunit *test)
{
	struct kchan *ch = kt_chan(test, 8, 0);
	struct between *w = between_senders(test, ch);
	unsigned int i;

	between_resize(w, between_shrinks, BETWEEN_MANY);
	KUNIT_EXPECT_EQ(test, w->ret[0], 0);
	KUNIT_EXPECT_EQ(test, w->ret[1], KCHAN_STEP_PARTIES);
	KUNIT_EXPECT_EQ(test, w->ret[2], BETWEEN_MANY - KCHAN_STEP_PARTIES);
	for (i = 0; i < KCHAN_STEP_PARTIES; i++)
		KUNIT_EXPECT_EQ(test, kt_recv_n(ch), i);
	KUNIT_EXPECT_EQ(test, kt_recv_n(ch), -EPIPE);
	KUNIT_EXPECT_EQ(test, between_count(w, 0), KCHAN_STEP_PARTIES);
	between_end(w);
}

static void between_tries(struct kt_between *b)
{
	struct between *w = b->arg;

	w->told = between_count(w, -EPIPE);
	w->ret[0] = kt_recv_n(w->ch);
	w->ret[1] = kt_send_n(w->ch, 7);
	w->ret[2] = kchan_close(w->ch);
	w->ret[3] = kchan_next_len(w->ch);
}

/* Nothing is received from a sender that waits, once the channel is closed. */
static void between_close_senders(struct kunit *test)
{
	struct kchan *ch = kt_chan(test, 8, 0);
	struct between *w = between_senders(test, ch);

	between_close(w, between_tries);
	KUNIT_EXPECT_EQ(test, w->told, KCHAN_STEP_PARTIES);
	KUNIT_EXPECT_EQ(test, w->ret[0], -EPIPE);
	KUNIT_EXPECT_EQ(test, w->ret[1], -EPIPE);
	KUNIT_EXPECT_EQ(test, w->ret[2], -EALREADY);
	KUNIT_EXPECT_EQ(test, w->ret[3], 0);
	KUNIT_EXPECT_EQ(test, between_count(w, -EPIPE), BETWEEN_MANY);
	between_end(w);
}

/* A slot that comes free does not let one of them in, either. */
static void between_close_full(struct kunit *test)
{
	struct kchan *ch = kt_chan(test, 8, 1);
	struct between *w;

	KUNIT_EXPECT_EQ(test, kt_send_n(ch, 500), 0);
	w = between_senders(test, ch);
	between_close(w, between_tries);
	KUNIT_EXPECT_EQ(test, w->told, KCHAN_STEP_PARTIES);
	KUNIT_EXPECT_EQ(test, w->ret[0], 500);
	KUNIT_EXPECT_EQ(test, w->ret[1], -EPIPE);
	KUNIT_EXPECT_EQ(test, w->ret[3], 0);
	KUNIT_EXPECT_EQ(test, between_count(w, -EPIPE), BETWEEN_MANY);
	KUNIT_EXPECT_EQ(test, kt_recv_n(ch), -EPIPE);
	between_end(w);
}

/* Nothing is handed to a receiver that has not been told yet. */
static void between_close_receivers(struct kunit *test)
{
	struct kchan *ch = kt_chan(test, 8, 1);
	struct between *w = between(test, ch);
	unsigned int i;

	for (i = 0; i < BETWEEN_MANY; i++)
		w->p[i] = kt_party_receiver(test, ch, 8);
	between_close(w, between_tries);
	KUNIT_EXPECT_EQ(test, w->told, KCHAN_STEP_PARTIES);
	KUNIT_EXPECT_EQ(test, w->ret[0], -EPIPE);
	KUNIT_EXPECT_EQ(test, w->ret[1], -EPIPE);
	KUNIT_EXPECT_EQ(test, between_count(w, -EPIPE), BETWEEN_MANY);
	between_end(w);
}

static void between_message(struct kt_between *b)
{
	struct between *w = b->arg;
	u8 buf[64] = {};

	w->told = between_count(w, -EMSGSIZE);
	/* A receiver comes that was not there when the message was sent. */
	w->late = kt_party_receiver(w->test, w->ch, 5);
	/*
	 * This message is short enough for all of them. But it was sent later, or
	 * handed out before.
	 */
	if (w->elem)
		kchan_put_back(w->ch, w->elem);
	else
		w->ret[0] = kt_try_send(w->ch, buf, 3);
	w->ret[1] = kt_try_recv(w->ch, buf, 64);
	w->ret[2] = kt_try_recv(w->ch, buf, 64);
}

/*
 * Receivers that a message has turned away, and that were not told yet, are handed no
 * other message. A receiver that came later is not turned away.
 */
static void between_turned_away(struct kunit *test)
{
	unsigned int back, i;

	for (back = 0; back < 2; back++) {
		struct kchan *ch = kt_message_chan(test, 64, 2);
		struct between *w = between(test, ch);
		struct kt_between *b;
		u8 buf[64] = {};

		if (back) {
			KUNIT_EXPECT_EQ(test, kt_try_send(ch, buf, 2), 2);
			w->elem = kt_detach(test, ch);
		}
		for (i = 0; i < BETWEEN_MANY; i++)
			w->p[i] = kt_party_receiver(test, ch, 32);
		b = kt_between(test, between_message, w);
		kt_between_at(b, ch, 0);
		KUNIT_EXPECT_EQ(test, kt_try_send(ch, buf, 33), 33);
		kt_between_end(b, 1);
		KUNIT_EXPECT_EQ(test, w->told, KCHAN_STEP_PARTIES);
		KUNIT_EXPECT_EQ(test, between_count(w, -EMSGSIZE), BETWEEN_MANY);
		KUNIT_EXPECT_EQ(test, w->ret[0], back ? 0 : 3);
		KUNIT_EXPECT_EQ(test, w->ret[1], back ? 2 : 33);
		KUNIT_EXPECT_EQ(test, w->ret[2], back ? 33 : 3);
		kt_party_give_up(w->late);
		kt_party_end(w->late);
		between_end(w);
	}
}

static void between_gives_back(struct kt_between *b)
{
	struct between *w = b->arg;
	struct kchan_elem *elem;

	w->told = between_count(w, 0);
	w->ret[0] = kt_try_detach(w->ch, &elem);
	w->ret[1] = kt_elem_n(elem);
	kchan_put_back(w->ch, elem);
}

/* An element that comes back in between goes out again before the others. */
static void between_put_back(struct kunit *test)
{
	struct kchan *ch = kt_chan(test, 8, 0);
	struct between *w = between_senders(test, ch);
	unsigned int i;

	between_resize(w, between_gives_back, BETWEEN_MANY);
	KUNIT_EXPECT_EQ(test, w->told, KCHAN_STEP_PARTIES);
	KUNIT_EXPECT_EQ(test, w->ret[0], 0);
	KUNIT_EXPECT_EQ(test, w->ret[1], 0);
	for (i = 0; i < BETWEEN_MANY; i++)
		KUNIT_EXPECT_EQ(test, kt_recv_n(ch), i);
	between_end(w);
}

static struct kunit_case between_cases[] = {
	KUNIT_CASE(between_resize_and_send),
	KUNIT_CASE(between_resize_just_enough),
	KUNIT_CASE(between_resize_and_recv),
	KUNIT_CASE(between_resize_and_close),
	KUNIT_CASE(between_close_senders),
	KUNIT_CASE(between_close_full),
	KUNIT_CASE(between_close_receivers),
	KUNIT_CASE(between_turned_away),
	KUNIT_CASE(between_put_back),
	{}
};

static struct kunit_suite between_suite = {
	.name = "kchan_step_between",
	.test_cases = between_cases,
};

kunit_test_suite(between_suite);
