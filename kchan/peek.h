/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef _KCHAN_PEEK_H
#define _KCHAN_PEEK_H

#include <linux/types.h>

struct kchan;

long kchan_ioctl_peek(struct kchan *ch, void __user *uarg, size_t usize);

#endif /* _KCHAN_PEEK_H */
