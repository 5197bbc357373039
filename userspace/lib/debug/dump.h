/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef LIBKCHAN_DEBUG_DUMP_H
#define LIBKCHAN_DEBUG_DUMP_H

#include "base/print.h"
#include "debug/walk.h"

/*
 * What one goroutine does, and where, as kc_dump() has it. @out is of memory. It needs
 * much of a stack. With a @note, which may be NULL, of its state.
 */
void kc_dump_one(struct kc_out *out, const struct kc_sight *sight, int64_t now,
		 const char *note);

/* Of all of them, in this thread, which is no goroutine's. */
int kc_dump_all(const struct kc_looker *looker, int fd);

#endif /* LIBKCHAN_DEBUG_DUMP_H */
