// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Calls that wait no longer than until a context is cancelled.
 *
 * A context that cannot be is not looked at. Else, the first time that somebody has
 * to wait with it and for a channel or a descriptor, it needs a channel; so what can be
 * done at once is done before.
 */
#include "chan/cases.h"
#include "context/node.h"

int kc_select_ctx(kc_ctx *ctx, kc_case *cases, size_t n)
{
	struct kc_node *node = kc_ctx_node(ctx);
	int64_t now;
	int ret;

	if (!node)
		return kc_select(cases, n);
	ret = kc_node_err(node);
	if (ret)
		return ret;
	/* What the times of the cases count from. */
	now = kc_now();
	if (!__atomic_load_n(&node->done, __ATOMIC_ACQUIRE)) {
		ret = kc_select_cases(cases, n, KC_NOT_AT_ALL, now, NULL);
		if (ret != -EAGAIN)
			return ret;
	}
	return kc_select_cases(cases, n, KC_FOR_EVER, now, ctx);
}

/* The status of a case that has committed, or why it has not. */
static int select_one(kc_ctx *ctx, kc_case *one)
{
	int ret = kc_select_ctx(ctx, one, 1);

	return ret < 0 ? ret : one->status;
}

int kc_send_ctx(kc_ctx *ctx, kc_chan *c, const void *elem)
{
	kc_case one = kc_case_send(c, elem);

	return kc_ctx_node(ctx) ? select_one(ctx, &one) : kc_send(c, elem);
}

int kc_recv_ctx(kc_ctx *ctx, kc_chan *c, void *elem)
{
	kc_case one = kc_case_recv(c, elem);
	int ret;

	if (!kc_ctx_node(ctx))
		return kc_recv(c, elem);
	ret = select_one(ctx, &one);
	return ret < 0 ? ret : one.ok;
}

int kc_send_msg_ctx(kc_ctx *ctx, kc_chan *c, const void *msg, size_t len)
{
	kc_case one = kc_case_send_msg(c, msg, len);

	return kc_ctx_node(ctx) ? select_one(ctx, &one) :
				  kc_send_msg(c, msg, len);
}

ssize_t kc_recv_msg_ctx(kc_ctx *ctx, kc_chan *c, void *buf, size_t size)
{
	kc_case one = kc_case_recv_msg(c, buf, size);
	int ret;

	if (!kc_ctx_node(ctx))
		return kc_recv_msg(c, buf, size);
	ret = select_one(ctx, &one);
	return ret < 0 ? ret : (ssize_t)one.len;
}

int kc_sleep_ctx(kc_ctx *ctx, int64_t ns)
{
	kc_case one = kc_case_after(ns);

	if (!kc_ctx_node(ctx)) {
		kc_sleep(ns);
		return 0;
	}
	return select_one(ctx, &one);
}
