// SPDX-License-Identifier: GPL-2.0-only
/*
 * Parties without a thread. They are queued, claimed and told as all others. Nobody
 * sleeps in them, so a test can have as many as it wants, and can do what an owner
 * does at the moment that matters.
 */
#include <kunit/test.h>
#include <linux/err.h>
#include <linux/minmax.h>
#include <linux/sched.h>
#include <linux/sched/task.h>
#include <linux/slab.h>

#include "parties.h"
#include "ring.h"

static void kt_free_party(void *arg)
{
	struct kt_party *p = arg;

	kt_party_give_up(p);
	kt_party_end(p);
	put_task_struct(p->party.task);
	kfree(p);
}

/**
 * kt_party() - make a party
 * @test: the test
 *
 * Make its channels before it. It ends with the test, and the channels end after it.
 *
 * Return: the party, without cases.
 */
struct kt_party *kt_party(struct kunit *test)
{
	struct kt_party *p = kzalloc(sizeof(*p), GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, p);
	p->test = test;
	/* Other tasks may tell it when the test has ended. */
	kchan_party_init(&p->party, get_task_struct(current));
	kchan_call_init(&p->call, p->branches, p->locks);
	KUNIT_ASSERT_EQ(test, 0,
			kunit_add_action_or_reset(test, kt_free_party, p));
	return p;
}

static struct kchan_elem *kt_party_elem(struct kt_party *p, struct kchan *ch,
					struct kchan_slot *slot, u32 len)
{
	struct kchan_elem *elem = &slot->small.elem;

	if (kchan_by_pointer(ch) || len > KCHAN_STACK_ELEM) {
		elem = kchan_elem_alloc(ch, len);
		KUNIT_ASSERT_FALSE(p->test, IS_ERR(elem));
		return elem;
	}
	elem->len = len;
	elem->data = slot->small.room;
	elem->charge = (struct kchan_charge){};
	return elem;
}

/**
 * kt_party_add() - add a case
 * @p: the party, not parked
 * @ch: its channel, in use
 * @send: it sends
 * @len: bytes that it sends, or has room for
 * @n: the number that it sends, as far as that fits
 *
 * Return: its index.
 */
unsigned int kt_party_add(struct kt_party *p, struct kchan *ch, bool send,
			  u32 len, u64 n)
{
	const unsigned int i = p->call.nr++;
	struct kchan_branch *b = &p->branches[i];

	b->ch = ch;
	b->op = send ? KCHAN_OP_SEND : KCHAN_OP_RECV;
	b->len = min(len, ch->elem_size);
	b->detach = !send;
	if (send || !kchan_by_pointer(ch))
		b->elem = kt_party_elem(p, ch, &p->slots[i], b->len);
	if (send)
		memcpy(b->elem->data, &n, min_t(size_t, b->len, sizeof(n)));
	return i;
}

/**
 * kt_party_park() - queue all cases, whether they are ready or not
 * @p: the party
 */
void kt_party_park(struct kt_party *p)
{
	unsigned int i;

	for (i = 0; i < p->call.nr; i++) {
		struct kchan_branch *b = &p->branches[i];
		struct kchan_waiter *w = &p->slots[i].w;

		w->party = &p->party;
		w->elem = b->elem;
		w->room = b->len;
		w->status = -EUCLEAN;
		kchan_lock(b->ch);
		kchan_park(b->ch, w, b->op);
		kchan_unlock(b->ch);
		kchan_wake_parked(b->ch, b->op);
		p->parked |= BIT_ULL(i);
	}
}

/**
 * kt_party_sender() - park a party that sends a number
 * @test: the test
 * @ch: the channel
 * @n: the number
 *
 * Return: the party.
 */
struct kt_party *kt_party_sender(struct kunit *test, struct kchan *ch, u64 n)
{
	struct kt_party *p = kt_party(test);

	kt_party_add(p, ch, true, ch->elem_size, n);
	kt_party_park(p);
	return p;
}

/**
 * kt_party_receiver() - park a party that receives
 * @test: the test
 * @ch: the channel
 * @room: bytes that it has room for
 *
 * Return: the party.
 */
struct kt_party *kt_party_receiver(struct kunit *test, struct kchan *ch, u32 room)
{
	struct kt_party *p = kt_party(test);

	kt_party_add(p, ch, false, room, 0);
	kt_party_park(p);
	return p;
}

/**
 * kt_party_stale() - park parties whose owners have given up, and not left yet
 * @test: the test
 * @ch: the channel
 * @send: they send
 * @nr: how many
 */
void kt_party_stale(struct kunit *test, struct kchan *ch, bool send,
		    unsigned int nr)
{
	struct kt_party *p;

	while (nr--) {
		if (send)
			p = kt_party_sender(test, ch, U64_MAX);
		else
			p = kt_party_receiver(test, ch, ch->elem_size);
		KUNIT_ASSERT_TRUE(test, kt_party_give_up(p));
	}
}

/**
 * kt_party_give_up() - give up, and leave the waiters where they are
 * @p: the party
 *
 * Return: whether no case was completed, nor will be.
 */
bool kt_party_give_up(struct kt_party *p)
{
	return kchan_party_give_up(&p->party);
}

/**
 * kt_party_open() - whether a party still waits
 * @p: the party
 *
 * Return: whether it does.
 */
bool kt_party_open(struct kt_party *p)
{
	return atomic_read(&p->party.state) == KCHAN_OPEN;
}

/**
 * kt_party_status() - the outcome of a party
 * @p: the party
 *
 * Return: the status of the case that was completed; -EINPROGRESS if none was.
 */
int kt_party_status(struct kt_party *p)
{
	return kchan_party_done(&p->party) ? p->party.winner->status :
					     -EINPROGRESS;
}

/**
 * kt_party_winner() - the case that was completed
 * @p: the party, told
 *
 * Return: its index.
 */
unsigned int kt_party_winner(struct kt_party *p)
{
	return container_of(p->party.winner, struct kchan_slot, w) - p->slots;
}

/**
 * kt_party_n() - the number that a party has received
 * @p: the party
 *
 * Return: the number; or the status, if it has received none.
 */
s64 kt_party_n(struct kt_party *p)
{
	int status = kt_party_status(p);

	return status ?: *(s64 *)p->party.winner->elem->data;
}

/**
 * kt_party_end() - take queued waiters out, and settle what was received
 * @p: the party, told or given up; it is freed with the test
 */
void kt_party_end(struct kt_party *p)
{
	struct kchan_branch *b;
	unsigned int i;

	if (p->collected)
		return;
	p->collected = true;
	for (i = 0; i < p->call.nr; i++) {
		if (!(p->parked & BIT_ULL(i)))
			continue;
		kchan_unpark(p->branches[i].ch, &p->slots[i].w, p->branches[i].op);
		p->branches[i].elem = p->slots[i].w.elem;
	}
	if (!kt_party_status(p)) {
		b = &p->branches[kt_party_winner(p)];
		if (b->op == KCHAN_OP_RECV)
			kchan_settle(b->ch, b->elem);
	}
	kchan_call_unstage(&p->call, p->slots);
}
