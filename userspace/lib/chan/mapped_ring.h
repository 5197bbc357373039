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

/* kc_ring_copy() calls no function for elements of at most so many bytes. */
#define KC_RING_SMALL	64

/* Where a mapped ring is, copied from what the kernel told: nobody can change this. */
struct kc_ring {
	struct kchan_shared *mem;
	unsigned int elem_size;
	unsigned int last;		/* the index of the last slot */
	unsigned long stride;
};

static inline struct kchan_shared_slot *kc_ring_slot(const struct kc_ring *ring,
						     unsigned long long pos)
{
	unsigned char *slots = (unsigned char *)ring->mem + KCHAN_SHARED_SLOTS;

	return (struct kchan_shared_slot *)
		(slots + (unsigned int)pos * ring->stride);
}

static inline unsigned long long kc_ring_lap(unsigned long long pos)
{
	return (pos + KCHAN_SHARED_LAP) & ~KCHAN_SHARED_FROZEN;
}

/*
 * Copies an element. A small one takes less here than the call of memcpy() would: a
 * memcpy() of a constant length is a few moves, and where they overlap is no matter.
 */
static inline void kc_ring_copy(void *to, const void *from, unsigned long len)
{
	unsigned char *t = (unsigned char *)to;
	const unsigned char *f = (const unsigned char *)from;

	/* Else the compiler warns of the branches that @len does not take. */
	__asm__("" : "+r" (t), "+r" (f));
	if (len > KC_RING_SMALL) {
		memcpy(t, f, len);
	} else if (len > 32) {
		memcpy(t, f, 16);
		memcpy(t + 16, f + 16, 16);
		memcpy(t + len - 32, f + len - 32, 16);
		memcpy(t + len - 16, f + len - 16, 16);
	} else if (len >= 16) {
		memcpy(t, f, 16);
		memcpy(t + len - 16, f + len - 16, 16);
	} else if (len >= 8) {
		memcpy(t, f, 8);
		memcpy(t + len - 8, f + len - 8, 8);
	} else if (len >= 4) {
		memcpy(t, f, 4);
		memcpy(t + len - 4, f + len - 4, 4);
	} else if (len >= 2) {
		memcpy(t, f, 2);
		memcpy(t + len - 2, f + len - 2, 2);
	} else {
		*t = *f;
	}
}

/* The position after @pos. */
static inline unsigned long long kc_ring_next(const struct kc_ring *ring,
					      unsigned long long pos)
{
	if (__builtin_expect((unsigned int)pos < ring->last, 1))
		return pos + 1;
	return kc_ring_lap(pos - (unsigned int)pos);
}

/* A slot that was claimed. */
struct kc_claim {
	struct kchan_shared_slot *slot;
	__u64 pos;
};

/* An operand of an asm statement is loaded. Nothing is known of the one that comes out. */
static inline void kc_ring_touch_byte(unsigned char *at, bool send)
{
	unsigned char byte = *at;

	__asm__ volatile("" : "+r" (byte));
	if (!send)
		*at = byte;
}

/*
 * Finds a bad address before a slot is claimed. Between the claim and its end, a fault
 * must not become a panic, which would leave the claim. An element is in two pages at
 * most. Memory to receive into is written, and has the same content after that.
 */
static inline void kc_ring_touch(void *elem, unsigned long len, bool send)
{
	unsigned char *bytes = (unsigned char *)elem;

	kc_ring_touch_byte(bytes, send);
	kc_ring_touch_byte(bytes + len - 1, send);
}

/*
 * Claims the slot at *@at, if that is claim->pos, and not frozen. Its stamp has to be the
 * position plus @full. The element at @elem, of @len bytes, is touched before. A receive
 * copies after the claim: if it is not claimed, who called finds there what was there. If
 * the slot was not claimed, @now is what *@at was by then, as far as that is known.
 */
static inline bool kc_ring_claim_at(const struct kc_ring *ring, __u64 *at, unsigned int full,
				    void *elem, unsigned long len, struct kc_claim *claim,
				    __u64 *now)
{
	claim->pos = *now;
	claim->slot = kc_ring_slot(ring, claim->pos);
	/* No stamp is equal to a position that is frozen. */
	if (__atomic_load_n(&claim->slot->stamp, __ATOMIC_ACQUIRE) != claim->pos + full)
		return false;
	kc_ring_touch(elem, len, !full);
	return __atomic_compare_exchange_n(at, now, kc_ring_next(ring, claim->pos), false,
					   __ATOMIC_SEQ_CST, __ATOMIC_RELAXED);
}

/*
 * Claims the slot at *@at. Goes on as long as others move on, but with @once. Returns
 * false if there is none to claim.
 */
static inline bool kc_ring_claim_next(const struct kc_ring *ring, __u64 *at,
				      unsigned int full, void *elem, unsigned long len,
				      struct kc_claim *claim, bool once)
{
	__u64 now = __atomic_load_n(at, __ATOMIC_RELAXED);

	for (;;) {
		if (kc_ring_claim_at(ring, at, full, elem, len, claim, &now))
			return true;
		/* It is frozen, full or empty, unless others have moved on. */
		if (!once && now == claim->pos)
			now = __atomic_load_n(at, __ATOMIC_RELAXED);
		if (once || now == claim->pos)
			return false;
	}
}

/*
 * For tests, which do the steps of a transfer one by one. A receive copies to @copy. A send
 * has no element yet.
 */
static inline bool kc_ring_claim(const struct kc_ring *ring, __u64 *at, unsigned int full,
				 void *copy, unsigned long long *pos)
{
	unsigned char none = 0;
	struct kc_claim claim;

	if (!kc_ring_claim_next(ring, at, full, copy ? copy : &none,
				copy ? ring->elem_size : 1, &claim, false))
		return false;
	if (copy)
		kc_ring_copy(copy, claim.slot + 1, ring->elem_size);
	*pos = claim.pos;
	return true;
}

/* Gives a slot its stamp, which ends the claim. */
static inline enum kc_moved kc_ring_stamp(struct kchan_shared_slot *slot,
					   unsigned long long stamp, __u32 *told)
{
	__atomic_exchange_n(&slot->stamp, stamp, __ATOMIC_SEQ_CST);
	return __atomic_load_n(told, __ATOMIC_SEQ_CST) ? KC_MOVED_KICK : KC_MOVED;
}

/*
 * kc_ring_send() and kc_ring_recv(), for who knows more of the @len bytes of an element.
 * With @once, it is left to the caller to try again if others have moved on.
 */
static inline enum kc_moved kc_ring_do_send(const struct kc_ring *ring, const void *elem,
					    unsigned long len, bool once)
{
	struct kchan_shared *mem = ring->mem;
	struct kc_claim claim;

	if (__atomic_load_n(&mem->told_of_send, __ATOMIC_RELAXED) ||
	    !kc_ring_claim_next(ring, &mem->tail, 0, (void *)elem, len, &claim, once))
		return KC_MOVED_NOT;
	kc_ring_copy(claim.slot + 1, elem, len);
	return kc_ring_stamp(claim.slot, claim.pos + 1, &mem->told_of_send);
}

static inline enum kc_moved kc_ring_do_recv(const struct kc_ring *ring, void *elem,
					    unsigned long len, bool once)
{
	struct kchan_shared *mem = ring->mem;
	struct kc_claim claim;

	if (__atomic_load_n(&mem->told_of_recv, __ATOMIC_RELAXED) ||
	    !kc_ring_claim_next(ring, &mem->head, 1, elem, len, &claim, once))
		return KC_MOVED_NOT;
	kc_ring_copy(elem, claim.slot + 1, len);
	return kc_ring_stamp(claim.slot, kc_ring_lap(claim.pos), &mem->told_of_recv);
}

/* Sends an element, if nobody has to be told of it. */
static inline enum kc_moved kc_ring_send(const struct kc_ring *ring, const void *elem)
{
	return kc_ring_do_send(ring, elem, ring->elem_size, false);
}

/* Receives an element, if nobody has to be told of it. */
static inline enum kc_moved kc_ring_recv(const struct kc_ring *ring, void *elem)
{
	return kc_ring_do_recv(ring, elem, ring->elem_size, false);
}

enum kc_ring_state {
	KC_RING_SHUT,		/* transfers go by the kernel */
	KC_RING_WAITS,		/* it is full, for a send, or empty, for a receive */
	KC_RING_READY,
};

/*
 * What a transfer of this direction would find now. It takes nothing: where the ring is
 * ready, somebody else may still be faster.
 */
static inline enum kc_ring_state kc_ring_look(const struct kc_ring *ring, bool send)
{
	struct kchan_shared *mem = ring->mem;
	__u32 *told = send ? &mem->told_of_send : &mem->told_of_recv;
	__u64 pos = __atomic_load_n(send ? &mem->tail : &mem->head, __ATOMIC_RELAXED);

	if (__atomic_load_n(told, __ATOMIC_RELAXED) || (pos & KCHAN_SHARED_FROZEN))
		return KC_RING_SHUT;
	return __atomic_load_n(&kc_ring_slot(ring, pos)->stamp, __ATOMIC_RELAXED) ==
	       pos + !send ? KC_RING_READY : KC_RING_WAITS;
}

/*
 * A select without a system call that finds that no case is ready. Its default is right only
 * if there was an instant at which none was. It looks at each case by kc_ring_waits(), and
 * then at each by kc_ring_still_waits(). If all is as it was, no case was ready at any
 * instant T after the last of the first looks and before the first of the second ones.
 *
 * This is why, for a receive; a send is the same with the tail. All loads are acquires, so
 * they are done in this order.
 *
 * - By the ring. The head at T was what both looks saw, because a position never comes back.
 *   If its slot was published at T, it was published after the first look had loaded the
 *   stamp. A stamp that has changed again by the second look was released after the head had
 *   advanced. The second look loads the stamp first, so it then sees another head.
 * - By the kernel, where an element was put back, a call is parked, or the channel is
 *   closed. As long as that lasts, the kernel leaves the head frozen, or told_of_recv set.
 *   Where that began before the first look and lasted, the first look saw it. If it began
 *   later, the kernel has advanced recv_rises, which the first look loads before the others.
 *   The kernel stores recv_rises before it thaws the head. And it clears told_of_recv only
 *   under a later hold, after a full barrier. The second look loads recv_rises last. So it
 *   sees that the head is frozen, that the word is set, or that recv_rises has changed.
 *
 * An instant is the same for all processors: on x86 and arm64 a store is seen by all others
 * at once.
 */

/* What a first look has found. */
struct kc_ring_seen {
	__u64 pos;
	__u32 rises;
};

/* The first look. Returns whether a transfer would wait. If not, or the kernel knows, false. */
static inline bool kc_ring_waits(const struct kc_ring *ring, bool send,
				 struct kc_ring_seen *seen)
{
	struct kchan_shared *mem = ring->mem;
	__u32 *told = send ? &mem->told_of_send : &mem->told_of_recv;

	seen->rises = __atomic_load_n(send ? &mem->send_rises : &mem->recv_rises,
				      __ATOMIC_ACQUIRE);
	if (__atomic_load_n(told, __ATOMIC_ACQUIRE))
		return false;
	seen->pos = __atomic_load_n(send ? &mem->tail : &mem->head, __ATOMIC_ACQUIRE);
	return !(seen->pos & KCHAN_SHARED_FROZEN) &&
	       __atomic_load_n(&kc_ring_slot(ring, seen->pos)->stamp, __ATOMIC_ACQUIRE) !=
	       seen->pos + !send;
}

/* The second look. Returns whether nothing has changed since the first one. */
static inline bool kc_ring_still_waits(const struct kc_ring *ring, bool send,
				       const struct kc_ring_seen *seen)
{
	struct kchan_shared *mem = ring->mem;
	__u32 *told = send ? &mem->told_of_send : &mem->told_of_recv;

	return __atomic_load_n(&kc_ring_slot(ring, seen->pos)->stamp, __ATOMIC_ACQUIRE) !=
	       seen->pos + !send &&
	       __atomic_load_n(send ? &mem->tail : &mem->head, __ATOMIC_ACQUIRE) ==
	       seen->pos &&
	       !__atomic_load_n(told, __ATOMIC_ACQUIRE) &&
	       __atomic_load_n(send ? &mem->send_rises : &mem->recv_rises,
			       __ATOMIC_ACQUIRE) == seen->rises;
}

#endif /* KC_MAPPED_RING_H */
