// SPDX-License-Identifier: GPL-2.0-only
#include "contexts.h"

kc_ctx *cancellable(kc_ctx *parent)
{
	kc_ctx *ctx;

	must_int(kc_with_cancel(&ctx, parent), 0);
	return ctx;
}

kc_ctx *with_timeout(kc_ctx *parent, int64_t timeout)
{
	kc_ctx *ctx;

	must_int(kc_with_timeout(&ctx, parent, timeout), 0);
	return ctx;
}

kc_chan *done(kc_ctx *ctx)
{
	kc_chan *c = NULL;

	must_int(kc_ctx_done(&c, ctx), 0);
	must(c);
	return c;
}
