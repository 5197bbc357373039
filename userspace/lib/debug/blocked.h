/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Telling people that all goroutines wait for each other.
 */
#ifndef LIBKCHAN_DEBUG_BLOCKED_H
#define LIBKCHAN_DEBUG_BLOCKED_H

#include <kchan/cdefs.h>

#include "base/shared.h"

/*
 * In a thread of the library's own: print that, and what all goroutines do. The caller
 * is to end the process.
 */
KC_SHARED void kc_blocked_report(const char *text);

/* In a thread of the library's own: all goroutines are asleep. Print, and abort. */
KC_NORETURN void kc_blocked_abort(void);

#endif /* LIBKCHAN_DEBUG_BLOCKED_H */
