/* SPDX-License-Identifier: LGPL-2.1-only */
#ifndef KC_MAPPED_RING_H
#define KC_MAPPED_RING_H

/*
 * A process's part in the protocol of a mapped ring. DOC: Mapped channels in
 * linux/kchan.h describes it, and kchan/mapping.c is the kernel's part. The kernel's
 * tests use this file too, so it includes nothing: whoever includes it has included
 * linux/kchan.h, and has memcpy(), bool and the types.
 *
 * The memory order is that of crossbeam's array queue. A stamp that is seen (acquire)
 * tells that its slot may be used. The exchange of a stamp publishes the slot. It is
 * sequentially consistent, and so is the load of told_of_send or told_of_recv after it.
 * The kernel stores that word, has a full barrier, and then looks at the stamp. So one of
 * the two sees what the other did. The load has to be sequentially consistent too: on
 * arm64 an acquire load may be done before the exchange's store.
 */

enum kc_moved {
	KC_MOVED_NOT,		/* go by the kernel */
	KC_MOVED,		/* the element has moved */
	KC_MOVED_KICK,		/* so it has, and KCHAN_IOC_KICK has to follow */
};

/* Where a mapped ring is, copied from what the kernel told: nobody can change this. */
struct kc_ring {
	struct kchan_shared *mem;
	unsigned int elem_size;
	unsigned int capacity;
	unsigned int stride;
};

static inline struct kchan_shared_slot *kc_ring_slot(const struct kc_ring *ring,
						     unsigned long long pos)
{
	unsigned char *slots = (unsigned char *)ring->mem + KCHAN_SHARED_SLOTS;

	return (struct kchan_shared_slot *)
		(slots + (unsigned long)(unsigned int)pos * ring->stride);
}

static inline unsigned long long kc_ring_lap(unsigned long long pos)
{
	return (pos + KCHAN_SHARED_LAP) & ~KCHAN_SHARED_FROZEN;
}

/* The position after @pos. */
static inline unsigned long long kc_ring_next(const struct kc_ring *ring,
					      unsigned long long pos)
{
	if ((unsigned int)pos + 1 < ring->capacity)
		return pos + 1;
	return kc_ring_lap(pos - (unsigned int)pos);
}

/*
 * Claims the slot at *@at, whose stamp has to be its position plus @full, and stores the
 * position in @pos. For a receive, @copy is where the element goes before the claim. Only
 * the claim tells that the copy is worth something: until then somebody else may have
 * received it, and overwritten the slot.
 */
static inline bool kc_ring_claim(const struct kc_ring *ring, __u64 *at, unsigned int full,
				 void *copy, unsigned long long *pos)
{
	__u64 now = __atomic_load_n(at, __ATOMIC_RELAXED);

	for (;;) {
		struct kchan_shared_slot *slot;
		__u64 before = now;

		if (now & KCHAN_SHARED_FROZEN)
			return false;
		slot = kc_ring_slot(ring, now);
		if (__atomic_load_n(&slot->stamp, __ATOMIC_ACQUIRE) != now + full) {
			/* The ring is full, or empty, unless others have moved on. */
			now = __atomic_load_n(at, __ATOMIC_RELAXED);
			if (now == before)
				return false;
			continue;
		}
		if (copy)
			memcpy(copy, slot + 1, ring->elem_size);
		if (__atomic_compare_exchange_n(at, &now, kc_ring_next(ring, now), false,
						__ATOMIC_SEQ_CST, __ATOMIC_RELAXED)) {
			*pos = before;
			return true;
		}
	}
}

/* Gives a slot its stamp, which ends the claim. */
static inline enum kc_moved kc_ring_stamp(struct kchan_shared_slot *slot,
					   unsigned long long stamp, __u32 *told)
{
	__atomic_exchange_n(&slot->stamp, stamp, __ATOMIC_SEQ_CST);
	return __atomic_load_n(told, __ATOMIC_SEQ_CST) ? KC_MOVED_KICK : KC_MOVED;
}

/* Sends an element, if nobody has to be told of it. The element must be present. */
static inline enum kc_moved kc_ring_send(const struct kc_ring *ring, const void *elem)
{
	struct kchan_shared *mem = ring->mem;
	unsigned long long pos;

	if (__atomic_load_n(&mem->told_of_send, __ATOMIC_RELAXED) ||
	    !kc_ring_claim(ring, &mem->tail, 0, NULL, &pos))
		return KC_MOVED_NOT;
	memcpy(kc_ring_slot(ring, pos) + 1, elem, ring->elem_size);
	return kc_ring_stamp(kc_ring_slot(ring, pos), pos + 1, &mem->told_of_send);
}

/* Receives an element, if nobody has to be told of it. */
static inline enum kc_moved kc_ring_recv(const struct kc_ring *ring, void *elem)
{
	struct kchan_shared *mem = ring->mem;
	unsigned long long pos;

	if (__atomic_load_n(&mem->told_of_recv, __ATOMIC_RELAXED) ||
	    !kc_ring_claim(ring, &mem->head, 1, elem, &pos))
		return KC_MOVED_NOT;
	return kc_ring_stamp(kc_ring_slot(ring, pos), kc_ring_lap(pos), &mem->told_of_recv);
}

/* Whether transfers of this direction may go without the kernel at all. */
static inline bool kc_ring_is_open(const struct kc_ring *ring, bool send)
{
	struct kchan_shared *mem = ring->mem;
	__u32 *told = send ? &mem->told_of_send : &mem->told_of_recv;
	__u64 *at = send ? &mem->tail : &mem->head;

	return !__atomic_load_n(told, __ATOMIC_RELAXED) &&
	       !(__atomic_load_n(at, __ATOMIC_RELAXED) & KCHAN_SHARED_FROZEN);
}

#endif /* KC_MAPPED_RING_H */
