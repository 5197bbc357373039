// SPDX-License-Identifier: GPL-2.0-only
/*
 * Goroutines and fork(). Needs no channel.
 */
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "child.h"
#include "common.h"
#include "task.h"

static void count(void *arg)
{
	atomic_fetch_add((atomic_int *)arg, 1);
}

static void hold(void *arg)
{
	kc_waitgroup_wait(arg);
}

/* Uses all parts, and expects that they work. */
static void use_all(void)
{
	kc_waitgroup wg = KC_WAITGROUP_INIT;
	atomic_int counted = 0;
	int i;

	for (i = 0; i < 20; i++)
		must_int(kc_waitgroup_go(&wg, count, &counted), 0);
	kc_waitgroup_wait(&wg);
	must_int(atomic_load(&counted), 20);
}

/* Forks. True in the child, which must exit with 0. */
static bool in_child_of_threads(pid_t *pid)
{
	if (THREAD_SANITIZED)
		tap_skip("the sanitizer has no threads in a child of threads");
	/* Another thread might hold the lock of the sanitizer's allocator. */
	if (SANITIZED)
		wait_others_asleep();
	return in_child(pid);
}

/* Forks while goroutines are parked, blocked, and about to start. */
static void test_from_main(void)
{
	kc_waitgroup go_on = KC_WAITGROUP_INIT, ended = KC_WAITGROUP_INIT;
	atomic_int counted = 0;
	pid_t pid;
	int i;

	use_all();
	kc_waitgroup_add(&go_on, 1);
	for (i = 0; i < 10; i++)
		must_int(kc_waitgroup_go(&ended, hold, &go_on), 0);
	must_int(kc_go(count, &counted), 0);
	if (in_child_of_threads(&pid)) {
		expect_threads(1);
		expect_int(kc_goid(), 1);
		use_all();
		/* This waits for none of the parent's goroutines. */
		must_int(kc_shutdown(), 0);
		expect_threads(1);
		use_all();
		_exit(0);
	}
	expect_good(pid);
	kc_waitgroup_done(&go_on);
	kc_waitgroup_wait(&ended);
	until(atomic_load(&counted) == 1);
	must_int(kc_shutdown(), 0);
}

struct forker {
	kc_waitgroup wg;
	uint64_t id;
	pid_t pid;
	bool use;
};

static void fork_in_goroutine(void *arg)
{
	struct forker *f = arg;

	f->id = kc_goid();
	kc_set_goname("forker");
	if (in_child_of_threads(&f->pid)) {
		/* The goroutine has the same number and name as before. */
		expect_int(kc_goid(), f->id);
		expect(!strcmp(kc_goname(), "forker"));
		expect_threads(1);
		if (f->use) {
			use_all();
			expect_int(kc_shutdown(), -EDEADLK);
		}
		/*
		 * The process ends when this goroutine does, even with parked threads.
		 */
	}
}

static void test_from_goroutine(void)
{
	struct forker f = { .use = true };

	must_int(kc_waitgroup_go(&f.wg, fork_in_goroutine, &f), 0);
	kc_waitgroup_wait(&f.wg);
	expect_good(f.pid);
	f.use = false;
	must_int(kc_waitgroup_go(&f.wg, fork_in_goroutine, &f), 0);
	kc_waitgroup_wait(&f.wg);
	expect_good(f.pid);
	use_all();
}

static void *fork_in_thread(void *arg)
{
	pid_t *pid = arg;

	if (in_child_of_threads(pid)) {
		use_all();
		must_int(kc_shutdown(), 0);
		expect_threads(1);
		_exit(0);
	}
	return NULL;
}

static void test_from_thread(void)
{
	pid_t pid;

	use_all();
	join(start(fork_in_thread, &pid));
	expect_good(pid);
}

/* A child of a child. */
static void test_again(void)
{
	pid_t pid, again;

	use_all();
	if (in_child_of_threads(&pid)) {
		use_all();
		if (in_child_of_threads(&again)) {
			use_all();
			_exit(0);
		}
		expect_good(again);
		use_all();
		_exit(0);
	}
	expect_good(pid);
}

static atomic_bool over;

/* Memory that is allocated and freed. */
struct much {
	atomic_int *counted;
	char more[4096];
};

#define DEFERS	40

static void defer_many(void *arg)
{
	const struct much *much = arg;

	for (unsigned int i = 0; i < DEFERS; i++)
		kc_defer(count, much->counted);
}

static void *start_many(void *arg)
{
	const struct much much = { .counted = arg };
	unsigned int i;

	for (i = 0; !atomic_load(&over); i++) {
		if (kc_go_copy(defer_many, &much, sizeof(much)))
			kc_gosched();
		/* The goroutines need time to end, also on a slow machine. */
		if (i % 10 == 0)
			kc_sleep(KC_MILLISECOND);
	}
	return NULL;
}

static void panics(void *arg)
{
	KC_DEFER_SCOPE;

	kc_defer(count, arg);
	kc_panic("in a child");
}

/* Forks while other threads start goroutines, and goroutines end. */
static void test_storm(void)
{
	const unsigned long rounds = tap_scale(50);
	pthread_t threads[2];
	atomic_int counted = 0, own;
	unsigned long i;
	pid_t pid;

	if (SANITIZED)
		tap_skip("the sanitizer's allocator stays locked in a child");
	for (i = 0; i < ARRAY_SIZE(threads); i++)
		threads[i] = start(start_many, &counted);
	for (i = 0; i < rounds; i++) {
		if (in_child_of_threads(&pid)) {
			atomic_init(&own, 0);
			use_all();
			expect_int(kc_protect(panics, &own, NULL), 1);
			expect_int(atomic_load(&own), 1);
			must_int(kc_shutdown(), 0);
			_exit(0);
		}
		expect_good(pid);
	}
	atomic_store(&over, true);
	for (i = 0; i < ARRAY_SIZE(threads); i++)
		join(threads[i]);
	must_int(kc_shutdown(), 0);
	expect_threads(1);
}

/* Fork handlers that the program has installed before its first use of the library. */
static pthread_mutex_t own_lock = PTHREAD_MUTEX_INITIALIZER;

static void use_some(void)
{
	atomic_int counted = 0;
	kc_ctx *ctx;

	must_int(kc_with_cancel(&ctx, NULL), 0);
	must_int(kc_after_func(NULL, ctx, count, &counted), 0);
	must_int(kc_cancel(ctx), 0);
	until(atomic_load(&counted));
	kc_ctx_unref(ctx);
}

static void prepare(void)
{
	use_some();
	pthread_mutex_lock(&own_lock);
}

static void go_on(void)
{
	pthread_mutex_unlock(&own_lock);
	use_some();
}

static void destroy(void *value)
{
	pthread_mutex_lock(&own_lock);
	++*(int *)value;
	pthread_mutex_unlock(&own_lock);
}

static void test_handlers(void)
{
	atomic_int counted = 0;
	kc_ctx *ctx, *value;
	int destroyed = 0;
	pid_t pid;

	if (SANITIZED)
		tap_skip("the sanitizer's allocator stays locked in a child");
	must_int(pthread_atfork(prepare, go_on, go_on), 0);
	must_int(kc_with_cancel(&ctx, NULL), 0);
	must_int(kc_with_value(&value, ctx, &own_lock, &destroyed, destroy), 0);
	must_int(kc_after_func(NULL, value, count, &counted), 0);
	kc_ctx_unref(value);
	if (in_child_of_threads(&pid)) {
		/*
		 * The registered function dropped this value, when its lock was free.
		 */
		expect_int(destroyed, 1);
		use_all();
		kc_ctx_unref(ctx);
		_exit(0);
	}
	expect_good(pid);
	expect_int(destroyed, 0);
	expect_int(kc_cancel(ctx), 0);
	until(atomic_load(&counted));
	kc_ctx_unref(ctx);
}

/* Only an address within the code is looked up. */
static void *ask_often(void *arg)
{
	while (!atomic_load(&over))
		if (kc_panic_on_fault(arg))
			continue;
	return NULL;
}

static void test_faults(void)
{
	const unsigned long rounds = tap_scale(50);
	void (*const code)(void) = test_handlers;
	pthread_t threads[2];
	unsigned long i;
	pid_t pid;
	int ret;

	if (SANITIZED)
		tap_skip("the sanitizer's allocator stays locked in a child");
	ret = kc_panic_on_fault(code);
	for (i = 0; i < ARRAY_SIZE(threads); i++)
		threads[i] = start(ask_often, (void *)code);
	for (i = 0; i < rounds; i++) {
		if (in_child_of_threads(&pid)) {
			expect_int(kc_panic_on_fault(code), ret);
			_exit(0);
		}
		expect_good(pid);
	}
	atomic_store(&over, true);
	for (i = 0; i < ARRAY_SIZE(threads); i++)
		join(threads[i]);
}

static const struct tap_test tests[] = {
	{ "in main", test_from_main },
	{ "in a goroutine", test_from_goroutine },
	{ "in another thread", test_from_thread },
	{ "in a child", test_again },
	{ "while goroutines start and end", test_storm },
	{ "handlers of the program's own", test_handlers },
	{ "while others ask for panics on faults", test_faults },
};

TAP_MAIN(tests)
