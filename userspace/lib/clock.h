/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The fake clock: while kc_synctest() runs, what kc_now() says stands still until all
 * goroutines wait, and leaps then to the next time that somebody waits for.
 *
 * The kernel knows nothing of it. So a wait that has a limit is given an alarm: it
 * waits without one, and also for what the keeper does at the time. The keeper's
 * times are those of the fake clock; so who looks for the next of them finds all
 * there are in one place.
 *
 * An alarm is begun before the goroutine parks and ended after it goes on, as
 * neither is waiting: asleep.c relies on that.
 */
#ifndef LIBKCHAN_CLOCK_H
#define LIBKCHAN_CLOCK_H

#include "internal.h"
#include "keeper.h"
#include "race.h"

/* A futex. */
extern uint32_t kc_clock_faked;

static inline bool kc_clock_is_fake(void)
{
	return __builtin_expect(__atomic_load_n(&kc_clock_faked, __ATOMIC_ACQUIRE), 0);
}

/* What kc_now() says then. */
int64_t kc_clock_now(void);

/* True if somebody is to go on once all others wait. */
bool kc_clock_is_awaited(void);

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

struct kc_alarm {
	bool set;
	struct kc_timed timed;
	/* What goes off: a word that is changed, if it is as it was; */
	uint32_t *word;
	uint32_t from;
	uint32_t to;
	/* or, if there is none, an eventfd that can be read from then. */
	int fd;
};

/* The word is a futex. */
void kc_alarm_set(struct kc_alarm *alarm, uint32_t *word, uint32_t from, uint32_t to,
		  int64_t at);

/* 0 or a negative errno. */
int kc_alarm_set_fd(struct kc_alarm *alarm, int64_t at);

void kc_alarm_clear(struct kc_alarm *alarm);

/* For a call that waits in the kernel: with limit->alarm, if that takes one. */
static inline int kc_alarm_begin(struct kc_alarm *alarm, struct kc_limit *limit)
{
	int ret = 0;

	alarm->set = false;
	if (kc_clock_has(*limit)) {
		ret = kc_alarm_set_fd(alarm, limit->deadline);
		limit->alarm = alarm->fd + 1;
	}
	return ret;
}

/* As many of these; both are nothing where the clock is the real one. */
static inline void kc_alarm_end(struct kc_alarm *alarm)
{
	if (__builtin_expect(alarm->set, 0))
		kc_alarm_clear(alarm);
}

/* In the child of a fork(). */
void kc_clock_forked(void);

#endif /* LIBKCHAN_CLOCK_H */
