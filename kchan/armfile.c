// SPDX-License-Identifier: GPL-2.0-only
/*
 * The file of an armed select, and the ioctls that make one and arm it again.
 */
#include <linux/anon_inodes.h>
#include <linux/err.h>
#include <linux/file.h>
#include <linux/module.h>
#include <linux/poll.h>
#include <linux/seq_file.h>
#include <linux/uaccess.h>
#include <linux/uio.h>

#include "armed.h"
#include "cases.h"
#include "compat.h"
#include "kchan.h"

/* The sizes of the structures' first published forms. */
#define KCHAN_ARM_SIZE_V0	24
static_assert(sizeof(struct kchan_arm) == KCHAN_ARM_SIZE_V0);
static_assert(sizeof(struct kchan_commit) == 16);

static int kchan_read_arm(struct kchan_arm *arm, void __user *uarg,
			  size_t usize, u32 flags)
{
	int ret;

	if (usize < KCHAN_ARM_SIZE_V0)
		return -EINVAL;
	ret = copy_struct_from_user(arm, sizeof(*arm), uarg, usize);
	if (ret)
		return ret;
	if ((arm->flags & ~flags) || arm->reserved)
		return -EINVAL;
	return kchan_check_cases(arm->nr_cases, arm->case_size);
}

static int kchan_do_arm(struct kchan_armed *armed, const struct kchan_arm *arm)
{
	struct kchan_armed_cases *cases;
	int ret;

	cases = kchan_armed_cases_alloc(arm->nr_cases);
	if (!cases)
		return -ENOMEM;
	ret = kchan_read_cases(&cases->sel, u64_to_user_ptr(arm->cases),
			       arm->nr_cases, arm->case_size);
	if (ret)
		goto free;
	ret = kchan_armed_arm(armed, cases);
	if (ret)
		goto put;
	return 0;

put:
	kchan_put_files(&cases->sel);
free:
	kchan_armed_cases_free(cases);
	return ret;
}

static bool kchan_armed_nowait(const struct kiocb *iocb)
{
	return (iocb->ki_filp->f_flags & O_NONBLOCK) ||
	       (iocb->ki_flags & IOCB_NOWAIT);
}

static int kchan_armed_lock(struct kchan_armed *armed, bool nowait)
{
	if (nowait)
		return mutex_trylock(&armed->lock) ? 0 : -EAGAIN;
	return mutex_lock_interruptible(&armed->lock) ? -ERESTARTSYS : 0;
}

/* All or nothing. */
static ssize_t kchan_copy_commit(struct kchan_commit *commit,
				 const struct kchan_elem *elem,
				 struct iov_iter *to)
{
	const size_t len = elem ? elem->len : 0;
	size_t n;

	if (iov_iter_count(to) < sizeof(*commit) + len)
		return -EMSGSIZE;
	n = copy_to_iter(commit, sizeof(*commit), to);
	/* What an element has was held against the geometry, see copy.h. */
	if (n == sizeof(*commit) && len)
		n += _copy_to_iter(elem->data, len, to);
	if (n == sizeof(*commit) + len)
		return n;
	iov_iter_revert(to, n);
	return -EFAULT;
}

static ssize_t kchan_armed_read_iter(struct kiocb *iocb, struct iov_iter *to)
{
	struct kchan_armed *armed = iocb->ki_filp->private_data;
	struct kchan_commit commit;
	struct kchan_elem *elem;
	ssize_t ret;

	if (iov_iter_count(to) < sizeof(commit))
		return -EINVAL;
	/* Without the lock, so that who has nothing to read does not wait. */
	if (!kchan_armed_ready(armed))
		return -EAGAIN;
	ret = kchan_armed_lock(armed, kchan_armed_nowait(iocb));
	if (ret)
		return ret;
	ret = kchan_armed_collect(armed, &commit, &elem);
	if (!ret)
		ret = kchan_copy_commit(&commit, elem, to);
	if (ret > 0)
		kchan_armed_retire(armed);
	mutex_unlock(&armed->lock);
	return ret;
}

static __poll_t kchan_armed_poll(struct file *file, poll_table *pt)
{
	struct kchan_armed *armed = file->private_data;

	/* First in the queue, then the look: see kchan_armed_wake(). */
	poll_wait(file, &armed->wait, pt);
	return kchan_armed_ready(armed) ? EPOLLIN | EPOLLRDNORM : 0;
}

static int kchan_armed_release(struct inode *inode, struct file *file)
{
	kchan_armed_close(file->private_data);
	return 0;
}

static long kchan_armed_rearm(struct kchan_armed *armed, void __user *uarg,
			      size_t usize)
{
	struct kchan_arm arm;
	int ret;

	ret = kchan_read_arm(&arm, uarg, usize, 0);
	if (ret)
		return ret;
	return kchan_do_arm(armed, &arm);
}

static long kchan_armed_ioctl(struct file *file, unsigned int cmd,
			      unsigned long arg)
{
	void __user *uarg = (void __user *)arg;
	size_t usize = _IOC_SIZE(cmd);

	if (cmd == KCHAN_IOC_DISARM)
		return kchan_armed_disarm(file->private_data);

	switch (KCHAN_IOC_KIND(cmd)) {
	case KCHAN_IOC_KIND(KCHAN_IOC_ARM):
		return kchan_armed_rearm(file->private_data, uarg, usize);
	case KCHAN_IOC_KIND(KCHAN_IOC_SELECT):
		return kchan_ioctl_select(uarg, usize);
	default:
		return -ENOTTY;
	}
}

static const char *kchan_armed_state(struct kchan_armed *armed)
{
	if (!armed->cases)
		return "idle";
	return kchan_armed_ready(armed) ? "committed" : "armed";
}

static void kchan_armed_show_fdinfo(struct seq_file *m, struct file *file)
{
	struct kchan_armed *armed = file->private_data;
	unsigned int i;

	if (mutex_lock_interruptible(&armed->lock))
		return;
	seq_printf(m, "kchan-select:\t%s\n", kchan_armed_state(armed));
	for (i = 0; armed->cases && i < armed->cases->sel.nr; i++) {
		const struct kchan_branch *b = &armed->cases->sel.branches[i];

		if (b->ch)
			seq_printf(m, "kchan-case:\t%u %s %llu\n", i,
				   b->op == KCHAN_OP_SEND ? "send" : "recv",
				   b->ch->id);
		else
			seq_printf(m, "kchan-case:\t%u never\n", i);
	}
	mutex_unlock(&armed->lock);
}

static const struct file_operations kchan_armed_fops = {
	.owner		= THIS_MODULE,
	.read_iter	= kchan_armed_read_iter,
	.poll		= kchan_armed_poll,
	.unlocked_ioctl	= kchan_armed_ioctl,
	.compat_ioctl	= compat_ptr_ioctl,
	.release	= kchan_armed_release,
	.show_fdinfo	= kchan_armed_show_fdinfo,
};

static struct file *kchan_armed_file(void)
{
	struct kchan_armed *armed;
	struct file *file;

	armed = kchan_armed_alloc();
	if (!armed)
		return ERR_PTR(-ENOMEM);
	file = anon_inode_getfile("[kchan-select]", &kchan_armed_fops, armed,
				  O_RDONLY);
	if (IS_ERR(file)) {
		kchan_armed_put(armed);
		return file;
	}
	file->f_mode |= FMODE_NOWAIT;
	stream_open(file_inode(file), file);
	return file;
}

/**
 * kchan_ioctl_arm() - the ioctl, on an end
 * @uarg: the caller's &struct kchan_arm
 * @usize: the size that the caller knows it by
 *
 * Return: a new fd; or an error, see &struct kchan_arm.
 */
long kchan_ioctl_arm(void __user *uarg, size_t usize)
{
	struct kchan_arm arm;
	struct file *file;
	int fd, ret;

	ret = kchan_read_arm(&arm, uarg, usize, KCHAN_ARM_CLOEXEC);
	if (ret)
		return ret;
	fd = get_unused_fd_flags(arm.flags & KCHAN_ARM_CLOEXEC ? O_CLOEXEC : 0);
	if (fd < 0)
		return fd;
	file = kchan_armed_file();
	if (IS_ERR(file)) {
		ret = PTR_ERR(file);
		goto put_fd;
	}
	/* Last, for it may have committed a case by the time it returns. */
	ret = kchan_do_arm(file->private_data, &arm);
	if (ret)
		goto put_file;
	fd_install(fd, file);
	return fd;

put_file:
	fput(file);
put_fd:
	put_unused_fd(fd);
	return ret;
}
