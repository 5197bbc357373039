// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Send-only ends: Go's chan<- T.
 *
 * Each producer has an end of its own, and drops it when it has nothing more to send.
 * The channel closes when the last end is dropped. So nobody has to know which producer
 * is the last one, and nobody closes a channel that another producer still uses.
 */
#include "example.h"

static void produce(void *arg)
{
	kc_chan *out = arg;
	int i;

	for (i = 1; i <= 3; i++)
		CHECK(kc_send(out, &i));
	kc_unref(out);
}

int main(void)
{
	int i, value, count = 0, sum = 0;
	kc_chan *in, *out, *theirs;

	CHECK(kc_make_pair(&in, &out, sizeof(value), 0));
	printf("receive: %s\n", strerrorname_np(-kc_recv(out, &value)));
	for (i = 0; i < 4; i++) {
		CHECK(kc_send_only(&theirs, out));
		CHECK(kc_go(produce, theirs));
	}
	/* This end would keep the channel open. */
	kc_unref(out);
	kc_for_each(in, &value) {
		count++;
		sum += value;
	}
	printf("%d elements of 4 producers, in all %d; then it was closed\n", count,
	       sum);
	kc_unref(in);
	return 0;
}
