// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Option structures: they begin with their size, and may grow in later versions.
 */
#include <string.h>

#include "base/base.h"
#include "base/options.h"

/* No options are larger than this. A larger size is an uninitialised field. */
#define MAX_OPTIONS_SIZE	4096

int kc_take_options_of(void *to, size_t known, const void *from, uint32_t size,
		       size_t first)
{
	const unsigned char *bytes = from;
	size_t i;

	if (!size)
		size = first;
	if (size > MAX_OPTIONS_SIZE)
		return -E2BIG;
	if (size % sizeof(uint32_t))
		return -EINVAL;
	for (i = known; i < size; i++)
		if (bytes[i])
			return -E2BIG;
	memset(to, 0, known);
	memcpy(to, from, size < known ? size : known);
	return 0;
}
