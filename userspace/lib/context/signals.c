// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Contexts that a signal cancels.
 */
#include <stdlib.h>
#include <string.h>

#include "context/node.h"

static void on_signal(struct kc_notified *to, int signum)
{
	struct kc_ctx_signals *s = kc_container(to, struct kc_ctx_signals, to);
	const char *name = sigdescr_np(signum);
	kc_error *cause;

	if (name)
		cause = kc_errorf(-ECANCELED, "signal: %s", name);
	else
		cause = kc_errorf(-ECANCELED, "signal %d", signum);
	kc_node_cancel(s->node, -ECANCELED, cause);
	kc_error_unref(cause);
}

static void stop(struct kc_ctx_signals *s)
{
	kc_notify_del(&s->to);
}

static void free_signals(struct kc_ctx_signals *s)
{
	stop(s);
	free(s);
}

int kc_notify_context(kc_ctx **out, kc_ctx *parent, const int *signums, size_t n)
{
	struct kc_node *node;
	int ret;

	ret = kc_notify_check(signums, n);
	if (!ret)
		ret = kc_keeper_start();
	if (ret)
		return ret;
	node = kc_node_make(parent);
	if (!node)
		return -ENOMEM;
	node->signals = calloc(1, sizeof(*node->signals));
	if (!node->signals) {
		kc_ctx_unref(&node->ctx);
		return -ENOMEM;
	}
	node->signals->stop = stop;
	node->signals->free = free_signals;
	node->signals->node = node;
	node->signals->to.tell = on_signal;
	kc_node_link(node);
	kc_notify_add(&node->signals->to, signums, n);
	*out = &node->ctx;
	return 0;
}
