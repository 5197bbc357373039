// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Acquiring a semaphore until a context is cancelled.
 */
#include "base/clock.h"
#include "base/futex.h"
#include "context/node.h"
#include "sync/sem_wait.h"

struct stop {
	struct kc_stop stop;
	struct kc_node *node;
	struct kc_ctx_wait wait;
	/* A futex word, and how to change it. */
	uint32_t *word;
	uint32_t from;
	uint32_t to;
};

/*
 * Changes the word. The waiting thread's kc_ctx_wait_del() waits for this to finish, by
 * the lock, so the word still exists.
 */
static void cancelled(struct kc_ctx_wait *wait)
{
	const struct stop *s = kc_container(wait, struct stop, wait);
	uint32_t from = s->from;

	if (__atomic_compare_exchange_n(s->word, &from, s->to, false,
					__ATOMIC_RELEASE, __ATOMIC_RELAXED))
		sys_futex_wake_one(s->word);
}

static int begin(struct kc_stop *stop, uint32_t *word, uint32_t from, uint32_t to)
{
	struct stop *s = kc_container(stop, struct stop, stop);
	int ret;

	s->word = word;
	s->from = from;
	s->to = to;
	s->wait.cancelled = cancelled;
	s->wait.forked = NULL;
	/*
	 * A futex wait cannot wait for the channel of another process. So the keeper
	 * watches it.
	 */
	ret = kc_node_arm(s->node, false);
	return ret ? ret : kc_ctx_wait_add(s->node, &s->wait);
}

static int end(struct kc_stop *stop)
{
	struct stop *s = kc_container(stop, struct stop, stop);

	kc_ctx_wait_del(&s->wait);
	return kc_node_err(s->node);
}

int kc_sem_acquire_ctx(kc_ctx *ctx, kc_sem *sem, int64_t n)
{
	struct kc_node *node = kc_ctx_node(ctx);
	struct stop s = {
		.stop = { .begin = begin, .end = end },
		.node = node,
	};
	const int err = kc_ctx_err(ctx);

	if (err)
		return err;
	return kc_sem_wait(sem, n, node && node->deadline != KC_NEVER ?
			   kc_until(node->deadline) : KC_FOR_EVER,
			   node ? &s.stop : NULL);
}
