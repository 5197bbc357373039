/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Waiting until contexts are cancelled, and for nothing else.
 */
#include "base/base.h"
#include "base/clock.h"
#ifndef LIBKCHAN_CONTEXT_WAIT_H
#define LIBKCHAN_CONTEXT_WAIT_H

struct kc_node;

/*
 * Wait in the given state until one of the @nr contexts, at most KCHAN_MAX_CASES, is
 * cancelled. Returns which, each that is cancelled as likely as any other; or -EAGAIN or
 * -ETIMEDOUT by the limit. None of them has a source, which only the kernel can watch.
 */
int kc_ctx_await(struct kc_node *const *nodes, unsigned int nr, kc_state state,
		 struct kc_limit limit);

#endif /* LIBKCHAN_CONTEXT_WAIT_H */
