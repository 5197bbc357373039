// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Goroutines.
 */
#include <limits.h>
#include <pthread.h>
#include <stdlib.h>

#include "internal.h"
#include "sys.h"

/* What a goroutine may use of its stack. */
#define STACK_ROOM	(64 * 1024)

struct start {
	void (*fn)(void *arg);
	void *arg;
};

/* A thread's stack also holds libc's own things, thread-local data included. */
static size_t stack_size(void)
{
	long libc = sysconf(_SC_THREAD_STACK_MIN);

	return STACK_ROOM + (libc > 0 ? libc : PTHREAD_STACK_MIN);
}

static void *run(void *data)
{
	struct start start = *(struct start *)data;

	free(data);
	start.fn(start.arg);
	return NULL;
}

static int start_thread(struct start *start)
{
	pthread_attr_t attr;
	pthread_t thread;
	int error;

	error = pthread_attr_init(&attr);
	if (error)
		return error;
	pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
	error = pthread_attr_setstacksize(&attr, stack_size());
	if (!error)
		error = pthread_create(&thread, &attr, run, start);
	pthread_attr_destroy(&attr);
	return error;
}

int kc_go(void (*fn)(void *arg), void *arg)
{
	struct start *start;
	int error;

	start = malloc(sizeof(*start));
	if (!start)
		return -ENOMEM;
	start->fn = fn;
	start->arg = arg;

	error = start_thread(start);
	if (error)
		free(start);
	return -error;
}
