// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Contexts: who cancels whom, why, and what runs then.
 */
#include <errno.h>

#include "example.h"

/* A parent cancels what was made from it, and not the other way round. */
static void parent_and_child(void)
{
	kc_ctx *parent, *child, *detached;

	CHECK(kc_with_cancel(&parent, NULL));
	CHECK(kc_with_cancel(&child, parent));
	/* It has the parent's values, but not its end. */
	CHECK(kc_without_cancel(&detached, parent));
	kc_cancel(parent);
	printf("child: %s, detached: %s\n", kc_ctx_err(child) ? "cancelled" : "goes on",
	       kc_ctx_err(detached) ? "cancelled" : "goes on");
	kc_ctx_unref(detached);
	kc_ctx_unref(child);
	kc_ctx_unref(parent);
}

static void why(void)
{
	kc_ctx *ctx;

	CHECK(kc_with_cancel(&ctx, NULL));
	/* The context takes the error over. */
	kc_cancel_cause(ctx, kc_errorf(-ENOSPC, "the disk is full"));
	printf("cancelled, since %s\n", kc_error_text(kc_ctx_cause(ctx)));
	kc_ctx_unref(ctx);
}

/* The earlier of two deadlines holds. */
static void how_long(void)
{
	kc_ctx *outer, *inner;
	int64_t deadline;

	CHECK(kc_with_timeout(&outer, NULL, 60 * KC_SECOND));
	CHECK(kc_with_timeout(&inner, outer, 3600 * KC_SECOND));
	if (kc_ctx_deadline(inner, &deadline))
		printf("less than two minutes are left: %s\n",
		       deadline - kc_now() < 120 * KC_SECOND ? "yes" : "no");
	kc_cancel_unref(inner);
	kc_cancel_unref(outer);
}

static void clean_up(void *arg)
{
	kc_waitgroup_done(arg);
}

/* A function that runs when the context is cancelled, and one that was stopped. */
static void afterwards(void)
{
	kc_waitgroup cleaned = KC_WAITGROUP_INIT;
	kc_ctx_func *func;
	kc_ctx *ctx;

	CHECK(kc_with_cancel(&ctx, NULL));
	kc_waitgroup_add(&cleaned, 1);
	CHECK(kc_after_func(NULL, ctx, clean_up, &cleaned));
	CHECK(kc_after_func(&func, ctx, clean_up, &cleaned));
	printf("stopped in time: %d\n", kc_after_func_stop(func));
	kc_after_func_unref(func);
	kc_cancel(ctx);
	kc_waitgroup_wait(&cleaned);
	printf("cleaned up\n");
	kc_ctx_unref(ctx);
}

int main(void)
{
	parent_and_child();
	why();
	how_long();
	afterwards();
	return 0;
}
