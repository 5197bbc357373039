/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef _KCHAN_H
#define _KCHAN_H

#include <linux/atomic.h>
#include <linux/fs.h>
#include <linux/hrtimer.h>
#include <linux/kref.h>
#include <linux/list.h>
#include <linux/mutex.h>
#include <linux/rbtree.h>
#include <linux/refcount.h>
#include <linux/spinlock.h>
#include <linux/types.h>
#include <linux/uio.h>
#include <linux/wait.h>
#include <linux/workqueue.h>

#include <uapi/linux/kchan.h>

#include "debug.h"
#include "limits.h"

struct kchan_lease;
struct kchan_mapping;
struct kchan_step;
struct kchan_waiter;
struct pid_namespace;

/**
 * DOC: Objects and who owns them
 *
 * A &struct kchan is one channel. Its ends are open files, which hold references
 * on it. If it has a name, the name's inode holds one, too, and the name counts as an
 * end. A call in progress holds its file, so it uses the channel without a reference of
 * its own.
 *
 * A &struct kchan_elem is one element in kernel memory outside of a ring: staging
 * of a sender, staging of a receiver, an element that was put back, is under lease or
 * delayed, or an element over %KCHAN_INLINE_ELEM_SIZE, which is stored and passed by
 * pointer. It has one owner at a time. Others may read its bytes while they hold a
 * reference: see kchan_elem.ref.
 *
 * A &struct kchan_party is one blocked call or one armed select. It has a
 * &struct kchan_waiter for each of its cases (party.h).
 *
 * A &struct kchan_mapping is the memory of a ring that a process has mapped
 * (mapping.h). The ring holds a reference on it, and so does the file that the process
 * maps.
 *
 * The files build on one another in one direction: module uses fs; fs uses mount,
 * mount uses name, and name uses file; file uses select, armed_file, peek and map;
 * armed_file uses armed; select and armed use call; call uses chan, and armed uses lease,
 * too; lease and peek use chan; chan uses party, ring and flight, and mapping for the ring
 * that a process has mapped. setup makes, resizes, maps and frees channels, on top of
 * chan. limits and debug are used by all.
 */

/**
 * DOC: Locking
 *
 * kchan.lock guards all of a channel, with the exceptions below. It is taken by
 * kchan_lock(), which also freezes a ring that a process has mapped. Under it no page
 * fault is taken, nothing is allocated or freed, and nobody is woken. What has to
 * be done for others after the lock is dropped is noted in a &struct kchan_step.
 * Who only wants a hint takes the lock without that: kchan_mapping_may().
 * The lock is never taken in interrupt context or in a wait-queue callback. The timer of
 * a channel (flight.c) only queues its work.
 *
 * The work under one hold is bounded. A step bounds how many waiters are served and
 * taken out: see &struct kchan_step. kchan.batch bounds how many elements a read or a
 * write moves: see %KCHAN_BATCH_ELEMS. Work that takes longer drops the lock and goes on
 * under a further hold. The one exception is root's listing of all channels, which
 * shows a channel with all its waiters as they were at one instant.
 *
 * A select that has to park holds the locks of all its channels, in order of id. No
 * other operation holds two. An operation on one channel never takes the lock of
 * another.
 *
 * kchan.setup_lock is a mutex that serialises the operations that allocate rings:
 * setup, resize and the first use. kchan.lock nests inside it.
 *
 * The mutex of an armed select nests outside kchan.lock. No user memory is touched
 * under it. The order of spin locks is: the lock of the list of all channels
 * (debug.c), kchan.lock, the locks of wait queues. Inside the lock of a mount (name.h)
 * nothing else is taken.
 *
 * kchan.elem_size, kchan.batch, kchan.message and kchan.copied never change once
 * kchan.ready is set. A task that has seen it set (kchan_use()) reads them without a
 * lock.
 *
 * kchan.flying is atomic, because an element is settled without the lock.
 *
 * Two rules hold whenever kchan.lock is free and no operation is between two of its
 * steps. In them, an "open" waiter is one whose party is not claimed:
 *
 * - an open sender waits only if the buffer is full (the buffer of a rendezvous
 *   channel always is), the channel is not closed, and a receive end is left;
 * - an open receiver waits only if nothing is stored or put back, no open sender of
 *   another party waits with a message that it has room for, and the channel is open
 *   or has an element in flight.
 *
 * Between two steps some waiters may still have to be told. Every operation keeps the
 * order even then. A send does not overtake parked senders, although there is room.
 * Nobody takes the element of a parked sender of a closed channel: that sender is
 * only turned away.
 */

/*
 * Elements up to this size are staged beside the waiter: on the stack of the task that
 * waits in a read, a write or a select of one case, else in the memory of the select.
 */
#define KCHAN_STACK_ELEM	128

/*
 * A read or a write moves at most this many elements under one hold of a channel's
 * lock. If it moves more than one element, it also moves at most this many bytes. This
 * bounds the elements of the call. Those of the parked senders that it lets in are
 * bounded by the step.
 */
#define KCHAN_BATCH_ELEMS	64
#define KCHAN_BATCH_BYTES	65536

/**
 * enum kchan_elem_state - where an element is that was handed out
 * @KCHAN_ELEM_FLYING: a receiver was handed it, and has neither taken nor returned it
 * @KCHAN_ELEM_LEASED: it is under lease
 * @KCHAN_ELEM_DELAYED: it has left its lease, and nobody can receive it yet
 * @KCHAN_ELEM_QUEUED: it was put back
 */
enum kchan_elem_state {
	KCHAN_ELEM_FLYING,
	KCHAN_ELEM_LEASED,
	KCHAN_ELEM_DELAYED,
	KCHAN_ELEM_QUEUED,
};

/**
 * struct kchan_elem - one element in kernel memory
 * @node: in kchan.put_back; or in kchan.due, if it comes back by itself
 * @next: in kchan_step.elems, or in kchan_ring.spare
 * @by_number: in kchan.kept
 * @charge: the user who is charged for it, unless @ring covers it
 * @ring: the ring whose charge covers it, or NULL
 * @seq: its number in the order in which elements are first handed out
 * @order: its place in kchan.put_back: see kchan_own_order()
 * @due: when it comes back by itself, on CLOCK_MONOTONIC; valid while it is in kchan.due
 * @lease: the lease that it is under
 * @turn: its place among those with the same @order, which were returned to the tail
 * @len: bytes in it
 * @ref: one for its owner, and one for each who reads its bytes without a lock. Only for
 *	an element from kchan_elem_alloc() or kchan_elem_keep().
 * @returns: how often it has come back, as &kchan_commit.returns counts it
 * @state: &enum kchan_elem_state
 * @epoch: which half of kchan.flying it is counted in
 * @tail: when it is put back, it goes behind all that is queued
 * @data: the bytes
 *
 * What describes its way, from @by_number to @tail, is valid once it was handed out.
 */
struct kchan_elem {
	union {
		struct rb_node node;
		struct kchan_elem *next;
	};
	struct rb_node by_number;
	struct kchan_charge charge;
	struct kchan_ring *ring;
	u64 seq;
	u64 order;
	ktime_t due;
	struct kchan_lease *lease;
	u32 turn;
	u32 len;
	refcount_t ref;
	u32 returns:28, state:2, epoch:1, tail:1;
	u8 *data;
};

/**
 * struct kchan_stack_elem - an element on the stack, or in an armed select
 * @elem: the element
 * @room: its bytes
 */
struct kchan_stack_elem {
	struct kchan_elem elem;
	u8 room[KCHAN_STACK_ELEM] __aligned(8);
};

/**
 * struct kchan_ring - storage of elements
 * @node: in kchan.rings
 * @next: in kchan_step.rings
 * @charged: bytes that kchan.user is charged for it
 * @prepaid: elements over %KCHAN_INLINE_ELEM_SIZE that the charge covers
 * @used: how many of these prepaid elements are allocated
 * @retired: the ring is in no list any more; it is freed with the last element that
 *	it pays for
 * @spare: prepaid elements that are not in use, by kchan_elem.next
 * @stride: bytes from one slot to the next
 * @nr_slots: elements that it can hold
 * @head: index of the oldest element
 * @len: elements in it
 * @slots: the slots; see ring.c for what is in one
 * @map: the memory that a process shares, or NULL; see mapping.c
 * @lens: in message mode, the length of the message in each slot
 */
struct kchan_ring {
	struct list_head node;
	struct kchan_ring *next;
	size_t charged;
	u32 prepaid;
	u32 used;
	bool retired;
	struct kchan_elem *spare;
	u32 stride;
	u32 nr_slots;
	u32 head;
	u32 len;
	u8 *slots;
	struct kchan_mapping *map;
	u32 lens[];
};

/**
 * struct kchan_waitq - the waiters of one direction, longest-waiting first
 * @list: &struct kchan_waiter.node
 * @rooms: the receivers in message mode: &struct kchan_waiter.by_room
 * @len: how many are on @list
 * @op: ``KCHAN_OP_SEND`` or ``KCHAN_OP_RECV``
 * @waits: how many waiters were ever on @list; also the ticket of the next one
 */
struct kchan_waitq {
	struct list_head list;
	struct rb_root rooms;
	unsigned int len;
	u32 op;
	u64 waits;
};

/**
 * struct kchan - a channel
 * @lock: see the essay on locking
 * @ready: the geometry is fixed and the first ring allocated; set once, with
 *	@setup_lock held, by a store-release that kchan_use() pairs with
 * @fixed: the geometry is fixed
 * @copied: elements have bytes, and these are copied to and from the slots. Set before
 *	@ready, in the same way.
 * @message: message mode
 * @closed: no more sends
 * @broken: a process has destroyed the ring that it mapped: calls fail with -EIO
 * @break_untold: nobody has told those who wait of @broken yet
 * @was_mapped: the channel is or was mapped
 * @asked_in: a poll has asked for input; set once, without @lock
 * @asked_out: a poll has asked for output; set once, without @lock
 * @no_send_hold: as soon as somebody sends, the name counts as no end that sends
 * @batch: the most elements that a read or a write moves under one hold of @lock: see
 *	%KCHAN_BATCH_ELEMS
 * @elem_size: bytes in an element; in message mode the most bytes in one
 * @capacity: elements that the rings may hold together
 * @stored: elements that the rings do hold together
 * @send_ends: open ends that can send, and the name, if it counts
 * @recv_ends: open ends that can receive, and the name, if there is one
 * @rings: &struct kchan_ring.node, oldest first; elements enter the last one and
 *	leave the first one. Only the last one may be empty.
 * @mapped: the one of @rings that a process has mapped, or NULL
 * @mm: the address space that may map it; NULL for none
 * @senders: the waiters that send
 * @receivers: the waiters that receive
 * @put_back: &struct kchan_elem.node, elements that came back, in order of
 *	kchan_elem.order: see kchan_next_put_back() in chan.c
 * @nr_put_back: how many are in @put_back
 * @kept: &struct kchan_elem.by_number, elements that are leased, delayed or put back
 * @due: &struct kchan_elem.node, elements that come back by themselves: leased ones with
 *	a limit, and delayed ones
 * @leased: elements under lease
 * @delayed: elements that are delayed
 * @turn: the next kchan_elem.turn
 * @send_rises: count of events that may have made a send ready
 * @recv_rises: count of events that may have made a receive ready
 * @flying: how many elements are flying: see flight.h
 * @epoch: which half of @flying counts those that are handed out now
 * @epoch_low: the lowest number among those that each half counts, or a lower one
 * @seq: the number that the next element to be handed out gets
 * @dropped: elements that were freed because nobody could receive them
 * @lost: those of @dropped that were never handed out, although they have numbers
 * @returns: how often an element came back, and this was counted
 * @timer: fires when the first of @due comes back
 * @timer_at: when that is; KTIME_MAX if the timer will not fire
 * @work: puts back what is due
 * @rd_wait: wait queue of poll, of ends that receive
 * @wr_wait: wait queue of poll, of ends that send
 * @ref: one for each end, each inode that leads to the channel and each armed case
 * @setup_lock: see the essay on locking
 * @user: the user who is charged for the channel; holds a reference
 * @id: unique number
 * @held: the directions that the channel's name counts for; 0 if it has no name
 * @dev: the device number of the filesystem that has its name, or 0
 * @ino: the inode number of its name there
 * @entry: in the list of all channels
 */
struct kchan {
	spinlock_t lock; /* see the essay on locking */
	bool ready;
	bool fixed;
	bool copied;
	bool message;
	bool closed;
	bool broken;
	bool break_untold;
	bool was_mapped;
	bool asked_in;
	bool asked_out;
	bool no_send_hold;
	u8 batch;
	u32 elem_size;
	u32 capacity;
	u32 stored;
	u32 send_ends;
	u32 recv_ends;
	struct list_head rings;
	struct kchan_ring *mapped;
	struct mm_struct *mm;
	struct kchan_waitq senders;
	struct kchan_waitq receivers;
	struct rb_root_cached put_back;
	u32 nr_put_back;
	u32 send_rises;
	u32 recv_rises;
	u8 epoch;
	u32 leased;
	u32 delayed;
	u32 turn;
	atomic64_t flying;
	u64 epoch_low[2];
	u64 seq;
	struct rb_root_cached kept;
	struct rb_root_cached due;
	u64 dropped;
	u64 lost;
	u64 returns;
	struct hrtimer timer;
	ktime_t timer_at;
	struct work_struct work;
	wait_queue_head_t rd_wait;
	wait_queue_head_t wr_wait;
	struct kref ref;
	struct mutex setup_lock; /* see the essay on locking */
	struct kchan_user *user;
	u64 id;
	fmode_t held;
	dev_t dev;
	unsigned long ino;
	struct kchan_entry entry;
};

/* The channel that a queue of waiters belongs to. */
static inline const struct kchan *kchan_of_waitq(const struct kchan_waitq *q)
{
	if (q->op == KCHAN_OP_SEND)
		return container_of(q, struct kchan, senders);
	return container_of(q, struct kchan, receivers);
}

/**
 * struct kchan_geometry - what a channel's buffer is to be like
 * @elem_size: bytes in an element; in message mode the most bytes in one
 * @capacity: elements that the buffer holds
 * @message: message mode
 */
struct kchan_geometry {
	u32 elem_size;
	u32 capacity;
	bool message;
};

/**
 * struct kchan_wait - whether a call waits, and how long
 * @nonblock: it does not wait
 * @deadline: when to stop waiting, on the host's CLOCK_MONOTONIC; NULL for never
 */
struct kchan_wait {
	bool nonblock;
	ktime_t *deadline;
};

/**
 * struct kchan_src - elements to send
 * @from: the caller's memory, if @elem is NULL: advanced over what was sent; NULL if it
 *	is the one element at @buf
 * @buf: the caller's memory, if @elem and @from are NULL
 * @elem: the element in kernel memory, or NULL. If the channel passes elements by
 *	pointer, a send passes it on to the channel or the receiver, and sets this to
 *	NULL.
 * @len: bytes in one
 * @nr: how many; more than one only of fixed size, in @from
 */
struct kchan_src {
	struct iov_iter *from;
	const void __user *buf;
	struct kchan_elem *elem;
	u32 len;
	u32 nr;
};

/**
 * struct kchan_dst - where elements are to be received
 * @to: where they go, unless @detach: advanced over what was received; NULL if it is
 *	the room for one element at @buf
 * @buf: where the element goes, if @to is NULL, and not @leased
 * @lease: with @leased, the lease that the element is taken under, which then owns it
 * @elem: with @detach: in, an element with room for @room bytes; out, if the channel
 *	passes elements by pointer, the element that was received
 * @detach: take the element out of the channel into kernel memory, for the
 *	caller to copy out without the lock, or to put back
 * @leased: it is taken under a lease; only with @detach
 * @room: the longest element that is taken
 * @nr: how many are taken at most; more than one only of fixed size, in @to
 * @len: out: bytes in an element that was taken, or that could not be copied
 */
struct kchan_dst {
	struct iov_iter *to;
	union {
		void __user *buf;
		struct kchan_lease *lease;
	};
	struct kchan_elem *elem;
	bool detach;
	bool leased;
	u32 room;
	u32 nr;
	u32 len;
};

/*
 * kchan_give() and kchan_take() return this when the step is used up before an element
 * could move. The caller drops the lock, passes the step to kchan_finish(), and calls
 * again. User space never sees it.
 */
#define KCHAN_MORE	(-ERESTART)

/*
 * Whether elements are stored and passed by pointer. The channel never copies them.
 */
static inline bool kchan_by_pointer(const struct kchan *ch)
{
	return ch->elem_size > KCHAN_INLINE_ELEM_SIZE;
}

/* How many elements were sent: those that were handed out, and those stored now. */
static inline u64 kchan_sent(const struct kchan *ch)
{
	return ch->seq + ch->stored;
}

/* An ioctl's type, number and direction, without the size of its structure. */
#define KCHAN_IOC_KIND(cmd)	((cmd) & ~IOCSIZE_MASK)

/* mapping.c */
void kchan_freeze(struct kchan *ch);
void kchan_thaw(struct kchan *ch);
bool kchan_mapping_may(struct kchan *ch, u32 op);

/**
 * kchan_lock() - take a channel's lock
 * @ch: the channel
 *
 * If a process has mapped the channel, the ring belongs to the kernel now.
 */
static inline void kchan_lock(struct kchan *ch) __acquires(&ch->lock)
{
	spin_lock(&ch->lock);
	if (unlikely(ch->mapped))
		kchan_freeze(ch);
}

/**
 * kchan_unlock() - drop a channel's lock
 * @ch: the channel
 */
static inline void kchan_unlock(struct kchan *ch) __releases(&ch->lock)
{
	if (unlikely(ch->mapped))
		kchan_thaw(ch);
	spin_unlock(&ch->lock);
}

/*
 * Whether somebody polls for input, or for output. The pollers of an end with both
 * directions are in both queues, and most ask for input only. So a queue does not count
 * before a poll has asked for its event. With ten such epolls, each adds 129 instructions
 * to the 1610 of a send and a receive, and would add 238 if both queues were walked.
 *
 * The caller has changed the channel under its lock before it asks this. It needs no
 * barrier. A poller notes what it asks for, enters the queue, then looks at the channel
 * under its lock. If this look came after our change, the poller saw the change. If it
 * came before, the poller had done the rest before that, and we see it here.
 */
static inline bool kchan_polled_in(struct kchan *ch)
{
	/* As argued above. */
	return waitqueue_active(&ch->rd_wait) && READ_ONCE(ch->asked_in);
}

static inline bool kchan_polled_out(struct kchan *ch)
{
	/* As argued above. */
	return waitqueue_active(&ch->wr_wait) && READ_ONCE(ch->asked_out);
}

/* chan.c */
bool kchan_do_give_user(struct kchan *ch, const void __user *buf, u32 len);
u32 kchan_do_take_user(struct kchan *ch, void __user *buf, u32 room);
int kchan_give(struct kchan *ch, struct kchan_src *src, struct kchan_step *step);
int kchan_take(struct kchan *ch, struct kchan_dst *dst, struct kchan_step *step);
bool kchan_can_send(struct kchan *ch, u32 len, bool staged,
		    struct kchan_step *step);
bool kchan_can_recv(struct kchan *ch, struct kchan_step *step);
void kchan_park(struct kchan *ch, struct kchan_waiter *w, u32 op);
void kchan_unpark(struct kchan *ch, struct kchan_waiter *w, u32 op);
void kchan_wake_parked(struct kchan *ch, u32 op);
void kchan_put_back(struct kchan *ch, struct kchan_elem *elem);
void kchan_settle(struct kchan *ch, struct kchan_elem *elem);
void kchan_end_flight(struct kchan *ch, struct kchan_elem *elem,
		      struct kchan_step *step);
struct kchan_elem *kchan_next_put_back(struct kchan *ch, struct kchan_step *step);
void kchan_due_work(struct work_struct *work);
void kchan_catch_up(struct kchan *ch, struct kchan_step *step);
void kchan_finish_rest(struct kchan *ch, struct kchan_step *step);
void kchan_kick(struct kchan *ch);
void kchan_unmap(struct kchan *ch, struct kchan_mapping *map);
int kchan_close(struct kchan *ch);
void kchan_end_get(struct kchan *ch, fmode_t mode);
int kchan_end_get_live(struct kchan *ch, fmode_t mode);
void kchan_hold(struct kchan *ch);
void kchan_set_send_hold(struct kchan *ch, bool no_send_hold);
void kchan_unhold(struct kchan *ch);
void kchan_end_put(struct kchan *ch, fmode_t mode);
__poll_t kchan_readiness(struct kchan *ch, fmode_t mode);
u32 kchan_next_len(struct kchan *ch);

/**
 * kchan_tell_broken() - tell who waits that the channel is broken
 * @ch: the channel
 *
 * Whoever takes the lock may find that the mapped ring is destroyed. A caller of
 * kchan_finish() tells the others there. This is for those who do not call it.
 *
 * Context: no channel's lock is held. May sleep.
 */
static inline void kchan_tell_broken(struct kchan *ch)
{
	/* Whoever breaks the channel comes here after it has dropped the lock. */
	if (unlikely(READ_ONCE(ch->break_untold)))
		kchan_kick(ch);
}

/* Whether a send seems to go, or to fail, without waiting. No lock is held. */
static inline bool kchan_may_send(struct kchan *ch)
{
	/* A caller that acts on this looks again with the lock. */
	if (data_race(ch->closed || !ch->recv_ends))
		return true;
	/* As above. */
	if (unlikely(data_race(ch->mapped)))
		return kchan_mapping_may(ch, KCHAN_OP_SEND);
	/* As above. */
	return data_race(ch->stored < ch->capacity) || !list_empty(&ch->receivers.list);
}

/* Whether a receive seems to go, or to fail, without waiting. No lock is held. */
static inline bool kchan_may_recv(struct kchan *ch)
{
	/* As above. */
	if (data_race(ch->nr_put_back || ch->closed))
		return true;
	/* As above. */
	if (unlikely(data_race(ch->mapped)))
		return kchan_mapping_may(ch, KCHAN_OP_RECV);
	/* As above. */
	return data_race(ch->stored) || !list_empty(&ch->senders.list);
}

/*
 * The short way of a send, and of a receive: one element is copied between a user buffer
 * and the newest ring, and nothing else is to be done. Whoever is refused here goes the
 * long way, by kchan_send() or kchan_recv(), which tells why: user memory may also be
 * missing, or too short. The short way spares the iterator, the case and the step. A
 * send and a receive of a message take 1592 instructions by it, and 2177 by the long way.
 *
 * The question is asked without the lock first. This spares the lock where the call is
 * about to wait, or to hand an element over.
 */

/* Whether kchan_give() would store an element, and do nothing else. */
static inline bool kchan_only_stores(const struct kchan *ch)
{
	/* Without the lock this is a hint. */
	return data_race(ch->stored < ch->capacity && !ch->closed && ch->recv_ends &&
			 !ch->mapped) &&
	       list_empty(&ch->receivers.list) && list_empty(&ch->senders.list);
}

/* Whether kchan_take() would take a stored element, and do nothing else. */
static inline bool kchan_only_takes(const struct kchan *ch)
{
	/* As above. */
	return data_race(ch->stored && !ch->closed && !ch->nr_put_back &&
			 !ch->mapped) &&
	       list_empty(&ch->senders.list);
}

/**
 * kchan_give_user() - send one element
 * @ch: the channel, whose elements are copied
 * @buf: the element
 * @len: bytes in it, as many as an element may have
 *
 * Context: no channel's lock is held.
 * Return: whether it was sent.
 */
static inline bool kchan_give_user(struct kchan *ch, const void __user *buf, u32 len)
{
	return kchan_only_stores(ch) && kchan_do_give_user(ch, buf, len);
}

/**
 * kchan_take_user() - receive one element
 * @ch: the channel, whose elements are copied
 * @buf: where the element goes
 * @room: the longest element that is taken
 *
 * Context: no channel's lock is held.
 * Return: the bytes in the element that was received; 0 if none was.
 */
static inline u32 kchan_take_user(struct kchan *ch, void __user *buf, u32 room)
{
	return kchan_only_takes(ch) ? kchan_do_take_user(ch, buf, room) : 0;
}

/* call.c */
ssize_t kchan_send(struct kchan *ch, struct iov_iter *from,
		   const struct kchan_wait *wait);
ssize_t kchan_recv(struct kchan *ch, struct iov_iter *to,
		   const struct kchan_wait *wait);

/* setup.c */
extern u64 kchan_instance;
int kchan_cache_init(void);
void kchan_cache_exit(void);
struct kchan *kchan_alloc(struct mm_struct *mm);
void kchan_put(struct kchan *ch);
int kchan_check_geometry(const struct kchan_geometry *geometry);
void kchan_name(struct kchan *ch, const struct kchan_geometry *geometry, dev_t dev,
		unsigned long ino);
int kchan_setup(struct kchan *ch, u32 elem_size, u32 capacity, u32 flags);
int kchan_resize(struct kchan *ch, u32 capacity);
int kchan_fix(struct kchan *ch, bool nowait);
struct kchan_mapping *kchan_map(struct kchan *ch, size_t size);

/**
 * kchan_use() - make a channel's geometry final before it is used
 * @ch: the channel
 *
 * Context: may sleep.
 * Return: 0; -ENOMEM or -EDQUOT when there is no memory or no quota for the storage.
 */
static inline int kchan_use(struct kchan *ch)
{
	/* Pairs with the store-release in kchan_fix(). */
	if (likely(smp_load_acquire(&ch->ready)))
		return 0;
	return kchan_fix(ch, false);
}

/**
 * kchan_is_copied() - whether elements have bytes, which are copied to the slots
 * @ch: the channel
 *
 * Return: whether that is so. If it is, the geometry is final.
 */
static inline bool kchan_is_copied(const struct kchan *ch)
{
	/* Pairs with the store-release in kchan_fix(). */
	return smp_load_acquire(&ch->copied);
}

/* info.c */
void kchan_fill_info(struct kchan *ch, struct kchan_info *info,
		     struct pid_namespace *ns);
void kchan_get_info(struct kchan *ch, struct kchan_info *info,
		    struct pid_namespace *ns);
void kchan_end_info(struct file *file, struct kchan_info *info);
void kchan_show_flags(struct seq_file *m, u32 flags, char between);
void kchan_show_fdinfo(struct seq_file *m, struct file *file);

/*
 * Whether a file is an end. All ends have the same show_fdinfo, however they were
 * opened.
 */
static inline bool kchan_is_end(const struct file *file)
{
	return file->f_op->show_fdinfo == kchan_show_fdinfo;
}

#endif /* _KCHAN_H */
