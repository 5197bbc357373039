// SPDX-License-Identifier: GPL-2.0-only
/*
 * A look at the oldest elements that are queued, without taking them.
 *
 * They are noted under one hold of the channel's lock, and copied to the user after it.
 * Those that are in the slots of a ring are copied to kernel memory first. The others are
 * referenced (kchan_elem.ref): they may be received meanwhile, and are freed when both
 * their receiver and the look are done with them.
 */
#include <linux/align.h>
#include <linux/err.h>
#include <linux/minmax.h>
#include <linux/overflow.h>
#include <linux/slab.h>
#include <linux/string.h>
#include <linux/uaccess.h>

#include "flight.h"
#include "limits.h"
#include "peek.h"
#include "ring.h"

/* The sizes of the structures' first published forms. */
#define KCHAN_PEEK_SIZE_V0	24
#define KCHAN_PEEKED_SIZE_V0	24
static_assert(sizeof(struct kchan_peek) == KCHAN_PEEK_SIZE_V0);
static_assert(sizeof(struct kchan_peeked) == KCHAN_PEEKED_SIZE_V0);

/**
 * struct kchan_look - an element that was seen
 * @number: its number
 * @returns: how often it has come back
 * @len: bytes in it
 * @data: the bytes
 * @elem: the element, if @data is in it; holds a reference
 */
struct kchan_look {
	u64 number;
	u32 returns;
	u32 len;
	const u8 *data;
	struct kchan_elem *elem;
};

/**
 * struct kchan_looks - what a caller sees
 * @charge: who is charged for this
 * @header: bytes in the caller's &struct kchan_peeked
 * @room: bytes that the caller has for what is to be seen yet
 * @full: the next element does not fit
 * @nr: how many are in @look
 * @used: bytes used in @bytes
 * @look: the elements
 * @bytes: those that were copied from slots
 */
struct kchan_looks {
	struct kchan_charge charge;
	u32 header;
	u32 room;
	bool full;
	unsigned int nr;
	u32 used;
	struct kchan_look look[KCHAN_BATCH_ELEMS];
	u8 bytes[];
};

/* Bytes of a record in the caller's memory. */
static u32 kchan_look_size(const struct kchan_looks *looks, u32 len)
{
	return looks->header + ALIGN(len, sizeof(u64));
}

/* Notes one more element, if it fits. */
static struct kchan_look *kchan_look_add(struct kchan_looks *looks, u64 number, u32 len)
{
	const u32 size = kchan_look_size(looks, len);
	struct kchan_look *look = &looks->look[looks->nr];

	looks->full = looks->nr == ARRAY_SIZE(looks->look) || size > looks->room ||
		      (looks->nr && looks->used + len > KCHAN_BATCH_BYTES);
	if (looks->full)
		return NULL;
	looks->room -= size;
	looks->used += len;
	looks->nr++;
	*look = (struct kchan_look){ .number = number, .len = len };
	return look;
}

/* Notes an element that has memory of its own. */
static void kchan_look_at_elem(struct kchan_looks *looks, struct kchan_elem *elem,
			       u64 number, u32 returns)
{
	struct kchan_look *look = kchan_look_add(looks, number, elem->len);

	if (!look)
		return;
	refcount_inc(&elem->ref);
	look->returns = returns;
	look->data = elem->data;
	look->elem = elem;
}

/* Notes the element in a slot of a ring. */
static void kchan_look_at_slot(struct kchan_looks *looks, const struct kchan *ch,
			       const struct kchan_ring *ring, u32 i, u64 number)
{
	u8 *bytes = looks->bytes + looks->used;
	struct kchan_look *look;
	u32 len;

	if (kchan_by_pointer(ch)) {
		kchan_look_at_elem(looks, *kchan_ring_elem(ring, i), number, 0);
		return;
	}
	len = ch->message ? ring->lens[i] : ch->elem_size;
	look = kchan_look_add(looks, number, len);
	if (!look)
		return;
	memcpy(bytes, kchan_ring_slot(ring, i), len);
	look->data = bytes;
}

/*
 * Notes the elements that came back and are received before the stored element of a
 * number. Returns the next one.
 */
static struct rb_node *kchan_look_back(struct kchan_looks *looks, struct rb_node *node,
				       u64 number)
{
	for (; node && !looks->full; node = rb_next(node)) {
		struct kchan_elem *elem = rb_entry(node, struct kchan_elem, node);

		if (elem->order > kchan_own_order(number))
			break;
		kchan_look_at_elem(looks, elem, elem->seq, elem->returns);
	}
	return node;
}

/* Notes the oldest elements. The lock is held. */
static void kchan_look_all(struct kchan_looks *looks, const struct kchan *ch)
{
	struct rb_node *back = rb_first_cached(&ch->put_back);
	const struct kchan_ring *ring;
	u64 number = ch->seq;
	u32 i;

	list_for_each_entry(ring, &ch->rings, node) {
		for (i = 0; i < ring->len; i++, number++) {
			back = kchan_look_back(looks, back, number);
			/* What a send has not finished, others wait for. */
			if (looks->full ||
			    (ring->map && !kchan_mapping_is_published(ring->map, i)))
				return;
			kchan_look_at_slot(looks, ch, ring, kchan_ring_nth(ring, i),
					   number);
		}
	}
	kchan_look_back(looks, back, U64_MAX / 4);
}

/* Copies one record to the caller. */
static int kchan_look_copy(const struct kchan_looks *looks, const struct kchan_look *look,
			   u8 __user *to)
{
	const u32 size = kchan_look_size(looks, look->len);
	const struct kchan_peeked peeked = {
		.size = size,
		.len = look->len,
		.number = look->number,
		.returns = look->returns,
	};
	const u32 known = min_t(u32, looks->header, sizeof(peeked));

	/* A newer caller's fields that we do not know are zero. */
	if (copy_to_user(to, &peeked, known) ||
	    clear_user(to + known, looks->header - known) ||
	    copy_to_user(to + looks->header, look->data, look->len) ||
	    clear_user(to + looks->header + look->len, size - looks->header - look->len))
		return -EFAULT;
	return size;
}

/* Returns the bytes of all records. */
static long kchan_looks_copy(const struct kchan_looks *looks, u8 __user *to)
{
	unsigned int i;
	long all = 0;
	int ret;

	for (i = 0; i < looks->nr; i++) {
		ret = kchan_look_copy(looks, &looks->look[i], to + all);
		if (ret < 0)
			return ret;
		all += ret;
	}
	return all;
}

static struct kchan_looks *kchan_looks_alloc(const struct kchan *ch,
					     const struct kchan_peek *peek)
{
	const u32 bytes = kchan_by_pointer(ch) ? 0 : min_t(u32, peek->len, KCHAN_BATCH_BYTES);
	struct kchan_charge charge;
	struct kchan_looks *looks;

	looks = kchan_alloc_charged(struct_size(looks, bytes, bytes), &charge);
	if (IS_ERR(looks))
		return looks;
	looks->charge = charge;
	looks->header = peek->peeked_size;
	looks->room = peek->len;
	looks->full = false;
	looks->nr = 0;
	looks->used = 0;
	return looks;
}

static long kchan_do_peek(struct kchan *ch, struct kchan_peek *peek)
{
	struct kchan_looks *looks;
	unsigned int i;
	long ret = 0;

	peek->nr = 0;
	/*
	 * Nothing was sent yet, and a look does not fix the geometry. Pairs with the
	 * store-release in kchan_fix().
	 */
	if (!smp_load_acquire(&ch->ready))
		return 0;
	looks = kchan_looks_alloc(ch, peek);
	if (IS_ERR(looks))
		return PTR_ERR(looks);
	kchan_lock(ch);
	if (ch->broken)
		ret = -EIO;
	else
		kchan_look_all(looks, ch);
	kchan_unlock(ch);

	if (!ret && looks->full && !looks->nr)
		ret = -EMSGSIZE;
	if (!ret)
		ret = kchan_looks_copy(looks, u64_to_user_ptr(peek->addr));
	peek->nr = looks->nr;
	for (i = 0; i < looks->nr; i++)
		kchan_elem_free(ch, looks->look[i].elem);
	kchan_free_charged(looks, &looks->charge);
	return ret;
}

/**
 * kchan_ioctl_peek() - %KCHAN_IOC_PEEK
 * @ch: the channel, which the caller may look at
 * @uarg: the caller's &struct kchan_peek
 * @usize: the size of it
 *
 * Return: the bytes that were written, or an error: see &struct kchan_peek.
 */
long kchan_ioctl_peek(struct kchan *ch, void __user *uarg, size_t usize)
{
	struct kchan_peek __user *out = uarg;
	struct kchan_peek peek;
	long ret;

	if (usize < KCHAN_PEEK_SIZE_V0)
		return -EINVAL;
	ret = copy_struct_from_user(&peek, sizeof(peek), uarg, usize);
	if (ret)
		return ret;
	if (peek.flags || peek.peeked_size < KCHAN_PEEKED_SIZE_V0 ||
	    peek.peeked_size > KCHAN_MAX_STRUCT_SIZE || peek.peeked_size % sizeof(u64))
		return -EINVAL;
	ret = kchan_do_peek(ch, &peek);
	if (ret >= 0 && put_user(peek.nr, &out->nr))
		ret = -EFAULT;
	return ret;
}
