// SPDX-License-Identifier: GPL-2.0-only
/*
 * Storage of elements.
 *
 * A ring has slots of one size. What is in one depends on the geometry:
 *
 *	elements over a page	pointer to a struct kchan_elem
 *	message mode		u64 length, then the bytes
 *	otherwise		the bytes
 *
 * An element size of 0 has slots of 0 bytes: the ring only counts.
 */
#include <linux/err.h>
#include <linux/overflow.h>
#include <linux/slab.h>

#include "limits.h"
#include "ring.h"

/**
 * kchan_ring_layout() - how elements of a geometry are stored
 * @elem_size: bytes in an element, at most %KCHAN_MAX_ELEM_SIZE
 * @message: message mode
 *
 * Return: the layout.
 */
struct kchan_layout kchan_ring_layout(u32 elem_size, bool message)
{
	struct kchan_layout layout;

	if (elem_size > PAGE_SIZE) {
		layout.stride = sizeof(struct kchan_elem *);
		layout.bytes = layout.stride + elem_size;
	} else {
		layout.stride = ALIGN(elem_size, 8) +
				(message ? sizeof(u64) : 0);
		layout.bytes = layout.stride;
	}
	return layout;
}

/**
 * kchan_ring_alloc() - allocate an empty ring
 * @user: who is charged for it
 * @layout: how it stores elements
 * @nr_slots: how many it can hold, at least 1
 *
 * Return: the ring, for kchan_ring_free(); -EDQUOT or -ENOMEM as an error
 * pointer.
 */
struct kchan_ring *kchan_ring_alloc(struct kchan_user *user,
				    const struct kchan_layout *layout,
				    u32 nr_slots)
{
	size_t charge = size_mul(nr_slots, layout->bytes);
	struct kchan_ring *ring;
	int ret;

	ret = kchan_user_charge(user, charge);
	if (ret)
		return ERR_PTR(ret);
	ring = kvmalloc(size_add(sizeof(*ring),
				 size_mul(nr_slots, layout->stride)),
			GFP_KERNEL_ACCOUNT | __GFP_NOWARN);
	if (!ring) {
		kchan_user_uncharge(user, charge);
		return ERR_PTR(-ENOMEM);
	}

	INIT_LIST_HEAD(&ring->node);
	ring->charged = charge;
	ring->stride = layout->stride;
	ring->nr_slots = nr_slots;
	ring->head = 0;
	ring->len = 0;
	return ring;
}

/**
 * kchan_ring_free() - free an empty ring
 * @ring: the ring
 * @user: who is charged for it
 */
void kchan_ring_free(struct kchan_ring *ring, struct kchan_user *user)
{
	kchan_user_uncharge(user, ring->charged);
	kvfree(ring);
}

/**
 * kchan_elem_alloc() - allocate room for an element
 * @len: its bytes
 *
 * Return: the element, its length set, its bytes not; NULL without memory.
 */
struct kchan_elem *kchan_elem_alloc(u32 len)
{
	struct kchan_elem *elem;

	elem = kvmalloc(struct_size(elem, data, len),
			GFP_KERNEL_ACCOUNT | __GFP_NOWARN);
	if (elem)
		elem->len = len;
	return elem;
}

/**
 * kchan_elem_free() - free an element
 * @elem: the element, or NULL
 */
void kchan_elem_free(struct kchan_elem *elem)
{
	kvfree(elem);
}
