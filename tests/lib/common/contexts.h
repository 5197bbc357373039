/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Contexts, for the tests of them. These end the test when they fail.
 */
#ifndef CONTEXTS_H
#define CONTEXTS_H

#include "common.h"

kc_ctx *cancellable(kc_ctx *parent);
kc_ctx *with_timeout(kc_ctx *parent, int64_t timeout);

/* Its channel, which there is. */
kc_chan *done(kc_ctx *ctx);

#endif /* CONTEXTS_H */
