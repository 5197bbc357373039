// SPDX-License-Identifier: GPL-2.0-only
/*
 * Trees of contexts: cancelled from the top, and freed in any order. Needs no channel.
 */
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "contexts.h"

static int key;

/* One of each kind of context that can be between two others. */
static kc_ctx *any_kind(kc_ctx *parent, unsigned int i)
{
	kc_ctx *ctx = NULL;

	switch (i % 3) {
	case 0:
		return cancellable(parent);
	case 1:
		must_int(kc_with_value(&ctx, parent, &key, &key, NULL), 0);
		break;
	case 2:
		must_int(kc_with_timeout(&ctx, parent, LATE), 0);
		break;
	}
	return ctx;
}

static void test_downward(void)
{
	kc_ctx *all[40];
	unsigned int i, top;

	/* Context n is made from context n/2: 3 is above 6 and 7. */
	for (top = 1; top < 8; top++) {
		tap_about("cancelled at %u", top);
		all[0] = all[1] = cancellable(NULL);
		for (i = 2; i < ARRAY_SIZE(all); i++)
			all[i] = any_kind(all[i / 2], i == top ? 0 : i);
		expect_int(kc_cancel(all[top]), 0);
		for (i = 1; i < ARRAY_SIZE(all); i++) {
			unsigned int up = i;

			while (up > top)
				up /= 2;
			expect_int(kc_ctx_err(all[i]),
				   up == top ? -ECANCELED : 0);
		}
		expect_int(kc_cancel(all[1]), 0);
		for (i = 1; i < ARRAY_SIZE(all); i++) {
			expect_int(kc_ctx_err(all[i]), -ECANCELED);
			kc_ctx_unref(all[i]);
		}
	}
}

static void test_from_cancelled(void)
{
	kc_error *why = kc_error_new(-EIO, "why");
	kc_ctx *ctx = cancellable(NULL), *below[4];
	size_t i;

	expect_int(kc_cancel_cause(ctx, why), 0);
	must_int(kc_with_cancel(&below[0], ctx), 0);
	must_int(kc_with_timeout(&below[1], ctx, LATE), 0);
	must_int(kc_with_value(&below[2], below[0], &key, NULL, NULL), 0);
	/* The parent's cancellation came first. */
	must_int(kc_with_deadline_cause(&below[3], below[2], 0, NULL), 0);
	kc_ctx_unref(ctx);
	for (i = 0; i < ARRAY_SIZE(below); i++) {
		expect_int(kc_ctx_err(below[i]), -ECANCELED);
		expect(kc_ctx_cause(below[i]) == why);
	}
	for (i = 0; i < ARRAY_SIZE(below); i++)
		kc_ctx_unref(below[i]);
}

/* All orders in which five contexts can be dropped, with one cancelled in between. */
static void drop_all(kc_ctx **all, size_t count, unsigned int order, size_t cancel)
{
	bool gone[8] = { false };
	size_t left, skip, i, n = 0;

	for (left = count; left; left--, n++) {
		if (n == cancel)
			for (i = 0; i < count; i++)
				if (!gone[i])
					kc_cancel(all[i]);
		skip = order % left;
		order /= left;
		for (i = 0; gone[i] || skip--; i++)
			;
		gone[i] = true;
		kc_ctx_unref(all[i]);
	}
}

static void test_any_order(void)
{
	unsigned int order;
	kc_ctx *all[5];
	size_t cancel;

	for (cancel = 0; cancel <= ARRAY_SIZE(all); cancel++) {
		for (order = 0; order < 120; order++) {
			tap_about("order %u, cancelled at %zu", order, cancel);
			all[0] = cancellable(NULL);
			all[1] = any_kind(all[0], 1);
			all[2] = any_kind(all[1], 2);
			all[3] = cancellable(all[1]);
			all[4] = cancellable(all[3]);
			drop_all(all, ARRAY_SIZE(all), order, cancel);
		}
	}
}

struct deep {
	kc_waitgroup wg;
	kc_ctx *top, *bottom;
};

/* On a goroutine's small stack. */
static void cancel_deep(void *arg)
{
	struct deep *deep = arg;

	expect_int(kc_cancel(deep->top), 0);
	expect_int(kc_ctx_err(deep->bottom), -ECANCELED);
	kc_ctx_unref(deep->bottom);
	kc_ctx_unref(deep->top);
}

static void drop_deep(void *arg)
{
	struct deep *deep = arg;

	kc_ctx_unref(deep->top);
	kc_ctx_unref(deep->bottom);
}

static void test_deep(void)
{
	void (*const fns[])(void *) = { cancel_deep, drop_deep };
	const unsigned int count = 20000;
	struct deep deep = { .wg = KC_WAITGROUP_INIT };
	kc_ctx *next;
	unsigned int i;
	size_t f;

	for (f = 0; f < ARRAY_SIZE(fns); f++) {
		deep.top = cancellable(NULL);
		deep.bottom = kc_ctx_ref(deep.top);
		for (i = 0; i < count; i++) {
			next = any_kind(deep.bottom, i);
			kc_ctx_unref(deep.bottom);
			deep.bottom = next;
		}
		expect_int(kc_ctx_err(deep.bottom), 0);
		must_int(kc_waitgroup_go(&deep.wg, fns[f], &deep), 0);
		kc_waitgroup_wait(&deep.wg);
	}
}

static void test_wide(void)
{
	const size_t count = 20000;
	kc_ctx **all = calloc(count, sizeof(*all));
	kc_ctx *top = cancellable(NULL);
	size_t i;

	must(all);
	for (i = 0; i < count; i++)
		all[i] = cancellable(top);
	for (i = 0; i < count; i += 2) {
		kc_ctx_unref(all[i]);
		all[i] = NULL;
	}
	expect_int(kc_cancel(top), 0);
	for (i = 1; i < count; i += 2) {
		must_int(kc_ctx_err(all[i]), -ECANCELED);
		kc_ctx_unref(all[i]);
	}
	kc_ctx_unref(top);
	free(all);
}

/*
 * Many goroutines make, use and drop contexts below one that is cancelled meanwhile.
 * After the cancelling call has returned, all must see it.
 */
struct storm {
	kc_ctx *top;
	atomic_bool cancelled;
	atomic_ulong made;
	unsigned long most;
};

static void *make_some(void *arg)
{
	struct storm *storm = arg;
	kc_ctx *held[8] = { NULL };
	unsigned int seed = (uintptr_t)&held, i;
	unsigned long n;
	bool before;

	for (n = 0; n < storm->most; n++) {
		i = rand_r(&seed) % ARRAY_SIZE(held);
		kc_ctx_unref(held[i]);
		held[i] = any_kind(rand_r(&seed) % 2 ? storm->top :
				   held[(i + 1) % ARRAY_SIZE(held)] ?
				   held[(i + 1) % ARRAY_SIZE(held)] :
				   storm->top, rand_r(&seed));
		if (rand_r(&seed) % 16 == 0)
			kc_cancel(held[i]);
		atomic_fetch_add(&storm->made, 1);
		before = atomic_load(&storm->cancelled);
		for (i = 0; i < ARRAY_SIZE(held); i++)
			if (held[i] && before && !kc_ctx_err(held[i]))
				tap_fail(__FILE__, __LINE__, "not cancelled");
	}
	for (i = 0; i < ARRAY_SIZE(held); i++)
		kc_ctx_unref(held[i]);
	return NULL;
}

static void test_storm(void)
{
	const unsigned long rounds = tap_scale(30);
	pthread_t threads[4];
	unsigned long r;
	size_t i;

	for (r = 0; r < rounds; r++) {
		struct storm storm = { .most = 500 };

		storm.top = cancellable(NULL);
		for (i = 0; i < ARRAY_SIZE(threads); i++)
			threads[i] = start(make_some, &storm);
		until(atomic_load(&storm.made) > 300);
		expect_int(kc_cancel(storm.top), 0);
		atomic_store(&storm.cancelled, true);
		for (i = 0; i < ARRAY_SIZE(threads); i++)
			join(threads[i]);
		kc_ctx_unref(storm.top);
	}
}

/* All at the same time. */
struct parting {
	pthread_barrier_t together;
	kc_ctx *top, *middle, *bottom;
};

static void *cancel_top(void *arg)
{
	struct parting *p = arg;

	pthread_barrier_wait(&p->together);
	kc_cancel(p->top);
	return NULL;
}

static void *drop_middle(void *arg)
{
	struct parting *p = arg;

	pthread_barrier_wait(&p->together);
	kc_ctx_unref(p->middle);
	return NULL;
}

static void test_parting(void)
{
	const unsigned long rounds = tap_scale(500);
	struct parting p;
	pthread_t threads[2];
	unsigned long r;

	must_int(pthread_barrier_init(&p.together, NULL, 3), 0);
	for (r = 0; r < rounds; r++) {
		p.top = cancellable(NULL);
		p.middle = cancellable(p.top);
		p.bottom = cancellable(p.middle);
		threads[0] = start(cancel_top, &p);
		threads[1] = start(drop_middle, &p);
		pthread_barrier_wait(&p.together);
		kc_ctx_unref(p.bottom);
		join(threads[0]);
		join(threads[1]);
		expect_int(kc_ctx_err(p.top), -ECANCELED);
		kc_ctx_unref(p.top);
	}
}

/*
 * Both processes have the tree, each its own copy. No lock of another thread is left.
 */
static void *churn(void *arg)
{
	struct storm *storm = arg;
	kc_ctx *ctx;

	while (!atomic_load(&storm->cancelled)) {
		ctx = cancellable(storm->top);
		kc_cancel(ctx);
		kc_ctx_unref(ctx);
	}
	return NULL;
}

static void test_fork(void)
{
	const unsigned long rounds = tap_scale(100);
	struct storm storm = { .top = cancellable(NULL) };
	kc_ctx *below = cancellable(storm.top), *low;
	pthread_t threads[2];
	unsigned long r;
	int status;
	pid_t pid;
	size_t i;

	for (i = 0; i < ARRAY_SIZE(threads); i++)
		threads[i] = start(churn, &storm);
	for (r = 0; r < rounds; r++) {
		pid = fork();
		must(pid >= 0);
		if (!pid) {
			low = cancellable(below);
			expect_int(kc_cancel(storm.top), 0);
			expect_int(kc_ctx_err(below), -ECANCELED);
			expect_int(kc_ctx_err(low), -ECANCELED);
			kc_ctx_unref(below);
			kc_ctx_unref(storm.top);
			kc_ctx_unref(low);
			_exit(0);
		}
		must_int(waitpid(pid, &status, 0), pid);
		must_int(status, 0);
		must_int(kc_ctx_err(below), 0);
	}
	atomic_store(&storm.cancelled, true);
	for (i = 0; i < ARRAY_SIZE(threads); i++)
		join(threads[i]);
	expect_int(kc_cancel(storm.top), 0);
	expect_int(kc_ctx_err(below), -ECANCELED);
	kc_ctx_unref(below);
	kc_ctx_unref(storm.top);
}

static const struct tap_test tests[] = {
	{ "cancelled downward, at once", test_downward },
	{ "made from one that is cancelled", test_from_cancelled },
	{ "dropped in any order", test_any_order },
	{ "20,000 deep", test_deep },
	{ "20,000 wide", test_wide },
	{ "made, asked and dropped while cancelled", test_storm },
	{ "dropped while cancelled", test_parting },
	{ "fork", test_fork },
};

TAP_MAIN(tests)
