/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef _KCHAN_H
#define _KCHAN_H

#include <linux/atomic.h>
#include <linux/fs.h>
#include <linux/kref.h>
#include <linux/list.h>
#include <linux/mm.h>
#include <linux/mutex.h>
#include <linux/spinlock.h>
#include <linux/types.h>
#include <linux/uio.h>
#include <linux/wait.h>

#include <uapi/linux/kchan.h>

#include "debug.h"

/**
 * DOC: Objects and who owns them
 *
 * A &struct kchan is one channel. Open files (its ends) hold references on it,
 * and a call in progress holds its file, so whoever is inside an operation may
 * use the channel without a reference of its own.
 *
 * A &struct kchan_elem is one element in kernel memory: a sender's staging, a
 * receiver's staging, an element put back, or an element over a page, which is
 * stored and passed by pointer. It has one owner at a time.
 *
 * A &struct kchan_party is one blocked call; it has a &struct kchan_waiter for
 * each of its cases. Both live on the stack of the task that waits.
 */

/**
 * DOC: Locking
 *
 * kchan.lock guards all of a channel but what is noted below. It nests inside
 * kchan.setup_lock, and nothing nests inside it: no user memory is touched under
 * it with page faults enabled, nothing is allocated or freed under it, nobody
 * is woken under it. What an operation owes to others when the lock is dropped
 * is gathered in a &struct kchan_deferred. The lock is never taken in interrupt
 * context, nor from a wait-queue callback.
 *
 * kchan.setup_lock, a mutex, serialises those who allocate rings: setup, resize
 * and the first use.
 *
 * kchan.elem_size, kchan.batch and the mode never change once kchan.ready is set;
 * whoever has seen it set (kchan_use()) reads them without a lock.
 *
 * Whether a channel seems to be ready (kchan_may_recv(), kchan_may_send()) is read
 * without a lock too, as a hint: who acts on it looks again with the lock held.
 *
 * Between any two holds of kchan.lock these are true ("open" of a waiter means
 * that its party is not claimed):
 *
 * - an open sender waits only if the buffer is full (a rendezvous channel's
 *   always is), the channel is not closed, and a receive end is left;
 * - an open receiver waits only if nothing is stored or put back, no open sender
 *   of another party waits, the channel is not closed, and a send end is left.
 */

/* Elements up to this size are staged on the stack of the task that waits. */
#define KCHAN_STACK_ELEM	128

/*
 * Moved, at the most, under one hold of a channel's lock: so many elements, and,
 * if they are more than one, so many bytes.
 */
#define KCHAN_BATCH_ELEMS	32
#define KCHAN_BATCH_BYTES	16384

/**
 * struct kchan_elem - one element in kernel memory
 * @node: in kchan.put_back, or in kchan_deferred.elems
 * @seq: its place in the order of hand-out; valid once it was handed out
 * @len: bytes in it
 * @charged: bytes that kchan.user is charged for it
 * @data: the bytes
 */
struct kchan_elem {
	struct list_head node;
	u64 seq;
	u32 len;
	u32 charged;
	u8 data[] __aligned(8);
};

/**
 * union kchan_stack_elem - room for a small element on the stack
 * @elem: the element
 * @room: its header and its bytes
 */
union kchan_stack_elem {
	struct kchan_elem elem;
	u8 room[sizeof(struct kchan_elem) + KCHAN_STACK_ELEM];
};

/**
 * struct kchan_ring - storage of elements
 * @node: in kchan.rings
 * @charged: bytes that the user is charged for it
 * @stride: bytes from one slot to the next
 * @nr_slots: elements that it can hold
 * @head: index of the oldest element
 * @len: elements in it
 * @slots: the slots; see ring.c for what is in one
 */
struct kchan_ring {
	struct list_head node;
	size_t charged;
	u32 stride;
	u32 nr_slots;
	u32 head;
	u32 len;
	u8 slots[] __aligned(8);
};

/**
 * struct kchan_waitq - the waiters of one direction, longest-waiting first
 * @list: &struct kchan_waiter.node
 * @len: how many are on @list
 * @op: ``KCHAN_OP_SEND`` or ``KCHAN_OP_RECV``
 * @waits: how many were ever on @list
 */
struct kchan_waitq {
	struct list_head list;
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
 * @message: message mode
 * @closed: no more sends
 * @elem_size: bytes in an element; in message mode the most in one
 * @batch: bytes moved, at the most, under one hold of @lock; a multiple of
 *	@elem_size, but in message mode, where one element is
 * @capacity: elements that the rings may hold together
 * @stored: elements that the rings do hold together
 * @send_ends: open ends that can send
 * @recv_ends: open ends that can receive
 * @rings: &struct kchan_ring.node, oldest first; elements enter the last one
 *	and leave the first one that is not empty, which is the first
 * @senders: who waits to send
 * @receivers: who waits to receive
 * @put_back: &struct kchan_elem.node, elements that came back from receivers
 *	who could not take them, by @seq; they go out before those in @rings
 * @nr_put_back: how many are on @put_back
 * @seq: the number that the next element to be handed out gets
 * @pollers: wait queue of poll
 * @ref: one for each end
 * @setup_lock: see the essay on locking
 * @user: whom the channel is charged to; holds a reference
 * @id: unique number
 * @entry: in the list of all channels
 */
struct kchan {
	spinlock_t lock; /* see the essay on locking */
	bool ready;
	bool fixed;
	bool message;
	bool closed;
	u32 elem_size;
	u32 batch;
	u32 capacity;
	u32 stored;
	u32 send_ends;
	u32 recv_ends;
	struct list_head rings;
	struct kchan_waitq senders;
	struct kchan_waitq receivers;
	struct list_head put_back;
	u32 nr_put_back;
	u64 seq;
	wait_queue_head_t pollers;
	struct kref ref;
	struct mutex setup_lock; /* see the essay on locking */
	struct kchan_user *user;
	u64 id;
	struct kchan_entry entry;
};

/* The channel that a queue of waiters is of. */
static inline const struct kchan *kchan_of_waitq(const struct kchan_waitq *q)
{
	if (q->op == KCHAN_OP_SEND)
		return container_of(q, struct kchan, senders);
	return container_of(q, struct kchan, receivers);
}

/**
 * struct kchan_deferred - what is owed to others when a lock is dropped
 * @task: the first party that was served: told, and now to be woken; holds a
 *	reference
 * @more: the lists below are made, and there is something on them
 * @out_all: pollers for output are all to be woken, exclusive ones too
 * @all: every poller is to be woken
 * @in: wake-ups owed to pollers for input
 * @out: wake-ups owed to pollers for output
 * @done: waiters of the other parties that were served, to be told and woken
 * @rings: rings that have run empty after a resize, to be freed
 * @elems: elements that nobody needs any more, to be freed
 */
struct kchan_deferred {
	struct task_struct *task;
	bool more;
	bool out_all;
	bool all;
	unsigned int in;
	unsigned int out;
	struct list_head done;
	struct list_head rings;
	struct list_head elems;
};

static inline void kchan_deferred_init(struct kchan_deferred *d)
{
	d->task = NULL;
	d->more = false;
	d->out_all = false;
	d->all = false;
	d->in = 0;
	d->out = 0;
}

/* The lists are seldom used, and are not made before. */
static inline void kchan_deferred_more(struct kchan_deferred *d)
{
	if (d->more)
		return;
	d->more = true;
	INIT_LIST_HEAD(&d->done);
	INIT_LIST_HEAD(&d->rings);
	INIT_LIST_HEAD(&d->elems);
}

/* Takes the ring out of the channel's list, if it is in it. */
static inline void kchan_defer_ring(struct kchan_deferred *d,
				    struct kchan_ring *ring)
{
	kchan_deferred_more(d);
	list_move(&ring->node, &d->rings);
}

static inline void kchan_defer_elem(struct kchan_deferred *d,
				    struct kchan_elem *elem)
{
	kchan_deferred_more(d);
	list_add(&elem->node, &d->elems);
}

/**
 * struct kchan_wait - whether a call waits, and how long
 * @nonblock: it does not wait
 * @deadline: when to stop waiting, on CLOCK_MONOTONIC; NULL for never
 */
struct kchan_wait {
	bool nonblock;
	ktime_t *deadline;
};

/* Elements over a page are stored and passed by pointer, never copied twice. */
static inline bool kchan_by_pointer(const struct kchan *ch)
{
	return ch->elem_size > PAGE_SIZE;
}

/* geometry.c */
struct kchan *kchan_alloc(void);
void kchan_put(struct kchan *ch);
int kchan_setup(struct kchan *ch, u32 elem_size, u32 capacity, bool message);
int kchan_resize(struct kchan *ch, u32 capacity);
int kchan_fix(struct kchan *ch);

/**
 * kchan_use() - make a channel's geometry final before it is used
 * @ch: the channel
 *
 * Return: 0; -ENOMEM, -EDQUOT when there is no storage to be had.
 */
static inline int kchan_use(struct kchan *ch)
{
	/* Pairs with the store-release in kchan_fix(). */
	if (likely(smp_load_acquire(&ch->ready)))
		return 0;
	return kchan_fix(ch);
}

/* xfer.c */
ssize_t kchan_send(struct kchan *ch, struct iov_iter *from,
		   const struct kchan_wait *wait);
ssize_t kchan_recv(struct kchan *ch, struct iov_iter *to,
		   const struct kchan_wait *wait);

/* poll.c */
__poll_t kchan_readiness(struct kchan *ch, fmode_t mode);
void kchan_run_more(struct kchan *ch, struct kchan_deferred *d);

/* end.c */
int kchan_close(struct kchan *ch);
void kchan_end_get(struct kchan *ch, fmode_t mode);
int kchan_end_get_live(struct kchan *ch, fmode_t mode);
void kchan_end_put(struct kchan *ch, fmode_t mode);

/* armfile.c */
long kchan_ioctl_arm(void __user *uarg, size_t usize);

/* endfs.c */
int kchan_end_fd(struct kchan *ch, fmode_t mode, int flags);
int kchan_end_open(struct inode *inode, struct file *file);
int kchan_end_release(struct inode *inode, struct file *file);

/* file.c */
extern const struct file_operations kchan_fops;
extern const struct file_operations kchan_end_fops;
void kchan_file_init(struct inode *inode, struct file *file, struct kchan *ch);
int kchan_release(struct inode *inode, struct file *file);

/* An ioctl's type, number and direction, without the size of its structure. */
#define KCHAN_IOC_KIND(cmd)	((cmd) & ~IOCSIZE_MASK)

/* info.c */
void kchan_fill_info(const struct kchan *ch, struct kchan_info *info);
void kchan_get_info(struct kchan *ch, struct kchan_info *info);
void kchan_end_info(struct file *file, struct kchan_info *info);
void kchan_show_flags(struct seq_file *m, u32 flags, char between);
void kchan_show_fdinfo(struct seq_file *m, struct file *file);

/* Whether a file is an end, the first or another. */
static inline bool kchan_is_end(const struct file *file)
{
	return likely(file->f_op == &kchan_fops) ||
	       file->f_op == &kchan_end_fops;
}

#endif /* _KCHAN_H */
