/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The goroutines of a pattern. Several are started together, or none is. Each holds the
 * channel ends that it uses.
 */
#include "base/base.h"
#ifndef LIBKCHAN_PATTERN_RUNNER_H
#define LIBKCHAN_PATTERN_RUNNER_H

struct kc_sink {
	kc_ctx *ctx;
	kc_chan *out;		/* NULL: the function must not send */
	int error;		/* the first error that kc_yield() returned */
};

/* The work of a runner. Returns an error or NULL. */
struct kc_runner;
typedef kc_error *(*kc_run_fn)(struct kc_runner *r);

struct kc_runner {
	struct kc_gate *gate;
	kc_ctx *ctx;
	kc_run_fn run;
	kc_generate_fn generate;
	kc_stage_fn stage;
	void *arg;
	kc_chan *out;		/* this and @ins: references */
	size_t nr_ins;
	kc_chan *ins[];
};

/*
 * Runners that are started together. They wait until kc_plan_end(). After an error no
 * more are started, and those that wait end without having done anything.
 */
struct kc_plan {
	struct kc_gate *gate;
	kc_group *group;
	kc_ctx *ctx;
	uintptr_t at;		/* the return address of the program's call */
	int error;
};

void kc_plan_begin(struct kc_plan *plan, kc_group *g, kc_ctx *ctx, uintptr_t at);

/*
 * Makes a runner that receives from @ins, by handles of its own, and sends to @out.
 * Returns NULL after an error. The caller fills in the rest.
 */
struct kc_runner *kc_plan_runner(struct kc_plan *plan, kc_run_fn run,
				 kc_chan *const *ins, size_t nr_ins,
				 kc_chan *out);

/* Starts @r, which then belongs to the plan. If @r is NULL it does nothing. */
void kc_plan_start(struct kc_plan *plan, struct kc_runner *r);

/* Starts a runner that calls the stage's function for each element of @in. */
void kc_plan_stage(struct kc_plan *plan, const kc_stage *stage, kc_chan *in,
		   kc_chan *out);

/*
 * Lets the runners go on, or ends them after an error. Returns 0 or a negative errno.
 */
int kc_plan_end(struct kc_plan *plan);

/*
 * The same. On success it passes @recv to *@out, if @out is not NULL. After an error it
 * drops @recv.
 */
int kc_plan_end_with(struct kc_plan *plan, kc_chan *recv, kc_chan **out);

/*
 * Calls @fn for each element of @in until end-of-stream, an error, or a failed send.
 * Returns the error, or NULL.
 */
kc_error *kc_stage_loop(kc_chan *in, kc_stage_fn fn, void *arg, kc_sink *sink);

/* Returns 0 and the options of the stage's output channel, or -EINVAL. */
int kc_check_stage(const kc_stage *stage, kc_chan_opts *opts);

/* The kc_error of a goroutine that the error @error of a call has stopped, or NULL. */
kc_error *kc_stopped(kc_ctx *ctx, int error);

/* Sends one element. @len matters in message mode only. */
int kc_send_any(kc_ctx *ctx, kc_chan *c, const void *elem, size_t len);

/*
 * A handle that only receives: a new one, or another reference to @c if @c cannot send.
 */
int kc_take_recv(kc_chan **out, kc_chan *c);

#endif /* LIBKCHAN_PATTERN_RUNNER_H */
