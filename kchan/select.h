/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef _KCHAN_SELECT_H
#define _KCHAN_SELECT_H

#include <linux/lockdep.h>
#include <linux/uio.h>

#include "kchan.h"

/**
 * struct kchan_branch - one case of a select, made out
 * @iter: the caller's memory, for a send or a receive
 * @ch: its channel, in use; NULL for one that never is ready, and for a file
 * @file: with KCHAN_OP_POLL the file
 * @elem: in kernel memory: of a send, the element, once it has been copied; of
 *	a receive, with @detach, where it goes. Owned.
 * @op: ``KCHAN_OP_*``
 * @len: bytes to send, or room to receive; of a file, the events asked for
 * @got: bytes received; of a file, the events that are there
 * @faults: how often its memory was made present
 * @detach: a receive goes to @elem, and is copied to the caller without the lock
 */
struct kchan_branch {
	struct iov_iter iter;
	struct kchan *ch;
	struct file *file;
	struct kchan_elem *elem;
	u32 op;
	u32 len;
	u32 got;
	u8 faults;
	bool detach;
};

/* What the locks of a select's channels nest in, as lockdep sees it. */
struct kchan_nest {
#ifdef CONFIG_DEBUG_LOCK_ALLOC
	struct lockdep_map dep_map;
#endif
};

/**
 * struct kchan_selection - a select
 * @branches: its cases
 * @nr: how many
 * @nr_ordered: how many have a channel
 * @files: a bit for each that has a file
 * @chosen: out: the case that committed
 * @status: out: 0, EPIPE or EMSGSIZE
 * @nest: see there
 * @order: the indices of those that have a channel, by the channels' ids
 */
struct kchan_selection {
	struct kchan_branch *branches;
	unsigned int nr;
	unsigned int nr_ordered;
	u64 files;
	unsigned int chosen;
	int status;
	struct kchan_nest nest;
	u8 order[KCHAN_MAX_CASES];
};

void kchan_selection_init(struct kchan_selection *sel,
			  struct kchan_branch *branches, unsigned int nr);
int kchan_select(struct kchan_selection *sel, const struct kchan_wait *wait);

#endif /* _KCHAN_SELECT_H */
