// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Mutexes: the lock of base/futex.h, for the program, and known to the race detector.
 */
#include "race/race.h"
#include "sched/park.h"

void kc_mutex_lock(kc_mutex *m)
{
	kc_jitter_here();
	kc_lock_or_park(&m->state, KC_STATE_MUTEX, m);
	kc_race_acquire(m);
}

int kc_mutex_try_lock(kc_mutex *m)
{
	kc_jitter_here();
	if (!kc_lock_try(&m->state))
		return -EAGAIN;
	kc_race_acquire(m);
	return 0;
}

void kc_mutex_unlock(kc_mutex *m)
{
	kc_jitter_here();
	kc_race_release(m);
	if (__builtin_expect(kc_unlock(&m->state) == KC_UNLOCKED, 0))
		kc_panic("unlock of unlocked mutex");
}
