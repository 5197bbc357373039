// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Options of calls: structures that begin with their size, and may grow.
 */
#include "base/internal.h"

/* Options are never this large: a size that is more was not set. */
#define MAX_OPTIONS_SIZE	4096

int kc_check_options(const void *options, uint32_t size, size_t known)
{
	const unsigned char *bytes = options;
	size_t i;

	if (size < known)
		return -EINVAL;
	if (size > MAX_OPTIONS_SIZE)
		return -E2BIG;
	for (i = known; i < size; i++)
		if (bytes[i])
			return -E2BIG;
	return 0;
}
