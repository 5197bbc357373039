// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * The end of a process whose main() was left by kc_goexit() or pthread_exit().
 *
 * Such a process has to end when all other threads have ended. libc does that, but it
 * counts threads that should not count: those that are parked in the pool, and the
 * library's own threads, which never end. So the first thread stays. At the end of its
 * exit, after the other destructors of its thread-specific data, it becomes one of the
 * library's own threads. It ends the pool's threads, and ends the process when only the
 * library's own threads are left. This also keeps /proc/self usable, in which the
 * library looks up goroutines: it depends on the first thread.
 *
 * A thread that belongs to neither the pool nor the library does not report its end. So
 * the first thread looks for such threads periodically. Without /proc it knows only
 * those of them that have called the library.
 *
 * The first thread need not have called the library. So its end is watched from the
 * time when the library is loaded. If it ends while the library has no threads, it
 * leaves the end of the process to libc. If the library starts a thread later, another
 * thread of the library takes over this task.
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
 * libc calls the destructors of thread-specific data in rounds, as long as there is
 * data. In round ROUNDS, other keys have had at least one round.
 */
#define ROUNDS	3
_Static_assert(ROUNDS < PTHREAD_DESTRUCTOR_ITERATIONS, "it may begin in the second");

static pthread_key_t round_key;
static int error;

/*
 * The first thread stores "gone", and then loads "used". The caller that starts the
 * first thread of the library stores "used", and then loads "gone". All four are
 * sequentially consistent, so at least one of the two sees the other's store. The
 * exchange of seen_to decides which one of them ends the process.
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

/* Another thread may start more goroutines, so this repeats. */
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

/* Called by the first thread in the last round. */
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

/* The key may not exist yet: another constructor may run before ours. */
static void begin(void)
{
	pthread_once(&key_once, make_key);
	if (!error && !pthread_getspecific(round_key))
		pthread_setspecific(round_key, (void *)(uintptr_t)1);
}

KC_SET_HOOK(kc_main_hook, begin)

/*
 * If another thread loads the library, only the hook is left: kc_g_main_ends() begins
 * it.
 */
KC_EARLY static void watch_first(void)
{
	if (sys_gettid() == sys_getpid())
		begin();
}

/* In the child, the thread that forked is the first thread. */
static void forked(void)
{
	gone = false;
	seen_to = false;
	begin();
}

KC_AT_FORK(.order = KC_FORK_MAIN_END, .forked = forked)

/* Starts a thread that does the first thread's task. */
static int start_thread(void)
{
	pthread_t thread;
	size_t guard;
	int ret;

	ret = kc_thread_create(&thread, run, NULL,
			       kc_thread_whole_stack(KC_STACK_MIN), &guard);
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
	/* Another constructor may call this before ours has run. */
	if (!__atomic_load_n(&used, __ATOMIC_ACQUIRE)) {
		pthread_once(&key_once, make_key);
		__atomic_store_n(&used, true, __ATOMIC_SEQ_CST);
	}
	if (!error && __atomic_load_n(&gone, __ATOMIC_SEQ_CST) && see_to_it())
		return start_thread();
	return error;
}
