// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * How long a call may wait.
 */
#include "park.h"

int64_t kc_now(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * KC_SECOND + now.tv_nsec;
}

int64_t kc_later(int64_t from, int64_t ns)
{
	int64_t at;

	if (ns <= 0)
		return from;
	return __builtin_add_overflow(from, ns, &at) ? INT64_MAX : at;
}

struct kc_limit kc_until(int64_t deadline)
{
	struct kc_limit limit = { KCHAN_SELECT_DEADLINE, deadline };

	/* The kernel takes it to be unsigned. */
	if (deadline < 0)
		limit.deadline = 0;
	return limit;
}

struct kc_limit kc_within(int64_t timeout)
{
	return kc_until(kc_later(kc_now(), timeout));
}

int kc_wait_for_nothing(kc_state state, struct kc_limit limit)
{
	struct kc_parked *parked;

	if (limit.flags & KCHAN_SELECT_NONBLOCK)
		return -EAGAIN;
	parked = kc_park_within(state, NULL, limit);
	if (!(limit.flags & KCHAN_SELECT_DEADLINE))
		for (;;)
			sys_pause();
	while (sys_sleep_until(limit.deadline) == -EINTR)
		;
	kc_unpark(parked);
	return -ETIMEDOUT;
}
