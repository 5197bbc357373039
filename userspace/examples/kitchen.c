// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * A kitchen: concurrency and parallelism.
 *
 * Concurrency means that several tasks are in progress. While one dish is in the oven,
 * the cook works on another. So three dishes do not take three times as long, even with
 * one cook. Parallelism means that several tasks are worked on at the same moment: this
 * needs more cooks. The program is the same. The machine decides how many cooks there
 * are.
 */
#include <sched.h>
#include <stdatomic.h>
#include <time.h>

#include "example.h"

#define STEPS	3

struct kitchen {
	kc_mutex lock;
	cpu_set_t cooks;	/* the CPUs that were used */
	char log[100];		/* the dishes whose steps were done, in order */
};

struct dish {
	struct kitchen *kitchen;
	const char *name;
};

/* Work for a cook: uses this much processor time. */
static void chop(int64_t ns)
{
	struct timespec used;

	do {
		clock_gettime(CLOCK_THREAD_CPUTIME_ID, &used);
	} while (used.tv_sec * KC_SECOND + used.tv_nsec < ns);
}

static void cook(void *arg)
{
	const struct dish *dish = arg;
	struct kitchen *kitchen = dish->kitchen;
	struct timespec used;
	int i;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &used);
	for (i = 1; i <= STEPS; i++) {
		chop(used.tv_nsec + i * 10 * KC_MILLISECOND);
		kc_mutex_lock(&kitchen->lock);
		CPU_SET(sched_getcpu(), &kitchen->cooks);
		strcat(kitchen->log, dish->name);
		kc_mutex_unlock(&kitchen->lock);
		kc_sleep(50 * KC_MILLISECOND);	/* in the oven */
	}
}

static void open_kitchen(const char *name)
{
	struct kitchen kitchen = { .lock = KC_MUTEX_INIT };
	struct dish dishes[] = {
		{ &kitchen, " soup" }, { &kitchen, " pie" }, { &kitchen, " cake" },
	};
	kc_waitgroup wg = KC_WAITGROUP_INIT;
	size_t i;

	CPU_ZERO(&kitchen.cooks);
	for (i = 0; i < 3; i++)
		CHECK(kc_waitgroup_go(&wg, cook, &dishes[i]));
	kc_waitgroup_wait(&wg);
	printf("%s:%s (%d at work)\n", name, kitchen.log,
	       CPU_COUNT(&kitchen.cooks));
	/* The threads of the pool keep their CPU mask, so end them. */
	CHECK(kc_shutdown());
}

int main(void)
{
	cpu_set_t all, one;

	sched_getaffinity(0, sizeof(all), &all);
	CPU_ZERO(&one);
	CPU_SET(sched_getcpu(), &one);
	sched_setaffinity(0, sizeof(one), &one);
	open_kitchen("one cook");
	sched_setaffinity(0, sizeof(all), &all);
	open_kitchen("all cooks");
	return 0;
}
