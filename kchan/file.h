/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef _KCHAN_FILE_H
#define _KCHAN_FILE_H

#include <linux/poll.h>

#include "kchan.h"

/* file.c: what all kinds of ends do. */
void kchan_file_init(struct inode *inode, struct file *file, struct kchan *ch);
int kchan_file_open(struct inode *inode, struct file *file, struct kchan *ch,
		    fmode_t allowed);
int kchan_file_release(struct inode *inode, struct file *file);
ssize_t kchan_file_read(struct file *file, char __user *buf, size_t count,
			loff_t *ppos);
ssize_t kchan_file_write(struct file *file, const char __user *buf, size_t count,
			 loff_t *ppos);
ssize_t kchan_file_read_iter(struct kiocb *iocb, struct iov_iter *to);
ssize_t kchan_file_write_iter(struct kiocb *iocb, struct iov_iter *from);
__poll_t kchan_file_poll(struct file *file, poll_table *pt);
long kchan_file_ioctl(struct file *file, unsigned int cmd, unsigned long arg);

#define KCHAN_FOPS_COMMON					\
	.owner		= THIS_MODULE,				\
	.read		= kchan_file_read,			\
	.write		= kchan_file_write,			\
	.read_iter	= kchan_file_read_iter,			\
	.write_iter	= kchan_file_write_iter,		\
	.poll		= kchan_file_poll,			\
	.unlocked_ioctl	= kchan_file_ioctl,			\
	.compat_ioctl	= compat_ptr_ioctl,			\
	.show_fdinfo	= kchan_show_fdinfo

/* fs.c: the filesystem, and further ends of a channel. */
const struct path *kchan_fs_name(const struct file *file);
int kchan_fs_end(const struct file *from, fmode_t mode, int flags);
int kchan_fs_init(void);
void kchan_fs_allow(void);
void kchan_fs_abort(void);
void kchan_fs_exit(void);

#endif /* _KCHAN_FILE_H */
