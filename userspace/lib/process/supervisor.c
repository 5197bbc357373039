// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Keeping a process running.
 *
 * One goroutine starts a process, waits for it, and starts the next one. A context of
 * its own, made from the caller's, stops it. When it ends, it closes the channel
 * "over".
 */
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

#include "base/futex.h"
#include "base/options.h"
#include "panic/start.h"
#include "process/spawn.h"
#include "race/race.h"

#define FUNCTION_STACK	((size_t)1024 * 1024)

struct kc_supervisor {
	atomic_uint refs;
	struct kc_spawn *spawn;
	kc_supervisor_options options;
	kc_ctx *ctx;
	kc_chan *over;			/* closed when the goroutine has ended */
	kc_waitgroup begun;

	/* Written by the goroutine. Others read it after "begun". */
	int first_error;

	/* Written by the goroutine. Others read them after "over". */
	int error;
	int status;

	/* Only for the goroutine: */
	kc_chan *end;			/* the sending end of @over */
	unsigned int in_a_row;
	int64_t started;

	uint32_t lock;
	/* Protected by the lock: */
	kc_process *process;
	unsigned int restarts;
};

static int check(const kc_supervisor_options *options)
{
	if (options->restart > KC_RESTART_ALWAYS || options->stop_signal < 0 ||
	    options->stop_signal >= _NSIG)
		return -EINVAL;
	if (options->backoff < 0 || options->max_backoff < 0 ||
	    options->steady < 0 || options->grace < 0)
		return -EINVAL;
	return 0;
}

static void fill_in_defaults(kc_supervisor_options *options)
{
	if (!options->stop_signal)
		options->stop_signal = SIGTERM;
	if (!options->backoff)
		options->backoff = 100 * KC_MILLISECOND;
	if (!options->max_backoff)
		options->max_backoff = 30 * KC_SECOND;
	if (!options->steady)
		options->steady = 10 * KC_SECOND;
	if (!options->grace)
		options->grace = 10 * KC_SECOND;
}

static void set_process(kc_supervisor *s, kc_process *p)
{
	kc_process *before;

	kc_lock(&s->lock);
	before = s->process;
	s->process = p;
	kc_unlock(&s->lock);
	kc_process_unref(before);
}

static int start(kc_supervisor *s)
{
	kc_process *p;

	s->error = kc_process_start_prepared(&p, s->spawn);
	s->started = kc_now();
	if (!s->error)
		set_process(s, p);
	return s->error;
}

/* Ends the process: by the stop signal, and after @grace by SIGKILL. */
static void stop(kc_supervisor *s)
{
	kc_process_kill(s->process, s->options.stop_signal);
	s->error = kc_process_wait_timeout(s->process, &s->status,
					   s->options.grace);
	if (s->error != -ETIMEDOUT)
		return;
	kc_process_kill(s->process, SIGKILL);
	s->error = kc_process_wait(s->process, &s->status);
}

/* Waits until the process has ended. Returns false if no other process is to follow. */
static bool run_one(kc_supervisor *s)
{
	s->error = kc_process_wait_ctx(s->ctx, s->process, &s->status);
	/* -ECHILD: the process has ended, but its status is not known. */
	if (s->error && s->error != -ECHILD) {
		stop(s);
		set_process(s, NULL);
		return false;
	}
	set_process(s, NULL);
	if (kc_now() - s->started >= s->options.steady)
		s->in_a_row = 0;
	return true;
}

static bool has_failed(const kc_supervisor *s)
{
	return s->error || !WIFEXITED(s->status) || WEXITSTATUS(s->status);
}

static bool again(const kc_supervisor *s)
{
	if (s->options.restart == KC_RESTART_NEVER)
		return false;
	if (s->options.restart == KC_RESTART_ON_FAILURE && !has_failed(s))
		return false;
	return !s->options.limit || s->in_a_row < s->options.limit;
}

/* Waits before a restart. Returns false if the supervisor is stopped meanwhile. */
static bool pause_before(kc_supervisor *s)
{
	int64_t pause = s->options.backoff;
	unsigned int i;

	for (i = 0; i < s->in_a_row && pause < s->options.max_backoff; i++)
		if (__builtin_mul_overflow(pause, 2, &pause))
			pause = INT64_MAX;
	if (pause > s->options.max_backoff)
		pause = s->options.max_backoff;
	return !kc_sleep_ctx(s->ctx, pause);
}

static void count(kc_supervisor *s)
{
	if (s->in_a_row < UINT_MAX)
		s->in_a_row++;
	kc_lock(&s->lock);
	s->restarts++;
	kc_unlock(&s->lock);
}

static void keep_running(kc_supervisor *s)
{
	while ((s->error || run_one(s)) && again(s) && pause_before(s)) {
		count(s);
		start(s);
	}
}

static void supervise(void *data)
{
	kc_supervisor *s = data;

	s->first_error = start(s);
	kc_waitgroup_done(&s->begun);
	if (!s->error)
		keep_running(s);
	/* Drops the ends for a next process before "over" tells that there is none. */
	kc_spawn_free(s->spawn);
	s->spawn = NULL;
	/* A process that was forked meanwhile may have a copy of the end. */
	kc_close(s->end);
	kc_unref(s->end);
	kc_supervisor_unref(s);
}

static void free_supervisor(kc_supervisor *s)
{
	kc_ctx *ctx = s->ctx;

	if (s->spawn)
		kc_spawn_free(s->spawn);
	kc_unref(s->over);
	free(s);
	/*
	 * This comes last: the context's values are the program's, and dropping one may
	 * panic.
	 */
	kc_ctx_unref(ctx);
}

static int prepare(kc_supervisor *s, kc_ctx *ctx, const kc_process_options *process)
{
	kc_chan *done;
	int ret;

	ret = kc_ctx_err(ctx);
	if (!ret)
		ret = kc_spawn_prepare(&s->spawn, process);
	if (!ret)
		ret = kc_with_cancel(&s->ctx, ctx);
	/* The channel is made here, where a failure can still be returned. */
	if (!ret)
		ret = kc_ctx_done(&done, s->ctx);
	if (!ret)
		ret = kc_make_pair(&s->over, &s->end, 0, 0);
	return ret;
}

static int begin(kc_supervisor *s, uintptr_t at)
{
	const struct kc_start start = {
		.fn = supervise,
		.arg = s,
		.name = "supervisor",
		.stack_size = s->spawn->fn ? FUNCTION_STACK : 0,
		.at = at,
	};
	int ret;

	kc_waitgroup_add(&s->begun, 1);
	kc_supervisor_ref(s);
	ret = kc_start(&start);
	if (ret) {
		kc_unref(s->end);
		kc_supervisor_unref(s);
		return ret;
	}
	kc_waitgroup_wait(&s->begun);
	return s->first_error;
}

int kc_supervise(kc_supervisor **out, kc_ctx *ctx,
		 const kc_process_options *process,
		 const kc_supervisor_options *options)
{
	kc_supervisor_options policy;
	kc_supervisor *s;
	int ret;

	ret = kc_take_options(&policy, options, grace);
	if (!ret)
		ret = check(&policy);
	if (ret)
		return ret;
	s = calloc(1, sizeof(*s));
	if (!s)
		return -ENOMEM;
	atomic_init(&s->refs, 1);
	s->options = policy;
	fill_in_defaults(&s->options);
	ret = prepare(s, ctx, process);
	if (!ret)
		ret = begin(s, (uintptr_t)__builtin_return_address(0));
	if (ret) {
		kc_supervisor_unref(s);
		return ret;
	}
	*out = s;
	return 0;
}

void kc_supervisor_stop(kc_supervisor *s)
{
	kc_cancel(s->ctx);
}

kc_case kc_case_supervisor(const kc_supervisor *s)
{
	return kc_case_recv(s->over, NULL);
}

static int finish(const kc_supervisor *s, int *status)
{
	if (!s->error && status)
		*status = s->status;
	return s->error;
}

int kc_supervisor_wait(kc_supervisor *s, int *status)
{
	int ret = kc_recv(s->over, NULL);

	return ret ? ret : finish(s, status);
}

int kc_supervisor_wait_ctx(kc_ctx *ctx, kc_supervisor *s, int *status)
{
	int ret = kc_recv_ctx(ctx, s->over, NULL);

	return ret ? ret : finish(s, status);
}

kc_process *kc_supervisor_process(kc_supervisor *s)
{
	kc_process *p;

	kc_lock(&s->lock);
	p = kc_process_ref(s->process);
	kc_unlock(&s->lock);
	return p;
}

unsigned int kc_supervisor_restarts(kc_supervisor *s)
{
	unsigned int restarts;

	kc_lock(&s->lock);
	restarts = s->restarts;
	kc_unlock(&s->lock);
	return restarts;
}

kc_supervisor *kc_supervisor_ref(kc_supervisor *s)
{
	if (s)
		atomic_fetch_add_explicit(&s->refs, 1, memory_order_relaxed);
	return s;
}

void kc_supervisor_unref(kc_supervisor *s)
{
	if (s && kc_race_put(&s->refs))
		free_supervisor(s);
}
