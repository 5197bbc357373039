// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * All goroutines wait for each other, and the program says so, and ends.
 *
 * Each of two takes one lock and then wants that of the other. In Go the runtime sees
 * that nobody can go on any more; here it is asked to look. What ends this program is
 * the report, which tells who waits for what, and where. The mend: both take the
 * locks in the same order ("deadlock mended").
 */
#include "example.h"

static kc_mutex forks[2];
static kc_waitgroup seated, all;
static int mended;

static void philosopher(void *arg)
{
	int seat = *(int *)arg;
	int first = mended ? 0 : seat;

	kc_mutex_lock(&forks[first]);
	if (!mended) {
		/* Until the other one has a fork, too. */
		kc_waitgroup_done(&seated);
		kc_waitgroup_wait(&seated);
	}
	kc_mutex_lock(&forks[!first]);
	printf("philosopher %d eats\n", seat);
	kc_mutex_unlock(&forks[!first]);
	kc_mutex_unlock(&forks[first]);
}

int main(int argc, char **argv)
{
	mended = argc > 1 && !strcmp(argv[1], "mended");
	CHECK(kc_detect_deadlock(50 * KC_MILLISECOND));
	kc_waitgroup_add(&seated, 2);
	for (int seat = 0; seat < 2; seat++)
		CHECK(kc_waitgroup_go_copy(&all, philosopher, &seat,
					   sizeof(seat)));
	kc_waitgroup_wait(&all);
	return 0;
}
