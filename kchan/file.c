// SPDX-License-Identifier: GPL-2.0-only
/*
 * Ends as files: what read, write, poll and ioctl do to one.
 */
#include <linux/err.h>
#include <linux/minmax.h>
#include <linux/poll.h>
#include <linux/uaccess.h>

#include <asm/ioctls.h>

#include "armed.h"
#include "compat.h"
#include "file.h"
#include "map.h"
#include "peek.h"
#include "select.h"

/* The sizes of the structures' first published forms. */
#define KCHAN_SETUP_SIZE_V0	16
#define KCHAN_RESIZE_SIZE_V0	8
#define KCHAN_INFO_SIZE_V0	96
#define KCHAN_END_SIZE_V0	8
static_assert(sizeof(struct kchan_setup) == KCHAN_SETUP_SIZE_V0);
static_assert(sizeof(struct kchan_resize) == KCHAN_RESIZE_SIZE_V0);
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

/**
 * kchan_file_open() - make a file that is being opened another end
 * @inode: its inode
 * @file: the file
 * @ch: the channel; the inode holds a reference
 * @allowed: the directions that the end may have at the most
 *
 * Return: 0; -EINVAL for no direction, -EACCES for more than is allowed, -ENXIO when a
 * direction has no end left.
 */
int kchan_file_open(struct inode *inode, struct file *file, struct kchan *ch,
		    fmode_t allowed)
{
	const fmode_t mode = file->f_mode & (FMODE_READ | FMODE_WRITE);
	int ret;

	if (!mode)
		return -EINVAL;
	if (mode & ~allowed)
		return -EACCES;
	ret = kchan_end_get_live(ch, mode);
	if (ret)
		return ret;
	kref_get(&ch->ref);
	kchan_file_init(inode, file, ch);
	return 0;
}

/**
 * kchan_file_release() - the last reference on an end's file has gone
 * @inode: its inode
 * @file: the file
 *
 * Return: 0.
 */
int kchan_file_release(struct inode *inode, struct file *file)
{
	struct kchan *ch = file->private_data;

	kchan_end_put(ch, file->f_mode);
	kchan_put(ch);
	return 0;
}

/*
 * Makes the buffer at the first use. A call that may not sleep does not make it, and
 * fails with -EAGAIN. Poll makes it: so a caller that polls before it tries again
 * finds the buffer there.
 */
static int kchan_file_use(struct kchan *ch, bool nowait)
{
	/* Pairs with the store-release in kchan_fix(). */
	if (likely(smp_load_acquire(&ch->ready)))
		return 0;
	return kchan_fix(ch, nowait);
}

static ssize_t kchan_do_read(struct file *file, struct iov_iter *to, bool nowait)
{
	const struct kchan_wait wait = {
		.nonblock = nowait || (file->f_flags & O_NONBLOCK),
	};
	struct kchan *ch = file->private_data;
	const size_t count = iov_iter_count(to);
	ssize_t ret;

	if (unlikely(!count))
		return 0;
	ret = kchan_file_use(ch, nowait);
	if (unlikely(ret))
		return ret;
	/* In message mode, kchan_recv() checks the length of the message. */
	if (!ch->message && (!ch->elem_size || count < ch->elem_size))
		return -EINVAL;
	ret = kchan_recv(ch, to, &wait);
	return ret == -EPIPE ? 0 : ret;
}

/*
 * Checks the length of a write. The VFS cuts a longer write off at MAX_RW_COUNT. The
 * caller has made no mistake then, and will write the rest later.
 */
static int kchan_check_write(const struct kchan *ch, struct iov_iter *from)
{
	const size_t count = iov_iter_count(from);
	u32 rest;

	if (ch->message) {
		if (!count)
			return -EINVAL;
		return count <= ch->elem_size ? 0 : -EMSGSIZE;
	}
	if (!ch->elem_size)
		return count ? -EINVAL : 0;
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

static ssize_t kchan_do_write(struct file *file, struct iov_iter *from, bool nowait)
{
	const struct kchan_wait wait = {
		.nonblock = nowait || (file->f_flags & O_NONBLOCK),
	};
	struct kchan *ch = file->private_data;
	ssize_t ret;

	ret = kchan_file_use(ch, nowait);
	if (unlikely(ret))
		return ret;
	ret = kchan_check_write(ch, from);
	if (unlikely(ret || !iov_iter_count(from)))
		return ret;
	return kchan_send(ch, from, &wait);
}

/*
 * read and write have entries of their own beside the iter forms, as those of
 * /dev/null have. They avoid the kiocb, of which only one flag would be used. This
 * saves 115 of the 1958 instructions of a send and a receive (6 %).
 *
 * One element that need not wait is nearly all that they move, and comes first.
 */

static noinline ssize_t kchan_read_buf(struct file *file, char __user *buf, size_t count)
{
	struct iov_iter to;

	iov_iter_ubuf(&to, ITER_DEST, buf, count);
	return kchan_do_read(file, &to, false);
}

static noinline ssize_t kchan_write_buf(struct file *file, const char __user *buf,
					size_t count)
{
	struct iov_iter from;

	iov_iter_ubuf(&from, ITER_SOURCE, (void __user *)buf, count);
	return kchan_do_write(file, &from, false);
}

/**
 * kchan_file_read() - receive elements
 * @file: the end
 * @buf: where to
 * @count: bytes of room
 * @ppos: ignored
 *
 * Return: the bytes; 0 at the end of the stream; or an error.
 */
ssize_t kchan_file_read(struct file *file, char __user *buf, size_t count,
			loff_t *ppos)
{
	struct kchan *ch = file->private_data;
	u32 len = 0;

	if (kchan_is_copied(ch) && (count == ch->elem_size || (ch->message && count)))
		len = kchan_take_user(ch, buf, count);
	return likely(len) ? len : kchan_read_buf(file, buf, count);
}

/**
 * kchan_file_write() - send elements
 * @file: the end
 * @buf: the elements
 * @count: bytes in them
 * @ppos: ignored
 *
 * Return: the bytes, or an error.
 */
ssize_t kchan_file_write(struct file *file, const char __user *buf, size_t count,
			 loff_t *ppos)
{
	struct kchan *ch = file->private_data;

	if (kchan_is_copied(ch) &&
	    (count == ch->elem_size || (ch->message && count && count < ch->elem_size)) &&
	    kchan_give_user(ch, buf, count))
		return count;
	return kchan_write_buf(file, buf, count);
}

/**
 * kchan_file_read_iter() - receive elements
 * @iocb: the end, and whether the call may sleep
 * @to: where to
 *
 * Return: as kchan_file_read().
 */
ssize_t kchan_file_read_iter(struct kiocb *iocb, struct iov_iter *to)
{
	return kchan_do_read(iocb->ki_filp, to, iocb->ki_flags & IOCB_NOWAIT);
}

/**
 * kchan_file_write_iter() - send elements
 * @iocb: the end, and whether the call may sleep
 * @from: the elements
 *
 * Return: as kchan_file_write().
 */
ssize_t kchan_file_write_iter(struct kiocb *iocb, struct iov_iter *from)
{
	return kchan_do_write(iocb->ki_filp, from, iocb->ki_flags & IOCB_NOWAIT);
}

/*
 * Notes what somebody asks for. It stays noted, because nobody tells when an epoll asks
 * for less. An epoll that asks for more polls again, but does not enter the queue again.
 * So this is done at each poll, and not at the entry into a queue.
 */
static void kchan_note_poll(struct kchan *ch, __poll_t events)
{
	if ((events & (EPOLLIN | EPOLLRDNORM)) && !READ_ONCE(ch->asked_in))
		WRITE_ONCE(ch->asked_in, true);
	if ((events & (EPOLLOUT | EPOLLWRNORM)) && !READ_ONCE(ch->asked_out))
		WRITE_ONCE(ch->asked_out, true);
}

/**
 * kchan_file_poll() - tell what would not block
 * @file: the end
 * @pt: the poll table
 *
 * A poll enters the queues of the end's own directions. It is the first use of a
 * channel that was not used yet. If the buffer cannot be made, the read or write that
 * follows reports this.
 *
 * Return: the events.
 */
__poll_t kchan_file_poll(struct file *file, poll_table *pt)
{
	struct kchan *ch = file->private_data;

	kchan_use(ch);
	/* In this order: see kchan_polled_in(). */
	kchan_note_poll(ch, poll_requested_events(pt));
	if (file->f_mode & FMODE_READ)
		poll_wait(file, &ch->rd_wait, pt);
	if (file->f_mode & FMODE_WRITE)
		poll_wait(file, &ch->wr_wait, pt);
	return kchan_readiness(ch, file->f_mode);
}

#define KCHAN_SETUP_FLAGS	(KCHAN_SETUP_MESSAGE | KCHAN_SETUP_NO_SEND_HOLD)
#define KCHAN_END_FLAGS	(KCHAN_END_SEND | KCHAN_END_RECV | \
			 KCHAN_END_CLOEXEC | KCHAN_END_NONBLOCK)

/*
 * Whether the caller may set up, resize and close the end's channel, and look at what is
 * queued. If the channel has a name, only the name's owner may: anybody else who sends
 * would end the queue for all.
 */
static bool kchan_may_manage(const struct file *file)
{
	const struct path *name = kchan_fs_name(file);

	return !name || inode_owner_or_capable(kchan_idmap(name->mnt),
					       d_inode(name->dentry));
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
	if ((setup.flags & ~KCHAN_SETUP_FLAGS) || setup.reserved)
		return -EINVAL;
	if (!kchan_both_ways(file))
		return -EBADF;
	if (!kchan_may_manage(file))
		return -EPERM;
	return kchan_setup(file->private_data, setup.elem_size, setup.capacity,
			   setup.flags);
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
	if (!kchan_may_manage(file))
		return -EPERM;
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
	if (!kchan_may_manage(file))
		return -EPERM;
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
	return kchan_fs_end(file, mode, flags);
}

static long kchan_ioctl_next_len(struct file *file, int __user *uarg)
{
	int ret;

	if (!(file->f_mode & FMODE_READ))
		return -EBADF;
	ret = kchan_use(file->private_data);
	if (ret)
		return ret;
	return put_user(kchan_next_len(file->private_data), uarg);
}

static long kchan_ioctl_look(struct file *file, void __user *uarg, size_t usize)
{
	if (!(file->f_mode & FMODE_READ))
		return -EBADF;
	if (!kchan_may_manage(file))
		return -EPERM;
	return kchan_ioctl_peek(file->private_data, uarg, usize);
}

/**
 * kchan_file_ioctl() - the ioctls of an end
 * @file: the end
 * @cmd: the ioctl, with the size of the caller's structure
 * @arg: the structure
 *
 * Return: see the uapi header.
 */
long kchan_file_ioctl(struct file *file, unsigned int cmd, unsigned long arg)
{
	void __user *uarg = (void __user *)arg;
	size_t usize = _IOC_SIZE(cmd);

	if (likely(cmd == KCHAN_IOC_SELECT))
		return kchan_ioctl_select(uarg, usize);
	if (cmd == KCHAN_IOC_CLOSE)
		return kchan_ioctl_close(file);
	if (cmd == KCHAN_IOC_KICK) {
		kchan_kick(file->private_data);
		return 0;
	}
	if (cmd == FIONREAD)
		return kchan_ioctl_next_len(file, uarg);

	switch (KCHAN_IOC_KIND(cmd)) {
	case KCHAN_IOC_KIND(KCHAN_IOC_SELECT):
		return kchan_ioctl_select(uarg, usize);
	case KCHAN_IOC_KIND(KCHAN_IOC_SETUP):
		return kchan_ioctl_setup(file, uarg, usize);
	case KCHAN_IOC_KIND(KCHAN_IOC_RESIZE):
		return kchan_ioctl_resize(file, uarg, usize);
	case KCHAN_IOC_KIND(KCHAN_IOC_INFO):
		return kchan_ioctl_info(file, uarg, usize);
	case KCHAN_IOC_KIND(KCHAN_IOC_END):
		return kchan_ioctl_end(file, uarg, usize);
	case KCHAN_IOC_KIND(KCHAN_IOC_ARM):
		return kchan_ioctl_arm(uarg, usize);
	case KCHAN_IOC_KIND(KCHAN_IOC_PEEK):
		return kchan_ioctl_look(file, uarg, usize);
	case KCHAN_IOC_KIND(KCHAN_IOC_MAP):
		return kchan_ioctl_map(file->private_data, uarg, usize);
	default:
		return -ENOTTY;
	}
}
