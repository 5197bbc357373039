/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Threads that run goroutines, one after another.
 *
 * kc_go() takes the thread that was parked last, fills in the goroutine, and gives the
 * thread the turn, which is one word. The rest of struct kc_worker has one owner at a
 * time:
 *
 * - the thread itself, while it runs;
 * - while it is parked, the holder of kc_sched.lock who finds it on the list of idle
 *   threads;
 * - then the caller that took it off the list, until it gives the turn.
 */
#ifndef LIBKCHAN_SCHED_POOL_H
#define LIBKCHAN_SCHED_POOL_H

#include <stdalign.h>

#include "base/task.h"
#include "sched/routine.h"

/* A copied argument of at most this size is stored in struct kc_worker. */
#define KC_COPY_ROOM	64

/*
 * There are a few sizes of stacks, each twice the one before, so that stacks can be
 * reused.
 */
#define KC_STACK_MIN	((size_t)64 * 1024)
#define KC_STACK_SIZES	7

/* Room to report a stack overflow, and for the signal frame. */
#define KC_ALTSTACK_SIZE	((size_t)48 * 1024)

enum kc_turn {
	KC_TURN_GO,		/* it runs, or may run now */
	KC_TURN_PARKED,		/* it is about to sleep */
	KC_TURN_ASLEEP,
};

struct kc_worker {
	struct kc_g g;			/* first, so that a pointer to it converts to kc_worker */
	uint32_t turn;			/* enum kc_turn, a futex */
	bool parked;			/* on the list of idle threads */
	bool quit;			/* the thread is to end when it gets the turn */
	bool keep;			/* it may run another goroutine */
	unsigned int size;		/* the index of its list in threads.idle */
	struct kc_list idle;		/* the link in the list of idle or dead threads */
	pthread_t thread;		/* valid on the list of dead threads */
	struct kc_sigmask mask;		/* the signal mask that the goroutine starts with */
	void *copy;			/* the copy of the argument, if it is too large for
					 * @room */
	alignas(max_align_t) char room[KC_COPY_ROOM];

	/* The thread's scheduling, as it was at its start. */
	size_t stack_size;		/* in bytes, with what libc needs on it */
	size_t guard_size;		/* of the guard below it */
	struct kc_sched_attr sched;
	uint64_t cpus;			/* a hash of the CPU mask */

	/* The pages of it that are not used take no memory. */
	char altstack[];
};

/* What a new goroutine inherits from the goroutine that starts it. */
struct kc_starter {
	uint64_t id;
	struct kc_sigmask mask;
	struct kc_dice dice;
};

/* Fills it in for the calling goroutine. */
void kc_starter_take(struct kc_starter *starter);

/* A goroutine that is to be started. */
struct kc_start {
	void (*fn)(void *arg);
	void *arg;
	const char *name;
	uint32_t flags;
	size_t stack_size;
	bool copied;			/* the goroutine gets a copy of the argument */
	size_t copy_size;		/* its size in bytes */
	const void *tail;		/* copied too, behind the argument; or NULL */
	size_t tail_size;
	size_t tail_at;			/* the offset in the copy of a pointer to the tail's
					 * copy; 0: none */
	uintptr_t at;			/* the return address of the call that starts it */
	const struct kc_starter *starter;	/* NULL: the calling goroutine */
};

/*
 * Starts a goroutine. Its thread calls @run, which is kc_g_run() of panic/panicking.h.
 * @run calls the goroutine's function, and returns when the goroutine ends. Returns 0 or
 * a negative errno.
 */
int kc_pool_start(const struct kc_start *start, void (*run)(struct kc_g *g));

/* Starts the thread of @w. The thread then owns @w. Returns 0 or a negative errno. */
int kc_worker_start(struct kc_worker *w);

/*
 * Both are called with kc_sched.lock held. kc_pool_take() returns a parked thread with
 * a stack of at least that size index, or NULL. kc_pool_add() adds a new thread.
 */
struct kc_worker *kc_pool_take(unsigned int size);
void kc_pool_add(struct kc_worker *w);

/* After this the thread may end, and @w may be freed. */
void kc_pool_give_turn(struct kc_worker *w);

/*
 * Joins up to @tries dead threads whose exit is complete. It does not wait: a thread
 * that exits may need a lock which the caller holds.
 */
void kc_pool_reap(unsigned int tries);

/* More than one, so that the list of dead threads gets shorter. */
#define KC_REAP_AT_ONCE	3

/* Frees @w. Its thread has been joined, or was never started. */
void kc_pool_bury(struct kc_worker *w);

/*
 * Waits until the thread gets another goroutine. Returns true then, and false if the
 * thread is to end.
 */
bool kc_pool_park(struct kc_worker *w);

/* The thread ends. Do not use @w after this. */
void kc_pool_leave(struct kc_worker *w);

/* Ends the parked threads, and waits until the pool has no threads. */
void kc_pool_drain(void);

#endif /* LIBKCHAN_SCHED_POOL_H */
