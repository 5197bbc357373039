// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * The goroutines of a pattern.
 *
 * They are started one by one. If one cannot be started, those that run already must
 * not have received anything. So each waits at a gate until all are started, or until
 * one has failed.
 */
#include <stdlib.h>
#include <string.h>

#include "base/logger.h"
#include "chan/handle.h"
#include "group/start.h"
#include "panic/panicking.h"
#include "panic/start.h"
#include "pattern/runner.h"
#include "race/race.h"

struct kc_gate {
	atomic_uint refs;
	kc_waitgroup closed;
	bool called_off;	/* valid once the gate is open */
};

static struct kc_gate *new_gate(void)
{
	struct kc_gate *gate = calloc(1, sizeof(*gate));

	if (!gate)
		return NULL;
	atomic_init(&gate->refs, 1);
	kc_waitgroup_add(&gate->closed, 1);
	return gate;
}

static struct kc_gate *gate_ref(struct kc_gate *gate)
{
	atomic_fetch_add_explicit(&gate->refs, 1, memory_order_relaxed);
	return gate;
}

static void gate_unref(struct kc_gate *gate)
{
	if (kc_race_put(&gate->refs))
		free(gate);
}

void kc_plan_begin(struct kc_plan *plan, kc_group *g, kc_ctx *ctx, uintptr_t at)
{
	plan->gate = new_gate();
	plan->group = g;
	plan->ctx = ctx;
	plan->at = at;
	plan->error = plan->gate ? 0 : -ENOMEM;
}

int kc_plan_end(struct kc_plan *plan)
{
	if (!plan->gate)
		return plan->error;
	plan->gate->called_off = plan->error;
	kc_waitgroup_done(&plan->gate->closed);
	gate_unref(plan->gate);
	return plan->error;
}

int kc_plan_end_with(struct kc_plan *plan, kc_chan *recv, kc_chan **out)
{
	const int ret = kc_plan_end(plan);

	if (ret)
		kc_unref(recv);
	else if (out)
		*out = recv;
	return ret;
}

static void free_runner(void *data)
{
	struct kc_runner *r = data;
	kc_ctx *ctx = r->ctx;
	size_t i;

	for (i = 0; i < r->nr_ins; i++)
		kc_unref(r->ins[i]);
	kc_unref(r->out);
	gate_unref(r->gate);
	free(r);
	/*
	 * This comes last: the context's values are the program's, and dropping one may
	 * panic.
	 */
	kc_ctx_unref(ctx);
}

int kc_take_recv(kc_chan **out, kc_chan *c)
{
	struct kchan_info info;
	int ret;

	if (!c)
		return -EINVAL;
	ret = sys_ioctl(c->fd, KCHAN_IOC_INFO, &info);
	if (ret)
		return ret;
	if (!(info.flags & KCHAN_INFO_SEND)) {
		*out = kc_ref(c);
		return 0;
	}
	return kc_recv_only(out, c);
}

struct kc_runner *kc_plan_runner(struct kc_plan *plan, kc_run_fn run,
				 kc_chan *const *ins, size_t nr_ins, kc_chan *out)
{
	struct kc_runner *r;
	size_t i;

	if (plan->error)
		return NULL;
	r = calloc(1, sizeof(*r) + nr_ins * sizeof(r->ins[0]));
	if (!r) {
		plan->error = -ENOMEM;
		return NULL;
	}
	r->gate = gate_ref(plan->gate);
	r->ctx = kc_ctx_ref(plan->ctx);
	r->run = run;
	r->out = kc_ref(out);
	for (i = 0; i < nr_ins; i++) {
		plan->error = kc_take_recv(&r->ins[i], ins[i]);
		if (plan->error) {
			free_runner(r);
			return NULL;
		}
		r->nr_ins++;
	}
	return r;
}

/*
 * Others learn from this that the runner has ended. If a panic is going to end the
 * program, they must not learn it before.
 */
static void leave(void *data)
{
	if (!kc_panic_is_fatal(kc_g_self()))
		free_runner(data);
}

/* Runs @data, and frees it however the function ends. */
static kc_error *run(void *data)
{
	struct kc_runner *r = data;
	KC_DEFER_SCOPE;

	kc_defer(leave, r);
	kc_waitgroup_wait(&r->gate->closed);
	return r->gate->called_off ? NULL : r->run(r);
}

static void drop_error(void *err)
{
	kc_error_unref(err);
}

/* A runner without a group. Nobody waits for its error, so it is logged. */
static void run_alone(void *data)
{
	kc_error *err = run(data);

	kc_defer(drop_error, err);
	if (err && kc_error_code(err) != -ECANCELED &&
	    kc_error_code(err) != -ETIMEDOUT)
		kc_log(kc_error_text(err));
}

void kc_plan_start(struct kc_plan *plan, struct kc_runner *r)
{
	const struct kc_start alone = { .fn = run_alone, .arg = r, .at = plan->at };

	if (!r)
		return;
	if (plan->group)
		plan->error = kc_group_try_start(plan->group, run, r, plan->at);
	else
		plan->error = kc_start(&alone);
	if (plan->error)
		free_runner(r);
}

kc_error *kc_stopped(kc_ctx *ctx, int error)
{
	kc_error *cause;

	/* -EPIPE: nobody receives any more. That is a normal end. */
	if (!error || error == -EPIPE)
		return NULL;
	cause = error == kc_ctx_err(ctx) ? kc_ctx_cause(ctx) : NULL;
	return cause ? kc_error_ref(cause) : kc_error_new(error, NULL);
}

int kc_send_any(kc_ctx *ctx, kc_chan *c, const void *elem, size_t len)
{
	return c->message ? kc_send_msg_ctx(ctx, c, elem, len) :
			    kc_send_ctx(ctx, c, elem);
}

/* Returns 1 and the element's length, or what kc_recv() returns. */
static int recv_any(kc_ctx *ctx, kc_chan *c, void *elem, size_t *len)
{
	ssize_t ret;

	if (!c->message) {
		*len = c->elem_size;
		return kc_recv_ctx(ctx, c, elem);
	}
	ret = kc_recv_msg_ctx(ctx, c, elem, c->elem_size);
	*len = ret;
	return ret > 0 ? 1 : (int)ret;
}

/* If a send has failed, the function's own error does not count. */
static kc_error *judge(const kc_sink *sink, kc_error *err)
{
	if (!sink->error)
		return err;
	kc_error_unref(err);
	return kc_stopped(sink->ctx, sink->error);
}

static kc_error *loop(kc_chan *in, kc_stage_fn fn, void *arg, kc_sink *sink,
		      void *elem)
{
	kc_error *err;
	size_t len;
	int ret;

	for (;;) {
		ret = recv_any(sink->ctx, in, elem, &len);
		if (ret <= 0)
			return kc_stopped(sink->ctx, ret);
		err = fn(arg, elem, len, sink);
		if (err || sink->error)
			return judge(sink, err);
	}
}

kc_error *kc_stage_loop(kc_chan *in, kc_stage_fn fn, void *arg, kc_sink *sink)
{
	void *elem = malloc(in->elem_size ? in->elem_size : 1);
	KC_DEFER_SCOPE;

	if (!elem)
		return kc_error_new(-ENOMEM, NULL);
	kc_defer(free, elem);
	return loop(in, fn, arg, sink, elem);
}

static kc_error *run_stage(struct kc_runner *r)
{
	kc_sink sink = { r->ctx, r->out, 0 };

	return kc_stage_loop(r->ins[0], r->stage, r->arg, &sink);
}

void kc_plan_stage(struct kc_plan *plan, const kc_stage *stage, kc_chan *in,
		   kc_chan *out)
{
	struct kc_runner *r = kc_plan_runner(plan, run_stage, &in, 1, out);

	if (r) {
		r->stage = stage->fn;
		r->arg = stage->arg;
	}
	kc_plan_start(plan, r);
}

static kc_error *run_generator(struct kc_runner *r)
{
	kc_sink sink = { r->ctx, r->out, 0 };

	return judge(&sink, r->generate(r->arg, &sink));
}

static int note(kc_sink *sink, int ret)
{
	if (ret)
		sink->error = ret;
	return ret;
}

int kc_yield(kc_sink *sink, const void *elem)
{
	if (!sink->out)
		return note(sink, -EPIPE);
	return note(sink, kc_send_ctx(sink->ctx, sink->out, elem));
}

int kc_yield_msg(kc_sink *sink, const void *msg, size_t len)
{
	if (!sink->out)
		return note(sink, -EPIPE);
	return note(sink, kc_send_msg_ctx(sink->ctx, sink->out, msg, len));
}

kc_ctx *kc_sink_ctx(const kc_sink *sink)
{
	return sink->ctx;
}

int kc_generate(kc_chan **out, kc_group *g, kc_ctx *ctx, const kc_chan_opts *opts,
		kc_generate_fn fn, void *arg)
{
	kc_chan *recv, *send;
	struct kc_runner *r;
	struct kc_plan plan;
	int ret;

	KC_NEED_FN(fn);
	ret = kc_make_pair_opts(&recv, &send, opts);
	if (ret)
		return ret;
	kc_plan_begin(&plan, g, ctx, (uintptr_t)__builtin_return_address(0));
	r = kc_plan_runner(&plan, run_generator, NULL, 0, send);
	if (r) {
		r->generate = fn;
		r->arg = arg;
	}
	kc_plan_start(&plan, r);
	kc_unref(send);
	return kc_plan_end_with(&plan, recv, out);
}
