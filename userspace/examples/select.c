// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * A select over channels that end: Go's case v, ok := <-c.
 *
 * Two goroutines send, each on its own channel, and close it at their end. A receive on
 * a closed channel is always ready. A loop that goes on selecting it would spin, with
 * "ok" false each time. So at end-of-stream the loop sets the channel of the case to
 * NULL: such a case is never ready. The loop ends when all channels have ended.
 */
#include "example.h"

struct counter {
	kc_chan *out;
	int from, to;
};

static void count(void *arg)
{
	const struct counter *c = arg;
	int i;

	for (i = c->from; i <= c->to; i++)
		if (kc_send(c->out, &i))
			break;
	kc_close(c->out);
}

int main(void)
{
	struct counter low = { .from = 1, .to = 10 };
	struct counter high = { .from = 101, .to = 103 };
	kc_waitgroup wg = KC_WAITGROUP_INIT;
	int value, i, open = 2, sum[2] = { 0, 0 };
	kc_case cases[2];

	CHECK(kc_make(&low.out, sizeof(value), 0));
	CHECK(kc_make(&high.out, sizeof(value), 0));
	CHECK(kc_waitgroup_go(&wg, count, &low));
	CHECK(kc_waitgroup_go(&wg, count, &high));
	cases[0] = kc_case_recv(low.out, &value);
	cases[1] = kc_case_recv(high.out, &value);
	while (open) {
		i = CHECK(kc_select(cases, 2));
		if (cases[i].ok) {
			sum[i] += value;
		} else {
			cases[i].chan = NULL;
			open--;
		}
	}
	printf("low: %d, high: %d\n", sum[0], sum[1]);
	kc_waitgroup_wait(&wg);
	kc_unref(low.out);
	kc_unref(high.out);
	return 0;
}
