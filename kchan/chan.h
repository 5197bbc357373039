/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef _KCHAN_CHAN_H
#define _KCHAN_CHAN_H

#include "copy.h"
#include "kchan.h"
#include "party.h"
#include "ring.h"

/**
 * struct kchan_src - an element to send
 * @from: where it is, when @elem is NULL: left alone on failure, else advanced
 * @elem: it, in kernel memory. Of an element over a page the channel or the
 *	receiver becomes the owner, and this NULL.
 * @len: bytes in it
 */
struct kchan_src {
	struct iov_iter *from;
	struct kchan_elem *elem;
	u32 len;
};

/**
 * struct kchan_dst - where an element is to be received
 * @to: where it goes, when it is not detached: left alone on failure, else
 *	advanced
 * @elem: with @detach, room for @room bytes; or, of an element over a page, out:
 *	the element
 * @detach: take the element out of the channel into kernel memory, for the
 *	caller to copy out without the lock, or to put back
 * @room: the longest element that is taken
 * @len: out: bytes in the element that was taken, or that @to could not take
 */
struct kchan_dst {
	struct iov_iter *to;
	struct kchan_elem *elem;
	bool detach;
	u32 room;
	u32 len;
};

int kchan_give_run(struct kchan *ch, struct iov_iter *from, u32 len);
int kchan_take_run(struct kchan *ch, struct kchan_dst *dst);
int kchan_give(struct kchan *ch, struct kchan_src *src,
	       struct kchan_deferred *d);
int kchan_take(struct kchan *ch, struct kchan_dst *dst,
	       struct kchan_deferred *d);
void kchan_admit(struct kchan *ch, struct kchan_deferred *d);
void kchan_put_back(struct kchan *ch, struct kchan_elem *elem);

void kchan_park_sender(struct kchan *ch, struct kchan_waiter *w,
		       struct kchan_deferred *d);
void kchan_park_receiver(struct kchan *ch, struct kchan_waiter *w,
			 struct kchan_deferred *d);

/* How many elements were sent: each was handed out then, or is stored now. */
static inline u64 kchan_sent(const struct kchan *ch)
{
	return ch->seq + ch->stored;
}

/* The ring that elements enter; only with room in it is it sure to be there. */
static inline struct kchan_ring *kchan_newest(const struct kchan *ch)
{
	return list_last_entry(&ch->rings, struct kchan_ring, node);
}

static inline struct kchan_ring *kchan_oldest(const struct kchan *ch)
{
	return list_first_entry(&ch->rings, struct kchan_ring, node);
}

/* The oldest element, in this ring, has been received. */
static inline void kchan_pop(struct kchan *ch, struct kchan_ring *ring)
{
	ch->seq++;
	kchan_ring_pop(ring);
	ch->stored--;
}

/*
 * Whether there is an element to receive; whether a receive or a send would not
 * wait. The lock is held.
 */
static inline bool kchan_has_elem(struct kchan *ch)
{
	return ch->stored || ch->nr_put_back || kchan_first(&ch->senders);
}

static inline bool kchan_can_recv(struct kchan *ch)
{
	return kchan_has_elem(ch) || ch->closed;
}

static inline bool kchan_can_send(struct kchan *ch)
{
	return ch->stored < ch->capacity || kchan_first(&ch->receivers) ||
	       ch->closed || !ch->recv_ends;
}

/*
 * The same without the lock, as a hint: a waiter that is there may be claimed by
 * now, and what is said of one field is old when the next is looked at.
 */
static inline bool kchan_may_recv(struct kchan *ch)
{
	/* Who acts on it looks again with the lock held. */
	return data_race(ch->stored || ch->nr_put_back || ch->closed) ||
	       !list_empty(&ch->senders.list);
}

static inline bool kchan_may_send(struct kchan *ch)
{
	/* As above. */
	return data_race(ch->stored < ch->capacity || ch->closed ||
			 !ch->recv_ends) ||
	       !list_empty(&ch->receivers.list);
}

/**
 * kchan_run_deferred() - do what was left until the lock was dropped
 * @ch: the channel
 * @d: what there is to do
 *
 * Context: no channel's lock is held. May sleep.
 */
static inline void kchan_run_deferred(struct kchan *ch,
				      struct kchan_deferred *d)
{
	if (d->task)
		kchan_wake_task(d->task);
	/* For why no barrier is needed see kchan_wake_pollers(). */
	if (d->more || waitqueue_active(&ch->pollers))
		kchan_run_more(ch, d);
}

#endif /* _KCHAN_CHAN_H */
