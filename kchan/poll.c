// SPDX-License-Identifier: GPL-2.0-only
/*
 * Readiness, and telling those who poll for it.
 */
#include <linux/poll.h>
#include <linux/sched.h>

#include "chan.h"
#include "ring.h"

/*
 * Input and output never go into one wake-up, for epoll would then wake every
 * exclusive set. Each element that was queued, and each slot that was freed, may
 * serve another waiter, and so is a wake-up of its own.
 *
 * That nobody is missed: a poller enters the queue, then looks at the channel
 * under its lock. Either its look came after our change, and saw it; or it came
 * before, and then so did its entering the queue, and we see it here.
 */
static void kchan_wake_pollers(struct kchan *ch, struct kchan_deferred *d)
{
	/* As argued above, no barrier is needed here. */
	if (!waitqueue_active(&ch->pollers))
		return;
	if (d->all) {
		wake_up_all(&ch->pollers);
		return;
	}
	for (; d->in; d->in--) {
		wake_up_poll(&ch->pollers, EPOLLIN | EPOLLRDNORM);
		cond_resched();
	}
	if (d->out_all)
		__wake_up(&ch->pollers, TASK_NORMAL, 0,
			  poll_to_key(EPOLLOUT | EPOLLWRNORM));
	else
		for (; d->out; d->out--)
			wake_up_poll(&ch->pollers, EPOLLOUT | EPOLLWRNORM);
}

/**
 * kchan_run_more() - the part of kchan_run_deferred() that is seldom needed
 * @ch: the channel
 * @d: what there is to do
 *
 * Context: no channel's lock is held. May sleep.
 */
void kchan_run_more(struct kchan *ch, struct kchan_deferred *d)
{
	struct kchan_ring *ring, *next_ring;
	struct kchan_elem *elem, *next_elem;

	if (d->more)
		kchan_wake_done(&d->done);
	kchan_wake_pollers(ch, d);
	if (!d->more)
		return;
	list_for_each_entry_safe(ring, next_ring, &d->rings, node)
		kchan_ring_free(ring, ch->user);
	list_for_each_entry_safe(elem, next_elem, &d->elems, node)
		kchan_elem_free(ch, elem);
}

static __poll_t kchan_recv_readiness(struct kchan *ch)
{
	const bool queued = kchan_has_elem(ch);
	__poll_t mask = 0;

	if (queued || ch->closed)
		mask |= EPOLLIN | EPOLLRDNORM;
	if (ch->closed) {
		mask |= EPOLLRDHUP;
		if (!queued)
			mask |= EPOLLHUP;
	}
	return mask;
}

static __poll_t kchan_send_readiness(struct kchan *ch)
{
	if (ch->closed || !ch->recv_ends)
		return EPOLLOUT | EPOLLWRNORM | EPOLLERR;
	return kchan_can_send(ch) ? EPOLLOUT | EPOLLWRNORM : 0;
}

/**
 * kchan_readiness() - what would not block
 * @ch: the channel
 * @mode: FMODE_READ and FMODE_WRITE, as the end asking may
 *
 * Fixes the geometry, without allocating anything.
 *
 * Return: the events, as poll tells them.
 */
__poll_t kchan_readiness(struct kchan *ch, fmode_t mode)
{
	__poll_t mask = 0;

	spin_lock(&ch->lock);
	WRITE_ONCE(ch->fixed, true);
	if (mode & FMODE_READ)
		mask |= kchan_recv_readiness(ch);
	if (mode & FMODE_WRITE)
		mask |= kchan_send_readiness(ch);
	spin_unlock(&ch->lock);
	return mask;
}
