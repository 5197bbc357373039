// SPDX-License-Identifier: GPL-2.0-only
/*
 * What is there and does nothing: the memory that it holds, and what it costs to make
 * it and to close it.
 */
#include "bench.h"

#include <errno.h>
#include <kchan/kchan.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

/*
 * Bytes that nobody uses: the pages of each zone, and those that each CPU keeps at hand.
 * The latter are many megabytes after much was freed, and MemFree has them not.
 */
static uint64_t free_memory(void)
{
	FILE *file = fopen("/proc/zoneinfo", "r");
	unsigned long pages = 0, nr;
	char line[128];

	while (file && fgets(line, sizeof(line), file)) {
		if (sscanf(line, " nr_free_pages %lu", &nr) == 1 ||
		    sscanf(line, " count: %lu", &nr) == 1)
			pages += nr;
	}
	if (!file || fclose(file))
		die("/proc/zoneinfo");
	return pages * (uint64_t)sysconf(_SC_PAGESIZE);
}

static void use(const struct lane *lane)
{
	char elem[ELEM_SIZE] = { 0 };

	lane_send(lane, elem);
	lane_recv(lane, elem);
}

/*
 * The first half of them takes what is lost in rounding: tables of descriptors, half
 * empty pages of a slab. The second half is what counts.
 */
static uint64_t idle(const struct work *work, const void *how, unsigned int at,
		     unsigned long count)
{
	struct lane *lanes = touched_memory(2 * count * sizeof(*lanes));
	uint64_t before = 0, after;

	raise_limits(4 * count);
	/* What another process has left is freed late, after RCU's grace periods. */
	sleep(1);
	for (unsigned long i = 0; i < 2 * count; i++) {
		if (i == count)
			before = free_memory();
		lane_open(&lanes[i], how, ELEM_SIZE, at);
		if (work->arg)
			use(&lanes[i]);
	}
	after = free_memory();
	for (unsigned long i = 0; i < 2 * count; i++)
		lane_close(&lanes[i]);
	free(lanes);
	return before - after;
}

static uint64_t made(const struct work *work, const void *how, unsigned int at,
		     unsigned long count)
{
	uint64_t took = clock_start();

	(void)work;
	while (count--) {
		struct lane lane;

		lane_open(&lane, how, ELEM_SIZE, at);
		use(&lane);
		lane_close(&lane);
	}
	return clock_stop(took);
}

/* Those who wait for an element of this lane. */
struct waiters {
	struct lane lane;
	atomic_ulong here;
	atomic_ulong gone;
};

static void wait_in(void *arg)
{
	struct waiters *waiters = arg;
	char elem[ELEM_SIZE];

	atomic_fetch_add(&waiters->here, 1);
	lane_recv(&waiters->lane, elem);
	atomic_fetch_add(&waiters->gone, 1);
}

static void *wait_in_thread(void *arg)
{
	wait_in(arg);
	return NULL;
}

static void start_goroutine(struct waiters *waiters)
{
	errno = -kc_go(wait_in, waiters);
	if (errno)
		die("kc_go");
}

/* With default attributes. */
static void start_thread(struct waiters *waiters)
{
	pthread_t thread;

	errno = pthread_create(&thread, NULL, wait_in_thread, waiters);
	if (!errno)
		errno = pthread_detach(thread);
	if (errno)
		die("pthread_create");
}

struct starter {
	const struct transport *transport;
	void (*start)(struct waiters *waiters);
};

static void start_waiters(struct waiters *waiters, unsigned long nr,
			  const struct starter *starter)
{
	const unsigned long all = atomic_load(&waiters->here) + nr;

	while (nr--)
		starter->start(waiters);
	/* The last ones are about to wait. */
	do {
		usleep(100000);
	} while (atomic_load(&waiters->here) < all);
	usleep(100000);
}

static uint64_t waiter(const struct work *work, const void *how, unsigned int at,
		       unsigned long count)
{
	const struct starter *starter = how;
	struct waiters waiters = { .here = 0 };
	char elem[ELEM_SIZE] = { 0 };
	uint64_t before, after;

	(void)at;
	raise_limits(2 * count);
	lane_open(&waiters.lane, starter->transport, ELEM_SIZE, work->arg);
	sleep(1);
	start_waiters(&waiters, count, starter);
	before = free_memory();
	start_waiters(&waiters, count, starter);
	after = free_memory();
	for (unsigned long i = 0; i < 2 * count; i++)
		lane_send(&waiters.lane, elem);
	while (atomic_load(&waiters.gone) < 2 * count)
		usleep(1000);
	lane_close(&waiters.lane);
	return before - after;
}

static const struct subject of_idle[] = {
	{ "kchan", &kchan_transport },
	{ "kchan-default", &default_transport },
	{ "lib", &lib_transport },
	{ "pipe", &pipe_transport },
	{ "seqpacket", &seqpacket_transport },
	{ "mqueue", &mqueue_transport },
	{ "eventfd", &eventfd_transport },
};

static const struct subject of_waiters[] = {
	{ "lib", &(const struct starter){ &lib_transport, start_goroutine } },
	{ "pthread", &(const struct starter){ &pipe_transport, start_thread } },
};

#define CAPACITIES \
	.peer = "pipe", .axis = "capacity, in elements of 64 bytes", \
	AT(16, 64, 1024)

static const struct work idle_works[] = {
	{
		.name = "idle",
		.what = "memory of one that is there and was not used yet",
		SUBJECTS(of_idle), CAPACITIES, .arg = 0, .count = 4096, .kind = BYTES,
		.run = idle,
	},
	{
		.name = "idle-used",
		.what = "memory of one that is empty, after one element",
		SUBJECTS(of_idle), CAPACITIES, .arg = 1, .count = 4096, .kind = BYTES,
		.run = idle,
	},
	{
		.name = "make-close",
		.what = "to make one, to send and receive one element, and to close it",
		SUBJECTS(of_idle), CAPACITIES, .run = made,
	},
	{
		.name = "waiter",
		.what = "memory of a goroutine (thread) that waits for an element",
		.peer = "pthread", SUBJECTS(of_waiters), .arg = 1, .count = 4096,
		.kind = BYTES, .run = waiter,
	},
};

const struct group idle_group = { "idle", idle_works, NR(idle_works) };
