/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef LIBKCHAN_PANIC_START_H
#define LIBKCHAN_PANIC_START_H

#include "base/shared.h"
#include "sched/pool.h"

/*
 * Starts a goroutine. Its panics end as <kchan/panic.h> says. Returns 0 or a negative
 * errno.
 */
KC_SHARED int kc_start(const struct kc_start *start);

/*
 * For functions that take a function to run in a goroutine: a NULL function panics in
 * the caller, where the mistake is, and not in the new goroutine.
 */
#define KC_NEED_FN(fn)							\
	do {								\
		if (!(fn))						\
			kc_panic("go of nil func value");		\
	} while (0)

#endif /* LIBKCHAN_PANIC_START_H */
