// SPDX-License-Identifier: GPL-2.0-only
/*
 * Storage of elements, and who is charged for it.
 *
 * A ring has slots of one size. What a slot holds depends on the geometry:
 *
 *	passed by pointer	pointer to a struct kchan_elem
 *	message mode		u64 length, then the bytes
 *	otherwise		the bytes
 *
 * An element size of 0 has slots of 0 bytes: the ring only counts.
 *
 * The whole buffer is charged when its ring is made, so that a send that poll()
 * reports as ready has its storage. Where elements are passed by pointer, the charge
 * of the ring covers as many elements as it has slots, and one if it has none. An
 * element takes such a place when it is allocated, if one is free, and holds it until
 * it is freed, wherever it is. An element that finds no free place is charged by
 * itself to the user who opened the channel, as the ring is.
 */
#include <linux/err.h>
#include <linux/overflow.h>
#include <linux/poll.h>
#include <linux/slab.h>
#include <linux/string.h>

#include "limits.h"
#include "party.h"
#include "ring.h"

/**
 * kchan_ring_stride() - bytes from one slot to the next
 * @elem_size: bytes in an element, at most %KCHAN_MAX_ELEM_SIZE
 * @message: message mode
 *
 * Return: the number of bytes.
 */
u32 kchan_ring_stride(u32 elem_size, bool message)
{
	if (elem_size > KCHAN_INLINE_ELEM_SIZE)
		return sizeof(struct kchan_elem *);
	return ALIGN(elem_size, 8) + (message ? sizeof(u64) : 0);
}

/*
 * Whether an element is one allocation: the bytes of a small one follow its header.
 */
static bool kchan_elem_is_one(u32 len)
{
	return len <= KCHAN_INLINE_ELEM_SIZE;
}

static size_t kchan_elem_size(u32 len)
{
	if (kchan_elem_is_one(len))
		return kchan_mem_size(sizeof(struct kchan_elem) + len);
	return kchan_mem_size(sizeof(struct kchan_elem)) + kchan_mem_size(len);
}

/* How many elements the charge of a ring covers. */
static u32 kchan_ring_prepaid(u32 elem_size, u32 capacity)
{
	return elem_size > KCHAN_INLINE_ELEM_SIZE ? max(capacity, 1U) : 0;
}

/**
 * kchan_ring_bytes() - the bytes of a buffer, as a channel's limit counts them
 * @elem_size: bytes in an element
 * @capacity: how many elements it holds
 * @message: message mode
 *
 * Return: the number of bytes, those of elements passed by pointer included; SIZE_MAX
 * if that is more than a size_t can hold.
 */
size_t kchan_ring_bytes(u32 elem_size, u32 capacity, bool message)
{
	size_t slots = size_mul(capacity, kchan_ring_stride(elem_size, message));
	size_t elems = size_mul(kchan_ring_prepaid(elem_size, capacity),
				kchan_elem_size(elem_size));

	return size_add(slots, elems);
}

static size_t kchan_ring_charge(u32 elem_size, u32 capacity, size_t slots)
{
	size_t elems = size_mul(kchan_ring_prepaid(elem_size, capacity),
				kchan_elem_size(elem_size));
	size_t ring = kchan_mem_size(sizeof(struct kchan_ring));

	return size_add(size_add(ring, elems), slots ? kchan_mem_size(slots) : 0);
}

/**
 * kchan_ring_alloc() - allocate an empty ring
 * @user: who is charged for it
 * @elem_size: bytes in an element
 * @capacity: how many slots
 * @message: message mode
 *
 * Context: may sleep.
 * Return: the ring, for kchan_ring_free(); -EDQUOT or -ENOMEM as an error
 * pointer.
 */
struct kchan_ring *kchan_ring_alloc(struct kchan_user *user, u32 elem_size,
				    u32 capacity, bool message)
{
	const u32 stride = kchan_ring_stride(elem_size, message);
	const size_t slots = size_mul(capacity, stride);
	const size_t charge = kchan_ring_charge(elem_size, capacity, slots);
	struct kchan_ring *ring;
	int ret;

	if (slots > LONG_MAX || charge > LONG_MAX)
		return ERR_PTR(-ENOMEM);
	ret = kchan_user_charge(user, charge);
	if (ret)
		return ERR_PTR(ret);
	ring = kzalloc(sizeof(*ring), GFP_KERNEL_ACCOUNT);
	if (!ring)
		goto uncharge;
	if (slots) {
		ring->slots = kchan_mem_alloc(slots);
		if (!ring->slots)
			goto free;
	}

	INIT_LIST_HEAD(&ring->node);
	ring->charged = charge;
	ring->prepaid = kchan_ring_prepaid(elem_size, capacity);
	ring->stride = stride;
	ring->nr_slots = capacity;
	return ring;

free:
	kfree(ring);
uncharge:
	kchan_user_uncharge(user, charge);
	return ERR_PTR(-ENOMEM);
}

/**
 * kchan_ring_free() - free an empty ring that pays for no element
 * @ring: the ring
 * @user: who is charged for it
 *
 * Context: may sleep.
 */
void kchan_ring_free(struct kchan_ring *ring, struct kchan_user *user)
{
	kchan_user_uncharge(user, ring->charged);
	kvfree(ring->slots);
	kfree(ring);
}

/* Makes the newest ring pay for one more element, if it can. */
static struct kchan_ring *kchan_ring_pay(struct kchan *ch)
{
	struct kchan_ring *ring = NULL;

	spin_lock(&ch->lock);
	if (!list_empty(&ch->rings)) {
		ring = kchan_newest(ch);
		if (ring->used < ring->prepaid)
			ring->used++;
		else
			ring = NULL;
	}
	spin_unlock(&ch->lock);
	return ring;
}

/*
 * Gives a place back, after an element that a ring pays for is gone. A poller for
 * output may have waited for that: see kchan_elem_payable(). A poller that is in the
 * wait queue is seen here, as argued at kchan_wake_pollers().
 */
static void kchan_ring_unpay(struct kchan *ch, struct kchan_ring *ring)
{
	bool last;

	spin_lock(&ch->lock);
	ring->used--;
	ch->send_rises++;
	last = ring->retired && !ring->used;
	spin_unlock(&ch->lock);
	if (last)
		kchan_ring_free(ring, ch->user);
	/* No barrier, as argued at kchan_wake_pollers() in chan.c. */
	if (waitqueue_active(&ch->wr_wait))
		wake_up_poll(&ch->wr_wait, EPOLLOUT | EPOLLWRNORM);
}

/**
 * kchan_elem_payable() - whether one more element passed by pointer would be paid
 * @ch: the channel
 *
 * The newest ring would pay, or else the channel's user. The answer holds for this
 * moment only. When a place of the ring becomes free, pollers are woken. When quota
 * of the user becomes free elsewhere, they are not.
 *
 * Context: the channel's lock is held.
 * Return: whether it would.
 */
bool kchan_elem_payable(struct kchan *ch)
{
	struct kchan_ring *ring;

	if (!list_empty(&ch->rings)) {
		ring = kchan_newest(ch);
		if (ring->used < ring->prepaid)
			return true;
	}
	return kchan_user_may_charge(ch->user, kchan_elem_size(ch->elem_size));
}

static void kchan_elem_uncharge(struct kchan *ch, struct kchan_elem *elem)
{
	if (elem->ring)
		kchan_ring_unpay(ch, elem->ring);
	kchan_uncharge(&elem->charge);
}

/**
 * kchan_elem_alloc() - allocate an element
 * @ch: the channel that it is for, in use
 * @len: its bytes
 *
 * Context: may sleep.
 * Return: the element: its length is set, its bytes are not; -EDQUOT or -ENOMEM as an
 * error pointer.
 */
struct kchan_elem *kchan_elem_alloc(struct kchan *ch, u32 len)
{
	const bool one = kchan_elem_is_one(len);
	struct kchan_elem *elem;
	int ret;

	/* The bytes of a large element are allocated after they are paid for. */
	elem = kmalloc(sizeof(*elem) + (one ? len : 0),
		       GFP_KERNEL_ACCOUNT | __GFP_NOWARN);
	if (!elem)
		return ERR_PTR(-ENOMEM);
	elem->charge.user = NULL;
	elem->ring = kchan_by_pointer(ch) ? kchan_ring_pay(ch) : NULL;
	elem->len = len;
	elem->data = (u8 *)(elem + 1);
	if (!elem->ring) {
		if (kchan_by_pointer(ch))
			ret = kchan_charge_to(&elem->charge, ch->user,
					      kchan_elem_size(len));
		else
			ret = kchan_charge(&elem->charge, kchan_elem_size(len));
		if (ret)
			goto free;
	}
	if (!one) {
		elem->data = kchan_mem_alloc(len);
		if (!elem->data) {
			kchan_elem_uncharge(ch, elem);
			ret = -ENOMEM;
			goto free;
		}
	}
	return elem;

free:
	kfree(elem);
	return ERR_PTR(ret);
}

/**
 * kchan_elem_keep() - copy a small element to where it can stay
 * @staged: the element, of at most %KCHAN_STACK_ELEM bytes
 *
 * It is charged even past a limit, because an element that comes back must not be
 * lost. A user never has more such elements than there were parked receivers, so they
 * take less memory than the stacks of those tasks, or than the armed selects that were
 * charged.
 *
 * Context: may sleep.
 * Return: the copy, for kchan_elem_free(). This does not fail.
 */
struct kchan_elem *kchan_elem_keep(const struct kchan_elem *staged)
{
	const size_t size = sizeof(*staged) + staged->len;
	struct kchan_elem *elem;

	elem = kmalloc(size, GFP_KERNEL_ACCOUNT | __GFP_NOFAIL);
	elem->ring = NULL;
	elem->seq = staged->seq;
	elem->len = staged->len;
	elem->data = (u8 *)(elem + 1);
	memcpy(elem->data, staged->data, staged->len);
	kchan_charge_always(&elem->charge, kchan_mem_size(size));
	return elem;
}

/**
 * kchan_elem_free() - free an element
 * @ch: the channel that it was for
 * @elem: the element, or NULL
 *
 * Context: may sleep.
 */
void kchan_elem_free(struct kchan *ch, struct kchan_elem *elem)
{
	if (!elem)
		return;
	if (elem->data != (u8 *)(elem + 1))
		kvfree(elem->data);
	kchan_elem_uncharge(ch, elem);
	kfree(elem);
}

/**
 * kchan_ring_retire() - take an empty ring out of its channel
 * @ring: the ring
 * @step: the work under this hold, which frees it later
 *
 * If elements that it pays for are in flight, the last of them frees the ring.
 *
 * Context: the channel's lock is held.
 */
void kchan_ring_retire(struct kchan_ring *ring, struct kchan_step *step)
{
	list_del_init(&ring->node);
	ring->retired = ring->used;
	if (ring->retired)
		return;
	ring->next = step->rings;
	step->rings = ring;
	step->rest = true;
}

/**
 * kchan_ring_drop() - free a ring with the elements that it still holds
 * @ch: the channel
 * @ring: the ring, in no list any more
 *
 * Elements that it pays for may be elsewhere, in flight. Then the last of them frees
 * the ring.
 *
 * Context: may sleep.
 */
void kchan_ring_drop(struct kchan *ch, struct kchan_ring *ring)
{
	bool last;

	for (; kchan_by_pointer(ch) && ring->len; kchan_ring_pop(ring)) {
		kchan_elem_free(ch, *(struct kchan_elem **)kchan_ring_head(ring));
		cond_resched();
	}
	spin_lock(&ch->lock);
	ring->retired = true;
	last = !ring->used;
	spin_unlock(&ch->lock);
	if (last)
		kchan_ring_free(ring, ch->user);
}
