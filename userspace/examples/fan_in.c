// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Fan-in: the elements of several channels on one channel.
 *
 * That channel is closed when all of them are closed. Elements of the same channel keep
 * their order. Otherwise the order is first come, first served.
 */
#include "example.h"

struct reading {
	int sensor;
	int value;
};

/* Sends three readings, each after a while. */
static kc_error *measure(void *arg, kc_sink *out)
{
	struct reading r = { .sensor = *(int *)arg };

	for (r.value = 1; r.value <= 3; r.value++) {
		if (kc_sleep_ctx(kc_sink_ctx(out), r.sensor * KC_MILLISECOND) ||
		    kc_yield(out, &r))
			break;
	}
	return NULL;
}

int main(void)
{
	kc_chan_opts opts = KC_CHAN_OPTS_INIT;
	int sensors[] = { 1, 2, 3 }, next[] = { 1, 1, 1 };
	kc_group g = KC_GROUP_INIT;
	kc_chan *each[3], *all;
	struct reading r;
	int i, ordered = 1, count = 0;

	opts.elem_size = sizeof(r);
	for (i = 0; i < 3; i++)
		CHECK(kc_generate(&each[i], &g, NULL, &opts, measure,
				  &sensors[i]));
	CHECK(kc_fan_in(&all, &g, NULL, each, 3, 0));
	for (i = 0; i < 3; i++)
		kc_unref(each[i]);
	kc_for_each(all, &r) {
		ordered &= r.value == next[r.sensor - 1]++;
		count++;
	}
	printf("%d readings, those of each sensor in order: %s\n", count,
	       ordered ? "yes" : "no");
	kc_unref(all);
	kc_error_unref(kc_group_wait(&g));
	return 0;
}
