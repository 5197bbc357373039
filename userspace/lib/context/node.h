/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A context: what the library keeps of one.
 *
 * Every context points to its parent, which it holds. Those that can be cancelled,
 * the nodes, form a tree of their own besides: each is in the list of its nearest
 * node further up, from when it is made until it is cancelled or freed. What is in
 * the list is not held by it.
 *
 * One lock, kc_ctx_lock, guards the tree: the lists, and whether a node is
 * cancelled. Under it a whole subtree is cancelled in one step, and its channels are
 * closed: see cancel.c. The channels are dropped after that, without it. A node's being
 * cancelled and its channel are read without it: they are set once.
 *
 * Locks are taken in this order, one inside the other:
 *
 *	that of notify.c	who is told of signals may cancel a context
 *	kc_done_lock		while a channel is made
 *	kc_ctx_lock
 *	that of keeper.c	to set and to drop timers
 *
 * What can cancel a node that nobody in this process has cancelled is a deadline,
 * and a source, which is a channel that another process has closed. Both are looked
 * at when somebody asks, and are part of what a call waits for. Only when a channel
 * is to be closed, or a function to be run, has the keeper to watch for them: then
 * the node is armed.
 */
#ifndef LIBKCHAN_CONTEXT_NODE_H
#define LIBKCHAN_CONTEXT_NODE_H

#include "base/base.h"
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
	kc_ctx *parent;			/* held; NULL: the root, or none */
	struct kc_node *node;		/* the nearest, itself or further up */
};

struct kc_value_ctx {
	kc_ctx ctx;
	const void *key;
	void *value;
	void (*destroy)(void *value);
};

/*
 * In the process that made a channel for a node: the end that closes it. In its
 * children, and of kc_ctx_from_fd(): a source, the end that is seen to be closed.
 */
struct kc_done {
	struct kc_list all;		/* of those that close */
	struct kc_done *next;
	struct kc_node *node;		/* NULL: it is being closed */
	kc_chan *chan;
	/* Of a source. */
	uint32_t generation;		/* as which it became one; 0: from_fd */
	uint32_t watched;		/* in that generation, plus 1 */
	struct kc_watch watch;
};

/* What a node has whose cause may be a signal: signals.c. */
struct kc_ctx_signals {
	void (*stop)(struct kc_ctx_signals *s);		/* no more is told */
	void (*free)(struct kc_ctx_signals *s);
	struct kc_notified to;
	struct kc_node *node;
};

struct kc_node {
	kc_ctx ctx;
	struct kc_node *up;		/* the next node */

	/* Under the lock. */
	bool linked;
	struct kc_list sibling;
	struct kc_list children;
	struct kc_list waits;		/* of struct kc_ctx_wait */
	struct kc_done *sender;
	uint32_t armed;			/* the timer, in that generation, plus 1 */

	/* Set once, under the lock; the cause first. */
	kc_error *cause;
	int err;			/* 0: it is not cancelled */
	bool over;			/* it is, and its channel is closed */
	kc_chan *done;			/* NULL: none was needed yet */

	/* Never changed, but for the sources in the child of a fork(). */
	int64_t deadline;		/* also one that is further up */
	bool own;			/* it is this node's */
	kc_error *late;			/* the cause, then; NULL: none was given */
	struct kc_done *sources;
	struct kc_timed timer;
	struct kc_ctx_signals *signals;	/* NULL: none cancels it */
};

/*
 * Who is to be told when a node is cancelled, at once. With @later that is done
 * without the lock, by whoever cancelled it; without, under it.
 */
struct kc_ctx_wait {
	struct kc_list link;
	struct kc_list all;
	bool linked;
	bool later;
	const void *thread;		/* that waits; by kc_ctx_wait_add() */
	void (*cancelled)(struct kc_ctx_wait *w);
	/*
	 * In the child of a fork(). With @later: nobody is told any more. Without: its
	 * thread is the one that is left, and goes on waiting. NULL: that needs nothing.
	 */
	void (*forked)(struct kc_ctx_wait *w);
};

extern uint32_t kc_ctx_lock;

/* How many sources there are in the process. */
extern unsigned int kc_nr_sources;

/*
 * What contexts with channels add: done_channel.c. NULL: no context can have one. Set before
 * main().
 */
struct kc_ctx_channels {
	/* See whether a source has cancelled the node. */
	void (*look)(struct kc_node *n);
	/* The node is cancelled or freed: its end closes the channel, */
	void (*close)(struct kc_done *sender);
	/* and then it goes, with all in the list. */
	void (*drop)(struct kc_done *sender);
	void (*free_sources)(struct kc_node *n);
	void (*unref)(kc_chan *done);
};

KC_HOOK extern const struct kc_ctx_channels *kc_ctx_channels;

/* The errors that say no more than that. */
extern kc_error kc_canceled;

static inline struct kc_node *kc_ctx_node(const kc_ctx *ctx)
{
	return ctx ? ctx->node : NULL;
}

/*
 * A new node, with one reference, or NULL. It is part of the tree from
 * kc_node_link() on; before, kc_ctx_unref() takes it back.
 */
struct kc_node *kc_node_make(kc_ctx *parent);
void kc_node_link(struct kc_node *n);
void kc_node_free(struct kc_node *n);

/* kc_ctx_err(). */
int kc_node_err(struct kc_node *n);

/* Whether that is known already. */
static inline int kc_node_known(const struct kc_node *n)
{
	return __atomic_load_n(&n->err, __ATOMIC_ACQUIRE);
}

/* The caller holds it, or it waits for the caller before it is freed. */
void kc_node_cancel(struct kc_node *n, int err, kc_error *cause);

/* 0, and @w is to be told, or the error of a node that is cancelled. */
int kc_ctx_wait_add(struct kc_node *n, struct kc_ctx_wait *w);

/*
 * True if it was still to be told. Else it has been, or, with @later, is about to
 * be.
 */
bool kc_ctx_wait_del(struct kc_ctx_wait *w);

/* The channel that kc_ctx_done() gives, which is the node's: 0 or -errno. */
int kc_node_done(struct kc_node *n, kc_chan **out);

/*
 * Have the keeper watch for all sources that may cancel the node, and, with
 * @timer, for its deadline: 0 or -errno.
 */
int kc_node_arm(struct kc_node *n, bool timer);

/*
 * The sources that may cancel the node, here and further up. At most @max of them
 * are put to @out; returns how many there are.
 */
unsigned int kc_node_sources(struct kc_node *n, struct kc_done **out,
			     unsigned int max);

#endif /* LIBKCHAN_CONTEXT_NODE_H */
