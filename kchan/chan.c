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
#include <linux/minmax.h>
#include <linux/string.h>
#include <linux/uaccess.h>

#include "chan.h"
#include "compat.h"
#include "ring.h"
#include "trace.h"

static __always_inline bool kchan_fill(void *dst, struct kchan_src *src)
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

/* Stores an element: there is room. */
static __always_inline bool kchan_store(struct kchan *ch, struct kchan_src *src)
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

/* Gives an element to the longest-waiting receiver that takes it. */
static int kchan_hand_over(struct kchan *ch, struct kchan_src *src,
			   struct kchan_deferred *d)
{
	struct kchan_waiter *w;

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
		kchan_trace(send, ch, w->elem->seq, src->len, current);
		kchan_trace(receive, ch, w->elem->seq, src->len, w->party->task);
		kchan_complete(&ch->receivers, w, 0, d);
		return 0;
	}
	return -EAGAIN;
}

static __always_inline int kchan_give_one(struct kchan *ch,
					  struct kchan_src *src,
					  struct kchan_deferred *d)
{
	int ret;

	if (unlikely(ch->closed || !ch->recv_ends))
		return -EPIPE;
	if (!list_empty(&ch->receivers.list)) {
		ret = kchan_hand_over(ch, src, d);
		if (ret != -EAGAIN)
			return ret;
	}
	if (ch->stored >= ch->capacity)
		return -EAGAIN;
	if (!kchan_store(ch, src))
		return -EFAULT;
	kchan_trace(send, ch, kchan_sent(ch) - 1, src->len, current);
	d->in++;
	return 0;
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
	return kchan_give_one(ch, src, d);
}

/**
 * kchan_give_run() - send what goes without waiting, up to a batch
 * @ch: the channel, in use
 * @from: elements of up to a page, at least one: advanced by those sent
 * @len: bytes in each
 *
 * Return: 0 when the last one looked at was sent; otherwise as kchan_give().
 */
int kchan_give_run(struct kchan *ch, struct iov_iter *from, u32 len)
{
	const size_t count = iov_iter_count(from);
	const size_t stop = count - min_t(size_t, count, ch->batch);
	struct kchan_src src = { .from = from, .len = len };
	struct kchan_deferred d __uninitialized;
	int ret;

	kchan_deferred_init(&d);
	spin_lock(&ch->lock);
	do {
		ret = kchan_give_one(ch, &src, &d);
	} while (!ret && iov_iter_count(from) > stop);
	spin_unlock(&ch->lock);
	kchan_run_deferred(ch, &d);
	return ret;
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
		kchan_trace(send, ch, kchan_sent(ch) - 1, src.len, w->party->task);
		kchan_complete(&ch->senders, w, 0, d);
		d->in++;
	}
}

/*
 * Copies an element that is about to leave the channel to where it is wanted.
 * When it is detached, @seq is the place in the order that it goes back to if it
 * has to.
 */
static __always_inline int kchan_deliver(struct kchan_dst *dst,
					 const void *data, u32 len, u64 seq)
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
		list_del(&elem->node);
		kchan_defer_elem(d, elem);
	}
	kchan_trace(receive, ch, elem->seq, elem->len, current);
	ch->nr_put_back--;
	return 0;
}

static __always_inline int kchan_take_stored(struct kchan *ch,
					     struct kchan_dst *dst,
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

	kchan_trace(receive, ch, ch->seq, dst->len, current);
	kchan_pop(ch, ring);
	if (unlikely(!ring->len && ring != kchan_newest(ch)))
		kchan_defer_ring(d, ring);

	/* A sender who takes the room leaves none for pollers to hear of. */
	if (!list_empty(&ch->senders.list))
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
	kchan_trace(send, ch, ch->seq, dst->len, w->party->task);
	kchan_trace(receive, ch, ch->seq, dst->len, current);
	ch->seq++;
	kchan_complete(&ch->senders, w, 0, d);
	return 0;
}

static int kchan_take_from_sender(struct kchan *ch, struct kchan_dst *dst,
				  struct kchan_deferred *d)
{
	struct kchan_waiter *w;
	int ret;

	while ((w = kchan_first(&ch->senders))) {
		ret = kchan_take_parked(ch, dst, w, d);
		/* Its owner gave up meanwhile: on to the next. */
		if (unlikely(ret == -EAGAIN))
			continue;
		return ret;
	}
	return -EAGAIN;
}

static __always_inline int kchan_take_one(struct kchan *ch,
					  struct kchan_dst *dst,
					  struct kchan_deferred *d)
{
	int ret;

	if (likely(ch->stored && !ch->nr_put_back))
		ret = kchan_take_stored(ch, dst, d);
	else if (ch->nr_put_back)
		ret = kchan_take_put_back(ch, dst, d);
	else if (!list_empty(&ch->senders.list))
		ret = kchan_take_from_sender(ch, dst, d);
	else
		ret = -EAGAIN;

	/*
	 * Closed is looked at last: what was sent before the close is still
	 * received. With the last of it gone pollers are to see EPOLLHUP.
	 */
	if (unlikely(ch->closed)) {
		if (ret == -EAGAIN)
			return -EPIPE;
		if (!ch->stored && !ch->nr_put_back)
			d->all = true;
	}
	return ret;
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
	return kchan_take_one(ch, dst, d);
}

/**
 * kchan_take_run() - receive what is there, up to a batch
 * @ch: the channel, in use
 * @dst: user memory that has room for one element at least; in message mode one
 *	is taken
 *
 * Return: 0 when the last one looked for was received; otherwise as
 * kchan_take().
 */
int kchan_take_run(struct kchan *ch, struct kchan_dst *dst)
{
	const size_t count = iov_iter_count(dst->to);
	const size_t stop = count - min_t(size_t, count, ch->batch);
	struct kchan_deferred d __uninitialized;
	int ret;

	kchan_deferred_init(&d);
	spin_lock(&ch->lock);
	do {
		ret = kchan_take_one(ch, dst, &d);
	} while (!ret && iov_iter_count(dst->to) >= stop + dst->room &&
		 !ch->message && dst->room);
	spin_unlock(&ch->lock);
	kchan_run_deferred(ch, &d);
	return ret;
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
	kchan_trace(block, &ch->senders, w->party->task);
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
	kchan_trace(block, &ch->receivers, w->party->task);
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
	kchan_trace(put_back, ch, elem->seq, elem->len, current);
	if (!ch->recv_ends) {
		kchan_defer_elem(&d, elem);
		goto unlock;
	}
	while ((w = kchan_receiver(ch, elem->len, &d))) {
		if (!kchan_by_pointer(ch))
			memcpy(w->elem->data, elem->data, elem->len);
		if (!kchan_claim(w))
			continue;
		kchan_trace(receive, ch, elem->seq, elem->len, w->party->task);
		if (kchan_by_pointer(ch)) {
			w->elem = elem;
		} else {
			w->elem->len = elem->len;
			w->elem->seq = elem->seq;
			kchan_defer_elem(&d, elem);
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
