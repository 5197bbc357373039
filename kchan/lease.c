// SPDX-License-Identifier: GPL-2.0-only
/*
 * Leases: an element that was received stays the channel's until it is acknowledged.
 *
 * A lease begins when a server hands the element to an armed select (kchan_lease_begin()
 * in flight.c). It ends once: here, when its holder says so or goes, or in the channel's
 * work, when its limit has come. The lock of the channel decides which of them comes
 * first: kchan_lease.elem and kchan_lease.expired tell.
 *
 * While a thread copies the element to its user, the limit may come, and another receiver
 * may get the element and be done with it. So the reader has a reference on the element
 * (kchan_elem.ref), and on the channel that it is freed for. The number of readers is
 * that of threads. An element is never written to while somebody reads it: whoever wants
 * to use its memory again, to receive another one, first looks at the references under
 * the lock.
 */
#include <linux/ktime.h>
#include <linux/seq_file.h>

#include "lease.h"
#include "party.h"
#include "ring.h"

/**
 * kchan_lease_expired() - whether the limit of a lease has come
 * @ch: the channel
 * @lease: the lease
 *
 * If so, the channel's work is done with it.
 *
 * Return: whether it has.
 */
bool kchan_lease_expired(struct kchan *ch, struct kchan_lease *lease)
{
	bool expired;

	kchan_lock(ch);
	expired = lease->expired;
	kchan_unlock(ch);
	return expired;
}

/**
 * kchan_lease_look() - begin to read an element
 * @ch: the channel
 * @lease: the lease
 * @seen: out: the element, for kchan_lease_looked()
 *
 * Return: 0; -ETIME when the limit has come.
 */
int kchan_lease_look(struct kchan *ch, struct kchan_lease *lease,
		     struct kchan_lease_seen *seen)
{
	struct kchan_elem *elem;

	kchan_lock(ch);
	elem = lease->elem;
	if (elem) {
		refcount_inc(&elem->ref);
		seen->elem = elem;
		seen->returns = elem->returns;
		seen->due = kchan_due(elem);
	}
	kchan_unlock(ch);
	if (!elem)
		return -ETIME;
	kref_get(&ch->ref);
	seen->ch = ch;
	return 0;
}

/**
 * kchan_lease_looked() - end a read
 * @lease: the lease; meanwhile it may have ended, and another one may have begun
 * @seen: what was read
 * @whole: the reader has all of it
 *
 * Context: may sleep.
 */
void kchan_lease_looked(struct kchan_lease *lease, struct kchan_lease_seen *seen,
			bool whole)
{
	/*
	 * If another lease has begun, its channel may be another one, whose lock is not
	 * held. But then its element is another one, too: this one is still referenced.
	 */
	if (whole) {
		kchan_lock(seen->ch);
		if (READ_ONCE(lease->elem) == seen->elem)
			WRITE_ONCE(lease->read, true);
		kchan_unlock(seen->ch);
	}
	kchan_elem_free(seen->ch, seen->elem);
	kchan_put(seen->ch);
}

/**
 * kchan_lease_ack() - end a lease for good
 * @ch: the channel
 * @lease: the lease
 * @rearm: the memory of the element is used again, unless it is passed by pointer
 * @elem: out: the element
 *
 * Context: may sleep.
 * Return: 0; -ETIME when the limit has come; -EAGAIN when nobody has read the element;
 * -EBUSY when its memory is to be used, and somebody reads it.
 */
int kchan_lease_ack(struct kchan *ch, struct kchan_lease *lease, bool rearm,
		    struct kchan_elem **elem)
{
	struct kchan_step step __uninitialized;
	int ret = 0;

	kchan_step_begin(&step);
	kchan_lock(ch);
	if (!lease->elem)
		ret = -ETIME;
	else if (!lease->read)
		ret = -EAGAIN;
	else if (rearm && !kchan_by_pointer(ch) && refcount_read(&lease->elem->ref) > 1)
		ret = -EBUSY;
	if (!ret) {
		*elem = kchan_lease_end(ch, lease);
		kchan_end_flight(ch, *elem, &step);
	}
	kchan_unlock(ch);
	kchan_finish(ch, &step);
	return ret;
}

/**
 * kchan_lease_return() - end a lease, and give the element back
 * @ch: the channel
 * @lease: the lease
 * @flags: ``KCHAN_RETURN_*``
 * @delay: for how many nanoseconds nobody can receive it
 * @elem: out: the element, which the caller passes to kchan_put_back(), before it stops
 *	counting as an end; NULL if the channel keeps it for the delay
 *
 * Return: 0; -ETIME when the limit has come.
 */
int kchan_lease_return(struct kchan *ch, struct kchan_lease *lease, u32 flags, u64 delay,
		       struct kchan_elem **elem)
{
	int ret = -ETIME;

	kchan_lock(ch);
	if (lease->elem) {
		*elem = kchan_lease_end(ch, lease);
		if (!(flags & KCHAN_RETURN_UNCOUNTED))
			kchan_count_return(ch, *elem);
		(*elem)->tail = flags & KCHAN_RETURN_TAIL;
		kchan_set_due(ch, *elem, delay);
		if (delay)
			*elem = NULL;
		ret = 0;
	}
	kchan_unlock(ch);
	return ret;
}

/**
 * kchan_lease_extend() - move the limit of a lease
 * @ch: the channel
 * @lease: the lease
 * @limit: in how many nanoseconds it comes; 0 for never
 *
 * Return: 0; -ETIME when the limit has come.
 */
int kchan_lease_extend(struct kchan *ch, struct kchan_lease *lease, u64 limit)
{
	int ret = -ETIME;

	kchan_lock(ch);
	if (lease->elem) {
		kchan_set_due(ch, lease->elem, limit);
		ret = 0;
	}
	kchan_unlock(ch);
	return ret;
}

/**
 * kchan_lease_drop() - nobody holds a lease any more
 * @ch: the channel
 * @lease: the lease; if its limit has come, nothing is done
 *
 * Context: may sleep.
 */
void kchan_lease_drop(struct kchan *ch, struct kchan_lease *lease)
{
	struct kchan_elem *elem = NULL;

	kchan_lock(ch);
	if (lease->elem) {
		elem = kchan_lease_end(ch, lease);
		if (lease->read)
			kchan_count_return(ch, elem);
		kchan_set_due(ch, elem, 0);
	}
	kchan_unlock(ch);
	if (elem)
		kchan_put_back(ch, elem);
}

/**
 * kchan_lease_show() - show a lease in fdinfo
 * @m: where to
 * @ch: the channel
 * @lease: the lease; if its limit has come, nothing is shown
 */
void kchan_lease_show(struct seq_file *m, struct kchan *ch, struct kchan_lease *lease)
{
	struct kchan_lease_seen seen;
	bool read;

	read = READ_ONCE(lease->read);
	if (kchan_lease_look(ch, lease, &seen))
		return;
	seq_printf(m, "kchan-lease-number:\t%llu\n", seen.elem->seq);
	seq_printf(m, "kchan-lease-returns:\t%u\n", seen.returns);
	seq_printf(m, "kchan-lease-read:\t%d\n", read);
	if (seen.due)
		seq_printf(m, "kchan-lease-left-ns:\t%lld\n",
			   max(ktime_sub(seen.due, ktime_get()), 0LL));
	else
		seq_puts(m, "kchan-lease-left-ns:\t-\n");
	kchan_lease_looked(lease, &seen, false);
}
