// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * A generator: a goroutine that makes one value after another for a receiver.
 *
 * It has no end condition of its own. It ends when nobody receives any more: then
 * kc_yield() returns an error, and no goroutine is left behind.
 */
#include <stdint.h>

#include "example.h"

static kc_error *fibonacci(void *arg, kc_sink *out)
{
	uint64_t a = 0, b = 1, next;

	(void)arg;
	while (!kc_yield(out, &a)) {
		next = a + b;
		a = b;
		b = next;
	}
	printf("\nthe generator ends\n");
	return NULL;
}

int main(void)
{
	kc_chan_opts opts = KC_CHAN_OPTS_INIT;
	kc_group g = KC_GROUP_INIT;
	uint64_t value;
	kc_chan *c;

	opts.elem_size = sizeof(value);
	CHECK(kc_generate(&c, &g, NULL, &opts, fibonacci, NULL));
	kc_for_each(c, &value) {
		if (value > 100)
			break;
		printf("%d ", (int)value);
	}
	fflush(stdout);
	kc_unref(c);
	kc_error_unref(kc_group_wait(&g));
	return 0;
}
