/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What the race detector is told: who has let go of something, and who has got it.
 *
 * Of this library, which is not compiled with it, it sees nothing by itself. It is
 * not told of mutexes as such: its own belong to the thread that locked them, and
 * ours to nobody.
 */
#ifndef LIBKCHAN_RACE_H
#define LIBKCHAN_RACE_H

#include <stdbool.h>

/* Present in programs that the detector is built into. */
extern void __tsan_acquire(void *addr) __attribute__((weak));
extern void __tsan_release(void *addr) __attribute__((weak));

static inline bool kc_race_is_on(void)
{
	return __builtin_expect(!!__tsan_acquire, 0);
}

/* All that was done before a kc_race_release() of @addr has happened. */
static inline void kc_race_acquire(void *addr)
{
	if (__builtin_expect(!!__tsan_acquire, 0))
		__tsan_acquire(addr);
}

static inline void kc_race_release(void *addr)
{
	if (__builtin_expect(!!__tsan_release, 0))
		__tsan_release(addr);
}

#endif /* LIBKCHAN_RACE_H */
