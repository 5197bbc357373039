// SPDX-License-Identifier: GPL-2.0-only
/*
 * An element received under lease, and acknowledged, beside one that is read.
 */
#include "bench.h"

#include <errno.h>
#include <linux/kchan.h>
#include <sys/ioctl.h>
#include <unistd.h>

/* Elements in the channel at the beginning of each run, which is not measured. */
#define REFILL	64

struct outcome {
	struct kchan_commit commit;
	char elem[ELEM_SIZE];
};

struct way {
	uint64_t limit;		/* of each lease, in nanoseconds; 0 for none */
	/* Receives @n elements, which are there. */
	void (*run)(const struct lane *lane, uint64_t limit, unsigned long n);
};

static int arm(int on, const struct lane *lane, uint64_t limit)
{
	struct kchan_case c = { .fd = lane->rx, .op = KCHAN_OP_RECV, .len = ELEM_SIZE };
	struct kchan_arm a = {
		.cases = (uintptr_t)&c,
		.nr_cases = 1,
		.case_size = sizeof(c),
		.flags = KCHAN_ARM_LEASE,
		.commit_size = sizeof(struct kchan_commit),
		.limit = limit,
	};
	int ret = ioctl(on, KCHAN_IOC_ARM, &a);

	if (ret < 0)
		die("arm");
	return ret;
}

static void by_read(const struct lane *lane, uint64_t limit, unsigned long n)
{
	char elem[ELEM_SIZE];

	(void)limit;
	while (n--)
		lane_recv(lane, elem);
}

/* The lease of the steady state, armed when its channel is made. */
static int steady = -1;

/* The last one waits for the next run. */
static void by_ack(const struct lane *lane, uint64_t limit, unsigned long n)
{
	struct outcome out;
	struct kchan_ack ack = {
		.flags = KCHAN_ACK_REARM,
		.len = sizeof(out),
		.addr = (uintptr_t)&out,
	};

	(void)lane;
	(void)limit;
	while (n--)
		if (ioctl(steady, KCHAN_IOC_ACK, &ack) != sizeof(out))
			die("acknowledge");
}

static void by_new_fd(const struct lane *lane, uint64_t limit, unsigned long n)
{
	struct kchan_ack ack = { .flags = 0 };
	struct outcome out;

	while (n--) {
		const int lease = arm(lane->rx, lane, limit);

		if (read(lease, &out, sizeof(out)) != sizeof(out) ||
		    ioctl(lease, KCHAN_IOC_ACK, &ack))
			die("lease");
		close(lease);
	}
}

static uint64_t leases(const struct work *work, const void *how, unsigned int at,
		       unsigned long count)
{
	const struct way *way = how;
	const char elem[ELEM_SIZE] = { 0 };
	struct outcome out;
	struct lane lane;
	uint64_t sum = 0;

	(void)at;
	lane_open(&lane, &kchan_transport, ELEM_SIZE, work->arg);
	if (way->run == by_ack) {
		lane_send(&lane, elem);
		steady = arm(lane.rx, &lane, way->limit);
		if (read(steady, &out, sizeof(out)) != sizeof(out))
			die("read");
	}
	while (count) {
		const unsigned long n = count < REFILL ? count : REFILL;
		uint64_t started;

		for (unsigned long i = 0; i < n; i++)
			lane_send(&lane, elem);
		started = clock_start();
		way->run(&lane, way->limit, n);
		sum += clock_stop(started);
		count -= n;
	}
	if (way->run == by_ack)
		close(steady);
	lane_close(&lane);
	return sum;
}

#define HOUR	3600000000000ULL

static const struct subject of_leases[] = {
	{ "read", &(const struct way){ 0, by_read } },
	{ "lease", &(const struct way){ 0, by_ack } },
	{ "lease-limit", &(const struct way){ HOUR, by_ack } },
	{ "lease-new", &(const struct way){ 0, by_new_fd } },
};

static const struct work lease_works[] = {
	{
		.name = "lease",
		.what = "a receive of an element that is there: by read; under lease, "
			"acknowledged, with the next one in one call; with a limit of an "
			"hour; with a new descriptor for each lease",
		.peer = "read", SUBJECTS(of_leases), AT(0), .arg = REFILL, .kind = NET,
		.run = leases,
	},
};

const struct group lease_group = { "lease", lease_works, NR(lease_works) };
