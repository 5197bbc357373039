// SPDX-License-Identifier: GPL-2.0-only
/*
 * Programs of commands: until when to wait.
 */
#include "cli.h"

#define MOST_MS	3600000

int64_t deadline_of(int64_t timeout)
{
	const int64_t now = kc_now();

	return timeout < 0 || timeout > NEVER - now ? NEVER : now + timeout;
}

int poll_time(int64_t deadline)
{
	int64_t left;

	if (deadline == NEVER)
		return -1;
	left = deadline - kc_now();
	if (left <= 0)
		return 0;
	/* A poll that ends too early is repeated. */
	left = left / KC_MILLISECOND + 1;
	return left < MOST_MS ? (int)left : MOST_MS;
}
