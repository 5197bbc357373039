// SPDX-License-Identifier: GPL-2.0-only
/*
 * Pools of workers.
 */
#include <sched.h>
#include <stdlib.h>

#include "common.h"
#include "death.h"
#include "flow.h"

/* What the workers of a test share. */
struct shop {
	kc_chan *hold;		/* a job continues when it is closed */
	atomic_int now, most;
	atomic_int done;
	atomic_int dropped_jobs, dropped_results;
	uint64_t bad;		/* the job that fails */
};

static kc_error *work(void *arg, void *elem, size_t len, kc_sink *out)
{
	struct shop *shop = arg;
	uint64_t job = *(uint64_t *)elem, result = job * job;
	int now = atomic_fetch_add(&shop->now, 1) + 1;
	int most = atomic_load(&shop->most);

	expect_int(len, 8);
	while (now > most &&
	       !atomic_compare_exchange_weak(&shop->most, &most, now))
		;
	if (shop->hold)
		(void)!kc_recv_ctx(kc_sink_ctx(out), shop->hold, NULL);
	atomic_fetch_sub(&shop->now, 1);
	atomic_fetch_add(&shop->done, 1);
	if (shop->bad && job == shop->bad)
		return kc_error_new(-EIO, "a bad job");
	(void)!kc_yield(out, &result);
	return NULL;
}

static void drop_job(void *arg, void *job)
{
	struct shop *shop = arg;

	(void)job;
	atomic_fetch_add(&shop->dropped_jobs, 1);
}

static void drop_result(void *arg, void *result)
{
	struct shop *shop = arg;

	(void)result;
	atomic_fetch_add(&shop->dropped_results, 1);
}

static kc_pool_options options_for(struct shop *shop, uint32_t workers)
{
	kc_pool_options options = KC_POOL_OPTIONS_INIT;

	options.fn = work;
	options.arg = shop;
	options.workers = workers;
	options.job_size = 8;
	options.result_size = 8;
	options.drop_job = drop_job;
	options.drop_result = drop_result;
	return options;
}

static kc_pool *make_pool(kc_ctx *ctx, const kc_pool_options *options)
{
	kc_pool *pool = NULL;

	must_int(kc_pool_make(&pool, ctx, options), 0);
	return pool;
}

static void submit(kc_pool *pool, uint64_t job)
{
	must_int(kc_pool_submit(pool, &job), 0);
}

struct submitter {
	kc_pool *pool;
	uint64_t jobs;
};

static void *submit_all(void *arg)
{
	struct submitter *submitter = arg;
	uint64_t i;

	for (i = 1; i <= submitter->jobs; i++)
		submit(submitter->pool, i);
	kc_pool_stop(submitter->pool);
	return NULL;
}

/* Every job is done, and never by more workers than the pool has. */
static void test_all(void)
{
	const uint64_t jobs = tap_scale(500);
	struct shop shop = { .now = 0 };
	kc_pool_options options = options_for(&shop, 4);
	struct left left = what_is_there();
	struct submitter submitter = { .jobs = jobs };
	uint64_t value, sum = 0, received = 0;
	pthread_t thread;

	submitter.pool = make_pool(NULL, &options);
	thread = start(submit_all, &submitter);
	kc_for_each(kc_pool_results(submitter.pool), &value) {
		sum += value;
		received++;
	}
	join(thread);
	expect_int(received, jobs);
	expect_int(sum, jobs * (jobs + 1) * (2 * jobs + 1) / 6);
	expect(atomic_load(&shop.most) <= 4);
	expect(!kc_pool_wait(submitter.pool));
	expect(!kc_pool_wait(submitter.pool));
	expect_int(kc_pool_submit(submitter.pool, &value), -EPIPE);
	expect_int(kc_pool_try_submit(submitter.pool, &value), -EPIPE);
	kc_pool_unref(submitter.pool);
	expect_int(atomic_load(&shop.dropped_jobs), 0);
	expect_int(atomic_load(&shop.dropped_results), 0);
	expect_nothing_left(left);
}

/* All workers are busy, and the queue is full. */
static void test_bounded(void)
{
	struct shop shop = { .hold = make(0, 0) };
	kc_pool_options options = options_for(&shop, 3);
	uint64_t i, job = 9, value;
	struct call call;
	kc_pool *pool;

	options.queue = 2;
	options.results = 10;
	pool = make_pool(NULL, &options);
	for (i = 1; i <= 5; i++)
		submit(pool, i);
	until(atomic_load(&shop.now) == 3);
	expect_int(kc_pool_try_submit(pool, &job), -EAGAIN);
	call_send(&call, kc_pool_jobs(pool), job);
	expect_int(atomic_load(&shop.done), 0);
	kc_close(shop.hold);
	expect_int(call_end(&call), 0);
	expect(!kc_pool_wait(pool));
	expect_int(atomic_load(&shop.done), 6);
	for (i = 0; i < 6; i++)
		must_int(kc_recv(kc_pool_results(pool), &value), 1);
	expect_int(kc_recv(kc_pool_results(pool), &value), 0);
	kc_pool_unref(pool);
	kc_unref(shop.hold);
}

/* Waiting jobs are done. A submit after the stop fails. */
static void test_stop(void)
{
	struct shop shop = { .hold = make(0, 0) };
	kc_pool_options options = options_for(&shop, 1);
	uint64_t i, value = 0;
	struct call call;
	kc_pool *pool;

	options.queue = 3;
	options.results = 10;
	pool = make_pool(NULL, &options);
	for (i = 1; i <= 4; i++)
		submit(pool, i);
	call_send(&call, kc_pool_jobs(pool), 5);
	kc_pool_stop(pool);
	kc_pool_stop(pool);
	expect_int(call_end(&call), -EPIPE);
	kc_close(shop.hold);
	expect(!kc_pool_wait(pool));
	expect_int(atomic_load(&shop.done), 4);
	for (i = 1; i <= 4; i++) {
		must_int(kc_recv(kc_pool_results(pool), &value), 1);
		expect_int(value, i * i);
	}
	kc_pool_unref(pool);
	kc_unref(shop.hold);
}

/*
 * The error ends the pool: waiting jobs and results that nobody receives are dropped.
 */
static void test_error(void)
{
	struct shop shop = { .bad = 3 };
	kc_pool_options options = options_for(&shop, 1);
	struct left left = what_is_there();
	kc_error *err;
	uint64_t i;
	kc_pool *pool;

	options.queue = 10;
	options.results = 10;
	shop.hold = make(0, 0);
	pool = make_pool(NULL, &options);
	for (i = 1; i <= 8; i++)
		submit(pool, i);
	kc_close(shop.hold);
	err = kc_pool_wait(pool);
	expect_int(kc_error_code(err), -EIO);
	expect(err == kc_ctx_cause(kc_pool_ctx(pool)));
	kc_error_unref(err);
	expect_int(kc_pool_submit(pool, &i), -ECANCELED);
	expect_int(kc_pool_try_submit(pool, &i), -ECANCELED);
	kc_pool_unref(pool);
	expect_int(atomic_load(&shop.done), 3);
	expect_int(atomic_load(&shop.dropped_jobs), 5);
	expect_int(atomic_load(&shop.dropped_results), 2);
	kc_unref(shop.hold);
	expect_nothing_left(left);
}

static void test_cancel(void)
{
	struct shop shop = { .hold = make(0, 0) };
	kc_pool_options options = options_for(&shop, 2);
	struct left left = what_is_there();
	kc_error *cause = kc_error_new(-EINTR, "enough"), *err;
	uint64_t i, value;
	kc_ctx *ctx;
	kc_pool *pool;
	int round;

	options.queue = 10;
	must_int(kc_with_cancel(&ctx, NULL), 0);
	for (round = 0; round < 2; round++) {
		pool = make_pool(ctx, &options);
		for (i = 1; i <= 5; i++)
			submit(pool, i);
		if (round)
			kc_cancel(ctx);
		else
			kc_pool_cancel(pool, kc_error_ref(cause));
		err = kc_pool_wait(pool);
		if (round)
			expect_int(kc_error_code(err), -ECANCELED);
		else
			expect(err == cause);
		kc_error_unref(err);
		expect_int(kc_recv(kc_pool_results(pool), &value), 0);
		kc_pool_unref(pool);
	}
	expect_int(atomic_load(&shop.done) + atomic_load(&shop.dropped_jobs), 10);
	kc_error_unref(cause);
	kc_ctx_unref(ctx);
	kc_unref(shop.hold);
	left.fds--;
	expect_nothing_left(left);
}

/* Nobody waits: the pool ends by itself, and what is left is dropped. */
static void test_dropped(void)
{
	struct shop shop = { .now = 0 };
	kc_pool_options options = options_for(&shop, 2);
	struct left left = what_is_there();
	kc_pool *pool;
	uint64_t i;

	options.queue = 10;
	pool = make_pool(NULL, &options);
	expect(kc_pool_ref(pool) == pool);
	kc_pool_unref(pool);
	for (i = 1; i <= 7; i++)
		submit(pool, i);
	kc_pool_unref(pool);
	kc_pool_unref(NULL);
	expect_nothing_left(left);
	expect_int(atomic_load(&shop.done) + atomic_load(&shop.dropped_jobs), 7);
	expect(atomic_load(&shop.dropped_results) <= 2);
}

/* A worker without results. */
static kc_error *count(void *arg, void *elem, size_t len, kc_sink *out)
{
	(void)elem;
	(void)len;
	(void)out;
	atomic_fetch_add((atomic_int *)arg, 1);
	return NULL;
}

static void test_no_results(void)
{
	kc_pool_options options = KC_POOL_OPTIONS_INIT;
	atomic_int counted = 0;
	kc_pool *pool;
	uint64_t i;

	options.fn = count;
	options.arg = &counted;
	options.job_size = 8;
	pool = make_pool(NULL, &options);
	expect(!kc_pool_results(pool));
	for (i = 0; i < 50; i++)
		submit(pool, i);
	expect(!kc_pool_wait(pool));
	expect_int(atomic_load(&counted), 50);
	kc_pool_unref(pool);
}

static void test_default_workers(void)
{
	struct shop shop = { .hold = make(0, 0) };
	kc_pool_options options = options_for(&shop, 0);
	kc_pool *pool;
	cpu_set_t cpus;
	uint64_t i, n;

	must_int(sched_getaffinity(0, sizeof(cpus), &cpus), 0);
	n = CPU_COUNT(&cpus);
	options.queue = n + 1;
	options.results = 2 * n + 1;
	pool = make_pool(NULL, &options);
	for (i = 0; i < 2 * n + 1; i++)
		submit(pool, i);
	until(atomic_load(&shop.now) == (int)n);
	sleep_ms(20);
	expect_int(atomic_load(&shop.most), n);
	kc_close(shop.hold);
	expect(!kc_pool_wait(pool));
	kc_pool_unref(pool);
	kc_unref(shop.hold);
}

static kc_error *goes_exit(void *arg, void *elem, size_t len, kc_sink *out)
{
	(void)arg;
	(void)elem;
	(void)len;
	(void)out;
	kc_goexit();
}

/* When the last worker has ended, nobody waits for jobs that nobody does. */
static void test_goexit(void)
{
	struct shop shop = { .now = 0 };
	kc_pool_options options = options_for(&shop, 2);
	uint64_t value = 1;
	kc_pool *pool;

	options.fn = goes_exit;
	options.queue = 1;
	pool = make_pool(NULL, &options);
	submit(pool, 1);
	submit(pool, 2);
	while (!kc_pool_submit(pool, &value))
		;
	expect_int(kc_recv(kc_pool_results(pool), &value), 0);
	expect(!kc_pool_wait(pool));
	kc_pool_unref(pool);
	expect(atomic_load(&shop.dropped_jobs) <= 2);
}

static kc_error *panics(void *arg, void *elem, size_t len, kc_sink *out)
{
	(void)arg;
	(void)len;
	(void)out;
	kc_panic("job %d", (int)*(uint64_t *)elem);
}

static void submit_a_panic(void *arg)
{
	kc_pool_options options = options_for(arg, 1);
	kc_pool *pool;
	uint64_t value;

	options.fn = panics;
	pool = make_pool(NULL, &options);
	submit(pool, 7);
	(void)!kc_recv(kc_pool_results(pool), &value);
	_Exit(0);
}

static void test_panic(void)
{
	const char *const said[] = {
		"panic: job 7\n", "panics", "created by make_pool", NULL,
	};
	struct shop shop = { .now = 0 };
	int i;

	for (i = 0; i < 5; i++)
		expect_abort(submit_a_panic, &shop, said);
}

static void expect_refused(kc_ctx *ctx, const kc_pool_options *options, int error)
{
	kc_pool *pool = NULL;

	expect_int(kc_pool_make(&pool, ctx, options), error);
	expect(!pool);
}

static void test_options(void)
{
	struct shop shop = { .now = 0 };
	struct {
		kc_pool_options options;
		char more[8];
	} later = { .options = options_for(&shop, 1) };
	kc_pool_options *options = &later.options;
	struct left left = what_is_there();

	options->fn = NULL;
	expect_refused(NULL, options, -EINVAL);
	options->fn = work;
	options->size = 4;
	expect_refused(NULL, options, -EINVAL);
	options->size = sizeof(later);
	later.more[7] = 1;
	expect_refused(NULL, options, -E2BIG);
	later.more[7] = 0;
	options->result_size = SIZE_MAX;
	expect_refused(NULL, options, -EINVAL);
	expect_nothing_left(left);
}

static const struct tap_test tests[] = {
	{ "all jobs are done, by no more workers than there are", test_all },
	{ "as many wait as may", test_bounded },
	{ "stopped: what waits is done", test_stop },
	{ "an error ends it", test_error },
	{ "cancelled, by hand and by a context", test_cancel },
	{ "dropped", test_dropped },
	{ "without results", test_no_results },
	{ "as many workers as CPUs", test_default_workers },
	{ "workers that end by goexit", test_goexit },
	{ "a panic in a worker ends the program", test_panic },
	{ "bad options", test_options },
};

TAP_MAIN(tests)
