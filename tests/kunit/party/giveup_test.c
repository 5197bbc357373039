// SPDX-License-Identifier: GPL-2.0-only
/*
 * Owners that give up: because of a signal, a deadline, or a file. An owner that
 * loses has been served. It knows this as soon as it has held its channels' locks
 * once. It never sleeps for that.
 */
#include <kunit/test.h>
#include <linux/minmax.h>
#include <linux/preempt.h>
#include <linux/slab.h>

#include "call.h"
#include "parties.h"
#include "selects.h"

#define GIVEUP_CASES	3

/* A call in the current task that is parked and does not sleep. */
struct giveup {
	struct kunit *test;
	struct kchan_call call;
	struct kchan_branch branches[GIVEUP_CASES];
	struct kchan *locks[GIVEUP_CASES];
	struct kchan_slot slots[GIVEUP_CASES];
	struct kchan_party party;
	struct kvec vecs[GIVEUP_CASES];
	struct iov_iter iters[GIVEUP_CASES];
	void *buf[GIVEUP_CASES];
};

static struct giveup *giveup_begin(struct kunit *test)
{
	struct giveup *g = kunit_kzalloc(test, sizeof(*g), GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, g);
	g->test = test;
	kchan_call_init(&g->call, g->branches, g->locks);
	return g;
}

static void giveup_add(struct giveup *g, struct kchan *ch, bool send, u32 len,
		       unsigned int seed)
{
	const unsigned int i = g->call.nr++;
	struct kchan_branch *b = &g->branches[i];

	g->buf[i] = kunit_kzalloc(g->test, max_t(u32, len, 1), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(g->test, g->buf[i]);
	if (send)
		kt_fill(g->buf[i], len, seed);
	g->vecs[i].iov_base = g->buf[i];
	g->vecs[i].iov_len = len;
	iov_iter_kvec(&g->iters[i], send ? ITER_SOURCE : ITER_DEST, &g->vecs[i], 1,
		      len);
	b->ch = ch;
	b->iter = &g->iters[i];
	b->op = send ? KCHAN_OP_SEND : KCHAN_OP_RECV;
	b->len = len;
	b->detach = !send && kchan_by_pointer(ch);
}

static void giveup_park(struct giveup *g)
{
	KUNIT_ASSERT_EQ(g->test, kchan_call_stage(&g->call, g->slots, false), 0);
	kchan_party_init(&g->party, current);
	KUNIT_ASSERT_EQ(g->test,
			kchan_call_park(&g->call, g->slots, &g->party, 0),
			-EAGAIN);
}

/* The owner gives up with @error, and must not sleep while it does. */
static int giveup_leave(struct giveup *g, int error)
{
	int ret;

	g->call.chosen = ~0U;
	g->call.status = -EUCLEAN;
	preempt_disable();
	ret = kchan_call_leave(&g->call, g->slots, &g->party, error);
	preempt_enable();
	return ret;
}

static void giveup_end(struct giveup *g)
{
	unsigned int i;

	kchan_call_unstage(&g->call, g->slots);
	for (i = 0; i < g->call.nr; i++) {
		KUNIT_EXPECT_NULL(g->test, g->branches[i].elem);
		kt_check(g->test, g->branches[i].ch);
	}
}

static const u32 giveup_sizes[] = KT_SIZES;

static void giveup_size_desc(const u32 *size, char *desc)
{
	snprintf(desc, KUNIT_PARAM_DESC_SIZE, "%u bytes", *size);
}

KUNIT_ARRAY_PARAM(giveup_size, giveup_sizes, giveup_size_desc);

/*
 * Nobody has served the party: it is out of the queue. Nobody finds it, nor its
 * element.
 */
static void giveup_wins(struct kunit *test)
{
	const u32 size = *(const u32 *)test->param_value;
	unsigned int send;

	for (send = 0; send < 2; send++) {
		struct kchan *ch = kt_chan(test, size, 0);
		struct kt_call *peer = kt_call(test, ch, !send, size);
		struct giveup *g = giveup_begin(test);

		giveup_add(g, ch, send, size, 3);
		giveup_park(g);
		KUNIT_EXPECT_EQ(test, giveup_leave(g, -ERESTARTSYS), -ERESTARTSYS);
		KUNIT_EXPECT_EQ(test, send ? kt_try_recv(ch, peer->buf, size) :
				kt_try_send(ch, peer->buf, size), -EAGAIN);
		KUNIT_EXPECT_EQ(test, iov_iter_count(&g->iters[0]), size);
		giveup_end(g);
	}
}

/* The party has been served when it gives up: it has its element, or has sent it. */
static void giveup_loses(struct kunit *test)
{
	const u32 size = *(const u32 *)test->param_value;
	static const int errors[] = { -ERESTARTSYS, -ETIMEDOUT, 0 };
	unsigned int i, send;

	for (i = 0; i < 2 * ARRAY_SIZE(errors); i++) {
		struct kchan *ch = kt_chan(test, size, 0);
		struct kt_call *peer;
		struct giveup *g = giveup_begin(test);

		send = i % 2;
		peer = kt_call(test, ch, !send, size);
		giveup_add(g, ch, send, size, 4);
		giveup_park(g);
		kt_fill(peer->buf, size, send ? 9 : 5);
		KUNIT_EXPECT_EQ(test, send ? kt_try_recv(ch, peer->buf, size) :
				kt_try_send(ch, peer->buf, size), size);
		KUNIT_EXPECT_EQ(test, giveup_leave(g, errors[i / 2]), 0);
		KUNIT_EXPECT_EQ(test, g->call.chosen, 0);
		KUNIT_EXPECT_EQ(test, g->call.status, 0);
		KUNIT_EXPECT_EQ(test,
				kchan_branch_deliver(&g->branches[0],
						     &g->slots[0].small), 0);
		if (send)
			KUNIT_EXPECT_TRUE(test, kt_filled(peer->buf, size, 4));
		else
			KUNIT_EXPECT_TRUE(test, kt_filled(g->buf[0], size, 5));
		giveup_end(g);
	}
}

/*
 * A case in the middle is served: the others are out of their queues, with their
 * elements.
 */
static void giveup_loses_one_of_three(struct kunit *test)
{
	const u32 size = *(const u32 *)test->param_value;
	struct kchan *a = kt_chan(test, size, 0), *b = kt_chan(test, size, 0);
	struct kt_call *buf = kt_call(test, a, true, size);
	struct giveup *g = giveup_begin(test);

	giveup_add(g, a, true, size, 1);
	giveup_add(g, b, false, size, 0);
	giveup_add(g, b, true, size, 2);
	giveup_park(g);
	KUNIT_EXPECT_EQ(test, a->senders.len, 1);
	kt_fill(buf->buf, size, 7);
	KUNIT_EXPECT_EQ(test, kt_try_send(b, buf->buf, size), size);
	/* Nobody finds the other cases any more. */
	KUNIT_EXPECT_EQ(test, kt_try_recv(a, buf->buf, size), -EAGAIN);
	KUNIT_EXPECT_EQ(test, kt_try_recv(b, buf->buf, size), -EAGAIN);
	KUNIT_EXPECT_EQ(test, giveup_leave(g, -ETIMEDOUT), 0);
	KUNIT_EXPECT_EQ(test, g->call.chosen, 1);
	KUNIT_EXPECT_EQ(test, g->call.status, 0);
	KUNIT_EXPECT_EQ(test, a->senders.len, 0);
	KUNIT_EXPECT_EQ(test,
			kchan_branch_deliver(&g->branches[1], &g->slots[1].small), 0);
	KUNIT_EXPECT_TRUE(test, kt_filled(g->buf[1], size, 7));
	giveup_end(g);
}

/*
 * It loses to a close. A sender then keeps its element, in the caller's memory and in
 * ours.
 */
static void giveup_loses_to_close(struct kunit *test)
{
	const u32 size = *(const u32 *)test->param_value;
	unsigned int send;

	for (send = 0; send < 2; send++) {
		struct kchan *ch = kt_chan(test, size, 0);
		struct kchan *other = kt_chan(test, size, 0);
		struct giveup *g = giveup_begin(test);

		giveup_add(g, other, false, size, 0);
		giveup_add(g, ch, send, size, 6);
		giveup_park(g);
		KUNIT_EXPECT_EQ(test, kchan_close(ch), 0);
		KUNIT_EXPECT_EQ(test, giveup_leave(g, -ETIMEDOUT), 0);
		KUNIT_EXPECT_EQ(test, g->call.chosen, 1);
		KUNIT_EXPECT_EQ(test, g->call.status, EPIPE);
		KUNIT_EXPECT_EQ(test, iov_iter_count(&g->iters[1]), size);
		if (send)
			KUNIT_EXPECT_TRUE(test, kt_filled(g->branches[1].elem->data,
							  size, 6));
		giveup_end(g);
	}
}

/*
 * It loses to a message that it has no room for, and that another receiver has
 * received.
 */
static void giveup_loses_to_long(struct kunit *test)
{
	struct kchan *ch = kt_message_chan(test, 64, 1);
	struct giveup *g = giveup_begin(test);
	u8 buf[20] = {};

	giveup_add(g, ch, false, 10, 0);
	giveup_park(g);
	KUNIT_EXPECT_EQ(test, kt_try_send(ch, buf, 11), 11);
	KUNIT_EXPECT_EQ(test, giveup_leave(g, -ETIMEDOUT), 0);
	KUNIT_EXPECT_EQ(test, g->call.chosen, 0);
	KUNIT_EXPECT_EQ(test, g->call.status, EMSGSIZE);
	KUNIT_EXPECT_EQ(test, kt_try_recv(ch, buf, 20), 11);
	giveup_end(g);
}

/* An owner that gives up and loses does not change the others that wait. */
static void giveup_among_others(struct kunit *test)
{
	struct kchan *a = kt_chan(test, 8, 0), *b = kt_chan(test, 8, 0);
	struct kt_call *before[2], *after[2];
	struct giveup *g = giveup_begin(test);
	unsigned int i;

	for (i = 0; i < 2; i++)
		before[i] = kt_park_recv_n(test, i ? b : a);
	giveup_add(g, a, false, 8, 0);
	giveup_add(g, b, false, 8, 0);
	giveup_park(g);
	for (i = 0; i < 2; i++)
		after[i] = kt_park_recv_n(test, i ? b : a);
	KUNIT_EXPECT_EQ(test, kt_send_n(a, 10), 0);
	KUNIT_EXPECT_EQ(test, kt_send_n(a, 11), 0);
	KUNIT_EXPECT_EQ(test, b->receivers.len, 3);
	KUNIT_EXPECT_EQ(test, giveup_leave(g, -ERESTARTSYS), 0);
	KUNIT_EXPECT_EQ(test, b->receivers.len, 2);
	KUNIT_EXPECT_EQ(test, g->call.chosen, 0);
	KUNIT_EXPECT_EQ(test,
			kchan_branch_deliver(&g->branches[0], &g->slots[0].small), 0);
	KUNIT_EXPECT_EQ(test, *(u64 *)g->buf[0], 11);
	KUNIT_EXPECT_EQ(test, kt_send_n(b, 20), 0);
	KUNIT_EXPECT_EQ(test, kt_send_n(b, 21), 0);
	KUNIT_EXPECT_EQ(test, kt_send_n(a, 12), 0);
	KUNIT_EXPECT_EQ(test, kt_join_n(before[0]), 10);
	KUNIT_EXPECT_EQ(test, kt_join_n(before[1]), 20);
	KUNIT_EXPECT_EQ(test, kt_join_n(after[0]), 12);
	KUNIT_EXPECT_EQ(test, kt_join_n(after[1]), 21);
	giveup_end(g);
}

/*
 * A call that parks goes past parties that have given up before, in as many steps as
 * that takes.
 */
static void giveup_past_stale(struct kunit *test)
{
	struct kchan *a = kt_chan(test, 8, 0), *b = kt_chan(test, 8, 0);
	struct giveup *g = giveup_begin(test);

	kt_party_stale(test, a, true, 2 * KCHAN_STEP_STALE + 5);
	kt_party_stale(test, b, false, 2 * KCHAN_STEP_STALE + 5);
	giveup_add(g, a, false, 8, 0);
	giveup_add(g, b, true, 8, 1);
	giveup_park(g);
	KUNIT_EXPECT_EQ(test, a->senders.len, 0);
	KUNIT_EXPECT_EQ(test, a->receivers.len, 1);
	KUNIT_EXPECT_EQ(test, b->senders.len, 1);
	KUNIT_EXPECT_EQ(test, b->receivers.len, 0);
	KUNIT_EXPECT_EQ(test, giveup_leave(g, -ETIMEDOUT), -ETIMEDOUT);
	giveup_end(g);
}

static struct kunit_case giveup_cases[] = {
	KUNIT_CASE_PARAM(giveup_wins, giveup_size_gen_params),
	KUNIT_CASE_PARAM(giveup_loses, giveup_size_gen_params),
	KUNIT_CASE_PARAM(giveup_loses_one_of_three, giveup_size_gen_params),
	KUNIT_CASE_PARAM(giveup_loses_to_close, giveup_size_gen_params),
	KUNIT_CASE(giveup_loses_to_long),
	KUNIT_CASE(giveup_among_others),
	KUNIT_CASE(giveup_past_stale),
	{}
};

static struct kunit_suite giveup_suite = {
	.name = "kchan_giveup",
	.test_cases = giveup_cases,
};

kunit_test_suite(giveup_suite);
