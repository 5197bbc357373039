// SPDX-License-Identifier: GPL-2.0-only
/*
 * Calls: the caller's memory, staging, and waiting, around the channel of chan.c.
 *
 * A call that need not wait copies between user memory and the channel under its
 * lock, with page faults disabled. Everything else goes by way of kernel memory that
 * the call owns, its staging: an element whose user page is not present, one that
 * has to wait, and every one that is passed by pointer.
 *
 * A call that waits is a party with one or more cases, whether it is a read, a
 * write, a select, or a select that is armed. It stages all its cases, takes the
 * locks of all its channels, commits a case if one is ready by now, and parks them
 * all if none is.
 */
#include <linux/bitops.h>
#include <linux/err.h>
#include <linux/lockdep.h>
#include <linux/minmax.h>
#include <linux/mm.h>
#include <linux/random.h>
#include <linux/sched.h>
#include <linux/sched/signal.h>
#include <linux/uaccess.h>
#include <linux/uio.h>

#include "call.h"
#include "ring.h"
#include "trace.h"

/* The caller's memory of a case. The address of a zero-length buffer is ignored. */
static struct iov_iter *kchan_memory(const struct kchan_branch *b,
				     struct iov_iter *own)
{
	if (b->iter)
		return b->iter;
	iov_iter_ubuf(own, b->op == KCHAN_OP_SEND ? ITER_SOURCE : ITER_DEST,
		      b->len ? b->addr : NULL, b->len);
	return own;
}

/* So many pages are looked at in one walk of the page tables. */
#define KCHAN_WALK_PAGES	16

/*
 * Whether the pages of a user buffer are present and writable. This neither reads nor
 * writes the pages, because they may be a device's.
 */
static bool kchan_pages_present(unsigned long at, unsigned long end)
{
	struct page *pages[KCHAN_WALK_PAGES] __uninitialized;
	int nr, got, i;

	for (at &= PAGE_MASK; at < end; at += nr * PAGE_SIZE) {
		nr = min_t(unsigned long, DIV_ROUND_UP(end - at, PAGE_SIZE),
			   KCHAN_WALK_PAGES);
		got = get_user_pages_fast_only(at, nr, FOLL_WRITE, pages);
		for (i = 0; i < got; i++)
			put_page(pages[i]);
		if (got != nr)
			return false;
		cond_resched();
	}
	return true;
}

/*
 * Makes the caller's memory present, to be written. Returns whether it was present,
 * though it may be gone again. In nearly all cases its pages are present already. To
 * call the fault handler even then costs 1915 of the 14494 instructions of a
 * ping-pong (13 %).
 */
static bool kchan_fault_in(struct iov_iter *to, u32 len)
{
	const void __user *first;
	bool there = false;

	if (likely(iter_is_ubuf(to) && len)) {
		first = to->ubuf + to->iov_offset;
		there = access_ok(first, len) &&
			kchan_pages_present((unsigned long)first,
					    (unsigned long)first + len);
	}
	return there || !fault_in_iov_iter_writeable(to, len);
}

/*
 * Gets staging for an element. A small element is staged in @small, which is often on
 * the stack. An element that is passed by pointer or received under lease is always
 * allocated, because the channel may keep it.
 */
static int kchan_get_staging(struct kchan_branch *b, struct kchan_stack_elem *small)
{
	struct kchan_elem *elem;

	if (b->len > KCHAN_STACK_ELEM || b->leased || kchan_by_pointer(b->ch)) {
		elem = kchan_elem_alloc(b->ch, b->len);
		if (IS_ERR(elem))
			return PTR_ERR(elem);
		b->elem = elem;
		return 0;
	}
	small->elem.charge.user = NULL;
	small->elem.charge.bytes = 0;
	small->elem.ring = NULL;
	small->elem.len = b->len;
	small->elem.data = small->room;
	b->elem = &small->elem;
	return 0;
}

/* Copies the element that a case sends to kernel memory. */
static int kchan_stage_send(struct kchan_branch *b, struct kchan_stack_elem *small)
{
	struct iov_iter own, *from = kchan_memory(b, &own);
	size_t n;
	int ret;

	ret = kchan_get_staging(b, small);
	if (ret)
		return ret;
	n = _copy_from_iter(b->elem->data, b->len, from);
	/* The caller's iterator is advanced once the element has been sent. */
	iov_iter_revert(from, n);
	return n == b->len ? 0 : -EFAULT;
}

/*
 * Gets room for the element that a case receives. One that is passed by pointer needs
 * none. A small one is paid for too, because it may have to be kept.
 */
static int kchan_stage_recv(struct kchan_branch *b, struct kchan_stack_elem *small)
{
	int ret;

	b->detach = true;
	if (kchan_by_pointer(b->ch))
		return 0;
	ret = kchan_get_staging(b, small);
	if (!ret && b->elem == &small->elem)
		ret = kchan_elem_pay_kept(b->ch, b->elem);
	return ret;
}

/* Advances the caller's iterator over an element that was sent from staging. */
static void kchan_branch_sent(struct kchan_branch *b)
{
	if (b->iter)
		iov_iter_advance(b->iter, b->len);
}

/**
 * kchan_branch_unstage() - free what was staged for a case
 * @b: the case, not queued
 * @small: its room for a small element
 *
 * Context: may sleep.
 */
void kchan_branch_unstage(struct kchan_branch *b, struct kchan_stack_elem *small)
{
	if (b->elem == &small->elem)
		kchan_elem_unpay_kept(b->ch, b->elem);
	else if (b->elem)
		kchan_elem_free(b->ch, b->elem);
	b->elem = NULL;
	b->detach = b->op == KCHAN_OP_RECV && kchan_by_pointer(b->ch);
}

/*
 * How many elements a case may move under one hold of the lock. Only the memory of a
 * read or a write may have more than one.
 */
static u32 kchan_branch_run(const struct kchan_branch *b)
{
	const struct kchan *ch = b->ch;
	size_t count;

	if (!b->iter || b->elem || b->detach || ch->message)
		return 1;
	count = iov_iter_count(b->iter);
	/* Nearly always it is one, and no division is needed. */
	if (likely(count == ch->elem_size))
		return 1;
	return min_t(size_t, count / ch->elem_size, ch->batch);
}

/*
 * Moves elements of a case, @nr at most, if it is ready. The lock of its channel is
 * held. Returns how many, or the error of kchan_give() or kchan_take().
 */
static inline int kchan_commit_locked(struct kchan_branch *b, u32 nr,
				      struct kchan_step *step)
{
	int ret;

	if (b->op == KCHAN_OP_SEND) {
		struct kchan_src src = {
			.from = b->iter,
			.buf = b->addr,
			.elem = b->elem,
			.len = b->len,
			.nr = nr,
		};

		ret = kchan_give(b->ch, &src, step);
		b->elem = src.elem;
	} else {
		struct kchan_dst dst = {
			.to = b->iter,
			/* Or the lease, in the same place. */
			.buf = b->addr,
			.elem = b->elem,
			.detach = b->detach,
			.leased = b->leased,
			.room = b->len,
			.nr = nr,
		};

		ret = kchan_take(b->ch, &dst, step);
		b->got = dst.len;
		if (b->detach)
			b->elem = dst.elem;
	}
	return ret;
}

/*
 * Commits a case if it is ready, in as many steps as that takes, and moves all that it
 * may under the same hold of the lock: so all parked calls that this serves are served
 * before the first of them is woken. kchan_branch_deliver() then copies out what was
 * received into staging.
 *
 * Returns 0 when all of it moved, or as much as the step allows; or why the next
 * element did not move.
 */
static int kchan_branch_commit(struct kchan_branch *b)
{
	const u32 run = kchan_branch_run(b);
	struct kchan_step step __uninitialized;
	u32 left = run;
	int ret;

	do {
		kchan_step_begin(&step);
		kchan_lock(b->ch);
		do {
			ret = kchan_commit_locked(b, left, &step);
			if (unlikely(ret <= 0))
				break;
			left -= ret;
		} while (left && !step.more);
		kchan_unlock(b->ch);
		kchan_finish(b->ch, &step);
	} while (ret == KCHAN_MORE);
	/* The next element that faults is another one. */
	if (left < run)
		b->faults = 0;
	return min(ret, 0);
}

/**
 * kchan_branch_ready() - whether a case would commit
 * @b: the case, of a channel
 * @step: the work under this hold
 *
 * Context: the channel's lock is held.
 * Return: true if it would; false if it would not. With @step->more set, false means
 * that the step was used up before this was known.
 */
bool kchan_branch_ready(struct kchan_branch *b, struct kchan_step *step)
{
	if (b->op == KCHAN_OP_SEND)
		return kchan_can_send(b->ch, b->len, b->elem, step);
	return kchan_can_recv(b->ch, step);
}

static bool kchan_branch_is_ready(struct kchan_branch *b)
{
	struct kchan_step step __uninitialized;
	bool ready, again;

	do {
		kchan_step_begin(&step);
		kchan_lock(b->ch);
		ready = kchan_branch_ready(b, &step);
		again = step.more;
		kchan_unlock(b->ch);
		kchan_finish(b->ch, &step);
	} while (again);
	return ready;
}

/*
 * Prepares a case whose commit has just failed with -EFAULT, so that it does not fail
 * in this way for ever. An element that is passed by pointer is copied to the kernel
 * only if the send is ready. So a call that may not wait fails with -EAGAIN when poll
 * says that it would wait.
 */
static int kchan_make_present(struct kchan_branch *b, struct kchan_stack_elem *small)
{
	struct iov_iter own;
	int ret;

	if (b->op == KCHAN_OP_SEND) {
		if (!kchan_by_pointer(b->ch))
			return kchan_stage_send(b, small);
		if (!kchan_branch_is_ready(b))
			return -EAGAIN;
		ret = kchan_stage_send(b, small);
		/* Another send took the place that was paid for. */
		if (ret == -EDQUOT && !kchan_branch_is_ready(b))
			ret = -EAGAIN;
		return ret;
	}
	/* The memory was made present twice and has gone again. Use staging. */
	if (b->faults == 2)
		return kchan_stage_recv(b, small);
	b->faults++;
	return kchan_fault_in(kchan_memory(b, &own), b->got) ? 0 : -EFAULT;
}

/**
 * kchan_branch_return() - put back an element that a case has received
 * @b: the case
 * @small: its room for a small element
 *
 * Context: may sleep.
 */
void kchan_branch_return(struct kchan_branch *b, struct kchan_stack_elem *small)
{
	struct kchan_elem *elem = b->elem;

	b->elem = NULL;
	if (elem == &small->elem)
		elem = kchan_elem_keep(b->ch, elem);
	kchan_put_back(b->ch, elem);
}

/**
 * kchan_branch_deliver() - copy to the caller what was received into staging
 * @b: the case, which has committed
 * @small: its room for a small element
 *
 * Context: may sleep.
 * Return: 0; -EFAULT, or -EINTR in a task that is being killed: then the element was
 * put back.
 */
int kchan_branch_deliver(struct kchan_branch *b, struct kchan_stack_elem *small)
{
	struct iov_iter own, *to;
	int ret = -EFAULT;
	size_t n;

	if (b->op != KCHAN_OP_RECV || !b->detach)
		return 0;
	b->got = b->elem->len;
	/* A process that is being killed will never use the element. */
	if (fatal_signal_pending(current)) {
		ret = -EINTR;
	} else {
		to = kchan_memory(b, &own);
		n = _copy_to_iter(b->elem->data, b->got, to);
		if (n == b->got) {
			kchan_settle(b->ch, b->elem);
			return 0;
		}
		iov_iter_revert(to, n);
	}
	kchan_branch_return(b, small);
	return ret;
}

/**
 * kchan_branch_try() - commit a case without waiting
 * @b: the case; if its memory has several elements, as many move as one hold of the
 *	lock may move
 *
 * Context: may sleep, to make the caller's memory present.
 * Return: 0, and the caller has what was received; -EAGAIN when it is not ready;
 * -EPIPE, -EIO, -EMSGSIZE, -EFAULT, -EINTR, -ENOMEM, -EDQUOT. If there are several
 * elements, some may have moved before an error: the iterator has advanced over them.
 */
int kchan_branch_try(struct kchan_branch *b)
{
	struct kchan_stack_elem small __uninitialized;
	bool staged = false;
	int ret;

	for (;;) {
		ret = kchan_branch_commit(b);
		if (likely(ret != -EFAULT))
			break;
		staged = b->op == KCHAN_OP_SEND;
		ret = kchan_make_present(b, &small);
		if (ret)
			break;
		cond_resched();
	}
	if (likely(!staged && !b->detach))
		return ret;
	if (!ret && staged)
		kchan_branch_sent(b);
	else if (!ret)
		ret = kchan_branch_deliver(b, &small);
	kchan_branch_unstage(b, &small);
	return ret;
}

/**
 * kchan_branch_wait() - commit a case, and wait if necessary
 * @b: the case
 * @wait: how long to wait; @wait->nonblock is not set
 *
 * Context: may sleep.
 * Return: 0, and the caller has what was received; -EPIPE, -EIO, -EMSGSIZE,
 * -EFAULT, -EINTR, -ENOMEM, -EDQUOT, -ETIMEDOUT, -ERESTARTSYS.
 */
int kchan_branch_wait(struct kchan_branch *b, const struct kchan_wait *wait)
{
	struct kchan_slot slot __uninitialized;
	struct kchan_party party __uninitialized;
	struct kchan_call call __uninitialized;
	int ret;

	kchan_call_init(&call, b, &b->ch);
	call.nr = 1;
	call.nr_locks = 1;
	ret = kchan_call_stage(&call, &slot, true);
	if (!ret) {
		kchan_party_init(&party, current);
		ret = kchan_call_park(&call, &slot, &party, 0);
		if (ret == -EAGAIN) {
			ret = kchan_party_wait(&party, wait->deadline, NULL);
			ret = kchan_call_leave(&call, &slot, &party, ret);
		}
		ret = ret ?: -call.status;
	}
	if (!ret && b->op == KCHAN_OP_SEND)
		kchan_branch_sent(b);
	else if (!ret)
		ret = kchan_branch_deliver(b, &slot.small);
	kchan_branch_unstage(b, &slot.small);
	return ret;
}

#ifdef CONFIG_DEBUG_LOCK_ALLOC
/* For lockdep, which cannot tell so many locks of one class apart. */
static void kchan_nest_begin(struct kchan_nest *nest)
{
	static struct lock_class_key key;

	lockdep_init_map(&nest->dep_map, "kchan_select", &key, 0);
	lock_map_acquire(&nest->dep_map);
}

static void kchan_nest_end(struct kchan_nest *nest)
{
	lock_map_release(&nest->dep_map);
}
#else
static inline void kchan_nest_begin(struct kchan_nest *nest) { }
static inline void kchan_nest_end(struct kchan_nest *nest) { }
#endif

/*
 * Inserts a channel into the sorted list of those to lock. They are few, and often in
 * order.
 */
static void kchan_add_lock(struct kchan_call *call, struct kchan *ch)
{
	unsigned int at, i;

	for (at = call->nr_locks; at && call->locks[at - 1]->id >= ch->id; at--)
		if (call->locks[at - 1] == ch)
			return;
	for (i = call->nr_locks++; i > at; i--)
		call->locks[i] = call->locks[i - 1];
	call->locks[at] = ch;
}

/* Sorts the channels once, when their locks are taken for the first time. */
static void kchan_sort_locks(struct kchan_call *call)
{
	unsigned int i;

	if (call->nr_locks)
		return;
	for (i = 0; i < call->nr; i++)
		if (call->branches[i].ch)
			kchan_add_lock(call, call->branches[i].ch);
}

static void kchan_lock_all(struct kchan_call *call)
{
	unsigned int i;

	kchan_sort_locks(call);
	kchan_nest_begin(&call->nest);
	for (i = 0; i < call->nr_locks; i++) {
		spin_lock_nest_lock(&call->locks[i]->lock, &call->nest);
		if (unlikely(call->locks[i]->mapped))
			kchan_freeze(call->locks[i]);
		/* For sparse, which does not count locks in loops. */
		__release(&call->locks[i]->lock);
	}
}

static void kchan_unlock_all(struct kchan_call *call)
{
	unsigned int i;

	for (i = 0; i < call->nr_locks; i++) {
		__acquire(&call->locks[i]->lock);
		kchan_unlock(call->locks[i]);
	}
	kchan_nest_end(&call->nest);
}

/**
 * kchan_pick() - choose one bit of a set at random
 * @set: the set, with at least one bit
 *
 * Return: the number of the bit, each as likely as any other.
 */
unsigned int kchan_pick(u64 set)
{
	unsigned int n;

	/* With one bit there is nothing to choose. */
	if (set & (set - 1))
		for (n = get_random_u32_below(hweight64(set)); n; n--)
			set &= set - 1;
	return __ffs64(set);
}

/**
 * kchan_committed() - note the result of the commit of the chosen case
 * @call: the call: out: its status
 * @ret: what the commit returned
 *
 * Return: 0 if the case has committed, or the error.
 */
int kchan_committed(struct kchan_call *call, int ret)
{
	call->status = 0;
	if (likely(!ret))
		return 0;
	if (ret != -EPIPE && ret != -EMSGSIZE && ret != -EIO)
		return ret;
	call->status = -ret;
	return 0;
}

/*
 * The cases that would not wait. The locks are held. If the step is used up,
 * call->chosen is the case where that happened.
 */
static u64 kchan_ready_cases(struct kchan_call *call, struct kchan_step *step)
{
	u64 ready = 0;
	unsigned int i;

	for (i = 0; i < call->nr; i++) {
		if (!call->branches[i].ch)
			continue;
		if (kchan_branch_ready(&call->branches[i], step))
			ready |= BIT_ULL(i);
		if (step->more) {
			call->chosen = i;
			return 0;
		}
	}
	return ready;
}

/*
 * Commits a case that is ready, if there is one. The locks are held.
 *
 * Returns 0 with call->chosen and call->status; -EAGAIN when none is ready; -EFAULT
 * when the memory of call->chosen has to be made present first; KCHAN_MORE when the
 * caller has to finish the step, on the channel of call->chosen, and try again.
 */
static int kchan_commit_any(struct kchan_call *call, u64 files,
			    struct kchan_step *step)
{
	u64 ready = 1;
	int ret;

	/* A single case is tried without a look first. */
	if (call->nr != 1 || files || !call->branches[0].ch)
		ready = kchan_ready_cases(call, step) | files;
	if (step->more)
		return KCHAN_MORE;
	while (ready) {
		call->chosen = kchan_pick(ready);
		if (!call->branches[call->chosen].ch)
			return kchan_committed(call, 0);
		ret = kchan_commit_locked(&call->branches[call->chosen], 1, step);
		if (ret == KCHAN_MORE)
			return ret;
		if (ret != -EAGAIN)
			return kchan_committed(call, min(ret, 0));
		/* The try may have let parked senders in, and they took the room. */
		if (step->nr_told)
			return KCHAN_MORE;
		/* The counterpart was claimed by another task. */
		ready &= ~BIT_ULL(call->chosen);
	}
	return -EAGAIN;
}

/* Finishes the step of a call. It was on the channel of the chosen case. */
static void kchan_finish_call(struct kchan_call *call, int ret,
			      struct kchan_step *step)
{
	struct kchan *ch;

	if (ret == -EAGAIN)
		return;
	ch = call->branches[call->chosen].ch;
	if (ch)
		kchan_finish(ch, step);
}

/* The page that the memory of a case is in; 0 if it is in several, or in none. */
static unsigned long kchan_only_page(const struct kchan_branch *b)
{
	const unsigned long at = (unsigned long)b->addr;

	if (b->iter || !b->len || offset_in_page(at) + b->len > PAGE_SIZE)
		return 0;
	return at & PAGE_MASK;
}

/*
 * Makes the memory of a receive present. @there: the page that this was last done for. The
 * cases of a select often have one buffer, or buffers side by side on the stack. To look at
 * a page again would cost some 700 of the 1800 instructions of a case that waits.
 */
static bool kchan_branch_fault_in(const struct kchan_branch *b, unsigned long *there)
{
	const unsigned long page = kchan_only_page(b);
	struct iov_iter own;

	if (page && page == *there)
		return true;
	*there = page;
	return kchan_fault_in(kchan_memory(b, &own), b->len);
}

/**
 * kchan_call_stage() - put all that a claim will need into kernel memory
 * @call: the call, with nothing staged yet
 * @slots: one for each case
 * @fault_in: make the memory for received elements present, so that a bad address is
 *	found before anything waits
 *
 * Context: may sleep.
 * Return: 0; -EFAULT, -ENOMEM, -EDQUOT. The caller undoes it with
 * kchan_call_unstage(), also after an error.
 */
int kchan_call_stage(struct kchan_call *call, struct kchan_slot *slots,
		     bool fault_in)
{
	unsigned long there = 0;
	unsigned int i;
	int ret = 0;

	for (i = 0; i < call->nr && !ret; i++) {
		struct kchan_branch *b = &call->branches[i];

		if (!b->ch)
			continue;
		if (b->op == KCHAN_OP_SEND)
			ret = kchan_stage_send(b, &slots[i].small);
		else if (fault_in && !kchan_branch_fault_in(b, &there))
			ret = -EFAULT;
		else
			ret = kchan_stage_recv(b, &slots[i].small);
		cond_resched();
	}
	return ret;
}

/**
 * kchan_call_unstage() - free what was staged
 * @call: the call, none of it queued
 * @slots: as they were for kchan_call_stage()
 */
void kchan_call_unstage(struct kchan_call *call, struct kchan_slot *slots)
{
	unsigned int i;

	for (i = 0; i < call->nr; i++)
		if (call->branches[i].ch)
			kchan_branch_unstage(&call->branches[i], &slots[i].small);
}

/*
 * Queues all cases. The locks are held, and no case is ready.
 *
 * Several cases on one channel become ready at the same instant, and the one that is
 * first in the queue is served. So they are queued in random order.
 */
static void kchan_park_all(struct kchan_call *call, struct kchan_slot *slots,
			   struct kchan_party *party)
{
	u64 left = 0;
	bool shuffle;
	unsigned int i;

	for (i = 0; i < call->nr; i++)
		if (call->branches[i].ch)
			left |= BIT_ULL(i);
	shuffle = hweight64(left) > call->nr_locks;

	for (; left; left &= ~BIT_ULL(i)) {
		struct kchan_branch *b;

		i = shuffle ? kchan_pick(left) : __ffs64(left);
		b = &call->branches[i];
		slots[i].w.party = party;
		slots[i].w.elem = b->elem;
		slots[i].w.lease = b->leased ? b->lease : NULL;
		slots[i].w.room = b->len;
		kchan_park(b->ch, &slots[i].w, b->op);
	}
}

/**
 * kchan_call_park() - commit a case if one is ready by now, or queue them all
 * @call: the call; staged, if it is to be queued
 * @slots: one for each case; NULL if nothing is to be queued
 * @party: the party to tell; nobody else can see it yet
 * @files: a bit for each case whose file is ready
 *
 * It looks and queues at one instant: the locks of all channels are held.
 *
 * Context: no channel's lock is held. May sleep.
 * Return: 0 when a case committed: @call tells which; -EAGAIN when none is ready, and
 * then they are queued, for kchan_call_leave() or kchan_call_unpark(); -EFAULT, for a
 * call that is not staged, when the memory of the chosen case has to be made present
 * first.
 */
int kchan_call_park(struct kchan_call *call, struct kchan_slot *slots,
		    struct kchan_party *party, u64 files)
{
	struct kchan_step step __uninitialized;
	unsigned int i;
	int ret;

	do {
		kchan_step_begin(&step);
		kchan_lock_all(call);
		ret = kchan_commit_any(call, files, &step);
		if (ret == -EAGAIN && slots)
			kchan_park_all(call, slots, party);
		kchan_unlock_all(call);
		kchan_finish_call(call, ret, &step);
	} while (ret == KCHAN_MORE);

	for (i = 0; ret == -EAGAIN && slots && i < call->nr; i++)
		if (call->branches[i].ch)
			kchan_wake_parked(call->branches[i].ch,
					  call->branches[i].op);
	return ret;
}

/**
 * kchan_call_unpark() - take the waiters that are still queued out of their queues
 * @call: the call
 * @slots: one for each case
 *
 * The party was claimed, so nobody else will claim it. Therefore the channels can be
 * locked one after another. If another task has claimed the party, it has told the
 * party by the time that this returns. The caller owns the staging again, or the
 * element that a server put in its place.
 */
void kchan_call_unpark(struct kchan_call *call, struct kchan_slot *slots)
{
	unsigned int i;

	for (i = 0; i < call->nr; i++) {
		struct kchan_branch *b = &call->branches[i];

		if (!b->ch)
			continue;
		kchan_unpark(b->ch, &slots[i].w, b->op);
		b->elem = slots[i].w.elem;
	}
}

/**
 * kchan_call_won() - note which case was completed while it was queued
 * @call: out: the case, and its status
 * @slots: one for each case
 * @party: the party, DONE
 */
void kchan_call_won(struct kchan_call *call, struct kchan_slot *slots,
		    struct kchan_party *party)
{
	struct kchan_slot *slot;

	slot = container_of(party->winner, struct kchan_slot, w);
	call->chosen = slot - slots;
	call->status = -slot->w.status;
}

/**
 * kchan_call_leave() - end the wait of a call
 * @call: the call, its cases queued
 * @slots: one for each case
 * @party: the current task's party
 * @ret: why the wait ends: 0 when a case was completed; otherwise an error, and the
 *	party is given up if no case was completed meanwhile
 *
 * Return: 0 when a case was completed: @call tells which; otherwise @ret.
 */
int kchan_call_leave(struct kchan_call *call, struct kchan_slot *slots,
		     struct kchan_party *party, int ret)
{
	if (ret && kchan_party_give_up(party)) {
		kchan_trace(give_up, ret);
		kchan_call_unpark(call, slots);
		return ret;
	}
	/* The party is DONE, so its only case is in no queue any more. */
	if (ret || call->nr > 1) {
		kchan_call_unpark(call, slots);
		/* The task that claimed it held a lock that we have held since. */
		WARN_ON_ONCE(!kchan_party_done(party));
	} else {
		call->branches[0].elem = slots[0].w.elem;
	}
	kchan_call_won(call, slots, party);
	return 0;
}

/*
 * Sends or receives elements, one hold of the lock after another. A call that does not
 * seem to go waits at once, and is tried under the lock that it is queued under.
 */
static ssize_t kchan_transfer(struct kchan *ch, u32 op, struct iov_iter *iter,
			      const struct kchan_wait *wait)
{
	const size_t count = iov_iter_count(iter);
	struct kchan_branch b = {
		.ch = ch,
		.iter = iter,
		.len = min_t(size_t, count, ch->elem_size),
		.op = op,
		.detach = op == KCHAN_OP_RECV && kchan_by_pointer(ch),
	};
	size_t moved;
	int ret;

	for (;;) {
		ret = -EAGAIN;
		if (wait->nonblock || kchan_branch_may(&b))
			ret = kchan_branch_try(&b);
		moved = count - iov_iter_count(iter);
		/* A receive that has an element waits for no other one. */
		if (ret == -EAGAIN && !wait->nonblock &&
		    (op == KCHAN_OP_SEND || !moved)) {
			ret = kchan_branch_wait(&b, wait);
			moved = count - iov_iter_count(iter);
		}
		if (ret || ch->message || !b.len || count - moved < b.len)
			break;
		/* What has moved is returned, and then the signal is handled. */
		if (signal_pending(current))
			break;
		cond_resched();
	}
	return moved ?: ret;
}

/**
 * kchan_send() - send elements
 * @ch: the channel, in use
 * @from: a whole number of elements of fixed size, or one message
 * @wait: whether to wait for each
 *
 * With an element size of 0, this sends one element.
 *
 * Context: may sleep.
 * Return: the bytes that were sent, by which @from has advanced. If none were sent: 0
 * for an element of size 0, -EAGAIN, -EPIPE, -EIO, -EFAULT, -ENOMEM, -EDQUOT,
 * -ETIMEDOUT, -ERESTARTSYS.
 */
ssize_t kchan_send(struct kchan *ch, struct iov_iter *from,
		   const struct kchan_wait *wait)
{
	return kchan_transfer(ch, KCHAN_OP_SEND, from, wait);
}

/**
 * kchan_recv() - receive elements
 * @ch: the channel, in use
 * @to: where the elements go: as many whole elements as are there and fit, at least
 *	one; in message mode one
 * @wait: whether to wait for the first
 *
 * Context: may sleep.
 * Return: the bytes that were received, by which @to has advanced. If none were
 * received: 0 for an element of size 0, -EPIPE at the end of the stream, -EAGAIN,
 * -EIO, -EMSGSIZE, -EFAULT, -ENOMEM, -EDQUOT, -ETIMEDOUT, -EINTR, -ERESTARTSYS.
 */
ssize_t kchan_recv(struct kchan *ch, struct iov_iter *to,
		   const struct kchan_wait *wait)
{
	return kchan_transfer(ch, KCHAN_OP_RECV, to, wait);
}
