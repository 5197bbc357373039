// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Cancelling contexts.
 *
 * A node and all nodes below it are marked under the lock, each before those below it.
 * A marked node has no children in the tree, and gets no new ones. So the tree contains
 * only nodes that are not cancelled. A cancelling call visits each node once, along the
 * links of the tree, and needs no memory.
 *
 * A caller that learns that a context is cancelled must find its channel closed. A
 * caller that finds the channel closed must learn that the context is cancelled. So
 * mark() sets "err", then closes the channel, and then sets "over", all under the lock.
 * A caller that sees "err" but not "over" waits for the lock: so kc_ctx_err() returns
 * nothing while the channel is open. A second kc_cancel() takes the lock too, so it
 * returns when all channels below are closed.
 *
 * A deadline counts from its time, not from the time when it is noticed. If a node is
 * cancelled by something else after its own deadline, the deadline is its cause.
 */
#include <stdlib.h>

#include "base/error_struct.h"
#include "base/fork.h"
#include "base/futex.h"
#include "context/node.h"
#include "race/race.h"
#include "sched/routine.h"

kc_error kc_canceled = KC_ERROR_ALWAYS(-ECANCELED, "context canceled");
static kc_error timed_out =
	KC_ERROR_ALWAYS(-ETIMEDOUT, "context deadline exceeded");

uint32_t kc_ctx_lock;
unsigned int kc_nr_sources;
const struct kc_ctx_channels *kc_ctx_channels;

/* All waits of all nodes. Hidden: else no node with a wait would be found to be leaked. */
static struct kc_hidden_list waits;
static struct kc_hidden_list left;	/* waits with @later of the parent of a fork() */

/* What remains to be done without the lock. */
struct work {
	int64_t now;
	struct kc_done *senders;	/* closed channels, to be freed */
	struct kc_list later;		/* waits to be called */
};

static void begin(struct work *work, int64_t now)
{
	work->now = now;
	work->senders = NULL;
	kc_list_init(&work->later);
	kc_lock(&kc_ctx_lock);
}

static void finish(struct work *work)
{
	struct kc_ctx_wait *w;

	kc_unlock(&kc_ctx_lock);
	if (work->senders)
		kc_ctx_channels->drop(work->senders);
	while (!kc_list_empty(&work->later)) {
		w = kc_container(work->later.next, struct kc_ctx_wait, link);
		kc_list_del(&w->link);
		w->cancelled(w);
	}
}

/* The next functions are called with the lock held. */
static void unlink_wait(struct kc_ctx_wait *w)
{
	kc_list_del(&w->link);
	kc_hidden_del(&w->all);
	w->linked = false;
}

static void tell(struct kc_node *n, struct work *work)
{
	struct kc_ctx_wait *w;

	while (!kc_list_empty(&n->waits)) {
		w = kc_container(n->waits.next, struct kc_ctx_wait, link);
		unlink_wait(w);
		if (w->later)
			kc_list_add(work->later.prev, &w->link);
		else
			w->cancelled(w);
	}
}

static void mark(struct kc_node *n, int err, kc_error *cause, struct work *work)
{
	struct kc_done *sender = n->sender, *source;

	if (n->own && n->deadline <= work->now) {
		err = -ETIMEDOUT;
		cause = n->late ? n->late : &timed_out;
	} else if (err == -ECANCELED) {
		/*
		 * With the race detector: a deadline is not an action of a goroutine,
		 * so it orders nothing.
		 */
		kc_race_release(n);
	}
	n->cause = kc_error_ref(cause);
	__atomic_store_n(&n->err, err, __ATOMIC_RELEASE);
	if (sender) {
		n->sender = NULL;
		sender->node = NULL;
		sender->next = work->senders;
		work->senders = sender;
		kc_ctx_channels->close(sender);
	}
	/* Pairs with the load in await_over(). */
	__atomic_store_n(&n->over, true, __ATOMIC_RELEASE);
	if (n->armed)
		kc_timed_del(&n->timer);
	for (source = n->sources; source; source = source->next)
		if (source->watched)
			kc_watch_del(&source->watch);
	tell(n, work);
}

static void unlink_node(struct kc_node *n)
{
	if (n->linked)
		kc_list_del(&n->sibling);
	n->linked = false;
}

/* Marks the node and all nodes below it. */
static void mark_tree(struct kc_node *top, int err, kc_error *cause,
		      struct work *work)
{
	struct kc_node *n = top, *child;

	unlink_node(top);
	mark(top, err, cause, work);
	for (;;) {
		if (!kc_list_empty(&n->children)) {
			child = kc_container(n->children.next, struct kc_node,
					     sibling);
			unlink_node(child);
			mark(child, n->err, n->cause, work);
			n = child;
		} else if (n != top) {
			n = n->up;
		} else {
			return;
		}
	}
}

/*
 * Cancels the nodes whose own deadline has passed: @n and its ancestors. An ancestor's
 * deadline is later than that of a node below it. So they are cancelled in the order of
 * their deadlines.
 */
static void expire(struct kc_node *n, struct work *work)
{
	for (; n && n->deadline <= work->now; n = n->up)
		if (n->own && !n->err)
			mark_tree(n, -ETIMEDOUT, &timed_out, work);
}

void kc_node_cancel(struct kc_node *n, int err, kc_error *cause)
{
	struct work work;

	begin(&work, kc_now());
	expire(n, &work);
	if (!n->err)
		mark_tree(n, err, cause, &work);
	finish(&work);
}

/* The node is cancelled. Waits until its channel is closed. */
static void await_over(const struct kc_node *n)
{
	if (__atomic_load_n(&n->over, __ATOMIC_ACQUIRE))
		return;
	kc_lock(&kc_ctx_lock);
	kc_unlock(&kc_ctx_lock);
}

/* Returns the error, after it has checked the deadline and the sources. */
static int look(struct kc_node *n)
{
	struct work work;
	int64_t now;
	int err = kc_node_known(n);

	if (err)
		return err;
	if (n->deadline != KC_NEVER) {
		now = kc_now();
		if (n->deadline <= now) {
			begin(&work, now);
			expire(n, &work);
			finish(&work);
		}
	}
	if (__atomic_load_n(&kc_nr_sources, __ATOMIC_RELAXED))
		kc_ctx_channels->look(n);
	return kc_node_known(n);
}

int kc_node_err(struct kc_node *n)
{
	const int err = look(n);

	if (err) {
		await_over(n);
		kc_race_acquire(n);
	}
	return err;
}

void kc_node_link(struct kc_node *n)
{
	struct work work;

	if (!n->up)
		return;
	kc_node_err(n->up);
	/* If the parent is cancelled, that came before the new node's deadline. */
	begin(&work, INT64_MIN);
	if (n->up->err) {
		kc_race_acquire(n->up);
		mark(n, n->up->err, n->up->cause, &work);
	} else {
		kc_list_add(&n->up->children, &n->sibling);
		n->linked = true;
	}
	finish(&work);
}

/*
 * Frees a node without references. The keeper may be about to cancel it, so this waits
 * for the keeper.
 */
void kc_node_free(struct kc_node *n)
{
	struct kc_done *sender;

	if (n->signals)
		n->signals->free(n->signals);
	kc_lock(&kc_ctx_lock);
	unlink_node(n);
	sender = n->sender;
	n->sender = NULL;
	if (sender) {
		sender->node = NULL;
		sender->next = NULL;
	}
	kc_unlock(&kc_ctx_lock);
	if (n->armed)
		kc_keeper_forget(&n->timer);
	if (n->sources)
		kc_ctx_channels->free_sources(n);
	if (sender) {
		kc_ctx_channels->close(sender);
		kc_ctx_channels->drop(sender);
	}
	if (n->done)
		kc_ctx_channels->unref(n->done);
	kc_error_unref(n->cause);
	kc_error_unref(n->late);
	free(n);
}

int kc_ctx_wait_add(struct kc_node *n, struct kc_ctx_wait *w)
{
	int err = n ? kc_node_err(n) : 0;

	if (err)
		return err;
	kc_lock(&kc_ctx_lock);
	err = n ? n->err : 0;
	if (!err) {
		if (n)
			kc_list_add(n->waits.prev, &w->link);
		else
			kc_list_init(&w->link);
		kc_hidden_add(&waits, &w->all);
		w->thread = &kc_g_current;
		w->linked = true;
	}
	kc_unlock(&kc_ctx_lock);
	if (err)
		kc_race_acquire(n);
	return err;
}

bool kc_ctx_wait_del(struct kc_ctx_wait *w)
{
	bool was;

	kc_lock(&kc_ctx_lock);
	was = w->linked;
	if (was)
		unlink_wait(w);
	kc_unlock(&kc_ctx_lock);
	return was;
}

static void lock_tree(void)
{
	kc_lock(&kc_ctx_lock);
}

static void unlock_tree(void)
{
	kc_unlock(&kc_ctx_lock);
}

/*
 * Called in the child with the locks held. Waiting threads do not exist here, except
 * the thread that forked: it did so in a signal handler, and continues to wait after
 * that. Functions to be run belong to the parent. A thread is identified by the address
 * of a thread-local variable, which is the same in the child.
 */
static void forked(void)
{
	struct kc_hidden *link, *next;
	struct kc_ctx_wait *w;

	for (link = kc_hidden_first(&waits); link; link = next) {
		next = kc_hidden_next(link);
		w = kc_container(link, struct kc_ctx_wait, all);
		if (w->later) {
			unlink_wait(w);
			kc_hidden_add(&left, &w->all);
		} else if (w->thread != &kc_g_current) {
			unlink_wait(w);
		} else if (w->forked) {
			w->forked(w);
		}
	}
}

/* Called in the child when all locks are free. */
static void drop_forked(void)
{
	struct kc_ctx_wait *w;
	struct kc_hidden *link;

	while ((link = kc_hidden_first(&left))) {
		w = kc_container(link, struct kc_ctx_wait, all);
		kc_hidden_del(link);
		w->forked(w);
	}
}

KC_AT_FORK(.order = KC_FORK_CTX, .lock = lock_tree, .unlock = unlock_tree,
	   .forked = forked, .drop = drop_forked)
