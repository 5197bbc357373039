/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Functions that end the program, and their output.
 */
#ifndef DEATH_H
#define DEATH_H

#include <stdbool.h>

struct death {
	int status;		/* as from wait() */
	char said[16384];	/* what it wrote to standard error */
};

/*
 * Runs @fn(@arg) in a process of its own. @fn must not return: that is a failed
 * expectation.
 */
void die_in(struct death *death, void (*fn)(void *arg), void *arg);

/*
 * Expects that it aborts, and writes all of these texts in this order. The last one is
 * NULL.
 */
bool expect_abort(void (*fn)(void *arg), void *arg, const char *const *said);

#endif /* DEATH_H */
