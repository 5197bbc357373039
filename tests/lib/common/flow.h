/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Checks that nothing is left of goroutines and channels after a test.
 */
#ifndef FLOW_H
#define FLOW_H

#include "common.h"
#include "task.h"

struct left {
	unsigned int fds;
	unsigned int threads;
};

/*
 * Contexts that were cancelled before they had a channel share one channel. It is made
 * when it is first needed, and is kept. This makes it.
 */
static inline void make_what_is_kept(void)
{
	kc_ctx *ctx;
	kc_chan *c;

	must_int(kc_with_cancel(&ctx, NULL), 0);
	kc_cancel(ctx);
	must_int(kc_ctx_done(&c, ctx), 0);
	kc_ctx_unref(ctx);
}

static inline struct left what_is_there(void)
{
	make_what_is_kept();
	return (struct left){ count_fds(), count_threads() };
}

/* Waits for goroutines that are about to end. Waits for ever if one does not end. */
static inline void expect_nothing_left(struct left before)
{
	must_int(kc_shutdown(), 0);
	/* A thread that has been joined may still be visible for a moment. */
	until(count_threads() <= before.threads + 2 * THREAD_SANITIZED);
	expect_int(count_fds(), before.fds);
}

#endif /* FLOW_H */
