// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Printing where a goroutine is, in Go's form:
 *
 *	goroutine 7 "name" [running]:
 *	function
 *		/the/file.c:12 +0x1f
 *	created by other_function in goroutine 1
 *		/the/file.c:34 +0x2a
 */
#include <string.h>

#include "base/code.h"
#include "panic/backtrace.h"
#include "panic/symbols.h"

void kc_backtrace_head(struct kc_print *out, uint64_t id, const char *name,
		       const char *state)
{
	kc_print_text(out, "goroutine ");
	kc_print_number(out, id);
	if (name[0]) {
		kc_print_text(out, " \"");
		kc_print_text(out, name);
		kc_print_text(out, "\"");
	}
	kc_print_text(out, " [");
	kc_print_text(out, state);
	kc_print_text(out, "]:\n");
}

/* Prints the trace from its entry @i on. */
static void put_from(struct kc_print *out, const struct kc_trace *trace, unsigned int i)
{
	for (; i < trace->nr; i++)
		kc_symbol_put(out, trace->pcs[i], NULL);
	if (trace->nr == KC_TRACE_MAX)
		kc_print_text(out, "...\n");
}

void kc_backtrace_trace(struct kc_print *out, const struct kc_trace *trace)
{
	put_from(out, trace, 0);
}

/*
 * Finds, in a text of frames, the last frame whose function has the library's prefix. A
 * frame has two lines, and the second begins with a tab. Returns NULL if there is no
 * such frame.
 */
static const char *find_call(const char *at, const char *end)
{
	const char *call = NULL, *line;

	for (line = at; line < end; line++) {
		if (end - line > 3 && !memcmp(line, "kc_", 3))
			call = line;
		line = memchr(line, '\n', end - line);
	}
	return call;
}

/*
 * The innermost calls are the library's own. The last of them with the library's prefix
 * is the function that the program has called. The calls outside of it may be static
 * functions of the program which the compiler has inlined there. If no function has a
 * name, all calls are printed.
 */
void kc_backtrace_waiting(struct kc_print *out, const struct kc_trace *trace)
{
	const size_t begin = out->len;
	const char *call, *end;
	unsigned int i;

	for (i = 0; i < trace->nr && kc_code_has(trace->pcs[i]); i++)
		kc_symbol_put(out, trace->pcs[i], NULL);
	end = out->text + out->len;
	call = out->failed || !i ? NULL : find_call(out->text + begin, end);
	if (call) {
		memmove(out->text + begin, call, end - call);
		out->len -= call - (out->text + begin);
	}
	put_from(out, trace, i);
}

void kc_backtrace_creator(struct kc_print *out, uint64_t parent, uintptr_t at)
{
	char buf[40];
	struct kc_print note = KC_PRINT_BUF(buf);

	if (!parent)
		return;
	kc_print_text(&note, " in goroutine ");
	kc_print_number(&note, parent);
	kc_print_text(out, "created by ");
	kc_symbol_put(out, at, kc_print_string(&note));
}
