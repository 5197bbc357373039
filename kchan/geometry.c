// SPDX-License-Identifier: GPL-2.0-only
/*
 * A channel's life and shape: made, set up, resized, freed.
 */
#include <linux/err.h>
#include <linux/minmax.h>
#include <linux/sched.h>
#include <linux/slab.h>

#include "chan.h"
#include "limits.h"
#include "ring.h"

static atomic64_t kchan_last_id = ATOMIC64_INIT(0);

static void kchan_waitq_init(struct kchan_waitq *q, u32 op)
{
	INIT_LIST_HEAD(&q->list);
	q->len = 0;
	q->op = op;
	q->waits = 0;
}

/* How much is moved under one hold of the lock, see KCHAN_BATCH_ELEMS. */
static u32 kchan_batch(u32 elem_size, bool message)
{
	if (message || !elem_size)
		return elem_size;
	return elem_size * clamp_t(u32, KCHAN_BATCH_BYTES / elem_size, 1,
				   KCHAN_BATCH_ELEMS);
}

/**
 * kchan_alloc() - make a channel
 *
 * It has the geometry that the module's parameters say, no storage yet and no
 * ends.
 *
 * Return: the channel, with one reference; or an error pointer: -EDQUOT when the
 * current user has too many, -ENOMEM.
 */
struct kchan *kchan_alloc(void)
{
	struct kchan *ch;
	int ret;

	ch = kzalloc(sizeof(*ch), GFP_KERNEL_ACCOUNT);
	if (!ch)
		return ERR_PTR(-ENOMEM);

	ch->user = kchan_user_get();
	if (IS_ERR(ch->user)) {
		ret = PTR_ERR(ch->user);
		kfree(ch);
		return ERR_PTR(ret);
	}

	spin_lock_init(&ch->lock);
	mutex_init(&ch->setup_lock);
	kref_init(&ch->ref);
	init_waitqueue_head(&ch->pollers);
	INIT_LIST_HEAD(&ch->rings);
	INIT_LIST_HEAD(&ch->put_back);
	kchan_waitq_init(&ch->senders, KCHAN_OP_SEND);
	kchan_waitq_init(&ch->receivers, KCHAN_OP_RECV);
	ch->message = true;
	kchan_default_geometry(&ch->elem_size, &ch->capacity);
	ch->batch = kchan_batch(ch->elem_size, ch->message);
	ch->id = atomic64_inc_return(&kchan_last_id);
	kchan_debug_add(ch);
	return ch;
}

/* Frees a ring that may still hold elements: nobody will receive them. */
static void kchan_drop_ring(struct kchan *ch, struct kchan_ring *ring)
{
	for (; kchan_by_pointer(ch) && ring->len; kchan_ring_pop(ring)) {
		kchan_elem_free(ch, *(struct kchan_elem **)kchan_ring_head(ring));
		cond_resched();
	}
	kchan_ring_free(ring, ch->user);
}

static void kchan_free(struct kref *ref)
{
	struct kchan *ch = container_of(ref, struct kchan, ref);
	struct kchan_ring *ring, *next_ring;
	struct kchan_elem *elem, *next_elem;

	kchan_debug_del(ch);
	list_for_each_entry_safe(ring, next_ring, &ch->rings, node)
		kchan_drop_ring(ch, ring);
	list_for_each_entry_safe(elem, next_elem, &ch->put_back, node)
		kchan_elem_free(ch, elem);
	kchan_user_put(ch->user);
	mutex_destroy(&ch->setup_lock);
	kfree(ch);
}

/**
 * kchan_put() - drop a reference
 * @ch: the channel
 */
void kchan_put(struct kchan *ch)
{
	kref_put(&ch->ref, kchan_free);
}

/*
 * A ring for so many elements; NULL for a rendezvous channel, which stores
 * none.
 */
static struct kchan_ring *kchan_make_ring(struct kchan *ch, u32 elem_size,
					  u32 capacity, bool message)
{
	if (!capacity)
		return NULL;
	return kchan_ring_alloc(ch->user, kchan_ring_stride(elem_size, message),
				capacity);
}

/* Whether one channel may hold so much, or stage it on a rendezvous. */
static bool kchan_may_have(u32 elem_size, u32 capacity, bool message)
{
	u64 bytes = kchan_ring_stride(elem_size, message);

	if (elem_size > PAGE_SIZE)
		bytes += elem_size;
	return kchan_may_hold(bytes * max(capacity, 1U));
}

/*
 * Makes @ring, which may be NULL, the one that elements enter. Rings before it
 * stay until they are drained; those that are empty go at once.
 */
static void kchan_add_ring(struct kchan *ch, struct kchan_ring *ring,
			   struct kchan_deferred *d)
{
	if (!list_empty(&ch->rings)) {
		struct kchan_ring *last;

		/* Older ones hold elements, or they would be gone. */
		last = list_last_entry(&ch->rings, struct kchan_ring, node);
		if (!last->len)
			kchan_defer_ring(d, last);
	}
	if (ring)
		list_add_tail(&ring->node, &ch->rings);
}

/**
 * kchan_setup() - set the geometry of a channel that was not used yet
 * @ch: the channel
 * @elem_size: bytes in an element, or the most in a message
 * @capacity: elements that the buffer holds
 * @message: message mode
 *
 * Return: 0; -EBUSY when the geometry is fixed; -EINVAL, -EDQUOT, -ENOMEM.
 */
int kchan_setup(struct kchan *ch, u32 elem_size, u32 capacity, bool message)
{
	struct kchan_deferred d;
	struct kchan_ring *ring;
	int ret = 0;

	kchan_deferred_init(&d);
	if (elem_size > KCHAN_MAX_ELEM_SIZE || capacity > KCHAN_MAX_CAPACITY)
		return -EINVAL;
	if (message && !elem_size)
		return -EINVAL;

	mutex_lock(&ch->setup_lock);
	/* Looked at again below: poll fixes the geometry without the mutex. */
	if (READ_ONCE(ch->fixed)) {
		ret = -EBUSY;
		goto unlock;
	}
	if (!kchan_may_have(elem_size, capacity, message)) {
		ret = -EINVAL;
		goto unlock;
	}
	ring = kchan_make_ring(ch, elem_size, capacity, message);
	if (IS_ERR(ring)) {
		ret = PTR_ERR(ring);
		goto unlock;
	}

	spin_lock(&ch->lock);
	if (ch->fixed) {
		ret = -EBUSY;
		if (ring)
			kchan_defer_ring(&d, ring);
	} else {
		ch->elem_size = elem_size;
		ch->batch = kchan_batch(elem_size, message);
		ch->capacity = capacity;
		ch->message = message;
		kchan_add_ring(ch, ring, &d);
	}
	spin_unlock(&ch->lock);
	kchan_run_deferred(ch, &d);
unlock:
	mutex_unlock(&ch->setup_lock);
	return ret;
}

/**
 * kchan_fix() - make the geometry final, and storage for it
 * @ch: the channel
 *
 * Return: 0; -EDQUOT, -ENOMEM: the geometry is final all the same.
 */
int kchan_fix(struct kchan *ch)
{
	struct kchan_ring *ring = NULL;
	int ret = 0;

	mutex_lock(&ch->setup_lock);
	if (ch->ready)
		goto unlock;

	spin_lock(&ch->lock);
	WRITE_ONCE(ch->fixed, true);
	spin_unlock(&ch->lock);

	/* Without a ring now, nobody adds one while we hold the mutex. */
	if (list_empty(&ch->rings)) {
		ring = kchan_make_ring(ch, ch->elem_size, ch->capacity,
				       ch->message);
		if (IS_ERR(ring)) {
			ret = PTR_ERR(ring);
			goto unlock;
		}
	}
	if (ring) {
		spin_lock(&ch->lock);
		list_add_tail(&ring->node, &ch->rings);
		spin_unlock(&ch->lock);
	}
	/* Pairs with the load-acquire in kchan_use(). */
	smp_store_release(&ch->ready, true);
unlock:
	mutex_unlock(&ch->setup_lock);
	return ret;
}

/**
 * kchan_resize() - change the capacity
 * @ch: the channel
 * @capacity: elements that the buffer is to hold
 *
 * What is stored stays where it is, and leaves first; new elements enter a new
 * ring. The swap takes no longer for a large buffer than for a small one.
 *
 * Return: 0; -EBUSY when more is stored than would fit; -EINVAL, -EDQUOT,
 * -ENOMEM.
 */
int kchan_resize(struct kchan *ch, u32 capacity)
{
	struct kchan_deferred d;
	struct kchan_ring *ring;
	int ret = 0;

	kchan_deferred_init(&d);
	if (capacity > KCHAN_MAX_CAPACITY)
		return -EINVAL;

	mutex_lock(&ch->setup_lock);
	/* Element size and mode change only with the mutex held. */
	if (!kchan_may_have(ch->elem_size, capacity, ch->message)) {
		ret = -EINVAL;
		goto unlock;
	}
	ring = kchan_make_ring(ch, ch->elem_size, capacity, ch->message);
	if (IS_ERR(ring)) {
		ret = PTR_ERR(ring);
		goto unlock;
	}

	spin_lock(&ch->lock);
	if (ch->stored > capacity) {
		ret = -EBUSY;
		if (ring)
			kchan_defer_ring(&d, ring);
	} else {
		bool grown = capacity > ch->capacity;

		ch->capacity = capacity;
		kchan_add_ring(ch, ring, &d);
		/*
		 * Before the lock is dropped, and so before any new send. There
		 * are as many as there are tasks parked here, and of each the
		 * bytes of one slot are copied.
		 */
		kchan_admit(ch, &d);
		d.out_all = grown && ch->stored < capacity;
	}
	spin_unlock(&ch->lock);
	kchan_run_deferred(ch, &d);
unlock:
	mutex_unlock(&ch->setup_lock);
	return ret;
}
