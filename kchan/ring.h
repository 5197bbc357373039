/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef _KCHAN_RING_H
#define _KCHAN_RING_H

#include "kchan.h"
#include "mapping.h"

u32 kchan_ring_stride(u32 elem_size);
size_t kchan_ring_bytes(u32 elem_size, u32 capacity, bool message);
struct kchan_ring *kchan_ring_alloc(struct kchan_user *user, u32 elem_size,
				    u32 capacity, bool message);
void kchan_ring_free(struct kchan_ring *ring, struct kchan_user *user);
void kchan_ring_retire(struct kchan_ring *ring, struct kchan_step *step);
void kchan_ring_drop(struct kchan *ch, struct kchan_ring *ring);

struct kchan_elem *kchan_elem_alloc(struct kchan *ch, u32 len);
int kchan_elem_pay_kept(struct kchan *ch, struct kchan_elem *staged);
void kchan_elem_unpay_kept(struct kchan *ch, struct kchan_elem *staged);
struct kchan_elem *kchan_elem_keep(struct kchan *ch, const struct kchan_elem *staged);
void kchan_elem_free(struct kchan *ch, struct kchan_elem *elem);
bool kchan_elem_payable(struct kchan *ch);

/* The index of the slot @nth after the oldest element's. */
static inline u32 kchan_ring_nth(const struct kchan_ring *ring, u32 nth)
{
	u32 i = ring->head + nth;

	return i < ring->nr_slots ? i : i - ring->nr_slots;
}

/* The index of the slot for the next element that enters. */
static inline u32 kchan_ring_tail(const struct kchan_ring *ring)
{
	return kchan_ring_nth(ring, ring->len);
}

static inline void *kchan_ring_slot(const struct kchan_ring *ring, u32 i)
{
	return ring->slots + (size_t)i * ring->stride;
}

/* A mapped ring takes and gives one element at a time. */
static inline void kchan_ring_push(struct kchan_ring *ring, u32 nr)
{
	if (unlikely(ring->map))
		kchan_mapping_push(ring->map);
	ring->len += nr;
}

/* The elements that go are in slots that follow one another, without a wrap. */
static inline void kchan_ring_pop(struct kchan_ring *ring, u32 nr)
{
	if (unlikely(ring->map))
		kchan_mapping_pop(ring->map);
	ring->head += nr;
	if (ring->head == ring->nr_slots)
		ring->head = 0;
	ring->len -= nr;
}

/* An element that is stored by pointer. */
static inline struct kchan_elem **kchan_ring_elem(const struct kchan_ring *ring, u32 i)
{
	return kchan_ring_slot(ring, i);
}

/* The ring that elements enter. A channel that has room has such a ring. */
static inline struct kchan_ring *kchan_newest(const struct kchan *ch)
{
	return list_last_entry(&ch->rings, struct kchan_ring, node);
}

static inline struct kchan_ring *kchan_oldest(const struct kchan *ch)
{
	return list_first_entry(&ch->rings, struct kchan_ring, node);
}

static inline bool kchan_only_ring(const struct kchan *ch)
{
	return kchan_oldest(ch) == kchan_newest(ch);
}

#endif /* _KCHAN_RING_H */
