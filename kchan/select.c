// SPDX-License-Identifier: GPL-2.0-only
/*
 * Select: exactly one case of several commits, at one instant.
 *
 * Where commit.h has not committed a case with the lock of its channel alone,
 * the look at the channels, the commit of a case that is ready, and, where none
 * is, the queueing of all, are one hold of the locks of all channels: were they
 * looked at one after another, a default could be taken though some case was
 * ready at every moment. The locks are taken in the order of the channels' ids;
 * whoever else takes one of them takes no second one.
 *
 * Files are polled before, without any lock, for that may sleep: their readiness
 * is a hint anyway. A file that becomes ready only wakes the task, which looks,
 * and then claims its own party as any other would.
 */
#include <linux/bitops.h>
#include <linux/err.h>
#include <linux/lockdep.h>
#include <linux/poll.h>
#include <linux/random.h>
#include <linux/sched.h>
#include <linux/slab.h>

#include "chan.h"
#include "commit.h"
#include "compat.h"
#include "select.h"
#include "stage.h"
#include "trace.h"

/**
 * struct kchan_waiting - a select that waits
 * @party: the caller
 * @pwq: the caller in the wait queues of the files
 * @slots: one for each case
 */
struct kchan_waiting {
	struct kchan_party party;
	struct poll_wqueues pwq;
	struct kchan_slot slots[];
};

#ifdef CONFIG_DEBUG_LOCK_ALLOC
/* For lockdep, which would not keep so many locks of one class apart. */
static void kchan_nest_begin(struct kchan_nest *nest)
{
	static struct lock_class_key key;

	lockdep_init_map(&nest->dep_map, "kchan_select", &key, 0);
	lock_map_acquire(&nest->dep_map);
}

static void kchan_nest_end(struct kchan_nest *nest)
{
	lock_map_release(&nest->dep_map);
}
#else
static inline void kchan_nest_begin(struct kchan_nest *nest) { }
static inline void kchan_nest_end(struct kchan_nest *nest) { }
#endif

static void kchan_lock_all(struct kchan_selection *sel)
{
	unsigned int i;

	kchan_selection_order(sel);
	kchan_nest_begin(&sel->nest);
	for (i = 0; i < sel->nr_locks; i++) {
		spin_lock_nest_lock(&sel->locks[i]->lock, &sel->nest);
		/* For sparse, which does not count in loops. */
		__release(&sel->locks[i]->lock);
	}
}

static void kchan_unlock_all(struct kchan_selection *sel)
{
	unsigned int i;

	for (i = 0; i < sel->nr_locks; i++) {
		__acquire(&sel->locks[i]->lock);
		spin_unlock(&sel->locks[i]->lock);
	}
	kchan_nest_end(&sel->nest);
}

/*
 * Sees which files are ready. With @pt, whose function may be NULL, also enters
 * their wait queues.
 */
static u64 kchan_poll_files(struct kchan_selection *sel, poll_table *pt)
{
	u64 left = sel->files, ready = 0;

	while (left) {
		const unsigned int i = __ffs64(left);
		struct kchan_branch *b = &sel->branches[i];
		const __poll_t events = (__force __poll_t)b->len |
					EPOLLERR | EPOLLHUP;
		__poll_t seen;

		left &= left - 1;
		if (pt)
			pt->_key = events;
		seen = vfs_poll(fd_file(b->fd), pt) & events;
		b->got = (__force u32)seen;
		if (seen)
			ready |= BIT_ULL(i);
	}
	return ready;
}

/* The cases that would not wait. The locks are held. */
static u64 kchan_ready(struct kchan_selection *sel)
{
	u64 ready = 0;
	unsigned int i;

	for (i = 0; i < sel->nr; i++) {
		struct kchan *ch = sel->branches[i].ch;

		if (!ch)
			continue;
		if (sel->branches[i].op == KCHAN_OP_SEND ? kchan_can_send(ch) :
							   kchan_can_recv(ch))
			ready |= BIT_ULL(i);
	}
	return ready;
}

/*
 * Commits a case that is ready, if there is one: of several @first, if it is
 * among them, or else any.
 *
 * The locks are held. Returns 0 with sel->chosen and sel->status; -EAGAIN, then
 * none is; -EFAULT when the memory of sel->chosen is to be made present first.
 */
static int kchan_commit_one(struct kchan_selection *sel, u64 files, int first,
			    struct kchan_deferred *d)
{
	u64 ready = kchan_ready(sel) | files;
	int ret;

	while (ready) {
		if (first >= 0 && (ready & BIT_ULL(first)))
			sel->chosen = first;
		else
			sel->chosen = kchan_pick(ready);
		ret = kchan_commit(&sel->branches[sel->chosen], d);
		if (ret != -EAGAIN)
			return kchan_committed(sel, ret);
		/* Whom we were to meet was claimed by another. */
		ready &= ~BIT_ULL(sel->chosen);
	}
	return -EAGAIN;
}

/*
 * The parties that were met are of any channel, and the rest is of the one whose
 * case committed.
 */
static void kchan_run_commit(struct kchan_selection *sel, int ret,
			     struct kchan_deferred *d)
{
	struct kchan *ch = NULL;

	if (!ret)
		ch = sel->branches[sel->chosen].ch;
	if (!ch && sel->nr_locks)
		ch = sel->locks[0];
	if (ch)
		kchan_run_deferred(ch, d);
}

/* Commits a case if one is ready, @first before others. */
static int kchan_commit_now(struct kchan_selection *sel, u64 files, int first)
{
	struct kchan_deferred d;
	int ret;

	kchan_deferred_init(&d);
	kchan_lock_all(sel);
	ret = kchan_commit_one(sel, files, first, &d);
	kchan_unlock_all(sel);
	kchan_run_commit(sel, ret, &d);
	return ret;
}

/*
 * The same, and gives the caller what was received. @first, if not negative, is a
 * case that was found to be without memory.
 */
static int kchan_select_now(struct kchan_selection *sel, int first)
{
	union kchan_stack_elem small __uninitialized;
	u64 files = 0;
	int ret;

	if (sel->files)
		files = kchan_poll_files(sel, NULL);
	for (;;) {
		if (first >= 0) {
			ret = kchan_branch_make_present(&sel->branches[first],
							&small);
			if (ret)
				break;
			cond_resched();
		}
		ret = kchan_commit_now(sel, files, first);
		if (ret != -EFAULT)
			break;
		/* It keeps its luck: others would else be the likelier. */
		if (first >= 0)
			kchan_branch_unstage(&sel->branches[first], &small);
		first = sel->chosen;
	}
	if (!ret)
		ret = kchan_select_deliver(sel, &small);
	if (first >= 0)
		kchan_branch_unstage(&sel->branches[first], &small);
	return ret;
}

/* The cases that have a channel. */
static u64 kchan_with_channel(const struct kchan_selection *sel)
{
	u64 set = 0;
	unsigned int i;

	for (i = 0; i < sel->nr; i++)
		if (sel->branches[i].ch)
			set |= BIT_ULL(i);
	return set;
}

/*
 * The locks are held, and no case is ready.
 *
 * Several cases on one channel become ready at one instant, and the first in its
 * queue is served: so they go there in no set order.
 */
static void kchan_park_all(struct kchan_selection *sel, struct kchan_slot *slots,
			   struct kchan_party *party)
{
	u64 left = kchan_with_channel(sel);
	const bool shuffle = hweight64(left) > sel->nr_locks;

	while (left) {
		const unsigned int i = shuffle ? kchan_pick(left) : __ffs64(left);
		struct kchan_branch *b = &sel->branches[i];
		struct kchan_slot *slot = &slots[i];

		left &= ~BIT_ULL(i);
		slot->w.party = party;
		slot->w.elem = b->elem;
		slot->w.room = b->len;
		kchan_deferred_init(&slot->d);
		if (b->op == KCHAN_OP_SEND)
			kchan_park_sender(b->ch, &slot->w, &slot->d);
		else
			kchan_park_receiver(b->ch, &slot->w, &slot->d);
	}
}

/**
 * kchan_select_park() - commit a case if one is ready by now, or queue them all
 * @sel: the select, staged
 * @slots: one for each case
 * @party: who is to be told; nobody else can see it yet
 * @files: a bit for each case whose file is ready
 *
 * Return: 0 when a case committed: @sel says which; -EAGAIN when they are queued,
 * for kchan_select_unpark().
 */
int kchan_select_park(struct kchan_selection *sel, struct kchan_slot *slots,
		      struct kchan_party *party, u64 files)
{
	struct kchan_deferred d;
	unsigned int i;
	int ret;

	kchan_deferred_init(&d);
	kchan_lock_all(sel);
	ret = kchan_commit_one(sel, files, -1, &d);
	if (ret == -EAGAIN)
		kchan_park_all(sel, slots, party);
	kchan_unlock_all(sel);
	kchan_run_commit(sel, ret, &d);
	if (ret != -EAGAIN)
		return ret;

	/*
	 * Whoever completes a case touches its waiter, and not what queueing it
	 * owes; and the slots are their owner's, who is in this call.
	 */
	for (i = 0; i < sel->nr; i++)
		if (sel->branches[i].ch)
			kchan_run_deferred(sel->branches[i].ch, &slots[i].d);
	return ret;
}

/**
 * kchan_select_unpark() - take out what is still queued
 * @sel: the select
 * @slots: one for each case
 *
 * The party was claimed, so nobody will complete any of it, and one channel after
 * another will do. What was staged, and what came in its place, is the caller's
 * again.
 */
void kchan_select_unpark(struct kchan_selection *sel, struct kchan_slot *slots)
{
	unsigned int i;

	for (i = 0; i < sel->nr; i++) {
		struct kchan_branch *b = &sel->branches[i];
		struct kchan_slot *slot = &slots[i];

		if (!b->ch)
			continue;
		spin_lock(&b->ch->lock);
		kchan_dequeue(b->op == KCHAN_OP_SEND ? &b->ch->senders :
						       &b->ch->receivers,
			      &slot->w);
		spin_unlock(&b->ch->lock);
		b->elem = slot->w.elem;
	}
}

/**
 * kchan_select_won() - note which case was completed while it was queued
 * @sel: out: the case, and its status
 * @slots: one for each case
 * @party: the party, DONE
 */
void kchan_select_won(struct kchan_selection *sel, struct kchan_slot *slots,
		      struct kchan_party *party)
{
	struct kchan_slot *slot;

	slot = container_of(party->winner, struct kchan_slot, w);
	sel->chosen = slot - slots;
	sel->status = -slot->w.status;
}

/* Sleeps until a case has committed, which may be a file's. */
static int kchan_sleep(struct kchan_selection *sel, struct kchan_waiting *wg,
		       ktime_t *deadline)
{
	u64 ready;
	int ret;

	for (;;) {
		ret = kchan_party_wait(&wg->party, deadline,
				       sel->files ? &wg->pwq.triggered : NULL);
		if (ret != -EAGAIN)
			break;
		ready = kchan_poll_files(sel, &wg->pwq.pt);
		if (!ready)
			continue;
		if (!kchan_party_give_up(&wg->party)) {
			ret = 0;
			break;
		}
		sel->chosen = kchan_pick(ready);
		sel->status = 0;
		return 0;
	}
	if (!ret)
		kchan_select_won(sel, wg->slots, &wg->party);
	return ret;
}

/* Commits a case if one is ready by now, or waits until one has. */
static int kchan_commit_or_wait(struct kchan_selection *sel,
				struct kchan_waiting *wg, u64 files,
				ktime_t *deadline)
{
	int ret;

	kchan_party_init(&wg->party, current);
	ret = kchan_select_park(sel, wg->slots, &wg->party, files);
	if (ret != -EAGAIN)
		return ret;
	ret = kchan_sleep(sel, wg, deadline);
	kchan_select_unpark(sel, wg->slots);
	return ret;
}

static int kchan_select_wait(struct kchan_selection *sel, ktime_t *deadline)
{
	struct kchan_waiting *wg;
	u64 files = 0;
	int ret;

	wg = kvzalloc(struct_size(wg, slots, sel->nr), GFP_KERNEL_ACCOUNT);
	if (!wg)
		return -ENOMEM;
	ret = kchan_select_stage(sel, wg->slots, true);
	if (ret)
		goto free;
	if (sel->files) {
		poll_initwait(&wg->pwq);
		files = kchan_poll_files(sel, &wg->pwq.pt);
		/* From now on they are only asked. */
		wg->pwq.pt._qproc = NULL;
		ret = wg->pwq.error;
	}
	if (!ret)
		ret = kchan_commit_or_wait(sel, wg, files, deadline);
	if (sel->files)
		poll_freewait(&wg->pwq);
	if (!ret)
		ret = kchan_select_deliver(sel, &wg->slots[sel->chosen].small);
free:
	kchan_select_unstage(sel, wg->slots);
	kvfree(wg);
	return ret;
}

/* A plain send or receive that was not made at once. */
static int kchan_select_one(struct kchan_selection *sel,
			    const struct kchan_wait *wait)
{
	struct kchan_branch *b = &sel->branches[0];
	struct iov_iter iter;
	ssize_t ret;

	sel->chosen = 0;
	if (b->op == KCHAN_OP_SEND) {
		kchan_branch_source(b, &iter);
		ret = kchan_send(b->ch, &iter, wait);
	} else {
		kchan_branch_dest(b, &iter);
		ret = kchan_recv(b->ch, &iter, wait);
	}
	if (ret >= 0) {
		b->got = ret;
		ret = 0;
	}
	return kchan_committed(sel, ret);
}

/**
 * kchan_select_rest() - commit one case, where kchan_select_likely() did not
 * @sel: the select
 * @wait: whether to wait for one, and how long
 * @ret: what kchan_select_likely() said
 *
 * Context: may sleep.
 * Return: as kchan_select().
 */
int kchan_select_rest(struct kchan_selection *sel,
		      const struct kchan_wait *wait, int ret)
{
	/* Being killed, with the element put back: it is not looked for again. */
	if (ret == -EINTR)
		return ret;
	if (sel->nr == 1 && sel->branches[0].ch)
		return kchan_select_one(sel, wait);
	if (ret == -EFAULT)
		ret = kchan_select_now(sel, sel->chosen);
	else if (wait->nonblock || sel->files)
		ret = kchan_select_now(sel, -1);
	if (ret == -EAGAIN && !wait->nonblock)
		ret = kchan_select_wait(sel, wait->deadline);
	return ret;
}
