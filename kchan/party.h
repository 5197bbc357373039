/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef _KCHAN_PARTY_H
#define _KCHAN_PARTY_H

#include <linux/jiffies.h>

#include "kchan.h"

/**
 * DOC: Parties
 *
 * A blocked call is a party: one state word, and a waiter for each of its cases
 * in the FIFO of that case's channel. Its life::
 *
 *	OPEN --claim--> CLAIMED --served--> DONE
 *
 * Whoever can complete one of its cases claims the party, once: that is a
 * compare-and-exchange on the state, made with the lock of that case's channel
 * held. A loser goes on to the next waiter. All that the claim needs (a sender's
 * element in kernel memory, a receiver's staging) is at hand before it is made,
 * so a claim is never undone.
 *
 * The owner gives up (signal, deadline) by claiming its own party. If it loses,
 * somebody is about to serve it: it may not return before DONE, whatever its
 * signals say, for its waiters are on its stack. Once DONE, nobody else touches
 * the waiter that was served; the others are taken out by the owner, each under
 * its channel's lock.
 *
 * The party of an armed select (armed.h) has no task: nobody waits in a call. Its
 * waiters are in an object of its own, on which whoever tells it takes a reference
 * as on a task.
 */

/**
 * enum kchan_party_state - where a blocked call stands
 * @KCHAN_OPEN: it waits, and may be claimed
 * @KCHAN_CLAIMED: one of its cases is being completed, or its owner has given up
 * @KCHAN_DONE: one of its cases has been completed
 */
enum kchan_party_state {
	KCHAN_OPEN,
	KCHAN_CLAIMED,
	KCHAN_DONE,
};

/**
 * struct kchan_party - a blocked call, or an armed select
 * @state: &enum kchan_party_state
 * @task: the task that waits; NULL of an armed select
 * @winner: the waiter whose case was completed; valid once DONE. A call with
 *	one case knows it; one with several learns it here.
 */
struct kchan_party {
	atomic_t state;
	struct task_struct *task;
	struct kchan_waiter *winner;
};

/**
 * struct kchan_waiter - one case of a blocked call
 * @node: in a &struct kchan_waitq, under the channel's lock; then until DONE
 *	perhaps in the claimer's kchan_deferred.done; empty when in neither
 * @party: the call
 * @elem: staging. A sender's element; a receiver's place for one. Of elements
 *	over a page a receiver brings none: the claim passes the sender's.
 *	Written only under the channel's lock while the waiter is queued.
 * @since: when it was queued, in jiffies
 * @room: of a receiver: the longest element that it takes
 * @status: 0 when the element moved; -EPIPE when there is nobody left to move
 *	it; -EMSGSIZE when it is longer than @room. Valid once DONE.
 */
struct kchan_waiter {
	struct list_head node;
	struct kchan_party *party;
	struct kchan_elem *elem;
	unsigned long since;
	u32 room;
	int status;
};

/**
 * kchan_claim() - claim the party of a waiter
 * @w: the waiter
 *
 * Context: the lock of the waiter's channel is held.
 * Return: whether it is the caller's now, to serve and pass to
 * kchan_complete().
 */
static inline bool kchan_claim(struct kchan_waiter *w)
{
	return atomic_cmpxchg(&w->party->state, KCHAN_OPEN, KCHAN_CLAIMED) ==
	       KCHAN_OPEN;
}

static inline void kchan_enqueue(struct kchan_waitq *q, struct kchan_waiter *w)
{
	list_add_tail(&w->node, &q->list);
	q->len++;
	q->waits++;
	w->since = jiffies;
}

/*
 * A waiter is in its queue or, with an empty node, out of it: somebody who met
 * it after its party was claimed may have taken it out before its owner does.
 */
static inline void kchan_dequeue(struct kchan_waitq *q, struct kchan_waiter *w)
{
	if (list_empty(&w->node))
		return;
	list_del_init(&w->node);
	q->len--;
}

/**
 * kchan_first() - the longest-waiting open waiter of a queue
 * @q: the queue
 *
 * Takes out those that it meets whose party is claimed, so that nobody has to
 * pass over them again.
 *
 * Context: the channel's lock is held.
 * Return: the waiter, or NULL.
 */
static inline struct kchan_waiter *kchan_first(struct kchan_waitq *q)
{
	struct kchan_waiter *w;

	while (!list_empty(&q->list)) {
		w = list_first_entry(&q->list, struct kchan_waiter, node);
		if (atomic_read(&w->party->state) == KCHAN_OPEN)
			return w;
		kchan_dequeue(q, w);
	}
	return NULL;
}

void kchan_complete(struct kchan_waitq *q, struct kchan_waiter *w, int status,
		    struct kchan_deferred *d);
void kchan_wake_task(struct task_struct *task);
void kchan_party_init(struct kchan_party *party, struct task_struct *task);
bool kchan_party_give_up(struct kchan_party *party);
int kchan_party_wait(struct kchan_party *party, ktime_t *deadline,
		     int *triggered);
void kchan_wake_done(struct list_head *done);

/* armed.c: what telling an armed select takes in place of a task. */
struct kchan_armed;
struct kchan_armed *kchan_armed_get(struct kchan_party *party);
void kchan_armed_wake(struct kchan_armed *armed);

#endif /* _KCHAN_PARTY_H */
