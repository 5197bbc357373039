// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Names from debug information, by GCC's libbacktrace. The build links it into the
 * library if the compiler has it. It takes its memory from mmap(), takes no locks, and
 * works in a signal handler.
 */
#ifdef KC_DEBUGINFO

#include <backtrace.h>

#include "panic/symbols.h"

struct lookup {
	struct kc_print *out;
	uintptr_t pc;
	const char *note;
	const char *symbol;
	uintptr_t start;
	bool found;
};

static void ignore_error(void *data, const char *message, int error)
{
	(void)data;
	(void)message;
	(void)error;
}

/* What libbacktrace has read of the program's files. It cannot be freed. */
static struct backtrace_state *get_state(void)
{
	static struct backtrace_state *state;
	struct backtrace_state *made = __atomic_load_n(&state, __ATOMIC_ACQUIRE);
	struct backtrace_state *other = NULL;

	if (made)
		return made;
	made = backtrace_create_state(NULL, 1, ignore_error, NULL);
	if (!made)
		return NULL;
	if (!__atomic_compare_exchange_n(&state, &other, made, false,
					 __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE))
		return other;
	return made;
}

static void take_symbol(void *data, uintptr_t pc, const char *name,
			uintptr_t start, uintptr_t size)
{
	struct lookup *lookup = data;

	(void)pc;
	(void)size;
	lookup->symbol = name;
	lookup->start = start;
}

/* Called once for each function that is inlined at the address, the innermost first. */
static int put_line(void *data, uintptr_t pc, const char *file, int line,
		    const char *function)
{
	struct lookup *lookup = data;

	(void)pc;
	if (!file)
		return 0;
	if (!function)
		function = lookup->symbol;
	lookup->found = true;
	kc_print_text(lookup->out, function ? function : "?");
	kc_print_text(lookup->out, lookup->note ? lookup->note : "");
	kc_print_text(lookup->out, "\n\t");
	kc_print_text(lookup->out, file);
	kc_print_text(lookup->out, ":");
	kc_print_number(lookup->out, line);
	if (lookup->symbol) {
		kc_print_text(lookup->out, " +");
		kc_print_hex(lookup->out, lookup->pc - lookup->start);
	}
	kc_print_text(lookup->out, "\n");
	return lookup->note != NULL;
}

bool kc_debuginfo_put(struct kc_print *out, uintptr_t pc, const char *note)
{
	struct backtrace_state *state = get_state();
	struct lookup lookup = { out, pc, note, NULL, 0, false };

	if (!state)
		return false;
	backtrace_syminfo(state, pc - 1, take_symbol, ignore_error, &lookup);
	backtrace_pcinfo(state, pc - 1, put_line, ignore_error, &lookup);
	if (lookup.found || !lookup.symbol)
		return lookup.found;
	/* There is no debug information. Only the symbol table has the name. */
	kc_print_text(out, lookup.symbol);
	kc_print_text(out, note ? note : "");
	kc_print_text(out, "\n\t+");
	kc_print_hex(out, pc - lookup.start);
	kc_print_text(out, "\n");
	return true;
}

#else

typedef int kc_no_debuginfo;

#endif
