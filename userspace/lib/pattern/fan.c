// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Fan-out and fan-in.
 */
#include <stdlib.h>

#include "chan/handle.h"
#include "pattern/runner.h"

/*
 * One goroutine merges at most this many channels, so a select has room for other
 * cases.
 */
#define MERGED	32

#define CALLER	((uintptr_t)__builtin_return_address(0))

static void unref_all(kc_chan **chans, size_t n)
{
	while (n--)
		kc_unref(chans[n]);
}

/* Adds one worker of a fan-out. Returns 0 and its channel, or a negative errno. */
static int add_worker(struct kc_plan *plan, kc_chan **out, kc_chan *in,
		      const kc_stage *stage, const kc_chan_opts *opts)
{
	kc_chan *send;
	int ret;

	ret = kc_make_pair_opts(out, &send, opts);
	if (ret)
		return ret;
	kc_plan_stage(plan, stage, in, send);
	kc_unref(send);
	if (plan->error)
		kc_unref(*out);
	return plan->error;
}

int kc_fan_out(kc_chan **outs, size_t n, kc_group *g, kc_ctx *ctx, kc_chan *in,
	       const kc_stage *stage)
{
	kc_chan_opts opts = KC_CHAN_OPTS_INIT;
	struct kc_plan plan;
	kc_chan *recv;
	size_t made = 0;
	int ret;

	ret = kc_check_stage(stage, &opts);
	if (!ret)
		ret = kc_take_recv(&recv, in);
	if (ret)
		return ret;
	kc_plan_begin(&plan, g, ctx, CALLER);
	while (made < n && !plan.error) {
		plan.error = add_worker(&plan, &outs[made], recv, stage, &opts);
		if (!plan.error)
			made++;
	}
	kc_unref(recv);
	ret = kc_plan_end(&plan);
	if (ret)
		unref_all(outs, made);
	return ret;
}

/*
 * Merges until all channels are at end-of-stream, or one call fails. Elements are
 * received into @elem.
 */
static int merge(struct kc_runner *r, kc_case *cases, void *elem)
{
	size_t left = r->nr_ins;
	int i, ret;

	while (left) {
		i = kc_select_ctx(r->ctx, cases, r->nr_ins);
		if (i < 0)
			return i;
		if (cases[i].status)
			return cases[i].status;
		if (!cases[i].ok) {
			cases[i].chan = NULL;
			left--;
			continue;
		}
		ret = kc_send_any(r->ctx, r->out, elem, cases[i].len);
		if (ret)
			return ret;
	}
	return 0;
}

static kc_error *run_merge(struct kc_runner *r)
{
	const size_t size = r->out->elem_size;
	void *elem = malloc(size ? size : 1);
	kc_case cases[MERGED];
	size_t i;
	int ret;

	if (!elem)
		return kc_error_new(-ENOMEM, NULL);
	for (i = 0; i < r->nr_ins; i++)
		cases[i] = r->out->message ?
			kc_case_recv_msg(r->ins[i], elem, size) :
			kc_case_recv(r->ins[i], elem);
	ret = merge(r, cases, elem);
	free(elem);
	return kc_stopped(r->ctx, ret);
}

static int check_same(kc_chan *const *ins, size_t n)
{
	size_t i;

	if (!n)
		return -EINVAL;
	for (i = 0; i < n; i++)
		if (!ins[i] || ins[i]->elem_size != ins[0]->elem_size ||
		    ins[i]->message != ins[0]->message)
			return -EINVAL;
	return 0;
}

int kc_fan_in(kc_chan **out, kc_group *g, kc_ctx *ctx, kc_chan *const *ins,
	      size_t n, size_t cap)
{
	kc_chan_opts opts = KC_CHAN_OPTS_INIT;
	kc_chan *recv, *send;
	struct kc_plan plan;
	size_t i, some;
	int ret;

	ret = check_same(ins, n);
	if (ret)
		return ret;
	opts.elem_size = ins[0]->elem_size;
	opts.flags = ins[0]->message ? KC_CHAN_MESSAGE : 0;
	opts.cap = cap;
	ret = kc_make_pair_opts(&recv, &send, &opts);
	if (ret)
		return ret;
	kc_plan_begin(&plan, g, ctx, CALLER);
	for (i = 0; i < n; i += some) {
		some = n - i < MERGED ? n - i : MERGED;
		kc_plan_start(&plan, kc_plan_runner(&plan, run_merge, ins + i,
						    some, send));
	}
	kc_unref(send);
	return kc_plan_end_with(&plan, recv, out);
}
