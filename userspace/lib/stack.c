// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Where a goroutine is, in the form that Go has:
 *
 *	goroutine 7 "name" [running]:
 *	function
 *		/the/file.c:12 +0x1f
 *	created by other_function in goroutine 1
 *		/the/file.c:34 +0x2a
 */
#include <string.h>

#include "names.h"
#include "stack.h"

void kc_stack_head(struct kc_out *out, uint64_t id, const char *name,
		   const char *state)
{
	kc_out_text(out, "goroutine ");
	kc_out_number(out, id);
	if (name[0]) {
		kc_out_text(out, " \"");
		kc_out_text(out, name);
		kc_out_text(out, "\"");
	}
	kc_out_text(out, " [");
	kc_out_text(out, state);
	kc_out_text(out, "]:\n");
}

void kc_stack_trace(struct kc_out *out, const struct kc_trace *trace)
{
	unsigned int i;

	for (i = 0; i < trace->nr; i++)
		kc_names_put(out, trace->pcs[i], NULL);
	if (trace->nr == KC_TRACE_MAX)
		kc_out_text(out, "...\n");
}

/* Functions of the library that others of it call to wait. */
static const char *const within[] = {
	"kc_lock_wait\n",
	"kc_select_cases\n",
	"kc_wait_for_nothing\n",
};

#define NR_WITHIN	(sizeof(within) / sizeof(within[0]))

/* The text up to @end begins with the name of a function. */
static bool is_call(const char *at, const char *end)
{
	unsigned int i;
	size_t len;

	if (end - at < 3 || memcmp(at, "kc_", 3))
		return false;
	for (i = 0; i < NR_WITHIN; i++) {
		len = strlen(within[i]);
		if ((size_t)(end - at) >= len && !memcmp(at, within[i], len))
			return false;
	}
	return true;
}

/* Each function has a line, and one below with a tab in front. */
static const char *next_function(const char *at, const char *end)
{
	do {
		at = memchr(at, '\n', end - at);
		if (!at || ++at == end)
			return NULL;
	} while (*at == '\t');
	return at;
}

void kc_stack_waiting(struct kc_out *out, const struct kc_trace *trace)
{
	const size_t begin = out->len;
	const char *at, *end;

	kc_stack_trace(out, trace);
	if (out->failed || out->len == begin)
		return;
	at = out->text + begin;
	end = out->text + out->len;
	while (at && !is_call(at, end))
		at = next_function(at, end);
	/* Without names it is left as it is. */
	if (!at)
		return;
	memmove(out->text + begin, at, end - at);
	out->len -= at - (out->text + begin);
}

void kc_stack_creator(struct kc_out *out, uint64_t parent, uintptr_t at)
{
	char buf[40];
	struct kc_out note = KC_OUT_FD(-1, buf);

	if (!parent)
		return;
	kc_out_text(&note, " in goroutine ");
	kc_out_number(&note, parent);
	buf[note.len] = '\0';
	kc_out_text(out, "created by ");
	kc_names_put(out, at, buf);
}
