// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Pools of workers.
 *
 * A pool has all four ends of its two channels. The last worker that ends closes both
 * channels. So no job can be sent that no worker would receive, and results end with an
 * end-of-stream.
 *
 * The lock protects the numbers of users and workers. The thread that makes both 0
 * frees the pool, with what is left in the channels. After kc_pool_wait() this is the
 * last user, because the last step of a worker is to unlock.
 */
#include <sched.h>
#include <stdlib.h>
#include <string.h>

#include "base/futex.h"
#include "base/options.h"
#include "chan/handle.h"
#include "panic/panicking.h"
#include "panic/start.h"
#include "pattern/runner.h"
#include "race/race.h"

struct kc_pool {
	kc_pool_options options;
	kc_ctx *ctx;
	kc_chan *jobs_in;	/* the end that users send to */
	kc_chan *jobs_out;
	kc_chan *results_in;	/* the end that workers send to */
	kc_chan *results_out;
	kc_waitgroup running;

	uint32_t lock;
	/* Protected by the lock: */
	unsigned int users;
	unsigned int workers;
	kc_error *error;	/* the first one */
};

/* The number of CPUs that this process may run on. */
static uint32_t count_cpus(void)
{
	const long online = sysconf(_SC_NPROCESSORS_CONF);
	const size_t most = online > CPU_SETSIZE ? online : CPU_SETSIZE;
	cpu_set_t *set = CPU_ALLOC(most);
	int count = 0;

	if (set && !sched_getaffinity(0, CPU_ALLOC_SIZE(most), set))
		count = CPU_COUNT_S(CPU_ALLOC_SIZE(most), set);
	CPU_FREE(set);
	return count > 0 ? count : 1;
}

/* The elements that are left in a channel. */
struct rest {
	kc_chan *c;		/* NULL: nothing is left to do */
	void (*drop)(void *arg, void *elem);
	void *arg;
	void *elem;
};

/*
 * Drops the elements. @drop is the program's, and may panic. Then the deferred call
 * drops the rest.
 */
static void drop_rest(void *data)
{
	struct rest *rest = data;
	KC_DEFER_SCOPE;

	if (!rest->c)
		return;
	kc_defer(drop_rest, rest);
	while (kc_try_recv(rest->c, rest->elem) == 1)
		rest->drop(rest->arg, rest->elem);
	rest->c = NULL;
	free(rest->elem);
}

static struct rest rest_of(kc_chan *c, void (*drop)(void *arg, void *elem), void *arg)
{
	struct rest rest = { NULL, drop, arg, NULL };

	if (!c || !drop)
		return rest;
	rest.elem = malloc(c->elem_size ? c->elem_size : 1);
	if (rest.elem)
		rest.c = c;
	return rest;
}

static void free_empty(void *data)
{
	kc_pool *pool = data;
	kc_ctx *ctx = pool->ctx;

	kc_unref(pool->jobs_in);
	kc_unref(pool->jobs_out);
	kc_unref(pool->results_in);
	kc_unref(pool->results_out);
	kc_error_unref(pool->error);
	free(pool);
	/* This comes last: the context's values are the program's, too. */
	kc_ctx_unref(ctx);
}

static void free_pool(kc_pool *pool)
{
	const kc_pool_options *options = &pool->options;
	struct rest jobs, results;
	KC_DEFER_SCOPE;

	kc_race_acquire(pool);
	jobs = rest_of(pool->jobs_out, options->drop_job, options->arg);
	results = rest_of(pool->results_out, options->drop_result, options->arg);
	kc_defer(free_empty, pool);
	kc_defer(drop_rest, &results);
	drop_rest(&jobs);
}

kc_pool *kc_pool_ref(kc_pool *pool)
{
	if (!pool)
		return NULL;
	kc_lock(&pool->lock);
	pool->users++;
	kc_unlock(&pool->lock);
	return pool;
}

void kc_pool_unref(kc_pool *pool)
{
	kc_ctx *ctx = NULL;
	bool over;

	if (!pool)
		return;
	kc_race_release(pool);
	kc_lock(&pool->lock);
	over = !--pool->users && !pool->workers;
	if (!pool->users && !over)
		ctx = kc_ctx_ref(pool->ctx);
	kc_unlock(&pool->lock);
	if (over)
		free_pool(pool);
	/* From here on, the last worker may have freed the pool. */
	kc_cancel(ctx);
	kc_ctx_unref(ctx);
}

/* Notes an error. Takes over the reference. */
static void fail(kc_pool *pool, kc_error *err)
{
	bool first;

	kc_lock(&pool->lock);
	first = !pool->error;
	if (first)
		pool->error = err;
	kc_unlock(&pool->lock);
	if (first)
		kc_cancel_cause(pool->ctx, kc_error_ref(err));
	else
		kc_error_unref(err);
}

static void begin_worker(kc_pool *pool)
{
	kc_lock(&pool->lock);
	pool->workers++;
	kc_unlock(&pool->lock);
	kc_waitgroup_add(&pool->running, 1);
}

static void end_worker(kc_pool *pool)
{
	bool last, over;

	kc_race_release(pool);
	kc_lock(&pool->lock);
	last = !--pool->workers;
	over = last && !pool->users;
	if (last && !over) {
		kc_close(pool->jobs_in);
		if (pool->results_in)
			kc_close(pool->results_in);
	}
	kc_waitgroup_done(&pool->running);
	kc_unlock(&pool->lock);
	if (over)
		free_pool(pool);
}

/* If a panic is going to end the program, waiters must not go on before that. */
static void leave(void *data)
{
	if (!kc_panic_is_fatal(kc_g_self()))
		end_worker(data);
}

static void work(void *data)
{
	kc_pool *pool = data;
	kc_sink sink = { pool->ctx, pool->results_in, 0 };
	kc_error *err;

	kc_defer(leave, pool);
	err = kc_stage_loop(pool->jobs_out, pool->options.fn, pool->options.arg,
			    &sink);
	if (err)
		fail(pool, err);
}

static int start_workers(kc_pool *pool, uintptr_t at)
{
	const struct kc_start start = { .fn = work, .arg = pool, .at = at };
	uint32_t i;
	int ret;

	for (i = 0; i < pool->options.workers; i++) {
		begin_worker(pool);
		ret = kc_start(&start);
		if (ret) {
			end_worker(pool);
			return ret;
		}
	}
	return 0;
}

static int prepare(kc_pool *pool, kc_ctx *ctx)
{
	const kc_pool_options *options = &pool->options;
	kc_chan *done;
	int ret;

	ret = kc_with_cancel(&pool->ctx, ctx);
	/* The channel is made here, where a failure can still be returned. */
	if (!ret)
		ret = kc_ctx_done(&done, pool->ctx);
	if (!ret)
		ret = kc_make_pair(&pool->jobs_out, &pool->jobs_in,
				   options->job_size, options->queue);
	if (!ret && options->result_size)
		ret = kc_make_pair(&pool->results_out, &pool->results_in,
				   options->result_size, options->results);
	return ret;
}

int kc_pool_make(kc_pool **out, kc_ctx *ctx, const kc_pool_options *given)
{
	kc_pool_options options;
	kc_pool *pool;
	int ret;

	ret = kc_take_options(&options, given, drop_result);
	if (ret)
		return ret;
	if (!options.fn)
		return -EINVAL;
	pool = calloc(1, sizeof(*pool));
	if (!pool)
		return -ENOMEM;
	pool->users = 1;
	pool->options = options;
	if (!pool->options.workers)
		pool->options.workers = count_cpus();
	ret = prepare(pool, ctx);
	if (!ret)
		ret = start_workers(pool, (uintptr_t)__builtin_return_address(0));
	if (ret) {
		kc_pool_unref(pool);
		return ret;
	}
	*out = pool;
	return 0;
}

int kc_pool_submit(kc_pool *pool, const void *job)
{
	return kc_send_ctx(pool->ctx, pool->jobs_in, job);
}

int kc_pool_try_submit(kc_pool *pool, const void *job)
{
	const int ret = kc_ctx_err(pool->ctx);

	return ret ? ret : kc_try_send(pool->jobs_in, job);
}

kc_chan *kc_pool_jobs(kc_pool *pool)
{
	return pool->jobs_in;
}

kc_chan *kc_pool_results(kc_pool *pool)
{
	return pool->results_out;
}

kc_ctx *kc_pool_ctx(kc_pool *pool)
{
	return pool->ctx;
}

void kc_pool_stop(kc_pool *pool)
{
	kc_close(pool->jobs_in);
}

void kc_pool_cancel(kc_pool *pool, kc_error *cause)
{
	kc_cancel_cause(pool->ctx, cause);
}

kc_error *kc_pool_wait(kc_pool *pool)
{
	kc_error *err;

	kc_pool_stop(pool);
	kc_waitgroup_wait(&pool->running);
	kc_lock(&pool->lock);
	err = kc_error_ref(pool->error);
	kc_unlock(&pool->lock);
	return err;
}
