// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * The library's own threads, which are no goroutines.
 */
#include "race/race.h"
#include "sched/main_end.h"
#include "sched/routine.h"
#include "sched/thread.h"

static void *run_own(void *data)
{
	struct kc_sched_attr sched;
	uint64_t cpus;

	kc_thread_is_own = true;
	pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, NULL);
	kc_thread_schedule_as_first(&sched, &cpus);
	((void (*)(void))data)();
	return NULL;
}

int kc_thread_own(void (*fn)(void), size_t room)
{
	pthread_t thread;
	size_t guard;
	int ret;

	/* The thread never ends, so main_end.c has to end the process. */
	ret = kc_main_end_setup();
	if (ret)
		return ret;
	ret = kc_thread_create(&thread, run_own, (void *)fn, kc_thread_whole_stack(room),
			       &guard);
	if (ret)
		return ret;
	pthread_detach(thread);
	kc_thread_add_own();
	return 0;
}

struct errand {
	void (*fn)(void *arg);
	void *arg;
};

static void *run_errand(void *data)
{
	const struct errand *errand = data;

	kc_thread_is_own = true;
	/* The reader of debug information has locks of its own. */
	kc_race_hide();
	errand->fn(errand->arg);
	kc_race_show();
	return NULL;
}

void kc_thread_roomy(void (*fn)(void *arg), void *arg)
{
	struct errand errand = { fn, arg };
	pthread_t thread;
	size_t guard;
	int state;

	/* pthread_join() must not be a cancellation point here. */
	pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &state);
	if (kc_thread_create(&thread, run_errand, &errand,
			     kc_thread_whole_stack(KC_STACK_ROOMY), &guard))
		fn(arg);
	else
		pthread_join(thread, NULL);
	pthread_setcancelstate(state, NULL);
}
