// SPDX-License-Identifier: GPL-2.0-only
/*
 * Transfers: the calls that send and receive. They copy, fault in, stage, park
 * and put back around the state machine of chan.c.
 *
 * The fast path copies between user memory and the channel under its lock, with
 * page faults disabled. What that cannot do is done by way of kernel memory that
 * the call owns, its staging: an element whose user page is not there, one that
 * has to wait, and every one over a page.
 */
#include <linux/err.h>
#include <linux/minmax.h>
#include <linux/sched.h>
#include <linux/sched/signal.h>
#include <linux/uaccess.h>
#include <linux/uio.h>

#include "chan.h"
#include "compat.h"
#include "stage.h"

/*
 * Sleeps until the parked waiter has been served. When its owner gives up, the
 * waiter may still be in the queue, and is on our stack.
 */
static int kchan_wait_served(struct kchan *ch, struct kchan_waitq *q,
			     struct kchan_waiter *w,
			     const struct kchan_wait *wait)
{
	int ret = kchan_party_wait(w->party, wait->deadline, NULL);

	if (!ret)
		return w->party->winner->status;
	spin_lock(&ch->lock);
	kchan_dequeue(q, w);
	spin_unlock(&ch->lock);
	return ret;
}

/*
 * Sends one element by way of kernel memory, and waits if it has to. Not inline:
 * its frame is large, and the fast path does not need it.
 */
static noinline int kchan_send_staged(struct kchan *ch, struct iov_iter *from,
				      u32 len, const struct kchan_wait *wait)
{
	struct kchan_deferred d __uninitialized;
	struct kchan_src src = { .len = len };
	union kchan_stack_elem small __uninitialized;
	struct kchan_party party;
	struct kchan_waiter w;
	int ret;

	kchan_deferred_init(&d);
	src.elem = kchan_stage(ch, &small, len);
	if (IS_ERR(src.elem))
		return PTR_ERR(src.elem);
	if (!kchan_copy_in(src.elem->data, len, from)) {
		kchan_unstage(ch, &small, src.elem);
		return -EFAULT;
	}

	spin_lock(&ch->lock);
	ret = kchan_give(ch, &src, &d);
	if (ret == -EAGAIN && !wait->nonblock) {
		kchan_party_init(&party, current);
		w.party = &party;
		w.elem = src.elem;
		kchan_park_sender(ch, &w, &d);
		spin_unlock(&ch->lock);
		kchan_run_deferred(ch, &d);

		ret = kchan_wait_served(ch, &ch->senders, &w, wait);
		src.elem = w.elem;
	} else {
		spin_unlock(&ch->lock);
		kchan_run_deferred(ch, &d);
	}

	if (ret)
		iov_iter_revert(from, len);
	kchan_unstage(ch, &small, src.elem);
	return ret;
}

/* The rest of kchan_send(), from where its first run ended in @ret. */
static noinline ssize_t kchan_send_rest(struct kchan *ch, struct iov_iter *from,
					size_t count, u32 len,
					const struct kchan_wait *wait, int ret)
{
	size_t sent;

	for (;;) {
		if (ret == -EFAULT || (ret == -EAGAIN && !wait->nonblock))
			ret = kchan_send_staged(ch, from, len, wait);
		if (ret || !iov_iter_count(from))
			break;
		if (signal_pending(current)) {
			ret = -ERESTARTSYS;
			break;
		}
		cond_resched();
		ret = -EFAULT;
		if (!kchan_by_pointer(ch))
			ret = kchan_give_run(ch, from, len);
	}
	sent = count - iov_iter_count(from);
	return sent ? sent : ret;
}

/**
 * kchan_send() - send elements
 * @ch: the channel, in use
 * @from: the elements: of fixed size, a whole number of them; a message
 * @wait: whether to wait for each
 *
 * With an element size of 0, sends one element.
 *
 * Return: bytes that were sent, and then @from has advanced by so many; or, if
 * none were: 0 for an element of size 0, -EAGAIN, -EPIPE, -EFAULT, -ENOMEM,
 * -EDQUOT, -ETIMEDOUT, -ERESTARTSYS.
 */
ssize_t kchan_send(struct kchan *ch, struct iov_iter *from,
		   const struct kchan_wait *wait)
{
	const size_t count = iov_iter_count(from);
	const u32 len = ch->message ? count : ch->elem_size;
	int ret = -EFAULT;

	if (!kchan_by_pointer(ch)) {
		ret = kchan_give_run(ch, from, len);
		if (likely(!ret && !iov_iter_count(from)))
			return count;
	}
	return kchan_send_rest(ch, from, count, len, wait, ret);
}

/*
 * Receives one element by way of kernel memory, and waits if it has to. What is
 * there already goes to user memory directly, unless @detach. Not inline, as
 * kchan_send_staged().
 */
static noinline int kchan_recv_staged(struct kchan *ch, struct iov_iter *to,
				      struct kchan_dst *dst, bool detach,
				      const struct kchan_wait *wait)
{
	struct kchan_deferred d __uninitialized;
	struct kchan_elem *staging = NULL;
	union kchan_stack_elem small __uninitialized;
	struct kchan_party party;
	struct kchan_waiter w;
	int ret;

	kchan_deferred_init(&d);
	/* A bad buffer is found out before anything waits. */
	dst->len = dst->room;
	if (!wait->nonblock && !kchan_fault_in(to, dst->room))
		return -EFAULT;
	if (!kchan_by_pointer(ch)) {
		staging = kchan_stage(ch, &small, dst->room);
		if (IS_ERR(staging))
			return PTR_ERR(staging);
	}
	dst->detach = detach;
	dst->elem = staging;

	spin_lock(&ch->lock);
	ret = kchan_take(ch, dst, &d);
	if (ret == -EAGAIN && !wait->nonblock) {
		kchan_party_init(&party, current);
		w.party = &party;
		w.elem = staging;
		w.room = dst->room;
		kchan_park_receiver(ch, &w, &d);
		spin_unlock(&ch->lock);
		kchan_run_deferred(ch, &d);

		ret = kchan_wait_served(ch, &ch->receivers, &w, wait);
		dst->elem = w.elem;
		detach = true;
	} else {
		spin_unlock(&ch->lock);
		kchan_run_deferred(ch, &d);
	}

	dst->detach = false;
	if (!ret && detach) {
		dst->len = dst->elem->len;
		return kchan_settle(ch, to, &small, dst->elem);
	}
	kchan_unstage(ch, &small, staging);
	return ret;
}

/* The rest of kchan_recv(), from where its first run ended in @ret. */
static noinline ssize_t kchan_recv_rest(struct kchan *ch, struct iov_iter *to,
					size_t count, struct kchan_dst *dst,
					const struct kchan_wait *wait, int ret)
{
	const struct kchan_wait no_wait = { .nonblock = true };
	const bool by_pointer = kchan_by_pointer(ch);
	bool detach = by_pointer;
	unsigned int faults = 0;
	size_t left = count;

	for (;;) {
		if (ret == -EAGAIN && !wait->nonblock &&
		    iov_iter_count(to) == count)
			ret = kchan_recv_staged(ch, to, dst, by_pointer, wait);

		if (iov_iter_count(to) < left) {
			left = iov_iter_count(to);
			detach = by_pointer;
			faults = 0;
		}
		if (ret == -EFAULT && !detach) {
			if (fault_in_iov_iter_writeable(to, dst->len))
				break;
			/* Made present twice and gone again: go around. */
			detach = ++faults == 2;
		} else if (ret || ch->message || !dst->room ||
			   left < dst->room || signal_pending(current)) {
			break;
		}
		cond_resched();
		if (detach)
			ret = kchan_recv_staged(ch, to, dst, true, &no_wait);
		else
			ret = kchan_take_run(ch, dst);
	}
	return left < count ? count - left : ret;
}

/*
 * Whether there seems to be nothing to say but "wait". No lock is held: whoever
 * goes by this looks again, with it.
 */
static bool kchan_seems_empty(const struct kchan *ch)
{
	return !READ_ONCE(ch->stored) && !READ_ONCE(ch->nr_put_back) &&
	       list_empty(&ch->senders.list) && !READ_ONCE(ch->closed);
}

/**
 * kchan_recv() - receive elements
 * @ch: the channel, in use
 * @to: where to: as many whole elements as are there and fit, at least one; in
 *	message mode one
 * @wait: whether to wait for the first
 *
 * Return: bytes that were received, and then @to has advanced by so many; or, if
 * none were: 0 for an element of size 0, -EPIPE at the end of the stream,
 * -EAGAIN, -EMSGSIZE, -EFAULT, -ENOMEM, -ETIMEDOUT, -EINTR, -ERESTARTSYS.
 */
ssize_t kchan_recv(struct kchan *ch, struct iov_iter *to,
		   const struct kchan_wait *wait)
{
	const struct kchan_wait no_wait = { .nonblock = true };
	const size_t count = iov_iter_count(to);
	struct kchan_dst dst;
	int ret;

	dst.to = to;
	dst.detach = false;
	dst.room = min_t(size_t, count, ch->elem_size);
	if (kchan_by_pointer(ch)) {
		ret = kchan_recv_staged(ch, to, &dst, true, &no_wait);
	} else if (!wait->nonblock && kchan_seems_empty(ch)) {
		ret = -EAGAIN;
	} else {
		ret = kchan_take_run(ch, &dst);
		if (likely(!ret && (ch->message || !dst.room ||
				    iov_iter_count(to) < dst.room)))
			return count - iov_iter_count(to);
	}
	return kchan_recv_rest(ch, to, count, &dst, wait, ret);
}
