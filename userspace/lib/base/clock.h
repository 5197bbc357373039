/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The clock, and a hook for a fake clock.
 *
 * While the clock is fake, kc_now() stands still until all goroutines wait. Then it
 * advances to the earliest time that a goroutine waits for. test/synctest.c implements
 * this, and sets kc_fake_clock. A program that does not link it has the real clock only.
 */
#ifndef LIBKCHAN_BASE_CLOCK_H
#define LIBKCHAN_BASE_CLOCK_H

#include "base/base.h"
#include "base/hook.h"
#include "base/shared.h"
#include "race/race.h"

/*
 * How long a call may wait, in the form of the fields of struct kchan_select. All zero
 * means for ever.
 *
 * A deadline is computed once, when the call begins. So a call that restarts after a
 * signal handler does not wait longer.
 */
struct kc_limit {
	uint32_t flags;
	int64_t deadline;
	int alarm;		/* 0, or 1 plus a descriptor that reports the deadline: see
				 * sched/alarm.h */
	void *at;		/* where the call returns to, if that is known */
};

/* For functions that programs call. */
#define KC_CALLER	__builtin_return_address(0)
#define KC_FOR_EVER	((struct kc_limit){ 0, 0, 0, KC_CALLER })
#define KC_NOT_AT_ALL	((struct kc_limit){ KCHAN_SELECT_NONBLOCK, 0, 0, KC_CALLER })

#define kc_until(deadline)	kc_until_at(deadline, KC_CALLER)
#define kc_within(timeout)	kc_within_at(timeout, KC_CALLER)

struct kc_limit kc_until_at(int64_t deadline, void *at);
struct kc_limit kc_within_at(int64_t timeout, void *at);

/*
 * The time of CLOCK_MONOTONIC, also while kc_now() is fake. For what tests do not see.
 */
KC_SHARED int64_t kc_real_now(void);

/* @ns after @from. It is never before @from, and does not overflow. */
KC_SHARED int64_t kc_later(int64_t from, int64_t ns);

/*
 * Sleeps by the real clock, and does not park. For the library's own threads and loops.
 */
KC_SHARED void kc_rest(int64_t ns);

struct kc_alarm;

struct kc_fake_clock {
	int64_t (*now)(void);
	/* True if a waiting goroutine is to continue once all others wait. */
	bool (*is_awaited)(void);
	/* See sched/alarm.h. */
	void (*set)(struct kc_alarm *alarm, uint32_t *word, uint32_t from,
		    uint32_t to, int64_t at);
	int (*set_fd)(struct kc_alarm *alarm, int64_t at);
	void (*clear)(struct kc_alarm *alarm);
};

/* Set before main() by test/synctest.c. NULL if there is no fake clock. */
KC_SHARED KC_HOOK extern const struct kc_fake_clock *kc_fake_clock;

/* A futex word: not 0 while the clock is fake. */
KC_SHARED extern uint32_t kc_clock_faked;

static inline bool kc_clock_is_fake(void)
{
	return __builtin_expect(__atomic_load_n(&kc_clock_faked, __ATOMIC_ACQUIRE), 0);
}

/* True if the wait ends at a time of the fake clock. */
static inline bool kc_clock_has(struct kc_limit limit)
{
	/* The compiler may know the flags, so they come first. */
	return (limit.flags & KCHAN_SELECT_DEADLINE) &&
	       !(limit.flags & KCHAN_SELECT_NONBLOCK) && kc_clock_is_fake();
}

/*
 * What runs because its time has come happens after all that other goroutines did
 * before they waited. Pairs with the release in kc_park_faked().
 */
static inline void kc_clock_acquire(void)
{
	if (kc_clock_is_fake())
		kc_race_acquire(&kc_clock_faked);
}

#endif /* LIBKCHAN_BASE_CLOCK_H */
