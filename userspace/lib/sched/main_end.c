// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * The end of a process that main() has left, by kc_goexit() or pthread_exit().
 *
 * It is to end when the other threads have. libc sees to that, but it knows nothing
 * of threads that do not count: those that are parked in the pool, and the library's
 * own, which never end. So the first thread stays when all of it has been taken down
 * that is to be: it takes no part in anything, sees the pool out, and ends the process
 * when nobody is left but it and its like. Nor would /proc/self, where all is looked up
 * that is told of goroutines, be of use without it.
 *
 * Threads that are neither the pool's nor the library's tell nobody that they end.
 * While there are such it looks for them from time to time, and only then. Where there
 * is no /proc, only those of them are known that have called the library.
 *
 * The first thread need not have called the library itself. So its end is watched from
 * when the library is loaded. If it ends when there are no threads of the library's,
 * that is libc's affair. Should there be some later, a thread of the library's own sees
 * to the end of the process then.
 */
#include <pthread.h>
#include <stdlib.h>

#include "base/base.h"
#include "base/clock.h"
#include "base/fork.h"
#include "base/task.h"
#include "sched/main_end.h"
#include "sched/pool.h"
#include "sched/thread.h"

#define EVERY	(20 * KC_MILLISECOND)

/*
 * The destructors of a thread's data are called in rounds, so long as there is some
 * left. In the last one those of others have had their turn.
 */
#define ROUNDS	3
_Static_assert(ROUNDS < PTHREAD_DESTRUCTOR_ITERATIONS, "it may begin in the second");

static pthread_key_t round_key;
static int error;

/*
 * The first thread says that it goes and then looks whether there are threads; who makes
 * the first of those says so, and then looks whether the first thread is gone. So one
 * of the two sees the other (both are sequentially consistent), and just one sees to
 * the end.
 */
static bool used, gone, seen_to;

static bool see_to_it(void)
{
	return !__atomic_exchange_n(&seen_to, true, __ATOMIC_RELAXED);
}

static bool is_last(void)
{
	const long threads = kc_thread_count();

	return threads < 0 ? !kc_g_count() :
			     kc_thread_are_all(threads, kc_thread_count_own());
}

/* It may be another thread that starts more. */
KC_NORETURN static void await_others(void)
{
	for (;;) {
		kc_pool_drain();
		if (is_last())
			exit(EXIT_SUCCESS);
		kc_rest(EVERY);
	}
}

static void *run(void *unused)
{
	(void)unused;
	kc_thread_is_own = true;
	pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, NULL);
	await_others();
}

/* Of the first thread; in the last of the rounds. */
static void leave(void)
{
	__atomic_store_n(&gone, true, __ATOMIC_SEQ_CST);
	if (__atomic_load_n(&used, __ATOMIC_SEQ_CST) && see_to_it()) {
		pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, NULL);
		kc_thread_become_own();
		await_others();
	}
	kc_thread_first_ends();
}

static void next_round(void *data)
{
	const uintptr_t round = (uintptr_t)data;

	if (round == ROUNDS)
		leave();
	else
		pthread_setspecific(round_key, (void *)(round + 1));
}

static void make_key(void)
{
	error = -pthread_key_create(&round_key, next_round);
}

static pthread_once_t key_once = PTHREAD_ONCE_INIT;

/* The key may be missing yet: a constructor may be earlier than ours. */
static void begin(void)
{
	pthread_once(&key_once, make_key);
	if (!error && !pthread_getspecific(round_key))
		pthread_setspecific(round_key, (void *)(uintptr_t)1);
}

KC_SET_HOOK(kc_main_hook, begin)

/* The library may be loaded by another thread: then there is only the hook. */
KC_EARLY static void watch_first(void)
{
	if (sys_gettid() == sys_getpid())
		begin();
}

/* The thread that forked is the first one in the child. */
static void forked(void)
{
	gone = false;
	seen_to = false;
	begin();
}

KC_AT_FORK(.order = KC_FORK_MAIN_END, .forked = forked)

/* In the place of the first thread. */
static int start_thread(void)
{
	pthread_t thread;
	int ret;

	ret = kc_thread_create(&thread, run, NULL,
			       kc_thread_whole_stack(KC_STACK_MIN));
	if (ret) {
		__atomic_store_n(&seen_to, false, __ATOMIC_RELAXED);
		return ret;
	}
	pthread_detach(thread);
	kc_thread_add_own();
	return 0;
}

int kc_main_end_setup(void)
{
	/* A constructor may be earlier still. */
	if (!__atomic_load_n(&used, __ATOMIC_ACQUIRE)) {
		pthread_once(&key_once, make_key);
		__atomic_store_n(&used, true, __ATOMIC_SEQ_CST);
	}
	if (!error && __atomic_load_n(&gone, __ATOMIC_SEQ_CST) && see_to_it())
		return start_thread();
	return error;
}
