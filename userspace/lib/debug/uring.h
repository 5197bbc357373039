/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef LIBKCHAN_DEBUG_URING_H
#define LIBKCHAN_DEBUG_URING_H

#include <stdbool.h>

/* False if it is certain that this process has no instance of io_uring. */
bool kc_uring_may_be(void);

#endif /* LIBKCHAN_DEBUG_URING_H */
