/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Jitter, and the library's random choices.
 *
 * Each goroutine has a random generator of its own, a struct kc_dice, which no other
 * goroutine uses. A generator is valid for one round, from one kc_jitter() to the next.
 */
#ifndef LIBKCHAN_SCHED_DICE_H
#define LIBKCHAN_SCHED_DICE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/shared.h"

struct kc_dice {
	uint64_t state;
	uint32_t round;		/* 0: the generator is not initialised */
};

/* The number of the current round, or 0 if there is no jitter. */
KC_SHARED extern uint32_t kc_jitter_round;

static inline bool kc_jitter_is_on(void)
{
	return __builtin_expect(__atomic_load_n(&kc_jitter_round, __ATOMIC_ACQUIRE),
				0);
}

/* The generator of a goroutine that the caller starts. */
struct kc_dice kc_jitter_start(void);

/* The slow path of kc_jitter_here(). Returns KC_JITTER_*. */
KC_SHARED int kc_jitter_decide(void);

/*
 * May delay the calling goroutine here, if there is jitter. It never delays the
 * library's own threads.
 */
static inline void kc_jitter_here(void)
{
	if (kc_jitter_is_on())
		(void)kc_jitter_decide();
}

/* A random number, for a choice. */
uint32_t kc_random(void);

/* The seed, or 0 if there is no jitter. kc_jitter_set() returns the seed before. */
KC_SHARED uint64_t kc_jitter_seed(void);
KC_SHARED uint64_t kc_jitter_set(uint64_t seed);

/* Begins a new round. The calling goroutine uses the new seed, too. */
KC_SHARED void kc_jitter_begin(uint64_t seed);

#endif /* LIBKCHAN_SCHED_DICE_H */
