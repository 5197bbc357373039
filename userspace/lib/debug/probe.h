/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Getting the backtrace of a running thread.
 */
#ifndef LIBKCHAN_DEBUG_PROBE_H
#define LIBKCHAN_DEBUG_PROBE_H

#include <stdbool.h>
#include <sys/types.h>

#include "sched/trace.h"

/* The time that all probes of a walk may take together. */
struct kc_patience {
	int64_t left;
};

#define KC_PATIENCE	{ KC_SECOND }

/*
 * kc_probe() asks a thread, which must not end before kc_probe_await() returns. Returns
 * false if the thread cannot be asked. One thread is asked at a time. kc_probe_await()
 * returns true if the thread has answered. After that, the thread does not answer any
 * more.
 */
bool kc_probe(pid_t tid);
bool kc_probe_await(struct kc_trace *trace, struct kc_patience *patience);

/* Called in the child of a fork(). */
void kc_probe_forked(void);

#endif /* LIBKCHAN_DEBUG_PROBE_H */
