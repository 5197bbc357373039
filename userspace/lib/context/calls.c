// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Calls that wait until a context is cancelled. A context that cannot be cancelled is
 * ignored.
 */
#include "context/node.h"

/* Returns the status of the case that has committed, or the error of the context. */
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
