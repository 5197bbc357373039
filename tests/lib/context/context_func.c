// SPDX-License-Identifier: GPL-2.0-only
/*
 * What a cancelled context does: it runs functions, and ends waits for semaphores.
 * Needs no channel.
 */
#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "contexts.h"
#include "few.h"
#include "task.h"

struct ran {
	atomic_int times;
	kc_mutex lock;		/* several may run at a time */
	uint64_t goid;
	bool blocked;
	kc_ctx *ctx;
	int err;
	bool exit;
};

static void note(void *arg)
{
	struct ran *ran = arg;
	sigset_t mask;

	pthread_sigmask(SIG_BLOCK, NULL, &mask);
	kc_mutex_lock(&ran->lock);
	ran->blocked = sigismember(&mask, SIGUSR1);
	ran->goid = kc_goid();
	ran->err = kc_ctx_err(ran->ctx);
	kc_mutex_unlock(&ran->lock);
	atomic_fetch_add(&ran->times, 1);
	if (ran->exit)
		kc_goexit();
}

static void await_runs(struct ran *ran, int times)
{
	until(atomic_load(&ran->times) == times);
}

static kc_ctx_func *after(kc_ctx *ctx, struct ran *ran)
{
	kc_ctx_func *func = NULL;

	kc_mutex_lock(&ran->lock);
	ran->ctx = ctx;
	kc_mutex_unlock(&ran->lock);
	must_int(kc_after_func(&func, ctx, note, ran), 0);
	must(func);
	return func;
}

static void test_runs(void)
{
	kc_ctx *ctx = cancellable(NULL), *below = cancellable(ctx);
	struct ran ran = { .exit = true };
	kc_ctx_func *func = after(below, &ran);

	sleep_ms(20);
	expect_int(atomic_load(&ran.times), 0);
	expect_int(kc_cancel(ctx), 0);
	await_runs(&ran, 1);
	expect(ran.goid > 1);
	expect(!ran.blocked);
	expect_int(ran.err, -ECANCELED);
	expect_int(kc_after_func_stop(func), 0);
	expect_int(kc_cancel(below), 0);
	sleep_ms(20);
	expect_int(atomic_load(&ran.times), 1);
	kc_after_func_unref(func);

	/* The function runs at once if the context is cancelled already. */
	func = after(below, &ran);
	await_runs(&ran, 2);
	expect_int(kc_after_func_stop(func), 0);
	kc_after_func_unref(func);
	kc_ctx_unref(ctx);
	kc_ctx_unref(below);
}

static void test_stop(void)
{
	kc_ctx *ctx = cancellable(NULL);
	struct ran ran = { .times = 0 }, other = { .times = 0 };
	kc_ctx_func *func = after(ctx, &ran), *second = after(ctx, &other);

	expect_int(kc_after_func_stop(func), 1);
	expect_int(kc_after_func_stop(func), 0);
	expect_int(kc_cancel(ctx), 0);
	await_runs(&other, 1);
	sleep_ms(20);
	expect_int(atomic_load(&ran.times), 0);
	expect(kc_after_func_ref(func) == func);
	kc_after_func_unref(func);
	kc_after_func_unref(func);
	kc_after_func_unref(second);
	kc_after_func_unref(NULL);
	expect(!kc_after_func_ref(NULL));
	kc_ctx_unref(ctx);

	/* Also for a context that is never cancelled. */
	func = after(NULL, &ran);
	expect_int(kc_after_func_stop(func), 1);
	expect_int(kc_after_func_stop(func), 0);
	kc_after_func_unref(func);
	func = after(kc_background(), &ran);
	kc_after_func_unref(func);
	expect_int(atomic_load(&ran.times), 0);
}

static void test_deadline(void)
{
	struct ran ran = { .times = 0 }, late = { .times = 0 };
	kc_ctx *top = with_timeout(NULL, SOON), *below = cancellable(top);
	kc_ctx *low = with_timeout(below, LATE);
	const int64_t from = tap_now_ns();

	kc_after_func_unref(after(low, &ran));
	kc_after_func_unref(after(below, &ran));
	await_runs(&ran, 2);
	expect(tap_now_ns() - from < LATE);
	expect_int(ran.err, -ETIMEDOUT);
	kc_ctx_unref(low);
	kc_ctx_unref(below);
	kc_ctx_unref(top);

	/* The deadline has passed already. */
	top = with_timeout(NULL, -1);
	kc_after_func_unref(after(top, &ran));
	await_runs(&ran, 3);
	kc_ctx_unref(top);

	/* Its own deadline comes before that of the parent. */
	top = with_timeout(NULL, LATE);
	below = with_timeout(top, SOON);
	kc_after_func_unref(after(top, &late));
	kc_after_func_unref(after(below, &ran));
	await_runs(&ran, 4);
	expect_int(atomic_load(&late.times), 0);
	expect_int(kc_ctx_err(top), 0);
	expect_int(kc_cancel(top), 0);
	await_runs(&late, 1);
	kc_ctx_unref(below);
	kc_ctx_unref(top);
}

static void destroy(void *value)
{
	atomic_fetch_add((atomic_int *)value, 1);
}

static int key;

/* Nobody else holds the context, and the function still runs. */
static void test_holds(void)
{
	atomic_int destroyed = 0;
	kc_ctx *top = cancellable(NULL), *timed, *value;
	struct ran ran = { .times = 0 };
	kc_ctx_func *func;

	/* It does not run too early. */
	timed = with_timeout(top, 10 * SOON);
	must_int(kc_with_value(&value, timed, &key, &destroyed, destroy), 0);
	must_int(kc_after_func(NULL, value, note, &ran), 0);
	kc_ctx_unref(timed);
	kc_ctx_unref(value);
	expect_int(atomic_load(&destroyed), 0);
	await_runs(&ran, 1);
	until(atomic_load(&destroyed) == 1);

	/* When it is cancelled by its parent, or stopped, its context is dropped. */
	must_int(kc_with_value(&value, top, &key, &destroyed, destroy), 0);
	func = after(value, &ran);
	ran.ctx = NULL;
	kc_ctx_unref(value);
	expect_int(atomic_load(&destroyed), 1);
	expect_int(kc_after_func_stop(func), 1);
	expect_int(atomic_load(&destroyed), 2);
	kc_after_func_unref(func);
	timed = with_timeout(top, LATE);
	must_int(kc_with_value(&value, timed, &key, &destroyed, destroy), 0);
	must_int(kc_after_func(NULL, value, note, &ran), 0);
	kc_ctx_unref(timed);
	kc_ctx_unref(value);
	expect_int(kc_cancel(top), 0);
	kc_ctx_unref(top);
	await_runs(&ran, 2);
	until(atomic_load(&destroyed) == 3);
}

static void test_limit(void)
{
	kc_waitgroup never = KC_WAITGROUP_INIT;
	struct ran ran = { .times = 0 }, other = { .times = 0 };
	kc_ctx *ctx = cancellable(NULL);
	kc_ctx_func *func, *stopped;

	have_few_threads(12);
	func = after(ctx, &ran);
	stopped = after(ctx, &other);
	kc_waitgroup_add(&never, 1);
	take_all_threads(&never);
	expect_int(kc_cancel(ctx), 0);
	sleep_ms(50);
	expect_int(atomic_load(&ran.times), 0);
	/* It can be stopped until it is started. */
	expect_int(kc_after_func_stop(stopped), 1);
	expect_int(kc_after_func(NULL, ctx, note, &other), -EAGAIN);
	kc_waitgroup_done(&never);
	await_runs(&ran, 1);
	expect_int(kc_after_func_stop(func), 0);
	sleep_ms(30);
	expect_int(atomic_load(&other.times), 0);
	kc_after_func_unref(func);
	kc_after_func_unref(stopped);
	kc_ctx_unref(ctx);
}

static void test_fork(void)
{
	atomic_int destroyed = 0;
	struct ran ran = { .times = 0 };
	kc_ctx *ctx = cancellable(NULL), *value;
	kc_ctx *timed = with_timeout(ctx, 10 * SOON);
	kc_ctx_func *func;
	int status;
	pid_t pid;

	must_int(kc_with_value(&value, timed, &key, &destroyed, destroy), 0);
	/* This context is looked at. The other one may be freed by then. */
	ran.ctx = timed;
	must_int(kc_after_func(&func, value, note, &ran), 0);
	must_int(kc_after_func(NULL, ctx, note, &ran), 0);
	kc_ctx_unref(value);
	/* The keeper might hold the lock of the sanitizer's allocator. */
	if (SANITIZED)
		wait_others_asleep();
	pid = fork();
	must(pid >= 0);
	if (!pid) {
		/* The registered function and what it held are dropped. */
		expect_int(atomic_load(&destroyed), 1);
		expect_int(kc_after_func_stop(func), 0);
		kc_after_func_unref(func);
		/* It may have run in the parent before. */
		atomic_store(&ran.times, 0);
		must_int(kc_after_func(NULL, timed, note, &ran), 0);
		await_runs(&ran, 1);
		expect_int(kc_cancel(ctx), 0);
		sleep_ms(20);
		expect_int(atomic_load(&ran.times), 1);
		kc_ctx_unref(timed);
		kc_ctx_unref(ctx);
		_exit(0);
	}
	must_int(waitpid(pid, &status, 0), pid);
	expect_int(status, 0);
	expect_int(kc_cancel(ctx), 0);
	await_runs(&ran, 2);
	until(atomic_load(&destroyed) == 1);
	kc_after_func_unref(func);
	kc_ctx_unref(timed);
	kc_ctx_unref(ctx);
}

/* Stopped and cancelled at the same time: it either runs or was stopped, never both. */
struct racer {
	pthread_barrier_t together;
	kc_ctx *ctx;
	kc_ctx_func *func;
	int stopped;
	unsigned long rounds;
};

static void *stop_func(void *arg)
{
	struct racer *r = arg;
	unsigned long i;

	for (i = 0; i < r->rounds; i++) {
		pthread_barrier_wait(&r->together);
		r->stopped = kc_after_func_stop(r->func);
		pthread_barrier_wait(&r->together);
	}
	return NULL;
}

static void test_race(void)
{
	struct racer r = { .rounds = tap_scale(1000) };
	struct ran ran = { .times = 0 };
	unsigned long i, stopped = 0;
	pthread_t thread;

	must_int(pthread_barrier_init(&r.together, NULL, 2), 0);
	thread = start(stop_func, &r);
	for (i = 0; i < r.rounds; i++) {
		r.ctx = cancellable(NULL);
		must_int(kc_after_func(&r.func, r.ctx, note, &ran), 0);
		pthread_barrier_wait(&r.together);
		kc_cancel(r.ctx);
		kc_ctx_unref(r.ctx);
		pthread_barrier_wait(&r.together);
		stopped += r.stopped;
		kc_after_func_unref(r.func);
	}
	join(thread);
	must_int(kc_shutdown(), 0);
	expect_int(atomic_load(&ran.times) + stopped, r.rounds);
}

struct acquiring {
	kc_ctx *ctx;
	kc_sem *sem;
	int64_t n;
	int ret;
	pthread_t thread;
	atomic_int tid;
};

static void *acquire(void *arg)
{
	struct acquiring *a = arg;

	atomic_store(&a->tid, gettid());
	a->ret = kc_sem_acquire_ctx(a->ctx, a->sem, a->n);
	return NULL;
}

static void begin(struct acquiring *a, kc_ctx *ctx, kc_sem *sem, int64_t n)
{
	*a = (struct acquiring){ .ctx = ctx, .sem = sem, .n = n };
	a->thread = start(acquire, a);
	until(atomic_load(&a->tid) && is_asleep(atomic_load(&a->tid)));
}

static int ended(struct acquiring *a)
{
	join(a->thread);
	return a->ret;
}

static void test_sem(void)
{
	kc_ctx *ctx = cancellable(NULL), *timed = with_timeout(ctx, SOON);
	kc_sem sem = KC_SEM_INIT(2);
	struct acquiring a, b;

	expect_int(kc_sem_acquire_ctx(NULL, &sem, 1), 0);
	expect_int(kc_sem_acquire_ctx(ctx, &sem, 1), 0);
	expect_int(kc_sem_acquire_ctx(timed, &sem, 1), -ETIMEDOUT);
	/* The waiter behind it is served. */
	begin(&a, ctx, &sem, 2);
	begin(&b, NULL, &sem, 1);
	kc_sem_release(&sem, 1);
	sleep_ms(20);
	expect_int(kc_sem_try_acquire(&sem, 1), -EAGAIN);
	expect_int(kc_cancel(ctx), 0);
	expect_int(ended(&a), -ECANCELED);
	expect_int(ended(&b), 0);
	kc_sem_release(&sem, 2);
	/* Even if there is enough. */
	expect_int(kc_sem_acquire_ctx(ctx, &sem, 1), -ECANCELED);
	expect_int(kc_sem_try_acquire(&sem, 2), 0);
	kc_ctx_unref(timed);
	kc_ctx_unref(ctx);

	/* It is served before it is cancelled. */
	ctx = cancellable(NULL);
	begin(&a, ctx, &sem, 1);
	kc_sem_release(&sem, 1);
	expect_int(ended(&a), 0);
	expect_int(kc_cancel(ctx), 0);
	kc_sem_release(&sem, 2);
	expect_int(kc_sem_try_acquire(&sem, 2), 0);
	kc_ctx_unref(ctx);

	/* By a parent's deadline, and by a cancelled parent. */
	ctx = with_timeout(NULL, LATE);
	timed = cancellable(ctx);
	begin(&a, timed, &sem, 1);
	begin(&b, timed, &sem, 1);
	expect_int(kc_cancel(ctx), 0);
	expect_int(ended(&a), -ECANCELED);
	expect_int(ended(&b), -ECANCELED);
	kc_ctx_unref(timed);
	kc_ctx_unref(ctx);
}

/*
 * No part of the semaphore is lost, whether a waiter is served, timed out or cancelled.
 */
struct takers {
	kc_sem sem;
	kc_ctx *top;
	unsigned long rounds;
	atomic_long inside;
};

static void *take(void *arg)
{
	struct takers *t = arg;
	unsigned int seed = (uintptr_t)&seed;
	unsigned long i;
	kc_ctx *ctx;
	int64_t n;

	for (i = 0; i < t->rounds; i++) {
		ctx = with_timeout(t->top, rand_r(&seed) % 300 *
				   KC_MICROSECOND);
		n = 1 + rand_r(&seed) % 3;
		if (rand_r(&seed) % 8 == 0)
			kc_cancel(ctx);
		if (!kc_sem_acquire_ctx(ctx, &t->sem, n)) {
			if (atomic_fetch_add(&t->inside, n) + n > 3)
				tap_fail(__FILE__, __LINE__, "more than 3");
			if (rand_r(&seed) % 2)
				kc_sleep(100 * KC_MICROSECOND);
			atomic_fetch_sub(&t->inside, n);
			kc_sem_release(&t->sem, n);
		}
		kc_ctx_unref(ctx);
	}
	return NULL;
}

static void test_sem_storm(void)
{
	struct takers t = {
		.sem = KC_SEM_INIT(3),
		.top = cancellable(NULL),
		.rounds = tap_scale(1000),
	};
	pthread_t threads[4];
	size_t i;

	for (i = 0; i < ARRAY_SIZE(threads); i++)
		threads[i] = start(take, &t);
	for (i = 0; i < ARRAY_SIZE(threads); i++)
		join(threads[i]);
	expect_int(kc_sem_try_acquire(&t.sem, 3), 0);
	kc_ctx_unref(t.top);
}

static const struct tap_test tests[] = {
	{ "functions run", test_runs },
	{ "functions stopped", test_stop },
	{ "at a deadline", test_deadline },
	{ "they hold the context", test_holds },
	{ "no thread for the function", test_limit },
	{ "fork", test_fork },
	{ "stopped and cancelled at the same time", test_race },
	{ "semaphore", test_sem },
	{ "semaphore: nothing is lost", test_sem_storm },
};

TAP_MAIN(tests)
