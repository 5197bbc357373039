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
#include "commit.h"
#include "compat.h"
#include "kchan.h"
#include "select.h"

/* The sizes of the structures' first published forms. */
#define KCHAN_CASE_SIZE_V0	24
#define KCHAN_SELECT_SIZE_V0	40
static_assert(sizeof(struct kchan_case) == KCHAN_CASE_SIZE_V0);
static_assert(sizeof(struct kchan_select) == KCHAN_SELECT_SIZE_V0);

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

static int kchan_check_wait(u32 flags, u64 deadline)
{
	if (flags & ~(KCHAN_SELECT_NONBLOCK | KCHAN_SELECT_DEADLINE))
		return -EINVAL;
	if ((flags & KCHAN_SELECT_NONBLOCK) && (flags & KCHAN_SELECT_DEADLINE))
		return -EINVAL;
	if (deadline && !(flags & KCHAN_SELECT_DEADLINE))
		return -EINVAL;
	return 0;
}

static int kchan_check_message(const struct kchan *ch,
			       const struct kchan_case *c)
{
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

static int kchan_resolve_file(struct kchan_branch *b, const struct kchan_case *c)
{
	if (c->addr || (c->len & ~KCHAN_POLL_EVENTS))
		return -EINVAL;
	b->len = c->len;
	return 0;
}

static __always_inline int kchan_resolve_end(struct kchan_branch *b,
					     const struct kchan_case *c,
					     struct file *file)
{
	const bool send = c->op == KCHAN_OP_SEND;
	u32 len = c->len;
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
	if (unlikely(ch->message)) {
		ret = kchan_check_message(ch, c);
		if (ret)
			return ret;
		len = min(len, ch->elem_size);
	} else if (unlikely(len != ch->elem_size)) {
		return -EINVAL;
	}

	b->len = len;
	b->addr = u64_to_user_ptr(c->addr);
	/* Where it begins; whether all of it is the user's is seen on copying. */
	if (unlikely(!access_ok(b->addr, 1)) && len)
		return -EFAULT;
	b->detach = kchan_by_pointer(ch);
	b->ch = ch;
	return 0;
}

/* Makes out a case, the one of this @bit. */
static __always_inline int kchan_resolve(struct kchan_selection *sel,
					 struct kchan_branch *b, u64 bit,
					 const struct kchan_case *c)
{
	struct fd fd;
	int ret;

	if (unlikely(c->flags || c->op > KCHAN_OP_POLL))
		return -EINVAL;
	b->ch = NULL;
	b->elem = NULL;
	b->op = c->op;
	b->faults = 0;
	b->detach = false;

	/* Negative is Go's nil channel. */
	if (unlikely((s32)c->fd < 0)) {
		b->fd = (struct fd){};
		return 0;
	}
	fd = fdget(c->fd);
	if (unlikely(!fd_file(fd)))
		return -EBADF;
	b->fd = fd;
	if (unlikely(c->op == KCHAN_OP_POLL)) {
		ret = kchan_resolve_file(b, c);
		sel->files |= bit;
	} else {
		ret = kchan_resolve_end(b, c, fd_file(fd));
	}
	if (unlikely(ret)) {
		fdput(fd);
		return ret;
	}
	if (kchan_branch_may(b))
		sel->likely |= bit;
	return 0;
}

static void kchan_cases_free(struct kchan_cases *cases)
{
	if (likely(cases->sel.branches == cases->branches))
		return;
	kfree(cases->sel.branches);
	kfree(cases->sel.locks);
}

static __always_inline void kchan_put_branches(struct kchan_branch *b,
					       const struct kchan_branch *end)
{
	for (; b != end; b++)
		fdput(b->fd);
}

/**
 * kchan_put_files() - put the files of cases
 * @sel: the cases
 */
void kchan_put_files(struct kchan_selection *sel)
{
	kchan_put_branches(sel->branches, sel->branches + sel->nr);
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

/* Not inline: for its sake what is copied would be in memory, not in registers. */
static noinline int kchan_copy_resized(void *to, size_t known,
				       const void __user *from, size_t size)
{
	return copy_struct_from_user(to, known, from, size);
}

/*
 * Word by word: to set up the general copy takes longer than the copy. Memory
 * of which some is not there is made present.
 */
static __always_inline int kchan_copy_case(struct kchan_case *c,
					   struct kchan_case __user *from,
					   size_t size)
{
	if (unlikely(size != sizeof(*c))) {
		struct kchan_case resized;
		int ret = kchan_copy_resized(&resized, sizeof(resized), from,
					     size);

		*c = resized;
		return ret;
	}
	if (!user_read_access_begin(from, sizeof(*from)))
		return -EFAULT;
	unsafe_get_user(c->fd, &from->fd, fault);
	unsafe_get_user(c->op, &from->op, fault);
	unsafe_get_user(c->addr, &from->addr, fault);
	unsafe_get_user(c->len, &from->len, fault);
	unsafe_get_user(c->flags, &from->flags, fault);
	user_read_access_end();
	return 0;
fault:
	user_read_access_end();
	return -EFAULT;
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

static __always_inline int kchan_read_all(struct kchan_selection *sel,
					  void __user *from, unsigned int nr,
					  size_t size, bool arm)
{
	struct kchan_branch *b = sel->branches;
	struct kchan_branch *const end = b + nr;
	struct kchan_case c __uninitialized;
	u64 bit = 1;
	int ret;

	for (; b != end; b++, bit <<= 1, from += size) {
		ret = kchan_copy_case(&c, from, size);
		if (arm && !ret)
			ret = kchan_arm_case(&c);
		if (likely(!ret))
			ret = kchan_resolve(sel, b, bit, &c);
		if (unlikely(ret)) {
			kchan_put_branches(sel->branches, b);
			return ret;
		}
	}
	sel->nr = nr;
	return 0;
}

/**
 * kchan_read_cases() - read and make out the cases of a select to be armed
 * @sel: the select, empty, with room for them
 * @from: where they are
 * @nr: how many
 * @size: the size that the caller knows &struct kchan_case by
 *
 * Return: 0, then their files are to be put; -EFAULT, -EINVAL, -EBADF, -E2BIG,
 * -EMSGSIZE, -EOPNOTSUPP, -ENOMEM, -EDQUOT.
 */
int kchan_read_cases(struct kchan_selection *sel, void __user *from,
		     unsigned int nr, size_t size)
{
	return kchan_read_all(sel, from, nr, size, true);
}

/* Writes what committed. */
static __always_inline int kchan_outcome(const struct kchan_selection *sel,
					 struct kchan_select __user *uarg)
{
	const struct kchan_branch *b = &sel->branches[sel->chosen];
	u32 len = b->op == KCHAN_OP_SEND ? b->len : b->got;

	if (!user_write_access_begin(uarg, sizeof(*uarg)))
		return -EFAULT;
	unsafe_put_user(sel->chosen, &uarg->index, fault);
	unsafe_put_user(sel->status, &uarg->status, fault);
	unsafe_put_user(sel->status ? 0 : len, &uarg->len, fault);
	user_write_access_end();
	return 0;
fault:
	user_write_access_end();
	return -EFAULT;
}

static __always_inline int kchan_copy_select(struct kchan_select *sel,
					     struct kchan_select __user *from,
					     size_t size)
{
	if (unlikely(size != sizeof(*sel))) {
		struct kchan_select resized;
		int ret;

		if (size < KCHAN_SELECT_SIZE_V0)
			return -EINVAL;
		ret = kchan_copy_resized(&resized, sizeof(resized), from, size);
		*sel = resized;
		return ret;
	}
	if (!user_read_access_begin(from, sizeof(*from)))
		return -EFAULT;
	unsafe_get_user(sel->cases, &from->cases, fault);
	unsafe_get_user(sel->nr_cases, &from->nr_cases, fault);
	unsafe_get_user(sel->case_size, &from->case_size, fault);
	unsafe_get_user(sel->deadline, &from->deadline, fault);
	unsafe_get_user(sel->flags, &from->flags, fault);
	user_read_access_end();
	return 0;
fault:
	user_read_access_end();
	return -EFAULT;
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
	struct kchan_cases cases __uninitialized;
	struct kchan_select sel __uninitialized;
	struct kchan_wait wait = {};
	ktime_t deadline;
	int ret;

	ret = kchan_copy_select(&sel, uarg, usize);
	if (unlikely(ret))
		return ret;
	if (unlikely(sel.flags || sel.deadline)) {
		ret = kchan_check_wait(sel.flags, sel.deadline);
		if (ret)
			return ret;
		wait.nonblock = sel.flags & KCHAN_SELECT_NONBLOCK;
		deadline = min_t(u64, sel.deadline, KTIME_MAX);
		if (sel.flags & KCHAN_SELECT_DEADLINE)
			wait.deadline = &deadline;
	}
	ret = kchan_check_cases(sel.nr_cases, sel.case_size);
	if (unlikely(ret))
		return ret;
	ret = kchan_cases_alloc(&cases, sel.nr_cases);
	if (unlikely(ret))
		return ret;
	ret = kchan_read_all(&cases.sel, u64_to_user_ptr(sel.cases),
			     sel.nr_cases, sel.case_size, false);
	if (unlikely(ret))
		goto free;
	ret = kchan_select(&cases.sel, &wait);
	if (!ret)
		ret = kchan_outcome(&cases.sel, uarg);
	kchan_put_branches(cases.sel.branches,
			   cases.sel.branches + cases.sel.nr);
free:
	kchan_cases_free(&cases);
	return ret;
}
