// SPDX-License-Identifier: GPL-2.0-only
/*
 * Leaks channels, which a sanitizer must report.
 */
#include <kchan/kchan.h>

int main(void)
{
	kc_chan *c;
	int i;

	/* A pointer to the last one may be left on the stack. */
	for (i = 0; i < 10; i++)
		if (kc_make(&c, 1, 0))
			return 1;
	return 0;
}
