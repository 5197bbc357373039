/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The cost of channels and of what else a program might use.
 *
 * A subject is a thing that moves elements; a work is what we have it do. Every
 * pair of them that means something is a figure.
 */
#ifndef BENCH_H
#define BENCH_H

#include <stdbool.h>
#include <stdint.h>

#define ELEM_SIZE	64
#define MAX_LANES	8

/* One way for elements: what is sent to tx is received from rx. */
struct lane {
	int tx;
	int rx;
};

enum work_id {
	PAIR,
	PING_PONG,
	RENDEZVOUS,
	STREAM,
	SELECT_2,
	SELECT_8,
	GO,
	MUTEX,
	NR_WORKS
};

/* Receives from the one of several lanes that has an element. */
struct any {
	void (*begin)(const struct lane *lanes, unsigned int nr);
	void (*recv)(void);
	void (*end)(void);
};

extern const struct any select_any, epoll_any, read_any;

/* What needs no lane. */
struct sync {
	void (*go)(void);	/* start a function elsewhere, and wait for its end */
	void (*mutex)(void);	/* lock and unlock what nobody else has */
};

extern const struct sync kchan_sync, pthread_sync;

struct subject {
	const char *name;
	unsigned int works;	/* bits of enum work_id: those that mean something */
	/* 0, or a negative errno with what failed in *why. */
	int (*open)(struct lane *lane, enum work_id work, unsigned int capacity,
		    const char **why);
	void (*send)(const struct lane *lane, const void *elem);
	void (*recv)(const struct lane *lane, void *elem);
	const struct any *any;
	const struct sync *sync;
};

extern const struct subject subjects[];
extern const unsigned int nr_subjects;

void lane_close(struct lane *lane);

struct work {
	const char *name;
	const char *figure;	/* what a figure is the cost of */
	unsigned int capacity;
	/* The time that count of them take, set-up included. */
	uint64_t (*run)(const struct subject *subject, struct lane *lanes,
			unsigned long count);
	unsigned int lanes;	/* 0: it moves no elements */
};

extern struct work works[NR_WORKS];

/* A figure, or why there is none. */
struct cell {
	bool there;
	double cost;
	double switches;	/* of threads, for each operation */
	const char *why;
	int error;
};

/* The clock, and what one of its nanoseconds is. */
struct timebase {
	bool counts;		/* instructions, not time */
	double quick;		/* nanoseconds an instruction in a quick loop */
	double slow;		/* and in one of slow instructions */
};

uint64_t now(void);

/* What is measured lies between these, for the profiler too. */
uint64_t clock_start(void);
uint64_t clock_stop(uint64_t started);
/* To the profiler, what was measured so far does not count. */
void clock_forget(void);

void timebase_find(struct timebase *base);

/* The cells are those of subject 0 in the order of the works, subject 1 ... */
void report_table(const struct cell *cells, const struct timebase *base,
		  const char *machine, unsigned long count);
void report_csv(const struct cell *cells, const struct timebase *base);
/* Says what is missing on standard error; true if something is. */
bool report_missing(const struct cell *cells);

_Noreturn void die(const char *what);

#endif
