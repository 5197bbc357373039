/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef _KCHAN_SELECT_H
#define _KCHAN_SELECT_H

#include <linux/file.h>
#include <linux/lockdep.h>
#include <linux/uio.h>

#include "compat.h"
#include "kchan.h"
#include "party.h"

/**
 * struct kchan_branch - one case of a select, made out
 * @ch: its channel, in use; NULL of one that never is ready, and of a file
 * @addr: the caller's memory
 * @elem: in kernel memory: of a send, the element, once it has been copied; of
 *	a receive, with @detach, where it goes. Owned.
 * @fd: what has the channel, or with KCHAN_OP_POLL the file; held
 * @len: bytes to send, or room to receive; of a file, the events asked for
 * @got: bytes received; of a file, the events that are there
 * @op: ``KCHAN_OP_*``
 * @faults: how often its memory was made present
 * @detach: a receive goes to @elem, and is copied to the caller without the
 *	lock; of a send, without meaning
 */
struct kchan_branch {
	struct kchan *ch;
	void __user *addr;
	struct kchan_elem *elem;
	struct fd fd;
	u32 len;
	u32 got;
	u8 op;
	u8 faults;
	bool detach;
};

/**
 * struct kchan_slot - what a case needs while it waits
 * @w: in its channel's queue
 * @d: what queueing it owes to others
 * @small: staging for a small element
 */
struct kchan_slot {
	struct kchan_waiter w;
	struct kchan_deferred d;
	union kchan_stack_elem small;
};

/*
 * The memory of a case. Of no bytes the address is not looked at; of some it is
 * held against what is the user's where it is copied from or to.
 */
static inline void kchan_branch_source(const struct kchan_branch *b,
				       struct iov_iter *from)
{
	iov_iter_ubuf(from, ITER_SOURCE, b->len ? b->addr : NULL, b->len);
}

static inline void kchan_branch_dest(const struct kchan_branch *b,
				     struct iov_iter *to)
{
	iov_iter_ubuf(to, ITER_DEST, b->len ? b->addr : NULL, b->len);
}

/* What the locks of a select's channels nest in, as lockdep sees it. */
struct kchan_nest {
#ifdef CONFIG_DEBUG_LOCK_ALLOC
	struct lockdep_map dep_map;
#endif
};

/**
 * struct kchan_selection - a select
 * @branches: its cases
 * @locks: their channels, each once, by id: the order of locking
 * @nr: how many cases
 * @nr_locks: how many channels; 0 until kchan_selection_order()
 * @files: a bit for each case that has a file
 * @likely: a bit for each case that seemed to be ready when it was made out
 * @chosen: out: the case that committed
 * @status: out: 0, EPIPE or EMSGSIZE
 * @nest: see there
 */
struct kchan_selection {
	struct kchan_branch *branches;
	struct kchan **locks;
	unsigned int nr;
	unsigned int nr_locks;
	u64 files;
	u64 likely;
	unsigned int chosen;
	int status;
	struct kchan_nest nest;
};

static inline void kchan_selection_init(struct kchan_selection *sel,
					struct kchan_branch *branches,
					struct kchan **locks)
{
	sel->branches = branches;
	sel->locks = locks;
	sel->nr = 0;
	sel->nr_locks = 0;
	sel->files = 0;
	sel->likely = 0;
}

/* Adds the channel to those to be locked. They are few, and often in order. */
static inline void kchan_selection_lock(struct kchan_selection *sel,
					struct kchan *ch)
{
	unsigned int at, i;

	for (at = sel->nr_locks; at && sel->locks[at - 1]->id >= ch->id; at--)
		if (sel->locks[at - 1] == ch)
			return;
	for (i = sel->nr_locks++; i > at; i--)
		sel->locks[i] = sel->locks[i - 1];
	sel->locks[at] = ch;
}

/* Makes out the order of locking, once. */
static inline void kchan_selection_order(struct kchan_selection *sel)
{
	unsigned int i;

	if (sel->nr_locks)
		return;
	for (i = 0; i < sel->nr; i++)
		if (sel->branches[i].ch)
			kchan_selection_lock(sel, sel->branches[i].ch);
}

int kchan_select_rest(struct kchan_selection *sel,
		      const struct kchan_wait *wait, int ret);

/* branch.c */
void kchan_branch_unstage(struct kchan_branch *b,
			  union kchan_stack_elem *small);
int kchan_branch_make_present(struct kchan_branch *b,
			      union kchan_stack_elem *small);
int kchan_select_deliver(struct kchan_selection *sel,
			 union kchan_stack_elem *small);
int kchan_select_stage(struct kchan_selection *sel, struct kchan_slot *slots,
		       bool fault_in);
void kchan_select_unstage(struct kchan_selection *sel, struct kchan_slot *slots);

/* The parts of a select that an armed one is made of too. */
int kchan_select_park(struct kchan_selection *sel, struct kchan_slot *slots,
		      struct kchan_party *party, u64 files);
void kchan_select_unpark(struct kchan_selection *sel, struct kchan_slot *slots);
void kchan_select_won(struct kchan_selection *sel, struct kchan_slot *slots,
		      struct kchan_party *party);

#endif /* _KCHAN_SELECT_H */
