// SPDX-License-Identifier: GPL-2.0-only
/*
 * Load and unload, and the device, which makes channels. The parameters are in
 * limits.c.
 */
#include <linux/err.h>
#include <linux/miscdevice.h>
#include <linux/module.h>
#include <linux/sched.h>

#include "file.h"

/* Makes a channel: the file becomes its first end. */
static int kchan_open(struct inode *inode, struct file *file)
{
	struct kchan *ch;

	/* A new channel with one end that cannot send would be of no use. */
	if ((file->f_flags & O_ACCMODE) != O_RDWR)
		return -EINVAL;
	ch = kchan_alloc(current->mm);
	if (IS_ERR(ch))
		return PTR_ERR(ch);
	kchan_end_get(ch, file->f_mode);
	kchan_file_init(inode, file, ch);
	return 0;
}

static const struct file_operations kchan_fops = {
	KCHAN_FOPS_COMMON,
	.open		= kchan_open,
	.release	= kchan_file_release,
};

static struct miscdevice kchan_misc = {
	.minor	= MISC_DYNAMIC_MINOR,
	.name	= "kchan",
	.fops	= &kchan_fops,
	.mode	= 0666,
};

static int __init kchan_init(void)
{
	int ret;

	ret = kchan_cache_init();
	if (ret)
		return ret;
	ret = kchan_fs_init();
	if (ret)
		goto cache;
	kchan_debug_init();
	ret = misc_register(&kchan_misc);
	if (ret)
		goto fs;
	kchan_fs_allow();
	return 0;

fs:
	kchan_debug_exit();
	kchan_fs_abort();
cache:
	kchan_cache_exit();
	return ret;
}
module_init(kchan_init);

static void __exit kchan_exit(void)
{
	misc_deregister(&kchan_misc);
	kchan_debug_exit();
	/* It waits for the last channel. */
	kchan_fs_exit();
	kchan_cache_exit();
}
module_exit(kchan_exit);

MODULE_DESCRIPTION("Go's channels as file descriptors");
MODULE_LICENSE("GPL");
MODULE_VERSION("0.1.0");
