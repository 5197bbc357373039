// SPDX-License-Identifier: GPL-2.0-only
/*
 * The state machine: what a send, a receive and a close do to one channel, all
 * under its lock. Nothing here waits; see xfer.c for the calls that do, and
 * party.h for how a parked call is claimed.
 *
 * Where an element goes, and comes from, in this order:
 *
 *	send	the longest-waiting receiver; the rings, if there is room
 *	receive	what was put back; the rings; the longest-waiting sender
 *
 * A receive that frees room in the rings lets the longest-waiting sender in.
 */
#include <linux/poll.h>
#include <linux/string.h>
#include <linux/uaccess.h>

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
	for (; d->in; d->in--)
		wake_up_poll(&ch->pollers, EPOLLIN | EPOLLRDNORM);
	if (d->out_all)
		__wake_up(&ch->pollers, TASK_NORMAL, 0,
			  poll_to_key(EPOLLOUT | EPOLLWRNORM));
	else
		for (; d->out; d->out--)
			wake_up_poll(&ch->pollers, EPOLLOUT | EPOLLWRNORM);
}

/**
 * kchan_run_deferred() - do what was left until the lock was dropped
 * @ch: the channel
 * @d: what there is to do
 *
 * Context: no channel's lock is held. May sleep.
 */
void kchan_run_deferred(struct kchan *ch, struct kchan_deferred *d)
{
	struct kchan_ring *ring, *next_ring;
	struct kchan_elem *elem, *next_elem;

	kchan_wake_done(&d->done);
	kchan_wake_pollers(ch, d);
	list_for_each_entry_safe(ring, next_ring, &d->rings, node)
		kchan_ring_free(ring, ch->user);
	list_for_each_entry_safe(elem, next_elem, &d->elems, node)
		kchan_elem_free(elem);
}

/**
 * kchan_copy_in() - copy an element from the caller
 * @dst: where to
 * @len: its bytes
 * @from: where from: advanced, or left alone on failure
 *
 * Context: with page faults disabled it does not sleep, and fails on a page that
 * is not there.
 * Return: whether all of it was copied.
 */
bool kchan_copy_in(void *dst, u32 len, struct iov_iter *from)
{
	size_t n = copy_from_iter(dst, len, from);

	if (likely(n == len))
		return true;
	iov_iter_revert(from, n);
	return false;
}

/**
 * kchan_copy_out() - copy an element to the caller
 * @src: where from
 * @len: its bytes
 * @to: where to: advanced, or left alone on failure
 *
 * Context: as for kchan_copy_in().
 * Return: whether all of it was copied.
 */
bool kchan_copy_out(const void *src, u32 len, struct iov_iter *to)
{
	size_t n = copy_to_iter(src, len, to);

	if (likely(n == len))
		return true;
	iov_iter_revert(to, n);
	return false;
}

static bool kchan_fill(void *dst, struct kchan_src *src)
{
	bool copied;

	if (src->elem) {
		memcpy(dst, src->elem->data, src->len);
		return true;
	}
	pagefault_disable();
	copied = kchan_copy_in(dst, src->len, src->from);
	pagefault_enable();
	return copied;
}

/*
 * The longest-waiting receiver that takes an element of so many bytes. Those
 * that wait ahead of it with too little room learn so and wait no longer.
 */
static struct kchan_waiter *kchan_receiver(struct kchan *ch, u32 len,
					   struct kchan_deferred *d)
{
	struct kchan_waiter *w;

	while ((w = kchan_first(&ch->receivers))) {
		if (likely(len <= w->room))
			return w;
		if (kchan_claim(w))
			kchan_complete(&ch->receivers, w, -EMSGSIZE, d);
	}
	return NULL;
}

/* The ring that elements enter; only with room in it is it sure to be there. */
static struct kchan_ring *kchan_newest(struct kchan *ch)
{
	return list_last_entry(&ch->rings, struct kchan_ring, node);
}

static struct kchan_ring *kchan_oldest(struct kchan *ch)
{
	return list_first_entry(&ch->rings, struct kchan_ring, node);
}

/* Stores an element: there is room. */
static bool kchan_store(struct kchan *ch, struct kchan_src *src)
{
	struct kchan_ring *ring = kchan_newest(ch);
	void *slot = kchan_ring_tail(ring);

	if (kchan_by_pointer(ch)) {
		*(struct kchan_elem **)slot = src->elem;
		src->elem = NULL;
	} else if (ch->message) {
		*(u64 *)slot = src->len;
		if (!kchan_fill(slot + sizeof(u64), src))
			return false;
	} else if (!kchan_fill(slot, src)) {
		return false;
	}
	kchan_ring_push(ring);
	ch->stored++;
	return true;
}

/**
 * kchan_give() - send an element, if that needs no waiting
 * @ch: the channel, in use
 * @src: the element; of one over a page, in kernel memory
 * @d: what to do when the lock is dropped
 *
 * Context: the channel's lock is held.
 * Return: 0; -EAGAIN when it has to wait; -EPIPE when nobody can receive it any
 * more, or the channel is closed; -EFAULT when user memory is not there: the
 * caller copies the element to kernel memory and comes again.
 */
int kchan_give(struct kchan *ch, struct kchan_src *src,
	       struct kchan_deferred *d)
{
	struct kchan_waiter *w;

	if (unlikely(ch->closed || !ch->recv_ends))
		return -EPIPE;

	while ((w = kchan_receiver(ch, src->len, d))) {
		/*
		 * The element goes into the staging before the claim, for a
		 * claim is never undone. Should the claim fail, the staging is
		 * of no further interest and the element still ours.
		 */
		if (!kchan_by_pointer(ch) && !kchan_fill(w->elem->data, src))
			return -EFAULT;
		if (unlikely(!kchan_claim(w))) {
			if (!src->elem)
				iov_iter_revert(src->from, src->len);
			continue;
		}
		if (kchan_by_pointer(ch)) {
			w->elem = src->elem;
			src->elem = NULL;
		}
		w->elem->len = src->len;
		w->elem->seq = ch->seq++;
		kchan_complete(&ch->receivers, w, 0, d);
		return 0;
	}

	if (ch->stored >= ch->capacity)
		return -EAGAIN;
	if (!kchan_store(ch, src))
		return -EFAULT;
	d->in++;
	return 0;
}

/**
 * kchan_admit() - let parked senders into the rings while there is room
 * @ch: the channel
 * @d: what to do when the lock is dropped
 *
 * Context: the channel's lock is held.
 */
void kchan_admit(struct kchan *ch, struct kchan_deferred *d)
{
	struct kchan_waiter *w;

	while (ch->stored < ch->capacity && (w = kchan_first(&ch->senders))) {
		struct kchan_src src = { .elem = w->elem, .len = w->elem->len };

		if (!kchan_claim(w))
			continue;
		/* From kernel memory: it does not fail. */
		kchan_store(ch, &src);
		w->elem = src.elem;
		kchan_complete(&ch->senders, w, 0, d);
		d->in++;
	}
}

/*
 * Copies an element that is about to leave the channel to where it is wanted.
 * When it is detached, @seq is the place in the order that it goes back to if it
 * has to.
 */
static int kchan_deliver(struct kchan_dst *dst, const void *data, u32 len,
			 u64 seq)
{
	bool copied;

	dst->len = len;
	if (unlikely(len > dst->room))
		return -EMSGSIZE;
	if (dst->detach) {
		memcpy(dst->elem->data, data, len);
		dst->elem->len = len;
		dst->elem->seq = seq;
		return 0;
	}
	pagefault_disable();
	copied = kchan_copy_out(data, len, dst->to);
	pagefault_enable();
	return copied ? 0 : -EFAULT;
}

/* The same for an element over a page, which moves by pointer. */
static int kchan_deliver_pointer(struct kchan_dst *dst, struct kchan_elem *elem,
				 u64 seq)
{
	dst->len = elem->len;
	if (unlikely(elem->len > dst->room))
		return -EMSGSIZE;
	elem->seq = seq;
	dst->elem = elem;
	return 0;
}

static int kchan_take_put_back(struct kchan *ch, struct kchan_dst *dst,
			       struct kchan_deferred *d)
{
	struct kchan_elem *elem;
	int ret;

	elem = list_first_entry(&ch->put_back, struct kchan_elem, node);
	if (kchan_by_pointer(ch)) {
		ret = kchan_deliver_pointer(dst, elem, elem->seq);
		if (ret)
			return ret;
		list_del(&elem->node);
	} else {
		ret = kchan_deliver(dst, elem->data, elem->len, elem->seq);
		if (ret)
			return ret;
		list_move(&elem->node, &d->elems);
	}
	ch->nr_put_back--;
	return 0;
}

static int kchan_take_stored(struct kchan *ch, struct kchan_dst *dst,
			     struct kchan_deferred *d)
{
	struct kchan_ring *ring = kchan_oldest(ch);
	void *slot = kchan_ring_head(ring);
	u32 stored = ch->stored;
	int ret;

	if (kchan_by_pointer(ch))
		ret = kchan_deliver_pointer(dst, *(struct kchan_elem **)slot,
					    ch->seq);
	else if (ch->message)
		ret = kchan_deliver(dst, slot + sizeof(u64), *(u64 *)slot,
				    ch->seq);
	else
		ret = kchan_deliver(dst, slot, ch->elem_size, ch->seq);
	if (ret)
		return ret;

	ch->seq++;
	kchan_ring_pop(ring);
	ch->stored--;
	if (unlikely(!ring->len && ring != kchan_newest(ch)))
		list_move(&ring->node, &d->rings);

	/* A sender who takes the room leaves none for pollers to hear of. */
	kchan_admit(ch, d);
	if (ch->stored < stored)
		d->out++;
	return 0;
}

static int kchan_take_parked(struct kchan *ch, struct kchan_dst *dst,
			     struct kchan_waiter *w, struct kchan_deferred *d)
{
	int ret;

	/*
	 * By pointer, the claim comes first and stands: if the caller cannot
	 * copy the element out, it is put back, and its sender has sent it.
	 */
	if (kchan_by_pointer(ch)) {
		if (unlikely(w->elem->len > dst->room)) {
			dst->len = w->elem->len;
			return -EMSGSIZE;
		}
		if (!kchan_claim(w))
			return -EAGAIN;
		kchan_deliver_pointer(dst, w->elem, ch->seq);
		w->elem = NULL;
	} else {
		ret = kchan_deliver(dst, w->elem->data, w->elem->len, ch->seq);
		if (ret)
			return ret;
		if (!kchan_claim(w)) {
			/* What was copied is nothing, and is written over. */
			if (!dst->detach)
				iov_iter_revert(dst->to, dst->len);
			return -EAGAIN;
		}
	}
	ch->seq++;
	kchan_complete(&ch->senders, w, 0, d);
	return 0;
}

/**
 * kchan_take() - receive an element, if that needs no waiting
 * @ch: the channel, in use
 * @dst: where to; elements over a page are always detached
 * @d: what to do when the lock is dropped
 *
 * Context: the channel's lock is held.
 * Return: 0; -EAGAIN when it has to wait; -EPIPE when the channel is closed and
 * drained; -EMSGSIZE when the element is longer than there is room, and stays;
 * -EFAULT when user memory is not there, and the element stays.
 */
int kchan_take(struct kchan *ch, struct kchan_dst *dst,
	       struct kchan_deferred *d)
{
	struct kchan_waiter *w;
	int ret;

	if (unlikely(!list_empty(&ch->put_back)))
		return kchan_take_put_back(ch, dst, d);
	if (ch->stored)
		return kchan_take_stored(ch, dst, d);
	while ((w = kchan_first(&ch->senders))) {
		ret = kchan_take_parked(ch, dst, w, d);
		/* Its owner gave up meanwhile: on to the next. */
		if (unlikely(ret == -EAGAIN))
			continue;
		return ret;
	}
	/* Only now, for what was sent before the close is still received. */
	return ch->closed ? -EPIPE : -EAGAIN;
}

/**
 * kchan_park_sender() - queue a waiter that has an element to send
 * @ch: the channel, whose kchan_give() has just said -EAGAIN
 * @w: the waiter, its element in @w->elem
 * @d: what to do when the lock is dropped
 *
 * Context: the channel's lock is held, and was not dropped since.
 */
void kchan_park_sender(struct kchan *ch, struct kchan_waiter *w,
		       struct kchan_deferred *d)
{
	kchan_enqueue(&ch->senders, w);
	/* On a rendezvous channel a parked sender is what makes it readable. */
	if (!ch->capacity)
		d->in++;
}

/**
 * kchan_park_receiver() - queue a waiter that wants an element
 * @ch: the channel, whose kchan_take() has just said -EAGAIN
 * @w: the waiter
 * @d: what to do when the lock is dropped
 *
 * Context: the channel's lock is held, and was not dropped since.
 */
void kchan_park_receiver(struct kchan *ch, struct kchan_waiter *w,
			 struct kchan_deferred *d)
{
	kchan_enqueue(&ch->receivers, w);
	if (!ch->capacity)
		d->out++;
}

/*
 * Elements come back in any order, and go out again in that of their hand-out.
 * There are seldom more than one or two, so look from the end.
 */
static void kchan_put_back_sorted(struct kchan *ch, struct kchan_elem *elem)
{
	struct kchan_elem *prev;

	list_for_each_entry_reverse(prev, &ch->put_back, node)
		if (prev->seq < elem->seq)
			break;
	list_add(&elem->node, &prev->node);
	ch->nr_put_back++;
}

/**
 * kchan_put_back() - return an element that was handed out but not received
 * @ch: the channel
 * @elem: the element, from the heap; it is no longer the caller's
 *
 * It goes to the longest-waiting receiver, as if it were sent again, or waits
 * outside the capacity, ahead of all that was sent after it. It cannot fail.
 * With no receive end left it is dropped.
 */
void kchan_put_back(struct kchan *ch, struct kchan_elem *elem)
{
	struct kchan_deferred d;
	struct kchan_waiter *w;

	kchan_deferred_init(&d);
	spin_lock(&ch->lock);
	if (!ch->recv_ends) {
		list_add(&elem->node, &d.elems);
		goto unlock;
	}
	while ((w = kchan_receiver(ch, elem->len, &d))) {
		if (!kchan_by_pointer(ch))
			memcpy(w->elem->data, elem->data, elem->len);
		if (!kchan_claim(w))
			continue;
		if (kchan_by_pointer(ch)) {
			w->elem = elem;
		} else {
			w->elem->len = elem->len;
			w->elem->seq = elem->seq;
			list_add(&elem->node, &d.elems);
		}
		kchan_complete(&ch->receivers, w, 0, &d);
		goto unlock;
	}
	kchan_put_back_sorted(ch, elem);
	d.in++;
unlock:
	spin_unlock(&ch->lock);
	kchan_run_deferred(ch, &d);
}

static void kchan_turn_away(struct kchan_waitq *q, struct kchan_deferred *d)
{
	struct kchan_waiter *w;

	while ((w = kchan_first(q)))
		if (kchan_claim(w))
			kchan_complete(q, w, -EPIPE, d);
}

/**
 * kchan_refuse() - turn parked senders away: nobody can receive any more
 * @ch: the channel
 * @d: what to do when the lock is dropped
 *
 * Context: the channel's lock is held.
 */
void kchan_refuse(struct kchan *ch, struct kchan_deferred *d)
{
	kchan_turn_away(&ch->senders, d);
	d->all = true;
}

/**
 * kchan_shut() - close a channel that is open
 * @ch: the channel
 * @d: what to do when the lock is dropped
 *
 * Parked senders keep their elements and are told so. Receivers wait only while
 * nothing is queued, so those who do are at the end of the stream.
 *
 * Context: the channel's lock is held.
 */
void kchan_shut(struct kchan *ch, struct kchan_deferred *d)
{
	ch->closed = true;
	kchan_turn_away(&ch->senders, d);
	kchan_turn_away(&ch->receivers, d);
	d->all = true;
}

/**
 * kchan_close() - close a channel for all
 * @ch: the channel
 *
 * Return: 0, or -EALREADY.
 */
int kchan_close(struct kchan *ch)
{
	struct kchan_deferred d;
	int ret = 0;

	kchan_deferred_init(&d);
	spin_lock(&ch->lock);
	if (ch->closed)
		ret = -EALREADY;
	else
		kchan_shut(ch, &d);
	spin_unlock(&ch->lock);
	kchan_run_deferred(ch, &d);
	return ret;
}

static __poll_t kchan_recv_readiness(struct kchan *ch)
{
	bool queued = ch->stored || ch->nr_put_back || kchan_first(&ch->senders);
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
	if (ch->stored < ch->capacity || kchan_first(&ch->receivers))
		return EPOLLOUT | EPOLLWRNORM;
	return 0;
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
	ch->fixed = true;
	if (mode & FMODE_READ)
		mask |= kchan_recv_readiness(ch);
	if (mode & FMODE_WRITE)
		mask |= kchan_send_readiness(ch);
	spin_unlock(&ch->lock);
	return mask;
}
