/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Select, in its general form, and the hook for cases of contexts.
 */
#ifndef LIBKCHAN_CHAN_CASES_H
#define LIBKCHAN_CHAN_CASES_H

#include "base/base.h"
#include "base/clock.h"
#include "base/hook.h"
#include "chan/handle.h"

struct kc_node;

/* The cases of the caller that can become ready. */
struct kc_live {
	struct kc_limit limit;
	unsigned int nr;
	struct kchan_case cases[KCHAN_MAX_CASES];
	uint32_t index[KCHAN_MAX_CASES];	/* their index among the caller's cases */
	kc_chan *chan[KCHAN_MAX_CASES];		/* NULL: the case is of a descriptor */
	struct kc_call calls[KCHAN_MAX_CASES];	/* these hold the channels */
	kc_chan *any;				/* any of the channels, or NULL */
	bool foreign;				/* there are cases of descriptors */
	bool contexts;				/* there are contexts */
	bool timed;
	int64_t after;				/* if @timed: the shortest duration */
	int64_t deadline;			/* the earliest deadline of the contexts */
	uint32_t late;				/* the index of the case with that deadline */
	bool polled;				/* there are descriptors, and no channels */
	void *events;				/* if @polled: the eventfds of contexts */
	bool alone;				/* there are neither channels nor descriptors: */
	unsigned int nr_nodes;			/* then these contexts are waited for, by their
						 * index */
	struct kc_node *nodes[KCHAN_MAX_CASES];
	size_t unwanted;			/* the length of the longest element to discard */
	void *room;				/* memory for that element */
};

/* Adds a case, for which there is room. The caller sets the case that is returned. */
static inline struct kchan_case *kc_live_add(struct kc_live *live, size_t index,
					     kc_chan *chan)
{
	const unsigned int at = live->nr++;

	live->index[at] = index;
	live->chan[at] = chan;
	live->calls[at] = chan ? kc_call_begin(chan) : (struct kc_call){ 0 };
	return &live->cases[at];
}

/*
 * The cases of contexts: implemented by context/select_ctx.c. NULL: it is not linked.
 */
struct kc_ctx_cases {
	/* Adds the cases that a wait for @ctx needs. Returns 0 or a negative errno. */
	int (*add)(struct kc_live *live, kc_ctx *ctx, size_t index);
	/* True if a descriptor can cancel @ctx: only the kernel can wait for that. */
	bool (*has_source)(kc_ctx *ctx);
	/*
	 * True if @ctx is not cancelled, its deadline has not passed, and this process would
	 * know if it were cancelled.
	 */
	bool (*is_idle)(kc_ctx *ctx);
	/* Frees @live->events. */
	void (*release)(struct kc_live *live);
	/*
	 * Waits for contexts alone. Returns the index in live->nodes, or a negative
	 * errno.
	 */
	int (*await)(struct kc_live *live, struct kc_limit limit);
	/* The error of a context whose case has committed. */
	int (*status)(kc_ctx *ctx);
};

/* Set before main(). */
KC_HOOK extern const struct kc_ctx_cases *kc_ctx_cases;

/*
 * Selects. The durations of cases count from @now, or from the call if @now is
 * negative. If @ctx is cancelled, it returns the error of @ctx.
 */
int kc_select_cases(kc_case *cases, size_t n, struct kc_limit limit, int64_t now,
		    kc_ctx *ctx);

#endif /* LIBKCHAN_CHAN_CASES_H */
