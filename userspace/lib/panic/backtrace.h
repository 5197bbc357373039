/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Printing where a goroutine is.
 */
#ifndef LIBKCHAN_PANIC_BACKTRACE_H
#define LIBKCHAN_PANIC_BACKTRACE_H

#include "base/print.h"
#include "sched/trace.h"

/* Prints the line: goroutine 7 "name" [what it does]: */
void kc_backtrace_head(struct kc_print *out, uint64_t id, const char *name,
		       const char *state);

void kc_backtrace_trace(struct kc_print *out, const struct kc_trace *trace);

/*
 * Prints the trace of a goroutine that waits in the library. It begins with the
 * library's function that the program has called. @out must be in memory
 * (KC_PRINT_MEMORY).
 */
void kc_backtrace_waiting(struct kc_print *out, const struct kc_trace *trace);

/* Prints which call created the goroutine. Prints nothing if that is not known. */
void kc_backtrace_creator(struct kc_print *out, uint64_t parent, uintptr_t at);

#endif /* LIBKCHAN_PANIC_BACKTRACE_H */
