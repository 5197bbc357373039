/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Wait groups, for the library itself.
 */
#ifndef LIBKCHAN_SYNC_COUNT_H
#define LIBKCHAN_SYNC_COUNT_H

#include "base/base.h"
#include "base/shared.h"

/*
 * Adds 1 to the counter, and starts a goroutine. The goroutine's function must call
 * kc_waitgroup_done(). Returns 0, or a negative errno with the counter as before.
 */
struct kc_start;
KC_SHARED int kc_waitgroup_start(kc_waitgroup *wg, const struct kc_start *start);

/* The counter's current value. It may change at once. */
int kc_waitgroup_count(const kc_waitgroup *wg);

#endif /* LIBKCHAN_SYNC_COUNT_H */
