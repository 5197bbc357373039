/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Waiting until a context is cancelled, and for nothing else.
 */
#include "base/base.h"
#include "base/clock.h"
#ifndef LIBKCHAN_CONTEXT_WAIT_H
#define LIBKCHAN_CONTEXT_WAIT_H

struct kc_node;

/*
 * Waits until one of @nr contexts is cancelled. @nr is at most KCHAN_MAX_CASES. Returns
 * its index, chosen at random if several are cancelled, or -EAGAIN or -ETIMEDOUT by the
 * limit. None of the contexts may have a source, which only the kernel can wait for.
 */
int kc_ctx_await(struct kc_node *const *nodes, unsigned int nr, kc_state state,
		 struct kc_limit limit);

#endif /* LIBKCHAN_CONTEXT_WAIT_H */
