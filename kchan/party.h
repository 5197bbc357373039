/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef _KCHAN_PARTY_H
#define _KCHAN_PARTY_H

#include <linux/refcount.h>

#include "compat.h"
#include "kchan.h"

/**
 * DOC: Parties
 *
 * A blocked call is a party: one state word, and a waiter for each of its cases in
 * the FIFO of that case's channel. An armed select is a party too. Its life::
 *
 *	OPEN --claim--> CLAIMED --served--> DONE
 *
 * A task that can complete one of its cases first claims the party. A claim is a
 * compare-and-exchange of the state, made with the lock of that case's channel held.
 * Only one claim succeeds. A task that loses goes on to the next waiter. All that the
 * claim needs (a sender's element in kernel memory, a receiver's staging) is ready
 * before the claim is made, so a claim is never undone.
 *
 * The server sets DONE under the same hold of the lock under which it claimed the party.
 * After that only the owner may touch the party and its waiters: their memory may be
 * gone. Only the wake-up is left until the lock is dropped. Until then the server
 * holds a reference on the task, or on the armed select.
 *
 * The owner gives up (signal, deadline, a file that is ready) by claiming its own
 * party. If it loses, somebody claimed the party under the lock of one of its
 * channels. The owner then takes its waiters out of their queues, each under its
 * channel's lock, as it has to do anyway. When it has held each of these locks
 * once, the hold under which the party was claimed has ended, and so the party is
 * DONE. Nobody ever has to sleep for that.
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
 * @task: the task that waits; NULL if it is a &struct kchan_polled
 * @winner: the waiter whose case was completed; valid once DONE
 */
struct kchan_party {
	atomic_t state;
	struct task_struct *task;
	struct kchan_waiter *winner;
};

/**
 * struct kchan_polled - a party that no task waits in, but that may be polled
 * @party: the party. A &struct kchan_polled is the first member of its object,
 *	because the last reference frees the whole object by this address.
 * @ref: references: one for the owner, and one for each server that is about to wake
 *	those who poll
 * @wait: wait queue of those who poll
 */
struct kchan_polled {
	struct kchan_party party;
	refcount_t ref;
	wait_queue_head_t wait;
};

/**
 * struct kchan_waiter - one case of a party
 * @node: in a &struct kchan_waitq, under the channel's lock; empty when in none
 * @party: the party
 * @elem: staging: a sender's element, or a receiver's place for one. It is NULL for a
 *	receiver of elements that are passed by pointer, until the server sets it to
 *	the sender's element. Written only under the channel's lock while the waiter
 *	is queued.
 * @since: when it was queued, in jiffies
 * @ticket: its place in the order of arrival
 * @by_room: for a receiver in message mode: in kchan_waitq.rooms, in order of @ticket
 * @max_room: the largest @room in the subtree below @by_room
 * @room: for a receiver: the longest element that it takes
 * @lease: for a receiver under lease: what owns the element once it was served, in
 *	place of @elem; otherwise NULL
 * @status: 0 when the element moved; -EPIPE when there is nobody left to move
 *	it; -EMSGSIZE when it is longer than @room; -EIO when the channel is broken.
 *	Valid once DONE.
 */
struct kchan_waiter {
	struct list_head node;
	struct kchan_party *party;
	struct kchan_elem *elem;
	struct kchan_lease *lease;
	unsigned long since;
	u64 ticket;
	struct rb_node by_room;
	u32 max_room;
	u32 room;
	int status;
};

/* The most parties that are served in one step. */
#define KCHAN_STEP_PARTIES	16
/* The most waiters of claimed parties that one step takes out of queues. */
#define KCHAN_STEP_STALE	64

/**
 * struct kchan_told - who is to be woken; holds a reference on one of the two
 * @task: the task, or NULL
 * @polled: the party that is polled, or NULL
 */
struct kchan_told {
	struct task_struct *task;
	struct kchan_polled *polled;
};

/**
 * struct kchan_step - the work under one hold of a channel's lock
 * @nr_told: how many are in @told
 * @stale: waiters of claimed parties that were taken out
 * @rest: there is more to do than to wake pollers: set together with @more, @all,
 *	@elems, @rings and @told
 * @more: the step was used up before all was done
 * @all: every poller is to be woken
 * @in: wake-ups for pollers of input; each wakes one exclusive poller
 * @out: wake-ups for pollers of output
 * @passed: receivers with a ticket below this one have met a message that is longer
 *	than their room, and are to be told
 * @elems: elements to be freed
 * @rings: rings to be freed
 * @told: parties that were served, to be woken
 *
 * It notes what to do once the lock is dropped, and it bounds the hold: when
 * %KCHAN_STEP_PARTIES parties were served, or %KCHAN_STEP_STALE waiters of claimed
 * parties were taken out, no further waiter is looked at and @more is set.
 */
struct kchan_step {
	unsigned int nr_told;
	unsigned int stale;
	bool rest;
	bool more;
	bool all;
	int in;
	int out;
	u64 passed;
	struct kchan_elem *elems;
	struct kchan_ring *rings;
	struct kchan_told told[KCHAN_STEP_PARTIES];
};

static inline void kchan_step_begin(struct kchan_step *step)
{
	step->nr_told = 0;
	step->stale = 0;
	step->rest = false;
	step->more = false;
	step->all = false;
	step->in = 0;
	step->out = 0;
	step->passed = 0;
	step->elems = NULL;
	step->rings = NULL;
}

/* The step was used up before all was done. */
static inline void kchan_step_more(struct kchan_step *step)
{
	step->more = true;
	step->rest = true;
}

/**
 * kchan_claim() - claim the party of a waiter
 * @w: the waiter
 *
 * Context: the lock of the waiter's channel is held.
 * Return: whether the claim succeeded. If so, the caller serves the party, and calls
 * kchan_complete() before it drops the lock.
 */
static inline bool kchan_claim(struct kchan_waiter *w)
{
	return atomic_cmpxchg(&w->party->state, KCHAN_OPEN, KCHAN_CLAIMED) ==
	       KCHAN_OPEN;
}

/**
 * kchan_party_done() - whether a case of a party was completed
 * @party: the party
 *
 * Return: whether it was.
 */
static inline bool kchan_party_done(struct kchan_party *party)
{
	/*
	 * Pairs with the store-release in kchan_complete(): a task that sees DONE
	 * also sees the element, the status and the winner.
	 */
	return atomic_read_acquire(&party->state) == KCHAN_DONE;
}

/**
 * kchan_finish() - do the work that a step left until the lock is dropped
 * @ch: the channel
 * @step: what there is to do
 *
 * If the step was used up, this goes on in further steps. It is inline because most
 * steps leave nothing to do. Out of line it took 96 of the 2258 instructions of a
 * send and a receive (4 %).
 *
 * Context: no channel's lock is held. May sleep.
 */
static inline void kchan_finish(struct kchan *ch, struct kchan_step *step)
{
	bool rest = step->rest;

	rest |= step->in && kchan_polled_in(ch);
	rest |= step->out && kchan_polled_out(ch);
	/* A hint, as in kchan_tell_broken(). */
	rest |= READ_ONCE(ch->break_untold);
	if (unlikely(rest))
		kchan_finish_rest(ch, step);
}

void kchan_party_init(struct kchan_party *party, struct task_struct *task);
int kchan_party_wait(struct kchan_party *party, ktime_t *deadline,
		     int *triggered);
bool kchan_party_give_up(struct kchan_party *party);
void kchan_polled_put(struct kchan_polled *polled);

void kchan_waitq_init(struct kchan_waitq *q, u32 op);
void kchan_enqueue(struct kchan_waitq *q, struct kchan_waiter *w, bool by_room);
void kchan_dequeue(struct kchan_waitq *q, struct kchan_waiter *w);
struct kchan_waiter *kchan_first(struct kchan_waitq *q, struct kchan_step *step);
struct kchan_waiter *kchan_first_with_room(struct kchan_waitq *q, u32 len,
					   struct kchan_step *step);
void kchan_complete(struct kchan_waitq *q, struct kchan_waiter *w, int status,
		    struct kchan_step *step);
void kchan_tell_polled(struct kchan_polled *polled, struct kchan_step *step);
void kchan_wake_told(struct kchan_step *step);

#endif /* _KCHAN_PARTY_H */
