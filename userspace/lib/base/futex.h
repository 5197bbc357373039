/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Waiting on a futex word, and a lock that is one such word.
 *
 * A wait may return at any time: because of a signal handler, or because of a wake that
 * was meant for another word which was at this address before. So every wait is in a
 * loop. A waker uses only the address, since the word may be freed by then.
 */
#ifndef LIBKCHAN_BASE_FUTEX_H
#define LIBKCHAN_BASE_FUTEX_H

#include <stdbool.h>

#include "base/shared.h"
#include "base/sys.h"

static inline void sys_futex_wake_one(const uint32_t *word)
{
	syscall(SYS_futex, word, FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0);
}

/* Waits until @deadline on CLOCK_MONOTONIC. Returns -ETIMEDOUT then. */
static inline int sys_futex_wait_until(const uint32_t *word, uint32_t value,
				       int64_t deadline)
{
#ifdef SYS_futex_time64
	const int64_t until[2] = { deadline / 1000000000, deadline % 1000000000 };
	const long call = SYS_futex_time64;
#else
	const struct timespec until = { deadline / 1000000000,
					deadline % 1000000000 };
	const long call = SYS_futex;
#endif

	return sys_ret(syscall(call, word, FUTEX_WAIT_BITSET_PRIVATE, value,
			       &until, NULL, FUTEX_BITSET_MATCH_ANY));
}

/*
 * A lock. kc_mutex uses it, too. The race detector is never told of the lock itself. So
 * goroutines that share only the library's own locks are not ordered by them.
 */
#define KC_UNLOCKED	0
#define KC_LOCKED	1
#define KC_CONTENDED	2	/* locked, and a thread may be asleep */

static inline bool kc_lock_try(uint32_t *word)
{
	uint32_t free = KC_UNLOCKED;

	return __atomic_compare_exchange_n(word, &free, KC_LOCKED, false,
					   __ATOMIC_ACQUIRE, __ATOMIC_RELAXED);
}

KC_SHARED void kc_lock_wait(uint32_t *word);

static inline void kc_lock(uint32_t *word)
{
	if (__builtin_expect(!kc_lock_try(word), 0))
		kc_lock_wait(word);
}

/* Returns the value before. KC_UNLOCKED means that the caller did not hold the lock. */
static inline uint32_t kc_unlock(uint32_t *word)
{
	uint32_t was = __atomic_exchange_n(word, KC_UNLOCKED, __ATOMIC_RELEASE);

	if (__builtin_expect(was == KC_CONTENDED, 0))
		sys_futex_wake_one(word);
	return was;
}

#endif /* LIBKCHAN_BASE_FUTEX_H */
