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

#include "panic/backtrace.h"
#include "panic/symbols.h"

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

/* A function and where in it: two lines, the second of which begins with a tab. */
struct frame {
	const char *name;
	const char *file;	/* and its folder, if that is known, */
	size_t folder;		/* of this length */
	const char *end;
};

static bool next_frame(struct frame *f, const char *at, const char *end)
{
	const char *line = memchr(at, '\n', end - at), *last;

	if (!line || ++line == end || *line != '\t')
		return false;
	f->name = at;
	f->file = line + 1;
	f->end = memchr(line, '\n', end - line);
	f->end = f->end ? f->end + 1 : end;
	last = memrchr(f->file, '/', f->end - f->file);
	f->folder = last ? (size_t)(last - f->file) : 0;
	return true;
}

static bool is_call(const struct frame *f)
{
	return f->file - f->name > 3 && !memcmp(f->name, "kc_", 3);
}

/*
 * The innermost function is the library's; so are those that follow, as long as their
 * files are in the same folder. The last of them that has the library's prefix is what
 * the program has called. Where files are not known it is the first.
 */
static const char *find_call(const char *at, const char *end)
{
	struct frame first, f;
	const char *call = NULL;

	if (!next_frame(&first, at, end))
		return NULL;
	for (f = first; f.folder == first.folder &&
	     !memcmp(f.file, first.file, f.folder);) {
		if (is_call(&f))
			call = f.name;
		if ((call && !first.folder) || !next_frame(&f, f.end, end))
			break;
	}
	return call;
}

void kc_stack_waiting(struct kc_out *out, const struct kc_trace *trace)
{
	const size_t begin = out->len;
	const char *call, *end;

	kc_stack_trace(out, trace);
	if (out->failed || out->len == begin)
		return;
	end = out->text + out->len;
	call = find_call(out->text + begin, end);
	/* Without names it is left as it is. */
	if (!call)
		return;
	memmove(out->text + begin, call, end - call);
	out->len -= call - (out->text + begin);
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
