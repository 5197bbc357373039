// SPDX-License-Identifier: GPL-2.0-only
/*
 * The clock that leaps when all wait: what depends on it. Needs no channel.
 */
#include <kchan/synctest.h>

#include "bubble.h"

static void test_sleep(void)
{
	run_inside(sleep_an_hour, NULL);
	run_inside(sleep_an_hour, NULL);
}

/* Goroutines that sleep, and record when they continued, in this order. */
struct sleepers {
	int64_t begin;
	kc_mutex m;
	int64_t at[32];
	int nr;
};

struct sleeper {
	struct sleepers *all;
	int64_t ns;
};

static void sleep_and_note(void *arg)
{
	const struct sleeper *s = arg;

	kc_sleep(s->ns);
	kc_mutex_lock(&s->all->m);
	s->all->at[s->all->nr++] = kc_now() - s->all->begin;
	kc_mutex_unlock(&s->all->m);
}

static void run_sleepers(void *arg)
{
	struct sleepers *all = arg;
	struct sleeper s = { all, 0 };
	int i;

	all->begin = kc_now();
	for (i = 0; i < 32; i++) {
		s.ns = (i * 7 % 32 + 1) * MINUTE;
		must_int(kc_go_copy(sleep_and_note, &s, sizeof(s)), 0);
	}
}

/* All end before kc_synctest() returns, even if its function does not wait. */
static void finish_sleepers(void *arg)
{
	struct sleepers *all = arg;

	run_sleepers(arg);
	kc_sleep(33 * MINUTE);
	kc_synctest_wait();
	expect_int(all->nr, 32);
}

static void test_order(void)
{
	struct sleepers all = { .nr = 0 };
	int i;

	run_inside(finish_sleepers, &all);
	for (i = 0; i < 32; i++)
		expect_int(all.at[i], (i + 1) * MINUTE);
}

static void run_late(void *arg)
{
	int64_t *at = arg;

	at[1] = kc_now();
}

static void set_timers(void *arg)
{
	int64_t at[2] = { kc_now(), 0 };
	kc_timer *stopped;

	(void)arg;
	must_int(kc_timer_func(NULL, 90 * MINUTE, run_late, at), 0);
	must_int(kc_timer_func(&stopped, 2 * HOUR, run_late, at), 0);
	kc_sleep(90 * MINUTE - 1);
	kc_synctest_wait();
	expect_int(at[1], 0);
	kc_sleep(1);
	kc_synctest_wait();
	expect_int(at[1] - at[0], 90 * MINUTE);
	expect_int(kc_timer_stop(stopped), 1);
	kc_sleep(HOUR);
	kc_synctest_wait();
	expect_int(at[1] - at[0], 90 * MINUTE);
	kc_timer_unref(stopped);
}

static void count_up(void *arg)
{
	__atomic_add_fetch((int *)arg, 1, __ATOMIC_RELAXED);
}

/* All run, though starting so many takes time. */
static void set_many(void *arg)
{
	int count = 0, i;

	(void)arg;
	for (i = 0; i < 64; i++)
		must_int(kc_timer_func(NULL, HOUR, count_up, &count), 0);
	kc_sleep(HOUR);
	kc_synctest_wait();
	expect_int(count, 64);
}

static void test_timers(void)
{
	const unsigned long rounds = tap_scale(20);
	unsigned long i;

	run_inside(set_timers, NULL);
	for (i = 0; i < rounds; i++)
		run_inside(set_many, NULL);
}

static void limit_waits(void *arg)
{
	kc_sem sem = KC_SEM_INIT(1);
	int64_t begin = kc_now();
	kc_ctx *ctx;

	(void)arg;
	kc_sem_acquire(&sem, 1);
	expect_int(kc_sem_acquire_timeout(&sem, 1, HOUR), -ETIMEDOUT);
	expect_int(kc_now() - begin, HOUR);
	/* The semaphore is as before. */
	kc_sem_release(&sem, 1);
	expect_int(kc_sem_acquire_timeout(&sem, 1, HOUR), 0);
	expect_int(kc_now() - begin, HOUR);
	expect_int(kc_sem_acquire_timeout(&sem, 2, KC_SECOND), -ETIMEDOUT);

	begin = kc_now();
	must_int(kc_with_timeout(&ctx, NULL, HOUR), 0);
	expect_int(kc_ctx_err(ctx), 0);
	expect_int(kc_sem_acquire_ctx(ctx, &sem, 1), -ETIMEDOUT);
	expect_int(kc_now() - begin, HOUR);
	expect_int(kc_ctx_err(ctx), -ETIMEDOUT);
	kc_ctx_unref(ctx);
}

static void test_limits(void)
{
	run_inside(limit_waits, NULL);
}

static void release_later(void *arg)
{
	kc_sleep(HOUR / 2);
	kc_sem_release(arg, 1);
}

static void be_served(void *arg)
{
	kc_sem sem = KC_SEM_INIT(1);
	const int64_t begin = kc_now();

	(void)arg;
	kc_sem_acquire(&sem, 1);
	must_int(kc_go(release_later, &sem), 0);
	expect_int(kc_sem_acquire_timeout(&sem, 1, HOUR), 0);
	expect_int(kc_now() - begin, HOUR / 2);
}

/* Served before the limit. */
static void test_served(void)
{
	run_inside(be_served, NULL);
}

static void note_end(void *arg)
{
	*(bool *)arg = true;
}

static void context_ends(void *arg)
{
	bool ended = false;
	kc_ctx *ctx;

	(void)arg;
	must_int(kc_with_timeout(&ctx, NULL, 5 * KC_SECOND), 0);
	must_int(kc_after_func(NULL, ctx, note_end, &ended), 0);
	kc_sleep(5 * KC_SECOND - 1);
	kc_synctest_wait();
	expect(!ended && !kc_ctx_err(ctx));
	kc_sleep(1);
	kc_synctest_wait();
	expect(ended);
	expect_int(kc_ctx_err(ctx), -ETIMEDOUT);
	kc_ctx_unref(ctx);
}

static void test_context(void)
{
	run_inside(context_ends, NULL);
}

/* The goroutines wait for these, one after another, without a timeout. */
struct relay {
	kc_mutex m;
	kc_cond cond;
	kc_rwmutex rw;
	kc_waitgroup wg;
	int step;
};

static void wait_in_all(void *arg)
{
	struct relay *r = arg;

	kc_mutex_lock(&r->m);
	r->step++;
	kc_cond_wait(&r->cond, &r->m);
	r->step++;
	kc_mutex_unlock(&r->m);
	kc_rwmutex_rlock(&r->rw);
	__atomic_add_fetch(&r->step, 1, __ATOMIC_RELAXED);
	kc_rwmutex_runlock(&r->rw);
	kc_waitgroup_done(&r->wg);
}

static void wait_for_waiters(void *arg)
{
	struct relay r = { .step = 0 };
	const int64_t begin = kc_now();
	int i;

	(void)arg;
	kc_waitgroup_add(&r.wg, 3);
	kc_mutex_lock(&r.m);
	for (i = 0; i < 3; i++)
		must_int(kc_go(wait_in_all, &r), 0);
	kc_synctest_wait();
	expect_int(r.step, 0);
	kc_mutex_unlock(&r.m);
	kc_synctest_wait();
	expect_int(r.step, 3);
	kc_rwmutex_lock(&r.rw);
	kc_cond_signal(&r.cond);
	kc_synctest_wait();
	expect_int(r.step, 4);
	kc_cond_broadcast(&r.cond);
	kc_synctest_wait();
	expect_int(r.step, 6);
	kc_rwmutex_unlock(&r.rw);
	kc_waitgroup_wait(&r.wg);
	expect_int(r.step, 9);
	expect_int(kc_now() - begin, 0);
}

static void test_wait(void)
{
	run_inside(wait_for_waiters, NULL);
}

/* One after another for an hour each. The others wait for it in different ways. */
static void write_for_an_hour(void *arg)
{
	struct relay *r = arg;

	kc_rwmutex_lock(&r->rw);
	kc_sleep(HOUR);
	kc_rwmutex_unlock(&r->rw);
	kc_waitgroup_done(&r->wg);
}

static void write_in_turn(void *arg)
{
	struct relay r = { .step = 0 };
	const int64_t begin = kc_now();
	int i;

	(void)arg;
	kc_waitgroup_add(&r.wg, 3);
	for (i = 0; i < 3; i++)
		must_int(kc_go(write_for_an_hour, &r), 0);
	kc_waitgroup_wait(&r.wg);
	expect_int(kc_now() - begin, 3 * HOUR);
}

static void test_writers(void)
{
	run_inside(write_in_turn, NULL);
}

/* A goroutine runs for some real time. The clock must not leap before it is done. */
static void work(void *arg)
{
	const int64_t until = real_now() + 100 * KC_MILLISECOND;

	while (real_now() < until)
		;
	__atomic_store_n((int64_t *)arg, kc_now(), __ATOMIC_RELAXED);
}

static void *work_apart(void *arg)
{
	sleep_ms(100);
	__atomic_store_n((int64_t *)arg, kc_now(), __ATOMIC_RELAXED);
	return NULL;
}

static void stand_still(void *arg)
{
	int64_t begin = kc_now(), at = 0;
	pthread_t thread;

	(void)arg;
	must_int(kc_go(work, &at), 0);
	kc_sleep(KC_MICROSECOND);
	kc_synctest_wait();
	expect_int(__atomic_load_n(&at, __ATOMIC_RELAXED) - begin, 0);

	begin = kc_now();
	at = 0;
	thread = start(work_apart, &at);
	kc_sleep(KC_MICROSECOND);
	expect_int(__atomic_load_n(&at, __ATOMIC_RELAXED) - begin, 0);
	join(thread);
}

/* A thread that the library did not start counts, too. */
static void test_stands_still(void)
{
	must_int(kc_synctest(stand_still, NULL), 0);
}

/* Many times, on a busy machine: the clock never leaps too early. */
static void pass_on(void *arg)
{
	kc_sem *sems = arg;
	int i;

	for (i = 0; i < 50; i++) {
		kc_sem_acquire(&sems[0], 1);
		kc_sem_release(&sems[1], 1);
	}
}

static void play(void *arg)
{
	kc_sem sems[2] = { KC_SEM_INIT(50), KC_SEM_INIT(50) };
	const int64_t begin = kc_now();
	int i;

	(void)arg;
	kc_sem_acquire(&sems[0], 50);
	kc_sem_acquire(&sems[1], 50);
	must_int(kc_go(pass_on, sems), 0);
	for (i = 0; i < 50; i++) {
		kc_sem_release(&sems[0], 1);
		/* It is always served long before. */
		expect_int(kc_sem_acquire_timeout(&sems[1], 1, 1), 0);
	}
	expect_int(kc_now() - begin, 0);
}

static void test_never_early(void)
{
	const unsigned long rounds = tap_scale(40);
	unsigned long i;

	for (i = 0; i < rounds; i++)
		must_int(kc_synctest(play, NULL), 0);
}

static const struct tap_test tests[] = {
	{ "an hour's sleep", test_sleep },
	{ "many sleepers go on in the order of their times", test_order },
	{ "timers that run functions", test_timers },
	{ "limits of semaphores, and of contexts", test_limits },
	{ "what comes before the limit", test_served },
	{ "a context's deadline", test_context },
	{ "to wait until all others do", test_wait },
	{ "writers that wait for each other", test_writers },
	{ "time stands still while anyone runs", test_stands_still },
	{ "nothing leaps too early", test_never_early },
};

TAP_MAIN(tests)
