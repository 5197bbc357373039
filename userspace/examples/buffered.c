// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * A buffered channel, and how to choose its size.
 *
 * A send waits only while the buffer is full. That evens out bursts: a buffer as
 * large as a burst lets the sender go on, if the receiver catches up before the next
 * one. A larger one helps nobody: if the receiver is slower than the sender in the
 * long run every buffer gets full, and a large one only makes what is in it older,
 * and hides that for longer. So: 0 to meet; 1 for a result that nobody may come for;
 * the burst, if there are bursts; the number of workers, to keep them busy. When in
 * doubt it is small.
 */
#include <errno.h>

#include "example.h"

#define BURST	8

/* A burst, with nobody who receives meanwhile: how often would the sender wait? */
static int count_waits(kc_chan *c)
{
	int i, waits = 0;

	for (i = 0; i < BURST; i++)
		if (kc_try_send(c, &i) == -EAGAIN)
			waits++;
	return waits;
}

int main(void)
{
	static const size_t sizes[] = { 0, 1, 4, 8, 100 };
	kc_chan *c;
	size_t i;
	int elem;

	for (i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		CHECK(kc_make(&c, sizeof(elem), sizes[i]));
		printf("size %zu: %d of %d sends wait,", sizes[i],
		       count_waits(c), BURST);
		printf(" %d of %d are used\n", kc_len(c), kc_cap(c));
		/* Closed, it can still be emptied. */
		kc_close(c);
		kc_for_each(c, &elem)
			;
		kc_unref(c);
	}
	return 0;
}
