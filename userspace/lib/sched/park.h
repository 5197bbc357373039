/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Leaving word of where a goroutine waits, for others to see.
 *
 * Each place where the library may wait says so before, and takes it back after. In
 * between, what is recorded and the stack that it points into stay as they are; one
 * word, "hold", sees to it that they stay for as long as somebody looks:
 *
 *	running --park--> parked --unpark--> running
 *	                   |  ^
 *	                hold  let go
 *	                   v  |
 *	                   held --unpark--> awaited, until it is let go
 *
 * Only its own thread parks and unparks; only who looks, one at a time (walk.c),
 * holds and lets go. What park writes happens before that it is held (release and
 * acquire of the word), and what who looks reads happens before it goes on.
 *
 * A signal handler may run in a parked thread, and wait in turn: that is not recorded.
 */
#ifndef LIBKCHAN_SCHED_PARK_H
#define LIBKCHAN_SCHED_PARK_H

#include "base/clock.h"
#include "base/shared.h"
#include "race/race.h"
#include "sched/routine.h"

enum kc_hold {
	KC_HOLD_RUNNING,
	KC_HOLD_PARKED,
	KC_HOLD_HELD,
	KC_HOLD_AWAITED,	/* held, and its thread may sleep on that */
};

/* CLOCK_MONOTONIC as of the last tick: it is enough for people, and cheaper. */
KC_SHARED int64_t kc_now_coarse(void);

/* The word is not KC_HOLD_PARKED any more: somebody holds it. */
KC_SHARED void kc_unpark_held(struct kc_parked *p);

/*
 * To be inlined: the function that is recorded is the one that waits, and must not
 * return before it has called kc_unpark(). @on and @nr are as in struct kc_parked.
 * NULL if it is parked already.
 */
static inline __attribute__((always_inline)) struct kc_parked *
kc_park_many(kc_state state, const void *on, uint32_t nr, uint32_t flags)
{
	struct kc_parked *p = &kc_g_self()->parked;

	if (__builtin_expect(p->hold != KC_HOLD_RUNNING, 0))
		return NULL;
	p->state = state;
	p->on = on;
	p->nr = nr;
	p->flags = flags;
	p->since = kc_now_coarse();
	/* For who waits for all to wait. */
	if (kc_clock_is_fake())
		kc_race_release(&kc_clock_faked);
	p->times++;
	kc_regs_save(&p->regs);
	__atomic_store_n(&p->hold, KC_HOLD_PARKED, __ATOMIC_RELEASE);
	return p;
}

static inline __attribute__((always_inline)) struct kc_parked *
kc_park(kc_state state, const void *on, uint32_t flags)
{
	return kc_park_many(state, on, 0, flags);
}

/* As kc_park(), for a wait that may have a limit: NULL also if it is none at all. */
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
 * Take a lock of the program's, which may be held for long: kc_lock() is for those that
 * the library holds for a few instructions.
 */
void kc_lock_parked(uint32_t *word, kc_state state, const void *on);

static inline void kc_lock_or_park(uint32_t *word, kc_state state, const void *on)
{
	if (__builtin_expect(!kc_lock_try(word), 0))
		kc_lock_parked(word, state, on);
}

/* For who looks: true if it waits, and stays there until it is let go. */
bool kc_hold(struct kc_parked *p);

/* Its thread may go on at once, and end. */
void kc_let_go(struct kc_parked *p);

/* In the child of a fork(), of the goroutine that is left: nobody looks. */
static inline void kc_park_forked(struct kc_parked *p)
{
	if (p->hold != KC_HOLD_RUNNING)
		p->hold = KC_HOLD_PARKED;
}

#endif /* LIBKCHAN_SCHED_PARK_H */
