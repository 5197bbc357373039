/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Where a goroutine is, as text.
 */
#ifndef LIBKCHAN_PANIC_BACKTRACE_H
#define LIBKCHAN_PANIC_BACKTRACE_H

#include "base/print.h"
#include "sched/trace.h"

/* The line: goroutine 7 "name" [what it does]: */
void kc_backtrace_head(struct kc_out *out, uint64_t id, const char *name,
		       const char *state);

void kc_backtrace_trace(struct kc_out *out, const struct kc_trace *trace);

/*
 * The same of one that waits in the library: from the call that the program has made.
 * @out is of memory.
 */
void kc_backtrace_waiting(struct kc_out *out, const struct kc_trace *trace);

/* Created by whom; nothing if that is not known. */
void kc_backtrace_creator(struct kc_out *out, uint64_t parent, uintptr_t at);

#endif /* LIBKCHAN_PANIC_BACKTRACE_H */
