// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * How long a call may wait.
 */
#include "clock.h"
#include "park.h"

int64_t kc_real_now(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * KC_SECOND + now.tv_nsec;
}

int64_t kc_now(void)
{
	return kc_clock_is_fake() ? kc_clock_now() : kc_real_now();
}

int64_t kc_later(int64_t from, int64_t ns)
{
	int64_t at;

	if (ns <= 0)
		return from;
	return __builtin_add_overflow(from, ns, &at) ? INT64_MAX : at;
}

struct kc_limit kc_until_at(int64_t deadline, void *at)
{
	struct kc_limit limit = { KCHAN_SELECT_DEADLINE, deadline, 0, at };

	/* The kernel takes it to be unsigned. */
	if (deadline < 0)
		limit.deadline = 0;
	return limit;
}

struct kc_limit kc_within_at(int64_t timeout, void *at)
{
	return kc_until_at(kc_later(kc_now(), timeout), at);
}

static void sleep_until(int64_t at)
{
	while (sys_sleep_until(at) == -EINTR)
		;
}

void kc_rest(int64_t ns)
{
	sleep_until(kc_later(kc_real_now(), ns));
}

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
	sleep_until(limit.deadline);
	kc_unpark(parked);
	return -ETIMEDOUT;
}
