// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * A loop's variable, passed to goroutines by its address.
 *
 * All goroutines get the address of the same variable. When they read it, the loop has
 * ended. (Here they wait for that. Otherwise this would also be a data race.)
 * kc_waitgroup_go_copy() gives each its own copy, which is made before the loop
 * continues. So does kc_go_copy().
 */
#include "example.h"

static kc_waitgroup loop_is_over, all;
static kc_mutex lock;
static int seen[3];

static void see(void *arg)
{
	int i;

	kc_waitgroup_wait(&loop_is_over);
	i = *(int *)arg;
	kc_mutex_lock(&lock);
	printf(" %d", i);
	if (i < 3)
		seen[i]++;
	kc_mutex_unlock(&lock);
}

static void start_three(int copy)
{
	int i;

	kc_waitgroup_add(&loop_is_over, 1);
	for (i = 0; i < 3; i++) {
		if (copy)
			CHECK(kc_waitgroup_go_copy(&all, see, &i, sizeof(i)));
		else
			CHECK(kc_waitgroup_go(&all, see, &i));
	}
	kc_waitgroup_done(&loop_is_over);
	kc_waitgroup_wait(&all);
}

int main(void)
{
	printf("the variable's address:");
	start_three(0);
	printf("\na copy for each, in some order:");
	start_three(1);
	printf("\neach once: %s\n",
	       seen[0] == 1 && seen[1] == 1 && seen[2] == 1 ? "yes" : "no");
	return 0;
}
