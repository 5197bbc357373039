/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Where a goroutine is, as text.
 */
#ifndef LIBKCHAN_STACK_H
#define LIBKCHAN_STACK_H

#include "base/print.h"
#include "sched/trace.h"

/* The line: goroutine 7 "name" [what it does]: */
void kc_stack_head(struct kc_out *out, uint64_t id, const char *name,
		   const char *state);

void kc_stack_trace(struct kc_out *out, const struct kc_trace *trace);

/*
 * The same of one that waits in the library: from the call that the program has made.
 * @out is of memory.
 */
void kc_stack_waiting(struct kc_out *out, const struct kc_trace *trace);

/* Created by whom; nothing if that is not known. */
void kc_stack_creator(struct kc_out *out, uint64_t parent, uintptr_t at);

#endif /* LIBKCHAN_STACK_H */
