/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef _KCHAN_COMPAT_H
#define _KCHAN_COMPAT_H

/* All differences between kernel versions are here, and nothing else. */
#include <linux/cacheinfo.h>
#include <linux/file.h>
#include <linux/fs.h>
#include <linux/mm.h>
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

/* Linux 6.3 made the flags of a mapping private. */
#ifndef KCHAN_HAVE_VM_FLAGS_SET
static inline void vm_flags_set(struct vm_area_struct *vma, vm_flags_t flags)
{
	vma->vm_flags |= flags;
}
#endif

/* Linux 6.9 tells which machines cannot use one page at two addresses. */
#ifndef cpu_dcache_is_aliasing
#define cpu_dcache_is_aliasing()				\
	(IS_ENABLED(CONFIG_MIPS) || IS_ENABLED(CONFIG_PARISC) ||	\
	 IS_ENABLED(CONFIG_SPARC64))
#endif

#endif /* _KCHAN_COMPAT_H */
