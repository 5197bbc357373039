// SPDX-License-Identifier: GPL-2.0-only
/* A channel's life and geometry: it is made, set up, resized and freed. */
#include <linux/err.h>
#include <linux/minmax.h>
#include <linux/once.h>
#include <linux/overflow.h>
#include <linux/random.h>
#include <linux/sched.h>
#include <linux/sched/mm.h>
#include <linux/slab.h>

#include "flight.h"
#include "limits.h"
#include "party.h"
#include "ring.h"

/* A resize fails if this many rings still hold elements. */
#define KCHAN_MAX_RINGS		64

/*
 * The channels' own slab. The general ones have powers of two, and a channel is a little
 * over one of them: half of what it took would be lost.
 */
static struct kmem_cache *kchan_cache;

static atomic64_t kchan_last_id = ATOMIC64_INIT(0);

/* A random number of this load of the module. It is there before the first channel is. */
u64 kchan_instance;

/**
 * kchan_cache_init() - make the slab of channels
 *
 * Return: 0 or -ENOMEM.
 */
int __init kchan_cache_init(void)
{
	kchan_cache = KMEM_CACHE(kchan, SLAB_HWCACHE_ALIGN | SLAB_ACCOUNT);
	return kchan_cache ? 0 : -ENOMEM;
}

/**
 * kchan_cache_exit() - take the slab of channels away
 *
 * No channel is left.
 */
void kchan_cache_exit(void)
{
	kmem_cache_destroy(kchan_cache);
}

/* How many elements are moved under one hold of the lock: see KCHAN_BATCH_ELEMS. */
static u8 kchan_batch(u32 elem_size)
{
	return clamp_t(u32, KCHAN_BATCH_BYTES / max(elem_size, 1U), 1,
		       KCHAN_BATCH_ELEMS);
}

static int kchan_count_channel(struct kchan *ch)
{
	int ret;

	ch->user = kchan_user_get();
	if (IS_ERR(ch->user))
		return PTR_ERR(ch->user);
	ret = kchan_user_add_channel(ch->user);
	if (ret)
		kchan_user_put(ch->user);
	return ret;
}

/**
 * kchan_alloc() - make a channel
 * @mm: the address space that may map it; NULL for none
 *
 * It has the geometry that the module's parameters give, no storage yet and no
 * ends.
 *
 * Context: may sleep.
 * Return: the channel, with one reference; or an error pointer: -EDQUOT when the
 * current user has too many, -ENOMEM.
 */
struct kchan *kchan_alloc(struct mm_struct *mm)
{
	struct kchan *ch;
	int ret;

	ch = kmem_cache_zalloc(kchan_cache, GFP_KERNEL);
	if (!ch)
		return ERR_PTR(-ENOMEM);
	ret = kchan_count_channel(ch);
	if (ret) {
		kmem_cache_free(kchan_cache, ch);
		return ERR_PTR(ret);
	}

	spin_lock_init(&ch->lock);
	mutex_init(&ch->setup_lock);
	kref_init(&ch->ref);
	init_waitqueue_head(&ch->rd_wait);
	init_waitqueue_head(&ch->wr_wait);
	INIT_LIST_HEAD(&ch->rings);
	kchan_flight_init(ch, kchan_due_work);
	kchan_waitq_init(&ch->senders, KCHAN_OP_SEND);
	kchan_waitq_init(&ch->receivers, KCHAN_OP_RECV);
	ch->message = true;
	kchan_default_geometry(&ch->elem_size, &ch->capacity);
	ch->batch = kchan_batch(ch->elem_size);
	ch->mm = mm;
	if (mm)
		mmgrab(mm);
	get_random_once(&kchan_instance, sizeof(kchan_instance));
	ch->id = atomic64_inc_return(&kchan_last_id);
	kchan_debug_add(ch);
	return ch;
}

/*
 * Frees a channel. Its last end is gone. What was queued was freed with its last
 * receive end.
 */
static void kchan_free(struct kref *ref)
{
	struct kchan *ch = container_of(ref, struct kchan, ref);
	struct kchan_ring *ring, *next;

	kchan_debug_del(ch);
	/* One that was mapped when there was no receive end any more. */
	if (ch->mapped)
		kchan_mapping_leave(ch);
	kchan_flight_exit(ch);
	list_for_each_entry_safe(ring, next, &ch->rings, node) {
		list_del_init(&ring->node);
		kchan_ring_drop(ch, ring);
	}
	kchan_user_del_channel(ch->user);
	kchan_user_put(ch->user);
	if (ch->mm)
		mmdrop(ch->mm);
	mutex_destroy(&ch->setup_lock);
	kmem_cache_free(kchan_cache, ch);
}

/**
 * kchan_put() - drop a reference
 * @ch: the channel
 *
 * Context: may sleep.
 */
void kchan_put(struct kchan *ch)
{
	kref_put(&ch->ref, kchan_free);
}

/*
 * Makes a ring for @capacity elements. Returns NULL for a rendezvous channel of
 * elements that are not passed by pointer: it stores none and pays for none.
 */
static struct kchan_ring *kchan_make_ring(struct kchan *ch, u32 elem_size,
					  u32 capacity, bool message)
{
	if (!capacity && elem_size <= KCHAN_INLINE_ELEM_SIZE)
		return NULL;
	return kchan_ring_alloc(ch->user, elem_size, capacity, message);
}

/*
 * The bytes that count for max_channel_bytes. A rendezvous channel counts with the
 * one element that a sender stages.
 */
static size_t kchan_bytes(u32 elem_size, u32 capacity, bool message)
{
	if (elem_size <= KCHAN_INLINE_ELEM_SIZE)
		capacity = max(capacity, 1U);
	return kchan_ring_bytes(elem_size, capacity, message);
}

/*
 * Makes @ring, which may be NULL, the one that elements enter. Older rings stay until
 * they are drained. An empty one goes at once.
 */
static void kchan_add_ring(struct kchan *ch, struct kchan_ring *ring,
			   struct kchan_step *step)
{
	struct kchan_ring *last;

	/*
	 * Only the newest ring may be empty: an older one is retired when it runs
	 * empty.
	 */
	if (!list_empty(&ch->rings)) {
		last = kchan_newest(ch);
		if (!last->len)
			kchan_ring_retire(last, step);
	}
	if (ring)
		list_add_tail(&ring->node, &ch->rings);
}

static void kchan_free_ring(struct kchan *ch, struct kchan_ring *ring)
{
	if (ring)
		kchan_ring_free(ring, ch->user);
}

/**
 * kchan_check_geometry() - whether a caller may make such a buffer
 * @geometry: what it is to be like
 *
 * Return: 0, or -EINVAL.
 */
int kchan_check_geometry(const struct kchan_geometry *geometry)
{
	if (geometry->elem_size > KCHAN_MAX_ELEM_SIZE ||
	    geometry->capacity > KCHAN_MAX_CAPACITY)
		return -EINVAL;
	if (geometry->message && !geometry->elem_size)
		return -EINVAL;
	if (!kchan_may_hold(kchan_bytes(geometry->elem_size, geometry->capacity,
					geometry->message)))
		return -EINVAL;
	return 0;
}

/* The lock is held, and the geometry is not fixed. */
static void kchan_set_geometry(struct kchan *ch, const struct kchan_geometry *geometry)
{
	ch->elem_size = geometry->elem_size;
	ch->batch = kchan_batch(geometry->elem_size);
	ch->capacity = geometry->capacity;
	ch->message = geometry->message;
}

/**
 * kchan_name() - a new channel has a name
 * @ch: the channel: the name counts as an end of it
 * @geometry: what the channel is to be like without setup
 * @dev: the device number of the name's filesystem
 * @ino: the name's inode number
 */
void kchan_name(struct kchan *ch, const struct kchan_geometry *geometry, dev_t dev,
		unsigned long ino)
{
	/* Take the lock, because the channel is in root's listing. */
	kchan_lock(ch);
	kchan_set_geometry(ch, geometry);
	ch->dev = dev;
	ch->ino = ino;
	kchan_unlock(ch);
	kchan_hold(ch);
}

/* Sets up a channel, with a ring of its own or none. The lock is held. */
static int kchan_set_up(struct kchan *ch, const struct kchan_geometry *geometry,
			u32 flags, struct kchan_ring *ring, struct kchan_step *step)
{
	const bool no_send_hold = flags & KCHAN_SETUP_NO_SEND_HOLD;

	if (no_send_hold && !ch->held)
		return -EINVAL;
	if (ch->held)
		kchan_set_send_hold(ch, no_send_hold);
	kchan_set_geometry(ch, geometry);
	kchan_add_ring(ch, ring, step);
	return 0;
}

/**
 * kchan_setup() - set the geometry of a channel that was not used yet
 * @ch: the channel; the caller has an end that sends
 * @elem_size: bytes in an element, or the most in a message
 * @capacity: elements that the buffer holds
 * @flags: ``KCHAN_SETUP_*``
 *
 * Context: may sleep.
 * Return: 0; -EBUSY when the geometry is fixed; -EINVAL, -EDQUOT, -ENOMEM.
 */
int kchan_setup(struct kchan *ch, u32 elem_size, u32 capacity, u32 flags)
{
	const struct kchan_geometry geometry = {
		.elem_size = elem_size,
		.capacity = capacity,
		.message = flags & KCHAN_SETUP_MESSAGE,
	};
	struct kchan_ring *ring;
	struct kchan_step step __uninitialized;
	int ret;

	ret = kchan_check_geometry(&geometry);
	if (ret)
		return ret;

	mutex_lock(&ch->setup_lock);
	ret = -EBUSY;
	if (ch->fixed)
		goto unlock;
	ring = kchan_make_ring(ch, elem_size, capacity, geometry.message);
	if (IS_ERR(ring)) {
		ret = PTR_ERR(ring);
		goto unlock;
	}

	kchan_step_begin(&step);
	kchan_lock(ch);
	ret = kchan_set_up(ch, &geometry, flags, ring, &step);
	kchan_unlock(ch);
	kchan_finish(ch, &step);
	if (ret)
		kchan_free_ring(ch, ring);
unlock:
	mutex_unlock(&ch->setup_lock);
	return ret;
}

static bool kchan_needs_ring(const struct kchan *ch)
{
	return list_empty(&ch->rings) &&
	       (ch->capacity || ch->elem_size > KCHAN_INLINE_ELEM_SIZE);
}

/* Whether elements have bytes, and the slots hold these. */
static bool kchan_copies(const struct kchan *ch)
{
	return ch->elem_size && !kchan_by_pointer(ch);
}

/**
 * kchan_fix() - make the geometry final, and allocate the storage
 * @ch: the channel
 * @nowait: do not sleep
 *
 * Return: 0; -EDQUOT or -ENOMEM, and even then the geometry is final; -EAGAIN when it
 * would have to sleep.
 */
int kchan_fix(struct kchan *ch, bool nowait)
{
	struct kchan_ring *ring = NULL;
	int ret = 0;

	if (!nowait)
		mutex_lock(&ch->setup_lock);
	else if (!mutex_trylock(&ch->setup_lock))
		return -EAGAIN;
	if (ch->ready)
		goto unlock;
	/* Nobody else adds a ring while we hold the mutex. */
	if (nowait && kchan_needs_ring(ch)) {
		ret = -EAGAIN;
		goto unlock;
	}

	/* Take the lock, because kchan_get_info() reads this under the lock. */
	kchan_lock(ch);
	ch->fixed = true;
	kchan_unlock(ch);

	if (kchan_needs_ring(ch)) {
		ring = kchan_make_ring(ch, ch->elem_size, ch->capacity,
				       ch->message);
		if (IS_ERR(ring)) {
			ret = PTR_ERR(ring);
			goto unlock;
		}
		kchan_lock(ch);
		list_add_tail(&ring->node, &ch->rings);
		kchan_unlock(ch);
	}
	/* Pairs with the load-acquire in kchan_is_copied(). */
	smp_store_release(&ch->copied, kchan_copies(ch));
	/* Pairs with the load-acquire in kchan_use(). */
	smp_store_release(&ch->ready, true);
unlock:
	mutex_unlock(&ch->setup_lock);
	return ret;
}

/*
 * Whether a ring of @bytes may be added to the rings that are not drained yet. Their
 * number is bounded, so the walk under the lock is short.
 */
static bool kchan_may_add_ring(struct kchan *ch, size_t bytes)
{
	struct kchan_ring *ring;
	unsigned int nr = 0;

	kchan_lock(ch);
	list_for_each_entry(ring, &ch->rings, node) {
		if (!ring->len)
			continue;
		bytes = size_add(bytes, ring->map ? ring->map->size :
				 kchan_ring_bytes(ch->elem_size, ring->nr_slots,
						  ch->message));
		nr++;
	}
	kchan_unlock(ch);
	return nr < KCHAN_MAX_RINGS && kchan_may_hold(bytes);
}

/* Sets the capacity. The lock is held. */
static int kchan_set_capacity(struct kchan *ch, struct kchan_ring *ring,
			      u32 capacity, struct kchan_step *step)
{
	const bool grown = capacity > ch->capacity;

	if (ch->broken)
		return -EIO;
	if (ch->stored > capacity)
		return -EBUSY;
	WRITE_ONCE(ch->capacity, capacity);
	kchan_add_ring(ch, ring, step);
	/*
	 * Admit as many parked senders as the step allows. No new send overtakes the
	 * others.
	 */
	kchan_catch_up(ch, step);
	/* A new ring may also pay for an element that the old one could not. */
	if ((grown || kchan_by_pointer(ch)) && ch->stored < capacity) {
		ch->send_rises++;
		step->out = INT_MAX;
	}
	return 0;
}

/**
 * kchan_resize() - change the capacity
 * @ch: the channel
 * @capacity: elements that the buffer is to hold
 *
 * What is stored stays where it is, and leaves first; new elements enter a new
 * ring. So the swap takes no longer for a large buffer than for a small one.
 *
 * Context: may sleep.
 * Return: 0; -EBUSY when more is stored than would fit, or when the rings together
 * would hold too much or be too many; -EIO when the channel is broken; -EINVAL, -EDQUOT,
 * -ENOMEM.
 */
int kchan_resize(struct kchan *ch, u32 capacity)
{
	struct kchan_ring *ring;
	struct kchan_step step __uninitialized;
	size_t bytes;
	int ret;

	if (capacity > KCHAN_MAX_CAPACITY)
		return -EINVAL;

	mutex_lock(&ch->setup_lock);
	/* Element size and mode change only with the mutex held. */
	bytes = kchan_bytes(ch->elem_size, capacity, ch->message);
	ret = -EINVAL;
	if (!kchan_may_hold(bytes))
		goto unlock;
	ret = -EBUSY;
	if (!kchan_may_add_ring(ch, bytes))
		goto unlock;
	ring = kchan_make_ring(ch, ch->elem_size, capacity, ch->message);
	if (IS_ERR(ring)) {
		ret = PTR_ERR(ring);
		goto unlock;
	}

	kchan_step_begin(&step);
	kchan_lock(ch);
	ret = kchan_set_capacity(ch, ring, capacity, &step);
	kchan_unlock(ch);
	kchan_finish(ch, &step);
	if (ret)
		kchan_free_ring(ch, ring);
unlock:
	mutex_unlock(&ch->setup_lock);
	return ret;
}

/* Whether a process may share the ring. */
static bool kchan_can_share(const struct kchan *ch)
{
	return !ch->message && ch->elem_size && !kchan_by_pointer(ch) && ch->capacity;
}

/**
 * kchan_map() - add a ring that a process can map
 * @ch: the channel, in use
 * @size: the bytes that the caller will map
 *
 * What is stored stays where it is, and leaves first.
 *
 * Context: may sleep.
 * Return: the ring's mapping, with a reference for the caller; -EBUSY when the channel
 * is or was mapped, was resized meanwhile, or as for kchan_resize(); -EINVAL, -EDQUOT,
 * -ENOMEM.
 */
struct kchan_mapping *kchan_map(struct kchan *ch, size_t size)
{
	struct kchan_step step __uninitialized;
	struct kchan_mapping *map = NULL;
	struct kchan_ring *ring;

	mutex_lock(&ch->setup_lock);
	if (!kchan_can_share(ch))
		ring = ERR_PTR(-EINVAL);
	else if (ch->was_mapped || size != kchan_mapping_bytes(ch->elem_size, ch->capacity) ||
		 !kchan_may_add_ring(ch, size))
		ring = ERR_PTR(-EBUSY);
	else
		ring = kchan_mapping_ring(ch);
	if (!IS_ERR(ring)) {
		ch->was_mapped = true;
		kchan_step_begin(&step);
		kchan_lock(ch);
		kchan_add_ring(ch, ring, &step);
		ch->mapped = ring;
		refcount_inc(&ring->map->ref);
		map = ring->map;
		kchan_unlock(ch);
		kchan_finish(ch, &step);
	}
	mutex_unlock(&ch->setup_lock);
	return IS_ERR(ring) ? ERR_CAST(ring) : map;
}
