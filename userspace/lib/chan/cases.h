/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Select, in its general form, and how contexts take part in it.
 */
#ifndef LIBKCHAN_CHAN_CASES_H
#define LIBKCHAN_CHAN_CASES_H

#include "base/base.h"
#include "base/clock.h"
#include "base/hook.h"
#include "chan/handle.h"

struct kc_node;

/* Those of the caller's cases that can be ready. */
struct kc_live {
	unsigned int nr;
	struct kchan_case cases[KCHAN_MAX_CASES];
	uint32_t index[KCHAN_MAX_CASES];	/* among the caller's */
	kc_chan *chan[KCHAN_MAX_CASES];		/* NULL: a descriptor */
	struct kc_call calls[KCHAN_MAX_CASES];	/* by these they are held */
	kc_chan *any;				/* of the channels */
	bool foreign;				/* there are descriptors too */
	bool timed;
	int64_t after;				/* then the earliest */
	int64_t deadline;			/* of contexts, the earliest */
	uint32_t late;				/* the case that has it */
	bool polled;				/* there are descriptors, and no channels */
	void *events;				/* then: those of contexts */
	bool alone;				/* contexts are waited for here: */
	unsigned int nr_nodes;			/* so many, with their index */
	struct kc_node *nodes[KCHAN_MAX_CASES];
	size_t unwanted;			/* the longest element to discard */
	void *room;				/* for it */
};

/* There is room. The caller fills in the rest. */
static inline struct kchan_case *kc_live_add(struct kc_live *live, size_t index,
					     kc_chan *chan)
{
	struct kchan_case *to = &live->cases[live->nr];

	live->index[live->nr] = index;
	live->chan[live->nr] = chan;
	live->calls[live->nr] = chan ? kc_call_begin(chan) : (struct kc_call){ 0 };
	live->nr++;
	*to = (struct kchan_case){ 0 };
	return to;
}

/* What a case of a context is: context/select_ctx.c. NULL: there is none. */
struct kc_ctx_cases {
	/* Add what of @ctx can be ready: 0 or a negative errno. */
	int (*add)(struct kc_live *live, kc_ctx *ctx, size_t index);
	/* Only the kernel can watch what may cancel it. */
	bool (*has_source)(kc_ctx *ctx);
	/* What live->events needs; they are no more after it. */
	void (*release)(struct kc_live *live);
	/* There is nothing but contexts: the index in live->nodes, or a negative errno. */
	int (*await)(struct kc_live *live, struct kc_limit limit);
	/* How the context was cancelled, which one that has committed was. */
	int (*status)(kc_ctx *ctx);
};

/* Set before main(). */
KC_HOOK extern const struct kc_ctx_cases *kc_ctx_cases;

/*
 * Cases that wait for a time count from @now; negative: from the call. If @ctx is
 * cancelled it returns how.
 */
int kc_select_cases(kc_case *cases, size_t n, struct kc_limit limit, int64_t now,
		    kc_ctx *ctx);

#endif /* LIBKCHAN_CHAN_CASES_H */
