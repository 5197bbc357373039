// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Functions that run when a context is cancelled.
 *
 * A kc_ctx_func holds itself and its context from the registration until it is started
 * or stopped. When it is started, its goroutine drops both. So the thread that cancels,
 * which may be the keeper, drops no reference.
 */
#include <stdlib.h>

#include "base/clock.h"
#include "context/node.h"
#include "panic/start.h"
#include "race/race.h"

#define CALLER	((uintptr_t)__builtin_return_address(0))

/* If no thread can be created, it is tried again after this time. */
#define AGAIN	(10 * KC_MILLISECOND)

struct kc_ctx_func {
	atomic_uint refs;
	struct kc_ctx_wait wait;
	struct kc_timed again;
	kc_ctx *ctx;
	void (*fn)(void *arg);
	void *arg;
	uintptr_t at;			/* the call that registered it */
	struct kc_starter starter;
};

static void release(struct kc_ctx_func *f)
{
	kc_ctx *ctx = f->ctx;

	kc_after_func_unref(f);
	/* This comes last: dropping a value may panic. */
	kc_ctx_unref(ctx);
}

static void run(void *arg)
{
	struct kc_ctx_func *f = arg;
	void (*fn)(void *arg) = f->fn;
	void *fn_arg = f->arg;

	kc_race_acquire(&f->wait);
	kc_clock_acquire();
	/* This comes before the call, because the function may call kc_goexit(). */
	release(f);
	fn(fn_arg);
}

/* After this, @f may be freed. */
static int start(struct kc_ctx_func *f)
{
	const struct kc_start start = {
		.fn = run,
		.arg = f,
		.at = f->at,
		.starter = &f->starter,
	};

	return kc_start(&start);
}

static void start_in_any_case(struct kc_ctx_func *f)
{
	if (start(f))
		kc_timed_set(&f->again, kc_later(kc_now(), AGAIN));
}

static void cancelled(struct kc_ctx_wait *w)
{
	start_in_any_case(kc_container(w, struct kc_ctx_func, wait));
}

static void try_again(struct kc_timed *t)
{
	start_in_any_case(kc_container(t, struct kc_ctx_func, again));
}

static void forked(struct kc_timed *t)
{
	release(kc_container(t, struct kc_ctx_func, again));
}

static void drop_forked(struct kc_ctx_wait *w)
{
	release(kc_container(w, struct kc_ctx_func, wait));
}

static struct kc_ctx_func *make(kc_ctx *ctx, void (*fn)(void *arg), void *arg)
{
	struct kc_ctx_func *f = calloc(1, sizeof(*f));

	if (!f)
		return NULL;
	atomic_init(&f->refs, 1);
	f->wait.later = true;
	f->wait.cancelled = cancelled;
	f->wait.forked = drop_forked;
	f->again.fire = try_again;
	f->again.forked = forked;
	f->ctx = kc_ctx_ref(ctx);
	f->fn = fn;
	f->arg = arg;
	kc_starter_take(&f->starter);
	kc_race_release(&f->wait);
	return f;
}

/* Returns 0 if it is registered or started, else a negative errno. */
static int begin(struct kc_ctx_func *f, struct kc_node *n)
{
	int ret = 0;

	if (n) {
		ret = kc_keeper_start();
		if (!ret)
			ret = kc_node_arm(n, true);
	}
	if (!ret && kc_ctx_wait_add(n, &f->wait))
		ret = start(f);
	return ret;
}

int kc_after_func(kc_ctx_func **out, kc_ctx *ctx, void (*fn)(void *arg), void *arg)
{
	struct kc_ctx_func *f;
	int ret;

	KC_NEED_FN(fn);
	f = make(ctx, fn, arg);
	if (!f)
		return -ENOMEM;
	f->at = CALLER;
	kc_after_func_ref(f);
	ret = begin(f, kc_ctx_node(ctx));
	if (ret)
		release(f);
	if (!ret && out)
		*out = f;
	else
		kc_after_func_unref(f);
	return ret;
}

int kc_after_func_stop(kc_ctx_func *f)
{
	if (!kc_ctx_wait_del(&f->wait) && !kc_timed_del(&f->again))
		return 0;
	release(f);
	return 1;
}

kc_ctx_func *kc_after_func_ref(kc_ctx_func *f)
{
	if (f)
		atomic_fetch_add_explicit(&f->refs, 1, memory_order_relaxed);
	return f;
}

void kc_after_func_unref(kc_ctx_func *f)
{
	if (f && kc_race_put(&f->refs))
		free(f);
}
