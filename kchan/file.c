// SPDX-License-Identifier: GPL-2.0-only
/*
 * The files: what open, read, write, poll and ioctl do to an end of a channel.
 */
#include <linux/err.h>
#include <linux/module.h>
#include <linux/poll.h>
#include <linux/uaccess.h>

#include "cases.h"
#include "compat.h"
#include "kchan.h"

/* The sizes of the structures' first published forms. */
#define KCHAN_SETUP_SIZE_V0	16
#define KCHAN_RESIZE_SIZE_V0	8
#define KCHAN_INFO_SIZE_V0	48
static_assert(sizeof(struct kchan_setup) == KCHAN_SETUP_SIZE_V0);
static_assert(sizeof(struct kchan_resize) == KCHAN_RESIZE_SIZE_V0);
#define KCHAN_END_SIZE_V0	8
static_assert(sizeof(struct kchan_info) == KCHAN_INFO_SIZE_V0);
static_assert(sizeof(struct kchan_end) == KCHAN_END_SIZE_V0);

/**
 * kchan_file_init() - make an open file an end
 * @inode: its inode
 * @file: the file, which nobody else uses yet
 * @ch: the channel: the end is counted, and a reference passes to the file
 */
void kchan_file_init(struct inode *inode, struct file *file, struct kchan *ch)
{
	file->private_data = ch;
	file->f_mode |= FMODE_NOWAIT;
	stream_open(inode, file);
}

#define KCHAN_END_FLAGS	(KCHAN_END_SEND | KCHAN_END_RECV | \
			 KCHAN_END_CLOEXEC | KCHAN_END_NONBLOCK)

static int kchan_open(struct inode *inode, struct file *file)
{
	struct kchan *ch;

	/* A new channel with one end that cannot send would be of no use. */
	if ((file->f_flags & O_ACCMODE) != O_RDWR)
		return -EINVAL;
	ch = kchan_alloc();
	if (IS_ERR(ch))
		return PTR_ERR(ch);
	kchan_end_get(ch, file->f_mode);
	kchan_file_init(inode, file, ch);
	return 0;
}

/**
 * kchan_release() - the last reference on an end's file has gone
 * @inode: its inode
 * @file: the file
 *
 * Return: 0.
 */
int kchan_release(struct inode *inode, struct file *file)
{
	struct kchan *ch = file->private_data;

	kchan_end_put(ch, file->f_mode);
	kchan_put(ch);
	return 0;
}

static __always_inline ssize_t kchan_do_read(struct file *file,
					     struct iov_iter *to, bool nonblock)
{
	struct kchan *ch = file->private_data;
	struct kchan_wait wait = { .nonblock = nonblock };
	ssize_t ret;

	ret = kchan_use(ch);
	if (unlikely(ret))
		return ret;
	/* A message that is too long is for kchan_recv() to find. */
	if (!ch->message &&
	    (!ch->elem_size || iov_iter_count(to) < ch->elem_size))
		return -EINVAL;
	ret = kchan_recv(ch, to, &wait);
	return ret == -EPIPE ? 0 : ret;
}

/*
 * The VFS cuts a longer write off at MAX_RW_COUNT. That is no fault of the
 * caller's, who will write the rest.
 */
static __always_inline int kchan_check_write(const struct kchan *ch,
					     struct iov_iter *from)
{
	const size_t count = iov_iter_count(from);
	u32 rest;

	if (ch->message) {
		if (!count)
			return -EINVAL;
		return count <= ch->elem_size ? 0 : -EMSGSIZE;
	}
	if (!ch->elem_size)
		return -EINVAL;
	if (likely(count == ch->elem_size))
		return 0;
	rest = count % ch->elem_size;
	if (!rest)
		return 0;
	if (count != MAX_RW_COUNT)
		return -EINVAL;
	iov_iter_truncate(from, count - rest);
	return 0;
}

static __always_inline ssize_t kchan_do_write(struct file *file,
					      struct iov_iter *from,
					      bool nonblock)
{
	struct kchan *ch = file->private_data;
	struct kchan_wait wait = { .nonblock = nonblock };
	ssize_t ret;

	ret = kchan_use(ch);
	if (unlikely(ret))
		return ret;
	ret = kchan_check_write(ch, from);
	if (unlikely(ret || !iov_iter_count(from)))
		return ret;
	return kchan_send(ch, from, &wait);
}

/*
 * read and write have entries of their own beside the iter forms, as those of
 * /dev/null have: they spare the kiocb, of which they would use one flag.
 */
static ssize_t kchan_read(struct file *file, char __user *buf, size_t count,
			  loff_t *ppos)
{
	struct iov_iter to;

	iov_iter_ubuf(&to, ITER_DEST, buf, count);
	return kchan_do_read(file, &to, file->f_flags & O_NONBLOCK);
}

static ssize_t kchan_write(struct file *file, const char __user *buf,
			   size_t count, loff_t *ppos)
{
	struct iov_iter from;

	iov_iter_ubuf(&from, ITER_SOURCE, (void __user *)buf, count);
	return kchan_do_write(file, &from, file->f_flags & O_NONBLOCK);
}

static bool kchan_nonblock(const struct kiocb *iocb)
{
	return (iocb->ki_filp->f_flags & O_NONBLOCK) ||
	       (iocb->ki_flags & IOCB_NOWAIT);
}

static ssize_t kchan_read_iter(struct kiocb *iocb, struct iov_iter *to)
{
	return kchan_do_read(iocb->ki_filp, to, kchan_nonblock(iocb));
}

static ssize_t kchan_write_iter(struct kiocb *iocb, struct iov_iter *from)
{
	return kchan_do_write(iocb->ki_filp, from, kchan_nonblock(iocb));
}

static __poll_t kchan_poll(struct file *file, poll_table *pt)
{
	struct kchan *ch = file->private_data;

	/* First in the queue, then the look: see kchan_wake_pollers(). */
	poll_wait(file, &ch->pollers, pt);
	return kchan_readiness(ch, file->f_mode);
}

static bool kchan_both_ways(const struct file *file)
{
	return (file->f_mode & FMODE_READ) && (file->f_mode & FMODE_WRITE);
}

static long kchan_ioctl_setup(struct file *file, void __user *uarg,
			      size_t usize)
{
	struct kchan_setup setup;
	int ret;

	if (usize < KCHAN_SETUP_SIZE_V0)
		return -EINVAL;
	ret = copy_struct_from_user(&setup, sizeof(setup), uarg, usize);
	if (ret)
		return ret;
	if ((setup.flags & ~KCHAN_SETUP_MESSAGE) || setup.reserved)
		return -EINVAL;
	if (!kchan_both_ways(file))
		return -EBADF;
	return kchan_setup(file->private_data, setup.elem_size, setup.capacity,
			   setup.flags & KCHAN_SETUP_MESSAGE);
}

static long kchan_ioctl_resize(struct file *file, void __user *uarg,
			       size_t usize)
{
	struct kchan_resize resize;
	int ret;

	if (usize < KCHAN_RESIZE_SIZE_V0)
		return -EINVAL;
	ret = copy_struct_from_user(&resize, sizeof(resize), uarg, usize);
	if (ret)
		return ret;
	if (resize.flags)
		return -EINVAL;
	if (!kchan_both_ways(file))
		return -EBADF;
	return kchan_resize(file->private_data, resize.capacity);
}

static long kchan_ioctl_info(struct file *file, void __user *uarg,
			     size_t usize)
{
	struct kchan_info info;
	size_t size = min(usize, sizeof(info));

	if (usize < KCHAN_INFO_SIZE_V0)
		return -EINVAL;
	kchan_end_info(file, &info);
	/* A newer caller's fields that we do not know are zero. */
	if (copy_to_user(uarg, &info, size) ||
	    clear_user(uarg + size, usize - size))
		return -EFAULT;
	return 0;
}

static long kchan_ioctl_close(struct file *file)
{
	if (!(file->f_mode & FMODE_WRITE))
		return -EBADF;
	return kchan_close(file->private_data);
}

static long kchan_ioctl_end(struct file *file, void __user *uarg, size_t usize)
{
	struct kchan *ch = file->private_data;
	struct kchan_end end;
	fmode_t mode = 0;
	int flags = 0;
	int ret;

	if (usize < KCHAN_END_SIZE_V0)
		return -EINVAL;
	ret = copy_struct_from_user(&end, sizeof(end), uarg, usize);
	if (ret)
		return ret;
	if ((end.flags & ~KCHAN_END_FLAGS) || end.reserved)
		return -EINVAL;
	if (end.flags & KCHAN_END_SEND)
		mode |= FMODE_WRITE;
	if (end.flags & KCHAN_END_RECV)
		mode |= FMODE_READ;
	if (!mode)
		return -EINVAL;
	if (mode & ~file->f_mode)
		return -EBADF;
	if (end.flags & KCHAN_END_CLOEXEC)
		flags |= O_CLOEXEC;
	if (end.flags & KCHAN_END_NONBLOCK)
		flags |= O_NONBLOCK;
	ret = kchan_use(ch);
	if (ret)
		return ret;
	return kchan_end_fd(ch, mode, flags);
}

/* Not inline: it would cost the one that there is to be fast at a frame. */
static noinline long kchan_ioctl_any(struct file *file, unsigned int cmd,
				     void __user *uarg)
{
	size_t usize = _IOC_SIZE(cmd);

	if (cmd == KCHAN_IOC_CLOSE)
		return kchan_ioctl_close(file);

	switch (KCHAN_IOC_KIND(cmd)) {
	case KCHAN_IOC_KIND(KCHAN_IOC_SETUP):
		return kchan_ioctl_setup(file, uarg, usize);
	case KCHAN_IOC_KIND(KCHAN_IOC_RESIZE):
		return kchan_ioctl_resize(file, uarg, usize);
	case KCHAN_IOC_KIND(KCHAN_IOC_INFO):
		return kchan_ioctl_info(file, uarg, usize);
	case KCHAN_IOC_KIND(KCHAN_IOC_SELECT):
		return kchan_ioctl_select(uarg, usize);
	case KCHAN_IOC_KIND(KCHAN_IOC_END):
		return kchan_ioctl_end(file, uarg, usize);
	case KCHAN_IOC_KIND(KCHAN_IOC_ARM):
		return kchan_ioctl_arm(uarg, usize);
	default:
		return -ENOTTY;
	}
}

static long kchan_ioctl(struct file *file, unsigned int cmd, unsigned long arg)
{
	void __user *uarg = (void __user *)arg;

	if (likely(cmd == KCHAN_IOC_SELECT))
		return kchan_ioctl_select(uarg, sizeof(struct kchan_select));
	return kchan_ioctl_any(file, cmd, uarg);
}

#define KCHAN_FOPS_COMMON					\
	.owner		= THIS_MODULE,				\
	.read		= kchan_read,				\
	.write		= kchan_write,				\
	.read_iter	= kchan_read_iter,			\
	.write_iter	= kchan_write_iter,			\
	.poll		= kchan_poll,				\
	.unlocked_ioctl	= kchan_ioctl,				\
	.compat_ioctl	= compat_ptr_ioctl,			\
	.show_fdinfo	= kchan_show_fdinfo

/* Of a channel's first end, which open of the device makes. */
const struct file_operations kchan_fops = {
	KCHAN_FOPS_COMMON,
	.open		= kchan_open,
	.release	= kchan_release,
};

/* Of the others. */
const struct file_operations kchan_end_fops = {
	KCHAN_FOPS_COMMON,
	.open		= kchan_end_open,
	.release	= kchan_end_release,
};
