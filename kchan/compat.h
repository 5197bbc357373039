/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef _KCHAN_COMPAT_H
#define _KCHAN_COMPAT_H

/* All differences between kernel versions are here, and nothing else. */
#include <linux/cacheinfo.h>
#include <linux/dcache.h>
#include <linux/file.h>
#include <linux/fs.h>
#include <linux/hrtimer.h>
#include <linux/mm.h>
#include <linux/mount.h>
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
#ifdef KCHAN_HAVE_INODE_INIT_TS
static inline void kchan_inode_changed(struct inode *inode)
{
	inode_set_mtime_to_ts(inode, inode_set_ctime_current(inode));
}
#else
static inline void kchan_inode_changed(struct inode *inode)
{
	inode->i_mtime = current_time(inode);
	inode->i_ctime = inode->i_mtime;
}

static inline void simple_inode_init_ts(struct inode *inode)
{
	kchan_inode_changed(inode);
	inode->i_atime = inode->i_mtime;
}
#endif

/* Linux 6.3 gave the ids that a mount maps a type of their own. */
#ifdef KCHAN_HAVE_IDMAP
static inline struct mnt_idmap *kchan_idmap(const struct vfsmount *mnt)
{
	return mnt_idmap(mnt);
}
#else
#define mnt_idmap	user_namespace
#define nop_mnt_idmap	init_user_ns
static inline struct user_namespace *kchan_idmap(const struct vfsmount *mnt)
{
	return mnt_user_ns(mnt);
}
#endif

/* Linux 6.15 made mkdir return a dentry. */
#ifdef KCHAN_MKDIR_IS_DENTRY
#define KCHAN_MKDIR_TYPE	struct dentry *
#define kchan_mkdir_result(err)	ERR_PTR(err)
#else
#define KCHAN_MKDIR_TYPE	int
#define kchan_mkdir_result(err)	(err)
#endif

/*
 * Newer kernels know which dentries stay without users. Before, such a dentry had a
 * reference of its own, which kill_litter_super() drops.
 */
#ifdef KCHAN_HAVE_PERSISTENT_DENTRY
#define kill_litter_super	kill_anon_super
#else
static inline void d_make_persistent(struct dentry *dentry, struct inode *inode)
{
	d_instantiate(dentry, inode);
	dget(dentry);
}
#endif

/*
 * Newer kernels do not tell those who watch (fsnotify) of files without a path, unless
 * the file's owner wants that. A FIFO has no permission events.
 */
#ifdef KCHAN_HAVE_NOTIFY_MODE
static inline void kchan_notify_as_fifo(struct file *file)
{
	file_set_fsnotify_mode(file, FMODE_NONOTIFY_PERM);
}
#else
static inline void kchan_notify_as_fifo(struct file *file) { }
#endif

/* Linux 6.3 made the flags of a mapping private. */
#ifndef KCHAN_HAVE_VM_FLAGS_SET
static inline void vm_flags_set(struct vm_area_struct *vma, vm_flags_t flags)
{
	vma->vm_flags |= flags;
}
#endif

/* Linux 6.13 sets the function of a timer when it makes the timer. */
#ifndef KCHAN_HAVE_HRTIMER_SETUP
static inline void hrtimer_setup(struct hrtimer *timer,
				 enum hrtimer_restart (*function)(struct hrtimer *),
				 clockid_t clock, enum hrtimer_mode mode)
{
	hrtimer_init(timer, clock, mode);
	timer->function = function;
}
#endif

/* Linux 6.9 tells which machines cannot use one page at two addresses. */
#ifndef cpu_dcache_is_aliasing
#define cpu_dcache_is_aliasing()				\
	(IS_ENABLED(CONFIG_MIPS) || IS_ENABLED(CONFIG_PARISC) ||	\
	 IS_ENABLED(CONFIG_SPARC64))
#endif

#endif /* _KCHAN_COMPAT_H */
