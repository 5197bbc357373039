// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Starting a goroutine: in a parked thread of the pool, or in a new thread.
 */
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "race/race.h"
#include "sched/main_end.h"
#include "sched/pool.h"

/*
 * The index of the stack's size. KC_STACK_SIZES means that it is too large for the
 * pool.
 */
static unsigned int index_of(size_t stack_size)
{
	unsigned int i = 0;

	while (i < KC_STACK_SIZES && KC_STACK_MIN << i < stack_size)
		i++;
	return i;
}

/* The offset of the tail's copy from the argument's copy. */
static size_t tail_of(const struct kc_start *start)
{
	const size_t align = alignof(max_align_t);

	return (start->copy_size + align - 1) / align * align;
}

/* The size of the copies in bytes. SIZE_MAX if it overflows. */
static size_t copy_room(const struct kc_start *start)
{
	size_t room;

	if (!start->copied)
		return 0;
	if (!start->tail_size)
		return start->copy_size;
	room = tail_of(start);
	return room < SIZE_MAX - start->tail_size ? room + start->tail_size : SIZE_MAX;
}

static void *copy_to(void *room, const struct kc_start *start)
{
	char *const tail = (char *)room + tail_of(start);

	if (start->copy_size)
		memcpy(room, start->arg, start->copy_size);
	if (start->tail_size)
		memcpy(tail, start->tail, start->tail_size);
	if (start->tail_at)
		memcpy((char *)room + start->tail_at, &tail, sizeof(tail));
	return room;
}

/*
 * Fills in the goroutine, and takes over @copy. Called with kc_sched.lock held, since
 * other threads can see the goroutine from now on.
 */
static void fill_in(struct kc_worker *w, const struct kc_start *start, void *copy,
		    const struct kc_starter *starter, void (*run)(struct kc_g *g))
{
	struct kc_g *g = &w->g;

	w->mask = starter->mask;
	g->id = kc_g_next_id();
	g->parent = starter->id;
	g->dice = starter->dice;
	g->started_at = start->at;
	g->flags = start->flags | KC_G_POOL;
	g->live = true;
	g->run = run;
	g->fn = start->fn;
	g->arg = start->arg;
	kc_g_set_name(g, start->name);
	w->copy = copy;
	if (copy)
		g->arg = copy;
	else if (start->copied)
		g->arg = copy_to(w->room, start);
}

static struct kc_worker *new_worker(size_t stack_size, unsigned int i)
{
	struct kc_worker *w = malloc(sizeof(*w) + KC_ALTSTACK_SIZE);

	if (!w)
		return NULL;
	memset(w, 0, sizeof(*w));
	w->g.deferred = w->g.few;
	w->g.max_deferred = KC_DEFERS;
	w->size = i;
	w->stack_size = i < KC_STACK_SIZES ? KC_STACK_MIN << i : stack_size;
	return w;
}

/* Starts the goroutine in a new thread. */
static int start_new(const struct kc_start *start, unsigned int i, void *copy,
		     const struct kc_starter *starter, void (*run)(struct kc_g *g))
{
	struct kc_worker *w = new_worker(start->stack_size, i);
	int ret;

	if (!w)
		return -ENOMEM;
	kc_pool_reap(KC_REAP_AT_ONCE);
	/* With the race detector no thread is used twice: see race/race.c. */
	w->keep = i < KC_STACK_SIZES && !(start->flags & KC_GO_FRESH) &&
		  !kc_race_on();
	kc_lock(&kc_sched.lock);
	fill_in(w, start, copy, starter, run);
	kc_pool_add(w);
	kc_unlock(&kc_sched.lock);

	kc_race_enter(start->at);
	ret = kc_worker_start(w);
	kc_race_leave();
	if (!ret)
		return 0;

	kc_lock(&kc_sched.lock);
	kc_list_del(&w->g.all);
	kc_unlock(&kc_sched.lock);
	/* The caller owns the copy again. */
	w->copy = NULL;
	kc_pool_bury(w);
	return ret;
}

void kc_starter_take(struct kc_starter *starter)
{
	starter->id = kc_g_self()->id;
	sys_get_sigmask(&starter->mask);
	starter->dice = kc_jitter_start();
}

int kc_pool_start(const struct kc_start *start, void (*run)(struct kc_g *g))
{
	const unsigned int i = index_of(start->stack_size);
	const struct kc_starter *starter = start->starter;
	struct kc_worker *w = NULL;
	struct kc_starter self;
	void *copy = NULL;
	int ret;

	if (copy_room(start) > KC_COPY_ROOM) {
		/*
		 * No object is larger than PTRDIFF_MAX. Sanitizers abort on a larger
		 * request.
		 */
		if (copy_room(start) <= PTRDIFF_MAX)
			copy = malloc(copy_room(start));
		if (!copy)
			return -ENOMEM;
		copy_to(copy, start);
	}
	if (!starter) {
		kc_jitter_here();
		kc_starter_take(&self);
		starter = &self;
	}
	if (!(start->flags & KC_GO_FRESH)) {
		kc_lock(&kc_sched.lock);
		w = kc_pool_take(i);
		if (w)
			fill_in(w, start, copy, starter, run);
		kc_unlock(&kc_sched.lock);
	}
	if (w) {
		kc_pool_give_turn(w);
		return 0;
	}
	ret = kc_g_setup();
	if (!ret)
		ret = kc_main_end_setup();
	if (!ret)
		ret = start_new(start, i, copy, starter, run);
	if (ret)
		free(copy);
	return ret;
}
