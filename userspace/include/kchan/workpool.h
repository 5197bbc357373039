/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A pool of workers: a fixed number of goroutines that do jobs.
 *
 *	kc_pool_options options = KC_POOL_OPTIONS_INIT;
 *	kc_pool *pool;
 *
 *	options.fn = resize;
 *	options.workers = 8;
 *	options.job_size = sizeof(struct image *);
 *	options.result_size = sizeof(struct thumbnail *);
 *	if (kc_pool_make(&pool, ctx, &options))
 *		...
 *	in one goroutine			in another
 *	kc_pool_submit(pool, &image);		kc_for_each(kc_pool_results(pool), &t)
 *	...						...
 *	kc_pool_stop(pool);
 *
 *	err = kc_pool_wait(pool);
 *	kc_pool_unref(pool);
 *
 * A submit waits while all workers are busy and the queue is full. The workers wait
 * while nobody receives results. So do not submit many jobs in the goroutine that is to
 * receive the results, and receive the results to the end before kc_pool_wait().
 *
 * There are two kinds of errors. The failure of one job is part of its result, which
 * may contain a kc_error. An error that the function returns ends the pool: it cancels
 * the context of the workers, and the wait returns it.
 *
 * A panic in a worker ends the program, as in any goroutine. After a worker that ends by
 * kc_goexit() there is one worker less.
 */
#ifndef KCHAN_WORKPOOL_H
#define KCHAN_WORKPOOL_H

#include <stddef.h>
#include <stdint.h>

#include <kchan/cdefs.h>
#include <kchan/chan.h>
#include <kchan/context.h>
#include <kchan/error.h>
#include <kchan/pattern.h>

KC_DECLS_BEGIN

/* References are counted. */
typedef struct kc_pool kc_pool;

/*
 * Options of a pool. Start with KC_POOL_OPTIONS_INIT, which fills in the size that
 * the structure had when the program was compiled. It may grow at its end.
 */
typedef struct kc_pool_options {
	uint32_t size;		/* sizeof(struct kc_pool_options) */
	uint32_t workers;	/* 0: the number of CPUs of the process */
	/*
	 * Does one job, and sends any number of results by kc_yield(). Returns NULL, or
	 * an error, which ends the pool.
	 */
	kc_stage_fn fn;
	void *arg;
	size_t job_size;	/* in bytes */
	size_t queue;		/* the number of jobs that may wait */
	size_t result_size;	/* in bytes; 0: there are no results */
	size_t results;		/* the number of results that may wait */
	/*
	 * Called for each job that was not done, and for each result that nobody has
	 * received, when the pool is freed. NULL: not called.
	 */
	void (*drop_job)(void *arg, void *job);
	void (*drop_result)(void *arg, void *result);
} kc_pool_options;

#define KC_POOL_OPTIONS_INIT						\
	{ sizeof(struct kc_pool_options), 0, NULL, NULL, 0, 0, 0, 0,	\
	  NULL, NULL }

/*
 * Make a pool, and start its workers. *@out is a handle with one reference. When @ctx
 * is cancelled, the pool is cancelled, too.
 *
 * 0, or what kc_make(), kc_go() and kc_with_cancel() return, and
 * -EINVAL	no function, or an invalid size
 * -E2BIG	options that this library does not know are not zero
 */
int kc_pool_make(kc_pool **out, kc_ctx *ctx, const kc_pool_options *options)
	KC_MUST_CHECK;

/*
 * Submit a job. This waits while all workers are busy and the queue is full. The try
 * form does not wait. A program that drops jobs then need not check the result.
 *
 * 0, or
 * -EAGAIN	in the try form: the call would have to wait
 * -EPIPE	the pool has been stopped, or has no workers any more
 * -EIO	as for kc_send()
 * -ECANCELED, -ETIMEDOUT
 *	the pool or its context was cancelled
 *
 * After an error the job still belongs to the caller.
 */
int kc_pool_submit(kc_pool *pool, const void *job) KC_MUST_CHECK;
int kc_pool_try_submit(kc_pool *pool, const void *job);

/*
 * The channel of jobs, which is for sending only, and the channel of results, which
 * is for receiving only: for a select, or for another process. The results are closed
 * once the last worker has ended.
 *
 * Returns the channel, which belongs to the pool.
 */
kc_chan *kc_pool_jobs(kc_pool *pool);
kc_chan *kc_pool_results(kc_pool *pool);

/*
 * The context of the workers, for other code that works with them.
 *
 * Returns the context, which belongs to the pool.
 */
kc_ctx *kc_pool_ctx(kc_pool *pool);

/* Take no more jobs. Jobs that wait are still done. Then the workers end. */
void kc_pool_stop(kc_pool *pool);

/*
 * End the workers when they have finished their current job. Jobs that wait are not
 * done. @cause is as for kc_cancel_cause(): this takes over its reference, and it may
 * be NULL.
 */
void kc_pool_cancel(kc_pool *pool, kc_error *cause);

/*
 * Stop the pool, and wait until its workers have ended. It can be called any number
 * of times.
 *
 * Returns the error that ended the pool, with a reference for the caller: the error of
 * a function, or the cause of a cancellation. NULL if all jobs have been done.
 */
kc_error *kc_pool_wait(kc_pool *pool);

/*
 * Take one more reference to a pool, and drop one. With the last one the pool is
 * cancelled, without waiting for its workers. @pool may be NULL.
 *
 * kc_pool_ref() returns @pool.
 */
kc_pool *kc_pool_ref(kc_pool *pool);
void kc_pool_unref(kc_pool *pool);

KC_DECLS_END

#endif /* KCHAN_WORKPOOL_H */
