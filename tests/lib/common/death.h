/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Functions that end the program, and what is said then.
 */
#ifndef DEATH_H
#define DEATH_H

#include <stdbool.h>

struct death {
	int status;		/* as of wait() */
	char said[16384];	/* on standard error */
};

/*
 * Run @fn(@arg) in a process of its own. It is not to come back: if it does that is
 * a failed expectation.
 */
void die_in(struct death *death, void (*fn)(void *arg), void *arg);

/* It aborted, and said all of these, in this order; the last one is NULL. */
bool expect_abort(void (*fn)(void *arg), void *arg, const char *const *said);

#endif /* DEATH_H */
