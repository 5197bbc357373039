// SPDX-License-Identifier: GPL-2.0-only
/*
 * Finding one goroutine among all: see seen.h.
 */
#include "seen.h"

static int take(void *arg, const kc_goroutine *g)
{
	struct wanted *w = arg;

	if (strcmp(g->name, w->name))
		return 0;
	w->seen++;
	w->g = *g;
	if (expect(g->nr_pcs <= ARRAY_SIZE(w->pcs)))
		memcpy(w->pcs, g->pcs, g->nr_pcs * sizeof(g->pcs[0]));
	return 0;
}

struct wanted look_for(const char *name)
{
	struct wanted w = { .name = name };

	must_int(kc_goroutines(take, &w), 0);
	return w;
}

bool is_in(const char *name, kc_state state)
{
	const struct wanted w = look_for(name);

	return w.seen == 1 && w.g.state == state;
}

/* The function must be short, so that no other one begins within this distance. */
bool goes_through(const struct wanted *w, void (*fn)(void *arg))
{
	const uintptr_t begin = (uintptr_t)fn;

	for (unsigned int i = 0; i < w->g.nr_pcs; i++)
		if (w->pcs[i] > begin && w->pcs[i] < begin + 512)
			return true;
	return false;
}

void go_named(const char *name, void (*fn)(void *arg))
{
	kc_go_options options = KC_GO_OPTIONS_INIT;

	options.name = name;
	must_int(kc_go_opts(fn, NULL, &options), 0);
}
