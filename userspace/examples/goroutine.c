// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * A goroutine, and waiting for it.
 *
 * The program ends when main() returns, even if goroutines are left. So the well-known
 * first program prints nothing: main() is faster. A program has to wait for the end of
 * its goroutines: by a wait group, as here, or by a channel.
 */
#include "example.h"

static void greet(void *arg)
{
	kc_sleep(300 * KC_MILLISECOND);
	printf("%s: hello\n", (const char *)arg);
	fflush(stdout);
}

/* The mistake. */
static int main_that_forgets(void *arg)
{
	CHECK(kc_go(greet, arg));
	printf("%s: main ends\n", (const char *)arg);
	return 0;
}

/* And its correction. */
static int main_that_waits(void *arg)
{
	kc_waitgroup wg = KC_WAITGROUP_INIT;

	CHECK(kc_waitgroup_go(&wg, greet, arg));
	kc_waitgroup_wait(&wg);
	printf("%s: main ends\n", (const char *)arg);
	return 0;
}

/* Runs each in a process of its own, since it ends its process. */
static void run(int (*fn)(void *arg), const char *name)
{
	kc_process_options options = KC_PROCESS_OPTIONS_INIT;
	kc_process *p;

	options.fn = fn;
	options.arg = (void *)name;
	CHECK(kc_process_start(&p, &options));
	CHECK(kc_process_wait(p, NULL));
	kc_process_unref(p);
}

int main(void)
{
	run(main_that_forgets, "forgets");
	run(main_that_waits, "waits");
	return 0;
}
