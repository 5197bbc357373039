// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * The slow path of kc_lock(): see futex.h.
 */
#include "base/futex.h"

/*
 * A thread that has slept takes the lock as KC_CONTENDED, since other threads may
 * sleep, too. If none does, the next unlock makes one wake-up in vain. That costs less
 * than counting the sleepers.
 */
void kc_lock_wait(uint32_t *word)
{
	while (__atomic_exchange_n(word, KC_CONTENDED, __ATOMIC_ACQUIRE) !=
	       KC_UNLOCKED)
		sys_futex_wait(word, KC_CONTENDED);
}
