// SPDX-License-Identifier: GPL-2.0-only
/*
 * Between the caller's memory and a channel: where page faults are taken, and
 * what becomes of an element that cannot be delivered.
 */
#include <linux/err.h>
#include <linux/mm.h>
#include <linux/mutex.h>
#include <linux/sched/signal.h>
#include <linux/slab.h>
#include <linux/string.h>
#include <linux/uaccess.h>
#include <linux/uio.h>

#include <asm/futex.h>		/* leans on linux/mutex.h */

#include "chan.h"
#include "stage.h"

/* Adds nothing to the word that a byte is in: atomic, so nobody sees it done. */
static bool kchan_touch(unsigned long byte)
{
	u32 __user *word = (u32 __user *)round_down(byte, sizeof(u32));
	int old;

	return !arch_futex_atomic_op_inuser(FUTEX_OP_ADD, 0, &old, word);
}

/**
 * kchan_fault_in() - see that the caller's memory can be written
 * @to: the memory: not advanced
 * @len: its bytes
 *
 * Nearly always it can, which to find out by way of its page tables would cost
 * as much as all the rest of a receive that waits.
 *
 * Context: may sleep.
 * Return: whether it can, though perhaps no longer.
 */
bool kchan_fault_in(struct iov_iter *to, u32 len)
{
	bool there = false;

	if (likely(iter_is_ubuf(to) && len && len <= PAGE_SIZE)) {
		unsigned long first = (unsigned long)to->ubuf + to->iov_offset;

		pagefault_disable();
		there = kchan_touch(first) && kchan_touch(first + len - 1);
		pagefault_enable();
	}
	return there || !fault_in_iov_iter_writeable(to, len);
}

/**
 * kchan_return() - put an element back that has left the channel
 * @ch: the channel
 * @small: as it was for kchan_stage()
 * @elem: the element, staged or not: consumed
 *
 * Context: may sleep.
 */
void kchan_return(struct kchan *ch, union kchan_stack_elem *small,
		  struct kchan_elem *elem)
{
	struct kchan_elem *heap = elem;

	if (elem == &small->elem) {
		/* At most KCHAN_STACK_ELEM bytes and a header. */
		heap = kmalloc(struct_size(elem, data, elem->len),
			       GFP_KERNEL_ACCOUNT | __GFP_NOFAIL);
		memcpy(heap, elem, struct_size(elem, data, elem->len));
	}
	kchan_put_back(ch, heap);
}

/**
 * kchan_settle() - give the caller an element that has left the channel
 * @ch: the channel
 * @to: where to
 * @small: as it was for kchan_stage()
 * @elem: the element, staged or not: consumed
 *
 * If that cannot be, puts it back.
 *
 * Context: may sleep.
 * Return: 0; -EFAULT, or -EINTR in a task that is being killed.
 */
int kchan_settle(struct kchan *ch, struct iov_iter *to,
		 union kchan_stack_elem *small, struct kchan_elem *elem)
{
	int ret = -EFAULT;

	/* A process that is being killed will never look at it. */
	if (fatal_signal_pending(current)) {
		ret = -EINTR;
	} else if (kchan_copy_out(elem->data, elem->len, to)) {
		kchan_unstage(ch, small, elem);
		return 0;
	}
	kchan_return(ch, small, elem);
	return ret;
}
