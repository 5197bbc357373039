// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Calls that wait until a context is cancelled. A context that cannot be cancelled is
 * ignored.
 */
#include <sys/epoll.h>

#include "base/clock.h"
#include "chan/handle.h"
#include "chan/lease.h"
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

/* The wait has ended with @ret. An element that came first goes back. */
static int leave(kc_lease *lease, int ret)
{
	if (kc_lease_disarm(lease) == -EALREADY && kc_lease_recv_armed(lease, NULL) > 0)
		kc_lease_return(lease, KC_LEASE_UNCOUNTED, 0);
	return ret;
}

int kc_lease_recv_ctx(kc_ctx *ctx, kc_lease *lease)
{
	kc_case readable = kc_case_fd(kc_lease_fd(lease), EPOLLIN);
	int ret;

	if (!kc_ctx_node(ctx))
		return kc_lease_recv(lease);
	do {
		ret = kc_lease_arm(lease);
		if (ret)
			return ret;
		ret = kc_select_ctx(ctx, &readable, 1);
		if (ret < 0)
			return leave(lease, ret);
		ret = kc_lease_recv_armed(lease, KC_CALLER);
	} while (ret == -EAGAIN);
	return ret;
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

/* Several elements. They may take several calls, over which the channel is held. */
struct batch {
	kc_ctx *ctx;
	kc_chan *chan;
	char *elems;
	size_t n;
	ssize_t ret;
};

static bool is_cancelled(struct batch *b)
{
	b->ret = kc_ctx_err(b->ctx);
	return b->ret;
}

/*
 * Sends what can be sent at once in one call. Where nothing can be sent, it waits for the
 * next element in a select.
 */
static void send_all(void *data)
{
	struct batch *b = data;
	const size_t size = (size_t)kc_elem_size(b->chan);
	size_t sent = 0;
	kc_case one;

	while (!is_cancelled(b)) {
		b->ret = kc_try_send_n(b->chan, b->elems + sent * size, b->n - sent);
		if (b->ret == -EAGAIN) {
			one = kc_case_send(b->chan, b->elems + sent * size);
			b->ret = select_one(b->ctx, &one);
			if (!b->ret)
				b->ret = 1;
		}
		if (b->ret <= 0)
			break;
		sent += (size_t)b->ret;
		if (sent == b->n)
			break;
	}
	if (sent)
		b->ret = (ssize_t)sent;
}

/* Receives the first element, and all that are there then. */
static void recv_some(void *data)
{
	struct batch *b = data;
	const size_t size = b->elems ? (size_t)kc_elem_size(b->chan) : 0;
	ssize_t more;
	kc_case one;

	if (is_cancelled(b))
		return;
	b->ret = kc_try_recv_n(b->chan, b->elems, b->n);
	if (b->ret != -EAGAIN)
		return;
	one = kc_case_recv(b->chan, b->elems);
	b->ret = select_one(b->ctx, &one);
	if (b->ret < 0 || !one.ok)
		return;
	more = b->n > 1 ? kc_try_recv_n(b->chan, b->elems + size, b->n - 1) : 0;
	b->ret = more > 0 ? 1 + more : 1;
}

ssize_t kc_send_n_ctx(kc_ctx *ctx, kc_chan *c, const void *elems, size_t n)
{
	struct batch b = { ctx, c, (char *)elems, n, 0 };

	if (!kc_ctx_node(ctx))
		return kc_send_n(c, elems, n);
	kc_while_held(c, send_all, &b);
	return b.ret;
}

ssize_t kc_recv_n_ctx(kc_ctx *ctx, kc_chan *c, void *elems, size_t n)
{
	struct batch b = { ctx, c, elems, n, 0 };

	if (!kc_ctx_node(ctx))
		return kc_recv_n(c, elems, n);
	kc_while_held(c, recv_some, &b);
	return b.ret;
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
