/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What the race detector is told: who has let go of something, and who has got it.
 *
 * Of this library, which is not compiled with it, it sees nothing by itself but the
 * calls of libc's functions. It is not told of mutexes as such: its own belong to
 * the thread that locked them, and ours to nobody. What it makes of all this, and
 * what it cannot know: race.c. Channels: chan/races.h.
 */
#ifndef LIBKCHAN_RACE_RACE_H
#define LIBKCHAN_RACE_RACE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/shared.h"

/* Present in programs that the detector is built into. */
extern void __tsan_acquire(void *addr) __attribute__((weak));
extern void __tsan_release(void *addr) __attribute__((weak));

/* It is there. All that is below is nothing but this test if it is not. */
static inline bool kc_race_on(void)
{
	return __builtin_expect(!!__tsan_acquire, 0);
}

KC_SHARED void kc_race_do_acquire(const void *addr);
KC_SHARED void kc_race_do_release(const void *addr);
void kc_race_do_hide(bool hide);
KC_SHARED void kc_race_run_handlers(void);

/* All that was done before a kc_race_release() of @addr has happened. */
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
 * In between, what libc's functions do to memory is not looked at: it is what only a
 * lock of the library's own guards.
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
 * Drop one of the references: true if it was the last one. Then all that others did
 * with what they had references on has happened.
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
 * This thread does what others have asked for, one after another, who are not to be
 * ordered by that: nothing of what it does is told. For good.
 */
void kc_race_serve(void);

/* The thread that this is in is that goroutine's. */
void kc_race_name(uint64_t id, const char *name);

/* What follows is done by the call that returns to @at; and no more. */
void kc_race_enter(uintptr_t at);
void kc_race_leave(void);

#endif /* LIBKCHAN_RACE_RACE_H */
