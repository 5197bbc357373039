/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef _KCHAN_CALL_H
#define _KCHAN_CALL_H

#include <linux/file.h>
#include <linux/lockdep.h>
#include <linux/uio.h>

#include "compat.h"
#include "kchan.h"
#include "party.h"

/**
 * struct kchan_branch - one case of a call, as the kernel has it
 * @ch: its channel, in use; NULL for a case that is never ready, and for a file
 * @iter: the caller's memory, of a read or a write: of one element or more; NULL if it
 *	is the one buffer at @addr
 * @addr: the caller's memory, when @iter is NULL, and not @leased
 * @elem: kernel memory, owned by the case. For a send: the element, once it has been
 *	copied. For a receive with @detach: where the element goes.
 * @lease: with @leased, what owns the element once the case has committed, in place of
 *	@elem
 * @fd: the file of the end, or of a case with ``KCHAN_OP_POLL``; held
 * @len: bytes in an element to send, or room for one to receive; for a file, the
 *	events asked for
 * @got: bytes in the element that was received, or that did not fit; for a file, the
 *	events that are there
 * @rises: kchan.send_rises or kchan.recv_rises at the last look of a select
 * @op: ``KCHAN_OP_*``
 * @faults: how often its memory was made present
 * @detach: a receive goes to @elem, and is copied to the caller without the
 *	lock; no meaning for a send
 * @leased: a receive under lease, with @detach
 */
struct kchan_branch {
	struct kchan *ch;
	struct iov_iter *iter;
	union {
		void __user *addr;
		struct kchan_lease *lease;
	};
	struct kchan_elem *elem;
	struct fd fd;
	u32 len;
	u32 got;
	u32 rises;
	u8 op;
	u8 faults;
	bool detach;
	bool leased;
};

/**
 * struct kchan_slot - what a case needs while it waits
 * @w: in its channel's queue
 * @small: staging for a small element
 */
struct kchan_slot {
	struct kchan_waiter w;
	struct kchan_stack_elem small;
};

/* For lockdep: the locks of a call's channels nest in this. */
struct kchan_nest {
#ifdef CONFIG_DEBUG_LOCK_ALLOC
	struct lockdep_map dep_map;
#endif
};

/**
 * struct kchan_call - a call, or an armed select
 * @branches: its cases
 * @locks: their channels, each once, by id: the order of locking
 * @nr: how many cases
 * @nr_locks: how many channels are in @locks; 0 until they are sorted
 * @files: a bit for each case that has a file
 * @verified: a bit for each case that passed the checks of a read or a write
 * @likely: a bit for each case that seemed to be ready when it was read: a hint
 * @chosen: out: the case that committed
 * @status: out: 0, EPIPE, EMSGSIZE or EIO
 * @nest: see &struct kchan_nest
 */
struct kchan_call {
	struct kchan_branch *branches;
	struct kchan **locks;
	unsigned int nr;
	unsigned int nr_locks;
	u64 files;
	u64 verified;
	u64 likely;
	unsigned int chosen;
	int status;
	struct kchan_nest nest;
};

static inline void kchan_call_init(struct kchan_call *call,
				   struct kchan_branch *branches,
				   struct kchan **locks)
{
	call->branches = branches;
	call->locks = locks;
	call->nr = 0;
	call->nr_locks = 0;
	call->files = 0;
	call->verified = 0;
	call->likely = 0;
	call->chosen = 0;
	call->status = 0;
}

/* Whether a case seems to commit, or to fail, without waiting. No lock is held. */
static inline bool kchan_branch_may(const struct kchan_branch *b)
{
	return b->op == KCHAN_OP_SEND ? kchan_may_send(b->ch) : kchan_may_recv(b->ch);
}

int kchan_branch_try(struct kchan_branch *b);
int kchan_branch_wait(struct kchan_branch *b, const struct kchan_wait *wait);
bool kchan_branch_ready(struct kchan_branch *b, struct kchan_step *step);
int kchan_branch_deliver(struct kchan_branch *b, struct kchan_stack_elem *small);
void kchan_branch_unstage(struct kchan_branch *b, struct kchan_stack_elem *small);
void kchan_branch_return(struct kchan_branch *b, struct kchan_stack_elem *small);

unsigned int kchan_pick(u64 set);
int kchan_committed(struct kchan_call *call, int ret);
int kchan_call_stage(struct kchan_call *call, struct kchan_slot *slots,
		     bool fault_in);
void kchan_call_unstage(struct kchan_call *call, struct kchan_slot *slots);
int kchan_call_park(struct kchan_call *call, struct kchan_slot *slots,
		    struct kchan_party *party, u64 files);
void kchan_call_unpark(struct kchan_call *call, struct kchan_slot *slots);
int kchan_call_leave(struct kchan_call *call, struct kchan_slot *slots,
		     struct kchan_party *party, int ret);
void kchan_call_won(struct kchan_call *call, struct kchan_slot *slots,
		    struct kchan_party *party);

#endif /* _KCHAN_CALL_H */
