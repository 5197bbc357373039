// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Fan-out: several goroutines receive from one channel. Each element goes to one of
 * them. A free goroutine takes the next element, so nobody has to divide the work
 * before.
 */
#include <stdatomic.h>

#include "example.h"

#define JOBS	12

struct worker {
	kc_chan *jobs;
	int64_t pace;
	int done;
};

static void work(void *arg)
{
	struct worker *worker = arg;
	int job;

	kc_for_each(worker->jobs, &job) {
		kc_sleep(worker->pace);
		worker->done++;
	}
}

int main(void)
{
	/* The last one is slow. */
	struct worker workers[3] = {
		{ .pace = 5 * KC_MILLISECOND },
		{ .pace = 5 * KC_MILLISECOND },
		{ .pace = 500 * KC_MILLISECOND },
	};
	kc_waitgroup wg = KC_WAITGROUP_INIT;
	kc_chan *jobs;
	int i;

	CHECK(kc_make(&jobs, sizeof(int), 0));
	for (i = 0; i < 3; i++) {
		workers[i].jobs = jobs;
		CHECK(kc_waitgroup_go(&wg, work, &workers[i]));
	}
	for (i = 0; i < JOBS; i++)
		CHECK(kc_send(jobs, &i));
	kc_close(jobs);
	kc_waitgroup_wait(&wg);
	printf("all %d jobs done: %s\n", JOBS, workers[0].done +
	       workers[1].done + workers[2].done == JOBS ? "yes" : "no");
	printf("the slow one held up nobody: %s\n",
	       workers[2].done < JOBS / 3 ? "yes" : "no");
	kc_unref(jobs);
	return 0;
}
