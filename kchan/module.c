// SPDX-License-Identifier: GPL-2.0-only
/*
 * Load and unload: the device. The parameters are in limits.c.
 */
#include <linux/miscdevice.h>
#include <linux/module.h>

#include "kchan.h"

static struct miscdevice kchan_misc = {
	.minor	= MISC_DYNAMIC_MINOR,
	.name	= "kchan",
	.fops	= &kchan_fops,
	.mode	= 0666,
};

static int __init kchan_init(void)
{
	int ret;

	kchan_debug_init();
	ret = misc_register(&kchan_misc);
	if (ret)
		kchan_debug_exit();
	return ret;
}
module_init(kchan_init);

static void __exit kchan_exit(void)
{
	misc_deregister(&kchan_misc);
	kchan_debug_exit();
}
module_exit(kchan_exit);

MODULE_DESCRIPTION("Go's channels as file descriptors");
MODULE_LICENSE("GPL");
MODULE_VERSION("0.1.0");
