// SPDX-License-Identifier: GPL-2.0-only
/*
 * The memory of a select's cases: what is staged for them in the kernel, and what
 * goes to and from the caller with page faults taken, outside all locks.
 */
#include <linux/err.h>
#include <linux/sched.h>

#include "compat.h"
#include "copy.h"
#include "select.h"
#include "stage.h"

static int kchan_get_staging(struct kchan_branch *b,
			     union kchan_stack_elem *small)
{
	struct kchan_elem *elem = kchan_stage(b->ch, small, b->len);

	if (IS_ERR(elem))
		return PTR_ERR(elem);
	b->elem = elem;
	return 0;
}

/**
 * kchan_branch_unstage() - free what was staged for a case
 * @b: the case, not queued
 * @small: room that the caller had for a small element
 */
void kchan_branch_unstage(struct kchan_branch *b,
			  union kchan_stack_elem *small)
{
	if (!b->elem)
		return;
	kchan_unstage(b->ch, small, b->elem);
	b->elem = NULL;
	b->detach = b->op == KCHAN_OP_RECV && kchan_by_pointer(b->ch);
}

/* Copies the element that a case sends to kernel memory. */
static int kchan_stage_send(struct kchan_branch *b,
			    union kchan_stack_elem *small)
{
	struct iov_iter from;
	int ret;

	ret = kchan_get_staging(b, small);
	if (ret)
		return ret;
	kchan_branch_source(b, &from);
	return kchan_copy_in(b->elem->data, b->len, &from) ? 0 : -EFAULT;
}

/* Room for what a case receives, but for what is passed by pointer. */
static int kchan_stage_recv(struct kchan_branch *b,
			    union kchan_stack_elem *small)
{
	b->detach = true;
	return kchan_by_pointer(b->ch) ? 0 : kchan_get_staging(b, small);
}

static int kchan_fault_in_branch(struct kchan_branch *b, u32 len)
{
	struct iov_iter to;

	kchan_branch_dest(b, &to);
	return kchan_fault_in(&to, len) ? 0 : -EFAULT;
}

/**
 * kchan_branch_make_present() - see to it that a case does not fault for ever
 * @b: the case, which has just said -EFAULT: its commit, with @b->got what there
 *	was to receive; or kchan_select_deliver(), and the element was put back
 * @small: room that the caller has for a small element
 *
 * Context: may sleep.
 * Return: 0, to try again; -EFAULT, -ENOMEM, -EDQUOT. What it staged is for
 * kchan_branch_unstage(), also when it fails.
 */
int kchan_branch_make_present(struct kchan_branch *b,
			      union kchan_stack_elem *small)
{
	if (b->op == KCHAN_OP_SEND)
		return kchan_stage_send(b, small);
	/* Made present twice and gone again: go around. */
	if (b->faults++ == 2)
		return kchan_stage_recv(b, small);
	return kchan_fault_in_branch(b, b->got);
}

/**
 * kchan_select_deliver() - give the caller what was detached for the chosen case
 * @sel: the select, a case of which has committed
 * @small: that case's room for a small element; NULL when nothing was staged
 *
 * Return: 0; -EFAULT, -EINTR: then the element was put back.
 */
int kchan_select_deliver(struct kchan_selection *sel,
			 union kchan_stack_elem *small)
{
	struct kchan_branch *b = &sel->branches[sel->chosen];
	struct kchan_elem *elem = b->elem;
	struct iov_iter to;

	if (b->op != KCHAN_OP_RECV || !b->detach || sel->status)
		return 0;
	b->elem = NULL;
	b->got = elem->len;
	kchan_branch_dest(b, &to);
	return kchan_settle(b->ch, &to, small, elem);
}

/**
 * kchan_select_stage() - bring all that a claim will need to kernel memory
 * @sel: the select, nothing of it staged
 * @slots: one for each case
 * @fault_in: see that there is the caller's memory to receive to, so that a bad
 *	address is found out before anything waits
 *
 * Context: may sleep.
 * Return: 0; -EFAULT, -ENOMEM, -EDQUOT. To be undone by kchan_select_unstage(),
 * also when it fails.
 */
int kchan_select_stage(struct kchan_selection *sel, struct kchan_slot *slots,
		       bool fault_in)
{
	unsigned int i;
	int ret = 0;

	for (i = 0; i < sel->nr && !ret; i++) {
		struct kchan_branch *b = &sel->branches[i];
		union kchan_stack_elem *small = &slots[i].small;

		if (!b->ch)
			continue;
		if (b->op == KCHAN_OP_SEND)
			ret = kchan_stage_send(b, small);
		else if (fault_in && kchan_fault_in_branch(b, b->len))
			ret = -EFAULT;
		else
			ret = kchan_stage_recv(b, small);
		cond_resched();
	}
	return ret;
}

/**
 * kchan_select_unstage() - free what was staged
 * @sel: the select, none of it queued
 * @slots: as they were for kchan_select_stage()
 */
void kchan_select_unstage(struct kchan_selection *sel, struct kchan_slot *slots)
{
	unsigned int i;

	for (i = 0; i < sel->nr; i++)
		kchan_branch_unstage(&sel->branches[i], &slots[i].small);
}
