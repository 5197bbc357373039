/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef _KCHAN_COMPAT_H
#define _KCHAN_COMPAT_H

/*
 * Every difference between kernel versions, and nothing else.
 */
#include <linux/file.h>
#include <linux/fs.h>
#include <linux/random.h>
#include <linux/uio.h>

/* 6.2 gave the directions of an iov_iter names of their own, and this a new one. */
#ifndef ITER_SOURCE
#define ITER_SOURCE	WRITE
#define ITER_DEST	READ
#define get_random_u32_below(ceil)	prandom_u32_max(ceil)
#endif

/* 6.9 brought this, for what the compiler would otherwise clear for nothing. */
#ifndef __uninitialized
#define __uninitialized
#endif

/* 6.12 hid what is in a struct fd. */
#ifndef fd_file
#define fd_file(f)	((f).file)
#endif

/* 6.7 took the times of an inode out of direct reach. */
#ifndef KCHAN_HAVE_INODE_INIT_TS
static inline void simple_inode_init_ts(struct inode *inode)
{
	inode->i_mtime = current_time(inode);
	inode->i_atime = inode->i_mtime;
	inode->i_ctime = inode->i_mtime;
}
#endif

#endif /* _KCHAN_COMPAT_H */
