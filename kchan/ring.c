// SPDX-License-Identifier: GPL-2.0-only
/*
 * Storage of elements, and who is charged for it.
 *
 * A ring has slots of one size. What a slot holds depends on the geometry:
 *
 *	passed by pointer	pointer to a struct kchan_elem
 *	mapped			the bytes, after a stamp
 *	otherwise		the bytes
 *
 * An element size of 0 has slots of 0 bytes: the ring only counts. The lengths of
 * messages stand apart, in kchan_ring.lens. So slots of a power of two take no more
 * memory than they have bytes, and elements of fixed size follow one another without
 * a gap: a run of them is one copy.
 *
 * The whole buffer is charged when its ring is made, so that a send that poll()
 * reports as ready has its storage. Where elements are passed by pointer, the charge
 * of the ring covers as many elements as it has slots, and one if it has none. An
 * element takes such a place when it is allocated, if one is free, and holds it until
 * it is freed, wherever it is. An element that finds no free place is charged by
 * itself to the user who opened the channel, as the ring is.
 *
 * An element of fixed size that gives its place back stays with the ring, as a spare
 * one for the next send. The ring is charged for it anyway. To allocate 1 MiB, to
 * clear it, as most kernels do for whoever allocates, and to free it costs more than
 * to copy it twice.
 */
#include <linux/err.h>
#include <linux/log2.h>
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
 *
 * Return: the number of bytes.
 */
u32 kchan_ring_stride(u32 elem_size)
{
	if (elem_size > KCHAN_INLINE_ELEM_SIZE)
		return sizeof(struct kchan_elem *);
	return elem_size;
}

/* How many lengths of messages a ring keeps. An element knows its own. */
static size_t kchan_ring_lens(u32 elem_size, u32 capacity, bool message)
{
	return message && elem_size <= KCHAN_INLINE_ELEM_SIZE ? capacity : 0;
}

static size_t kchan_ring_header(u32 elem_size, u32 capacity, bool message)
{
	const struct kchan_ring *ring = NULL;

	return struct_size(ring, lens, kchan_ring_lens(elem_size, capacity, message));
}

/*
 * Whether an element is one allocation: the bytes of a small one follow its header.
 * Those of a larger one do not, because they are often a power of two, and the header
 * would take the whole into a slab of twice the size.
 */
static bool kchan_elem_is_one(u32 len)
{
	return len <= KCHAN_STACK_ELEM;
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
	size_t slots = size_mul(capacity, kchan_ring_stride(elem_size));
	size_t lens = sizeof(u32) * kchan_ring_lens(elem_size, capacity, message);
	size_t elems = size_mul(kchan_ring_prepaid(elem_size, capacity),
				kchan_elem_size(elem_size));

	return size_add(size_add(slots, lens), elems);
}

static size_t kchan_ring_charge(u32 elem_size, u32 capacity, size_t header,
				size_t slots)
{
	size_t elems = size_mul(kchan_ring_prepaid(elem_size, capacity),
				kchan_elem_size(elem_size));

	return size_add(size_add(kchan_mem_size(header), elems),
			slots ? kchan_mem_size(slots) : 0);
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
	const size_t header = kchan_ring_header(elem_size, capacity, message);
	const u32 stride = kchan_ring_stride(elem_size);
	const size_t slots = size_mul(capacity, stride);
	const size_t charge = kchan_ring_charge(elem_size, capacity, header, slots);
	struct kchan_ring *ring;
	int ret;

	if (slots > LONG_MAX || charge > LONG_MAX)
		return ERR_PTR(-ENOMEM);
	ret = kchan_user_charge(user, charge);
	if (ret)
		return ERR_PTR(ret);
	ring = kchan_mem_alloc(header);
	if (!ring)
		goto uncharge;
	/* A slot is filled in, its length too, before it is looked at. */
	memset(ring, 0, sizeof(*ring));
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
	kvfree(ring);
uncharge:
	kchan_user_uncharge(user, charge);
	return ERR_PTR(-ENOMEM);
}

static struct kchan_elem *kchan_elem_new(u32 len)
{
	const bool one = kchan_elem_is_one(len);
	struct kchan_elem *elem;

	elem = kmalloc(sizeof(*elem) + (one ? len : 0),
		       GFP_KERNEL_ACCOUNT | __GFP_NOWARN);
	if (!elem)
		return NULL;
	elem->data = one ? (u8 *)(elem + 1) : kchan_mem_alloc(len);
	if (!elem->data) {
		kfree(elem);
		return NULL;
	}
	return elem;
}

static void kchan_elem_release(struct kchan_elem *elem)
{
	if (elem->data != (u8 *)(elem + 1))
		kvfree(elem->data);
	kfree(elem);
}

/**
 * kchan_ring_free() - free an empty ring that pays for no element in use
 * @ring: the ring
 * @user: who is charged for it
 *
 * Context: may sleep.
 */
void kchan_ring_free(struct kchan_ring *ring, struct kchan_user *user)
{
	const size_t charged = ring->charged;
	struct kchan_elem *elem;

	while ((elem = ring->spare)) {
		ring->spare = elem->next;
		kchan_elem_release(elem);
		cond_resched();
	}
	if (ring->map)
		kchan_mapping_put(ring->map);
	else
		kvfree(ring->slots);
	kvfree(ring);
	kchan_user_uncharge(user, charged);
}

/*
 * Makes the newest ring pay for one more element, if it can. @spare: out: an element
 * that the ring has kept, or NULL.
 */
static struct kchan_ring *kchan_ring_pay(struct kchan *ch, struct kchan_elem **spare)
{
	struct kchan_ring *ring = NULL;

	*spare = NULL;
	kchan_lock(ch);
	if (!list_empty(&ch->rings) && kchan_newest(ch)->used < kchan_newest(ch)->prepaid) {
		ring = kchan_newest(ch);
		ring->used++;
		*spare = ring->spare;
		if (*spare)
			ring->spare = (*spare)->next;
	}
	kchan_unlock(ch);
	return ring;
}

/*
 * A place of a ring has become free. A poller for output may have waited for it: see
 * kchan_elem_payable().
 */
static void kchan_wake_payable(struct kchan *ch)
{
	if (kchan_polled_out(ch))
		wake_up_poll(&ch->wr_wait, EPOLLOUT | EPOLLWRNORM);
}

/* Gives back the place of an element that was freed, to the ring that pays for it. */
static void kchan_ring_unpay(struct kchan *ch, struct kchan_ring *ring)
{
	bool last;

	kchan_lock(ch);
	ring->used--;
	ch->send_rises++;
	last = ring->retired && !ring->used;
	kchan_unlock(ch);
	if (last)
		kchan_ring_free(ring, ch->user);
	kchan_wake_payable(ch);
}

/*
 * Gives an element with its place back to the ring that pays for it, which keeps it as a
 * spare one. Returns false, and has done nothing, unless elements still enter this ring
 * and all of them have the same size.
 */
static bool kchan_ring_keep(struct kchan *ch, struct kchan_elem *elem)
{
	struct kchan_ring *ring = elem->ring;
	bool keep;

	if (ch->message)
		return false;
	kchan_lock(ch);
	keep = !ch->closed && !list_empty(&ch->rings) && ring == kchan_newest(ch);
	if (keep) {
		elem->next = ring->spare;
		ring->spare = elem;
		ring->used--;
		ch->send_rises++;
	}
	kchan_unlock(ch);
	if (keep)
		kchan_wake_payable(ch);
	return keep;
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
	const bool by_pointer = kchan_by_pointer(ch);
	struct kchan_charge charge = {};
	struct kchan_ring *ring = NULL;
	struct kchan_elem *elem = NULL;
	int ret = 0;

	/* The memory is paid for before it is allocated. */
	if (by_pointer)
		ring = kchan_ring_pay(ch, &elem);
	if (by_pointer && !ring)
		ret = kchan_charge_to(&charge, ch->user, kchan_elem_size(len));
	else if (!by_pointer)
		ret = kchan_charge(&charge, kchan_elem_size(len));
	if (ret)
		return ERR_PTR(ret);
	if (!elem)
		elem = kchan_elem_new(len);
	if (!elem) {
		if (ring)
			kchan_ring_unpay(ch, ring);
		kchan_uncharge(&charge);
		return ERR_PTR(-ENOMEM);
	}
	refcount_set(&elem->ref, 1);
	elem->charge = charge;
	elem->ring = ring;
	elem->len = len;
	return elem;
}

/*
 * What a small element takes when it is kept, at most. A constant, because each receive
 * that waits charges it.
 */
#define KCHAN_KEPT_BYTES	roundup_pow_of_two(sizeof(struct kchan_stack_elem))

/**
 * kchan_elem_pay_kept() - pay for a small element that a receive may have to keep
 * @ch: the channel
 * @staged: the room for the element, of at most %KCHAN_STACK_ELEM bytes
 *
 * An element that comes back must not be lost, so it is paid for before the receive
 * waits. Otherwise as many elements could come back on each channel as a user has
 * threads, and nothing would limit their sum. The user who opened the channel pays, as
 * for all that the channel stores: so no user has to be looked up for a receive that
 * waits.
 *
 * Context: may sleep.
 * Return: 0, and then kchan_elem_unpay_kept() or kchan_elem_keep() ends it; -EDQUOT.
 */
int kchan_elem_pay_kept(struct kchan *ch, struct kchan_elem *staged)
{
	int ret = kchan_user_charge(ch->user, KCHAN_KEPT_BYTES);

	if (!ret)
		staged->charge.bytes = KCHAN_KEPT_BYTES;
	return ret;
}

/**
 * kchan_elem_unpay_kept() - end the charge of a small element that is not kept
 * @ch: the channel
 * @staged: the room for the element; its charge is 0 if nobody has paid
 */
void kchan_elem_unpay_kept(struct kchan *ch, struct kchan_elem *staged)
{
	if (staged->charge.bytes)
		kchan_user_uncharge(ch->user, staged->charge.bytes);
}

/**
 * kchan_elem_keep() - copy a small element to where it can stay
 * @ch: the channel
 * @staged: the element, paid for by kchan_elem_pay_kept(): the copy takes its charge
 *
 * Context: may sleep.
 * Return: the copy, for kchan_elem_free(). This does not fail.
 */
struct kchan_elem *kchan_elem_keep(struct kchan *ch, const struct kchan_elem *staged)
{
	struct kchan_elem *elem;

	elem = kmalloc(sizeof(*staged) + staged->len, GFP_KERNEL_ACCOUNT | __GFP_NOFAIL);
	*elem = *staged;
	refcount_set(&elem->ref, 1);
	elem->data = (u8 *)(elem + 1);
	memcpy(elem->data, staged->data, staged->len);
	kchan_charged(&elem->charge, ch->user, staged->charge.bytes);
	return elem;
}

/**
 * kchan_elem_free() - drop a reference on an element, and free it with the last one
 * @ch: the channel that it was for
 * @elem: the element, or NULL
 *
 * Context: may sleep.
 */
void kchan_elem_free(struct kchan *ch, struct kchan_elem *elem)
{
	struct kchan_charge charge;
	struct kchan_ring *ring;

	if (!elem || !refcount_dec_and_test(&elem->ref))
		return;
	charge = elem->charge;
	ring = elem->ring;
	if (ring && kchan_ring_keep(ch, elem))
		return;
	/* Whoever pays does so until the memory is free. */
	kchan_elem_release(elem);
	if (ring)
		kchan_ring_unpay(ch, ring);
	kchan_uncharge(&charge);
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
	if (unlikely(ring->map))
		kchan_mapping_leave(ring->map->ch);
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

	for (; kchan_by_pointer(ch) && ring->len; kchan_ring_pop(ring, 1)) {
		kchan_elem_free(ch, *kchan_ring_elem(ring, ring->head));
		cond_resched();
	}
	kchan_lock(ch);
	ring->retired = true;
	last = !ring->used;
	kchan_unlock(ch);
	if (last)
		kchan_ring_free(ring, ch->user);
}
