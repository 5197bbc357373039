/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Looking for one goroutine among all.
 */
#ifndef SEEN_H
#define SEEN_H

#include "common.h"

/* The one that is looked for, by its name, and what was seen of it last. */
struct wanted {
	const char *name;
	unsigned int seen;
	kc_goroutine g;
	uintptr_t pcs[64];
};

struct wanted look_for(const char *name);

/* There is one of that name, and it is in this state. */
bool is_in(const char *name, kc_state state);

/* It is in a function that is called by this one, which is short. */
bool goes_through(const struct wanted *w, void (*fn)(void *arg));

void go_named(const char *name, void (*fn)(void *arg));

#endif /* SEEN_H */
