// SPDX-License-Identifier: GPL-2.0-only
/*
 * What the race detector knows of the library. This program is compiled with it, and
 * the library is not.
 *
 * There are two tests for each edge of the memory model: what it orders is no race, and
 * what it does not order is a race. In both, two goroutines access the same variable,
 * one certainly before the other. This order is made in a way that the detector does
 * not see. Each test runs in a process of its own. Its exit status and its output are
 * the result.
 */
#include "case.h"

#include <dlfcn.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tap.h"

/* The detector's exit status after a race, by default. */
#define FOUND	66
#define UNSURE	70

#define MAX_TESTS	400

/* Looking up names takes the detector longer than all the rest: see says(). */
const char *__tsan_default_options(void);

const char *__tsan_default_options(void)
{
	return "symbolize=0";
}

#define UNSEEN	__attribute__((noinline, no_sanitize("thread")))

static unsigned int touched;
static unsigned int nr_come;

__attribute__((noinline)) void touch(void)
{
	touched++;
}

void not_sure(const char *file, int line, const char *text)
{
	fprintf(stderr, "%s:%d: not so: %s\n", file, line, text);
	_exit(UNSURE);
}

UNSEEN void come(void)
{
	__atomic_fetch_add(&nr_come, 1, __ATOMIC_SEQ_CST);
}

UNSEEN bool has_come(unsigned int count)
{
	return __atomic_load_n(&nr_come, __ATOMIC_SEQ_CST) >= count;
}

UNSEEN void await(unsigned int count)
{
	while (!has_come(count))
		sched_yield();
}

void go(void (*fn)(void *arg))
{
	sure(!kc_go(fn, NULL));
}

static const struct edges *const all_edges[] = {
	&channel_edges, &select_edges, &mapped_edges, &lease_edges, &sync_edges,
	&context_edges,
};

static const struct race_cases *const all_cases[] = {
	&channel_cases, &select_cases, &mapped_cases, &lease_cases, &goroutine_cases,
	&group_cases,
};

/* The subject of a test: one of these two. */
static struct subject {
	const struct edge *edge;
	const struct race_case *other;
	bool late;
	bool in_turn;
} subjects[MAX_TESTS];
static struct tap_test tests[MAX_TESTS];
static size_t nr_tests;

/* True when the giver has finished. The detector does not see this either. */
static bool given;

UNSEEN static void has_given(void)
{
	__atomic_store_n(&given, true, __ATOMIC_SEQ_CST);
}

UNSEEN static void await_given(void)
{
	while (!__atomic_load_n(&given, __ATOMIC_SEQ_CST))
		sched_yield();
}

static void giver(void *arg)
{
	const struct subject *s = arg;

	if (!s->late)
		touch();
	s->edge->give();
	if (s->late)
		touch();
	has_given();
}

static void run_edge(const struct subject *s)
{
	s->edge->make();
	sure(!kc_go(giver, (void *)s));
	if (s->in_turn)
		await_given();
	s->edge->take();
	if (s->late)
		await_given();
	touch();
	await_given();
}

static void run(const struct subject *s)
{
	if (s->edge)
		run_edge(s);
	else
		s->other->run();
}

struct outcome {
	int status;
	char said[64 * 1024];
};

static void run_apart(const struct subject *s, struct outcome *o)
{
	size_t len = 0;
	char rest[512];
	ssize_t more;
	int ends[2];
	pid_t pid;

	must_int(pipe(ends), 0);
	pid = fork();
	must(pid >= 0);
	if (!pid) {
		dup2(ends[1], STDERR_FILENO);
		close(ends[0]);
		close(ends[1]);
		run(s);
		_exit(0);
	}
	close(ends[1]);
	while ((more = read(ends[0], rest, sizeof(rest))) > 0) {
		if (len + more >= sizeof(o->said))
			continue;
		memcpy(o->said + len, rest, more);
		len += more;
	}
	o->said[len] = '\0';
	close(ends[0]);
	must_int(waitpid(pid, &o->status, 0), pid);
}

/* True if "(PROGRAM+OFFSET)" is in this function, which is not static. */
static bool is_in(const char *place, const char *function)
{
	unsigned long offset;
	Dl_info here, there;
	char program[64];

	return sscanf(place, "(%63[^+]+%lx)", program, &offset) == 2 &&
	       !strcmp(program, program_invocation_short_name) &&
	       dladdr((void *)touch, &here) &&
	       dladdr((char *)here.dli_fbase + offset, &there) &&
	       there.dli_sname && !strcmp(there.dli_sname, function);
}

static bool says(const struct outcome *o, const char *found)
{
	const char *at = strstr(o->said, "WARNING: ThreadSanitizer: data race");

	for (; at; at = strchr(at + 1, '('))
		if (is_in(at, found))
			return true;
	return false;
}

static void judge(void)
{
	const struct subject *s = &subjects[tap_current() - tests];
	struct outcome *o = malloc(sizeof(*o));
	const char *found = s->late ? "touch" : s->other ? s->other->found : NULL;
	bool good;

	must(o);
	run_apart(s, o);
	good = expect(WIFEXITED(o->status));
	if (good && found)
		good = expect_int(WEXITSTATUS(o->status), FOUND) &
			expect(says(o, found));
	else if (good)
		good = expect_int(WEXITSTATUS(o->status), 0) & expect(!o->said[0]);
	if (!good)
		tap_note("said:\n%s", o->said);
	free(o);
}

static void add(const char *start, const char *text, struct subject s)
{
	char *whole;

	if (nr_tests == MAX_TESTS || asprintf(&whole, "%s%s", start, text) < 0)
		abort();
	tests[nr_tests] = (struct tap_test){ whole, judge };
	subjects[nr_tests++] = s;
}

static void add_edge(const struct edge *e, bool in_turn)
{
	add("ordered by: ", e->text, (struct subject){ .edge = e, .in_turn = in_turn });
	add("not ordered, as it is after: ", e->text,
	    (struct subject){ .edge = e, .late = true, .in_turn = in_turn });
}

static void add_case(const struct race_case *c)
{
	add(c->found ? "a race: " : "no race: ", c->text,
	    (struct subject){ .other = c });
}

/* With the shared library one test of each kind is enough: the code is the same. */
static size_t some(size_t count)
{
	return strstr(program_invocation_short_name, "shared") ? 1 : count;
}

int main(void)
{
	size_t i, j;

	for (i = 0; i < ARRAY_SIZE(all_edges); i++)
		for (j = 0; j < some(all_edges[i]->count); j++)
			add_edge(&all_edges[i]->edges[j], all_edges[i]->in_turn);
	for (i = 0; i < ARRAY_SIZE(all_cases); i++)
		for (j = 0; j < some(all_cases[i]->count); j++)
			add_case(&all_cases[i]->cases[j]);
	return tap_run(tests, nr_tests);
}
