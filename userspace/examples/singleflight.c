// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * singleflight: many goroutines want the same value at the same time. It is fetched
 * once, and all get it. So when a cache entry has expired, the goroutines do not all
 * ask the database.
 */
#include <errno.h>
#include <stdatomic.h>

#include "example.h"

#define ASKERS	5

static kc_flight fetches;
static kc_waitgroup wg;
static atomic_int fetched, shared;

static kc_error *fetch(void *arg, void **value, void (**destroy)(void *value))
{
	atomic_fetch_add(&fetched, 1);
	kc_sleep(KC_SECOND);
	*value = strdup(arg);
	*destroy = free;
	return *value ? NULL : kc_error_new(-ENOMEM, NULL);
}

static void ask(void *arg)
{
	kc_flight_result r;

	CHECK(kc_flight_do(&fetches, "weather", fetch, arg, &r));
	if (!r.error && !strcmp(r.value, "rain"))
		atomic_fetch_add(&shared, r.shared);
	/* The last one that clears its result frees the value. */
	kc_flight_result_clear(&r);
}

int main(void)
{
	int i;

	for (i = 0; i < ASKERS; i++)
		CHECK(kc_waitgroup_go(&wg, ask, (void *)"rain"));
	kc_waitgroup_wait(&wg);
	printf("%d asked, %d got a shared answer, fetched %d time\n", ASKERS,
	       atomic_load(&shared), atomic_load(&fetched));
	/* The value is not kept. */
	ask((void *)"rain");
	printf("one more asked: fetched %d times\n", atomic_load(&fetched));
	return 0;
}
