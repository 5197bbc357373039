/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The output of a function, on both descriptors, and the end of its process.
 */
#ifndef OUTPUT_H
#define OUTPUT_H

#include <stdbool.h>

struct output {
	int status;		/* the exit status; -1: it was killed */
	char out[32768];
	char err[65536];
};

/* Runs @fn in a process of its own. The result of @fn is the exit status. */
void run_apart(struct output *seen, int (*fn)(void));

/*
 * Expects that @text has all of these texts in this order. The last one is NULL.
 * Returns false on a failure.
 */
bool expect_said(const char *text, const char *const *said);

#define expect_says(text, ...)						\
	expect_said((text), (const char *const[]){ __VA_ARGS__, NULL })

#endif /* OUTPUT_H */
