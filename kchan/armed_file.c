// SPDX-License-Identifier: GPL-2.0-only
/*
 * Armed selects as files: what read, poll and ioctl do to one.
 */
#include <linux/anon_inodes.h>
#include <linux/err.h>
#include <linux/file.h>
#include <linux/minmax.h>
#include <linux/module.h>
#include <linux/poll.h>
#include <linux/uaccess.h>
#include <linux/uio.h>

#include "armed.h"
#include "compat.h"
#include "select.h"

/* The sizes of the structures' first published forms. */
#define KCHAN_ARM_SIZE_V0	32
#define KCHAN_COMMIT_SIZE_V0	40
#define KCHAN_ACK_SIZE_V0	16
#define KCHAN_RETURN_SIZE_V0	16
#define KCHAN_EXTEND_SIZE_V0	16
static_assert(sizeof(struct kchan_arm) == KCHAN_ARM_SIZE_V0);
static_assert(sizeof(struct kchan_commit) == KCHAN_COMMIT_SIZE_V0);
static_assert(sizeof(struct kchan_ack) == KCHAN_ACK_SIZE_V0);
static_assert(sizeof(struct kchan_return) == KCHAN_RETURN_SIZE_V0);
static_assert(sizeof(struct kchan_extend) == KCHAN_EXTEND_SIZE_V0);

static int kchan_read_arm(struct kchan_arm *arm, void __user *uarg,
			  size_t usize, u32 flags)
{
	int ret;

	if (usize < KCHAN_ARM_SIZE_V0)
		return -EINVAL;
	ret = copy_struct_from_user(arm, sizeof(*arm), uarg, usize);
	if (ret)
		return ret;
	if ((arm->flags & ~flags) || arm->commit_size < KCHAN_COMMIT_SIZE_V0)
		return -EINVAL;
	if (arm->limit && !(arm->flags & KCHAN_ARM_LEASE))
		return -EINVAL;
	if (arm->commit_size > KCHAN_MAX_STRUCT_SIZE)
		return -E2BIG;
	return kchan_check_cases(arm->nr_cases, arm->case_size);
}

static int kchan_do_arm(struct kchan_armed *armed, const struct kchan_arm *arm)
{
	struct kchan_armed_cases *cases;
	int ret;

	cases = kchan_armed_cases_alloc(arm->nr_cases, arm->commit_size);
	if (IS_ERR(cases))
		return PTR_ERR(cases);
	ret = kchan_read_cases(&cases->call, u64_to_user_ptr(arm->cases),
			       arm->nr_cases, arm->case_size, true);
	if (ret)
		goto free;
	if (arm->flags & KCHAN_ARM_LEASE)
		kchan_armed_lease_cases(armed, cases, arm->limit);
	ret = kchan_verify_all(&cases->call);
	if (!ret)
		ret = kchan_armed_arm(armed, cases);
	if (ret)
		goto put;
	return 0;

put:
	kchan_put_files(&cases->call);
free:
	kchan_armed_cases_free(cases);
	return ret;
}

static ssize_t kchan_armed_read_iter(struct kiocb *iocb, struct iov_iter *to)
{
	if (unlikely(!iov_iter_count(to)))
		return 0;
	return kchan_armed_read(iocb->ki_filp->private_data, to,
				(iocb->ki_filp->f_flags & O_NONBLOCK) ||
				(iocb->ki_flags & IOCB_NOWAIT));
}

static __poll_t kchan_armed_poll(struct file *file, poll_table *pt)
{
	struct kchan_armed *armed = file->private_data;

	/* Enter the queue first, then look: see kchan_wake_told(). */
	poll_wait(file, &armed->polled.wait, pt);
	return kchan_armed_readiness(armed);
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

	ret = kchan_read_arm(&arm, uarg, usize, KCHAN_ARM_LEASE);
	if (ret)
		return ret;
	return kchan_do_arm(armed, &arm);
}

/*
 * Once the element is acknowledged, this succeeds. So if the next outcome cannot be given,
 * a read tells why.
 */
static long kchan_ioctl_ack(struct kchan_armed *armed, void __user *uarg, size_t usize)
{
	struct iov_iter to;
	struct kchan_ack ack;
	int ret;

	if (usize < KCHAN_ACK_SIZE_V0)
		return -EINVAL;
	ret = copy_struct_from_user(&ack, sizeof(ack), uarg, usize);
	if (ret)
		return ret;
	if ((ack.flags & ~KCHAN_ACK_REARM) || (ack.addr && !ack.len) ||
	    (ack.len && !(ack.flags & KCHAN_ACK_REARM)))
		return -EINVAL;
	ret = kchan_armed_ack(armed, ack.flags & KCHAN_ACK_REARM);
	if (ret || !ack.len)
		return ret;
	iov_iter_ubuf(&to, ITER_DEST, u64_to_user_ptr(ack.addr), ack.len);
	return max_t(long, kchan_armed_read(armed, &to, true), 0);
}

static long kchan_ioctl_return(struct kchan_armed *armed, void __user *uarg, size_t usize)
{
	struct kchan_return back;
	int ret;

	if (usize < KCHAN_RETURN_SIZE_V0)
		return -EINVAL;
	ret = copy_struct_from_user(&back, sizeof(back), uarg, usize);
	if (ret)
		return ret;
	if ((back.flags & ~(KCHAN_RETURN_TAIL | KCHAN_RETURN_UNCOUNTED)) ||
	    back.reserved)
		return -EINVAL;
	return kchan_armed_return(armed, back.flags, back.delay);
}

static long kchan_ioctl_extend(struct kchan_armed *armed, void __user *uarg, size_t usize)
{
	struct kchan_extend extend;
	int ret;

	if (usize < KCHAN_EXTEND_SIZE_V0)
		return -EINVAL;
	ret = copy_struct_from_user(&extend, sizeof(extend), uarg, usize);
	if (ret)
		return ret;
	if (extend.flags || extend.reserved)
		return -EINVAL;
	return kchan_armed_extend(armed, extend.limit);
}

static long kchan_armed_ioctl(struct file *file, unsigned int cmd,
			      unsigned long arg)
{
	void __user *uarg = (void __user *)arg;
	size_t usize = _IOC_SIZE(cmd);

	if (cmd == KCHAN_IOC_DISARM)
		return kchan_armed_disarm(file->private_data);

	switch (KCHAN_IOC_KIND(cmd)) {
	case KCHAN_IOC_KIND(KCHAN_IOC_ACK):
		return kchan_ioctl_ack(file->private_data, uarg, usize);
	case KCHAN_IOC_KIND(KCHAN_IOC_RETURN):
		return kchan_ioctl_return(file->private_data, uarg, usize);
	case KCHAN_IOC_KIND(KCHAN_IOC_EXTEND):
		return kchan_ioctl_extend(file->private_data, uarg, usize);
	case KCHAN_IOC_KIND(KCHAN_IOC_ARM):
		return kchan_armed_rearm(file->private_data, uarg, usize);
	case KCHAN_IOC_KIND(KCHAN_IOC_SELECT):
		return kchan_ioctl_select(uarg, usize);
	default:
		return -ENOTTY;
	}
}

static void kchan_armed_show_fdinfo(struct seq_file *m, struct file *file)
{
	kchan_armed_show(m, file->private_data);
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

static struct file *kchan_armed_file(int flags)
{
	struct kchan_armed *armed;
	struct file *file;

	armed = kchan_armed_alloc();
	if (IS_ERR(armed))
		return ERR_CAST(armed);
	file = anon_inode_getfile("[kchan-select]", &kchan_armed_fops, armed,
				  O_RDONLY | flags);
	if (IS_ERR(file)) {
		kchan_armed_close(armed);
		return file;
	}
	file->f_mode |= FMODE_NOWAIT;
	stream_open(file_inode(file), file);
	return file;
}

/**
 * kchan_ioctl_arm() - %KCHAN_IOC_ARM on an end
 * @uarg: the caller's &struct kchan_arm
 * @usize: the size of it
 *
 * Return: a new fd; or an error, see &struct kchan_arm.
 */
long kchan_ioctl_arm(void __user *uarg, size_t usize)
{
	struct kchan_arm arm;
	struct file *file;
	int fd, ret;

	ret = kchan_read_arm(&arm, uarg, usize,
			     KCHAN_ARM_CLOEXEC | KCHAN_ARM_NONBLOCK | KCHAN_ARM_LEASE);
	if (ret)
		return ret;
	fd = get_unused_fd_flags(arm.flags & KCHAN_ARM_CLOEXEC ? O_CLOEXEC : 0);
	if (fd < 0)
		return fd;
	file = kchan_armed_file(arm.flags & KCHAN_ARM_NONBLOCK ? O_NONBLOCK : 0);
	if (IS_ERR(file)) {
		ret = PTR_ERR(file);
		goto put_fd;
	}
	/* This is last, because a case may have committed by the time it returns. */
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
