// SPDX-License-Identifier: GPL-2.0-only
/*
 * The channel: what sends, receives, closes and put-backs do to it under its lock.
 * Nothing here waits. See call.c for the calls that do, and party.h for how a
 * parked call is served.
 *
 * Where an element goes to, and comes from, in this order:
 *
 *	send	the longest-waiting receiver; the rings, if there is room
 *	receive	what was put back; the rings; the longest-waiting sender
 *
 * What was returned to the tail is the exception: it comes after what was in the rings
 * then.
 *
 * A receive that frees room in the rings lets the longest-waiting sender in.
 *
 * Elements of fixed size go in runs: one copy moves all elements whose slots follow one
 * another. A run wakes the pollers once.
 */
#include <linux/minmax.h>
#include <linux/nospec.h>
#include <linux/poll.h>
#include <linux/sched.h>
#include <linux/string.h>
#include <linux/uaccess.h>

#include "compat.h"
#include "flight.h"
#include "party.h"
#include "ring.h"

#define CREATE_TRACE_POINTS
#include "trace.h"

/*
 * A receive, or a send, may have become ready, for @nr elements: so many pollers are
 * woken, and a select that looks at several channels without their locks looks again.
 */
static void kchan_recv_rises(struct kchan *ch, u32 nr, struct kchan_step *step)
{
	ch->recv_rises++;
	step->in += nr;
}

static void kchan_send_rises(struct kchan *ch, u32 nr, struct kchan_step *step)
{
	ch->send_rises++;
	step->out += nr;
}

/*
 * A receive and a send may both have become ready, and what poll reports has changed
 * for good. All pollers are woken.
 */
static void kchan_all_rise(struct kchan *ch, struct kchan_step *step)
{
	ch->recv_rises++;
	ch->send_rises++;
	step->all = true;
	step->rest = true;
}

/*
 * Input and output never go into one wake-up: epoll would then wake every exclusive
 * set. An end with one direction is only in the queue of that direction, so it never
 * takes a wake-up of the other direction.
 *
 * Nobody is missed: see kchan_polled_in().
 */
static void kchan_wake_pollers(struct kchan *ch, int in, int out)
{
	if (in && kchan_polled_in(ch))
		__wake_up(&ch->rd_wait, TASK_NORMAL, in,
			  poll_to_key(EPOLLIN | EPOLLRDNORM));
	if (out && kchan_polled_out(ch))
		__wake_up(&ch->wr_wait, TASK_NORMAL, out,
			  poll_to_key(EPOLLOUT | EPOLLWRNORM));
}

/* Whether an element may enter the newest ring. The lock is held. */
static bool kchan_has_room(struct kchan *ch)
{
	return ch->stored < ch->capacity &&
	       (likely(!ch->mapped) || kchan_mapping_has_room(ch));
}

static bool kchan_queued(const struct kchan *ch)
{
	return ch->stored || ch->nr_put_back;
}

/*
 * Whether receivers are at the end of the stream. That is final: nobody sends any
 * more, and no element can come back.
 *
 * The read of kchan.flying comes after the store of closed. Between them is a full
 * barrier in kchan_shut(), or the lock was dropped and taken since. This pairs with
 * kchan_settle(), which decrements flying, has a full barrier, and then reads
 * closed. Either we see that the last element was settled, or the task that settles
 * it sees that the channel is closed, and tells the receivers. Leases and delays end
 * under the lock.
 */
static bool kchan_at_end(const struct kchan *ch)
{
	return ch->closed && !kchan_queued(ch) && !kchan_any_in_flight(ch);
}

/*
 * The next two functions copy from and to user memory, without taking page faults. They
 * return the bytes that were copied. They skip the checks of hardened usercopy, as
 * copies to and from pages do. The geometry gives the bounds of a slot and of staging,
 * and the length was compared with it.
 */
static __always_inline size_t kchan_from_user(void *to, const void __user *from,
					      size_t len)
{
	size_t n = 0;

	pagefault_disable();
	if (likely(access_ok(from, len))) {
		/* Do not speculate with data from a mispredicted address. */
		barrier_nospec();
		n = len - raw_copy_from_user(to, from, len);
	}
	pagefault_enable();
	return n;
}

static __always_inline size_t kchan_to_user(void __user *to, const void *from, size_t len)
{
	size_t n = 0;

	pagefault_disable();
	if (likely(access_ok(to, len)))
		n = len - raw_copy_to_user(to, from, len);
	pagefault_enable();
	return n;
}

/*
 * The next two functions do the same with an iterator, for @nr elements of @size bytes
 * each. They return how many were copied whole, and advance the iterator by them.
 *
 * A single user buffer is copied without the general iterator. This saves about 190 of
 * the 2240 instructions of a send and a receive that go the long way (8 %).
 */
static int kchan_copy_in(void *to, u32 size, int nr, struct iov_iter *from)
{
	const size_t len = (size_t)nr * size;
	size_t n;

	if (likely(iter_is_ubuf(from))) {
		n = kchan_from_user(to, from->ubuf + from->iov_offset, len);
		from->iov_offset += n;
		from->count -= n;
	} else {
		pagefault_disable();
		n = _copy_from_iter(to, len, from);
		pagefault_enable();
	}
	if (likely(n == len))
		return nr;
	iov_iter_revert(from, n % size);
	return n / size;
}

static int kchan_copy_out(const void *data, u32 size, int nr, struct iov_iter *to)
{
	const size_t len = (size_t)nr * size;
	size_t n;

	if (likely(iter_is_ubuf(to))) {
		n = kchan_to_user(to->ubuf + to->iov_offset, data, len);
		to->iov_offset += n;
		to->count -= n;
	} else {
		pagefault_disable();
		n = _copy_to_iter(data, len, to);
		pagefault_enable();
	}
	if (likely(n == len))
		return nr;
	iov_iter_revert(to, n % size);
	return n / size;
}

/*
 * Copies elements from the sender's memory to @to, where they follow one another.
 * Returns how many: @nr, or fewer where memory is not present.
 */
static __always_inline int kchan_fill(void *to, struct kchan_src *src, int nr)
{
	if (src->elem) {
		memcpy(to, src->elem->data, src->len);
		return 1;
	}
	if (src->from)
		return kchan_copy_in(to, src->len, nr, src->from);
	return kchan_from_user(to, src->buf, src->len) == src->len;
}

/*
 * Copies elements of @len bytes, which follow one another at @data, to the receiver's
 * memory. @seq is the number of the first. Returns how many, as kchan_fill(), or an
 * error.
 */
static __always_inline int kchan_deliver(struct kchan_dst *dst, const void *data,
					 u32 len, int nr, u64 seq)
{
	dst->len = len;
	if (unlikely(len > dst->room))
		return -EMSGSIZE;
	if (dst->detach) {
		memcpy(dst->elem->data, data, len);
		dst->elem->len = len;
		kchan_number(dst->elem, seq);
		return 1;
	}
	if (dst->to)
		nr = kchan_copy_out(data, len, nr, dst->to);
	else
		nr = kchan_to_user(dst->buf, data, len) == len;
	return likely(nr) ? nr : -EFAULT;
}

/* As kchan_deliver(), for an element that is passed by pointer. It has its number. */
static int kchan_deliver_pointer(struct kchan_dst *dst, struct kchan_elem *elem)
{
	dst->len = elem->len;
	if (unlikely(elem->len > dst->room))
		return -EMSGSIZE;
	if (!dst->detach)
		return -EFAULT;
	dst->elem = elem;
	return 1;
}

/* As above, for an element that has no number yet. */
static int kchan_deliver_new_pointer(struct kchan_dst *dst, struct kchan_elem *elem,
				     u64 seq)
{
	int ret = kchan_deliver_pointer(dst, elem);

	if (ret > 0)
		kchan_number(elem, seq);
	return ret;
}

/* A parked receiver that was claimed has its element, with its number. */
static void kchan_handed(struct kchan *ch, struct kchan_waiter *w)
{
	if (likely(!w->lease)) {
		kchan_fly(ch, w->elem);
		return;
	}
	/* The lease owns it, and not the waiter. */
	kchan_lease_begin(ch, w->elem, w->lease);
	w->elem = NULL;
}

/* Bytes in the oldest element of a ring whose slots hold them. */
static u32 kchan_oldest_len(const struct kchan *ch, const struct kchan_ring *ring)
{
	return ch->message ? ring->lens[ring->head] : ch->elem_size;
}

/* Bytes in the oldest element that is stored. */
static u32 kchan_stored_len(const struct kchan *ch)
{
	const struct kchan_ring *ring = kchan_oldest(ch);

	if (kchan_by_pointer(ch))
		return (*kchan_ring_elem(ring, ring->head))->len;
	return kchan_oldest_len(ch, ring);
}

static void kchan_free_later(struct kchan_elem *elem, struct kchan_step *step)
{
	elem->next = step->elems;
	step->elems = elem;
	step->rest = true;
}

/*
 * Claims the waiters that queued before a ticket, and tells them @status, as far as
 * the step allows.
 */
static void kchan_turn_away(struct kchan_waitq *q, u64 before, int status,
			    struct kchan_step *step)
{
	struct kchan_waiter *w;

	while ((w = kchan_first(q, step)) && w->ticket < before)
		if (kchan_claim(w))
			kchan_complete(q, w, status, step);
}

/*
 * Turns away the receivers that queued before a ticket. They have met a message that
 * they have no room for, and the message was sent. kchan_finish() turns away those
 * that this step does not reach.
 */
static void kchan_pass_over(struct kchan *ch, u64 before, struct kchan_step *step)
{
	if (!ch->message || list_empty(&ch->receivers.list))
		return;
	step->passed = max(step->passed, before);
	kchan_turn_away(&ch->receivers, before, -EMSGSIZE, step);
}

/* Apart, because it is seldom needed, and large. */
static noinline void kchan_trace_entered(const struct kchan *ch, int nr, u32 len,
					 const struct task_struct *task)
{
	u64 seq;

	for (seq = kchan_sent(ch) - nr; seq < kchan_sent(ch); seq++)
		kchan_trace(send, ch, seq, len, task);
}

static noinline void kchan_trace_left(const struct kchan *ch, int nr, u32 len)
{
	u64 seq;

	for (seq = ch->seq - nr; seq < ch->seq; seq++)
		kchan_trace(receive, ch, seq, len, current);
}

/*
 * The next two functions copy elements to the slots of the newest ring, and from those of
 * the oldest: as many as go in one copy, in slots that follow one another. They return how
 * many, as kchan_fill() and kchan_deliver(). They are inline, like what they call: in the
 * short way most of what they look at is constant, and the compiler leaves it out.
 */
static __always_inline int kchan_copy_to_slots(struct kchan *ch, struct kchan_ring *ring,
					       struct kchan_src *src)
{
	const u32 tail = kchan_ring_tail(ring);
	int nr = 1;

	/* The slots of a mapped ring have stamps between them. */
	if (src->nr > 1 && !ring->map)
		nr = min3(src->nr, ch->capacity - ch->stored, ring->nr_slots - tail);
	nr = kchan_fill(kchan_ring_slot(ring, tail), src, nr);
	if (ch->message)
		ring->lens[tail] = src->len;
	return nr;
}

static __always_inline int kchan_copy_from_slots(const struct kchan *ch,
						 const struct kchan_ring *ring,
						 struct kchan_dst *dst)
{
	int nr = 1;

	if (dst->nr > 1 && !ring->map)
		nr = min3(dst->nr, ring->len, ring->nr_slots - ring->head);
	return kchan_deliver(dst, kchan_ring_slot(ring, ring->head),
			     kchan_oldest_len(ch, ring), nr, ch->seq);
}

/* Elements of @len bytes have entered the newest ring. @task: it sends them. */
static __always_inline void kchan_entered(struct kchan *ch, struct kchan_ring *ring,
					  int nr, u32 len, const struct task_struct *task)
{
	kchan_ring_push(ring, nr);
	ch->stored += nr;
	if (trace_kchan_send_enabled())
		kchan_trace_entered(ch, nr, len, task);
}

/* Elements of @len bytes have left the oldest ring. The current task receives them. */
static __always_inline void kchan_left(struct kchan *ch, struct kchan_ring *ring, int nr,
				       u32 len)
{
	ch->seq += nr;
	ch->stored -= nr;
	kchan_ring_pop(ring, nr);
	if (trace_kchan_receive_enabled())
		kchan_trace_left(ch, nr, len);
}

/*
 * Stores one element, or more if they go in one copy. The caller knows that there is room
 * for one. @task: it sends them. Returns how many; 0 if the sender's memory is not
 * present.
 */
static int kchan_store(struct kchan *ch, struct kchan_src *src,
		       const struct task_struct *task)
{
	struct kchan_ring *ring = kchan_newest(ch);
	int nr = 1;

	if (unlikely(kchan_by_pointer(ch))) {
		*kchan_ring_elem(ring, kchan_ring_tail(ring)) = src->elem;
		src->elem = NULL;
	} else {
		nr = kchan_copy_to_slots(ch, ring, src);
		if (unlikely(!nr))
			return 0;
	}
	kchan_entered(ch, ring, nr, src->len, task);
	return nr;
}

/*
 * Lets parked senders into the rings while there is room, as far as the step allows.
 * The channel is open.
 */
static void kchan_admit(struct kchan *ch, struct kchan_step *step)
{
	struct kchan_waiter *w;

	while (kchan_has_room(ch) && (w = kchan_first(&ch->senders, step))) {
		struct kchan_src src = {
			.elem = w->elem,
			.len = w->elem->len,
			.nr = 1,
		};

		if (!kchan_claim(w))
			continue;
		/* This copies from kernel memory, so it does not fail. */
		kchan_store(ch, &src, w->party->task);
		w->elem = src.elem;
		kchan_complete(&ch->senders, w, 0, step);
		kchan_recv_rises(ch, 1, step);
		kchan_pass_over(ch, ch->receivers.waits, step);
	}
}

/*
 * Elements have left the rings. Parked senders take the room first. Only what they leave
 * wakes pollers.
 */
static void kchan_room_made(struct kchan *ch, u32 nr, struct kchan_step *step)
{
	if (unlikely(!list_empty(&ch->senders.list)) && !ch->closed)
		kchan_admit(ch, step);
	if (ch->stored < ch->capacity)
		kchan_send_rises(ch, min(nr, ch->capacity - ch->stored), step);
}

/* Takes the slot of the oldest element out of the rings. */
static void kchan_free_slot(struct kchan *ch, struct kchan_step *step)
{
	struct kchan_ring *ring = kchan_oldest(ch);

	ch->stored--;
	kchan_ring_pop(ring, 1);
	if (unlikely(!ring->len && ring != kchan_newest(ch)))
		kchan_ring_retire(ring, step);
}

/*
 * Whether the oldest element can be received. A process that has mapped the channel may
 * have claimed its slot, and not published it yet. If the process is gone, it never will,
 * and the slot is skipped.
 */
static bool kchan_has_elem(struct kchan *ch, struct kchan_step *step)
{
	u32 skipped = 0;

	if (!ch->stored || likely(!ch->mapped))
		return ch->stored;
	/* What a broken ring holds is nobody's. */
	if (ch->broken)
		return false;
	while (ch->stored && ch->mapped && !kchan_mapping_has_elem(ch)) {
		if (!kchan_oldest(ch)->map->dead)
			return false;
		if (step->stale == KCHAN_STEP_STALE) {
			kchan_step_more(step);
			return false;
		}
		step->stale++;
		/* Its number is used up. So what was sent after it keeps its place. */
		ch->seq++;
		kchan_free_slot(ch, step);
		skipped++;
	}
	if (skipped)
		kchan_room_made(ch, skipped, step);
	return ch->stored;
}

/*
 * Hands elements that a process has sent through its mapped ring to parked receivers,
 * as far as the step allows. They go first, before a receive that has just begun.
 */
static void kchan_serve_parked(struct kchan *ch, struct kchan_step *step)
{
	struct kchan_waiter *w;

	while (!list_empty(&ch->receivers.list) && kchan_has_elem(ch, step) &&
	       (w = kchan_first(&ch->receivers, step))) {
		const struct kchan_ring *ring = kchan_oldest(ch);

		/* As in kchan_hand_over(): the staging is filled before the claim. */
		memcpy(w->elem->data, kchan_ring_slot(ring, ring->head), ch->elem_size);
		if (!kchan_claim(w))
			continue;
		w->elem->len = ch->elem_size;
		kchan_number(w->elem, ch->seq);
		kchan_trace(receive, ch, ch->seq, ch->elem_size, w->party->task);
		ch->seq++;
		kchan_handed(ch, w);
		kchan_complete(&ch->receivers, w, 0, step);
		kchan_free_slot(ch, step);
		kchan_room_made(ch, 1, step);
	}
}

/* What a process has done through its mapped ring. Tells who waited for it. */
static void kchan_catch_up_mapped(struct kchan *ch, struct kchan_step *step)
{
	kchan_serve_parked(ch, step);
	if (ch->closed) {
		kchan_all_rise(ch, step);
		return;
	}
	if (!ch->mapped)
		return;
	if (ch->mapped->map->dead) {
		/* Parked senders get the room of the slots that are skipped here. */
		kchan_has_elem(ch, step);
		return;
	}
	step->in += kchan_mapping_new_elems(ch);
	step->out += kchan_mapping_new_room(ch);
}

/* Gives an element to the longest-waiting receiver that has room for it. */
static int kchan_hand_over(struct kchan *ch, struct kchan_src *src,
			   struct kchan_step *step)
{
	struct kchan_waiter *w;
	u64 ticket;

	/*
	 * A receiver that still waits although something is queued is about to be
	 * told.
	 */
	if (unlikely(kchan_queued(ch)))
		return -EAGAIN;
	while ((w = kchan_first_with_room(&ch->receivers, src->len, step))) {
		/*
		 * The element goes into the staging before the claim, because a claim
		 * is never undone. If the claim fails, the content of the staging no
		 * longer matters, and the element is still ours.
		 */
		if (!kchan_by_pointer(ch) && !kchan_fill(w->elem->data, src, 1))
			return -EFAULT;
		if (unlikely(!kchan_claim(w))) {
			if (!src->elem && src->from)
				iov_iter_revert(src->from, src->len);
			continue;
		}
		if (kchan_by_pointer(ch)) {
			w->elem = src->elem;
			src->elem = NULL;
		}
		w->elem->len = src->len;
		kchan_number(w->elem, ch->seq);
		kchan_trace(send, ch, ch->seq, src->len, current);
		kchan_trace(receive, ch, ch->seq, src->len, w->party->task);
		ch->seq++;
		kchan_handed(ch, w);
		ticket = w->ticket;
		kchan_complete(&ch->receivers, w, 0, step);
		kchan_pass_over(ch, ticket, step);
		return 1;
	}
	return step->more ? KCHAN_MORE : -EAGAIN;
}

/**
 * kchan_give() - send elements without waiting
 * @ch: the channel, in use
 * @src: the elements; in kernel memory, if the channel passes elements by pointer
 * @step: the work under this hold
 *
 * It sends one element, or more if they go in one copy. The caller may call again for
 * those that are left.
 *
 * Context: the channel's lock is held.
 * Return: how many were sent; -EAGAIN when the next one has to wait; -EPIPE when nobody
 * can receive it any more, or the channel is closed; -EIO when the channel is broken;
 * -EFAULT when user memory is not present, or the element is to be passed by pointer:
 * the caller copies the element to kernel memory and calls again; %KCHAN_MORE.
 */
int kchan_give(struct kchan *ch, struct kchan_src *src, struct kchan_step *step)
{
	int ret, nr;

	if (unlikely(ch->broken))
		return -EIO;
	if (unlikely(ch->closed || !ch->recv_ends))
		return -EPIPE;
	if (unlikely(kchan_by_pointer(ch)) && !src->elem)
		return -EFAULT;
	if (!list_empty(&ch->receivers.list)) {
		if (unlikely(ch->mapped)) {
			kchan_serve_parked(ch, step);
			if (step->more)
				return KCHAN_MORE;
			if (ch->broken)
				return -EIO;
		}
		ret = kchan_hand_over(ch, src, step);
		if (ret != -EAGAIN)
			return ret;
	}
	/* A resize may be about to let parked senders in: they go first. */
	if (unlikely(!list_empty(&ch->senders.list))) {
		kchan_admit(ch, step);
		if (step->more)
			return KCHAN_MORE;
		/* A claim may have ended since they were refused. They still go first. */
		if (ch->mapped && !list_empty(&ch->senders.list))
			return ch->broken ? -EIO : -EAGAIN;
	}
	if (!kchan_has_room(ch))
		return unlikely(ch->broken) ? -EIO : -EAGAIN;
	nr = kchan_store(ch, src, current);
	if (unlikely(!nr))
		return -EFAULT;
	kchan_recv_rises(ch, nr, step);
	kchan_pass_over(ch, ch->receivers.waits, step);
	return nr;
}

static struct kchan_elem *kchan_first_put_back(const struct kchan *ch)
{
	return rb_entry(rb_first_cached(&ch->put_back), struct kchan_elem, node);
}

/**
 * kchan_next_put_back() - the element that came back and is to be received next
 * @ch: the channel
 * @step: the work under this hold
 *
 * If it was returned to the tail, what was stored then goes first. In a mapped ring that
 * may be a slot whose send is under way. Such a send may as well come later. So as long as
 * something was put back, a receive does not wait.
 *
 * Context: the channel's lock is held.
 * Return: the element; NULL if there is none, if a stored element is next, or, with
 * @step->more set, if the step is used up.
 */
struct kchan_elem *kchan_next_put_back(struct kchan *ch, struct kchan_step *step)
{
	struct kchan_elem *elem;

	if (!ch->nr_put_back)
		return NULL;
	elem = kchan_first_put_back(ch);
	if (elem->order < kchan_own_order(ch->seq))
		return elem;
	return kchan_has_elem(ch, step) || step->more ? NULL : elem;
}

static int kchan_take_put_back(struct kchan *ch, struct kchan_elem *elem,
			       struct kchan_dst *dst, struct kchan_step *step)
{
	int ret;

	if (kchan_by_pointer(ch))
		ret = kchan_deliver_pointer(dst, elem);
	else
		ret = kchan_deliver(dst, elem->data, elem->len, 1, elem->seq);
	if (ret < 0)
		return ret;
	kchan_trace(receive, ch, elem->seq, elem->len, current);
	kchan_unqueue_elem(ch, elem);
	if (kchan_by_pointer(ch))
		return 1;
	if (dst->detach)
		kchan_same_number(dst->elem, elem);
	kchan_free_later(elem, step);
	return 1;
}

static int kchan_take_stored(struct kchan *ch, struct kchan_dst *dst,
			     struct kchan_step *step)
{
	struct kchan_ring *ring;
	bool there;
	int nr;

	if (unlikely(ch->mapped)) {
		/* Parked receivers go first, even if a claim has ended since. */
		kchan_serve_parked(ch, step);
		there = list_empty(&ch->receivers.list) && kchan_has_elem(ch, step);
		if (step->more)
			return KCHAN_MORE;
		if (!there)
			return ch->broken ? -EIO : -EAGAIN;
	}
	ring = kchan_oldest(ch);
	if (unlikely(kchan_by_pointer(ch)))
		nr = kchan_deliver_new_pointer(dst, *kchan_ring_elem(ring, ring->head),
					       ch->seq);
	else
		nr = kchan_copy_from_slots(ch, ring, dst);
	if (unlikely(nr < 0))
		return nr;
	kchan_left(ch, ring, nr, dst->len);
	if (unlikely(!ring->len && ring != kchan_newest(ch)))
		kchan_ring_retire(ring, step);
	kchan_room_made(ch, nr, step);
	/* Empty slots of a process that has died may come next. They are room, too. */
	if (unlikely(ch->mapped) && ch->mapped->map->dead)
		kchan_has_elem(ch, step);
	return nr;
}

static int kchan_take_parked(struct kchan *ch, struct kchan_dst *dst,
			     struct kchan_waiter *w, struct kchan_step *step)
{
	int ret;

	if (kchan_by_pointer(ch)) {
		ret = kchan_deliver_new_pointer(dst, w->elem, ch->seq);
		if (ret < 0)
			return ret;
		if (!kchan_claim(w)) {
			dst->elem = NULL;
			return -EAGAIN;
		}
		w->elem = NULL;
	} else {
		ret = kchan_deliver(dst, w->elem->data, w->elem->len, 1, ch->seq);
		if (ret < 0)
			return ret;
		if (!kchan_claim(w)) {
			/*
			 * The bytes that were copied do not count: nothing was
			 * received.
			 */
			if (!dst->detach && dst->to)
				iov_iter_revert(dst->to, dst->len);
			return -EAGAIN;
		}
	}
	kchan_trace(send, ch, ch->seq, dst->len, w->party->task);
	kchan_trace(receive, ch, ch->seq, dst->len, current);
	ch->seq++;
	kchan_complete(&ch->senders, w, 0, step);
	/*
	 * Parked receivers had no room for this message. Now it was received, so they
	 * are turned away.
	 */
	kchan_pass_over(ch, ch->receivers.waits, step);
	return 1;
}

static int kchan_take_from_sender(struct kchan *ch, struct kchan_dst *dst,
				  struct kchan_step *step)
{
	struct kchan_waiter *w;
	int ret;

	while ((w = kchan_first(&ch->senders, step))) {
		ret = kchan_take_parked(ch, dst, w, step);
		/* Its owner gave up meanwhile. Try the next one. */
		if (unlikely(ret == -EAGAIN))
			continue;
		return ret;
	}
	return step->more ? KCHAN_MORE : -EAGAIN;
}

/* Takes what is next, of what was put back and what is stored. */
static int kchan_take_queued(struct kchan *ch, struct kchan_dst *dst,
			     struct kchan_step *step)
{
	struct kchan_elem *elem = kchan_next_put_back(ch, step);

	if (elem)
		return kchan_take_put_back(ch, elem, dst, step);
	/* A run ends where an element that was returned to the tail is next. */
	elem = kchan_first_put_back(ch);
	dst->nr = min_t(u64, dst->nr,
			(elem->order - kchan_tail_order(ch->seq)) / kchan_tail_order(1));
	return kchan_take_stored(ch, dst, step);
}

/* An element was detached. */
static void kchan_detached(struct kchan *ch, struct kchan_dst *dst)
{
	if (likely(!dst->leased)) {
		kchan_fly(ch, dst->elem);
		return;
	}
	kchan_lease_begin(ch, dst->elem, dst->lease);
	dst->elem = NULL;
}

/**
 * kchan_take() - receive elements without waiting
 * @ch: the channel, in use
 * @dst: where to; elements passed by pointer have to be detached
 * @step: the work under this hold
 *
 * It receives one element, or more if they go in one copy. The caller may call again
 * for those that are left. An element that is detached is in flight until
 * kchan_settle() or kchan_put_back(). If there is a lease, that one owns the element, and
 * kchan_lease_end() comes first.
 *
 * Context: the channel's lock is held.
 * Return: how many were received; -EAGAIN when it has to wait; -EPIPE at the end of the
 * stream; -EIO when the channel is broken; -EMSGSIZE when the element is longer than
 * @dst->room; -EFAULT when user memory is not present, or the element has to be
 * detached; %KCHAN_MORE. After an error the element stays in the channel.
 */
int kchan_take(struct kchan *ch, struct kchan_dst *dst, struct kchan_step *step)
{
	int ret;

	if (unlikely(ch->broken))
		return -EIO;
	if (likely(ch->stored && !ch->nr_put_back))
		ret = kchan_take_stored(ch, dst, step);
	else if (ch->nr_put_back)
		ret = kchan_take_queued(ch, dst, step);
	else if (!list_empty(&ch->senders.list) && !ch->closed)
		ret = kchan_take_from_sender(ch, dst, step);
	else
		ret = -EAGAIN;

	if (ret > 0 && dst->detach)
		kchan_detached(ch, dst);
	/*
	 * Check closed last, because what was sent before the close is still
	 * received. When the last of it has gone, pollers have to see EPOLLHUP.
	 */
	if (unlikely(ch->closed) && kchan_at_end(ch)) {
		if (ret == -EAGAIN)
			return -EPIPE;
		kchan_all_rise(ch, step);
	}
	return ret;
}

/**
 * kchan_do_give_user() - the part of kchan_give_user() that takes the lock
 * @ch: the channel
 * @buf: the element
 * @len: bytes in it
 *
 * Context: no channel's lock is held.
 * Return: whether it was sent.
 */
bool kchan_do_give_user(struct kchan *ch, const void __user *buf, u32 len)
{
	struct kchan_src src = { .buf = buf, .len = len, .nr = 1 };
	struct kchan_ring *ring;
	bool sent = false;

	kchan_lock(ch);
	if (likely(kchan_only_stores(ch))) {
		ring = kchan_newest(ch);
		sent = kchan_copy_to_slots(ch, ring, &src);
		if (likely(sent)) {
			kchan_entered(ch, ring, 1, len, current);
			ch->recv_rises++;
		}
	}
	kchan_unlock(ch);
	kchan_wake_pollers(ch, sent, 0);
	return sent;
}

/**
 * kchan_do_take_user() - the part of kchan_take_user() that takes the lock
 * @ch: the channel
 * @buf: where the element goes
 * @room: the longest element that is taken
 *
 * Context: no channel's lock is held.
 * Return: the bytes in the element that was received; 0 if none was.
 */
u32 kchan_do_take_user(struct kchan *ch, void __user *buf, u32 room)
{
	struct kchan_dst dst = { .buf = buf, .room = room, .nr = 1 };
	struct kchan_ring *ring;
	bool got = false;

	kchan_lock(ch);
	ring = kchan_oldest(ch);
	/* An older ring is left to the long way, which frees it when it is empty. */
	if (likely(kchan_only_takes(ch) && ring == kchan_newest(ch))) {
		got = kchan_copy_from_slots(ch, ring, &dst) > 0;
		if (likely(got)) {
			kchan_left(ch, ring, 1, dst.len);
			ch->send_rises++;
		}
	}
	kchan_unlock(ch);
	kchan_wake_pollers(ch, 0, got);
	return got ? dst.len : 0;
}

/**
 * kchan_can_send() - whether a send would not wait
 * @ch: the channel
 * @len: bytes in the element
 * @staged: the element is in kernel memory, and paid for
 * @step: the work under this hold
 *
 * Context: the channel's lock is held.
 * Return: true if it would not wait; false if it would. With @step->more set, false
 * means that the step was used up before this was known.
 */
bool kchan_can_send(struct kchan *ch, u32 len, bool staged, struct kchan_step *step)
{
	if (ch->closed || !ch->recv_ends || ch->broken)
		return true;
	if (!kchan_has_room(ch)) {
		/* A receiver there waits for the end of a claim, not for this element. */
		if (ch->mapped && ch->stored)
			return false;
		if (!kchan_first_with_room(&ch->receivers, len, step))
			return false;
	}
	return staged || !kchan_by_pointer(ch) || kchan_elem_payable(ch);
}

/**
 * kchan_can_recv() - whether a receive would not wait
 * @ch: the channel
 * @step: the work under this hold
 *
 * Context: the channel's lock is held.
 * Return: true if it would not wait; false if it would. With @step->more set, false
 * means that the step was used up before this was known.
 */
bool kchan_can_recv(struct kchan *ch, struct kchan_step *step)
{
	if (ch->nr_put_back || kchan_has_elem(ch, step) || ch->broken)
		return true;
	if (ch->closed)
		return kchan_at_end(ch);
	/* A slot that is claimed comes before parked senders. */
	return !ch->stored && kchan_first(&ch->senders, step);
}

static struct kchan_waitq *kchan_waitq(struct kchan *ch, u32 op)
{
	return op == KCHAN_OP_SEND ? &ch->senders : &ch->receivers;
}

/**
 * kchan_park() - queue a waiter
 * @ch: the channel, which has just refused the element with -EAGAIN
 * @w: the waiter, with its element or the place for one
 * @op: ``KCHAN_OP_SEND`` or ``KCHAN_OP_RECV``
 *
 * On a rendezvous channel this may make the other direction ready. After the caller
 * has dropped the lock, it wakes the pollers of that direction with
 * kchan_wake_parked().
 *
 * Context: the channel's lock is held, and was not dropped since the refusal.
 */
void kchan_park(struct kchan *ch, struct kchan_waiter *w, u32 op)
{
	struct kchan_waitq *q = kchan_waitq(ch, op);

	kchan_enqueue(q, w, ch->message && op == KCHAN_OP_RECV);
	if (op == KCHAN_OP_SEND)
		ch->recv_rises++;
	else
		ch->send_rises++;
	kchan_trace(block, q, w->party->task);
}

/**
 * kchan_unpark() - take a waiter out of its queue, if it is in it
 * @ch: the channel
 * @w: the waiter
 * @op: as for kchan_park()
 */
void kchan_unpark(struct kchan *ch, struct kchan_waiter *w, u32 op)
{
	kchan_lock(ch);
	kchan_dequeue(kchan_waitq(ch, op), w);
	kchan_unlock(ch);
	kchan_tell_broken(ch);
}

/**
 * kchan_wake_parked() - wake the pollers of a rendezvous channel after a case parked
 * @ch: the channel
 * @op: the operation of that case
 *
 * Context: no channel's lock is held.
 */
void kchan_wake_parked(struct kchan *ch, u32 op)
{
	if (!READ_ONCE(ch->capacity))
		kchan_wake_pollers(ch, op == KCHAN_OP_SEND, op == KCHAN_OP_RECV);
}

static void kchan_free_rest(struct kchan *ch, struct kchan_step *step)
{
	struct kchan_elem *elem;
	struct kchan_ring *ring;

	while ((elem = step->elems)) {
		step->elems = elem->next;
		kchan_elem_free(ch, elem);
	}
	while ((ring = step->rings)) {
		step->rings = ring->next;
		kchan_ring_free(ring, ch->user);
	}
}

/* Does the work that a step has left until the lock is dropped. */
static void kchan_end_step(struct kchan *ch, struct kchan_step *step)
{
	if (step->nr_told)
		kchan_wake_told(step);
	if (unlikely(step->all)) {
		wake_up_all(&ch->rd_wait);
		wake_up_all(&ch->wr_wait);
	} else {
		kchan_wake_pollers(ch, step->in, step->out);
	}
	if (unlikely(step->elems || step->rings))
		kchan_free_rest(ch, step);
}

/**
 * kchan_catch_up() - serve or turn away waiters that need not wait any more
 * @ch: the channel
 * @step: the work under this hold; receivers with a ticket below @step->passed are
 *	turned away
 *
 * This goes as far as the step allows. If work is left, @step->more is set. To call
 * it once more does no harm.
 *
 * Context: the channel's lock is held.
 */
void kchan_catch_up(struct kchan *ch, struct kchan_step *step)
{
	if (unlikely(ch->mapped && !ch->broken))
		kchan_catch_up_mapped(ch, step);
	if (unlikely(ch->broken)) {
		kchan_turn_away(&ch->senders, U64_MAX, -EIO, step);
		kchan_turn_away(&ch->receivers, U64_MAX, -EIO, step);
		kchan_all_rise(ch, step);
		if (!step->more)
			WRITE_ONCE(ch->break_untold, false);
		return;
	}
	if (ch->closed || !ch->recv_ends)
		kchan_turn_away(&ch->senders, U64_MAX, -EPIPE, step);
	else
		kchan_admit(ch, step);
	if (kchan_at_end(ch))
		kchan_turn_away(&ch->receivers, U64_MAX, -EPIPE, step);
	else if (step->passed)
		kchan_turn_away(&ch->receivers, step->passed, -EMSGSIZE, step);
}

/**
 * kchan_finish_rest() - the part of kchan_finish() that is seldom needed
 * @ch: the channel
 * @step: what there is to do
 *
 * Context: no channel's lock is held. May sleep.
 */
void kchan_finish_rest(struct kchan *ch, struct kchan_step *step)
{
	kchan_end_step(ch, step);
	while (unlikely(step->more || READ_ONCE(ch->break_untold))) {
		const u64 passed = step->passed;

		cond_resched();
		kchan_step_begin(step);
		step->passed = passed;
		kchan_lock(ch);
		kchan_catch_up(ch, step);
		kchan_unlock(ch);
		kchan_end_step(ch, step);
	}
}

/**
 * kchan_kick() - look at what a process has done through its mapped ring
 * @ch: the channel
 *
 * Context: may sleep.
 */
void kchan_kick(struct kchan *ch)
{
	struct kchan_step step __uninitialized;

	kchan_step_begin(&step);
	kchan_lock(ch);
	kchan_catch_up(ch, &step);
	kchan_unlock(ch);
	kchan_finish(ch, &step);
}

/**
 * kchan_unmap() - nobody has the ring of a channel mapped any more
 * @ch: the channel
 * @map: its mapping
 *
 * The kernel goes on with the ring. It skips slots that were claimed and not published,
 * and those that were claimed and not released are free. So there may be room, and what
 * was published behind such a slot can be received: all pollers look again.
 *
 * Context: may sleep.
 */
void kchan_unmap(struct kchan *ch, struct kchan_mapping *map)
{
	struct kchan_step step __uninitialized;

	kchan_step_begin(&step);
	kchan_lock(ch);
	if (!map->dead && ch->mapped && ch->mapped->map == map) {
		map->dead = true;
		kchan_all_rise(ch, &step);
		kchan_catch_up(ch, &step);
	}
	map->dead = true;
	kchan_unlock(ch);
	kchan_finish(ch, &step);
}

/* An element has landed. Tells receivers that are at the end of the stream now. */
static void kchan_tell_end(struct kchan *ch, struct kchan_step *step)
{
	if (kchan_at_end(ch))
		kchan_all_rise(ch, step);
	kchan_catch_up(ch, step);
}

/**
 * kchan_settle() - an element that was flying will not come back
 * @ch: the channel
 * @elem: the element
 *
 * If it was the last such element of a closed channel, receivers are at the end of
 * the stream. The comment at kchan_at_end() says what the barrier in the decrement
 * pairs with.
 *
 * Context: may sleep.
 */
void kchan_settle(struct kchan *ch, struct kchan_elem *elem)
{
	const s64 one = kchan_flying_one(elem->epoch);
	struct kchan_step step __uninitialized;

	if (atomic64_sub_return(one, &ch->flying) || likely(!READ_ONCE(ch->closed)))
		return;
	kchan_step_begin(&step);
	kchan_lock(ch);
	kchan_tell_end(ch, &step);
	kchan_unlock(ch);
	kchan_finish(ch, &step);
}

/**
 * kchan_end_flight() - an element that has left its lease will not come back
 * @ch: the channel
 * @elem: the element, delayed
 * @step: the work under this hold
 *
 * Context: the channel's lock is held.
 */
void kchan_end_flight(struct kchan *ch, struct kchan_elem *elem,
		      struct kchan_step *step)
{
	kchan_land(ch, elem);
	if (unlikely(ch->closed))
		kchan_tell_end(ch, step);
}

/*
 * Hands an element that comes back to a parked receiver. Returns 0, and then the
 * element is no longer the caller's; -EAGAIN if there is no such receiver;
 * KCHAN_MORE.
 */
static int kchan_hand_back(struct kchan *ch, struct kchan_elem *elem,
			   struct kchan_step *step)
{
	struct kchan_waiter *w;
	u64 ticket;

	/*
	 * What is stored in a mapped ring was sent later. A receiver may wait although
	 * something is stored: for the end of a claim. If the element is returned to the
	 * tail, it goes before sends that are under way, and those behind them: see
	 * kchan_next_put_back().
	 */
	if (unlikely(ch->nr_put_back || (ch->stored && !ch->mapped)))
		return -EAGAIN;
	while ((w = kchan_first_with_room(&ch->receivers, elem->len, step))) {
		if (!kchan_by_pointer(ch))
			memcpy(w->elem->data, elem->data, elem->len);
		if (!kchan_claim(w))
			continue;
		kchan_trace(put_back, ch, elem->seq, elem->len, current);
		kchan_trace(receive, ch, elem->seq, elem->len, w->party->task);
		kchan_land(ch, elem);
		if (kchan_by_pointer(ch)) {
			w->elem = elem;
		} else {
			w->elem->len = elem->len;
			kchan_same_number(w->elem, elem);
			kchan_free_later(elem, step);
		}
		kchan_handed(ch, w);
		ticket = w->ticket;
		kchan_complete(&ch->receivers, w, 0, step);
		kchan_pass_over(ch, ticket, step);
		return 0;
	}
	return step->more ? KCHAN_MORE : -EAGAIN;
}

/* The lock is held. Returns KCHAN_MORE if nothing was done yet. */
static int kchan_do_put_back(struct kchan *ch, struct kchan_elem *elem,
			     struct kchan_step *step)
{
	int ret;

	if (!ch->recv_ends) {
		kchan_trace(put_back, ch, elem->seq, elem->len, current);
		kchan_land(ch, elem);
		kchan_free_later(elem, step);
		ch->dropped++;
		return 0;
	}
	if (elem->tail) {
		elem->order = kchan_tail_order(kchan_sent(ch));
		elem->turn = ch->turn++;
	}
	/* If a receiver is handed the element, it stays in flight. */
	ret = kchan_hand_back(ch, elem, step);
	if (ret != -EAGAIN)
		return ret;
	kchan_trace(put_back, ch, elem->seq, elem->len, current);
	/* The lock is held. So nobody sees it neither in flight nor queued. */
	kchan_land(ch, elem);
	kchan_queue_elem(ch, elem);
	kchan_recv_rises(ch, 1, step);
	kchan_pass_over(ch, ch->receivers.waits, step);
	return 0;
}

/**
 * kchan_put_back() - return an element that was in flight
 * @ch: the channel
 * @elem: the element, from the heap, flying or delayed; it is no longer the caller's
 *
 * It goes to the longest-waiting receiver, as if it were sent again. If there is
 * none, it waits outside the capacity, in its place: ahead of all elements that were sent
 * after it, or, with kchan_elem.tail, behind all that is queued. This cannot fail. With no
 * receive end left the element is dropped.
 *
 * Context: may sleep.
 */
void kchan_put_back(struct kchan *ch, struct kchan_elem *elem)
{
	struct kchan_step step __uninitialized;
	int ret;

	do {
		kchan_step_begin(&step);
		kchan_lock(ch);
		ret = kchan_do_put_back(ch, elem, &step);
		kchan_unlock(ch);
		kchan_finish(ch, &step);
	} while (ret == KCHAN_MORE);
}

/*
 * Ends a lease whose limit has come. kchan_finish() wakes those who poll it, after the
 * lock is dropped.
 */
static void kchan_expire(struct kchan *ch, struct kchan_lease *lease,
			 struct kchan_step *step)
{
	struct kchan_elem *elem = kchan_lease_end(ch, lease);

	if (lease->read)
		kchan_count_return(ch, elem);
	/* poll() looks at it without the lock. */
	WRITE_ONCE(lease->expired, true);
	kchan_tell_polled(lease->polled, step);
}

/*
 * Puts back one element that is due, as far as the step allows. The lock is held.
 * Returns whether there was one.
 */
static bool kchan_come_back(struct kchan *ch, struct kchan_step *step)
{
	struct kchan_elem *elem = kchan_first_due(ch);

	if (!elem)
		return false;
	if (elem->state == KCHAN_ELEM_LEASED)
		kchan_expire(ch, elem->lease, step);
	/* If the step is used up, the element is still due. */
	kchan_do_put_back(ch, elem, step);
	return true;
}

/**
 * kchan_due_work() - put back the elements that are due
 * @work: kchan.work
 *
 * Each hold of the lock puts back one, as kchan_put_back() does.
 */
void kchan_due_work(struct work_struct *work)
{
	struct kchan *ch = container_of(work, struct kchan, work);
	struct kchan_step step __uninitialized;
	bool again;

	do {
		kchan_step_begin(&step);
		kchan_lock(ch);
		again = kchan_come_back(ch, &step);
		kchan_unlock(ch);
		kchan_finish(ch, &step);
		cond_resched();
	} while (again);
}

/*
 * Closes a channel. Parked senders keep their elements and are told -EPIPE. Receivers
 * wait only while nothing is queued: so they are at the end of the stream, unless an
 * element is in flight.
 */
static void kchan_shut(struct kchan *ch, struct kchan_step *step)
{
	kchan_trace(close, ch);
	WRITE_ONCE(ch->closed, true);
	/* Pairs with the decrement in kchan_settle(): see kchan_at_end(). */
	smp_mb();
	kchan_all_rise(ch, step);
	kchan_catch_up(ch, step);
}

/**
 * kchan_close() - close a channel for all
 * @ch: the channel
 *
 * Context: may sleep.
 * Return: 0, or -EALREADY.
 */
int kchan_close(struct kchan *ch)
{
	struct kchan_step step __uninitialized;
	int ret = 0;

	kchan_step_begin(&step);
	kchan_lock(ch);
	if (ch->closed)
		ret = -EALREADY;
	else
		kchan_shut(ch, &step);
	kchan_unlock(ch);
	kchan_finish(ch, &step);
	return ret;
}

/*
 * The name no longer counts as an end that sends. Another such end is counted, so the
 * channel does not close here.
 */
static void kchan_drop_send_hold(struct kchan *ch)
{
	if (ch->held & FMODE_WRITE)
		ch->send_ends--;
	ch->held &= ~FMODE_WRITE;
}

static void kchan_count_end(struct kchan *ch, fmode_t mode)
{
	if (mode & FMODE_WRITE) {
		ch->send_ends++;
		if (unlikely(ch->no_send_hold))
			kchan_drop_send_hold(ch);
	}
	if (mode & FMODE_READ)
		ch->recv_ends++;
}

/**
 * kchan_end_get() - count an end
 * @ch: the channel
 * @mode: FMODE_READ, FMODE_WRITE or both: the directions of the file's mode, which
 *	the VFS checks before a read or a write
 *
 * The channel is new, or the caller has an end of each direction in @mode.
 */
void kchan_end_get(struct kchan *ch, fmode_t mode)
{
	kchan_lock(ch);
	kchan_count_end(ch, mode);
	kchan_unlock(ch);
}

/**
 * kchan_end_get_live() - count an end, if it is not the first of its direction
 * @ch: the channel
 * @mode: FMODE_READ, FMODE_WRITE or both
 *
 * A direction without ends never gets an end again, because others have been told
 * that it is gone.
 *
 * Return: 0; -ENXIO when a direction has no end left.
 */
int kchan_end_get_live(struct kchan *ch, fmode_t mode)
{
	int ret = 0;

	kchan_lock(ch);
	if (((mode & FMODE_WRITE) && !ch->send_ends) ||
	    ((mode & FMODE_READ) && !ch->recv_ends))
		ret = -ENXIO;
	else
		kchan_count_end(ch, mode);
	kchan_unlock(ch);
	return ret;
}

/**
 * kchan_hold() - count the name of a channel as an end that sends and receives
 * @ch: the channel, which is new
 */
void kchan_hold(struct kchan *ch)
{
	kchan_lock(ch);
	ch->held = FMODE_READ | FMODE_WRITE;
	kchan_count_end(ch, ch->held);
	kchan_unlock(ch);
}

/**
 * kchan_set_send_hold() - whether the name of a channel counts as an end that sends
 * @ch: the channel; it has a name, and the caller has an end that sends
 * @no_send_hold: the name does not count once somebody else sends: see
 *	%KCHAN_SETUP_NO_SEND_HOLD
 *
 * Context: the channel's lock is held.
 */
void kchan_set_send_hold(struct kchan *ch, bool no_send_hold)
{
	ch->no_send_hold = no_send_hold;
	if (!(ch->held & FMODE_WRITE)) {
		ch->held |= FMODE_WRITE;
		ch->send_ends++;
	}
}

/**
 * kchan_unhold() - the name of a channel has gone
 * @ch: the channel; if its name has gone before, nothing is done
 *
 * Context: may sleep.
 */
void kchan_unhold(struct kchan *ch)
{
	fmode_t held;

	kchan_lock(ch);
	held = ch->held;
	ch->held = 0;
	kchan_unlock(ch);
	kchan_end_put(ch, held);
}

/**
 * struct kchan_refused - what nobody can receive any more, to be freed without the lock
 * @rings: the rings, with what they store
 * @put_back: what was put back
 * @delayed: what was delayed
 */
struct kchan_refused {
	struct list_head rings;
	struct rb_root put_back;
	struct rb_root delayed;
};

/*
 * No receive end is left. Senders are turned away. What is queued or delayed will never
 * be received. Nothing is leased, because a lease counts as a receive end.
 */
static void kchan_refuse(struct kchan *ch, struct kchan_refused *refused,
			 struct kchan_step *step)
{
	if (ch->mapped)
		kchan_mapping_leave(ch);
	list_splice_init(&ch->rings, &refused->rings);
	refused->put_back = ch->put_back.rb_root;
	refused->delayed = ch->due.rb_root;
	ch->put_back = RB_ROOT_CACHED;
	ch->due = RB_ROOT_CACHED;
	ch->kept = RB_ROOT_CACHED;
	ch->dropped += ch->stored + ch->nr_put_back + ch->delayed;
	ch->lost += ch->stored;
	ch->seq += ch->stored;
	ch->stored = 0;
	ch->nr_put_back = 0;
	ch->delayed = 0;
	kchan_all_rise(ch, step);
	kchan_catch_up(ch, step);
}

static void kchan_free_tree(struct kchan *ch, struct rb_root *tree)
{
	struct kchan_elem *elem, *next;

	rbtree_postorder_for_each_entry_safe(elem, next, tree, node) {
		kchan_elem_free(ch, elem);
		cond_resched();
	}
}

/* Stops counting an end that sends. Returns whether it was the last one. */
static bool kchan_was_last_sender(struct kchan *ch)
{
	/* Somebody has sent through an end that is older than the setup. */
	if (unlikely(ch->no_send_hold && kchan_sent(ch)))
		kchan_drop_send_hold(ch);
	return !--ch->send_ends;
}

static void kchan_drop(struct kchan *ch, struct kchan_refused *refused)
{
	struct kchan_ring *ring, *next;

	list_for_each_entry_safe(ring, next, &refused->rings, node) {
		list_del_init(&ring->node);
		kchan_ring_drop(ch, ring);
	}
	kchan_free_tree(ch, &refused->put_back);
	kchan_free_tree(ch, &refused->delayed);
}

/**
 * kchan_end_put() - stop counting an end
 * @ch: the channel
 * @mode: as it was counted
 *
 * When the last end that can send goes, the channel closes. When the last end that
 * can receive goes, senders are turned away, and what is queued is freed.
 *
 * Context: may sleep.
 */
void kchan_end_put(struct kchan *ch, fmode_t mode)
{
	struct kchan_refused refused = { .rings = LIST_HEAD_INIT(refused.rings) };
	struct kchan_step step __uninitialized;

	kchan_step_begin(&step);
	kchan_lock(ch);
	if ((mode & FMODE_READ) && !--ch->recv_ends)
		kchan_refuse(ch, &refused, &step);
	if ((mode & FMODE_WRITE) && kchan_was_last_sender(ch) && !ch->closed)
		kchan_shut(ch, &step);
	kchan_unlock(ch);
	kchan_finish(ch, &step);
	kchan_drop(ch, &refused);
}

static __poll_t kchan_recv_readiness(struct kchan *ch, struct kchan_step *step)
{
	const bool ready = kchan_can_recv(ch, step);
	__poll_t mask = 0;

	if (ready)
		mask |= EPOLLIN | EPOLLRDNORM;
	if (ch->closed) {
		mask |= EPOLLRDHUP;
		if (ready && !kchan_queued(ch))
			mask |= EPOLLHUP;
	}
	return mask;
}

/*
 * A parked receiver makes a rendezvous channel writable, however little room it has:
 * poll does not know how long the message will be. Only an end that cannot receive
 * reports an error, because many loops take an error to mean that nothing is left to
 * be read.
 */
static __poll_t kchan_send_readiness(struct kchan *ch, fmode_t mode,
				     struct kchan_step *step)
{
	__poll_t mask = 0;

	if (kchan_can_send(ch, 0, false, step))
		mask |= EPOLLOUT | EPOLLWRNORM;
	if ((ch->closed || !ch->recv_ends) && !(mode & FMODE_READ))
		mask |= EPOLLERR;
	return mask;
}

/**
 * kchan_readiness() - what would not block
 * @ch: the channel
 * @mode: the directions of the end that asks: FMODE_READ, FMODE_WRITE or both
 *
 * Context: may sleep.
 * Return: the events, as poll tells them.
 */
__poll_t kchan_readiness(struct kchan *ch, fmode_t mode)
{
	struct kchan_step step __uninitialized;
	__poll_t mask;
	bool again;

	do {
		mask = 0;
		kchan_step_begin(&step);
		kchan_lock(ch);
		if (mode & FMODE_READ)
			mask |= kchan_recv_readiness(ch, &step);
		if (mode & FMODE_WRITE)
			mask |= kchan_send_readiness(ch, mode, &step);
		if (unlikely(ch->broken))
			mask |= EPOLLERR | EPOLLHUP;
		again = step.more;
		kchan_unlock(ch);
		kchan_finish(ch, &step);
	} while (again);
	return mask;
}

/**
 * kchan_next_len() - bytes in the element that would be received next
 * @ch: the channel, in use
 *
 * Context: may sleep.
 * Return: the number of bytes; 0 when there is none.
 */
u32 kchan_next_len(struct kchan *ch)
{
	struct kchan_step step __uninitialized;
	struct kchan_elem *elem;
	struct kchan_waiter *w;
	u32 len = 0;
	bool again;

	do {
		kchan_step_begin(&step);
		kchan_lock(ch);
		elem = kchan_next_put_back(ch, &step);
		if (elem) {
			len = elem->len;
		} else if (kchan_has_elem(ch, &step)) {
			len = kchan_stored_len(ch);
		} else if (!ch->closed && !ch->stored) {
			w = kchan_first(&ch->senders, &step);
			if (w)
				len = w->elem->len;
		}
		again = step.more;
		kchan_unlock(ch);
		kchan_finish(ch, &step);
	} while (again);
	return len;
}
