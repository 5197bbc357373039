/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The name of an address in the program, for people.
 */
#ifndef LIBKCHAN_PANIC_SYMBOLS_H
#define LIBKCHAN_PANIC_SYMBOLS_H

#include "base/print.h"

/*
 * Prints two lines for a call that returns to @pc, and more if functions are inlined there:
 *
 *	function
 *		/the/file.c:12 +0x1f
 *
 * The last number is the distance from the function's start. Without debug information, the
 * file is that of the program or library, and the number is the distance from its start.
 * With a @note, only the innermost function is printed, and the note follows its name.
 */
void kc_symbol_put(struct kc_print *out, uintptr_t pc, const char *note);

/*
 * The same, from debug information and symbol tables. Returns true if it has printed
 * something. See debuginfo.c, which is not in every build.
 */
bool kc_debuginfo_put(struct kc_print *out, uintptr_t pc, const char *note);

#endif /* LIBKCHAN_PANIC_SYMBOLS_H */
