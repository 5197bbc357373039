// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Deferred calls: each goroutine has a stack of them. The first few need no memory. A
 * scope, a kc_protect() and the goroutine itself each store how many there were at
 * their begin, and run only those above.
 */
#include <stdlib.h>
#include <string.h>

#include "panic/panicking.h"

static bool make_room(struct kc_g *g)
{
	const size_t max = 2 * g->max_deferred;
	struct kc_deferred *deferred = reallocarray(NULL, max, sizeof(*deferred));

	if (!deferred)
		return false;
	memcpy(deferred, g->deferred, g->nr_deferred * sizeof(*deferred));
	kc_g_set_deferred(g, deferred, max);
	return true;
}

void kc_defer(void (*fn)(void *arg), void *arg)
{
	struct kc_g *g = kc_g_self();

	if (g->nr_deferred == g->max_deferred && !make_room(g)) {
		fn(arg);
		kc_panic("out of memory for a deferred call");
	}
	g->deferred[g->nr_deferred++] = (struct kc_deferred){ fn, arg };
}

struct kc_defer_scope kc_defer_scope_begin(void)
{
	return (struct kc_defer_scope){ kc_g_self()->nr_deferred };
}

void kc_defer_scope_end(struct kc_defer_scope *scope)
{
	kc_g_run_deferred(kc_g_self(), scope->mark);
}
