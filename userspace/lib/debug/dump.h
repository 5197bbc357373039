/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef LIBKCHAN_DEBUG_DUMP_H
#define LIBKCHAN_DEBUG_DUMP_H

#include "base/print.h"
#include "debug/walk.h"

/*
 * Prints what one goroutine does and where, in the form of kc_dump(). @out must be in
 * memory (KC_PRINT_MEMORY). It needs much stack. @note is added to the state. It may be
 * NULL.
 */
void kc_dump_one(struct kc_print *out, const struct kc_sight *sight, int64_t now,
		 const char *note);

/* Prints all goroutines. Called in a thread that is no goroutine. */
int kc_dump_all(const struct kc_looker *looker, int fd);

#endif /* LIBKCHAN_DEBUG_DUMP_H */
