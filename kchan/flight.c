// SPDX-License-Identifier: GPL-2.0-only
/*
 * Elements that have left the queue and may come back: which these are, and when they
 * come back by themselves. See the essay in flight.h.
 *
 * An element comes back by itself when the limit of its lease has come, or its delay is
 * over. A channel has one timer for all of them, set for the first. The timer's function
 * only queues the work of the channel: the work takes the lock, which is never taken in an
 * interrupt, and frees what has to be freed.
 *
 * The timer is set when an element gets a time before all others, and by the work. So each
 * call that gives an element a time sets it once at most, and the work sets it once at
 * most for each time that it has fired. It fires once at most for each time that it was
 * set. The work puts back each element once for each call that has given it a time. So
 * a user cannot have more interrupts, or more work done, than there were calls, however
 * short the times are. A timer whose element has been acknowledged fires for nothing:
 * in the steady state of short leases with a long limit that is once for each limit.
 */
#include <linux/hrtimer.h>
#include <linux/ktime.h>
#include <linux/minmax.h>
#include <linux/rbtree.h>
#include <linux/workqueue.h>

#include "compat.h"
#include "flight.h"

static struct kchan_elem *kchan_by_number(struct rb_node *node)
{
	return rb_entry_safe(node, struct kchan_elem, by_number);
}

static bool kchan_number_less(struct rb_node *a, const struct rb_node *b)
{
	return rb_entry(a, struct kchan_elem, by_number)->seq <
	       rb_entry(b, struct kchan_elem, by_number)->seq;
}

static bool kchan_order_less(struct rb_node *a, const struct rb_node *b)
{
	const struct kchan_elem *x = rb_entry(a, struct kchan_elem, node);
	const struct kchan_elem *y = rb_entry(b, struct kchan_elem, node);

	if (x->order != y->order)
		return x->order < y->order;
	/* It wraps. Elements with the same place are never so many. */
	return (s32)(x->turn - y->turn) < 0;
}

static bool kchan_due_less(struct rb_node *a, const struct rb_node *b)
{
	return rb_entry(a, struct kchan_elem, node)->due <
	       rb_entry(b, struct kchan_elem, node)->due;
}

/**
 * kchan_in_flight() - how many elements may still come back
 * @ch: the channel
 *
 * Context: the channel's lock is held.
 * Return: the number. It may fall at any time.
 */
u32 kchan_in_flight(const struct kchan *ch)
{
	const u64 flying = atomic64_read(&ch->flying);

	return kchan_flying_half(flying, 0) + kchan_flying_half(flying, 1) +
	       ch->leased + ch->delayed;
}

/**
 * kchan_settled() - the number below which no element will come back
 * @ch: the channel
 *
 * This never falls. If an element was put back and is handed out again, it was in
 * kchan.kept before, so what was told before is not higher than its number.
 *
 * Context: the channel's lock is held.
 * Return: the number.
 */
u64 kchan_settled(struct kchan *ch)
{
	const u64 flying = atomic64_read(&ch->flying);
	const struct kchan_elem *first = kchan_by_number(rb_first_cached(&ch->kept));
	u64 settled = ch->seq - ch->lost;

	if (first)
		settled = min(settled, first->seq);
	if (kchan_flying_half(flying, 0))
		settled = min(settled, ch->epoch_low[0]);
	if (kchan_flying_half(flying, 1))
		settled = min(settled, ch->epoch_low[1]);
	if (!kchan_flying_half(flying, !ch->epoch))
		ch->epoch = !ch->epoch;
	return settled;
}

/* No barrier is needed: whoever looks at what is due has the lock. */
static enum hrtimer_restart kchan_timer_fires(struct hrtimer *timer)
{
	schedule_work(&container_of(timer, struct kchan, timer)->work);
	return HRTIMER_NORESTART;
}

static void kchan_set_timer(struct kchan *ch, ktime_t at)
{
	if (at >= ch->timer_at)
		return;
	ch->timer_at = at;
	hrtimer_start(&ch->timer, at, HRTIMER_MODE_ABS);
}

static void kchan_clear_due(struct kchan *ch, struct kchan_elem *elem)
{
	if (RB_EMPTY_NODE(&elem->node))
		return;
	rb_erase_cached(&elem->node, &ch->due);
	RB_CLEAR_NODE(&elem->node);
}

/**
 * kchan_set_due() - say when an element comes back by itself
 * @ch: the channel
 * @elem: the element, leased or delayed
 * @after: in how many nanoseconds; 0 for never
 *
 * Context: the channel's lock is held.
 */
void kchan_set_due(struct kchan *ch, struct kchan_elem *elem, u64 after)
{
	ktime_t now;

	kchan_clear_due(ch, elem);
	if (!after)
		return;
	/*
	 * A time that is later than the clock can tell never comes. But the element is in
	 * the tree, where kchan_refuse() in chan.c finds it.
	 */
	now = ktime_get();
	elem->due = after < KTIME_MAX - now ? now + after : KTIME_MAX;
	rb_add_cached(&elem->node, &ch->due, kchan_due_less);
	kchan_set_timer(ch, elem->due);
}

/**
 * kchan_due() - when an element comes back by itself
 * @elem: the element, leased or delayed
 *
 * Context: the channel's lock is held.
 * Return: the time; 0 for never.
 */
ktime_t kchan_due(const struct kchan_elem *elem)
{
	if (RB_EMPTY_NODE(&elem->node) || elem->due == KTIME_MAX)
		return 0;
	return elem->due;
}

/**
 * kchan_first_due() - an element whose time has come
 * @ch: the channel
 *
 * If there is none, the timer is set for the next one.
 *
 * Context: the channel's lock is held, by the channel's work.
 * Return: the element, or NULL.
 */
struct kchan_elem *kchan_first_due(struct kchan *ch)
{
	struct rb_node *node = rb_first_cached(&ch->due);
	struct kchan_elem *elem = rb_entry_safe(node, struct kchan_elem, node);

	if (elem && elem->due <= ktime_get())
		return elem;
	ch->timer_at = KTIME_MAX;
	if (elem)
		kchan_set_timer(ch, elem->due);
	return NULL;
}

/**
 * kchan_lease_begin() - an element is handed to a lease
 * @ch: the channel
 * @elem: the element, from kchan_elem_alloc(), with its number: it belongs to @lease
 * @lease: the lease, of a party that is claimed
 *
 * Context: the channel's lock is held.
 */
void kchan_lease_begin(struct kchan *ch, struct kchan_elem *elem,
		       struct kchan_lease *lease)
{
	lease->elem = elem;
	elem->lease = lease;
	elem->state = KCHAN_ELEM_LEASED;
	ch->leased++;
	RB_CLEAR_NODE(&elem->node);
	rb_add_cached(&elem->by_number, &ch->kept, kchan_number_less);
	if (lease->limit)
		kchan_set_due(ch, elem, lease->limit);
}

/**
 * kchan_lease_end() - take an element from its lease
 * @ch: the channel
 * @lease: the lease, with its element
 *
 * Context: the channel's lock is held.
 * Return: the element. It is delayed, and still due when its limit comes. The caller
 * changes this with kchan_set_due(), or passes it to kchan_land(), under the same hold.
 */
struct kchan_elem *kchan_lease_end(struct kchan *ch, struct kchan_lease *lease)
{
	struct kchan_elem *elem = lease->elem;

	lease->elem = NULL;
	elem->lease = NULL;
	elem->state = KCHAN_ELEM_DELAYED;
	ch->leased--;
	ch->delayed++;
	return elem;
}

/**
 * kchan_land() - an element is not in flight any more
 * @ch: the channel
 * @elem: the element, flying or delayed
 *
 * Context: the channel's lock is held. Receivers that may be at the end of the stream now
 * are to be told under the same hold.
 */
void kchan_land(struct kchan *ch, struct kchan_elem *elem)
{
	if (elem->state == KCHAN_ELEM_FLYING) {
		atomic64_sub(kchan_flying_one(elem->epoch), &ch->flying);
		return;
	}
	kchan_clear_due(ch, elem);
	rb_erase_cached(&elem->by_number, &ch->kept);
	ch->delayed--;
}

/**
 * kchan_queue_elem() - put an element into the queue of those that came back
 * @ch: the channel
 * @elem: the element, in flight no more; if kchan_elem.tail is set, it was given its
 *	place
 *
 * Context: the channel's lock is held.
 */
void kchan_queue_elem(struct kchan *ch, struct kchan_elem *elem)
{
	elem->state = KCHAN_ELEM_QUEUED;
	elem->tail = false;
	rb_add_cached(&elem->node, &ch->put_back, kchan_order_less);
	rb_add_cached(&elem->by_number, &ch->kept, kchan_number_less);
	ch->nr_put_back++;
}

/**
 * kchan_unqueue_elem() - take an element out of that queue
 * @ch: the channel
 * @elem: the element
 *
 * Context: the channel's lock is held.
 */
void kchan_unqueue_elem(struct kchan *ch, struct kchan_elem *elem)
{
	rb_erase_cached(&elem->node, &ch->put_back);
	rb_erase_cached(&elem->by_number, &ch->kept);
	ch->nr_put_back--;
}

/**
 * kchan_flight_init() - nothing is in flight
 * @ch: the channel, which is new
 * @put_back: what puts back the elements that kchan_first_due() tells
 */
void kchan_flight_init(struct kchan *ch, work_func_t put_back)
{
	ch->put_back = RB_ROOT_CACHED;
	ch->kept = RB_ROOT_CACHED;
	ch->due = RB_ROOT_CACHED;
	ch->timer_at = KTIME_MAX;
	hrtimer_setup(&ch->timer, kchan_timer_fires, CLOCK_MONOTONIC, HRTIMER_MODE_ABS);
	INIT_WORK(&ch->work, put_back);
}

/**
 * kchan_flight_exit() - wait until the timer and the work are done
 * @ch: the channel, which nobody uses any more
 *
 * The work drops no reference on a channel, so it is never the one that frees it.
 *
 * Context: may sleep.
 */
void kchan_flight_exit(struct kchan *ch)
{
	hrtimer_cancel(&ch->timer);
	cancel_work_sync(&ch->work);
}
