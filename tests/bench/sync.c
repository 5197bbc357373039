// SPDX-License-Identifier: GPL-2.0-only
/*
 * Goroutines and mutexes, and what POSIX has for that.
 */
#include "bench.h"

#include <errno.h>
#include <kchan/kchan.h>
#include <pthread.h>

static void nothing(void *arg)
{
	(void)arg;
}

static void kchan_go(void)
{
	kc_waitgroup wg = KC_WAITGROUP_INIT;

	errno = -kc_waitgroup_go(&wg, nothing, NULL);
	if (errno)
		die("kc_waitgroup_go");
	kc_waitgroup_wait(&wg);
}

static void kchan_mutex(void)
{
	static kc_mutex m;

	kc_mutex_lock(&m);
	kc_mutex_unlock(&m);
}

const struct sync kchan_sync = { kchan_go, kchan_mutex };

static void *thread(void *arg)
{
	return arg;
}

/* With default attributes. */
static void pthread_go(void)
{
	pthread_t made;

	errno = pthread_create(&made, NULL, thread, NULL);
	if (errno)
		die("pthread_create");
	errno = pthread_join(made, NULL);
	if (errno)
		die("pthread_join");
}

static void pthread_mutex(void)
{
	static pthread_mutex_t m = PTHREAD_MUTEX_INITIALIZER;

	pthread_mutex_lock(&m);
	pthread_mutex_unlock(&m);
}

const struct sync pthread_sync = { pthread_go, pthread_mutex };
