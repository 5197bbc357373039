// SPDX-License-Identifier: GPL-2.0-only
/*
 * A trail of what has run; see trail.h.
 */
#include "trail.h"

#include <kchan/kchan.h>

char trail[400];

void mark(void *text)
{
	strcat(trail, text);
}

void defer_mark(const char *text)
{
	kc_defer(mark, (void *)text);
}
