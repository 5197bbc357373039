/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What a race detector must find, and what it must not find: see races.c.
 */
#ifndef RACES_CASE_H
#define RACES_CASE_H

#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <kchan/kchan.h>

/*
 * An edge of the memory model. @make is called first. Then a goroutine calls @give, and
 * main calls @take, which returns only after @give has done its step. What was done
 * before @give is ordered before what follows @take. What is done after @give is not.
 */
struct edge {
	const char *text;
	void (*make)(void);
	void (*give)(void);
	void (*take)(void);
};

/* Any other test, in a process of its own. */
struct race_case {
	const char *text;
	void (*run)(void);
	/* a non-static function that has a race; NULL: there is none */
	const char *found;
};

struct edges {
	const struct edge *edges;
	size_t count;
	bool in_turn;		/* main calls @take when @give has returned: neither waits */
};

struct race_cases {
	const struct race_case *cases;
	size_t count;
};

#define ARRAY_SIZE(a)	(sizeof(a) / sizeof((a)[0]))

extern const struct edges channel_edges;
extern const struct edges select_edges;
extern const struct edges mapped_edges;
extern const struct edges lease_edges;
extern const struct edges sync_edges;
extern const struct edges context_edges;
extern const struct race_cases channel_cases;
extern const struct race_cases select_cases;
extern const struct race_cases mapped_cases;
extern const struct race_cases lease_cases;
extern const struct race_cases goroutine_cases;
extern const struct race_cases group_cases;

/* The access that may race. */
void touch(void);

/* Ends the process as failed if the condition is false. */
#define sure(cond)							\
	do {								\
		if (!(cond))						\
			not_sure(__FILE__, __LINE__, #cond);		\
	} while (0)

void not_sure(const char *file, int line, const char *text) __attribute__((noreturn));

void go(void (*fn)(void *arg));

/*
 * Progress that the detector does not see. await() returns when this many threads have
 * called come().
 */
void come(void);
void await(unsigned int count);
bool has_come(unsigned int count);

#endif /* RACES_CASE_H */
