// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * The slow paths of parking: see park.h.
 */
#include "sched/park.h"

void kc_park_faked(void)
{
	kc_race_release(&kc_clock_faked);
}

void kc_unpark_held(struct kc_parked *p)
{
	uint32_t hold = KC_HOLD_PARKED;

	while (!__atomic_compare_exchange_n(&p->hold, &hold, KC_HOLD_RUNNING, false,
					    __ATOMIC_ACQUIRE, __ATOMIC_RELAXED)) {
		if (hold == KC_HOLD_AWAITED ||
		    __atomic_compare_exchange_n(&p->hold, &hold, KC_HOLD_AWAITED,
						false, __ATOMIC_RELAXED,
						__ATOMIC_RELAXED))
			sys_futex_wait(&p->hold, KC_HOLD_AWAITED);
		hold = KC_HOLD_PARKED;
	}
}

void kc_lock_parked(uint32_t *word, kc_state state, const void *on)
{
	struct kc_parked *parked = kc_park(state, on, 0);

	kc_lock_wait(word);
	kc_unpark(parked);
}

bool kc_hold(struct kc_parked *p)
{
	uint32_t hold = KC_HOLD_PARKED;

	return __atomic_compare_exchange_n(&p->hold, &hold, KC_HOLD_HELD, false,
					   __ATOMIC_ACQUIRE, __ATOMIC_RELAXED);
}

/* After the exchange, the memory of @p may be freed. The wake uses only the address. */
void kc_let_go(struct kc_parked *p)
{
	if (__atomic_exchange_n(&p->hold, KC_HOLD_PARKED, __ATOMIC_RELEASE) ==
	    KC_HOLD_AWAITED)
		sys_futex_wake_one(&p->hold);
}
