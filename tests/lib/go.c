// SPDX-License-Identifier: GPL-2.0-only
/*
 * Goroutines. Needs no channel.
 */
#include <sys/resource.h>
#include <unistd.h>

#include "common.h"

struct counter {
	kc_waitgroup wg;
	atomic_uint count;
	pthread_t starter;
	atomic_bool same;
};

static void count_one(void *arg)
{
	struct counter *counter = arg;

	if (pthread_equal(pthread_self(), counter->starter))
		atomic_store(&counter->same, true);
	atomic_fetch_add(&counter->count, 1);
	kc_waitgroup_done(&counter->wg);
}

static void test_runs(void)
{
	struct counter counter = { .starter = pthread_self() };
	unsigned int i;

	for (i = 0; i < 50; i++) {
		kc_waitgroup_add(&counter.wg, 1);
		must_int(kc_go(count_one, &counter), 0);
	}
	kc_waitgroup_wait(&counter.wg);
	expect_int(atomic_load(&counter.count), 50);
	expect(!atomic_load(&counter.same));
}

struct stack {
	kc_waitgroup wg;
	size_t size, guard;
	char last;
};

static void use_stack(void *arg)
{
	struct stack *stack = arg;
	volatile char room[60 * 1024];
	pthread_attr_t attr;
	size_t i;

	for (i = 0; i < sizeof(room); i += 1024)
		room[i] = i / 1024;
	stack->last = room[59 * 1024];
	if (!pthread_getattr_np(pthread_self(), &attr)) {
		pthread_attr_getstacksize(&attr, &stack->size);
		pthread_attr_getguardsize(&attr, &stack->guard);
		pthread_attr_destroy(&attr);
	}
	kc_waitgroup_done(&stack->wg);
}

static void test_stack(void)
{
	struct stack stack = { .size = 0 };

	kc_waitgroup_add(&stack.wg, 1);
	must_int(kc_go(use_stack, &stack), 0);
	kc_waitgroup_wait(&stack.wg);
	expect_int(stack.last, 59);
	expect(stack.size >= 64 * 1024);
	/* Small, whatever the default for threads is. */
	expect(stack.size <= 256 * 1024);
	expect(stack.guard > 0);
}

static void block(void *arg)
{
	kc_waitgroup_wait(arg);
}

/* Until the system allows no more. */
static void test_limit(void)
{
	const struct rlimit few = { 20, 20 };
	kc_waitgroup never = KC_WAITGROUP_INIT;
	int i, ret = 0;

	/* The limit is on all of a user's threads: be one that has no others. */
	if (getuid() == 0 && setuid(54321))
		tap_skip("cannot become another user");
	must_int(setrlimit(RLIMIT_NPROC, &few), 0);
	kc_waitgroup_add(&never, 1);
	for (i = 0; i < 100 && !ret; i++)
		ret = kc_go(block, &never);
	expect_int(ret, -EAGAIN);
	expect(i > 1);
}

static const struct tap_test tests[] = {
	{ "each runs once, in a thread of its own", test_runs },
	{ "stacks are small, and guarded", test_stack },
	{ "at the system's limit: EAGAIN", test_limit },
};

TAP_MAIN(tests)
