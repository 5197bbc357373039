/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Transfers without a system call: see DOC: Mapped channels in linux/kchan.h.
 *
 * A channel is mapped once it has moved some elements, so a channel stays cheap to make.
 * The handles that are made of it share the mapping. The kernel allows it only in the
 * process that made the channel. A child after fork() finds a ring that is frozen, so
 * its transfers go by the kernel, and nothing has to be undone.
 *
 * While the race detector runs, no channel is mapped: it is told of system calls.
 */
#ifndef LIBKCHAN_CHAN_MAPPED_H
#define LIBKCHAN_CHAN_MAPPED_H

#include <string.h>

#include "base/base.h"
#include "base/sys.h"
#include "chan/handle.h"
#include "chan/mapped_ring.h"

struct kc_mapped {
	_Atomic uint32_t references;	/* one for each handle */
	_Atomic uint32_t cold;		/* transfers until the channel is mapped */
	_Atomic bool ready;		/* the ring can be used, for good */
	uint32_t spins;			/* the most looks before a call sleeps; 0: one CPU */
	_Atomic uint32_t budget;	/* looks that the next call may take */
	struct kc_ring ring;
	size_t size;
};

/*
 * For a new channel, of elements of fixed size of at most KCHAN_INLINE_ELEM_SIZE. NULL if
 * there is no memory: then the channel is never mapped.
 */
struct kc_mapped *kc_mapped_new(uint32_t elem_size);
struct kc_mapped *kc_mapped_ref(struct kc_mapped *mapped);
void kc_mapped_unref(struct kc_mapped *mapped);

/* Maps the channel. It stays as it is if that fails. */
void kc_map(kc_chan *c, struct kc_mapped *mapped);
/* A transfer that may wait has found nothing to do. Looks again for a moment. */
bool kc_mapped_spin(kc_chan *c, bool send, void *elem);
/* Tells the kernel of a transfer. */
void kc_kick(kc_chan *c);

/* The mapping, if the handle has this direction, and the channel can be mapped. */
static inline struct kc_mapped *kc_mapped_of(const kc_chan *c, bool send)
{
	return send ? c->sends : c->recvs;
}

static inline bool kc_mapped_is_ready(struct kc_mapped *mapped)
{
	/* Pairs with the store-release in kc_map(). */
	return mapped && atomic_load_explicit(&mapped->ready, memory_order_acquire);
}

/* Whether a select may move an element through the ring, as far as can be seen. */
static inline bool kc_mapped_is_open(const kc_chan *c, bool send)
{
	struct kc_mapped *mapped = kc_mapped_of(c, send);

	return kc_mapped_is_ready(mapped) && kc_ring_is_open(&mapped->ring, send);
}

/*
 * Counts a transfer of a channel that is not mapped yet. It may take a lock, so no signal
 * handler calls it.
 */
static inline void kc_mapped_warm(kc_chan *c, bool send)
{
	struct kc_mapped *mapped = kc_mapped_of(c, send);

	if (mapped && atomic_load_explicit(&mapped->cold, memory_order_relaxed) &&
	    atomic_fetch_sub_explicit(&mapped->cold, 1, memory_order_relaxed) == 1)
		kc_map(c, mapped);
}

/*
 * Moves one element through the ring of @c, if that needs nobody. A send touches the
 * element first: between the claim of a slot and its end, a fault must not become a
 * panic, which would leave the claim.
 */
static inline bool kc_mapped_move(kc_chan *c, bool send, void *elem)
{
	struct kc_mapped *mapped = kc_mapped_of(c, send);
	enum kc_moved moved;

	if (!kc_mapped_is_ready(mapped))
		return false;
	if (send) {
		(void)*(const volatile char *)elem;
		(void)((const volatile char *)elem)[mapped->ring.elem_size - 1];
		moved = kc_ring_send(&mapped->ring, elem);
	} else {
		moved = kc_ring_recv(&mapped->ring, elem);
	}
	if (__builtin_expect(moved == KC_MOVED_KICK, 0))
		kc_kick(c);
	return moved != KC_MOVED_NOT;
}

#endif /* LIBKCHAN_CHAN_MAPPED_H */
