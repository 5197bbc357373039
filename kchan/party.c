// SPDX-License-Identifier: GPL-2.0-only
/*
 * Waiting: how a blocked call sleeps, gives up, and is woken.
 */
#include <linux/hrtimer.h>
#include <linux/sched.h>
#include <linux/sched/signal.h>
#include <linux/sched/task.h>

#include "party.h"
#include "trace.h"

/**
 * kchan_party_init() - make a party
 * @party: the party, which nobody else can see yet
 * @task: the current task; NULL for that of an armed select
 */
void kchan_party_init(struct kchan_party *party, struct task_struct *task)
{
	atomic_set(&party->state, KCHAN_OPEN);
	party->task = task;
	party->winner = NULL;
}

static bool kchan_party_done(struct kchan_party *party)
{
	/*
	 * Pairs with the store-release in kchan_tell_done(): whoever sees DONE
	 * sees the element, the status and the winner, and has its waiters to
	 * itself.
	 */
	return atomic_read_acquire(&party->state) == KCHAN_DONE;
}

/*
 * Somebody has claimed the party and is between that and DONE: a few
 * instructions under the channel's lock or, of several parties served under one
 * hold of it, up to when the ones before were woken. Neither signals nor the
 * deadline count any more.
 */
static void kchan_party_wait_claimed(struct kchan_party *party)
{
	for (;;) {
		set_current_state(TASK_UNINTERRUPTIBLE);
		if (kchan_party_done(party))
			break;
		schedule();
	}
	__set_current_state(TASK_RUNNING);
}

/* Sleeps. Returns whether the deadline has not passed. */
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
 * kchan_party_give_up() - let no case be completed any more
 * @party: the current task's party
 *
 * Context: may sleep.
 * Return: whether that is so: then the caller takes its waiters out of their
 * queues. If not, a case was completed: kchan_party.winner says which.
 */
bool kchan_party_give_up(struct kchan_party *party)
{
	if (atomic_cmpxchg(&party->state, KCHAN_OPEN, KCHAN_CLAIMED) ==
	    KCHAN_OPEN)
		return true;
	kchan_party_wait_claimed(party);
	return false;
}

/**
 * kchan_party_wait() - sleep until a case is completed
 * @party: the current task's party, its waiters queued
 * @deadline: when to give up, on CLOCK_MONOTONIC; NULL for never
 * @triggered: poll_wqueues.triggered, of a party that also waits for files; or
 *	NULL
 *
 * Return: 0 when a case was completed: kchan_party.winner says which. Or
 * -ERESTARTSYS for a signal, -ETIMEDOUT at the deadline: then no case will be
 * completed, and the caller takes its waiters out of their queues. -EAGAIN when
 * files are to be looked at; the party is as open as before.
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
			__set_current_state(TASK_RUNNING);
			/*
			 * Pairs with the barrier in the wait queue's callback:
			 * whoever triggers after this is seen by the caller's
			 * look at the files, or by the next round.
			 */
			smp_store_mb(*triggered, 0);
			return -EAGAIN;
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

	if (!ret || !kchan_party_give_up(party))
		return 0;
	kchan_trace(give_up, ret);
	return ret;
}

/*
 * Tells a party that it was served. The caller has a reference on what the party
 * is part of, or on its task.
 *
 * Once it sees DONE its owner goes on, and the waiter, the party and, but for that
 * reference, the task are gone: nobody touches the waiter or the party after the
 * store. The waiter is in no list by then, for an owner with several has to tell
 * those that it must still take out.
 */
static void kchan_tell_done(struct kchan_waiter *w)
{
	struct kchan_party *party = w->party;

	list_del_init(&w->node);
	party->winner = w;
	/* Pairs with the load-acquire in kchan_party_done(). */
	atomic_set_release(&party->state, KCHAN_DONE);
}

/**
 * kchan_complete() - serve a claimed party
 * @q: the queue that the waiter is in
 * @w: the waiter whose case is completed; not to be touched afterwards
 * @status: its outcome
 * @d: what to do when the lock is dropped
 *
 * Context: the channel's lock is held, and the caller has claimed the party.
 */
void kchan_complete(struct kchan_waitq *q, struct kchan_waiter *w, int status,
		    struct kchan_deferred *d)
{
	struct task_struct *task = w->party->task;

	w->status = status;
	q->len--;
	kchan_trace(wake, q, w->party->task, status);
	/*
	 * The first task is told at once: one that gives up meanwhile need not
	 * wait for us. A second one would have nowhere to stand, for its waiter
	 * goes with the telling; so it is told when it is woken, and so is an
	 * armed select, whose pollers no lock is held for.
	 */
	if (likely(!d->task && task)) {
		d->task = get_task_struct(task);
		kchan_tell_done(w);
	} else {
		kchan_deferred_more(d);
		list_move_tail(&w->node, &d->done);
	}
}

/**
 * kchan_wake_task() - wake a party that was told
 * @task: its task; the reference is dropped
 *
 * Context: no channel's lock is held.
 */
void kchan_wake_task(struct task_struct *task)
{
	wake_up_process(task);
	put_task_struct(task);
}

/* Tells a party, and wakes its task, or those who poll the armed select. */
static void kchan_tell_and_wake(struct kchan_waiter *w)
{
	struct task_struct *task = w->party->task;
	struct kchan_armed *armed;

	if (task) {
		get_task_struct(task);
		kchan_tell_done(w);
		kchan_wake_task(task);
		return;
	}
	armed = kchan_armed_get(w->party);
	kchan_tell_done(w);
	kchan_armed_wake(armed);
}

/**
 * kchan_wake_done() - tell the parties that were served, and wake them
 * @done: the waiters that were served, linked by their node
 *
 * Context: no channel's lock is held. May sleep.
 */
void kchan_wake_done(struct list_head *done)
{
	struct kchan_waiter *w, *next;

	/* Only the next one's node is read ahead, and that one is not told. */
	list_for_each_entry_safe(w, next, done, node) {
		kchan_tell_and_wake(w);
		cond_resched();
	}
}
