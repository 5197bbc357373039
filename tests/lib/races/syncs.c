// SPDX-License-Identifier: GPL-2.0-only
/*
 * What synchronises goroutines besides channels.
 */
#include "case.h"

#define LONG	(100 * KC_SECOND)

static kc_mutex mutex;
static kc_rwmutex rw;
static kc_sem sem = KC_SEM_INIT(2);
static kc_waitgroup wg;
static kc_once once;
static kc_once_func *func;
static kc_once_value *value;
static kc_cond cond;
static kc_timer *timer;
static int any;

/* A lock has no owner: main locks it, and another goroutine unlocks it. */
static void have_mutex(void)
{
	kc_mutex_lock(&mutex);
}

static void unlock(void)
{
	kc_mutex_unlock(&mutex);
}

static void lock(void)
{
	kc_mutex_lock(&mutex);
}

static void try_lock(void)
{
	while (kc_mutex_try_lock(&mutex))
		kc_gosched();
}

static void have_writer(void)
{
	kc_rwmutex_lock(&rw);
}

static void end_writer(void)
{
	kc_rwmutex_unlock(&rw);
}

static void read_lock(void)
{
	kc_rwmutex_rlock(&rw);
}

static void try_read_lock(void)
{
	while (kc_rwmutex_try_rlock(&rw))
		kc_gosched();
}

static void have_reader(void)
{
	kc_rwmutex_rlock(&rw);
}

static void end_reader(void)
{
	kc_rwmutex_runlock(&rw);
}

static void write_lock(void)
{
	kc_rwmutex_lock(&rw);
}

static void try_write_lock(void)
{
	while (kc_rwmutex_try_lock(&rw))
		kc_gosched();
}

static void have_sem(void)
{
	kc_sem_acquire(&sem, 2);
}

static void release(void)
{
	kc_sem_release(&sem, 1);
}

static void acquire(void)
{
	kc_sem_acquire(&sem, 1);
}

static void acquire_timed(void)
{
	sure(!kc_sem_acquire_timeout(&sem, 1, LONG));
}

static void try_acquire(void)
{
	while (kc_sem_try_acquire(&sem, 1))
		kc_gosched();
}

static void acquire_in_ctx(void)
{
	kc_ctx *ctx;

	sure(!kc_with_timeout(&ctx, NULL, LONG));
	sure(!kc_sem_acquire_ctx(ctx, &sem, 1));
	kc_ctx_unref(ctx);
}

static void have_one(void)
{
	kc_waitgroup_add(&wg, 1);
}

static void done(void)
{
	kc_waitgroup_done(&wg);
}

static void wait_for_all(void)
{
	kc_waitgroup_wait(&wg);
}

static void nothing(void)
{
}

/* Main most probably is there meanwhile. */
static void run_it(void *arg)
{
	(void)arg;
	come();
	kc_sleep(20 * KC_MILLISECOND);
}

static void *get_it(void *arg)
{
	run_it(arg);
	return &any;
}

static void do_once(void)
{
	kc_once_do(&once, run_it, NULL);
}

static void do_once_more(void)
{
	await(1);
	kc_once_do(&once, run_it, NULL);
}

static void make_func(void)
{
	sure(!kc_once_func_make(&func, run_it, NULL));
}

static void call_func(void)
{
	kc_once_func_call(func);
}

static void call_func_again(void)
{
	await(1);
	kc_once_func_call(func);
}

static void make_value(void)
{
	sure(!kc_once_value_make(&value, get_it, NULL, NULL));
}

static void get_value(void)
{
	sure(kc_once_value_get(value) == &any);
}

static void get_value_again(void)
{
	await(1);
	sure(kc_once_value_get(value) == &any);
}

static void nothing_static(void)
{
	come();
	kc_sleep(20 * KC_MILLISECOND);
}

KC_ONCE_FUNC(static_func, nothing_static);

static void call_static(void)
{
	static_func();
}

static void call_static_again(void)
{
	await(1);
	static_func();
}

/*
 * Without the mutex, which would also order it. So it signals again until the waiter is
 * there.
 */
static void signal_it(void)
{
	await(1);
	while (!has_come(2)) {
		kc_cond_signal(&cond);
		kc_sleep(KC_MILLISECOND);
	}
}

static void broadcast(void)
{
	await(1);
	while (!has_come(2)) {
		kc_cond_broadcast(&cond);
		kc_sleep(KC_MILLISECOND);
	}
}

static void wait_for_signal(void)
{
	kc_mutex_lock(&mutex);
	come();
	kc_cond_wait(&cond, &mutex);
	come();
	kc_mutex_unlock(&mutex);
}

static void make_timer(void)
{
	sure(!kc_timer_make(&timer, 1000 * KC_SECOND));
}

static void reset(void)
{
	sure(kc_timer_reset(timer, KC_MILLISECOND) == 1);
}

static void recv_tick(void)
{
	int64_t then;

	sure(kc_recv(kc_timer_chan(timer), &then) == 1);
}

static const struct edge edges[] = {
	{ "an unlock before a lock", have_mutex, unlock, lock },
	{ "an unlock before kc_mutex_try_lock()", have_mutex, unlock, try_lock },
	{ "a writer before a reader", have_writer, end_writer, read_lock },
	{ "a writer before kc_rwmutex_try_rlock()", have_writer, end_writer,
	  try_read_lock },
	{ "a writer before a writer", have_writer, end_writer, write_lock },
	{ "a writer before kc_rwmutex_try_lock()", have_writer, end_writer,
	  try_write_lock },
	{ "a reader before a writer", have_reader, end_reader, write_lock },
	{ "a reader before kc_rwmutex_try_lock()", have_reader, end_reader,
	  try_write_lock },
	{ "a release before an acquire", have_sem, release, acquire },
	{ "a release before an acquire with a time limit", have_sem, release,
	  acquire_timed },
	{ "a release before kc_sem_try_acquire()", have_sem, release, try_acquire },
	{ "a release before kc_sem_acquire_ctx()", have_sem, release,
	  acquire_in_ctx },
	{ "done before the wait", have_one, done, wait_for_all },
	{ "once before another call of it", nothing, do_once, do_once_more },
	{ "a once function before another call of it", make_func, call_func,
	  call_func_again },
	{ "a once value before another call of it", make_value, get_value,
	  get_value_again },
	{ "KC_ONCE_FUNC before another call of it", nothing, call_static,
	  call_static_again },
	{ "a signal before who it wakes", nothing, signal_it, wait_for_signal },
	{ "a broadcast before who it wakes", nothing, broadcast, wait_for_signal },
	{ "a timer set before its tick", make_timer, reset, recv_tick },
};

const struct edges sync_edges = { edges, ARRAY_SIZE(edges), false };
