/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef _KCHAN_RING_H
#define _KCHAN_RING_H

#include "kchan.h"

u32 kchan_ring_stride(u32 elem_size, bool message);
struct kchan_ring *kchan_ring_alloc(struct kchan_user *user, u32 stride,
				    u32 nr_slots);
void kchan_ring_free(struct kchan_ring *ring, struct kchan_user *user);
struct kchan_elem *kchan_elem_alloc(struct kchan *ch, u32 len);
void kchan_elem_free(struct kchan *ch, struct kchan_elem *elem);

/* The slot that the next element to enter goes to. */
static inline void *kchan_ring_tail(struct kchan_ring *ring)
{
	u32 i = ring->head + ring->len;

	if (i >= ring->nr_slots)
		i -= ring->nr_slots;
	return ring->slots + (size_t)i * ring->stride;
}

static inline void kchan_ring_push(struct kchan_ring *ring)
{
	ring->len++;
}

/* The slot of the oldest element. */
static inline void *kchan_ring_head(struct kchan_ring *ring)
{
	return ring->slots + (size_t)ring->head * ring->stride;
}

static inline void kchan_ring_pop(struct kchan_ring *ring)
{
	if (++ring->head == ring->nr_slots)
		ring->head = 0;
	ring->len--;
}

#endif /* _KCHAN_RING_H */
