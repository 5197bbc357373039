// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * The other side of primes.py: receives ranges of numbers, and sends for each how many
 * primes are in it.
 *
 * usage: primes_worker			with the ends "jobs" and "results", inherited
 *        primes_worker JOBS RESULTS	with channels that have these names
 */
#include <errno.h>
#include <kchan/kchan.h>
#include <stdint.h>
#include <stdio.h>

/* As primes.py packs them. */
struct job {
	uint64_t first, end;
};

struct result {
	uint64_t first, primes;
};

static uint64_t primes(uint64_t first, uint64_t end)
{
	uint64_t n, d, found = 0;

	for (n = first < 2 ? 2 : first; n < end; n++) {
		for (d = 2; d * d <= n && n % d; d++)
			;
		found += d * d > n;
	}
	return found;
}

static int get_ends(kc_chan **jobs, kc_chan **results, int argc, char *argv[])
{
	int ret;

	if (argc == 3) {
		ret = kc_open(jobs, argv[1], KC_OPEN_RECV);
		return ret ? ret : kc_open(results, argv[2], KC_OPEN_SEND);
	}
	ret = kc_inherit(jobs, "jobs");
	return ret ? ret : kc_inherit(results, "results");
}

int main(int argc, char *argv[])
{
	kc_chan *jobs, *results;
	struct result result;
	struct job job;
	int ret = get_ends(&jobs, &results, argc, argv);

	while (!ret && (ret = kc_recv(jobs, &job)) == 1) {
		result.first = job.first;
		result.primes = primes(job.first, job.end);
		ret = kc_send(results, &result);
	}
	/* All is done already, and the channels are closed: this worker came late. */
	if (ret == -ENXIO)
		return 0;
	if (ret < 0)
		fprintf(stderr, "primes_worker: %s\n", kc_strerror(ret));
	return ret < 0;
}
