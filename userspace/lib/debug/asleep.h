/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Whether all goroutines wait for each other.
 */
#ifndef LIBKCHAN_DEBUG_ASLEEP_H
#define LIBKCHAN_DEBUG_ASLEEP_H

#include "base/shared.h"
#include "debug/walk.h"

/*
 * True if at some instant during the call all other threads of the process waited in
 * calls of the library for each other: only the calling thread can wake one of them.
 * @looker is the calling goroutine, or has no goroutine in a thread of the library. Its
 * backtrace is not used.
 *
 * May return false although it is so, if this cannot be proved: for example, if an end
 * has two descriptors.
 */
bool kc_all_asleep(const struct kc_looker *looker);

/* What the fake clock also has to know. */
struct kc_blocked {
	unsigned int others;	/* the number of goroutines, without the looker and the root */
	bool timed;		/* some of them wait with a limit */
	unsigned int strangers;	/* the number of unknown threads, which may run */
	int64_t next;		/* the keeper's next time; INT64_MAX: none */
};

/*
 * True if, when this returns, all other threads of the process except unknown ones wait
 * in calls of the library, and will only run if another thread wakes them, or at the
 * keeper's next time. With the fake clock, limits are times of the keeper: see
 * sched/alarm.h. The goroutine with the number @root is not counted.
 */
KC_SHARED bool kc_all_blocked(const struct kc_looker *looker, uint64_t root,
		    struct kc_blocked *blocked);

#endif /* LIBKCHAN_DEBUG_ASLEEP_H */
