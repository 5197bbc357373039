// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * A flaky test, made steady by a clock that leaps.
 *
 * A heart beats, and a watchdog raises an alarm when a beat is late. With the real
 * clock such a test has a problem: with short times it fails whenever the machine is
 * busy for a moment, and with long times it takes long. In kc_synctest() no time passes
 * while a goroutine runs, however long it runs, and the test does not wait for real
 * time. So the test is exact, always gives the same result, and ends at once.
 */
#include <errno.h>
#include <time.h>

#include <kchan/synctest.h>

#include "example.h"

#define RUNS	5

struct heart {
	kc_chan *beats;
	int64_t period;
	int count;
	int late;
};

/* The additional work of a beat: on a busy machine sometimes a few milliseconds. */
static void compute(int i)
{
	const long most = i % 4 ? 0 : 20000000;
	struct timespec begin, now;

	clock_gettime(CLOCK_MONOTONIC, &begin);
	do {
		clock_gettime(CLOCK_MONOTONIC, &now);
	} while ((now.tv_sec - begin.tv_sec) * KC_SECOND + now.tv_nsec -
		 begin.tv_nsec < most);
}

static void beat(void *arg)
{
	struct heart *h = arg;
	int i;

	for (i = 1; i <= h->count; i++) {
		kc_sleep(h->period);
		compute(i);
		CHECK(kc_send(h->beats, &i));
	}
	kc_close(h->beats);
}

static void watch(void *arg)
{
	struct heart *h = arg;
	int i, ret;

	CHECK(kc_make(&h->beats, sizeof(i), 0));
	CHECK(kc_go(beat, h));
	while ((ret = kc_recv_timeout(h->beats, &i, h->period * 3 / 2)))
		if (ret == -ETIMEDOUT)
			h->late++;
		else
			CHECK(ret);
	kc_unref(h->beats);
}

int main(void)
{
	struct heart h = { .period = 10 * KC_MILLISECOND, .count = 10 };
	int64_t begin;
	int i;

	for (i = 0; i < RUNS; i++)
		watch(&h);
	printf("by the real clock beats are late: %s\n", h.late ? "yes" : "no");
	/* kc_synctest() needs to be alone: the last heart may be about to end. */
	CHECK(kc_shutdown());

	h.late = 0;
	for (i = 0; i < RUNS; i++)
		CHECK(kc_synctest(watch, &h));
	printf("by a clock that leaps: %d late in %d runs\n", h.late, RUNS);

	h.period = 60 * KC_SECOND;
	h.count = 60;
	begin = kc_now();
	CHECK(kc_synctest(watch, &h));
	printf("an hour of it: %d late, and it took no minute: %s\n", h.late,
	       kc_now() - begin < h.period ? "yes" : "no");
	return 0;
}
