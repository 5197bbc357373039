/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * How a wait ends at a time of the fake clock.
 *
 * The kernel knows nothing of that clock. So a wait that has a limit is given an
 * alarm: it waits without one, and also for what the keeper does at the time. The
 * keeper's times are those of the fake clock; so who looks for the next of them
 * finds all there are in one place.
 *
 * An alarm is begun before the goroutine parks and ended after it goes on, as
 * neither is waiting: asleep.c relies on that.
 */
#ifndef LIBKCHAN_SCHED_ALARM_H
#define LIBKCHAN_SCHED_ALARM_H

#include "base/clock.h"
#include "sched/keeper.h"

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

/* The word is a futex. The clock is a fake. */
static inline void kc_alarm_set(struct kc_alarm *alarm, uint32_t *word,
				uint32_t from, uint32_t to, int64_t at)
{
	kc_fake_clock->set(alarm, word, from, to, at);
}

/* For a call that waits in the kernel: with limit->alarm, if that takes one. */
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

/* As many of these; both are nothing where the clock is the real one. */
static inline void kc_alarm_end(struct kc_alarm *alarm)
{
	if (__builtin_expect(alarm->set, 0))
		kc_fake_clock->clear(alarm);
}

/* The fake clock's own: alarm.c. */
void kc_alarm_do_set(struct kc_alarm *alarm, uint32_t *word, uint32_t from,
		     uint32_t to, int64_t at);
int kc_alarm_do_set_fd(struct kc_alarm *alarm, int64_t at);
void kc_alarm_do_clear(struct kc_alarm *alarm);

#endif /* LIBKCHAN_SCHED_ALARM_H */
