// SPDX-License-Identifier: GPL-2.0-only
/*
 * The ring of a mapped channel: the part of the kernel in the protocol.
 *
 * The uapi header has the layout, and what a process does to send and to receive. The
 * process claims a slot when it advances the head or the tail by a compare-and-exchange.
 * A position whose bit %KCHAN_SHARED_FROZEN is set cannot be advanced. Whoever takes the
 * channel's lock freezes both positions (kchan_lock()). So the ring belongs to the
 * kernel as long as the lock is held, and the rest of the module treats it as any other
 * ring. There is no loop that a process could keep the kernel in. So the bit is set by
 * test_and_set_bit(), which is one instruction on most machines: a compare-and-exchange of
 * the position would fail as long as the process goes on to change it.
 *
 * Claims that were made before the freeze may be under way. They show in the stamps:
 *
 *	slot at the head	head		claimed by a send that has not published it
 *				head + 1	published
 *	slot at the tail	tail		free
 *				tail - lap	claimed by a send, one lap ago
 *				tail - lap + 1	in use, or claimed by a receive that has
 *						not released it
 *
 * A process that follows the protocol leaves no other value there. Any other value, and
 * positions that do not belong together, make the channel broken: its sends, receives and
 * resizes fail with -EIO from then on. Nothing else in the memory is read. Every word is
 * read once. What is read is checked, and masked against speculation, before it is an
 * index.
 *
 * A process that has published, or released, a slot looks at told_of_send, or
 * told_of_recv. If the word is set, it kicks. The kernel sets both words before it
 * freezes, and clears one when it thaws, if no call is parked and nobody is in the wait
 * queue of poll. So:
 *
 *	kernel				process
 *	told_of_send = 1		stamp = head + 1
 *	full barrier (set the bit)	full barrier (exchange)
 *	look at the stamp		look at told_of_send
 *
 * Either the kernel sees the element, or the process sees that it has to kick. A call
 * that parks, and a poll that has entered its queue, look at the ring under the lock
 * after that, so they miss nothing.
 */
#include <linux/bitops.h>
#include <linux/err.h>
#include <linux/log2.h>
#include <linux/mm.h>
#include <linux/nospec.h>
#include <linux/overflow.h>
#include <linux/pid.h>
#include <linux/sched.h>
#include <linux/sched/signal.h>
#include <linux/slab.h>
#include <linux/vmalloc.h>

#include "limits.h"
#include "mapping.h"
#include "ring.h"

#define KCHAN_POSITIONS	(~KCHAN_SHARED_FROZEN)

/* So many slots get their first stamps before somebody else may run. */
#define KCHAN_STAMPS_AT_ONCE	4096

static_assert(sizeof(struct kchan_shared) == KCHAN_SHARED_SLOTS);

static u32 kchan_mapping_stride(u32 elem_size)
{
	return sizeof(struct kchan_shared_slot) + ALIGN(elem_size, sizeof(u64));
}

/**
 * kchan_mapping_bytes() - bytes of memory that a mapped ring takes
 * @elem_size: bytes in an element, at most %KCHAN_INLINE_ELEM_SIZE
 * @capacity: elements that it holds
 *
 * Return: the number of bytes, a whole number of pages.
 */
size_t kchan_mapping_bytes(u32 elem_size, u32 capacity)
{
	return PAGE_ALIGN(size_add(KCHAN_SHARED_SLOTS,
				   size_mul(capacity, kchan_mapping_stride(elem_size))));
}

static u64 *kchan_stamp(const struct kchan_mapping *map, u64 pos)
{
	void *slots = (void *)map->mem + KCHAN_SHARED_SLOTS;
	struct kchan_shared_slot *slot = slots + (size_t)(u32)pos * map->stride;

	return &slot->stamp;
}

/*
 * What the process shares is read and written in these words of 64 bits. Where the kernel
 * has no atomic ones, nothing is mapped (kchan_can_map()), and these do nothing.
 */
static u64 kchan_load_acquire(const u64 *word)
{
	/* The callers tell what it pairs with. */
	return IS_ENABLED(CONFIG_64BIT) ? smp_load_acquire(word) : 0;
}

static void kchan_store_release(u64 *word, u64 value)
{
	if (IS_ENABLED(CONFIG_64BIT))
		smp_store_release(word, value);	/* likewise */
}

/* The position of the same slot, one lap later. */
static u64 kchan_next_lap(u64 pos)
{
	return (pos + KCHAN_SHARED_LAP) & KCHAN_POSITIONS;
}

static u64 kchan_next_pos(const struct kchan_mapping *map, u64 pos)
{
	if ((u32)pos + 1 < map->capacity)
		return pos + 1;
	return kchan_next_lap(pos - (u32)pos);
}

/* How many positions come after @from, up to @to. */
static u64 kchan_distance(const struct kchan_mapping *map, u64 from, u64 to)
{
	const u64 laps = ((to - (u32)to - (from - (u32)from)) & KCHAN_POSITIONS) /
			 KCHAN_SHARED_LAP;

	return laps * map->capacity + (u32)to - (u32)from;
}

static int kchan_mapping_alloc(struct kchan_mapping *map, struct kchan *ch)
{
	u64 pos;
	int ret;

	map->capacity = ch->capacity;
	map->stride = kchan_mapping_stride(ch->elem_size);
	map->size = kchan_mapping_bytes(ch->elem_size, ch->capacity);
	ret = kchan_charge_to(&map->charge, ch->user, map->size + kchan_mem_size(sizeof(*map)));
	if (ret)
		return ret;
	map->mem = __vmalloc(map->size, GFP_KERNEL_ACCOUNT | __GFP_ZERO | __GFP_NOWARN);
	if (!map->mem) {
		kchan_uncharge(&map->charge);
		return -ENOMEM;
	}
	map->mem->elem_size = ch->elem_size;
	map->mem->capacity = map->capacity;
	map->mem->stride = map->stride;
	for (pos = 0; pos < map->capacity; pos++) {
		*kchan_stamp(map, pos) = pos;
		if (!(pos % KCHAN_STAMPS_AT_ONCE))
			cond_resched();
	}
	return 0;
}

/**
 * kchan_mapping_ring() - allocate a ring that a process can map
 * @ch: the channel, with its geometry final; kchan.setup_lock is held
 *
 * Both its positions are frozen. The first thaw ends that.
 *
 * Context: may sleep.
 * Return: the ring, for kchan_ring_free(); -EDQUOT or -ENOMEM as an error pointer.
 */
struct kchan_ring *kchan_mapping_ring(struct kchan *ch)
{
	struct kchan_mapping *map;
	struct kchan_ring *ring;
	int ret = -ENOMEM;

	ring = kzalloc(sizeof(*ring), GFP_KERNEL_ACCOUNT);
	map = kzalloc(sizeof(*map), GFP_KERNEL_ACCOUNT);
	if (ring && map)
		ret = kchan_mapping_alloc(map, ch);
	if (ret) {
		kfree(map);
		kfree(ring);
		return ERR_PTR(ret);
	}

	refcount_set(&map->ref, 1);
	map->ch = ch;
	map->pid = get_pid(task_tgid(current));
	map->mem->head = KCHAN_SHARED_FROZEN;
	map->mem->tail = KCHAN_SHARED_FROZEN;
	/* Somebody may wait already. The first thaw finds out. */
	map->mem->told_of_send = 1;
	map->mem->told_of_recv = 1;
	map->head_frozen = true;
	map->tail_frozen = true;
	INIT_LIST_HEAD(&ring->node);
	ring->map = map;
	ring->slots = (u8 *)map->mem + KCHAN_SHARED_SLOTS + sizeof(u64);
	ring->stride = map->stride;
	ring->nr_slots = map->capacity;
	return ring;
}

/**
 * kchan_mapping_put() - drop a reference on a mapped ring's memory
 * @map: the mapping
 *
 * Pages that something else still holds, such as a pinned buffer, live on until it lets
 * them go.
 *
 * Context: may sleep.
 */
void kchan_mapping_put(struct kchan_mapping *map)
{
	if (!refcount_dec_and_test(&map->ref))
		return;
	vfree(map->mem);
	kchan_uncharge(&map->charge);
	put_pid(map->pid);
	kfree(map);
}

/*
 * The process has written what the protocol forbids. Any operation may find this, and not
 * all have a step in which to tell those who wait. kchan_finish() and
 * kchan_tell_broken() tell them. The listing of all channels leaves it to the next caller.
 */
static void kchan_break(struct kchan *ch)
{
	if (ch->broken)
		return;
	WRITE_ONCE(ch->broken, true);
	WRITE_ONCE(ch->break_untold, true);
}

/*
 * A position whose index is below the capacity. A processor that speculates that it is,
 * though it is not, gets the index 0.
 */
static u64 kchan_masked(const struct kchan_mapping *map, u64 pos)
{
	return pos - (u32)pos + array_index_nospec((u32)pos, map->capacity);
}

/*
 * Freezes a position of the process. Returns what it was. If the bit is set by then,
 * a process of good will does not change the position, so it is read after that.
 */
static u64 kchan_freeze_pos(u64 *pos)
{
	bool was;

	/* A full barrier: it pairs with the exchange of a stamp by the process. */
	was = test_and_set_bit(ilog2(KCHAN_SHARED_FROZEN), (unsigned long *)pos);
	return (READ_ONCE(*pos) & KCHAN_POSITIONS) | (was ? KCHAN_SHARED_FROZEN : 0);
}

/*
 * Takes over the positions that the process has left. Returns false if they cannot be
 * right.
 */
static bool kchan_take_over(struct kchan *ch, struct kchan_ring *ring, u64 head,
			    u64 tail)
{
	struct kchan_mapping *map = ring->map;
	u64 len;

	if (!!(head & KCHAN_SHARED_FROZEN) != map->head_frozen ||
	    !!(tail & KCHAN_SHARED_FROZEN) != map->tail_frozen)
		return false;
	head &= KCHAN_POSITIONS;
	tail &= KCHAN_POSITIONS;
	if ((map->head_frozen && head != map->head) ||
	    (map->tail_frozen && tail != map->tail))
		return false;
	if (head == map->head && tail == map->tail)
		return true;
	if ((u32)head >= map->capacity || (u32)tail >= map->capacity)
		return false;
	head = kchan_masked(map, head);
	tail = kchan_masked(map, tail);
	len = kchan_distance(map, head, tail);
	if (len > map->capacity)
		return false;

	ch->seq += kchan_distance(map, map->head, head);
	ch->stored += (u32)len - ring->len;
	ring->len = len;
	ring->head = (u32)head;
	map->head = head;
	map->tail = tail;
	/* A select that looks without locks sees that something has moved. */
	ch->recv_rises++;
	ch->send_rises++;
	return true;
}

/**
 * kchan_freeze() - make a mapped ring the kernel's
 * @ch: the channel, which is mapped
 *
 * From here to kchan_thaw() the process cannot advance the positions, and whoever
 * publishes or releases a slot kicks. The essay above argues the barriers.
 *
 * Context: the channel's lock was just taken.
 */
void kchan_freeze(struct kchan *ch)
{
	struct kchan_ring *ring = ch->mapped;
	struct kchan_shared *mem = ring->map->mem;
	u64 head, tail;

	/* No process uses the ring any more. What is written there means nothing. */
	if (ring->map->dead)
		return;
	WRITE_ONCE(mem->told_of_send, 1);
	WRITE_ONCE(mem->told_of_recv, 1);
	head = kchan_freeze_pos(&mem->head);
	tail = kchan_freeze_pos(&mem->tail);
	if (!ch->broken && !kchan_take_over(ch, ring, head, tail))
		kchan_break(ch);
}

/**
 * kchan_mapping_may() - whether a transfer seems to go, or to fail, without waiting
 * @ch: the channel, which was mapped a moment ago
 * @op: ``KCHAN_OP_SEND`` or ``KCHAN_OP_RECV``
 *
 * The process goes on with its ring meanwhile: nothing is frozen, and no word is set. So
 * this is a hint.
 *
 * Context: no channel's lock is held.
 * Return: whether the ring says so; true if it cannot tell.
 */
bool kchan_mapping_may(struct kchan *ch, u32 op)
{
	const bool send = op == KCHAN_OP_SEND;
	const struct kchan_mapping *map;
	bool may = true;
	u64 pos;

	/* So that the ring stays. */
	spin_lock(&ch->lock);
	if (ch->mapped && kchan_only_ring(ch) && !ch->mapped->map->dead) {
		map = ch->mapped->map;
		pos = READ_ONCE(*(send ? &map->mem->tail : &map->mem->head)) &
		      KCHAN_POSITIONS;
		if ((u32)pos < map->capacity)
			may = READ_ONCE(*kchan_stamp(map, kchan_masked(map, pos))) ==
			      pos + !send;
	}
	spin_unlock(&ch->lock);
	return may;
}

/**
 * kchan_thaw() - let the process go on with its ring
 * @ch: the channel, which is mapped
 *
 * A side stays frozen while a process that used it would break the order, or must be
 * told that the channel has changed.
 *
 * Context: the channel's lock is about to be dropped.
 */
void kchan_thaw(struct kchan *ch)
{
	struct kchan_mapping *map = ch->mapped->map;
	struct kchan_shared *mem = map->mem;
	const bool both = ch->broken || ch->closed || !kchan_only_ring(ch);

	if (map->dead)
		return;
	/* They come before the words and the positions: see kc_ring_still_waits(). */
	WRITE_ONCE(mem->send_rises, ch->send_rises);
	WRITE_ONCE(mem->recv_rises, ch->recv_rises);
	map->head_frozen = both || ch->nr_put_back || !list_empty(&ch->receivers.list);
	map->tail_frozen = both || !ch->recv_ends || !list_empty(&ch->senders.list);
	/*
	 * This needs no barrier: whoever polls takes the lock after that, and so sets
	 * the words again.
	 */
	if (!both && list_empty(&ch->receivers.list) && !kchan_polled_in(ch))
		WRITE_ONCE(mem->told_of_send, 0);
	if (!both && list_empty(&ch->senders.list) && !kchan_polled_out(ch))
		WRITE_ONCE(mem->told_of_recv, 0);
	/* The process that sees a position also sees the slots that it stands for. */
	kchan_store_release(&mem->head,
			    map->head | (map->head_frozen ? KCHAN_SHARED_FROZEN : 0));
	/* As above. */
	kchan_store_release(&mem->tail,
			    map->tail | (map->tail_frozen ? KCHAN_SHARED_FROZEN : 0));
}

/**
 * kchan_mapping_leave() - take a mapped ring from its channel for good
 * @ch: the channel, which is mapped
 *
 * Both sides stay frozen, and both words set: the process goes by the kernel.
 *
 * Context: the channel's lock is held.
 */
void kchan_mapping_leave(struct kchan *ch)
{
	ch->mapped = NULL;
}

/**
 * kchan_mapping_push() - publish the slot at the tail
 * @map: the mapping; the element is in the slot
 *
 * Context: the channel's lock is held.
 */
void kchan_mapping_push(struct kchan_mapping *map)
{
	const u64 next = kchan_next_pos(map, map->tail);

	/* Pairs with the load-acquire of a stamp by a process that receives. */
	kchan_store_release(kchan_stamp(map, map->tail), map->tail + 1);
	/* The caller tells the pollers of this one. */
	if (map->readable == map->tail)
		map->readable = next;
	map->tail = next;
}

/**
 * kchan_mapping_pop() - release the slot at the head
 * @map: the mapping
 *
 * Context: the channel's lock is held.
 */
void kchan_mapping_pop(struct kchan_mapping *map)
{
	const u64 free = kchan_next_lap(map->head);

	/* Pairs with the load-acquire of a stamp by a process that sends. */
	kchan_store_release(kchan_stamp(map, map->head), free);
	/* The caller tells the pollers of this one. */
	if (map->writable == free)
		map->writable = kchan_next_pos(map, free);
	map->head = kchan_next_pos(map, map->head);
}

/**
 * kchan_mapping_has_room() - whether a slot is free for a send
 * @ch: the channel, which is mapped or was, with fewer elements than its capacity
 *
 * A receive may have claimed the slot and not released it yet. When it does, it kicks.
 *
 * Context: the channel's lock is held.
 * Return: whether it is.
 */
bool kchan_mapping_has_room(struct kchan *ch)
{
	const struct kchan_mapping *map = kchan_newest(ch)->map;
	u64 stamp, before;

	if (!map || map->dead)
		return true;
	/* Pairs with the process's exchange of the stamp. */
	stamp = kchan_load_acquire(kchan_stamp(map, map->tail));
	if (stamp == map->tail)
		return true;
	before = (map->tail - KCHAN_SHARED_LAP) & KCHAN_POSITIONS;
	if (stamp != before && stamp != before + 1)
		kchan_break(ch);
	return false;
}

/**
 * kchan_mapping_has_elem() - whether the element at the head can be received
 * @ch: the channel, which is mapped, with something stored
 *
 * A send may have claimed the slot and not published it yet. When it does, it kicks.
 *
 * Context: the channel's lock is held.
 * Return: whether it can.
 */
bool kchan_mapping_has_elem(struct kchan *ch)
{
	const struct kchan_mapping *map = kchan_oldest(ch)->map;
	u64 stamp;

	if (!map)
		return true;
	/* Pairs with the process's exchange of the stamp. */
	stamp = kchan_load_acquire(kchan_stamp(map, map->head));
	if (stamp == map->head + 1)
		return true;
	if (stamp != map->head)
		kchan_break(ch);
	return false;
}

/**
 * kchan_mapping_is_published() - whether a slot's element can be read
 * @map: the mapping
 * @nth: how many slots after the oldest one it is, within the elements of the ring
 *
 * Context: the channel's lock is held.
 * Return: whether it can. If what the stamp says cannot be, it cannot.
 */
bool kchan_mapping_is_published(const struct kchan_mapping *map, u32 nth)
{
	const u32 i = (u32)map->head + nth;
	u64 pos = map->head + nth;

	if (i >= map->capacity)
		pos = (pos - map->capacity + KCHAN_SHARED_LAP) & KCHAN_POSITIONS;
	/* Pairs with the process's exchange of the stamp. */
	return smp_load_acquire(kchan_stamp(map, pos)) == pos + 1;
}

/*
 * Counts the slots from @from to @end whose stamp is their position plus @plus, up to
 * the first that is not, and no more than one batch. Advances @from.
 */
static u32 kchan_count_slots(const struct kchan_mapping *map, u64 *from, u64 end,
			     u32 plus)
{
	u32 nr = 0;

	while (*from != end && nr < KCHAN_BATCH_ELEMS &&
	       READ_ONCE(*kchan_stamp(map, *from)) == *from + plus) {
		*from = kchan_next_pos(map, *from);
		nr++;
	}
	return nr;
}

/**
 * kchan_mapping_new_elems() - of how many elements the caller tells pollers
 * @ch: the channel, which is mapped
 *
 * Each wakes one exclusive poller. Those that became readable while nobody polled count
 * when the next kick comes.
 *
 * Context: the channel's lock is held.
 * Return: the number, at least 1 if an element can be received.
 */
u32 kchan_mapping_new_elems(struct kchan *ch)
{
	struct kchan_mapping *map = ch->mapped->map;
	u32 nr;

	if (kchan_distance(map, map->head, map->readable) > ch->mapped->len)
		map->readable = map->head;
	nr = kchan_count_slots(map, &map->readable, map->tail, 1);
	return nr ?: ch->mapped->len && kchan_mapping_has_elem(ch);
}

/**
 * kchan_mapping_new_room() - of how many free slots the caller tells pollers
 * @ch: the channel, which is mapped
 *
 * Context: the channel's lock is held.
 * Return: the number, at least 1 if a slot is free.
 */
u32 kchan_mapping_new_room(struct kchan *ch)
{
	struct kchan_mapping *map = ch->mapped->map;
	const u64 end = kchan_next_lap(map->head);
	const u32 room = map->capacity - ch->mapped->len;
	u32 nr;

	/* With several rings, the process makes no room in the one that elements enter. */
	if (!kchan_only_ring(ch))
		return 0;
	if (kchan_distance(map, map->tail, map->writable) > room)
		map->writable = map->tail;
	nr = kchan_count_slots(map, &map->writable, end, 0);
	return nr ?: room && kchan_mapping_has_room(ch);
}
