// SPDX-License-Identifier: GPL-2.0-only
/*
 * Mounts of names: options, limits, what statfs and /proc/mounts tell. Each mount is a
 * filesystem of its own. Its files are in name.c.
 *
 * Options, at the mount and at a remount:
 *
 * - elem_size, capacity, message or nomessage: what the channel of a new name is like,
 *   unless it is set up. At first these are as the module's parameters say.
 * - nr_inodes: the most names and directories, the root included (4096; 0: no limit)
 * - mode, uid, gid: of the root directory (1777, and those of who mounts). chmod and
 *   chown change them, too: the options tell what they are now.
 *
 * A remount changes what it names, and leaves the rest. What is made already stays as it
 * is.
 */
#include <linux/cred.h>
#include <linux/err.h>
#include <linux/fs.h>
#include <linux/fs_context.h>
#include <linux/fs_parser.h>
#include <linux/seq_file.h>
#include <linux/slab.h>
#include <linux/statfs.h>
#include <linux/uidgid.h>
#include <linux/user_namespace.h>

#include "compat.h"
#include "name.h"

#define KCHAN_MAX_INODES	4096
#define KCHAN_ROOT_MODE		01777

enum {
	OPT_ELEM_SIZE,
	OPT_CAPACITY,
	OPT_MESSAGE,
	OPT_NR_INODES,
	OPT_MODE,
	OPT_UID,
	OPT_GID,
};

#define OPTS_GEOMETRY	(BIT(OPT_ELEM_SIZE) | BIT(OPT_CAPACITY) | BIT(OPT_MESSAGE))

const struct fs_parameter_spec kchan_mount_parameters[] = {
	fsparam_u32("elem_size",	OPT_ELEM_SIZE),
	fsparam_u32("capacity",		OPT_CAPACITY),
	fsparam_flag_no("message",	OPT_MESSAGE),
	fsparam_u32("nr_inodes",	OPT_NR_INODES),
	fsparam_u32oct("mode",		OPT_MODE),
	fsparam_u32("uid",		OPT_UID),
	fsparam_u32("gid",		OPT_GID),
	{}
};

/**
 * struct kchan_options - the options of a mount or a remount
 * @given: which of them are given, by ``BIT(OPT_*)``
 * @geometry: elem_size, capacity, message
 * @max_inodes: nr_inodes
 * @mode: mode
 * @uid: uid
 * @gid: gid
 */
struct kchan_options {
	unsigned long given;
	struct kchan_geometry geometry;
	unsigned int max_inodes;
	umode_t mode;
	kuid_t uid;
	kgid_t gid;
};

static int kchan_option_uid(struct fs_context *fc, struct kchan_options *opts,
			    u32 value)
{
	opts->uid = make_kuid(current_user_ns(), value);
	/* The filesystem has to be able to tell it. */
	if (!uid_valid(opts->uid) || !kuid_has_mapping(fc->user_ns, opts->uid))
		return invalfc(fc, "unknown uid");
	return 0;
}

static int kchan_option_gid(struct fs_context *fc, struct kchan_options *opts,
			    u32 value)
{
	opts->gid = make_kgid(current_user_ns(), value);
	if (!gid_valid(opts->gid) || !kgid_has_mapping(fc->user_ns, opts->gid))
		return invalfc(fc, "unknown gid");
	return 0;
}

static int kchan_mount_parse(struct fs_context *fc, struct fs_parameter *param)
{
	struct kchan_options *opts = fc->fs_private;
	struct fs_parse_result result;
	int opt, ret = 0;

	opt = fs_parse(fc, kchan_mount_parameters, param, &result);
	if (opt < 0)
		return opt;
	switch (opt) {
	case OPT_ELEM_SIZE:
		opts->geometry.elem_size = result.uint_32;
		break;
	case OPT_CAPACITY:
		opts->geometry.capacity = result.uint_32;
		break;
	case OPT_MESSAGE:
		opts->geometry.message = !result.negated;
		break;
	case OPT_NR_INODES:
		opts->max_inodes = result.uint_32;
		break;
	case OPT_MODE:
		if (result.uint_32 & ~S_IALLUGO)
			return invalfc(fc, "bad mode");
		opts->mode = result.uint_32;
		break;
	case OPT_UID:
		ret = kchan_option_uid(fc, opts, result.uint_32);
		break;
	case OPT_GID:
		ret = kchan_option_gid(fc, opts, result.uint_32);
		break;
	}
	if (!ret)
		opts->given |= BIT(opt);
	return ret;
}

static bool kchan_given(const struct kchan_options *opts, int opt)
{
	return opts->given & BIT(opt);
}

/* Sets a mount's limits and defaults: all of them, or none. */
static int kchan_mount_set(struct fs_context *fc, struct kchan_mount *mount)
{
	const struct kchan_options *opts = fc->fs_private;
	/* Nobody else changes it: the caller has the superblock for itself. */
	struct kchan_geometry geometry = mount->geometry;
	bool fits;

	if (kchan_given(opts, OPT_ELEM_SIZE))
		geometry.elem_size = opts->geometry.elem_size;
	if (kchan_given(opts, OPT_CAPACITY))
		geometry.capacity = opts->geometry.capacity;
	if (kchan_given(opts, OPT_MESSAGE))
		geometry.message = opts->geometry.message;
	/* What the module's parameters say needs no leave. */
	if ((opts->given & OPTS_GEOMETRY) && kchan_check_geometry(&geometry))
		return invalfc(fc, "no channel may have such a buffer");

	spin_lock(&mount->lock);
	fits = !kchan_given(opts, OPT_NR_INODES) || !opts->max_inodes ||
	       opts->max_inodes >= mount->inodes;
	if (fits) {
		mount->geometry = geometry;
		if (kchan_given(opts, OPT_NR_INODES))
			mount->max_inodes = opts->max_inodes;
	}
	spin_unlock(&mount->lock);
	return fits ? 0 : invalfc(fc, "nr_inodes is below what is in use");
}

static void kchan_mount_set_root(const struct kchan_options *opts, struct inode *root)
{
	inode_lock(root);
	if (kchan_given(opts, OPT_MODE))
		root->i_mode = S_IFDIR | opts->mode;
	if (kchan_given(opts, OPT_UID))
		root->i_uid = opts->uid;
	if (kchan_given(opts, OPT_GID))
		root->i_gid = opts->gid;
	inode_unlock(root);
}

static int kchan_mount_statfs(struct dentry *dentry, struct kstatfs *buf)
{
	struct kchan_mount *mount = dentry->d_sb->s_fs_info;
	int ret;

	ret = simple_statfs(dentry, buf);
	if (ret)
		return ret;
	spin_lock(&mount->lock);
	if (mount->max_inodes) {
		buf->f_files = mount->max_inodes;
		buf->f_ffree = mount->max_inodes - mount->inodes;
	}
	spin_unlock(&mount->lock);
	return 0;
}

static int kchan_mount_show(struct seq_file *m, struct dentry *root)
{
	struct kchan_mount *mount = root->d_sb->s_fs_info;
	const struct inode *inode = d_inode(root);
	struct kchan_geometry geometry;
	unsigned int max_inodes;

	spin_lock(&mount->lock);
	geometry = mount->geometry;
	max_inodes = mount->max_inodes;
	spin_unlock(&mount->lock);
	seq_printf(m, ",mode=%o,uid=%u,gid=%u", READ_ONCE(inode->i_mode) & S_IALLUGO,
		   from_kuid_munged(seq_user_ns(m), inode->i_uid),
		   from_kgid_munged(seq_user_ns(m), inode->i_gid));
	seq_printf(m, ",nr_inodes=%u,elem_size=%u,capacity=%u,%smessage", max_inodes,
		   geometry.elem_size, geometry.capacity, geometry.message ? "" : "no");
	return 0;
}

static const struct super_operations kchan_mount_ops = {
	.statfs		= kchan_mount_statfs,
	.evict_inode	= kchan_name_evict,
	.show_options	= kchan_mount_show,
};

static int kchan_mount_fill(struct super_block *sb, struct fs_context *fc)
{
	struct kchan_mount *mount;
	struct inode *root;
	int ret;

	mount = kzalloc(sizeof(*mount), GFP_KERNEL_ACCOUNT);
	if (!mount)
		return -ENOMEM;
	spin_lock_init(&mount->lock);
	mount->max_inodes = KCHAN_MAX_INODES;
	mount->geometry.message = true;
	kchan_default_geometry(&mount->geometry.elem_size, &mount->geometry.capacity);
	/* kchan_mount_kill() frees it. */
	sb->s_fs_info = mount;
	sb->s_op = &kchan_mount_ops;
	sb->s_magic = KCHAN_SUPER_MAGIC;
	sb->s_blocksize = PAGE_SIZE;
	sb->s_blocksize_bits = PAGE_SHIFT;
	sb->s_time_gran = 1;
	sb->s_iflags |= SB_I_NOEXEC | SB_I_NODEV;

	ret = kchan_mount_set(fc, mount);
	if (ret)
		return ret;
	root = kchan_name_root(sb, KCHAN_ROOT_MODE);
	if (IS_ERR(root))
		return PTR_ERR(root);
	kchan_mount_set_root(fc->fs_private, root);
	sb->s_root = d_make_root(root);
	return sb->s_root ? 0 : -ENOMEM;
}

static int kchan_mount_get_tree(struct fs_context *fc)
{
	return get_tree_nodev(fc, kchan_mount_fill);
}

static int kchan_mount_reconfigure(struct fs_context *fc)
{
	struct super_block *sb = fc->root->d_sb;
	int ret;

	ret = kchan_mount_set(fc, sb->s_fs_info);
	if (!ret)
		kchan_mount_set_root(fc->fs_private, d_inode(sb->s_root));
	return ret;
}

static void kchan_mount_free_context(struct fs_context *fc)
{
	kfree(fc->fs_private);
}

static const struct fs_context_operations kchan_mount_context_ops = {
	.free		= kchan_mount_free_context,
	.parse_param	= kchan_mount_parse,
	.get_tree	= kchan_mount_get_tree,
	.reconfigure	= kchan_mount_reconfigure,
};

/**
 * kchan_mount_init_context() - begin a mount or a remount
 * @fc: what the VFS knows of it
 *
 * Return: 0, or -ENOMEM.
 */
int kchan_mount_init_context(struct fs_context *fc)
{
	struct kchan_options *opts = kzalloc(sizeof(*opts), GFP_KERNEL_ACCOUNT);

	if (!opts)
		return -ENOMEM;
	fc->fs_private = opts;
	fc->ops = &kchan_mount_context_ops;
	return 0;
}

/**
 * kchan_mount_kill() - a superblock goes: that of a mount, or the internal one
 * @sb: the superblock
 *
 * All names that are left go with it.
 */
void kchan_mount_kill(struct super_block *sb)
{
	/* NULL in the internal one. */
	struct kchan_mount *mount = sb->s_fs_info;

	kill_litter_super(sb);
	kfree(mount);
}
