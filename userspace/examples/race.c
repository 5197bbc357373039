// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * A counter that two goroutines change at the same time, and a counter with a mutex.
 *
 * The number of lost counts differs in each run, and is often 0. The race detector does
 * not depend on it: built with -fsanitize=thread, this program always reports the first
 * counter, and never the second one ("race guarded" has only the second one).
 */
#include "example.h"

#define EACH	10000

static long racy, guarded;
static kc_mutex lock;

static void count_racy(void *arg)
{
	(void)arg;
	for (int i = 0; i < EACH; i++)
		racy++;
}

static void count_guarded(void *arg)
{
	(void)arg;
	for (int i = 0; i < EACH; i++) {
		kc_mutex_lock(&lock);
		guarded++;
		kc_mutex_unlock(&lock);
	}
}

static void run(void (*fn)(void *arg))
{
	kc_waitgroup wg = KC_WAITGROUP_INIT;

	CHECK(kc_waitgroup_go(&wg, fn, NULL));
	CHECK(kc_waitgroup_go(&wg, fn, NULL));
	kc_waitgroup_wait(&wg);
}

int main(int argc, char **argv)
{
	if (argc < 2 || strcmp(argv[1], "guarded")) {
		run(count_racy);
		printf("racy: at most %d: %s\n", 2 * EACH,
		       racy <= 2 * EACH ? "yes" : "no");
	}
	run(count_guarded);
	printf("guarded: %ld\n", guarded);
	return 0;
}
