/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The clock, and a hook for a fake one.
 *
 * While the clock is a fake, what kc_now() says stands still until all goroutines
 * wait, and leaps then to the next time that somebody waits for. Who does that has
 * set kc_fake_clock: see synctest.c. A program without it has the real clock alone.
 */
#ifndef LIBKCHAN_CLOCK_H
#define LIBKCHAN_CLOCK_H

#include "base/hook.h"
#include "base/internal.h"
#include "base/shared.h"
#include "race/race.h"

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

#endif /* LIBKCHAN_CLOCK_H */
