/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Every source file of the library includes this header first.
 */
#ifndef LIBKCHAN_BASE_BASE_H
#define LIBKCHAN_BASE_BASE_H

#include <errno.h>
#include <features.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include <kchan/kchan.h>
#include <kchan/uapi.h>

#ifndef __GLIBC__
#error "libkchan needs the GNU C library (glibc): it does not work with musl"
#endif

#endif /* LIBKCHAN_BASE_BASE_H */
