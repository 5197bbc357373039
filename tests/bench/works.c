// SPDX-License-Identifier: GPL-2.0-only
/*
 * The works. What each of them takes to begin and to end is in its time, and is
 * subtracted by the caller, who runs it with two counts.
 */
#include "bench.h"

#include <errno.h>
#include <pthread.h>
#include <string.h>

/* Elements that a lane is filled with: no subject's buffer is smaller. */
#define REFILL	256

struct side {
	const struct subject *subject;
	struct lane *lanes;
	unsigned long count;
};

static pthread_t start(void *(*run)(void *side), struct side *side)
{
	pthread_t thread;

	errno = pthread_create(&thread, NULL, run, side);
	if (errno)
		die("pthread_create");
	return thread;
}

static void join(pthread_t thread)
{
	errno = pthread_join(thread, NULL);
	if (errno)
		die("pthread_join");
}

static uint64_t pair(const struct subject *subject, struct lane *lanes,
		     unsigned long count)
{
	char elem[ELEM_SIZE] = { 0 };
	uint64_t started = clock_start();

	while (count--) {
		subject->send(lanes, elem);
		subject->recv(lanes, elem);
	}
	return clock_stop(started);
}

static void *pong(void *arg)
{
	const struct side *side = arg;
	char elem[ELEM_SIZE];

	for (unsigned long i = 0; i < side->count; i++) {
		side->subject->recv(&side->lanes[0], elem);
		side->subject->send(&side->lanes[1], elem);
	}
	return NULL;
}

static uint64_t ping_pong(const struct subject *subject, struct lane *lanes,
			  unsigned long count)
{
	struct side side = { subject, lanes, count };
	char elem[ELEM_SIZE] = { 0 };
	uint64_t started = clock_start();
	pthread_t other = start(pong, &side);

	while (count--) {
		subject->send(&lanes[0], elem);
		subject->recv(&lanes[1], elem);
	}
	join(other);
	return clock_stop(started);
}

static void *writer(void *arg)
{
	const struct side *side = arg;
	char elem[ELEM_SIZE] = { 0 };

	for (unsigned long i = 0; i < side->count; i++)
		side->subject->send(side->lanes, elem);
	return NULL;
}

static uint64_t stream(const struct subject *subject, struct lane *lanes,
		       unsigned long count)
{
	struct side side = { subject, lanes, count };
	char elem[ELEM_SIZE];
	uint64_t started = clock_start();
	pthread_t other = start(writer, &side);

	while (count--)
		subject->recv(lanes, elem);
	join(other);
	return clock_stop(started);
}

/*
 * Refilling is not what is asked for, and is done while the clock is not looked
 * at. The element is in another lane each time but for a reader's, who knows but
 * one.
 */
static uint64_t any(const struct subject *subject, struct lane *lanes,
		    unsigned int nr, unsigned long count)
{
	const struct any *receiver = subject->any;
	unsigned int full = 0;
	uint64_t sum = 0, started;

	receiver->begin(lanes, nr);
	while (count) {
		char elem[ELEM_SIZE] = { 0 };
		unsigned long n = count < REFILL ? count : REFILL;

		for (unsigned long i = 0; i < n; i++)
			subject->send(&lanes[full], elem);
		started = clock_start();
		for (unsigned long i = 0; i < n; i++)
			receiver->recv();
		sum += clock_stop(started);
		count -= n;
		if (receiver != &read_any)
			full = (full + 1) % nr;
	}
	receiver->end();
	return sum;
}

static uint64_t select_2(const struct subject *subject, struct lane *lanes,
			 unsigned long count)
{
	return any(subject, lanes, 2, count);
}

static uint64_t select_8(const struct subject *subject, struct lane *lanes,
			 unsigned long count)
{
	return any(subject, lanes, 8, count);
}

static uint64_t go(const struct subject *subject, struct lane *lanes,
		   unsigned long count)
{
	uint64_t started = clock_start();

	(void)lanes;
	while (count--)
		subject->sync->go();
	return clock_stop(started);
}

static uint64_t mutex(const struct subject *subject, struct lane *lanes,
		      unsigned long count)
{
	uint64_t started = clock_start();

	(void)lanes;
	while (count--)
		subject->sync->mutex();
	return clock_stop(started);
}

struct work works[NR_WORKS] = {
	[PAIR] = {
		"pair", "a send and a receive in one thread", 16, pair, 1
	},
	[PING_PONG] = {
		"ping-pong", "a round trip between two threads", 1, ping_pong, 2
	},
	[RENDEZVOUS] = {
		"rendezvous", "the same with nothing between them", 0, ping_pong, 2
	},
	[STREAM] = {
		"stream", "an element from one thread to another", 64, stream, 1
	},
	[SELECT_2] = {
		"select-2", "a receive from one of two that has an element", REFILL,
		select_2, 2
	},
	[SELECT_8] = {
		"select-8", "a receive from one of eight that has an element", REFILL,
		select_8, 8
	},
	[GO] = {
		"go", "to start a goroutine, and wait for its end", 0, go, 0
	},
	[MUTEX] = {
		"mutex", "to lock and unlock a mutex that nobody has", 0, mutex, 0
	},
};
