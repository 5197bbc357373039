// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * A safe goroutine: a panic in it ends it alone.
 *
 * In any other goroutine a panic that nobody recovers ends the program. One that
 * serves a request, say, may rather be given up by itself; what it was about is
 * logged, with a backtrace. Whatever it had deferred is done.
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

/* The first line; the others are the backtrace. */
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
		/* One after another, to read it in order. */
		CHECK(kc_shutdown());
	}
	printf("the program goes on\n");
	return 0;
}
