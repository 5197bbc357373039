// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Deferred calls: a stack of them for each goroutine, the first few of which need
 * no memory. A scope, a kc_protect(), and the goroutine itself each remember how
 * many there were before, and leave those.
 */
#include <stdlib.h>
#include <string.h>

#include "g.h"

/* With the lock, for a fork(): its child frees what it finds there. */
static void replace(struct kc_g *g, struct kc_deferred *deferred, size_t max)
{
	struct kc_deferred *before = g->deferred;

	kc_lock(&kc_sched.lock);
	g->deferred = deferred;
	g->max_deferred = max;
	kc_unlock(&kc_sched.lock);
	if (before != g->few)
		free(before);
}

static bool make_room(struct kc_g *g)
{
	const size_t max = 2 * g->max_deferred;
	struct kc_deferred *deferred = reallocarray(NULL, max, sizeof(*deferred));

	if (!deferred)
		return false;
	memcpy(deferred, g->deferred, g->nr_deferred * sizeof(*deferred));
	replace(g, deferred, max);
	return true;
}

void kc_g_free_deferred(struct kc_g *g)
{
	if (g->deferred != g->few)
		replace(g, g->few, KC_DEFERS);
	g->nr_deferred = 0;
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

/*
 * A call that is no panic's to run cannot recover one, be it that all this happens
 * in a call which is.
 */
void kc_g_run_deferred(struct kc_g *g, size_t mark)
{
	struct kc_panic *running = g->running;
	struct kc_deferred deferred;

	while (g->nr_deferred > mark) {
		deferred = g->deferred[--g->nr_deferred];
		g->running = NULL;
		deferred.fn(deferred.arg);
	}
	g->running = running;
}

struct kc_defer_scope kc_defer_scope_begin(void)
{
	return (struct kc_defer_scope){ kc_g_self()->nr_deferred };
}

void kc_defer_scope_end(struct kc_defer_scope *scope)
{
	kc_g_run_deferred(kc_g_self(), scope->mark);
}
