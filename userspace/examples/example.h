/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What all examples need: ending the program if a call fails.
 */
#ifndef EXAMPLE_H
#define EXAMPLE_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <kchan/kchan.h>

/* Returns the call's result. Ends the program if that is an error. */
#define CHECK(call)	check((call), #call)

static inline int check(int ret, const char *call)
{
	if (ret >= 0)
		return ret;
	fprintf(stderr, "%s: %s\n", call, kc_strerror(ret));
	exit(EXIT_FAILURE);
}

#endif /* EXAMPLE_H */
