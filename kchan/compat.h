/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef _KCHAN_COMPAT_H
#define _KCHAN_COMPAT_H

/*
 * Every difference between kernel versions, and nothing else.
 */
#include <linux/uio.h>

/* 6.2 gave the directions of an iov_iter names of their own. */
#ifndef ITER_SOURCE
#define ITER_SOURCE	WRITE
#define ITER_DEST	READ
#endif

#endif /* _KCHAN_COMPAT_H */
