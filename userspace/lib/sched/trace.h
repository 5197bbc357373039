/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The call stack of a thread, as addresses.
 */
#ifndef LIBKCHAN_SCHED_TRACE_H
#define LIBKCHAN_SCHED_TRACE_H

#include <stdint.h>

struct kc_g;

#define KC_TRACE_MAX	64

/*
 * The innermost call comes first. Each entry is the return address of a call. For the
 * function that a fault interrupted, it is the address of the fault plus one. So the
 * instruction before the entry is always the one that was executed.
 */
struct kc_trace {
	unsigned int nr;
	uintptr_t pcs[KC_TRACE_MAX];
};

/*
 * Takes the trace of the calling thread, on its current stack. It begins at the return
 * address @from, if that is found, and ends with the goroutine's function.
 */
struct kc_trace kc_trace_take(uintptr_t from);

/* The same, for a stack that may have little room. */
struct kc_trace kc_trace_take_in_handler(uintptr_t from);

/*
 * Takes and releases the unwinder's lock, if the unwinder has one. After that, a thread
 * that did nothing in the meantime does not hold the lock.
 */
void kc_trace_pass_lock(void);

/* The trace of a goroutine that is held where it waits: see park.h. */
struct kc_trace kc_trace_of(const struct kc_g *g);

#endif /* LIBKCHAN_SCHED_TRACE_H */
