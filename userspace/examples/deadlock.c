// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * All goroutines wait for each other, and the program reports this and ends.
 *
 * Each of two goroutines takes one lock, and then wants the lock of the other. In Go
 * the runtime detects that no goroutine can continue. Here the program asks for the
 * check. The report ends the program, and shows what each goroutine waits for, and
 * where. The correction: both take the locks in the same order ("deadlock mended").
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
		/* Wait until the other one has a fork, too. */
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
