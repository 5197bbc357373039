// SPDX-License-Identifier: GPL-2.0-only
/*
 * The filesystem type, and further ends of a channel.
 *
 * The type has two kinds of mounts. Those of users have names of channels: see mount.c
 * and name.c. The one that the module makes for itself has the inodes of ends.
 *
 * An end that KCHAN_IOC_END makes has an inode of its own there, of the type FIFO. So it
 * can be opened through /proc, and a program that looks at the file type treats it as
 * a pipe. The inode holds a reference on the channel, but is no end. The ends are
 * files: the one that the inode was made for, and each file that is opened on it. If
 * the channel has a name, such an inode also holds the name's path. So the name's owner
 * is known, and the user's mount stays busy for as long as it has open ends.
 *
 * The internal mount lasts from load to unload. A mount holds a reference on the
 * module, and with it the module could never be unloaded. So that reference is
 * dropped after the mount, and taken again before the unmount. Each open file has a
 * reference of its own.
 */
#include <linux/cred.h>
#include <linux/dcache.h>
#include <linux/delay.h>
#include <linux/err.h>
#include <linux/file.h>
#include <linux/fs.h>
#include <linux/fs_context.h>
#include <linux/module.h>
#include <linux/mount.h>
#include <linux/path.h>
#include <linux/pseudo_fs.h>
#include <linux/slab.h>
#include <linux/stat.h>
#include <linux/string.h>

#include "compat.h"
#include "file.h"
#include "name.h"

/**
 * struct kchan_origin - what an inode leads to
 * @ch: the channel; holds a reference
 * @mode: the directions that an end opened here may have at the most. Not the
 *	inode's mode, which its owner may change.
 * @name: the name that the end came from; holds a reference. Empty if there is none.
 */
struct kchan_origin {
	struct kchan *ch;
	fmode_t mode;
	struct path name;
};

static struct vfsmount *kchan_mnt;

/* The module is loaded whole. Only then users may mount. */
static bool kchan_fs_open_to_users;

static void kchan_fs_evict(struct inode *inode)
{
	struct kchan_origin *origin = inode->i_private;

	clear_inode(inode);
	/*
	 * The root inode has none. An inode that was not completed has none either.
	 */
	if (!origin)
		return;
	kchan_put(origin->ch);
	path_put(&origin->name);
	kfree(origin);
}

static const struct super_operations kchan_fs_ops = {
	.statfs		= simple_statfs,
	.evict_inode	= kchan_fs_evict,
};

static char *kchan_fs_dname(struct dentry *dentry, char *buffer, int buflen)
{
	const struct kchan_origin *origin = d_inode(dentry)->i_private;
	char name[32];
	int size;

	size = scnprintf(name, sizeof(name), "kchan:[%llu]", origin->ch->id) + 1;
	if (size > buflen)
		return ERR_PTR(-ENAMETOOLONG);
	return memcpy(buffer + buflen - size, name, size);
}

static const struct dentry_operations kchan_fs_dentry_ops = {
	.d_dname	= kchan_fs_dname,
};

static int kchan_fs_init_context(struct fs_context *fc)
{
	struct pseudo_fs_context *ctx;

	if (!(fc->sb_flags & SB_KERNMOUNT)) {
		/* Pairs with the store-release in kchan_fs_allow(). */
		if (!smp_load_acquire(&kchan_fs_open_to_users))
			return -ENODEV;
		return kchan_mount_init_context(fc);
	}
	ctx = init_pseudo(fc, KCHAN_SUPER_MAGIC);
	if (!ctx)
		return -ENOMEM;
	ctx->ops = &kchan_fs_ops;
	ctx->dops = &kchan_fs_dentry_ops;
	return 0;
}

static struct file_system_type kchan_fs_type = {
	.owner			= THIS_MODULE,
	.name			= "kchan",
	.fs_flags		= FS_USERNS_MOUNT,
	.init_fs_context	= kchan_fs_init_context,
	.parameters		= kchan_mount_parameters,
	.kill_sb		= kchan_mount_kill,
};
MODULE_ALIAS_FS("kchan");

/* Opens an end's inode, through /proc: the file becomes another end. */
static int kchan_fs_open(struct inode *inode, struct file *file)
{
	const struct kchan_origin *origin = inode->i_private;

	return kchan_file_open(inode, file, origin->ch, origin->mode);
}

static const struct file_operations kchan_fs_fops = {
	KCHAN_FOPS_COMMON,
	.open		= kchan_fs_open,
	.release	= kchan_file_release,
};

/**
 * kchan_fs_name() - the name that an end came from
 * @file: the end's file
 *
 * Return: the path of the name, which lasts as long as the file; NULL if there is none.
 */
const struct path *kchan_fs_name(const struct file *file)
{
	const struct kchan_origin *origin;

	if (file->f_op == &kchan_name_fops)
		return &file->f_path;
	if (file->f_op != &kchan_fs_fops)
		return NULL;
	origin = file_inode(file)->i_private;
	return origin->name.dentry ? &origin->name : NULL;
}

static struct inode *kchan_fs_inode(const struct file *from, fmode_t mode)
{
	const struct path *name = kchan_fs_name(from);
	struct kchan *ch = from->private_data;
	struct kchan_origin *origin;
	struct inode *inode;

	origin = kzalloc(sizeof(*origin), GFP_KERNEL_ACCOUNT);
	if (!origin)
		return ERR_PTR(-ENOMEM);
	inode = new_inode(kchan_mnt->mnt_sb);
	if (!inode) {
		kfree(origin);
		return ERR_PTR(-ENOMEM);
	}

	kref_get(&ch->ref);
	origin->ch = ch;
	origin->mode = mode;
	if (name) {
		origin->name = *name;
		path_get(&origin->name);
	}
	inode->i_private = origin;
	inode->i_ino = get_next_ino();
	inode->i_mode = S_IFIFO;
	if (mode & FMODE_READ)
		inode->i_mode |= 0400;
	if (mode & FMODE_WRITE)
		inode->i_mode |= 0200;
	inode->i_uid = current_fsuid();
	inode->i_gid = current_fsgid();
	inode->i_fop = &kchan_fs_fops;
	simple_inode_init_ts(inode);
	return inode;
}

/* Makes a file that is a new end, with no direction that the end @from lacks. */
static struct file *kchan_fs_file(const struct file *from, fmode_t mode, int flags)
{
	struct kchan *ch = from->private_data;
	struct inode *inode;
	struct file *file;

	inode = kchan_fs_inode(from, mode);
	if (IS_ERR(inode))
		return ERR_CAST(inode);
	/* The reference of the file. It is dropped with the file. */
	__module_get(THIS_MODULE);
	file = alloc_file_pseudo(inode, kchan_mnt, "", flags, &kchan_fs_fops);
	if (IS_ERR(file)) {
		module_put(THIS_MODULE);
		iput(inode);
		return file;
	}

	kref_get(&ch->ref);
	kchan_end_get(ch, mode);
	kchan_file_init(inode, file, ch);
	kchan_notify_as_fifo(file);
	return file;
}

/**
 * kchan_fs_end() - make another end
 * @from: the caller's end; its channel is in use
 * @mode: FMODE_READ, FMODE_WRITE or both: the caller's end has them
 * @flags: O_CLOEXEC, O_NONBLOCK
 *
 * Return: its fd, in the current task; -EMFILE, -ENFILE, -ENOMEM.
 */
int kchan_fs_end(const struct file *from, fmode_t mode, int flags)
{
	struct file *file;
	int fd;

	if (mode == FMODE_READ)
		flags |= O_RDONLY;
	else if (mode == FMODE_WRITE)
		flags |= O_WRONLY;
	else
		flags |= O_RDWR;

	fd = get_unused_fd_flags(flags & O_CLOEXEC);
	if (fd < 0)
		return fd;
	file = kchan_fs_file(from, mode, flags & ~O_CLOEXEC);
	if (IS_ERR(file)) {
		put_unused_fd(fd);
		return PTR_ERR(file);
	}
	fd_install(fd, file);
	return fd;
}

/**
 * kchan_fs_init() - register the filesystem, and make the internal mount
 *
 * Users cannot mount it yet: see kchan_fs_allow().
 *
 * Return: 0, or the error.
 */
int kchan_fs_init(void)
{
	int ret;

	ret = register_filesystem(&kchan_fs_type);
	if (ret)
		return ret;
	kchan_mnt = kern_mount(&kchan_fs_type);
	if (IS_ERR(kchan_mnt)) {
		unregister_filesystem(&kchan_fs_type);
		return PTR_ERR(kchan_mnt);
	}
	/* Drop the superblock's reference: see above. */
	module_put(THIS_MODULE);
	return 0;
}

/**
 * kchan_fs_allow() - let users mount it
 *
 * The module is loaded, and cannot fail to load any more. A mount that succeeded before
 * would be left without its code.
 */
void kchan_fs_allow(void)
{
	/* Pairs with the load-acquire in kchan_fs_init_context(). */
	smp_store_release(&kchan_fs_open_to_users, true);
}

/**
 * kchan_fs_abort() - take the filesystem away, if the module fails to load
 *
 * Nobody has a mount, and nobody had an end yet. So the internal unmount is done when
 * this returns.
 */
void kchan_fs_abort(void)
{
	unregister_filesystem(&kchan_fs_type);
	__module_get(THIS_MODULE);
	kern_unmount(kchan_mnt);
}

/**
 * kchan_fs_exit() - take the filesystem away
 *
 * No user has a mount, and no end is open, because each of them holds the module. But
 * the last end may still be inside fput(), which drops the module before the inode. Its
 * reference on the mount keeps the superblock. The superblock drops its reference on
 * the module when all inodes are gone. The count of a module that is being unloaded
 * starts at -1.
 */
void kchan_fs_exit(void)
{
	kchan_fs_abort();
#ifdef CONFIG_MODULE_UNLOAD
	while (module_refcount(THIS_MODULE) >= 0)
		msleep(20);
#endif
	rcu_barrier();
}
