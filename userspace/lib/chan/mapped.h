/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Transfers without a system call: see DOC: Mapped channels in linux/kchan.h.
 *
 * A channel is mapped once it has moved some elements, so a channel stays cheap to make.
 * The kernel allows it only in the process that made the channel. A child after fork()
 * finds a ring that is frozen, so its transfers go by the kernel, and nothing has to be
 * undone.
 *
 * While memcheck runs, no channel is mapped: it is told of system calls. While the race
 * detector runs, all transfers are made by kc_mapped_move(), which tells it.
 */
#ifndef LIBKCHAN_CHAN_MAPPED_H
#define LIBKCHAN_CHAN_MAPPED_H

#include "base/base.h"
#include "base/sys.h"
#include "chan/handle.h"
#include "chan/mapping.h"
#include "sched/dice.h"

/* Maps the channel. It stays as it is if that fails. */
void kc_map(kc_chan *c, struct kc_mapped *mapped);
/*
 * Moves one element through the ring of @c, if that needs nobody. The caller holds @c by a
 * struct kc_call. The race detector is told that the program moved it in the line @at.
 */
bool kc_mapped_move(kc_chan *c, bool send, void *elem, void *at);
/*
 * Does so with @nr elements, one after another, and returns how many have moved. If that
 * is not all of a send, or nothing of a receive, and the call may wait, it looks again for
 * a moment.
 */
size_t kc_mapped_move_n(kc_chan *c, bool send, char *elems, size_t nr, bool may_wait,
			void *at);
/* Tells the kernel of a transfer, and ends the call. */
void kc_mapped_kick(struct kc_call call);

/* The mapping, if the handle has this direction, and the channel can be mapped. */
static inline struct kc_mapped *kc_mapped_of(const kc_chan *c, bool send)
{
	return send ? c->sends : c->recvs;
}

/* NULL as long as the ring cannot be used. */
static inline struct kchan_shared *kc_mapped_mem(struct kc_mapped *mapped)
{
	/* Pairs with the store-release in kc_map(). */
	return __atomic_load_n(&mapped->ring.mem, __ATOMIC_ACQUIRE);
}

/*
 * Counts a transfer of a channel that is not mapped yet. It may take a lock, so no signal
 * handler calls it.
 */
static inline void kc_mapped_warm(kc_chan *c, bool send)
{
	struct kc_mapped *mapped = kc_mapped_of(c, send);
	uint32_t cold = atomic_load_explicit(&mapped->cold, memory_order_relaxed);

	/* If another transfer is counted at the same time, this one is not. */
	if (cold && atomic_compare_exchange_strong_explicit(&mapped->cold, &cold, cold - 1,
							    memory_order_relaxed,
							    memory_order_relaxed) &&
	    cold == 1)
		kc_map(c, mapped);
}

/*
 * Whether a transfer that does not wait fails with -EAGAIN. False where only the kernel
 * knows, and under the race detector, which has to see each call.
 */
static inline bool kc_mapped_waits(const kc_chan *c, bool send)
{
	const struct kc_ring *ring = &kc_mapped_of(c, send)->ring;
	struct kc_ring_seen seen;

	return !kc_race_on() && kc_ring_waits(ring, send, &seen) &&
	       kc_ring_still_waits(ring, send, &seen);
}

/* Moves one element of @len bytes through a ring. */
static inline __attribute__((always_inline)) enum kc_moved
kc_mapped_do(const struct kc_ring *ring, bool send, void *elem, size_t len, bool once)
{
	return send ? kc_ring_do_send(ring, elem, len, once) :
		      kc_ring_do_recv(ring, elem, len, once);
}

enum kc_called {
	KC_CALLED,
	KC_CALLED_NOT,
	KC_CALLED_HELD,		/* nothing has moved, and the caller ends @call */
};

/*
 * Does all that a call has to do, if the ring alone can do it. Most calls end here, so
 * there is nothing else in it: no goroutine, no record of a wait, no limit. It calls
 * functions only where it ends with them, so the compiler saves no registers. Large
 * elements, for which it would call memcpy(), what others disturb, and what the race
 * detector is told of are left to kc_mapped_move().
 *
 * The handle has to be held: who receives the element may drop the last reference before
 * this call has looked at the ring for the last time.
 */
static inline __attribute__((always_inline)) enum kc_called
kc_mapped_call(kc_chan *c, bool send, void *elem, struct kc_call *call)
{
	struct kc_mapped *mapped = kc_mapped_of(c, send);
	size_t len;

	/* Pairs with the store-release in kc_map(). */
	if (!__atomic_load_n(&mapped->small, __ATOMIC_ACQUIRE) || kc_jitter_is_on())
		return KC_CALLED_NOT;
	len = mapped->ring.elem_size;
	if (len > KC_RING_SMALL)
		__builtin_unreachable();
	*call = kc_call_begin(c);
	switch (kc_mapped_do(&mapped->ring, send, elem, len, true)) {
	case KC_MOVED_NOT:
		return KC_CALLED_HELD;
	case KC_MOVED_KICK:
		kc_mapped_kick(*call);
		return KC_CALLED;
	case KC_MOVED:
		break;
	}
	/* Not kc_call_end(): there is no race detector to be told. */
	if (__builtin_expect(kc_call_holds(call), 1))
		kc_call_end_held(call);
	return KC_CALLED;
}

#endif /* LIBKCHAN_CHAN_MAPPED_H */
