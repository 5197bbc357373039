/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Looking at all goroutines, one after another.
 */
#ifndef LIBKCHAN_DEBUG_WALK_H
#define LIBKCHAN_DEBUG_WALK_H

#include "base/shared.h"
#include "sched/routine.h"
#include "sched/trace.h"

/* One of them, as it is while it is looked at. */
struct kc_sight {
	kc_goroutine info;
	/* NULL if it does not wait; else it is held there. */
	const struct kc_parked *parked;
	char name[KC_NAME_SIZE];
	struct kc_trace trace;
};

/* Whoever looks. */
struct kc_looker {
	const struct kc_g *self;	/* NULL: no goroutine */
	bool traces;			/* backtraces are wanted, and channels' ids; */
	struct kc_trace trace;		/* this is its own */
};

/* This goroutine; the backtrace begins with @from. */
KC_SHARED void kc_looker_take(struct kc_looker *looker, uintptr_t from);

/*
 * Call @see(@arg, sight) for each, and once that goes on again, if it waited,
 * @then(@arg), if there is one; until either returns something else than 0, which is
 * then returned. It may be done in another thread than that of @looker, but not in
 * two at a time: whoever comes second waits.
 */
int kc_look(const struct kc_looker *looker,
	    int (*see)(void *arg, struct kc_sight *sight), int (*then)(void *arg),
	    void *arg);

/* The same of the goroutine of @looker alone. */
int kc_look_self(const struct kc_looker *looker,
		 int (*see)(void *arg, struct kc_sight *sight), void *arg);

#endif /* LIBKCHAN_DEBUG_WALK_H */
