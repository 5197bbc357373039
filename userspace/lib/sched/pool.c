// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * The pool: threads that wait for a goroutine.
 *
 * The thread that was parked last is taken first: its memory is still in the caches. So
 * the threads that were parked first are idle longest, and end. The first KEPT threads
 * park without a timeout. The others end after IDLE_TIME. kc_sched.lock protects all of
 * struct threads.
 *
 * A thread that ends adds itself to the list of dead threads. It also joins threads of
 * that list whose exit is complete, and so does a caller that needs a new thread. So
 * stacks are freed without an additional thread, and without waiting. kc_shutdown()
 * waits, and joins all: when it returns, nothing is left of the threads.
 */
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/fork.h"
#include "race/race.h"
#include "sched/park.h"
#include "sched/pool.h"

#define KEPT		8	/* parked without a timeout */
#define MAX_IDLE	1024
#define IDLE_TIME	(5 * KC_SECOND)

static struct threads {
	struct kc_list idle[KC_STACK_SIZES];
	unsigned int nr_idle;
	struct kc_list dead;		/* not joined yet; linked by @idle */
	unsigned int nr_threads;	/* with the dead threads */
	unsigned int nr_draining;	/* running calls of kc_pool_drain() */
	uint32_t changes;		/* a futex, for those calls */
	bool ready;			/* the lists are initialised */
} pool;

static void make_lists(void)
{
	unsigned int i;

	if (pool.ready)
		return;
	for (i = 0; i < KC_STACK_SIZES; i++)
		kc_list_init(&pool.idle[i]);
	kc_list_init(&pool.dead);
	pool.ready = true;
}

static void unpark(struct kc_worker *w)
{
	kc_list_del(&w->idle);
	w->parked = false;
	pool.nr_idle--;
}

struct kc_worker *kc_pool_take(unsigned int i)
{
	struct kc_worker *w;

	if (!pool.nr_idle)
		return NULL;
	for (; i < KC_STACK_SIZES; i++) {
		if (kc_list_empty(&pool.idle[i]))
			continue;
		w = kc_container(pool.idle[i].next, struct kc_worker, idle);
		unpark(w);
		return w;
	}
	return NULL;
}

void kc_pool_give_turn(struct kc_worker *w)
{
	if (__atomic_exchange_n(&w->turn, KC_TURN_GO, __ATOMIC_RELEASE) ==
	    KC_TURN_ASLEEP)
		sys_futex_wake_one(&w->turn);
}

/* Wakes the calls of kc_pool_drain(). Called with the lock held. */
static void tell_draining(void)
{
	if (!pool.nr_draining)
		return;
	__atomic_store_n(&pool.changes, pool.changes + 1, __ATOMIC_RELAXED);
	sys_futex_wake_all(&pool.changes);
}

/* Returns NULL if there is no dead thread. Called with the lock held. */
static struct kc_worker *take_dead_locked(void)
{
	struct kc_worker *w;

	if (!pool.ready || kc_list_empty(&pool.dead))
		return NULL;
	w = kc_container(pool.dead.next, struct kc_worker, idle);
	kc_list_del(&w->idle);
	return w;
}

static void free_worker(struct kc_worker *w)
{
	free(w->copy);
	/* Not by kc_g_free_deferred(), which takes the lock: here it may be held. */
	if (w->g.deferred != w->g.few)
		free(w->g.deferred);
	free(w);
}

/* The next functions take the lock. */
static struct kc_worker *take_dead(void)
{
	struct kc_worker *w;

	kc_lock(&kc_sched.lock);
	w = take_dead_locked();
	kc_unlock(&kc_sched.lock);
	return w;
}

void kc_pool_bury(struct kc_worker *w)
{
	kc_lock(&kc_sched.lock);
	pool.nr_threads--;
	tell_draining();
	kc_unlock(&kc_sched.lock);
	free_worker(w);
}

static void put_dead(struct kc_worker *w)
{
	kc_lock(&kc_sched.lock);
	kc_list_add(pool.dead.prev, &w->idle);
	tell_draining();
	kc_unlock(&kc_sched.lock);
}

void kc_pool_reap(unsigned int tries)
{
	struct kc_worker *w;

	while (tries-- && (w = take_dead())) {
		if (pthread_tryjoin_np(w->thread, NULL))
			put_dead(w);
		else
			kc_pool_bury(w);
	}
}

void kc_pool_add(struct kc_worker *w)
{
	make_lists();
	kc_list_add(&kc_sched.all, &w->g.all);
	pool.nr_threads++;
}

/*
 * The thread has been idle for too long. Returns false if it was taken off the list
 * meanwhile.
 */
static bool give_up(struct kc_worker *w)
{
	bool idle;

	kc_lock(&kc_sched.lock);
	idle = w->parked;
	if (idle)
		unpark(w);
	kc_unlock(&kc_sched.lock);
	return idle;
}

static bool await_turn(struct kc_worker *w, bool for_ever)
{
	uint32_t turn = KC_TURN_PARKED;
	int64_t deadline = 0;

	if (!__atomic_compare_exchange_n(&w->turn, &turn, KC_TURN_ASLEEP, false,
					 __ATOMIC_ACQUIRE, __ATOMIC_ACQUIRE))
		return !w->quit;
	if (!for_ever)
		deadline = kc_later(kc_real_now(), IDLE_TIME);
	do {
		if (for_ever)
			sys_futex_wait(&w->turn, KC_TURN_ASLEEP);
		else if (sys_futex_wait_until(&w->turn, KC_TURN_ASLEEP,
					      deadline) == -ETIMEDOUT) {
			if (give_up(w))
				return false;
			/*
			 * The caller that took it off the list is about to give the
			 * turn.
			 */
			for_ever = true;
		}
	} while (__atomic_load_n(&w->turn, __ATOMIC_ACQUIRE) == KC_TURN_ASLEEP);
	return !w->quit;
}

bool kc_pool_park(struct kc_worker *w)
{
	void *copy = w->copy;
	bool few;

	kc_lock(&kc_sched.lock);
	/*
	 * Cleared under the lock: the child of a fork() frees the copy that it finds.
	 */
	w->copy = NULL;
	if (!w->keep || pool.nr_draining || pool.nr_idle >= MAX_IDLE) {
		kc_unlock(&kc_sched.lock);
		free(copy);
		return false;
	}
	few = pool.nr_idle++ < KEPT;
	kc_list_add(&pool.idle[w->size], &w->idle);
	w->parked = true;
	w->g.live = false;
	__atomic_store_n(&w->turn, KC_TURN_PARKED, __ATOMIC_RELAXED);
	kc_unlock(&kc_sched.lock);
	free(copy);
	return await_turn(w, few);
}

/*
 * True if nobody joins this thread. With the race detector, a join would order the
 * joiner after all that the thread did. So only kc_shutdown() joins threads then. The
 * other threads are detached, because the detector reports threads that nobody has
 * joined at the program's end.
 */
static bool leaves_alone(void)
{
	return kc_race_on() && !pool.nr_draining;
}

/* Unless it is detached here, the thread that joins this one frees @w. */
void kc_pool_leave(struct kc_worker *w)
{
	/* In the child of a goroutine that forked, this thread is the first one. */
	const bool first = w->g.tid == sys_getpid();
	bool alone;

	w->thread = pthread_self();
	kc_lock(&kc_sched.lock);
	kc_list_del(&w->g.all);
	alone = first || leaves_alone();
	kc_unlock(&kc_sched.lock);
	if (alone) {
		kc_race_release(&pool);
		pthread_detach(w->thread);
		kc_pool_bury(w);
		if (first)
			kc_g_main_ends();
		return;
	}
	kc_pool_reap(KC_REAP_AT_ONCE);
	put_dead(w);
}

/*
 * Joins the dead threads at the end of the program, so that no checker reports them as
 * leaked.
 */
__attribute__((destructor)) static void exit_program(void)
{
	unsigned int all;

	kc_lock(&kc_sched.lock);
	all = pool.nr_threads;
	kc_unlock(&kc_sched.lock);
	kc_pool_reap(all);
}

/* Ends all parked threads. Called with the lock held. */
static void send_away(void)
{
	struct kc_worker *w;

	while ((w = kc_pool_take(0))) {
		w->quit = true;
		kc_pool_give_turn(w);
	}
}

/* Joins a dead thread, or waits for one. Returns true once there are no threads. */
static bool await_one_end(void)
{
	struct kc_worker *w = take_dead();
	uint32_t changes;
	bool none, dead;

	if (w) {
		pthread_join(w->thread, NULL);
		kc_pool_bury(w);
		return false;
	}
	kc_lock(&kc_sched.lock);
	none = !pool.nr_threads;
	dead = !none && !kc_list_empty(&pool.dead);
	changes = pool.changes;
	kc_unlock(&kc_sched.lock);
	if (!none && !dead)
		sys_futex_wait(&pool.changes, changes);
	return none;
}

static void await_end(void)
{
	while (!await_one_end())
		;
}

static void begin_drain(void)
{
	kc_lock(&kc_sched.lock);
	pool.nr_draining++;
	send_away();
	kc_unlock(&kc_sched.lock);
}

static void end_drain(void)
{
	kc_lock(&kc_sched.lock);
	pool.nr_draining--;
	kc_unlock(&kc_sched.lock);
	kc_race_acquire(&pool);
}

void kc_pool_drain(void)
{
	begin_drain();
	await_end();
	end_drain();
}

int kc_shutdown(void)
{
	struct kc_parked *parked;
	int state;

	if (kc_g_self()->flags & KC_G_POOL)
		return -EDEADLK;
	/* pthread_join() is a cancellation point. */
	pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &state);
	/*
	 * It parks after begin_drain(): a parked goroutine must not wake others
	 * (debug/asleep.c).
	 */
	begin_drain();
	parked = kc_park(KC_STATE_SHUTDOWN, NULL, 0);
	await_end();
	kc_unpark(parked);
	end_drain();
	pthread_setcancelstate(state, NULL);
	return 0;
}

/* Called in the child. Only this thread is left, which may be one of the pool's. */
static void forked(void)
{
	struct kc_g *self = kc_g_current, *g;
	struct kc_list *link, *next;
	struct kc_worker *w;

	while ((w = take_dead_locked()))
		free_worker(w);
	for (link = kc_sched.all.next; link != &kc_sched.all; link = next) {
		g = kc_container(link, struct kc_g, all);
		next = link->next;
		if (g != self && (g->flags & KC_G_POOL))
			free_worker(kc_container(g, struct kc_worker, g));
	}
	memset(&pool, 0, sizeof(pool));
	if (self && (self->flags & KC_G_POOL)) {
		kc_container(self, struct kc_worker, g)->keep = false;
		pool.nr_threads = 1;
		make_lists();
	}
}

KC_AT_FORK(.order = KC_FORK_POOL, .forked = forked)
