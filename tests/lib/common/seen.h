/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Finding one goroutine among all.
 */
#ifndef SEEN_H
#define SEEN_H

#include "common.h"

/* The name of the goroutine to find, and what was seen of it last. */
struct wanted {
	const char *name;
	unsigned int seen;
	kc_goroutine g;
	uintptr_t pcs[64];
};

struct wanted look_for(const char *name);

/* True if there is one goroutine with that name, and it is in this state. */
bool is_in(const char *name, kc_state state);

/* True if a function that @fn calls is on its stack. @fn must be short. */
bool goes_through(const struct wanted *w, void (*fn)(void *arg));

void go_named(const char *name, void (*fn)(void *arg));

#endif /* SEEN_H */
