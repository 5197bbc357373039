// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * A thread of the pool: it runs goroutines one after another, and resets its state between
 * them.
 */
#include <locale.h>
#include <string.h>

#include "race/race.h"
#include "sched/pool.h"
#include "sched/thread.h"

static void set_altstack(struct kc_worker *w)
{
	const stack_t stack = {
		.ss_sp = w->altstack,
		.ss_size = KC_ALTSTACK_SIZE,
	};

	sys_set_altstack(&stack);
}

static void begin(struct kc_worker *w)
{
	struct kc_g *g = &w->g;
	char comm[KC_COMM_SIZE];

	g->tid = sys_gettid();
	g->stack_high = (uintptr_t)__builtin_frame_address(0);
	g->stack_low = g->stack_high - w->stack_size - w->guard_size;
	set_altstack(w);
	sys_get_comm(comm);
	if (strcmp(comm, kc_sched.comm))
		sys_set_comm(kc_sched.comm);
	kc_race_name(g->id, g->name);
	if (!(g->flags & KC_GO_FRESH) && !kc_thread_schedule_as_first(&w->sched, &w->cpus))
		w->keep = false;
}

/* Resets the thread after a goroutine. False if it must not run another goroutine. */
static bool reset(struct kc_worker *w)
{
	char comm[KC_COMM_SIZE];

	sys_block_signals(NULL);
	if (!w->keep || !kc_thread_is_scheduled(&w->sched, w->cpus))
		return false;
	set_altstack(w);
	sys_get_comm(comm);
	if (strcmp(comm, kc_sched.comm))
		sys_set_comm(kc_sched.comm);
	uselocale(LC_GLOBAL_LOCALE);
	return true;
}

/* Called when the thread ends, also if the goroutine has called pthread_exit(). */
static void end(void *data)
{
	const stack_t none = { .ss_flags = SS_DISABLE };

	pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, NULL);
	sys_block_signals(NULL);
	sys_set_altstack(&none);
	kc_g_current = NULL;
	kc_pool_leave(data);
}

static void *run(void *data)
{
	struct kc_worker *w = data;

	pthread_cleanup_push(end, w);
	kc_g_current = &w->g;
	begin(w);
	do {
		if (w->g.name[0])
			sys_set_comm(w->g.name);
		sys_set_sigmask(&w->mask, NULL);
		w->g.run(&w->g);
	} while (reset(w) && kc_pool_park(w));
	pthread_cleanup_pop(1);
	return NULL;
}

int kc_worker_start(struct kc_worker *w)
{
	pthread_t thread;

	w->stack_size = kc_thread_whole_stack(w->stack_size);
	if (!w->stack_size)
		return -EINVAL;
	return kc_thread_create(&thread, run, w, w->stack_size, &w->guard_size);
}
