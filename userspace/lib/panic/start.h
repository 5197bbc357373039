/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef LIBKCHAN_PANIC_START_H
#define LIBKCHAN_PANIC_START_H

#include "base/shared.h"
#include "sched/pool.h"

/* Start a goroutine whose panics end where they should: 0 or a negative errno. */
KC_SHARED int kc_start(const struct kc_start *start);

/*
 * For calls that are given a function to be run in a goroutine: where the mistake is is
 * known here, and not there.
 */
#define KC_NEED_FN(fn)							\
	do {								\
		if (!(fn))						\
			kc_panic("go of nil func value");		\
	} while (0)

#endif /* LIBKCHAN_PANIC_START_H */
