// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * A safe goroutine: a panic ends only this goroutine.
 *
 * In any other goroutine, a panic that nobody recovers ends the program. But a
 * goroutine that serves one request, for example, may fail alone. The panic is logged
 * with a backtrace, and the deferred calls run.
 */
#include "example.h"

static void finish(void *arg)
{
	printf("request %d: finished\n", *(int *)arg);
}

static void serve(void *arg)
{
	int *request = arg;
	KC_DEFER_SCOPE;

	kc_defer(finish, request);
	if (*request == 2)
		kc_panic("request %d makes no sense", *request);
	printf("request %d: served\n", *request);
}

/* Prints the first line. The other lines are the backtrace. */
static void log_it(void *arg, const char *text)
{
	(void)arg;
	printf("log: %.*s\n", (int)strcspn(text, "\n"), text);
}

int main(void)
{
	kc_go_options options = KC_GO_OPTIONS_INIT;
	int i;

	kc_set_logger(log_it, NULL);
	options.flags = KC_GO_SAFE;
	options.copy_size = sizeof(i);
	for (i = 1; i <= 3; i++) {
		CHECK(kc_go_opts(serve, &i, &options));
		/* One after another, so that the output has a fixed order. */
		CHECK(kc_shutdown());
	}
	printf("the program goes on\n");
	return 0;
}
