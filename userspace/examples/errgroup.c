// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * An errgroup: all restaurants are asked for a table at once, and one of them has
 * closed down. The first error cancels the other requests.
 */
#include <errno.h>

#include "example.h"

struct restaurant {
	const char *name;
	int64_t takes;		/* the time until it answers */
	int closed;
	kc_ctx *ctx;
	const char *answer;
};

static kc_error *ask(void *arg)
{
	struct restaurant *r = arg;
	int ret = kc_sleep_ctx(r->ctx, r->takes);

	if (ret && ret == kc_ctx_err(r->ctx)) {
		r->answer = "called off";
		return kc_error_ref(kc_ctx_cause(r->ctx));
	}
	if (ret)
		return kc_error_new(ret, NULL);
	r->answer = r->closed ? "no" : "yes";
	return r->closed ? kc_errorf(-ENOENT, "%s: has closed down", r->name) :
			   NULL;
}

int main(void)
{
	struct restaurant restaurants[] = {
		{ .name = "Anchor", .takes = 0 },
		{ .name = "Lion", .takes = 300 * KC_MILLISECOND, .closed = 1 },
		{ .name = "Swan", .takes = 3600 * KC_SECOND },
	};
	kc_group g = KC_GROUP_INIT;
	kc_error *err;
	kc_ctx *ctx;
	int i;

	CHECK(kc_group_with_context(&g, &ctx, NULL));
	for (i = 0; i < 3; i++) {
		restaurants[i].ctx = ctx;
		CHECK(kc_group_go(&g, ask, &restaurants[i]));
	}
	err = kc_group_wait(&g);
	for (i = 0; i < 3; i++)
		printf("%s: %s\n", restaurants[i].name, restaurants[i].answer);
	printf("error: %s\n", kc_error_text(err));
	kc_error_unref(err);
	kc_ctx_unref(ctx);
	return 0;
}
