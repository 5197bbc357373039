/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Where in the program a thread is.
 */
#ifndef LIBKCHAN_SCHED_TRACE_H
#define LIBKCHAN_SCHED_TRACE_H

#include <stdint.h>

struct kc_g;

#define KC_TRACE_MAX	64

/*
 * The innermost call first. Of each the address that it returns to; of the one
 * that was interrupted by a fault, the address after that of the fault: what is in
 * front of the address is always what was being done.
 */
struct kc_trace {
	unsigned int nr;
	uintptr_t pcs[KC_TRACE_MAX];
};

/*
 * Take this thread's, on the stack that it is on. It begins with @from, if that is
 * met, and ends with the goroutine's function.
 */
struct kc_trace kc_trace_take(uintptr_t from);

/* The same on a stack that need not have much room. */
struct kc_trace kc_trace_take_in_handler(uintptr_t from);

/*
 * Have the unwinder's lock, if it has one, and give it back. A thread that has done
 * nothing meanwhile does not have it then.
 */
void kc_trace_pass_lock(void);

/* That of a goroutine which is held where it waits: see park.h. */
struct kc_trace kc_trace_of(const struct kc_g *g);

#endif /* LIBKCHAN_SCHED_TRACE_H */
