/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Helpers for tests of contexts. They end the test on a failure.
 */
#ifndef CONTEXTS_H
#define CONTEXTS_H

#include "common.h"

kc_ctx *cancellable(kc_ctx *parent);
kc_ctx *with_timeout(kc_ctx *parent, int64_t timeout);

/* The context's channel, which must exist. */
kc_chan *done(kc_ctx *ctx);

#endif /* CONTEXTS_H */
