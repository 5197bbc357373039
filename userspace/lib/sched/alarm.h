/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Ends a wait at a time of the fake clock.
 *
 * The kernel does not know the fake clock. So a wait with a deadline on that clock has
 * no timeout in the kernel. Instead it has an alarm, which the keeper fires at the
 * deadline. All times of the fake clock are in the keeper's heap, so the next time is
 * easy to find.
 *
 * An alarm is set before the goroutine parks, and cleared after it unparks. So the
 * goroutine counts as running meanwhile. debug/asleep.c depends on that.
 */
#ifndef LIBKCHAN_SCHED_ALARM_H
#define LIBKCHAN_SCHED_ALARM_H

#include "base/clock.h"
#include "sched/keeper.h"

struct kc_alarm {
	bool set;
	struct kc_timed timed;
	/* The keeper changes *@word from @from to @to, and wakes its waiters; */
	uint32_t *word;
	uint32_t from;
	uint32_t to;
	/* or, if @word is NULL, it makes this eventfd readable. */
	int fd;
};

/* Only while the clock is fake. @word is a futex. */
static inline void kc_alarm_set(struct kc_alarm *alarm, uint32_t *word,
				uint32_t from, uint32_t to, int64_t at)
{
	kc_fake_clock->set(alarm, word, from, to, at);
}

/*
 * Sets the alarm of a call that waits in the kernel, if @limit has a time of the fake
 * clock. Then it sets limit->alarm. Returns 0 or a negative errno.
 */
static inline int kc_alarm_begin(struct kc_alarm *alarm, struct kc_limit *limit)
{
	int ret = 0;

	alarm->set = false;
	if (kc_clock_has(*limit)) {
		ret = kc_fake_clock->set_fd(alarm, limit->deadline);
		limit->alarm = alarm->fd + 1;
	}
	return ret;
}

/* Clears the alarm. It does nothing if the alarm was not set. */
static inline void kc_alarm_end(struct kc_alarm *alarm)
{
	if (__builtin_expect(alarm->set, 0))
		kc_fake_clock->clear(alarm);
}

#endif /* LIBKCHAN_SCHED_ALARM_H */
