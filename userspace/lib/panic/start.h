/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef LIBKCHAN_START_H
#define LIBKCHAN_START_H

#include "sched/pool.h"

/* Start a goroutine whose panics end where they should: 0 or a negative errno. */
int kc_start(const struct kc_start *start);

#endif /* LIBKCHAN_START_H */
