/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Reporting that all goroutines wait for each other.
 */
#ifndef LIBKCHAN_DEBUG_BLOCKED_H
#define LIBKCHAN_DEBUG_BLOCKED_H

#include <kchan/cdefs.h>

#include "base/shared.h"

/*
 * Prints @text, and what all goroutines do. Called in a thread of the library. The
 * caller must then end the process.
 */
KC_SHARED void kc_blocked_report(const char *text);

/*
 * Reports that all goroutines are asleep, and aborts. Called in a thread of the
 * library.
 */
KC_NORETURN void kc_blocked_abort(void);

#endif /* LIBKCHAN_DEBUG_BLOCKED_H */
