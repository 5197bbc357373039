/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The clock, and a hook for a fake one.
 *
 * While the clock is a fake, what kc_now() says stands still until all goroutines
 * wait, and leaps then to the next time that somebody waits for. Who does that has
 * set kc_fake_clock: see synctest.c. A program without it has the real clock alone.
 */
#ifndef LIBKCHAN_BASE_CLOCK_H
#define LIBKCHAN_BASE_CLOCK_H

#include "base/base.h"
#include "base/hook.h"
#include "base/shared.h"
#include "race/race.h"

/*
 * How long a call may wait: the fields of struct kchan_select. Zero is for ever.
 *
 * A deadline is taken once, when the call begins: what is done again after a
 * signal handler has run does not wait any longer for it.
 */
struct kc_limit {
	uint32_t flags;
	int64_t deadline;
	int alarm;		/* 0, or a descriptor that tells of it, plus 1: alarm.h */
	void *at;		/* where the call returns to, if that is known */
};

/* For the functions that programs call. */
#define KC_CALLER	__builtin_return_address(0)
#define KC_FOR_EVER	((struct kc_limit){ 0, 0, 0, KC_CALLER })
#define KC_NOT_AT_ALL	((struct kc_limit){ KCHAN_SELECT_NONBLOCK, 0, 0, KC_CALLER })

#define kc_until(deadline)	kc_until_at(deadline, KC_CALLER)
#define kc_within(timeout)	kc_within_at(timeout, KC_CALLER)

struct kc_limit kc_until_at(int64_t deadline, void *at);
struct kc_limit kc_within_at(int64_t timeout, void *at);

/* CLOCK_MONOTONIC, also while kc_now() is a fake: for what tests do not see. */
KC_SHARED int64_t kc_real_now(void);

/* @ns after a time, which is never before it and does not wrap. */
KC_SHARED int64_t kc_later(int64_t from, int64_t ns);

/* Sleep by the real clock, and without leaving word: for the library's own affairs. */
KC_SHARED void kc_rest(int64_t ns);

struct kc_alarm;

struct kc_fake_clock {
	int64_t (*now)(void);
	/* True if somebody is to go on once all others wait. */
	bool (*is_awaited)(void);
	/* See alarm.h. */
	void (*set)(struct kc_alarm *alarm, uint32_t *word, uint32_t from,
		    uint32_t to, int64_t at);
	int (*set_fd)(struct kc_alarm *alarm, int64_t at);
	void (*clear)(struct kc_alarm *alarm);
};

/* NULL: there is none. Set before main(), by synctest.c. */
KC_SHARED KC_HOOK extern const struct kc_fake_clock *kc_fake_clock;

/* A futex. */
KC_SHARED extern uint32_t kc_clock_faked;

static inline bool kc_clock_is_fake(void)
{
	return __builtin_expect(__atomic_load_n(&kc_clock_faked, __ATOMIC_ACQUIRE), 0);
}

/* True of a wait that is to end at a time of the fake clock. */
static inline bool kc_clock_has(struct kc_limit limit)
{
	return kc_clock_is_fake() && (limit.flags & KCHAN_SELECT_DEADLINE) &&
	       !(limit.flags & KCHAN_SELECT_NONBLOCK);
}

/*
 * Whoever does what is due, now that its time has come, comes after all that others
 * did before they waited (kc_park_many()).
 */
static inline void kc_clock_acquire(void)
{
	if (kc_clock_is_fake())
		kc_race_acquire(&kc_clock_faked);
}

#endif /* LIBKCHAN_BASE_CLOCK_H */
