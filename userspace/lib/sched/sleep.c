// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Waiting for a time, or for ever.
 */
#include "base/clock.h"
#include "base/task.h"
#include "sched/alarm.h"
#include "sched/park.h"
#include "sched/sleep.h"

static int wait_on_clock(kc_state state, struct kc_limit limit)
{
	struct kc_parked *parked;
	struct kc_alarm alarm;
	uint32_t over = false;

	kc_alarm_set(&alarm, &over, false, true, limit.deadline);
	parked = kc_park_within(state, NULL, limit);
	while (!__atomic_load_n(&over, __ATOMIC_ACQUIRE))
		sys_futex_wait(&over, false);
	kc_unpark(parked);
	kc_alarm_end(&alarm);
	return -ETIMEDOUT;
}

int kc_wait_for_nothing(kc_state state, struct kc_limit limit)
{
	struct kc_parked *parked;

	if (limit.flags & KCHAN_SELECT_NONBLOCK)
		return -EAGAIN;
	if (kc_clock_has(limit))
		return wait_on_clock(state, limit);
	parked = kc_park_within(state, NULL, limit);
	if (!(limit.flags & KCHAN_SELECT_DEADLINE))
		for (;;)
			sys_pause();
	while (sys_sleep_until(limit.deadline) == -EINTR)
		;
	kc_unpark(parked);
	return -ETIMEDOUT;
}

void kc_gosched(void)
{
	sys_yield();
}

void kc_sleep(int64_t ns)
{
	const int64_t until = kc_later(kc_now(), ns);

	if (ns > 0)
		kc_wait_for_nothing(KC_STATE_SLEEP, kc_until(until));
}
