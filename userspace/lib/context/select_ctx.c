// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Contexts in a select.
 *
 * The case of a context becomes up to three things: a case on its done channel, cases
 * on the channels of other processes that can cancel it, and a deadline. The first wait
 * for a context together with a channel makes the done channel. kc_select_ctx() avoids
 * that if a case is ready at once.
 *
 * If there are descriptors but no channels, the context's channel is polled if it
 * exists. Else no channel is made: the call makes an eventfd, which the thread that
 * cancels the context writes to, under kc_ctx_lock.
 */
#include <stdlib.h>
#include <sys/epoll.h>

#include "base/clock.h"
#include "base/fork.h"
#include "base/hook.h"
#include "base/proc.h"
#include "base/sys.h"
#include "chan/cases.h"
#include "chan/handle.h"
#include "context/node.h"
#include "context/wait.h"

kc_case kc_case_done(kc_ctx *ctx)
{
	kc_case made = KC_CASE_INIT;

	made.op = KC_OP_DONE;
	made.addr = ctx;
	return made;
}

static int add_node(struct kc_live *live, struct kc_node *n, size_t index)
{
	if (live->nr_nodes == KCHAN_MAX_CASES)
		return -E2BIG;
	live->index[live->nr_nodes] = index;
	live->nodes[live->nr_nodes++] = n;
	return 0;
}

struct event {
	struct event *next;
	struct kc_ctx_wait wait;
	int fd;
};

static void ring(int fd)
{
	const uint64_t one = 1;

	sys_write(fd, &one, sizeof(one));
}

static void cancelled(struct kc_ctx_wait *wait)
{
	ring(kc_container(wait, struct event, wait)->fd);
}

/*
 * The parent polls the same eventfd, so the child replaces it by one of its own, under
 * the same number. If that fails, the child goes on using the shared one.
 */
static void forked(struct kc_ctx_wait *wait)
{
	const int fd = kc_container(wait, struct event, wait)->fd;
	const int own = sys_eventfd();

	if (own < 0)
		return;
	sys_dup_cloexec_to(own, fd);
	sys_close(own);
}

static void add_polled(struct kc_live *live, kc_chan *done, int fd, size_t index)
{
	*kc_live_add(live, index, done) = (struct kchan_case){
		.fd = fd,
		.op = KCHAN_OP_POLL,
		.events = EPOLLIN,
	};
}

static int add_event(struct kc_live *live, struct kc_node *n, size_t index)
{
	kc_chan *done = __atomic_load_n(&n->done, __ATOMIC_ACQUIRE);
	struct event *event;
	int fd;

	if (live->nr == KCHAN_MAX_CASES)
		return -E2BIG;
	if (done) {
		add_polled(live, done, done->fd, index);
		return 0;
	}
	event = calloc(1, sizeof(*event));
	if (!event)
		return -ENOMEM;
	fd = sys_eventfd();
	if (fd < 0) {
		free(event);
		return fd;
	}
	event->fd = fd;
	event->wait.cancelled = cancelled;
	event->wait.forked = forked;
	event->next = live->events;
	live->events = event;
	if (kc_ctx_wait_add(n, &event->wait))
		ring(fd);
	add_polled(live, NULL, fd, index);
	return 0;
}

static void release(struct kc_live *live)
{
	struct event *event;

	while ((event = live->events)) {
		live->events = event->next;
		kc_ctx_wait_del(&event->wait);
		sys_close(event->fd);
		free(event);
	}
}

static void heed_deadline(struct kc_live *live, const struct kc_node *n, size_t index)
{
	if (n->deadline < live->deadline) {
		live->deadline = n->deadline;
		live->late = index;
	}
}

/* Adds all that can cancel the context. */
static int add_context(struct kc_live *live, kc_ctx *ctx, size_t index)
{
	struct kc_done *sources[KCHAN_MAX_CASES];
	struct kc_node *n = kc_ctx_node(ctx);
	unsigned int nr = 0, i;
	kc_chan *done;
	int ret;

	if (!n)
		return 0;
	if (live->alone)
		return add_node(live, n, index);
	if (live->polled) {
		heed_deadline(live, n, index);
		return add_event(live, n, index);
	}
	if (!kc_node_err(n))
		nr = kc_node_sources(n, sources, KCHAN_MAX_CASES);
	if (nr >= KCHAN_MAX_CASES - live->nr)
		return -E2BIG;
	ret = kc_node_done(n, &done);
	if (ret)
		return ret;
	*kc_live_add(live, index, done) = (struct kchan_case){
		.fd = done->fd,
		.op = KCHAN_OP_RECV,
	};
	live->any = done;
	for (i = 0; i < nr; i++) {
		live->foreign = true;
		add_polled(live, NULL, sources[i]->chan->fd, index);
	}
	heed_deadline(live, n, index);
	return 0;
}

static bool has_source(kc_ctx *ctx)
{
	struct kc_node *n = kc_ctx_node(ctx);

	return n && !kc_node_known(n) && kc_node_sources(n, NULL, 0);
}

static bool is_idle(kc_ctx *ctx)
{
	struct kc_node *n = kc_ctx_node(ctx);

	/*
	 * If nobody has asked for the deadline to be watched, it is noticed only by who looks
	 * at the clock.
	 */
	return !n || (!kc_node_known(n) && !kc_node_sources(n, NULL, 0) &&
		      (n->deadline == KC_NEVER || n->deadline > kc_now()));
}

static int await(struct kc_live *live, struct kc_limit limit)
{
	return kc_ctx_await(live->nodes, live->nr_nodes, KC_STATE_SELECT, limit);
}

static int status(kc_ctx *ctx)
{
	const int err = kc_ctx_err(ctx);

	return err ? err : -ECANCELED;
}

static const struct kc_ctx_cases ctx_cases = {
	.add = add_context,
	.has_source = has_source,
	.is_idle = is_idle,
	.release = release,
	.await = await,
	.status = status,
};

KC_SET_HOOK(kc_ctx_cases, &ctx_cases)

int kc_select_ctx(kc_ctx *ctx, kc_case *cases, size_t n)
{
	struct kc_node *node = kc_ctx_node(ctx);
	int64_t now;
	int ret;

	if (!node)
		return kc_select(cases, n);
	ret = kc_node_err(node);
	if (ret)
		return ret;
	/* The durations of the cases count from this time, in both calls. */
	now = kc_now();
	if (!__atomic_load_n(&node->done, __ATOMIC_ACQUIRE)) {
		ret = kc_select_cases(cases, n, KC_NOT_AT_ALL, now, NULL);
		if (ret != -EAGAIN)
			return ret;
	}
	return kc_select_cases(cases, n, KC_FOR_EVER, now, ctx);
}
