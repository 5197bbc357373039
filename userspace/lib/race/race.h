/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What the library tells the race detector: who has released an object, and who has
 * acquired it.
 *
 * The library is not compiled with the detector. So the detector sees only the
 * library's calls of libc functions. It is not told of mutexes as such: in its model a
 * mutex belongs to the thread that locked it, but a kc_mutex belongs to nobody. race.c
 * says what the detector makes of this, and what it cannot know. chan/races.h is about
 * channels.
 */
#ifndef LIBKCHAN_RACE_RACE_H
#define LIBKCHAN_RACE_RACE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/shared.h"

/* These exist in programs that are built with the detector. */
extern void __tsan_acquire(void *addr) __attribute__((weak));
extern void __tsan_release(void *addr) __attribute__((weak));

/* True if there is a detector. Without one, the functions below only do this test. */
static inline bool kc_race_on(void)
{
	return __builtin_expect(!!__tsan_acquire, 0);
}

KC_SHARED void kc_race_do_acquire(const void *addr);
KC_SHARED void kc_race_do_release(const void *addr);
void kc_race_do_hide(bool hide);
KC_SHARED void kc_race_run_handlers(void);

/* Orders the caller after all that was done before a kc_race_release() of @addr. */
static inline void kc_race_acquire(const void *addr)
{
	if (kc_race_on())
		kc_race_do_acquire(addr);
}

static inline void kc_race_release(const void *addr)
{
	if (kc_race_on())
		kc_race_do_release(addr);
}

/*
 * Between these two calls the detector ignores what libc functions do to memory. They
 * enclose accesses that only a lock of the library's own protects.
 */
static inline void kc_race_hide(void)
{
	if (kc_race_on())
		kc_race_do_hide(true);
}

static inline void kc_race_show(void)
{
	if (kc_race_on())
		kc_race_do_hide(false);
}

/*
 * Drops a reference. True if it was the last one. Then the caller is ordered after all
 * that the other holders did with the object.
 */
static inline bool kc_race_put(atomic_uint *refs)
{
	kc_race_release(refs);
	if (atomic_fetch_sub_explicit(refs, 1, memory_order_acq_rel) != 1)
		return false;
	kc_race_acquire(refs);
	return true;
}

/*
 * The calling thread serves requests of several goroutines from now on. It tells the
 * detector nothing any more. Else the detector would order these goroutines by it.
 */
void kc_race_serve(void);

/* Gives the thread, as the detector shows it, the name of its goroutine. */
void kc_race_name(uint64_t id, const char *name);

/*
 * Until kc_race_leave(), accesses are shown as made by the function call that returns
 * to @at.
 */
void kc_race_enter(uintptr_t at);
void kc_race_leave(void);

#endif /* LIBKCHAN_RACE_RACE_H */
