// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * A buffered channel, and how to choose its size.
 *
 * A send waits only while the buffer is full. This evens out bursts: a buffer of the
 * size of a burst lets the sender continue, if the receiver catches up before the next
 * burst. A larger buffer does not help. If the receiver is slower than the sender on
 * average, every buffer gets full; a large buffer only delays its elements, and hides
 * the problem longer. So use 0 for a rendezvous; 1 for a result that nobody may
 * receive; the size of a burst, if there are bursts; the number of workers, to keep
 * them busy. When in doubt, use a small buffer.
 */
#include <errno.h>

#include "example.h"

#define BURST	8

/* Sends a burst without a receiver. How often would the sender wait? */
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
		/* A closed channel can still be drained. */
		kc_close(c);
		kc_for_each(c, &elem)
			;
		kc_unref(c);
	}
	return 0;
}
