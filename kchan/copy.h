/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef _KCHAN_COPY_H
#define _KCHAN_COPY_H

#include <linux/math.h>
#include <linux/uaccess.h>
#include <linux/uio.h>

#include "kchan.h"

/**
 * DOC: Copying
 *
 * The one pair of helpers through which elements are copied from and to callers:
 * user memory for files, kernel memory for the tests. Called with page faults
 * disabled they do not sleep, and fail on a page that is not there.
 *
 * Both are unchecked in the sense of hardened usercopy, as copies to and from
 * pages are: the bounds of a slot and of staging are those of the geometry, which
 * the length was held against.
 */

/*
 * Small elements of one user buffer are copied word by word: to set up the
 * general copy takes longer than the copy. Nothing is advanced on failure.
 */
static __always_inline bool kchan_copy_in_small(u8 *dst, u32 len,
						struct iov_iter *from)
{
	const u8 __user *src = from->ubuf + from->iov_offset;
	const u32 words = round_down(len, sizeof(u64));
	u32 i;

	if (!user_read_access_begin(src, len))
		return false;
	for (i = 0; i < words; i += sizeof(u64))
		unsafe_get_user(*(u64 *)(dst + i),
				(const u64 __user *)(src + i), fault);
	for (; i < len; i++)
		unsafe_get_user(dst[i], src + i, fault);
	user_read_access_end();
	from->iov_offset += len;
	from->count -= len;
	return true;
fault:
	user_read_access_end();
	return false;
}

static __always_inline bool kchan_put_small(u8 __user *dst, const u8 *src,
					    u32 len)
{
	const u32 words = round_down(len, sizeof(u64));
	u32 i;

	if (!user_write_access_begin(dst, len))
		return false;
	for (i = 0; i < words; i += sizeof(u64))
		unsafe_put_user(*(const u64 *)(src + i),
				(u64 __user *)(dst + i), fault);
	for (; i < len; i++)
		unsafe_put_user(src[i], dst + i, fault);
	user_write_access_end();
	return true;
fault:
	user_write_access_end();
	return false;
}

static __always_inline bool kchan_copy_out_small(const u8 *src, u32 len,
						 struct iov_iter *to)
{
	if (!kchan_put_small(to->ubuf + to->iov_offset, src, len))
		return false;
	to->iov_offset += len;
	to->count -= len;
	return true;
}

/**
 * kchan_copy_in() - copy an element from the caller
 * @dst: where to, aligned to 8 bytes
 * @len: its bytes
 * @from: where from: advanced, or left alone on failure
 *
 * Return: whether all of it was copied.
 */
static __always_inline bool kchan_copy_in(void *dst, u32 len,
					  struct iov_iter *from)
{
	size_t n;

	if (iter_is_ubuf(from) && len <= KCHAN_STACK_ELEM)
		return kchan_copy_in_small(dst, len, from);
	n = _copy_from_iter(dst, len, from);
	if (likely(n == len))
		return true;
	iov_iter_revert(from, n);
	return false;
}

/**
 * kchan_copy_out() - copy an element to the caller
 * @src: where from, aligned to 8 bytes
 * @len: its bytes
 * @to: where to: advanced, or left alone on failure
 *
 * Return: whether all of it was copied.
 */
static __always_inline bool kchan_copy_out(const void *src, u32 len,
					   struct iov_iter *to)
{
	size_t n;

	if (iter_is_ubuf(to) && len <= KCHAN_STACK_ELEM)
		return kchan_copy_out_small(src, len, to);
	n = _copy_to_iter(src, len, to);
	if (likely(n == len))
		return true;
	iov_iter_revert(to, n);
	return false;
}

#endif /* _KCHAN_COPY_H */
