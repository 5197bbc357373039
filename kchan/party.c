// SPDX-License-Identifier: GPL-2.0-only
/*
 * Parties: how a blocked call queues, is served, sleeps and gives up. See the essay
 * in party.h.
 */
#include <linux/hrtimer.h>
#include <linux/jiffies.h>
#include <linux/poll.h>
#include <linux/rbtree_augmented.h>
#include <linux/sched.h>
#include <linux/sched/signal.h>
#include <linux/sched/task.h>
#include <linux/slab.h>

#include "party.h"
#include "trace.h"

/**
 * kchan_party_init() - make a party
 * @party: the party, which nobody else can see yet
 * @task: the current task; NULL for a &struct kchan_polled
 */
void kchan_party_init(struct kchan_party *party, struct task_struct *task)
{
	atomic_set(&party->state, KCHAN_OPEN);
	party->task = task;
	party->winner = NULL;
}

/* Sleeps. Returns false if the deadline has passed. */
static bool kchan_party_sleep(ktime_t *deadline)
{
	if (!deadline) {
		schedule();
		return true;
	}
	return schedule_hrtimeout_range_clock(deadline, current->timer_slack_ns,
					      HRTIMER_MODE_ABS,
					      CLOCK_MONOTONIC);
}

/**
 * kchan_party_wait() - sleep until a case is completed
 * @party: the current task's party, its waiters queued
 * @deadline: when to stop, on the host's CLOCK_MONOTONIC; NULL for never
 * @triggered: poll_wqueues.triggered, of a party that also waits for files; or
 *	NULL
 *
 * Return: 0 when a case was completed: kchan_party.winner tells which. Otherwise the
 * state of the party has not changed: -ERESTARTSYS for a signal, -ETIMEDOUT at the
 * deadline, -EAGAIN when the caller has to look at its files.
 */
int kchan_party_wait(struct kchan_party *party, ktime_t *deadline,
		     int *triggered)
{
	int ret = 0;

	for (;;) {
		/*
		 * The full barrier in set_current_state(), between the store of
		 * the task's state and the load of the party's, pairs with the
		 * one in wake_up_process(), which follows the store of DONE:
		 * either we see DONE, or the waker sees us asleep.
		 */
		set_current_state(TASK_INTERRUPTIBLE | TASK_FREEZABLE);
		if (kchan_party_done(party))
			break;
		if (triggered && READ_ONCE(*triggered)) {
			/*
			 * Pairs with the barrier in the wait queue's callback: a
			 * trigger after this is seen by the caller's look at the
			 * files, or by the next round.
			 */
			smp_store_mb(*triggered, 0);
			ret = -EAGAIN;
			break;
		}
		if (signal_pending(current)) {
			ret = -ERESTARTSYS;
			break;
		}
		if (!kchan_party_sleep(deadline)) {
			ret = -ETIMEDOUT;
			break;
		}
	}
	__set_current_state(TASK_RUNNING);
	return ret;
}

/**
 * kchan_party_give_up() - stop others from completing a case
 * @party: the caller's party
 *
 * Return: true if no case was or will be completed. If false, a case is being
 * completed: the party is DONE once the caller has held the lock of each of its
 * channels.
 */
bool kchan_party_give_up(struct kchan_party *party)
{
	return atomic_cmpxchg(&party->state, KCHAN_OPEN, KCHAN_CLAIMED) ==
	       KCHAN_OPEN;
}

/**
 * kchan_polled_put() - drop a reference
 * @polled: the party
 */
void kchan_polled_put(struct kchan_polled *polled)
{
	if (refcount_dec_and_test(&polled->ref))
		kfree(polled);
}

/**
 * kchan_waitq_init() - make an empty queue of waiters
 * @q: the queue
 * @op: ``KCHAN_OP_SEND`` or ``KCHAN_OP_RECV``
 */
void kchan_waitq_init(struct kchan_waitq *q, u32 op)
{
	INIT_LIST_HEAD(&q->list);
	q->rooms = RB_ROOT;
	q->len = 0;
	q->op = op;
	q->waits = 0;
}

static u32 kchan_waiter_room(struct kchan_waiter *w)
{
	return w->room;
}

RB_DECLARE_CALLBACKS_MAX(static, kchan_room_callbacks, struct kchan_waiter,
			 by_room, u32, max_room, kchan_waiter_room)

static struct kchan_waiter *kchan_by_room(struct rb_node *node)
{
	return rb_entry_safe(node, struct kchan_waiter, by_room);
}

/*
 * The tree is in order of arrival, so the newest waiter goes to the right of all
 * others.
 */
static void kchan_rooms_add(struct kchan_waitq *q, struct kchan_waiter *w)
{
	struct rb_node **link = &q->rooms.rb_node;
	struct rb_node *parent = NULL;

	w->max_room = w->room;
	while (*link) {
		struct kchan_waiter *at = kchan_by_room(*link);

		at->max_room = max(at->max_room, w->room);
		parent = *link;
		link = &parent->rb_right;
	}
	rb_link_node(&w->by_room, parent, link);
	rb_insert_augmented(&w->by_room, &q->rooms, &kchan_room_callbacks);
}

/**
 * kchan_enqueue() - queue a waiter at the tail
 * @q: the queue
 * @w: the waiter
 * @by_room: it is a receiver in message mode
 *
 * Context: the channel's lock is held.
 */
void kchan_enqueue(struct kchan_waitq *q, struct kchan_waiter *w, bool by_room)
{
	list_add_tail(&w->node, &q->list);
	if (by_room)
		kchan_rooms_add(q, w);
	else
		RB_CLEAR_NODE(&w->by_room);
	q->len++;
	w->ticket = q->waits++;
	w->since = jiffies;
}

/**
 * kchan_dequeue() - take a waiter out of its queue, if it is in it
 * @q: the queue
 * @w: the waiter; if its party was claimed, another task may have taken it out
 *	already
 *
 * Context: the channel's lock is held.
 */
void kchan_dequeue(struct kchan_waitq *q, struct kchan_waiter *w)
{
	if (list_empty(&w->node))
		return;
	list_del_init(&w->node);
	if (!RB_EMPTY_NODE(&w->by_room))
		rb_erase_augmented(&w->by_room, &q->rooms,
				   &kchan_room_callbacks);
	q->len--;
}

/*
 * Whether a waiter is open. A waiter that is not open is taken out, so that nobody
 * finds it again.
 */
static bool kchan_open(struct kchan_waitq *q, struct kchan_waiter *w,
		       struct kchan_step *step)
{
	if (likely(atomic_read(&w->party->state) == KCHAN_OPEN))
		return true;
	kchan_dequeue(q, w);
	step->stale++;
	return false;
}

/* Whether the step allows a look at one more waiter. */
static bool kchan_step_allows(struct kchan_step *step)
{
	if (likely(step->nr_told < KCHAN_STEP_PARTIES &&
		   step->stale < KCHAN_STEP_STALE))
		return true;
	kchan_step_more(step);
	return false;
}

/**
 * kchan_first() - the longest-waiting open waiter of a queue
 * @q: the queue
 * @step: the work under this hold
 *
 * Context: the channel's lock is held.
 * Return: the waiter; NULL if there is none, or, with @step->more set, if the step
 * is used up.
 */
struct kchan_waiter *kchan_first(struct kchan_waitq *q, struct kchan_step *step)
{
	struct kchan_waiter *w;

	while (!list_empty(&q->list)) {
		if (!kchan_step_allows(step))
			return NULL;
		w = list_first_entry(&q->list, struct kchan_waiter, node);
		if (kchan_open(q, w, step))
			return w;
	}
	return NULL;
}

/*
 * The first waiter in the tree with room for @len bytes, whether it is open or not.
 */
static struct kchan_waiter *kchan_find_room(struct kchan_waitq *q, u32 len)
{
	struct kchan_waiter *at = kchan_by_room(q->rooms.rb_node);

	if (!at || at->max_room < len)
		return NULL;
	for (;;) {
		struct kchan_waiter *left = kchan_by_room(at->by_room.rb_left);

		if (left && left->max_room >= len) {
			at = left;
			continue;
		}
		if (at->room >= len)
			return at;
		at = kchan_by_room(at->by_room.rb_right);
	}
}

/**
 * kchan_first_with_room() - the longest-waiting open receiver that takes a message
 * @q: the receivers of a channel
 * @len: bytes in the message
 * @step: the work under this hold
 *
 * Context: the channel's lock is held.
 * Return: as kchan_first().
 */
struct kchan_waiter *kchan_first_with_room(struct kchan_waitq *q, u32 len,
					   struct kchan_step *step)
{
	struct kchan_waiter *w = kchan_first(q, step);

	/* Outside message mode all have the same room. */
	if (likely(!w || len <= w->room))
		return w;
	while ((w = kchan_find_room(q, len))) {
		if (!kchan_step_allows(step))
			return NULL;
		if (kchan_open(q, w, step))
			return w;
	}
	return NULL;
}

/**
 * kchan_tell_polled() - wake those who poll a party, once the lock is dropped
 * @polled: the party, which stays until then
 * @step: the work under this hold, with room for one more
 *
 * Context: the channel's lock is held.
 */
void kchan_tell_polled(struct kchan_polled *polled, struct kchan_step *step)
{
	struct kchan_told *told = &step->told[step->nr_told++];

	step->rest = true;
	told->task = NULL;
	told->polled = polled;
	refcount_inc(&polled->ref);
}

/**
 * kchan_complete() - tell a claimed party that it was served
 * @q: the queue that the waiter is in
 * @w: the waiter whose case is completed; the caller must not touch it afterwards
 * @status: its outcome
 * @step: the work under this hold: it wakes the party later
 *
 * Context: the channel's lock is held, and the caller has claimed the party under
 * the same hold.
 */
void kchan_complete(struct kchan_waitq *q, struct kchan_waiter *w, int status,
		    struct kchan_step *step)
{
	struct kchan_told *told = &step->told[step->nr_told];
	struct kchan_party *party = w->party;

	kchan_dequeue(q, w);
	kchan_trace(wake, q, party->task, status);
	w->status = status;
	party->winner = w;

	if (party->task) {
		told->task = party->task;
		get_task_struct(party->task);
		step->nr_told++;
		step->rest = true;
	} else {
		kchan_tell_polled(container_of(party, struct kchan_polled, party), step);
	}
	/*
	 * Pairs with the load-acquire in kchan_party_done(). From here on the owner
	 * may go on, and free the waiter and the party.
	 */
	atomic_set_release(&party->state, KCHAN_DONE);
}

/**
 * kchan_wake_told() - wake the parties that were served in a step
 * @step: the step
 *
 * A poller of an armed select is not missed. It enters the wait queue, then looks at
 * the state. Either it entered before this wake-up takes the queue's lock, and is
 * woken; or its look comes after, and sees DONE, which was stored before.
 *
 * Context: no channel's lock is held.
 */
void kchan_wake_told(struct kchan_step *step)
{
	unsigned int i;

	for (i = 0; i < step->nr_told; i++) {
		struct kchan_told *told = &step->told[i];

		if (likely(told->task)) {
			wake_up_process(told->task);
			put_task_struct(told->task);
		} else {
			wake_up_poll(&told->polled->wait, EPOLLIN | EPOLLRDNORM);
			kchan_polled_put(told->polled);
		}
	}
}
