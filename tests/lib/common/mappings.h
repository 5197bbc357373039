/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef TESTS_MAPPINGS_H
#define TESTS_MAPPINGS_H

#include <stdio.h>
#include <string.h>

/* How many mappings of channels this process has; -1 if the kernel does not tell. */
static inline int mappings(void)
{
	FILE *maps = fopen("/proc/self/maps", "re");
	char line[512];
	int nr = 0;

	if (!maps)
		return -1;
	while (fgets(line, sizeof(line), maps))
		nr += strstr(line, "[kchan-map]") != NULL;
	fclose(maps);
	return nr;
}

#endif /* TESTS_MAPPINGS_H */
