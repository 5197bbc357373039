// SPDX-License-Identifier: GPL-2.0-only
/*
 * Two threads count, with a mutex or without one, for the race detector: see races.sh.
 */
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include <kchan/kchan.h>

#define ROUNDS	1000

static kc_mutex m;
static enum { NONE, LOCK, TRY } how;
static unsigned long count;

static void *count_up(void *arg)
{
	int i;

	for (i = 0; i < ROUNDS; i++) {
		if (how == LOCK)
			kc_mutex_lock(&m);
		while (how == TRY && kc_mutex_try_lock(&m))
			kc_gosched();
		count++;
		if (how != NONE)
			kc_mutex_unlock(&m);
	}
	return arg;
}

int main(int argc, char **argv)
{
	pthread_t threads[2];
	int i;

	if (argc > 1)
		how = !strcmp(argv[1], "lock") ? LOCK : TRY;
	for (i = 0; i < 2; i++)
		if (pthread_create(&threads[i], NULL, count_up, NULL))
			abort();
	for (i = 0; i < 2; i++)
		pthread_join(threads[i], NULL);
	return how != NONE && count != 2 * ROUNDS;
}
