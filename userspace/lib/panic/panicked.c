// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * What a panic is about, and what the program is told of it.
 */
#include <stdlib.h>
#include <string.h>

#include "panic/panicking.h"
#include "race/race.h"

/* Stands for every panic that there is no memory for. */
static struct kc_panicked no_memory = {
	.text = (char *)"a panic that there is no memory for",
};

struct kc_panicked *kc_panicked_make(char *text, void *value,
				     void (*destroy)(void *value),
				     const struct kc_trace *trace)
{
	const struct kc_g *g = kc_g_self();
	struct kc_panicked *what = text ? malloc(sizeof(*what)) : NULL;

	if (!what) {
		free(text);
		if (destroy)
			destroy(value);
		return &no_memory;
	}
	atomic_init(&what->refs, 1);
	what->text = text;
	what->value = value;
	what->destroy = destroy;
	what->goid = g->id;
	what->parent = g->parent;
	what->started_at = g->started_at;
	memcpy(what->name, g->name, sizeof(what->name));
	what->trace = *trace;
	return what;
}

struct kc_panicked *kc_panicked_ref(struct kc_panicked *what)
{
	if (what != &no_memory)
		atomic_fetch_add_explicit(&what->refs, 1, memory_order_relaxed);
	return what;
}

void kc_panicked_unref(struct kc_panicked *what)
{
	void (*destroy)(void *value);
	void *value;

	if (what == &no_memory || !kc_race_put(&what->refs))
		return;
	destroy = what->destroy;
	value = what->value;
	free(what->text);
	free(what);
	/* This comes last: it may panic. */
	if (destroy)
		destroy(value);
}

void kc_panicked_tell(struct kc_panicked *what, kc_panic_info *info)
{
	if (!info) {
		kc_panicked_unref(what);
		return;
	}
	memset(info, 0, sizeof(*info));
	info->text = what->text;
	info->value = what->value;
	info->goid = what->goid;
	info->panic = what;
}

void kc_panic_info_copy(kc_panic_info *to, const kc_panic_info *from)
{
	*to = *from;
	if (to->panic)
		kc_panicked_ref(to->panic);
}

void kc_panic_info_clear(kc_panic_info *info)
{
	struct kc_panicked *what = info->panic;

	*info = (kc_panic_info)KC_PANIC_INFO_INIT;
	if (what)
		kc_panicked_unref(what);
}
