/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Wait groups, for the library's own use.
 */
#ifndef LIBKCHAN_SYNC_COUNT_H
#define LIBKCHAN_SYNC_COUNT_H

#include "base/base.h"
#include "base/shared.h"

/* Start a goroutine that is counted; what it runs takes it off again. */
struct kc_start;
KC_SHARED int kc_waitgroup_start(kc_waitgroup *wg, const struct kc_start *start);

/* The counter, as it is for a moment. */
int kc_waitgroup_count(const kc_waitgroup *wg);

#endif /* LIBKCHAN_SYNC_COUNT_H */
