/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Whether anybody can still wake anybody.
 */
#ifndef LIBKCHAN_DEBUG_ASLEEP_H
#define LIBKCHAN_DEBUG_ASLEEP_H

#include "base/shared.h"
#include "debug/walk.h"

/*
 * True if, at some instant between its beginning and its end, all threads of the process
 * but this one waited in calls of the library, for each other: nothing but what this
 * thread does can wake any of them. @looker is this goroutine, or nobody in a thread of the
 * library's own. Its backtraces are not used.
 *
 * False if that is so but cannot be told, as when a channel's end is there twice.
 */
bool kc_all_asleep(const struct kc_looker *looker);

/* For who makes time leap: what else is to be known. */
struct kc_blocked {
	unsigned int others;	/* goroutines, but for the looker and the root */
	bool timed;		/* some have a limit */
	unsigned int strangers;	/* threads that are not known of, which may run */
	int64_t next;		/* the keeper's next time; INT64_MAX: none */
};

/*
 * True if, when this returns, all threads of the process but this one, and but
 * strangers, wait in calls of the library, and have nothing to do unless somebody
 * else gives it to them, or until the keeper's next time. Limits are the keeper's
 * affair: see clock.h. @root is the number of a goroutine that is not counted.
 */
KC_SHARED bool kc_all_blocked(const struct kc_looker *looker, uint64_t root,
		    struct kc_blocked *blocked);

#endif /* LIBKCHAN_DEBUG_ASLEEP_H */
