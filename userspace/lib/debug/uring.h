/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef LIBKCHAN_DEBUG_URING_H
#define LIBKCHAN_DEBUG_URING_H

#include <stdbool.h>

/* Returns false if this process certainly has no io_uring instance. */
bool kc_uring_may_be(void);

#endif /* LIBKCHAN_DEBUG_URING_H */
