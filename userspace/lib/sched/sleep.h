/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef LIBKCHAN_SCHED_SLEEP_H
#define LIBKCHAN_SCHED_SLEEP_H

#include "base/clock.h"

/*
 * A wait that only its limit ends. Returns -EAGAIN if it may not wait, and else
 * -ETIMEDOUT.
 */
int kc_wait_for_nothing(kc_state state, struct kc_limit limit);

#endif /* LIBKCHAN_SCHED_SLEEP_H */
