/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What is at an address of the program, for people.
 */
#ifndef LIBKCHAN_PANIC_SYMBOLS_H
#define LIBKCHAN_PANIC_SYMBOLS_H

#include "base/print.h"

/*
 * Two lines for a call that returns to @pc, or more where functions are inlined:
 *
 *	function
 *		/the/file.c:12 +0x1f
 *
 * with the distance from the function's start. Where the program has no debug
 * information, the file is that of the program, and the distance from its start.
 * With a @note it is the innermost function alone, and the note behind its name.
 */
void kc_symbol_put(struct kc_out *out, uintptr_t pc, const char *note);

/*
 * The same, out of debug information and symbol tables. True if it found
 * something. See debuginfo.c, which is not in every build.
 */
bool kc_debuginfo_put(struct kc_out *out, uintptr_t pc, const char *note);

#endif /* LIBKCHAN_PANIC_SYMBOLS_H */
