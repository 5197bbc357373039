// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * The end of a program that did what Go panics on.
 */
#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>

#include "internal.h"
#include "sys.h"

void kc_fatal(const char *why)
{
	/* One call, so that nobody else's output gets in between. */
	const struct iovec line[] = {
		{ (void *)"libkchan: panic: ", 17 },
		{ (void *)why, strlen(why) },
		{ (void *)"\n", 1 },
	};

	syscall(SYS_writev, STDERR_FILENO, line, 3);
	abort();
}
