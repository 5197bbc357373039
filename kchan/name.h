/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef _KCHAN_NAME_H
#define _KCHAN_NAME_H

#include <linux/fs.h>
#include <linux/fs_context.h>
#include <linux/fs_parser.h>
#include <linux/spinlock.h>

#include "kchan.h"

/*
 * What each inode of a mount, names and directories, charges to its maker. It covers the
 * inode and its entry, of 624 and 192 bytes, and the longest name, of 273 bytes. It also
 * covers the channel, of 536 bytes: a name needs no descriptor, which would bound how many
 * there are. The allocator rounds up to less than 2048 bytes in all.
 */
#define KCHAN_INODE_BYTES	2048

/**
 * struct kchan_mount - a filesystem of names
 * @lock: guards all of it
 * @geometry: what the channel of a new name is like without setup
 * @max_inodes: the most names and directories, the root included; 0 for no limit
 * @inodes: how many there are
 */
struct kchan_mount {
	spinlock_t lock; /* guards all of it */
	struct kchan_geometry geometry;
	unsigned int max_inodes;
	unsigned int inodes;
};

/* mount.c */
extern const struct fs_parameter_spec kchan_mount_parameters[];
int kchan_mount_init_context(struct fs_context *fc);
void kchan_mount_kill(struct super_block *sb);

/* name.c */
extern const struct file_operations kchan_name_fops;
struct inode *kchan_name_root(struct super_block *sb, umode_t mode);
void kchan_name_evict(struct inode *inode);

#endif /* _KCHAN_NAME_H */
