// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * A receive-only end: Go's <-chan T.
 *
 * In Go the compiler enforces that a function only receives. Here the kernel does: the
 * handle has a descriptor of its own, and no call in any process can send to it. If
 * only receivers hold such ends, the senders learn when the last receiver has dropped
 * its end.
 */
#include <errno.h>
#include <unistd.h>

#include "example.h"

static void consume(kc_chan *in)
{
	int value;

	CHECK(kc_recv(in, &value));
	printf("received %d\n", value);
	printf("send: %s\n", strerrorname_np(-kc_send(in, &value)));
	printf("close: %s\n", strerrorname_np(-kc_close(in)));
	if (write(kc_fd(in), &value, sizeof(value)) < 0)
		printf("write: %s\n", strerrorname_np(errno));
	kc_unref(in);
}

int main(void)
{
	kc_chan *in, *out;
	int value = 7;

	CHECK(kc_make_pair(&in, &out, sizeof(value), 1));
	CHECK(kc_send(out, &value));
	consume(in);
	printf("nobody receives any more: %s\n",
	       strerrorname_np(-kc_send(out, &value)));
	kc_unref(out);
	return 0;
}
