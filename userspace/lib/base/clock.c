// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * The clock, and the time limits of calls.
 */
#include "base/clock.h"
#include "base/sys.h"

const struct kc_fake_clock *kc_fake_clock;

uint32_t kc_clock_faked;

int64_t kc_real_now(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * KC_SECOND + now.tv_nsec;
}

int64_t kc_now(void)
{
	return kc_clock_is_fake() ? kc_fake_clock->now() : kc_real_now();
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

	/* The kernel's field is unsigned. */
	if (deadline < 0)
		limit.deadline = 0;
	return limit;
}

struct kc_limit kc_within_at(int64_t timeout, void *at)
{
	return kc_until_at(kc_later(kc_now(), timeout), at);
}

void kc_rest(int64_t ns)
{
	const int64_t until = kc_later(kc_real_now(), ns);

	while (sys_sleep_until(until) == -EINTR)
		;
}
