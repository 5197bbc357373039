// SPDX-License-Identifier: GPL-2.0-only
/*
 * Names: the files and directories of a mount.
 *
 * A name is a FIFO to all who look at it, with file operations of ours. It is made by
 * mkfifo, and the channel with it. Nothing else makes a file here: a mistyped
 * open(O_CREAT) must not become a queue that swallows what is sent to it. To open a
 * name makes an end of its channel.
 *
 * The name itself counts as an end that receives, and as one that sends, so that a
 * queue outlives its users: see kchan_hold(). It stops to count when it goes: by
 * unlink, by a rename to it, or with its mount. The inode, and with it the channel,
 * stays while an end is open.
 *
 * Links are refused: so a name that goes is the only one of its inode.
 *
 * Who makes a name or a directory is charged for it: %KCHAN_INODE_BYTES for the inode,
 * and the channel as if it were opened from the device. So its buffer is charged to the
 * name's maker, whoever uses it.
 */
#include <linux/dcache.h>
#include <linux/err.h>
#include <linux/fs.h>
#include <linux/slab.h>
#include <linux/stat.h>

#include "compat.h"
#include "file.h"
#include "name.h"

/**
 * struct kchan_node - what belongs to an inode
 * @charge: the charge of the inode
 * @ch: the channel; holds a reference. NULL for a directory.
 */
struct kchan_node {
	struct kchan_charge charge;
	struct kchan *ch;
};

static const struct inode_operations kchan_dir_ops;

static int kchan_name_open(struct inode *inode, struct file *file)
{
	const struct kchan_node *node = inode->i_private;

	return kchan_file_open(inode, file, node->ch, FMODE_READ | FMODE_WRITE);
}

const struct file_operations kchan_name_fops = {
	KCHAN_FOPS_COMMON,
	.open		= kchan_name_open,
	.release	= kchan_file_release,
};

static int kchan_count_inode(struct kchan_mount *mount)
{
	int ret = 0;

	spin_lock(&mount->lock);
	if (mount->max_inodes && mount->inodes >= mount->max_inodes)
		ret = -ENOSPC;
	else
		mount->inodes++;
	spin_unlock(&mount->lock);
	return ret;
}

static void kchan_uncount_inode(struct kchan_mount *mount)
{
	spin_lock(&mount->lock);
	mount->inodes--;
	spin_unlock(&mount->lock);
}

/* Makes the channel of a name. */
static int kchan_name_channel(struct inode *inode, struct kchan_node *node)
{
	struct kchan_mount *mount = inode->i_sb->s_fs_info;
	struct kchan_geometry geometry;
	struct kchan *ch;

	/* A channel with a name is never mapped: many processes use it. */
	ch = kchan_alloc(NULL);
	if (IS_ERR(ch))
		return PTR_ERR(ch);
	spin_lock(&mount->lock);
	geometry = mount->geometry;
	spin_unlock(&mount->lock);
	kchan_name(ch, &geometry, inode->i_sb->s_dev, inode->i_ino);
	node->ch = ch;
	return 0;
}

/* Fills in a new inode. If it fails, kchan_name_evict() undoes what was done. */
static int kchan_name_fill(struct mnt_idmap *idmap, struct inode *inode,
			   const struct inode *dir, umode_t mode)
{
	struct kchan_node *node;
	int ret;

	node = kzalloc(sizeof(*node), GFP_KERNEL_ACCOUNT);
	if (!node)
		return -ENOMEM;
	inode->i_private = node;
	ret = kchan_charge(&node->charge, KCHAN_INODE_BYTES);
	if (ret)
		return ret;
	inode->i_ino = get_next_ino();
	inode_init_owner(idmap, inode, dir, mode);
	simple_inode_init_ts(inode);
	if (S_ISDIR(mode)) {
		inode->i_op = &kchan_dir_ops;
		inode->i_fop = &simple_dir_operations;
		/* Its own entry "." is the second link. */
		inc_nlink(inode);
		return 0;
	}
	inode->i_fop = &kchan_name_fops;
	return kchan_name_channel(inode, node);
}

static struct inode *kchan_name_inode(struct super_block *sb, struct mnt_idmap *idmap,
				      const struct inode *dir, umode_t mode)
{
	struct kchan_mount *mount = sb->s_fs_info;
	struct inode *inode;
	int ret;

	ret = kchan_count_inode(mount);
	if (ret)
		return ERR_PTR(ret);
	inode = new_inode(sb);
	if (!inode) {
		kchan_uncount_inode(mount);
		return ERR_PTR(-ENOMEM);
	}
	ret = kchan_name_fill(idmap, inode, dir, mode);
	if (ret) {
		iput(inode);
		return ERR_PTR(ret);
	}
	return inode;
}

/**
 * kchan_name_root() - make the root directory of a mount
 * @sb: the mount's superblock
 * @mode: its mode
 *
 * Return: the inode; -EDQUOT or -ENOMEM as an error pointer.
 */
struct inode *kchan_name_root(struct super_block *sb, umode_t mode)
{
	return kchan_name_inode(sb, &nop_mnt_idmap, NULL, S_IFDIR | mode);
}

/* The name of a channel goes: what nobody else can receive is freed. */
static void kchan_name_end(const struct inode *inode)
{
	const struct kchan_node *node = inode->i_private;

	if (node->ch)
		kchan_unhold(node->ch);
}

/**
 * kchan_name_evict() - an inode goes
 * @inode: the inode; a new one may be filled in by half
 *
 * A name that is still there goes with its mount.
 *
 * Context: may sleep.
 */
void kchan_name_evict(struct inode *inode)
{
	struct kchan_node *node = inode->i_private;

	clear_inode(inode);
	kchan_uncount_inode(inode->i_sb->s_fs_info);
	if (!node)
		return;
	kchan_name_end(inode);
	if (node->ch)
		kchan_put(node->ch);
	kchan_free_charged(node, &node->charge);
}

static int kchan_name_add(struct mnt_idmap *idmap, struct inode *dir,
			  struct dentry *dentry, umode_t mode)
{
	struct inode *inode;

	inode = kchan_name_inode(dir->i_sb, idmap, dir, mode);
	if (IS_ERR(inode))
		return PTR_ERR(inode);
	if (S_ISDIR(mode))
		inc_nlink(dir);
	d_make_persistent(dentry, inode);
	kchan_inode_changed(dir);
	return 0;
}

static int kchan_name_mknod(struct mnt_idmap *idmap, struct inode *dir,
			    struct dentry *dentry, umode_t mode, dev_t dev)
{
	if (!S_ISFIFO(mode))
		return -EPERM;
	return kchan_name_add(idmap, dir, dentry, mode);
}

static KCHAN_MKDIR_TYPE kchan_name_mkdir(struct mnt_idmap *idmap, struct inode *dir,
					 struct dentry *dentry, umode_t mode)
{
	return kchan_mkdir_result(kchan_name_add(idmap, dir, dentry, S_IFDIR | mode));
}

static int kchan_name_unlink(struct inode *dir, struct dentry *dentry)
{
	/* The caller holds the inode. */
	struct inode *inode = d_inode(dentry);
	int ret;

	ret = simple_unlink(dir, dentry);
	if (!ret)
		kchan_name_end(inode);
	return ret;
}

static int kchan_name_rename(struct mnt_idmap *idmap, struct inode *old_dir,
			     struct dentry *old_dentry, struct inode *new_dir,
			     struct dentry *new_dentry, unsigned int flags)
{
	/* What is renamed over. The caller holds it. */
	struct inode *target = d_inode(new_dentry);
	int ret;

	ret = simple_rename(idmap, old_dir, old_dentry, new_dir, new_dentry, flags);
	if (!ret && target && !(flags & RENAME_EXCHANGE))
		kchan_name_end(target);
	return ret;
}

/* No create: see above. No link, no symlink. */
static const struct inode_operations kchan_dir_ops = {
	.lookup	= simple_lookup,
	.mknod	= kchan_name_mknod,
	.mkdir	= kchan_name_mkdir,
	.rmdir	= simple_rmdir,
	.unlink	= kchan_name_unlink,
	.rename	= kchan_name_rename,
};
