/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What a function prints, on both outputs, and how its process ends.
 */
#ifndef OUTPUT_H
#define OUTPUT_H

#include <stdbool.h>

struct output {
	int status;		/* of its exit; -1: it was killed */
	char out[32768];
	char err[65536];
};

/* Run @fn in a process of its own, whose status is what it returns. */
void run_apart(struct output *seen, int (*fn)(void));

/*
 * @text has all of these, in this order; the last one is NULL. Else they are failed
 * expectations, and it is false.
 */
bool expect_said(const char *text, const char *const *said);

#define expect_says(text, ...)						\
	expect_said((text), (const char *const[]){ __VA_ARGS__, NULL })

#endif /* OUTPUT_H */
