// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * A pool of worker processes. A job that crashes its worker does no other harm: the
 * supervisor starts the worker again, and the other workers continue.
 *
 * Jobs and results go through channels, as among goroutines. Each worker has one end of
 * each channel, and no other descriptor of this process. It ends when no jobs are left.
 * When the last worker has ended, the results are at end-of-stream.
 */
#include <signal.h>

#include "example.h"

#define JOBS	10
#define POISON	6
#define WORKERS	3

struct result {
	int job;
	int value;
};

/* Runs in a process of its own. */
static int work(void *arg)
{
	kc_chan *jobs, *results;
	struct result r;

	(void)arg;
	CHECK(kc_inherit(&jobs, "jobs"));
	CHECK(kc_inherit(&results, "results"));
	kc_for_each(jobs, &r.job) {
		if (r.job == POISON)
			raise(SIGKILL);
		r.value = r.job * r.job;
		CHECK(kc_send(results, &r));
	}
	return 0;
}

static void start_workers(kc_supervisor **workers, kc_chan *jobs, kc_chan *results)
{
	kc_process_end ends[] = {
		KC_PROCESS_END("jobs", jobs), KC_PROCESS_END("results", results),
	};
	kc_supervisor_options policy = KC_SUPERVISOR_OPTIONS_INIT;
	kc_process_options worker = KC_PROCESS_OPTIONS_INIT;
	int i;

	worker.fn = work;
	worker.ends = ends;
	worker.nr_ends = 2;
	policy.restart = KC_RESTART_ON_FAILURE;
	policy.limit = 3;
	for (i = 0; i < WORKERS; i++)
		CHECK(kc_supervise(&workers[i], NULL, &worker, &policy));
}

int main(void)
{
	kc_chan *jobs_in, *jobs, *results, *results_in;
	kc_supervisor *workers[WORKERS];
	int i, done = 0, sum = 0, restarts = 0;
	struct result r;

	CHECK(kc_make_pair(&jobs, &jobs_in, sizeof(int), JOBS));
	CHECK(kc_make_pair(&results, &results_in, sizeof(r), 0));
	start_workers(workers, jobs, results_in);
	/* Only the workers use these from now on. */
	kc_unref(jobs);
	kc_unref(results_in);

	for (i = 1; i <= JOBS; i++)
		CHECK(kc_send(jobs_in, &i));
	kc_unref(jobs_in);
	kc_for_each(results, &r) {
		done++;
		sum += r.value;
	}
	kc_unref(results);
	for (i = 0; i < WORKERS; i++) {
		CHECK(kc_supervisor_wait(workers[i], NULL));
		restarts += kc_supervisor_restarts(workers[i]);
		kc_supervisor_unref(workers[i]);
	}
	printf("%d of %d jobs done, in all %d; workers started again: %d\n", done,
	       JOBS, sum, restarts);
	return 0;
}
