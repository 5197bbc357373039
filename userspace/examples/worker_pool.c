// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * A worker pool, and who closes its results.
 *
 * The well-known form: workers range over the jobs and send results, and main() ranges
 * over the results. The jobs are closed, so the workers end. But nobody closes the
 * results, so main() waits for ever after the last one. A worker cannot close them,
 * because other workers still send. There are three corrections: one more goroutine
 * that waits for all workers, and then closes; or a handle for each worker, so that the
 * channel closes by itself (send_only.c); or kc_pool, which does all that.
 */
#include "example.h"

#define JOBS	6

struct pool {
	kc_chan *jobs, *results;
	kc_waitgroup workers;
};

static void work(void *arg)
{
	struct pool *pool = arg;
	int n;

	kc_for_each(pool->jobs, &n) {
		n *= n;
		CHECK(kc_send(pool->results, &n));
	}
}

static void close_results(void *arg)
{
	struct pool *pool = arg;

	kc_waitgroup_wait(&pool->workers);
	kc_close(pool->results);
}

static void by_hand(const char *name, int mended)
{
	struct pool pool = { .workers = KC_WAITGROUP_INIT };
	kc_waitgroup closer = KC_WAITGROUP_INIT;
	int i, n, ret, sum = 0;

	CHECK(kc_make(&pool.jobs, sizeof(int), JOBS));
	CHECK(kc_make(&pool.results, sizeof(int), 0));
	for (i = 0; i < 3; i++)
		CHECK(kc_waitgroup_go(&pool.workers, work, &pool));
	for (i = 1; i <= JOBS; i++)
		CHECK(kc_send(pool.jobs, &i));
	kc_close(pool.jobs);
	if (mended)
		CHECK(kc_waitgroup_go(&closer, close_results, &pool));
	/* The receive has a timeout, so that the mistake can be seen. */
	while ((ret = kc_recv_timeout(pool.results, &n, KC_SECOND)) > 0)
		sum += n;
	printf("%s: %d, then %s\n", name, sum, ret ? "waiting for ever" : "the end");
	kc_waitgroup_wait(&closer);
	kc_waitgroup_wait(&pool.workers);
	kc_unref(pool.jobs);
	kc_unref(pool.results);
}

static kc_error *square(void *arg, void *job, size_t len, kc_sink *results)
{
	int n = *(int *)job * *(int *)job;

	(void)arg;
	(void)len;
	/* An error here would end the whole pool. */
	(void)!kc_yield(results, &n);
	return NULL;
}

static void by_pool(const char *name)
{
	kc_pool_options options = KC_POOL_OPTIONS_INIT;
	int i, n, sum = 0;
	kc_pool *pool;

	options.fn = square;
	options.workers = 3;
	options.job_size = sizeof(int);
	options.queue = JOBS;
	options.result_size = sizeof(int);
	CHECK(kc_pool_make(&pool, NULL, &options));
	for (i = 1; i <= JOBS; i++)
		CHECK(kc_pool_submit(pool, &i));
	kc_pool_stop(pool);
	kc_for_each(kc_pool_results(pool), &n)
		sum += n;
	kc_error_unref(kc_pool_wait(pool));
	kc_pool_unref(pool);
	printf("%s: %d, then the end\n", name, sum);
}

int main(void)
{
	by_hand("nobody closes the results", 0);
	by_hand("one more goroutine does", 1);
	by_pool("kc_pool");
	return 0;
}
