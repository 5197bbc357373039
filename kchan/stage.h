/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef _KCHAN_STAGE_H
#define _KCHAN_STAGE_H

#include "kchan.h"
#include "ring.h"

/**
 * kchan_stage() - get staging for an element
 * @ch: the channel, in use
 * @small: room that the caller has for a small one
 * @len: bytes in the element
 *
 * The caller's, if the element is small enough; but not for what the channel may
 * keep, which are elements passed by pointer, short messages among them.
 *
 * Return: the staging, for kchan_unstage(), its length set; or an error pointer:
 * -ENOMEM, -EDQUOT.
 */
static inline struct kchan_elem *kchan_stage(struct kchan *ch,
					     union kchan_stack_elem *small,
					     u32 len)
{
	if (len > KCHAN_STACK_ELEM || kchan_by_pointer(ch))
		return kchan_elem_alloc(ch, len);
	small->elem.len = len;
	small->elem.charged = 0;
	return &small->elem;
}

/**
 * kchan_unstage() - give staging back
 * @ch: the channel
 * @small: as it was for kchan_stage()
 * @elem: the staging, or NULL
 */
static inline void kchan_unstage(struct kchan *ch,
				 union kchan_stack_elem *small,
				 struct kchan_elem *elem)
{
	if (elem != &small->elem)
		kchan_elem_free(ch, elem);
}

bool kchan_fault_in(struct iov_iter *to, u32 len);
void kchan_return(struct kchan *ch, union kchan_stack_elem *small,
		  struct kchan_elem *elem);
int kchan_settle(struct kchan *ch, struct iov_iter *to,
		 union kchan_stack_elem *small, struct kchan_elem *elem);

#endif /* _KCHAN_STAGE_H */
