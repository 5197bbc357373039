// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Alarms: they end a wait at a time of the fake clock. See sched/alarm.h.
 */
#include <string.h>

#include "base/futex.h"
#include "test/alarm.h"

static void go_off(struct kc_timed *timed)
{
	struct kc_alarm *alarm = kc_container(timed, struct kc_alarm, timed);
	const uint64_t one = 1;
	uint32_t from = alarm->from;

	if (!alarm->word)
		sys_write(alarm->fd, &one, sizeof(one));
	else if (__atomic_compare_exchange_n(alarm->word, &from, alarm->to, false,
					     __ATOMIC_RELEASE, __ATOMIC_RELAXED))
		sys_futex_wake_one(alarm->word);
}

static void set(struct kc_alarm *alarm, int64_t at)
{
	memset(&alarm->timed, 0, sizeof(alarm->timed));
	alarm->timed.fire = go_off;
	alarm->set = true;
	kc_timed_set(&alarm->timed, at);
}

void kc_alarm_do_set(struct kc_alarm *alarm, uint32_t *word, uint32_t from,
		     uint32_t to, int64_t at)
{
	alarm->word = word;
	alarm->from = from;
	alarm->to = to;
	alarm->fd = -1;
	set(alarm, at);
}

int kc_alarm_do_set_fd(struct kc_alarm *alarm, int64_t at)
{
	long fd = sys_eventfd();

	alarm->fd = fd;
	if (fd < 0)
		return fd;
	alarm->word = NULL;
	alarm->from = 0;
	set(alarm, at);
	return 0;
}

/* The keeper may be firing it, so this waits for the keeper. */
void kc_alarm_do_clear(struct kc_alarm *alarm)
{
	kc_keeper_forget(&alarm->timed);
	if (alarm->fd >= 0)
		sys_close(alarm->fd);
}
