// SPDX-License-Identifier: GPL-2.0-only
/*
 * Cases, as the caller writes them, and KCHAN_IOC_SELECT, which is made of them.
 */
#include <linux/file.h>
#include <linux/ktime.h>
#include <linux/minmax.h>
#include <linux/poll.h>
#include <linux/slab.h>
#include <linux/uaccess.h>

#include "cases.h"
#include "compat.h"
#include "kchan.h"
#include "select.h"
#include "trace.h"

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

/**
 * kchan_check_cases() - see that there may be cases so many and so large
 * @nr: how many
 * @size: the size that the caller knows &struct kchan_case by
 *
 * Return: 0, -EINVAL, -E2BIG.
 */
int kchan_check_cases(unsigned int nr, size_t size)
{
	if (size < KCHAN_CASE_SIZE_V0)
		return -EINVAL;
	/* What is beyond the size we know is looked through: not without end. */
	if (nr > KCHAN_MAX_CASES || size > PAGE_SIZE)
		return -E2BIG;
	return 0;
}

static int kchan_check_select(const struct kchan_select *sel)
{
	if (sel->flags & ~(KCHAN_SELECT_NONBLOCK | KCHAN_SELECT_DEADLINE))
		return -EINVAL;
	if ((sel->flags & KCHAN_SELECT_NONBLOCK) &&
	    (sel->flags & KCHAN_SELECT_DEADLINE))
		return -EINVAL;
	if (sel->deadline && !(sel->flags & KCHAN_SELECT_DEADLINE))
		return -EINVAL;
	return kchan_check_cases(sel->nr_cases, sel->case_size);
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

/* The events that poll() can be asked for. */
#define KCHAN_POLL_EVENTS						\
	((__force u32)(EPOLLIN | EPOLLPRI | EPOLLOUT | EPOLLERR | EPOLLHUP | \
		       EPOLLRDNORM | EPOLLRDBAND | EPOLLWRNORM |	\
		       EPOLLWRBAND | EPOLLMSG | EPOLLRDHUP))

/* So many cases need no memory of their own: few selects have more. */
#define KCHAN_CASES_INLINE	8

/**
 * struct kchan_cases - the cases of one call
 * @sel: the select
 * @branches: of a few cases
 * @locks: of a few cases
 */
struct kchan_cases {
	struct kchan_selection sel;
	struct kchan_branch branches[KCHAN_CASES_INLINE];
	struct kchan *locks[KCHAN_CASES_INLINE];
};

static int kchan_resolve_file(struct kchan_selection *sel,
			      struct kchan_branch *b, const struct kchan_case *c)
{
	if (c->addr || (c->len & ~KCHAN_POLL_EVENTS))
		return -EINVAL;
	b->len = c->len;
	sel->files |= BIT_ULL(sel->nr);
	return 0;
}

static int kchan_resolve_end(struct kchan_selection *sel,
			     struct kchan_branch *b, const struct kchan_case *c,
			     struct file *file)
{
	const bool send = c->op == KCHAN_OP_SEND;
	struct kchan *ch;
	int ret;

	if (unlikely(!kchan_is_end(file)))
		return -EINVAL;
	ch = file->private_data;
	if (!(file->f_mode & (send ? FMODE_WRITE : FMODE_READ)))
		return -EBADF;
	ret = kchan_use(ch);
	if (unlikely(ret))
		return ret;
	ret = kchan_check_len(ch, c);
	if (unlikely(ret))
		return ret;

	/* Of nothing, the address is not looked at, nor is room that is not used. */
	b->len = min(c->len, ch->elem_size);
	b->addr = b->len ? u64_to_user_ptr(c->addr) : NULL;
	if (!access_ok(b->addr, b->len))
		return -EFAULT;
	b->detach = !send && kchan_by_pointer(ch);
	b->ch = ch;
	kchan_selection_lock(sel, ch);
	return 0;
}

/* Makes out a case, the last one of the selection when this succeeds. */
static int kchan_resolve(struct kchan_selection *sel, const struct kchan_case *c)
{
	struct kchan_branch *b = &sel->branches[sel->nr];
	struct fd fd = {};
	int ret = 0;

	if (c->flags || c->op > KCHAN_OP_POLL)
		return -EINVAL;
	b->ch = NULL;
	b->elem = NULL;
	b->op = c->op;
	b->faults = 0;
	b->detach = false;

	/* Negative is Go's nil channel. */
	if ((s32)c->fd >= 0) {
		fd = fdget(c->fd);
		if (!fd_file(fd))
			return -EBADF;
		if (c->op == KCHAN_OP_POLL)
			ret = kchan_resolve_file(sel, b, c);
		else
			ret = kchan_resolve_end(sel, b, c, fd_file(fd));
		if (unlikely(ret)) {
			fdput(fd);
			return ret;
		}
	}
	b->fd = fd;
	sel->nr++;
	return 0;
}

static void kchan_cases_free(struct kchan_cases *cases)
{
	if (likely(cases->sel.branches == cases->branches))
		return;
	kfree(cases->sel.branches);
	kfree(cases->sel.locks);
}

/**
 * kchan_put_files() - put the files of cases
 * @sel: the cases
 */
void kchan_put_files(struct kchan_selection *sel)
{
	unsigned int i;

	for (i = 0; i < sel->nr; i++)
		fdput(sel->branches[i].fd);
}

static int kchan_cases_alloc(struct kchan_cases *cases, unsigned int nr)
{
	struct kchan_selection *sel = &cases->sel;

	kchan_selection_init(sel, cases->branches, cases->locks);
	if (likely(nr <= KCHAN_CASES_INLINE))
		return 0;
	sel->branches = kmalloc_array(nr, sizeof(*sel->branches),
				      GFP_KERNEL_ACCOUNT);
	sel->locks = kmalloc_array(nr, sizeof(*sel->locks), GFP_KERNEL_ACCOUNT);
	if (sel->branches && sel->locks)
		return 0;
	kchan_cases_free(cases);
	return -ENOMEM;
}

static int kchan_copy_cases(struct kchan_case *to, void __user *from,
			    unsigned int nr, size_t size)
{
	int ret = 0;

	if (likely(size == sizeof(*to)))
		return copy_from_user(to, from, nr * sizeof(*to)) ? -EFAULT : 0;
	for (; nr && !ret; nr--, to++, from += size)
		ret = copy_struct_from_user(to, sizeof(*to), from, size);
	return ret;
}

/*
 * An armed select holds no files, and where a receive goes is said when it is
 * read.
 */
static int kchan_arm_case(struct kchan_case *c)
{
	if (c->op == KCHAN_OP_POLL)
		return -EOPNOTSUPP;
	if (c->op == KCHAN_OP_RECV)
		c->addr = 0;
	return 0;
}

/**
 * kchan_read_cases() - read and make out cases
 * @sel: the select, empty, with room for them
 * @from: where they are
 * @nr: how many
 * @size: the size that the caller knows &struct kchan_case by
 * @arm: they are to be armed
 *
 * Return: 0, then their files are to be put; -EFAULT, -EINVAL, -EBADF, -E2BIG,
 * -EMSGSIZE, -EOPNOTSUPP, -ENOMEM, -EDQUOT.
 */
int kchan_read_cases(struct kchan_selection *sel, void __user *from,
		     unsigned int nr, size_t size, bool arm)
{
	struct kchan_case some[KCHAN_CASES_INLINE] __uninitialized;
	unsigned int i, n;
	int ret;

	for (; nr; nr -= n, from += n * size) {
		n = min_t(unsigned int, nr, KCHAN_CASES_INLINE);
		ret = kchan_copy_cases(some, from, n, size);
		for (i = 0; i < n && !ret; i++) {
			if (arm)
				ret = kchan_arm_case(&some[i]);
			if (!ret)
				ret = kchan_resolve(sel, &some[i]);
		}
		if (ret) {
			kchan_put_files(sel);
			return ret;
		}
	}
	return 0;
}

/*
 * A plain send or receive, with a deadline perhaps. Not inline: it would leave
 * the selects of several cases fewer registers.
 */
static noinline int kchan_select_one(struct kchan_selection *sel,
				     const struct kchan_wait *wait)
{
	struct kchan_branch *b = &sel->branches[0];
	struct iov_iter iter;
	ssize_t ret;

	sel->chosen = 0;
	sel->status = 0;
	if (b->op == KCHAN_OP_SEND) {
		iov_iter_ubuf(&iter, ITER_SOURCE, b->addr, b->len);
		ret = kchan_send(b->ch, &iter, wait);
	} else {
		iov_iter_ubuf(&iter, ITER_DEST, b->addr, b->len);
		ret = kchan_recv(b->ch, &iter, wait);
	}
	if (ret == -EPIPE || ret == -EMSGSIZE) {
		sel->status = -ret;
		ret = 0;
	} else if (ret >= 0) {
		b->got = ret;
		ret = 0;
	}
	kchan_trace(select, sel, ret);
	return ret;
}

static void kchan_outcome(const struct kchan_selection *sel,
			  struct kchan_outcome *out)
{
	const struct kchan_branch *b = &sel->branches[sel->chosen];

	out->index = sel->chosen;
	out->status = sel->status;
	if (sel->status)
		out->len = 0;
	else
		out->len = b->op == KCHAN_OP_SEND ? b->len : b->got;
}

/**
 * kchan_ioctl_select() - the ioctl
 * @uarg: the caller's &struct kchan_select
 * @usize: the size that the caller knows it by
 *
 * Return: 0 when a case committed, with the outputs written; or an error, see
 * &struct kchan_select.
 */
long kchan_ioctl_select(struct kchan_select __user *uarg, size_t usize)
{
	struct kchan_wait wait = {};
	struct kchan_outcome out;
	struct kchan_cases cases __uninitialized;
	struct kchan_select sel;
	ktime_t deadline;
	int ret;

	if (usize < KCHAN_SELECT_SIZE_V0)
		return -EINVAL;
	ret = copy_struct_from_user(&sel, sizeof(sel), uarg, usize);
	if (ret)
		return ret;
	ret = kchan_check_select(&sel);
	if (ret)
		return ret;
	wait.nonblock = sel.flags & KCHAN_SELECT_NONBLOCK;
	if (sel.flags & KCHAN_SELECT_DEADLINE) {
		deadline = min_t(u64, sel.deadline, KTIME_MAX);
		wait.deadline = &deadline;
	}

	ret = kchan_cases_alloc(&cases, sel.nr_cases);
	if (ret)
		return ret;
	ret = kchan_read_cases(&cases.sel, u64_to_user_ptr(sel.cases),
			       sel.nr_cases, sel.case_size, false);
	if (ret)
		goto free;
	if (sel.nr_cases == 1 && cases.sel.branches[0].ch)
		ret = kchan_select_one(&cases.sel, &wait);
	else
		ret = kchan_select(&cases.sel, &wait);
	if (!ret)
		kchan_outcome(&cases.sel, &out);
	kchan_put_files(&cases.sel);
	if (!ret && copy_to_user(&uarg->index, &out, sizeof(out)))
		ret = -EFAULT;
free:
	kchan_cases_free(&cases);
	return ret;
}
