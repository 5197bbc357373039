/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef _KCHAN_COMPAT_H
#define _KCHAN_COMPAT_H

/* All differences between kernel versions are here, and nothing else. */
#include <linux/file.h>
#include <linux/fs.h>
#include <linux/random.h>
#include <linux/uio.h>

/* Linux 6.2 named the directions of an iov_iter, and added get_random_u32_below(). */
#ifndef ITER_SOURCE
#define ITER_SOURCE	WRITE
#define ITER_DEST	READ
#define get_random_u32_below(ceil)	prandom_u32_max(ceil)
#endif

/*
 * Linux 6.9 added this. It stops the compiler from clearing a variable for nothing.
 */
#ifndef __uninitialized
#define __uninitialized
#endif

/* Linux 6.12 made the members of struct fd private. */
#ifndef fd_file
#define fd_file(f)	((f).file)
#endif

/* Linux 6.7 made the times of an inode private. */
#ifndef KCHAN_HAVE_INODE_INIT_TS
static inline void simple_inode_init_ts(struct inode *inode)
{
	inode->i_mtime = current_time(inode);
	inode->i_atime = inode->i_mtime;
	inode->i_ctime = inode->i_mtime;
}
#endif

#endif /* _KCHAN_COMPAT_H */
