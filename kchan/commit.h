/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef _KCHAN_COMMIT_H
#define _KCHAN_COMMIT_H

/*
 * Committing a case that is ready. All inline: a select that need not wait is to
 * cost little more than a receive.
 */
#include <linux/bitops.h>
#include <linux/random.h>

#include "chan.h"
#include "compat.h"
#include "select.h"
#include "trace.h"

/* Whether a case that was just made out seems to be ready, its lock not held. */
static __always_inline bool kchan_branch_may(const struct kchan_branch *b)
{
	if (!b->ch)
		return false;
	return b->op == KCHAN_OP_SEND ? kchan_may_send(b->ch) :
					kchan_may_recv(b->ch);
}

/* One of the set, each as likely as any other. */
static __always_inline unsigned int kchan_pick(u64 set)
{
	unsigned int n;

	/* Of one there is nothing to choose. */
	if (set & (set - 1))
		for (n = get_random_u32_below(hweight64(set)); n; n--)
			set &= set - 1;
	return __ffs64(set);
}

static __always_inline int kchan_commit_send(struct kchan_branch *b,
					     struct kchan_deferred *d)
{
	struct iov_iter from __uninitialized;
	struct kchan_src src = {
		.from = &from,
		.elem = b->elem,
		.len = b->len,
	};
	int ret;

	/* What moves by pointer has to be in kernel memory first. */
	if (kchan_by_pointer(b->ch) && !b->elem)
		return -EFAULT;
	kchan_branch_source(b, &from);
	ret = kchan_give(b->ch, &src, d);
	b->elem = src.elem;
	return ret;
}

static __always_inline int kchan_commit_recv(struct kchan_branch *b,
					     struct kchan_deferred *d)
{
	struct iov_iter to __uninitialized;
	struct kchan_dst dst = {
		.to = &to,
		.elem = b->elem,
		.detach = b->detach,
		.room = b->len,
	};
	int ret;

	kchan_branch_dest(b, &to);
	ret = kchan_take(b->ch, &dst, d);
	b->got = dst.len;
	if (b->detach)
		b->elem = dst.elem;
	return ret;
}

/*
 * A receive as most are: of a small element of fixed size that is stored in an
 * open channel, where nothing was put back and nobody waits to send. What
 * kchan_take() would do of that, and no more; false for all else, and if the
 * caller's page is not there: then nothing has moved.
 */
static __always_inline bool kchan_commit_simple(struct kchan_branch *b,
						struct kchan_deferred *d)
{
	struct kchan *ch = b->ch;
	struct kchan_ring *ring;
	bool copied;

	if (unlikely(!ch->stored || ch->nr_put_back || ch->closed ||
		     ch->message || b->len > KCHAN_STACK_ELEM ||
		     !list_empty(&ch->senders.list)))
		return false;
	ring = kchan_oldest(ch);
	/* Of several, one that runs empty is to be freed. */
	if (unlikely(ring != kchan_newest(ch)))
		return false;
	pagefault_disable();
	copied = kchan_put_small(b->addr, kchan_ring_head(ring), b->len);
	pagefault_enable();
	if (unlikely(!copied))
		return false;
	kchan_trace(receive, ch, ch->seq, b->len, current);
	kchan_pop(ch, ring);
	b->got = b->len;
	d->out++;
	return true;
}

static __always_inline int kchan_commit(struct kchan_branch *b,
					struct kchan_deferred *d)
{
	if (!b->ch)
		return 0;
	if (b->op == KCHAN_OP_SEND)
		return kchan_commit_send(b, d);
	return kchan_commit_recv(b, d);
}

/* That the commit of sel->chosen has come to @ret. */
static __always_inline int kchan_committed(struct kchan_selection *sel, int ret)
{
	sel->status = 0;
	if (likely(!ret))
		return 0;
	if (ret != -EPIPE && ret != -EMSGSIZE)
		return ret;
	sel->status = -ret;
	return 0;
}

/**
 * kchan_select_likely() - commit a case of those that seemed to be ready
 * @sel: the select, its cases just made out
 *
 * It takes the lock of that case's channel alone, for to commit is one instant
 * whatever the others do. That none is ready is not found out here.
 *
 * Context: may sleep.
 * Return: 0 when a case committed: @sel says which; -EAGAIN, -EFAULT, -EINTR for
 * kchan_select_rest(), and nothing has moved.
 */
static __always_inline int kchan_select_likely(struct kchan_selection *sel)
{
	struct kchan_deferred d __uninitialized;
	u64 ready = sel->likely;
	struct kchan_branch *b;
	struct kchan *ch;
	int ret;

	/* Files may be ready too, and are as likely to be chosen. */
	if (unlikely(sel->files))
		return -EAGAIN;
	for (; likely(ready); ready &= ~BIT_ULL(sel->chosen)) {
		sel->chosen = kchan_pick(ready);
		b = &sel->branches[sel->chosen];
		ch = b->ch;
		kchan_deferred_init(&d);
		spin_lock(&ch->lock);
		if (likely(b->op == KCHAN_OP_RECV && kchan_commit_simple(b, &d)))
			ret = 0;
		else
			ret = kchan_commit(b, &d);
		spin_unlock(&ch->lock);
		kchan_run_deferred(ch, &d);
		if (unlikely(ret == -EAGAIN))
			continue;
		ret = kchan_committed(sel, ret);
		if (unlikely(!ret && b->detach))
			ret = kchan_select_deliver(sel, NULL);
		return ret;
	}
	return -EAGAIN;
}

/**
 * kchan_select() - commit one case
 * @sel: the select
 * @wait: whether to wait for one, and how long
 *
 * Context: may sleep.
 * Return: 0 when a case committed: @sel says which; -EAGAIN, -EFAULT, -ENOMEM,
 * -EDQUOT, -ETIMEDOUT, -EINTR, -ERESTARTSYS, and nothing has moved.
 */
static __always_inline int kchan_select(struct kchan_selection *sel,
					const struct kchan_wait *wait)
{
	int ret = kchan_select_likely(sel);

	if (unlikely(ret))
		ret = kchan_select_rest(sel, wait, ret);
	kchan_trace(select, sel, ret);
	return ret;
}

#endif /* _KCHAN_COMMIT_H */
