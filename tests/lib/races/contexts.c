// SPDX-License-Identifier: GPL-2.0-only
/*
 * Contexts: what was done before one is cancelled.
 */
#include "case.h"

static kc_ctx *ctx, *child;
static kc_chan *ended;
static kc_sem sem = KC_SEM_INIT(0);

static void make(void)
{
	kc_ctx *between;

	sure(!kc_with_cancel(&ctx, NULL));
	sure(!kc_with_timeout(&between, ctx, 1000 * KC_SECOND));
	sure(!kc_with_cancel(&child, between));
	kc_ctx_unref(between);
}

static void make_with_channel(void)
{
	make();
	sure(!kc_ctx_done(&ended, ctx));
}

static void make_with_child_channel(void)
{
	make();
	sure(!kc_ctx_done(&ended, child));
}

static void cancel(void)
{
	kc_cancel(ctx);
}

static void cancel_with_cause(void)
{
	kc_cancel_cause(ctx, kc_errorf(-EIO, "by the %s", "giver"));
}

static void ask(void)
{
	while (!kc_ctx_err(ctx))
		kc_gosched();
}

static void ask_child(void)
{
	while (!kc_ctx_err(child))
		kc_gosched();
}

static void ask_cause(void)
{
	while (!kc_ctx_cause(child))
		kc_gosched();
	/* This reads what the other goroutine has written. */
	sure(kc_error_text(kc_ctx_cause(child))[0] == 'b');
}

static void recv_end(void)
{
	sure(!kc_recv(ended, NULL));
}

static void select_done(void)
{
	kc_case cases[] = { kc_case_after(100 * KC_SECOND), kc_case_done(child) };

	sure(kc_select(cases, 2) == 1 && cases[1].status == -ECANCELED);
}

static void sleep_in_ctx(void)
{
	sure(kc_sleep_ctx(child, 100 * KC_SECOND) == -ECANCELED);
}

static void acquire_in_vain(void)
{
	sure(kc_sem_acquire_ctx(child, &sem, 1) == -ECANCELED);
}

/* After the cancellation, all get the same channel. */
static void recv_late(void)
{
	kc_chan *c;

	ask();
	sure(!kc_ctx_done(&c, child));
	sure(!kc_recv(c, NULL));
}

/* A child that is made after the cancellation. */
static void make_late_child(void)
{
	kc_ctx *late;

	do {
		sure(!kc_with_cancel(&late, ctx));
	} while (!kc_ctx_err(late));
}

static const struct edge edges[] = {
	{ "a cancel before kc_ctx_err()", make, cancel, ask },
	{ "a cancel before kc_ctx_err() of a child", make, cancel, ask_child },
	{ "a cancel before its cause is known", make, cancel_with_cause, ask_cause },
	{ "a cancel before the channel's end", make_with_channel, cancel, recv_end },
	{ "a cancel before the end of a child's channel", make_with_child_channel,
	  cancel, recv_end },
	{ "a cancel before a case for it", make, cancel, select_done },
	{ "a cancel before the end of a sleep", make, cancel, sleep_in_ctx },
	{ "a cancel before an acquire is given up", make, cancel, acquire_in_vain },
	{ "a cancel before a channel made later", make, cancel, recv_late },
	{ "a cancel before a child is born cancelled", make, cancel,
	  make_late_child },
};

const struct edges context_edges = { edges, ARRAY_SIZE(edges), false };
