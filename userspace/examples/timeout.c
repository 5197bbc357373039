// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * A context with a timeout, and the worker that is left behind.
 *
 * The well-known form: a goroutine does the work and sends the result. Its starter
 * waits for the result or for the timeout, whichever comes first. After a timeout
 * nobody receives, and the goroutine waits in its send for ever. There are two
 * corrections: a channel with room for the result, so that the send never waits; or a
 * send that ends with the context. (The work should check the context, too.)
 */
#include "example.h"

struct query {
	kc_ctx *ctx;
	kc_chan *result;
	int use_ctx;
	kc_waitgroup ended;
};

static void work(void *arg)
{
	struct query *q = arg;
	int answer = 42, ret;

	kc_sleep(300 * KC_MILLISECOND);
	if (q->use_ctx)
		ret = kc_send_ctx(q->ctx, q->result, &answer);
	else
		ret = kc_send(q->result, &answer);
	printf("  the worker's send: %s\n", ret ? strerrorname_np(-ret) : "done");
}

static void ask(const char *name, size_t cap, int use_ctx)
{
	struct query q = { .use_ctx = use_ctx, .ended = KC_WAITGROUP_INIT };
	int answer, ret;

	CHECK(kc_with_timeout(&q.ctx, NULL, 20 * KC_MILLISECOND));
	CHECK(kc_make(&q.result, sizeof(answer), cap));
	CHECK(kc_waitgroup_go(&q.ended, work, &q));
	ret = kc_recv_ctx(q.ctx, q.result, &answer);
	printf("%s: %s\n", name, strerrorname_np(-ret));
	fflush(stdout);
	kc_sleep(600 * KC_MILLISECOND);
	if (!cap && !use_ctx) {
		printf("  the worker is left behind\n");
		/* Without this, the goroutine would wait for ever. */
		CHECK(kc_recv(q.result, &answer));
	}
	kc_waitgroup_wait(&q.ended);
	kc_unref(q.result);
	kc_cancel_unref(q.ctx);
}

int main(void)
{
	ask("no room for the result", 0, 0);
	ask("room for it", 1, 0);
	ask("a send that ends with the context", 0, 1);
	return 0;
}
