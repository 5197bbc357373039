/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The cost of channels and of what else a program might use.
 *
 * A work is something to do, say a send and a receive. A subject is a way to do it,
 * say a pipe. Each work has its subjects, and each subject of a work is measured at
 * each value of what the work varies, say the size of an element. Works of one topic
 * are a group, which can be run alone.
 */
#ifndef BENCH_H
#define BENCH_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define NR(array)	(sizeof(array) / sizeof((array)[0]))

/* Bytes in an element, where a work does not vary them. */
#define ELEM_SIZE	64

struct subject {
	const char *name;
	const void *how;	/* for the work's run(), which knows the type */
};

enum kind {
	WHOLE,		/* run() also returns what it takes to begin and to end */
	NET,		/* run() returns the time of the operations alone */
	BYTES,		/* run() returns bytes of memory */
};

struct work {
	const char *name;
	const char *what;	/* what a figure is the cost of */
	const char *peer;	/* the subject that the others are compared with */
	const struct subject *subjects;
	size_t nr_subjects;
	const char *axis;	/* what is varied; NULL if nothing is */
	const unsigned int *at;	/* the values of that */
	size_t nr_at;
	unsigned int arg;	/* for run(): a capacity, a number of threads */
	unsigned long count;	/* operations; 0: as the command line says */
	bool by_size;		/* fewer operations where an element is large */
	enum kind kind;
	uint64_t (*run)(const struct work *work, const void *how, unsigned int at,
			unsigned long count);
};

struct group {
	const char *name;
	const struct work *works;
	size_t nr;
};

/* The values of what a work varies; what nothing varies is at 0. */
#define AT(...)								\
	.at = (const unsigned int[]){ __VA_ARGS__ },			\
	.nr_at = NR(((const unsigned int[]){ __VA_ARGS__ }))
#define SUBJECTS(array)	.subjects = (array), .nr_subjects = NR(array)

extern const struct group transfer_group, batch_group, size_group, parked_group,
	many_group, pollers_group, select_group, lease_group, idle_group, go_group;

struct transport;

/* One way for elements, from those who send to those who receive. */
struct lane {
	const struct transport *transport;
	int tx;
	int rx;
	void *handle;		/* of what is no descriptor */
	size_t size;		/* bytes in an element */
};

/* What moves elements. */
struct transport {
	void (*open)(struct lane *lane, size_t size, unsigned int capacity);
	void (*close)(struct lane *lane);
	void (*send)(const struct lane *lane, const void *elem);
	void (*recv)(const struct lane *lane, void *elem);
};

static inline void lane_open(struct lane *lane, const struct transport *transport,
			     size_t size, unsigned int capacity)
{
	*lane = (struct lane){ transport, -1, -1, NULL, size };
	transport->open(lane, size, capacity);
}

static inline void lane_close(struct lane *lane)
{
	lane->transport->close(lane);
}

static inline void lane_send(const struct lane *lane, const void *elem)
{
	lane->transport->send(lane, elem);
}

static inline void lane_recv(const struct lane *lane, void *elem)
{
	lane->transport->recv(lane, elem);
}

extern const struct transport kchan_transport, default_transport, lib_transport,
	lib_plain_transport, pipe_transport, seqpacket_transport, mqueue_transport,
	eventfd_transport, ring_transport, floor_transport,
	nothing_transport;

/* Memory whose pages are there, filled with zeros. */
void *touched_memory(size_t size);

/* A thread of the benchmark: with a stack that is small enough for 10,000 of them. */
pthread_t thread_start(void *(*run)(void *arg), void *arg);
void thread_join(pthread_t thread);

/* So many descriptors may be open, as many threads be there, and any message queues. */
void raise_limits(unsigned long nr);

uint64_t now(void);

/* What is measured lies between these, for the profiler too. */
uint64_t clock_start(void);
uint64_t clock_stop(uint64_t started);
/* To the profiler, what was measured so far does not count. */
void clock_forget(void);

/*
 * What one nanosecond of the clock is: an instruction, if loops of a known number of
 * instructions, quick ones and slow ones, take as many nanoseconds.
 */
struct timebase {
	bool counts;		/* instructions, not time */
	double quick;		/* nanoseconds an instruction in a quick loop */
	double slow;		/* and in one of slow instructions */
};

void timebase_find(struct timebase *base);

_Noreturn void die(const char *what);

#endif
