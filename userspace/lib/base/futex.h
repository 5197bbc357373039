/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Sleeping on a word, and the lock that is made of one.
 *
 * A wait may return at any time: for a wake that was meant for a word that was
 * here before, for a signal handler. So all waits are in loops, and whoever wakes
 * needs the address alone: the word may be gone by then.
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

/* Until @deadline on CLOCK_MONOTONIC: then -ETIMEDOUT. */
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
 * A lock. It is also what a kc_mutex does, but the race detector is never told of
 * it: goroutines that have nothing but the library's own locks in common are not
 * ordered by them.
 */
#define KC_UNLOCKED	0
#define KC_LOCKED	1
#define KC_CONTENDED	2	/* locked, and somebody may sleep */

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

/* What it was: KC_UNLOCKED is a mistake of the caller's. */
static inline uint32_t kc_unlock(uint32_t *word)
{
	uint32_t was = __atomic_exchange_n(word, KC_UNLOCKED, __ATOMIC_RELEASE);

	if (__builtin_expect(was == KC_CONTENDED, 0))
		sys_futex_wake_one(word);
	return was;
}

#endif /* LIBKCHAN_BASE_FUTEX_H */
