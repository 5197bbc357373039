/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef _KCHAN_FLIGHT_H
#define _KCHAN_FLIGHT_H

#include "kchan.h"

/**
 * DOC: Elements in flight
 *
 * An element that was handed out may come back. Until it is certain that it will not, it
 * is in flight, in one of three states:
 *
 * - flying: a call or an armed select was handed it, and has not taken it yet;
 * - leased: the same, but its receiver may keep it as long as it likes;
 * - delayed: it was returned, and is to be queued later.
 *
 * A receive returns end-of-stream only when nothing is in flight.
 *
 * Flying elements are many, and their receivers take them without the channel's lock
 * (kchan_settle()). So they are only counted, in the atomic kchan.flying. The others are
 * in the tree kchan.kept, by number, and so are those that were put back: their owner is
 * the channel, or has the channel's lock for it.
 *
 * kchan_settled() tells the number below which every element is settled. For what is in
 * kchan.kept it is exact. For those that are flying, the counter has two halves, which
 * take turns. A half has the lowest number that was counted in it since it was last
 * empty. When the half before the current one is empty, the two change places: from then
 * on the other half counts no new elements, and its elements are settled some day,
 * however busy the channel is.
 */

/**
 * struct kchan_lease - what an armed select with %KCHAN_ARM_LEASE has received
 * @polled: the armed select; the channel wakes those who poll it when the limit comes
 * @limit: how long the lease lasts from its commit on, in nanoseconds; 0 for no limit
 * @elem: the element; NULL before a commit, and once the lease has ended
 * @read: the element was read as a whole; also looked at without the lock
 * @expired: the limit has come; also looked at without the lock
 *
 * The lock of the channel that the element is from guards @elem, @read and @expired. Only
 * one case commits. So there is one such channel, from the commit on.
 */
struct kchan_lease {
	struct kchan_polled *polled;
	u64 limit;
	struct kchan_elem *elem;
	bool read;
	bool expired;
};

/*
 * The place of an element that is where it was sent to. One that was returned to the tail
 * when @seq elements had been sent in all has twice @seq: so it is behind the element
 * before, and ahead of the next one that is sent.
 */
static inline u64 kchan_own_order(u64 seq)
{
	return 2 * seq + 1;
}

static inline u64 kchan_tail_order(u64 seq)
{
	return 2 * seq;
}

/* An element is handed out for the first time. */
static inline void kchan_number(struct kchan_elem *elem, u64 seq)
{
	elem->seq = seq;
	elem->order = kchan_own_order(seq);
	elem->turn = 0;
	elem->returns = 0;
	elem->tail = false;
}

/* An element is copied: the copy goes on in its place. */
static inline void kchan_same_number(struct kchan_elem *copy, const struct kchan_elem *elem)
{
	copy->seq = elem->seq;
	copy->order = elem->order;
	copy->turn = elem->turn;
	copy->returns = elem->returns;
	copy->tail = false;
}

/* An element comes back, and this counts. The channel's lock is held. */
static inline void kchan_count_return(struct kchan *ch, struct kchan_elem *elem)
{
	const u32 before = elem->returns;

	elem->returns = before + 1;
	/* It does not begin anew. */
	if (!elem->returns)
		elem->returns = before;
	ch->returns++;
}

/* One element in a half of kchan.flying. */
static inline s64 kchan_flying_one(unsigned int epoch)
{
	return 1LL << (32 * epoch);
}

static inline u32 kchan_flying_half(u64 flying, unsigned int epoch)
{
	return flying >> (32 * epoch);
}

/**
 * kchan_fly() - an element is handed to a receiver
 * @ch: the channel
 * @elem: the element, with its number
 *
 * Context: the channel's lock is held.
 */
static inline void kchan_fly(struct kchan *ch, struct kchan_elem *elem)
{
	const unsigned int epoch = ch->epoch;
	u64 *low = &ch->epoch_low[epoch];

	elem->state = KCHAN_ELEM_FLYING;
	elem->epoch = epoch;
	/* If others settle theirs meanwhile, the number is lower than it need be. */
	if (!kchan_flying_half(atomic64_read(&ch->flying), epoch) || elem->seq < *low)
		*low = elem->seq;
	atomic64_add(kchan_flying_one(epoch), &ch->flying);
}

/* Whether an element may still come back. The lock is held, or this is a hint. */
static inline bool kchan_any_in_flight(const struct kchan *ch)
{
	return atomic64_read(&ch->flying) || ch->leased || ch->delayed;
}

u32 kchan_in_flight(const struct kchan *ch);
u64 kchan_settled(struct kchan *ch);

void kchan_lease_begin(struct kchan *ch, struct kchan_elem *elem,
		       struct kchan_lease *lease);
struct kchan_elem *kchan_lease_end(struct kchan *ch, struct kchan_lease *lease);
ktime_t kchan_due(const struct kchan_elem *elem);
void kchan_set_due(struct kchan *ch, struct kchan_elem *elem, u64 after);
void kchan_land(struct kchan *ch, struct kchan_elem *elem);
void kchan_queue_elem(struct kchan *ch, struct kchan_elem *elem);
void kchan_unqueue_elem(struct kchan *ch, struct kchan_elem *elem);
struct kchan_elem *kchan_first_due(struct kchan *ch);

void kchan_flight_init(struct kchan *ch, work_func_t put_back);
void kchan_flight_exit(struct kchan *ch);

#endif /* _KCHAN_FLIGHT_H */
