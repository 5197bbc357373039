/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Whether anybody can still wake anybody.
 */
#ifndef LIBKCHAN_ASLEEP_H
#define LIBKCHAN_ASLEEP_H

#include "look.h"

/*
 * True if, at some instant between its beginning and its end, all threads of the process
 * but this one waited in calls of the library, for each other: nothing but what this
 * thread does can wake any of them. @looker is this goroutine, or nobody in a thread of the
 * library's own. Its backtraces are not used.
 *
 * False if that is so but cannot be told, as when a channel's end is there twice.
 */
bool kc_all_asleep(const struct kc_looker *looker);

#endif /* LIBKCHAN_ASLEEP_H */
