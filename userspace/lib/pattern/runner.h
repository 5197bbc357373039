/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Goroutines of a pattern: several that are started together or not at all, each of
 * which has the ends of channels that it uses, and nothing else.
 */
#include "base/base.h"
#ifndef LIBKCHAN_PATTERN_RUNNER_H
#define LIBKCHAN_PATTERN_RUNNER_H

struct kc_sink {
	kc_ctx *ctx;
	kc_chan *out;		/* NULL: nothing may be sent */
	int error;		/* that a kc_yield() returned */
};

/* What a runner does; it returns an error or NULL. */
struct kc_runner;
typedef kc_error *(*kc_run_fn)(struct kc_runner *r);

struct kc_runner {
	struct kc_gate *gate;
	kc_ctx *ctx;
	kc_run_fn run;
	kc_generate_fn generate;
	kc_stage_fn stage;
	void *arg;
	kc_chan *out;		/* all of these are held */
	size_t nr_ins;
	kc_chan *ins[];
};

/*
 * Those that are started together. Between kc_plan_begin() and kc_plan_end() they
 * wait. After an error nothing is started any more, and those that wait are sent
 * away.
 */
struct kc_plan {
	struct kc_gate *gate;
	kc_group *group;
	kc_ctx *ctx;
	uintptr_t at;		/* the call that they are started by */
	int error;
};

void kc_plan_begin(struct kc_plan *plan, kc_group *g, kc_ctx *ctx, uintptr_t at);

/*
 * A runner that receives from @ins, by handles of its own, and sends to @out. NULL
 * after an error. What it is to do is filled in by the caller.
 */
struct kc_runner *kc_plan_runner(struct kc_plan *plan, kc_run_fn run,
				 kc_chan *const *ins, size_t nr_ins,
				 kc_chan *out);

/* Start it; it belongs to the plan. NULL does nothing. */
void kc_plan_start(struct kc_plan *plan, struct kc_runner *r);

/* Start one that receives from @in and gives that to the stage's function. */
void kc_plan_stage(struct kc_plan *plan, const kc_stage *stage, kc_chan *in,
		   kc_chan *out);

/* 0 or a negative errno. */
int kc_plan_end(struct kc_plan *plan);

/* The same: @recv is then *@out, if that is asked for; after an error it is dropped. */
int kc_plan_end_with(struct kc_plan *plan, kc_chan *recv, kc_chan **out);

/*
 * Do that for one element after another, until end-of-stream, an error, or a sink
 * that cannot be sent to: the error, or NULL.
 */
kc_error *kc_stage_loop(kc_chan *in, kc_stage_fn fn, void *arg, kc_sink *sink);

/* 0, and the options of the channel that it sends to; or -EINVAL. */
int kc_check_stage(const kc_stage *stage, kc_chan_opts *opts);

/* The error of a goroutine that was stopped by that of a call, or NULL. */
kc_error *kc_stopped(kc_ctx *ctx, int error);

/* Send one element of what length it has. */
int kc_send_any(kc_ctx *ctx, kc_chan *c, const void *elem, size_t len);

/*
 * A handle for receiving only: another one, or one more reference to this one if it
 * cannot send anyway.
 */
int kc_take_recv(kc_chan **out, kc_chan *c);

#endif /* LIBKCHAN_PATTERN_RUNNER_H */
