/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Asking a running thread where it is.
 */
#ifndef LIBKCHAN_DEBUG_PROBE_H
#define LIBKCHAN_DEBUG_PROBE_H

#include <stdbool.h>
#include <sys/types.h>

#include "sched/trace.h"

/* How long all that are asked one after another may take together. */
struct kc_patience {
	int64_t left;
};

#define KC_PATIENCE	{ KC_SECOND }

/*
 * One at a time, and for a thread that cannot end between the two: false if it cannot be
 * asked at all. Then kc_probe_await() says whether it has answered; after that it does
 * not answer any more.
 */
bool kc_probe(pid_t tid);
bool kc_probe_await(struct kc_trace *trace, struct kc_patience *patience);

/* In the child of a fork(). */
void kc_probe_forked(void);

#endif /* LIBKCHAN_DEBUG_PROBE_H */
