/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What the library stores about a context.
 *
 * Every context holds its parent. Contexts that can be cancelled, the nodes, also form
 * a tree of their own. Each node is in the list of the nearest node among its
 * ancestors, from its making until it is cancelled or freed. The list does not hold its
 * nodes.
 *
 * One lock, kc_ctx_lock, protects the tree: the lists, and whether a node is cancelled.
 * A whole subtree is cancelled in one step under it, and its channels are closed: see
 * cancel.c. The channels are freed after that, without the lock. Whether a node is
 * cancelled, and its channel, are also read without the lock: each is set once.
 *
 * The lock order, outermost first:
 *
 *	the lock of notify.c		a signal may cancel a context
 *	the lock of done_channel.c	while a channel is made
 *	kc_ctx_lock
 *	the lock of sched/keeper.c	to set and delete timers
 *
 * Two things can cancel a node without a call in this process: a deadline, and a
 * source, which is a channel that another process closes. kc_ctx_err() checks both, and
 * calls that wait for a context wait for both. Only if a channel is to be closed, or a
 * function is to be run, the keeper has to watch them. Then the node is armed.
 */
#ifndef LIBKCHAN_CONTEXT_NODE_H
#define LIBKCHAN_CONTEXT_NODE_H

#include "base/base.h"
#include "base/hidden.h"
#include "base/hook.h"
#include "base/list.h"
#include "context/notify.h"
#include "sched/keeper.h"

#define KC_NEVER	INT64_MAX

struct kc_node;

enum kc_ctx_kind {
	KC_CTX_ROOT,
	KC_CTX_NODE,
	KC_CTX_VALUE,
	KC_CTX_WITHOUT,
};

struct kc_ctx {
	atomic_uint refs;
	enum kc_ctx_kind kind;
	kc_ctx *parent;			/* a reference; NULL: the root, or none */
	struct kc_node *node;		/* the nearest node: this context or an ancestor */
};

struct kc_value_ctx {
	kc_ctx ctx;
	const void *key;
	void *value;
	void (*destroy)(void *value);
};

/*
 * In the process that made the channel of a node, this is the end that closes it. In a
 * child of that process, and for kc_ctx_from_fd(), this is a source: the end that shows
 * that the channel is closed.
 */
struct kc_done {
	struct kc_hidden all;		/* the link in the list of senders */
	struct kc_done *next;
	struct kc_node *node;		/* NULL: the node is cancelled or freed */
	kc_chan *chan;
	/* Only of a source: */
	uint32_t generation;		/* the generation in which it became a source; 0: by
					 * kc_ctx_from_fd() */
	uint32_t watched;		/* the generation in which it is watched, plus 1 */
	struct kc_watch watch;
};

/* The part of a node that a signal can cancel: see signals.c. */
struct kc_ctx_signals {
	void (*stop)(struct kc_ctx_signals *s);		/* the node gets no more signals after
							 * this */
	void (*free)(struct kc_ctx_signals *s);
	struct kc_notified to;
	struct kc_node *node;
};

struct kc_node {
	kc_ctx ctx;
	struct kc_node *up;		/* the next node among the ancestors */

	/* Protected by the lock: */
	bool linked;
	struct kc_list sibling;
	struct kc_list children;
	struct kc_list waits;		/* a list of struct kc_ctx_wait */
	struct kc_done *sender;
	uint32_t armed;			/* the generation in which the timer is set, plus 1 */

	/* Set once, under the lock; the cause is set first: */
	kc_error *cause;
	int err;			/* 0: not cancelled */
	bool over;			/* cancelled, and the channel is closed */
	kc_chan *done;			/* NULL: nobody has needed it yet */

	/* Never changed, except for the sources in the child of a fork(): */
	int64_t deadline;		/* the earliest of this node and its ancestors */
	bool own;			/* @deadline is this node's own */
	kc_error *late;			/* the cause if the deadline cancels it; NULL: the
					 * default */
	struct kc_done *sources;
	struct kc_timed timer;
	struct kc_ctx_signals *signals;	/* NULL: no signal cancels it */
};

/*
 * Is called when a node is cancelled. If @later is set, the thread that cancels calls
 * it after it has dropped the lock, else under the lock.
 */
struct kc_ctx_wait {
	struct kc_list link;
	struct kc_hidden all;
	bool linked;
	bool later;
	const void *thread;		/* the thread that called kc_ctx_wait_add() */
	void (*cancelled)(struct kc_ctx_wait *w);
	/*
	 * Called in the child of a fork(). If @later is set: the wait has been removed.
	 * Else: the calling thread is the one that waits, and it continues to wait. May
	 * be NULL.
	 */
	void (*forked)(struct kc_ctx_wait *w);
};

extern uint32_t kc_ctx_lock;

/* The number of sources in the process. */
extern unsigned int kc_nr_sources;

/*
 * The functions of contexts with channels: see done_channel.c. NULL if the program does
 * not link it: then no context has a channel. Set before main().
 */
struct kc_ctx_channels {
	/* Checks whether a source has cancelled the node. */
	void (*look)(struct kc_node *n);
	/* Closes the channel of a node that is cancelled or freed. */
	void (*close)(struct kc_done *sender);
	/* Then frees the end, and all others in the list. */
	void (*drop)(struct kc_done *sender);
	void (*free_sources)(struct kc_node *n);
	void (*unref)(kc_chan *done);
};

KC_HOOK extern const struct kc_ctx_channels *kc_ctx_channels;

/* The default error of kc_cancel(). */
extern kc_error kc_canceled;

static inline struct kc_node *kc_ctx_node(const kc_ctx *ctx)
{
	return ctx ? ctx->node : NULL;
}

/*
 * Makes a node with one reference, or returns NULL. It is in the tree only after
 * kc_node_link(). Before that, kc_ctx_unref() frees it.
 */
struct kc_node *kc_node_make(kc_ctx *parent);
void kc_node_link(struct kc_node *n);
void kc_node_free(struct kc_node *n);

/* As kc_ctx_err(). */
int kc_node_err(struct kc_node *n);

/* The error if it is stored already. It checks neither deadlines nor sources. */
static inline int kc_node_known(const struct kc_node *n)
{
	return __atomic_load_n(&n->err, __ATOMIC_ACQUIRE);
}

/*
 * Cancels the node. Either the caller holds it, or kc_node_free() waits until the
 * caller has finished.
 */
void kc_node_cancel(struct kc_node *n, int err, kc_error *cause);

/* Returns 0 and adds @w, or returns the error of a node that is cancelled. */
int kc_ctx_wait_add(struct kc_node *n, struct kc_ctx_wait *w);

/*
 * Removes @w. True if it was not called yet, and will not be. False if it has been
 * called, or, with @later, is about to be.
 */
bool kc_ctx_wait_del(struct kc_ctx_wait *w);

/*
 * Sets *@out to the node's done channel, which the node owns. Returns 0 or a negative
 * errno.
 */
int kc_node_done(struct kc_node *n, kc_chan **out);

/*
 * Makes the keeper watch all sources that may cancel the node, and, with @timer, its
 * deadline. Returns 0 or a negative errno.
 */
int kc_node_arm(struct kc_node *n, bool timer);

/*
 * Finds the sources that may cancel the node, also those of its ancestors. Stores at
 * most @max of them in @out. Returns their number.
 */
unsigned int kc_node_sources(struct kc_node *n, struct kc_done **out,
			     unsigned int max);

#endif /* LIBKCHAN_CONTEXT_NODE_H */
