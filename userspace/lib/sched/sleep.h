/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef LIBKCHAN_SCHED_SLEEP_H
#define LIBKCHAN_SCHED_SLEEP_H

#include "base/clock.h"

/* A call that nothing can end but its limit: -EAGAIN or -ETIMEDOUT. */
int kc_wait_for_nothing(kc_state state, struct kc_limit limit);

#endif /* LIBKCHAN_SCHED_SLEEP_H */
