/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Threads that run goroutines, one after another.
 *
 * kc_go() takes the thread that was parked last, fills in what it is to run, and
 * hands over by one word, the turn. Its owner alone reads and writes the rest of
 * struct kc_worker while it runs; while it is parked, who holds kc_sched.lock and
 * finds it on the list of idle ones; and whoever took it off that list, until the
 * turn is given.
 */
#ifndef LIBKCHAN_SCHED_POOL_H
#define LIBKCHAN_SCHED_POOL_H

#include <stdalign.h>

#include "base/task.h"
#include "sched/routine.h"

/* A copied argument of this size or less needs no memory of its own. */
#define KC_COPY_ROOM	64

/* Stacks come in a few sizes, each twice the one before, so as to be used again. */
#define KC_STACK_MIN	((size_t)64 * 1024)
#define KC_STACK_SIZES	7

/* For what is told of a stack overflow, and what the kernel puts there for that. */
#define KC_ALTSTACK_SIZE	((size_t)48 * 1024)

enum kc_turn {
	KC_TURN_GO,		/* it runs, or may */
	KC_TURN_PARKED,		/* it is about to sleep */
	KC_TURN_ASLEEP,
};

struct kc_worker {
	struct kc_g g;			/* first, so that it can be made of it */
	uint32_t turn;			/* enum kc_turn, a futex */
	bool parked;			/* on the list of idle ones */
	bool quit;			/* the turn is to end */
	bool keep;			/* it may run another goroutine */
	unsigned int size;		/* index of kc_pool.idle */
	struct kc_list idle;		/* or, in the end, of dead ones */
	pthread_t thread;		/* then */
	struct kc_sigmask mask;		/* to start with */
	void *copy;			/* of the argument, if it is large */
	alignas(max_align_t) char room[KC_COPY_ROOM];

	/* The thread, as it was when it was new. */
	size_t stack_size;		/* with all that is on it */
	struct kc_sched_attr sched;
	uint64_t cpus;			/* a hash of them */

	/* What of it is not used costs no memory. */
	char altstack[];
};

/* On whose behalf one is started: what it has from that one. */
struct kc_starter {
	uint64_t id;
	struct kc_sigmask mask;
	struct kc_dice dice;
};

/* This goroutine. */
void kc_starter_take(struct kc_starter *starter);

/* A goroutine to be. */
struct kc_start {
	void (*fn)(void *arg);
	void *arg;
	const char *name;
	uint32_t flags;
	size_t stack_size;
	bool copied;			/* of the argument it gets a copy, */
	size_t copy_size;		/* of so many bytes, */
	const void *tail;		/* and of these, behind it; */
	size_t tail_size;
	size_t tail_at;			/* the copy's pointer to them is there. 0: none */
	uintptr_t at;			/* the call that starts it */
	const struct kc_starter *starter;	/* NULL: this goroutine */
};

/*
 * Start one. Its thread calls @run, which calls the goroutine's function and comes back
 * at its end: kc_g_run(), see panicking.h. 0 or a negative errno.
 */
int kc_pool_start(const struct kc_start *start, void (*run)(struct kc_g *g));

/* The thread of a new goroutine, which owns @w from then on: 0 or a negative errno. */
int kc_worker_start(struct kc_worker *w);

/*
 * With kc_sched.lock held: one that waits, with a stack of that size at least, or NULL;
 * and a new one.
 */
struct kc_worker *kc_pool_take(unsigned int size);
void kc_pool_add(struct kc_worker *w);

/* After this the thread may have ended, and @w be no more. */
void kc_pool_give_turn(struct kc_worker *w);

/* Join those that have ended altogether: who has not may wait for us. */
void kc_pool_reap(unsigned int tries);

/* More than one, so that the list of dead ones gets shorter. */
#define KC_REAP_AT_ONCE	3

/* The thread of @w is no more, or never was. */
void kc_pool_bury(struct kc_worker *w);

/*
 * Wait for another goroutine to run: true when there is one, false if the thread
 * is to end.
 */
bool kc_pool_park(struct kc_worker *w);

/* The thread ends: nothing may be done with @w after this. */
void kc_pool_leave(struct kc_worker *w);

/* Until there are no threads; who is parked ends now. */
void kc_pool_drain(void);

#endif /* LIBKCHAN_SCHED_POOL_H */
