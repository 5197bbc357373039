/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Visiting all goroutines.
 */
#ifndef LIBKCHAN_DEBUG_WALK_H
#define LIBKCHAN_DEBUG_WALK_H

#include "base/shared.h"
#include "sched/routine.h"
#include "sched/trace.h"

/* A goroutine, during its visit. */
struct kc_sight {
	kc_goroutine info;
	/* NULL if the goroutine does not wait. Else it is held in its wait. */
	const struct kc_parked *parked;
	char name[KC_NAME_SIZE];
	struct kc_trace trace;
};

/* The thread that visits. */
struct kc_looker {
	const struct kc_g *self;	/* its goroutine; NULL: it is none */
	bool traces;			/* get backtraces and channel numbers */
	struct kc_trace trace;		/* its own backtrace */
};

/* Fills it in for the calling goroutine. The backtrace begins with @from. */
KC_SHARED void kc_looker_take(struct kc_looker *looker, uintptr_t from);

/*
 * Calls @see(@arg, sight) for each goroutine. If it is parked, it is held meanwhile.
 * After it is let go, calls @then(@arg), if @then is not NULL. Stops when one of them
 * returns a value other than 0, and returns that value. The caller may be another
 * thread than that of @looker. Only one thread visits at a time; others wait.
 */
int kc_look(const struct kc_looker *looker,
	    int (*see)(void *arg, struct kc_sight *sight), int (*then)(void *arg),
	    void *arg);

/* The same for the goroutine of @looker only. */
int kc_look_self(const struct kc_looker *looker,
		 int (*see)(void *arg, struct kc_sight *sight), void *arg);

#endif /* LIBKCHAN_DEBUG_WALK_H */
