// SPDX-License-Identifier: GPL-2.0-only
/*
 * Running a function with the clock that leaps: see bubble.h.
 */
#include "bubble.h"

#include <time.h>

int64_t real_now(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * KC_SECOND + now.tv_nsec;
}

/* The limit for "no real time was waited for". It is long, for an emulated machine. */
#define QUICK	(10 * KC_SECOND)

void run_inside(void (*fn)(void *arg), void *arg)
{
	const int64_t begin = real_now();

	must_int(kc_synctest(fn, arg), 0);
	expect(real_now() - begin < QUICK);
	/* The clock is the real one again. */
	expect(kc_now() >= begin && kc_now() <= real_now());
}

void sleep_an_hour(void *arg)
{
	const int64_t begin = kc_now();

	(void)arg;
	expect(begin <= real_now());
	expect_int(kc_now() - begin, 0);
	sleep_ms(5);
	/* The clock stands still while a goroutine runs. */
	expect_int(kc_now() - begin, 0);
	kc_sleep(HOUR);
	expect_int(kc_now() - begin, HOUR);
	kc_sleep(1);
	expect_int(kc_now() - begin, HOUR + 1);
	kc_sleep(0);
	kc_sleep(-1);
	expect_int(kc_now() - begin, HOUR + 1);
}
