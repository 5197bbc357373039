// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Waiting for a lock: futex.h has the rest of it.
 */
#include "base/futex.h"

/*
 * Whoever has slept takes it as contended: there may be others. The wake that the
 * next unlock then does in vain is the price of not counting them.
 */
void kc_lock_wait(uint32_t *word)
{
	while (__atomic_exchange_n(word, KC_CONTENDED, __ATOMIC_ACQUIRE) !=
	       KC_UNLOCKED)
		sys_futex_wait(word, KC_CONTENDED);
}
