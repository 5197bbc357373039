/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A trail: what has run, in order.
 */
#ifndef TRAIL_H
#define TRAIL_H

#include <string.h>

#include "tap.h"

extern char trail[400];

/* Adds a text to the trail: at once, or in a deferred call. */
void mark(void *text);
void defer_mark(const char *text);

/* Expects this trail. The next one starts empty. */
#define expect_trail(text)						\
	do {								\
		if (!expect(!strcmp(trail, text)))			\
			tap_note("trail: %s", trail);			\
		trail[0] = '\0';					\
	} while (0)

#endif /* TRAIL_H */
