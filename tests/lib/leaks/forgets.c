// SPDX-License-Identifier: GPL-2.0-only
/*
 * Leaks objects that the library has in lists of its own. A sanitizer must report them.
 *
 * usage: forgets channel|context|func
 */
#include <string.h>

#include <kchan/kchan.h>

static int forget_channel(void)
{
	kc_chan *c;

	return kc_make(&c, 1, 0);
}

/* A context that has a channel. */
static int forget_context(void)
{
	kc_chan *done;
	kc_ctx *ctx;

	return kc_with_cancel(&ctx, NULL) || kc_ctx_done(&done, ctx);
}

static void nothing(void *arg)
{
	(void)arg;
}

/* A context, and the function that it runs when it is cancelled. */
static int forget_func(void)
{
	kc_ctx *ctx;

	return kc_with_cancel(&ctx, NULL) || kc_after_func(NULL, ctx, nothing, NULL);
}

int main(int argc, char **argv)
{
	const char *what = argc > 1 ? argv[1] : "";
	int i, ret = 0;

	/* A pointer to the last one may be left on the stack. */
	for (i = 0; i < 10 && !ret; i++) {
		if (!strcmp(what, "channel"))
			ret = forget_channel();
		else if (!strcmp(what, "context"))
			ret = forget_context();
		else if (!strcmp(what, "func"))
			ret = forget_func();
		else
			ret = 1;
	}
	return ret ? 2 : 0;
}
