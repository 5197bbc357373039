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
 * kchan_ring_stride() - bytes from one slot to the next
 * @elem_size: bytes in an element, at most %KCHAN_MAX_ELEM_SIZE
 * @message: message mode
 *
 * Return: so many.
 */
u32 kchan_ring_stride(u32 elem_size, bool message)
{
	if (elem_size > PAGE_SIZE)
		return sizeof(struct kchan_elem *);
	return ALIGN(elem_size, 8) + (message ? sizeof(u64) : 0);
}

/**
 * kchan_ring_alloc() - allocate an empty ring
 * @user: who is charged for it
 * @stride: bytes from one slot to the next
 * @nr_slots: how many slots, at least 1
 *
 * Return: the ring, for kchan_ring_free(); -EDQUOT or -ENOMEM as an error
 * pointer.
 */
struct kchan_ring *kchan_ring_alloc(struct kchan_user *user, u32 stride,
				    u32 nr_slots)
{
	size_t size = size_mul(nr_slots, stride);
	struct kchan_ring *ring;
	int ret;

	if (size > LONG_MAX)
		return ERR_PTR(-ENOMEM);
	ret = kchan_user_charge(user, size);
	if (ret)
		return ERR_PTR(ret);
	ring = kvmalloc(size_add(sizeof(*ring), size),
			GFP_KERNEL_ACCOUNT | __GFP_NOWARN);
	if (!ring) {
		kchan_user_uncharge(user, size);
		return ERR_PTR(-ENOMEM);
	}

	INIT_LIST_HEAD(&ring->node);
	ring->charged = size;
	ring->stride = stride;
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
 * @ch: the channel that it is for
 * @len: its bytes
 *
 * Elements that the channel keeps by pointer are charged to the user one by one,
 * wherever they are. Of the others a waiting call stages one, of a page at the
 * most, which is less than what the task itself takes.
 *
 * Return: the element, its length set, its bytes not; -EDQUOT or -ENOMEM as an
 * error pointer.
 */
struct kchan_elem *kchan_elem_alloc(struct kchan *ch, u32 len)
{
	u32 charge = kchan_by_pointer(ch) ? len : 0;
	struct kchan_elem *elem;
	int ret;

	if (charge) {
		ret = kchan_user_charge(ch->user, charge);
		if (ret)
			return ERR_PTR(ret);
	}
	elem = kvmalloc(struct_size(elem, data, len),
			GFP_KERNEL_ACCOUNT | __GFP_NOWARN);
	if (!elem) {
		kchan_user_uncharge(ch->user, charge);
		return ERR_PTR(-ENOMEM);
	}
	elem->len = len;
	elem->charged = charge;
	return elem;
}

/**
 * kchan_elem_free() - free an element
 * @ch: the channel that it was for
 * @elem: the element, or NULL
 */
void kchan_elem_free(struct kchan *ch, struct kchan_elem *elem)
{
	if (elem && elem->charged)
		kchan_user_uncharge(ch->user, elem->charged);
	kvfree(elem);
}
