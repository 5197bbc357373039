// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Pipelines.
 */
#include "chan/handle.h"
#include "pattern/runner.h"

int kc_check_stage(const kc_stage *stage, kc_chan_opts *opts)
{
	const uint64_t *reserved = stage->reserved;

	if (!stage->fn || stage->flags & ~KC_CHAN_MESSAGE)
		return -EINVAL;
	if (reserved[0] | reserved[1] | reserved[2] | reserved[3])
		return -EINVAL;
	opts->flags = stage->flags;
	opts->elem_size = stage->elem_size;
	opts->cap = stage->cap;
	return 0;
}

static void add_workers(struct kc_plan *plan, const kc_stage *stage, kc_chan *in,
			kc_chan *out)
{
	uint32_t i = 0;

	do {
		kc_plan_stage(plan, stage, in, out);
	} while (!plan->error && ++i < stage->workers);
}

/*
 * Adds a stage. Takes over the reference of *@in, and sets *@in to the channel that
 * receives this stage's output, or to NULL.
 */
static void add_stage(struct kc_plan *plan, const kc_stage *stage, kc_chan **in,
		      bool sends)
{
	kc_chan_opts opts = KC_CHAN_OPTS_INIT;
	kc_chan *recv = NULL, *send = NULL;

	plan->error = kc_check_stage(stage, &opts);
	if (!plan->error && sends)
		plan->error = kc_make_pair_opts(&recv, &send, &opts);
	if (!plan->error)
		add_workers(plan, stage, *in, send);
	kc_unref(send);
	kc_unref(*in);
	*in = recv;
}

int kc_pipeline(kc_chan **out, kc_group *g, kc_ctx *ctx, kc_chan *in,
		const kc_stage *stages, size_t n)
{
	struct kc_plan plan;
	kc_chan *recv;
	size_t i;
	int ret;

	if (!n)
		return -EINVAL;
	ret = kc_take_recv(&recv, in);
	if (ret)
		return ret;
	kc_plan_begin(&plan, g, ctx, (uintptr_t)__builtin_return_address(0));
	for (i = 0; i < n && !plan.error; i++)
		add_stage(&plan, &stages[i], &recv, out || i + 1 < n);
	return kc_plan_end_with(&plan, recv, out);
}
