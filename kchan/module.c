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
module_misc_device(kchan_misc);

MODULE_DESCRIPTION("Go's channels as file descriptors");
MODULE_LICENSE("GPL");
MODULE_VERSION("0.1.0");
