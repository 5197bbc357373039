// SPDX-License-Identifier: GPL-2.0-only
/*
 * KCHAN_IOC_SELECT: commit one case.
 */
#include <linux/file.h>
#include <linux/ktime.h>
#include <linux/minmax.h>
#include <linux/uaccess.h>

#include "compat.h"
#include "kchan.h"

/* The sizes of the structures' first published forms. */
#define KCHAN_CASE_SIZE_V0	24
#define KCHAN_SELECT_SIZE_V0	40
static_assert(sizeof(struct kchan_case) == KCHAN_CASE_SIZE_V0);
static_assert(sizeof(struct kchan_select) == KCHAN_SELECT_SIZE_V0);

/* The part of struct kchan_select that is written. */
struct kchan_outcome {
	__u32 index;
	__u32 status;
	__u32 len;
};

static int kchan_check_select(const struct kchan_select *sel)
{
	if (sel->flags & ~(KCHAN_SELECT_NONBLOCK | KCHAN_SELECT_DEADLINE))
		return -EINVAL;
	if ((sel->flags & KCHAN_SELECT_NONBLOCK) &&
	    (sel->flags & KCHAN_SELECT_DEADLINE))
		return -EINVAL;
	if (sel->deadline && !(sel->flags & KCHAN_SELECT_DEADLINE))
		return -EINVAL;
	if (!sel->nr_cases || sel->case_size < KCHAN_CASE_SIZE_V0)
		return -EINVAL;
	/* What is beyond the size we know is looked through: not without end. */
	if (sel->nr_cases > KCHAN_MAX_CASES || sel->case_size > PAGE_SIZE)
		return -E2BIG;
	return 0;
}

static int kchan_check_len(const struct kchan *ch, const struct kchan_case *c)
{
	if (!ch->message)
		return c->len == ch->elem_size ? 0 : -EINVAL;
	if (c->op == KCHAN_OP_RECV)
		return 0;
	if (!c->len)
		return -EINVAL;
	return c->len <= ch->elem_size ? 0 : -EMSGSIZE;
}

/* What a transfer came to, for the case: or an error of the whole call. */
static int kchan_outcome(struct kchan_outcome *out, ssize_t ret)
{
	switch (ret) {
	case -EPIPE:
	case -EMSGSIZE:
		out->status = -ret;
		return 0;
	}
	if (ret < 0)
		return ret;
	out->len = ret;
	return 0;
}

static int kchan_do_case(struct file *file, const struct kchan_case *c,
			 const struct kchan_wait *wait,
			 struct kchan_outcome *out)
{
	struct kchan *ch = file->private_data;
	const bool send = c->op == KCHAN_OP_SEND;
	struct iov_iter iter;
	void __user *addr;
	u32 len;
	int ret;

	if (!(file->f_mode & (send ? FMODE_WRITE : FMODE_READ)))
		return -EBADF;
	ret = kchan_use(ch);
	if (ret)
		return ret;
	ret = kchan_check_len(ch, c);
	if (ret)
		return ret;
	/* Of nothing, the address is not looked at, nor is room that is not used. */
	len = min(c->len, ch->elem_size);
	addr = len ? u64_to_user_ptr(c->addr) : NULL;
	if (!access_ok(addr, len))
		return -EFAULT;

	iov_iter_ubuf(&iter, send ? ITER_SOURCE : ITER_DEST, addr, len);
	if (send)
		return kchan_outcome(out, kchan_send(ch, &iter, wait));
	return kchan_outcome(out, kchan_recv(ch, &iter, wait));
}

/**
 * kchan_select() - the ioctl
 * @uarg: the caller's &struct kchan_select
 * @usize: the size that the caller knows it by
 *
 * Return: 0 when a case committed, with the outputs written; or an error, see
 * &struct kchan_select.
 */
long kchan_select(struct kchan_select __user *uarg, size_t usize)
{
	struct kchan_outcome out = {};
	struct kchan_wait wait = {};
	struct kchan_select sel;
	struct kchan_case c;
	ktime_t deadline;
	struct file *file;
	int ret;

	if (usize < KCHAN_SELECT_SIZE_V0)
		return -EINVAL;
	ret = copy_struct_from_user(&sel, sizeof(sel), uarg, usize);
	if (ret)
		return ret;
	ret = kchan_check_select(&sel);
	if (ret)
		return ret;
	ret = copy_struct_from_user(&c, sizeof(c), u64_to_user_ptr(sel.cases),
				    sel.case_size);
	if (ret)
		return ret;
	if (c.flags || c.op > KCHAN_OP_RECV)
		return -EINVAL;

	wait.nonblock = sel.flags & KCHAN_SELECT_NONBLOCK;
	if (sel.flags & KCHAN_SELECT_DEADLINE) {
		deadline = min_t(u64, sel.deadline, KTIME_MAX);
		wait.deadline = &deadline;
	}

	file = fget(c.fd);
	if (!file)
		return -EBADF;
	if (kchan_is_end(file))
		ret = kchan_do_case(file, &c, &wait, &out);
	else
		ret = -EINVAL;
	fput(file);
	if (ret)
		return ret;

	if (copy_to_user(&uarg->index, &out, sizeof(out)))
		return -EFAULT;
	return 0;
}
