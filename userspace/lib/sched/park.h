/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Recording where a goroutine waits, so that others can look at it.
 *
 * Each function of the library that may wait parks its goroutine before, and unparks it
 * after. While a goroutine is parked, its record and the stack that the record points to do
 * not change. One word, "hold", keeps them unchanged while another thread looks:
 *
 *	running --park--> parked --unpark--> running
 *	                   |  ^
 *	                hold  let go
 *	                   v  |
 *	                   held --unpark--> awaited, until it is let go
 *
 * Only the goroutine's own thread parks and unparks. Only a looking thread, one at a time
 * (debug/walk.c), holds and lets go. Park writes the record, and then releases the word;
 * hold acquires it, so it sees the record. Letting go releases the word; unpark acquires
 * it, so the goroutine goes on only after the other thread has finished its reads.
 *
 * A signal handler may run in a parked thread and wait, too. That wait is not recorded.
 */
#ifndef LIBKCHAN_SCHED_PARK_H
#define LIBKCHAN_SCHED_PARK_H

#include <time.h>

#include "base/clock.h"
#include "base/shared.h"
#include "race/race.h"
#include "sched/routine.h"

enum kc_hold {
	KC_HOLD_RUNNING,
	KC_HOLD_PARKED,
	KC_HOLD_HELD,
	KC_HOLD_AWAITED,	/* held, and the goroutine's thread may sleep until it is let go */
};

/* The slow path of kc_unpark(): another thread holds the record. */
KC_SHARED void kc_unpark_held(struct kc_parked *p);

/* The clock is a fake. Pairs with kc_clock_acquire(), in what runs once all wait. */
KC_SHARED void kc_park_faked(void);

/*
 * Parks the calling goroutine. It is inlined, so that the recorded frame is that of the
 * function which waits. That function must not return before it has called kc_unpark().
 * @on and @nr are as in struct kc_parked. Returns NULL if the goroutine is parked
 * already.
 */
static inline __attribute__((always_inline)) struct kc_parked *
kc_park_g(struct kc_g *g, kc_state state, const void *on, uint32_t nr, uint32_t flags)
{
	struct kc_parked *p = &g->parked;

	if (__builtin_expect(p->hold != KC_HOLD_RUNNING, 0))
		return NULL;
	p->state = state;
	p->on = on;
	p->nr = nr;
	p->flags = flags;
	/* As of the last tick. It is cheaper, and exact enough for people. */
	clock_gettime(CLOCK_MONOTONIC_COARSE, &p->since);
	if (kc_clock_is_fake())
		kc_park_faked();
	p->times++;
	kc_regs_save(&p->regs);
	__atomic_store_n(&p->hold, KC_HOLD_PARKED, __ATOMIC_RELEASE);
	return p;
}

static inline __attribute__((always_inline)) struct kc_parked *
kc_park_many(kc_state state, const void *on, uint32_t nr, uint32_t flags)
{
	return kc_park_g(kc_g_self(), state, on, nr, flags);
}

static inline __attribute__((always_inline)) struct kc_parked *
kc_park(kc_state state, const void *on, uint32_t flags)
{
	return kc_park_many(state, on, 0, flags);
}

/* As kc_park(), for a wait with a limit. Returns NULL if the call does not wait. */
static inline __attribute__((always_inline)) struct kc_parked *
kc_park_within(kc_state state, const void *on, struct kc_limit limit)
{
	if (limit.flags & KCHAN_SELECT_NONBLOCK)
		return NULL;
	return kc_park(state, on, limit.flags & KCHAN_SELECT_DEADLINE ?
				  KC_GOROUTINE_TIMED : 0);
}

static inline __attribute__((always_inline)) void kc_unpark(struct kc_parked *p)
{
	uint32_t hold = KC_HOLD_PARKED;

	if (__builtin_expect(!p, 0))
		return;
	if (__builtin_expect(!__atomic_compare_exchange_n(&p->hold, &hold,
							  KC_HOLD_RUNNING, false,
							  __ATOMIC_ACQUIRE,
							  __ATOMIC_RELAXED), 0))
		kc_unpark_held(p);
}

/*
 * Takes a lock of the program's, which may be held for long. kc_lock() is for the
 * library's own locks, which are held for a few instructions.
 */
void kc_lock_parked(uint32_t *word, kc_state state, const void *on);

static inline void kc_lock_or_park(uint32_t *word, kc_state state, const void *on)
{
	if (__builtin_expect(!kc_lock_try(word), 0))
		kc_lock_parked(word, state, on);
}

/*
 * For the looking thread. True if the goroutine is parked: then it stays so until let
 * go.
 */
bool kc_hold(struct kc_parked *p);

/* After this, the goroutine's thread may go on and end. */
void kc_let_go(struct kc_parked *p);

/*
 * Called in the child of a fork() for the goroutine that is left: no thread holds it.
 */
static inline void kc_park_forked(struct kc_parked *p)
{
	if (p->hold != KC_HOLD_RUNNING)
		p->hold = KC_HOLD_PARKED;
}

#endif /* LIBKCHAN_SCHED_PARK_H */
