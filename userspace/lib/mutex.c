// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Mutexes: the lock of futex.h, for the program.
 */
#include "futex.h"
#include "internal.h"

void kc_mutex_lock(kc_mutex *m)
{
	kc_lock(&m->state);
}

int kc_mutex_try_lock(kc_mutex *m)
{
	return kc_lock_try(&m->state) ? 0 : -EAGAIN;
}

void kc_mutex_unlock(kc_mutex *m)
{
	if (__builtin_expect(kc_unlock(&m->state) == KC_UNLOCKED, 0))
		kc_panic("unlock of unlocked mutex");
}
