/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Jitter, and the library's random choices.
 *
 * Each goroutine has its own generator, struct kc_dice, which it alone uses. It is
 * good for one round: that is from one kc_jitter() to the next.
 */
#ifndef LIBKCHAN_SCHED_DICE_H
#define LIBKCHAN_SCHED_DICE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/shared.h"

struct kc_dice {
	uint64_t state;
	uint32_t round;		/* 0: none */
};

/* The round; 0: there is no jitter. */
KC_SHARED extern uint32_t kc_jitter_round;

static inline bool kc_jitter_is_on(void)
{
	return __builtin_expect(__atomic_load_n(&kc_jitter_round, __ATOMIC_ACQUIRE),
				0);
}

/* For a goroutine that this one starts. */
struct kc_dice kc_jitter_start(void);

/* Out of its line, for kc_jitter_here(). */
KC_SHARED int kc_jitter_decide(void);

/*
 * Where a goroutine may be made to go on later. The library's own threads go on.
 */
static inline void kc_jitter_here(void)
{
	if (kc_jitter_is_on())
		(void)kc_jitter_decide();
}

/* A number to choose by. */
uint32_t kc_random(void);

/* The seed; 0: there is no jitter. And what it was. */
KC_SHARED uint64_t kc_jitter_seed(void);
KC_SHARED uint64_t kc_jitter_set(uint64_t seed);

/* kc_jitter(): from here on, also for this goroutine. */
KC_SHARED void kc_jitter_begin(uint64_t seed);

#endif /* LIBKCHAN_SCHED_DICE_H */
