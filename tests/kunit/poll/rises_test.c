// SPDX-License-Identifier: GPL-2.0-only
/*
 * The counts of events that may have made a send or a receive ready. A select that
 * does not wait relies on them: every event that makes a case ready has to be
 * counted.
 */
#include <kunit/test.h>
#include <linux/minmax.h>
#include <linux/random.h>
#include <linux/slab.h>

#include "parties.h"
#include "ring.h"
#include "users.h"

#define RISES_PARTIES	6
#define RISES_ELEMS	4

struct rises {
	struct kunit *test;
	struct kchan *ch;
	struct kt_party *p[RISES_PARTIES];
	struct kchan_elem *elem[RISES_ELEMS];
	void *buf;
	const char *what;
	/* What was ready before the event, and the counts at that time. */
	bool can_send;
	bool can_recv;
	u32 send_rises;
	u32 recv_rises;
	/* How often each has become ready. */
	unsigned int sends;
	unsigned int recvs;
};

static void rises_look(struct rises *r, bool *can_send, bool *can_recv)
{
	struct kchan_step step;
	bool again;

	do {
		kchan_step_begin(&step);
		kchan_lock(r->ch);
		*can_send = kchan_can_send(r->ch, r->ch->elem_size, false,
					   &step);
		*can_recv = kchan_can_recv(r->ch, &step);
		again = step.more;
		kchan_unlock(r->ch);
		kchan_finish(r->ch, &step);
	} while (again);
}

static void rises_before(struct rises *r)
{
	rises_look(r, &r->can_send, &r->can_recv);
	r->send_rises = r->ch->send_rises;
	r->recv_rises = r->ch->recv_rises;
}

static void rises_after(struct rises *r)
{
	bool can_send, can_recv;

	rises_look(r, &can_send, &can_recv);
	if (can_send && !r->can_send) {
		r->sends++;
		if (r->ch->send_rises == r->send_rises)
			KUNIT_FAIL(r->test, "%s makes a send ready, uncounted",
				   r->what);
	}
	if (can_recv && !r->can_recv) {
		r->recvs++;
		if (r->ch->recv_rises == r->recv_rises)
			KUNIT_FAIL(r->test, "%s makes a receive ready, uncounted",
				   r->what);
	}
}

/* Parks a party only if it would wait, as for a caller whose element was refused. */
static void rises_park(struct rises *r, bool send)
{
	unsigned int i = get_random_u32_below(RISES_PARTIES);
	struct kt_party *p = r->p[i];

	if (p) {
		r->what = "giving up";
		kt_party_give_up(p);
		if (get_random_u32_below(2)) {
			kt_party_end(p);
			r->p[i] = NULL;
		}
		return;
	}
	r->what = send ? "a sender" : "a receiver";
	if (send ? r->can_send : r->can_recv)
		return;
	if (send)
		r->p[i] = kt_party_sender(r->test, r->ch, 1);
	else
		r->p[i] = kt_party_receiver(r->test, r->ch, r->ch->elem_size);
}

static void rises_detach(struct rises *r)
{
	unsigned int i = get_random_u32_below(RISES_ELEMS);

	if (!r->elem[i]) {
		r->what = "a receive that is in flight";
		if (kt_try_detach(r->ch, &r->elem[i]))
			r->elem[i] = NULL;
		return;
	}
	r->what = "settling";
	if (get_random_u32_below(2)) {
		kt_settle(r->ch, r->elem[i]);
	} else {
		r->what = "putting back";
		kchan_put_back(r->ch, r->elem[i]);
	}
	r->elem[i] = NULL;
}

static void rises_disturb(struct rises *r)
{
	const u32 size = r->ch->elem_size;

	switch (get_random_u32_below(10)) {
	case 0:
	case 1:
		r->what = "a send";
		kt_try_send(r->ch, r->buf, size);
		break;
	case 2:
	case 3:
		r->what = "a receive";
		kt_try_recv(r->ch, r->buf, size);
		break;
	case 4:
		rises_park(r, true);
		break;
	case 5:
		rises_park(r, false);
		break;
	case 6:
	case 7:
		rises_detach(r);
		break;
	case 8:
		r->what = "a resize";
		kchan_resize(r->ch, get_random_u32_below(4));
		break;
	}
}

static void rises_end(struct rises *r)
{
	unsigned int i;

	for (i = 0; i < RISES_ELEMS; i++) {
		if (!r->elem[i])
			continue;
		rises_before(r);
		r->what = "the end of flight";
		kt_settle(r->ch, r->elem[i]);
		rises_after(r);
	}
	for (i = 0; i < RISES_PARTIES; i++) {
		if (!r->p[i])
			continue;
		kt_party_give_up(r->p[i]);
		kt_party_end(r->p[i]);
		r->p[i] = NULL;
	}
}

static const u32 rises_sizes[] = { 8, 200, PAGE_SIZE + 8 };

static void rises_size_desc(const u32 *size, char *desc)
{
	snprintf(desc, KUNIT_PARAM_DESC_SIZE, "%u bytes", *size);
}

KUNIT_ARRAY_PARAM(rises_size, rises_sizes, rises_size_desc);

/* Random operations, and at the end a close, or the end of all receive ends. */
static void rises_counted(struct kunit *test)
{
	const u32 size = *(const u32 *)test->param_value;
	const unsigned int rounds = kt_scale(80);
	unsigned int round, i, sends = 0, recvs = 0;
	struct rises *r;

	for (round = 0; round < rounds; round++) {
		r = kunit_kzalloc(test, sizeof(*r), GFP_KERNEL);
		KUNIT_ASSERT_NOT_NULL(test, r);
		r->buf = kunit_kzalloc(test, size, GFP_KERNEL);
		KUNIT_ASSERT_NOT_NULL(test, r->buf);
		r->test = test;
		r->ch = kt_chan(test, size, round % 3);
		for (i = 0; i < 60; i++) {
			rises_before(r);
			rises_disturb(r);
			rises_after(r);
		}
		rises_before(r);
		if (round % 2) {
			r->what = "a close";
			KUNIT_EXPECT_EQ(test, kchan_close(r->ch), 0);
		} else {
			r->what = "the last receive end";
			kchan_end_put(r->ch, FMODE_READ);
		}
		rises_after(r);
		rises_end(r);
		sends += r->sends;
		recvs += r->recvs;
		kt_check(test, r->ch);
		cond_resched();
	}
	/* Each of them was provoked, and more than once. */
	KUNIT_EXPECT_GT(test, sends, rounds);
	KUNIT_EXPECT_GT(test, recvs, rounds);
}

/*
 * A send may wait because nobody can pay for its large element. The free of such an
 * element, wherever it was, may make the send ready.
 */
static void rises_paid(struct kunit *test)
{
	const u32 size = PAGE_SIZE + 8;
	struct kt_user *u = kt_user(test, NULL, 60001);
	struct kchan *filler = kt_user_alloc(u);
	struct rises r = { .test = test, .ch = kt_user_chan(u, size, 1) };
	struct kchan_elem *elem;
	struct kt_poller *p;

	KUNIT_ASSERT_FALSE(test, IS_ERR(filler));
	KUNIT_EXPECT_EQ(test, kchan_setup(filler, 8, 12600, 0), 0);
	elem = kchan_elem_alloc(r.ch, size);
	KUNIT_ASSERT_FALSE(test, IS_ERR(elem));
	p = kt_poller(test, r.ch, false);
	r.what = "an element that is freed";
	rises_before(&r);
	KUNIT_EXPECT_FALSE(test, r.can_send);
	kchan_elem_free(r.ch, elem);
	rises_after(&r);
	KUNIT_EXPECT_EQ(test, r.sends, 1);
	kt_expect_woken(p, 0, 1, 0);
	kunit_release_action(test, kt_poller_end, p);
	kt_user_put(r.ch);
	kt_user_put(filler);
}

static struct kunit_case rises_cases[] = {
	KUNIT_CASE_PARAM(rises_counted, rises_size_gen_params),
	KUNIT_CASE(rises_paid),
	{}
};

static struct kunit_suite rises_suite = {
	.name = "kchan_rises",
	.init = kt_limits_init,
	.exit = kt_limits_exit,
	.test_cases = rises_cases,
};

kunit_test_suite(rises_suite);
