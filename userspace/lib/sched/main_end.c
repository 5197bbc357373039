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
 * While there are such it looks for them from time to time, and only then.
 */
#include <pthread.h>
#include <stdlib.h>

#include "base/internal.h"
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

static bool is_last(void)
{
	return kc_thread_are_all(kc_thread_count(), kc_thread_count_own());
}

static void await_others(void)
{
	pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, NULL);
	kc_thread_become_own();
	for (;;) {
		/* It may be another thread that starts more. */
		kc_pool_drain();
		if (is_last())
			exit(EXIT_SUCCESS);
		kc_rest(EVERY);
	}
}

static void next_round(void *data)
{
	const uintptr_t round = (uintptr_t)data;

	if (round == ROUNDS)
		await_others();
	pthread_setspecific(round_key, (void *)(round + 1));
}

static void begin(void)
{
	if (!pthread_getspecific(round_key))
		pthread_setspecific(round_key, (void *)(uintptr_t)1);
}

static int error;

static void setup(void)
{
	error = -pthread_key_create(&round_key, next_round);
	/* Who finds the hook finds the key. */
	if (!error)
		__atomic_store_n(&kc_main_hook, begin, __ATOMIC_RELEASE);
}

int kc_last_setup(void)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;
	static bool done;

	/* As in kc_g_setup(). */
	if (!__atomic_load_n(&done, __ATOMIC_ACQUIRE)) {
		pthread_once(&once, setup);
		__atomic_store_n(&done, true, __ATOMIC_RELEASE);
	}
	return error;
}
