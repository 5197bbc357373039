// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * The name of an address.
 *
 * Debug information has static functions and lines. The dynamic linker knows exported
 * functions only. It is used in builds without libbacktrace, and for objects that were
 * loaded after libbacktrace had looked for objects.
 */
#include <dlfcn.h>

#include "panic/symbols.h"

static void put_object(struct kc_print *out, uintptr_t pc, const char *note)
{
	Dl_info info;
	bool known = dladdr((void *)(pc - 1), &info);

	kc_print_text(out, known && info.dli_sname ? info.dli_sname : "?");
	kc_print_text(out, note ? note : "");
	kc_print_text(out, "\n\t");
	if (known && info.dli_fname) {
		kc_print_text(out, info.dli_fname);
		kc_print_text(out, " +");
		pc -= (uintptr_t)info.dli_fbase;
	}
	kc_print_hex(out, pc);
	kc_print_text(out, "\n");
}

void kc_symbol_put(struct kc_print *out, uintptr_t pc, const char *note)
{
#ifdef KC_DEBUGINFO
	if (kc_debuginfo_put(out, pc, note))
		return;
#endif
	put_object(out, pc, note);
}
