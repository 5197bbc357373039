// SPDX-License-Identifier: GPL-2.0-only
/*
 * Of several cases that are ready, each is as likely as any other.
 *
 * Counts over many selects are held against equal ones by the chi-square test.
 * The bounds are those that a sum of squares of so many degrees of freedom
 * exceeds with a probability below 1e-9, from Wilson and Hilferty's
 * approximation (z = 6): d * (1 - 2/(9d) + 6 * sqrt(2/(9d)))^3, and for 1 and 2
 * degrees, where that is too rough, the exact ones. So a run that fails by
 * chance is not to be expected in the project's life, and a choice that prefers
 * one case of a few by a sixth or so is found, or one that takes one of 64 three
 * times as often.
 */
#include <math.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/mman.h>

#include "cases.h"

#define ROUNDS	8000
#define MANY	16

static double bound(unsigned int degrees)
{
	double d = degrees, a = 2 / (9 * d);

	if (degrees == 1)
		return 37.4;
	if (degrees == 2)
		return 41.5;
	return d * pow(1 - a + 6 * sqrt(a), 3);
}

/* @ready says which cases have to share the rounds. */
static void expect_fair(const unsigned long *counts, const bool *ready,
			unsigned int nr, unsigned long rounds)
{
	unsigned int some = 0;
	double chi = 0;

	for (unsigned int i = 0; i < nr; i++)
		some += ready[i];
	for (unsigned int i = 0; i < nr; i++) {
		double want = (double)rounds / some;

		if (!ready[i]) {
			expect_int(counts[i], 0);
			continue;
		}
		chi += (counts[i] - want) * (counts[i] - want) / want;
	}
	if (!expect(chi < bound(some - 1)))
		for (unsigned int i = 0; i < nr; i++)
			tap_note("case %u: %lu of %lu", i, counts[i], rounds);
}

/* Less of selects that take long, and at least twenty for each case. */
static unsigned long rounds_for(unsigned int nr)
{
	unsigned long rounds = tap_scale(nr > MANY ? ROUNDS / 4 : ROUNDS);

	return rounds < 20 * nr ? 20 * nr : rounds;
}

/* Receives from channels with an element in each; @skip of them have none. */
static void receives(unsigned int nr, unsigned int skip)
{
	unsigned long counts[KCHAN_MAX_CASES] = { 0 }, rounds = rounds_for(nr);
	bool ready[KCHAN_MAX_CASES];
	int fd[KCHAN_MAX_CASES];
	uint64_t v;
	struct cases c;

	cases_init(&c, 0, 0);
	for (unsigned int i = 0; i < nr; i++) {
		fd[i] = chan_make(0, 8, 1);
		ready[i] = !skip || i % skip;
		if (ready[i])
			send_u64(fd[i], i);
		add_recv(&c, fd[i], &v, 8);
	}
	for (unsigned long i = 0; i < rounds; i++) {
		int at = cases_now(fd[0], &c);

		must(at >= 0);
		must_int(v, at);
		counts[at]++;
		send_u64(fd[at], v);
	}
	expect_fair(counts, ready, nr, rounds);
	for (unsigned int i = 0; i < nr; i++)
		close(fd[i]);
}

static void two(void)
{
	receives(2, 0);
}

static void three(void)
{
	receives(3, 0);
}

static void eight(void)
{
	receives(8, 0);
}

static void sixty_four(void)
{
	receives(64, 0);
}

static void some_of_many(void)
{
	receives(7, 3);
	receives(64, 2);
}

/*
 * Sends, receives, a closed channel, a channel in two cases, an element that
 * moves by pointer, fds that are ready: a case is a case.
 */
static void of_all_kinds(void)
{
	unsigned long counts[9] = { 0 }, rounds = rounds_for(9);
	static const bool ready[9] = {
		true, false, true, true, true, true, true, true, false
	};
	int full = chan_make(0, 8, 1), room = chan_make(0, 8, 1);
	int closed = chan_make(0, 8, 1), big = chan_make(0, 5000, 1);
	int pipes[2];
	char in[5000] = { 0 }, out[5000];
	uint64_t v;
	struct cases c;

	must_int(pipe(pipes), 0);
	must_int(write(pipes[1], "x", 1), 1);
	send_u64(full, 1);
	must_int(write(big, in, sizeof(in)), sizeof(in));
	chan_close(closed);
	cases_init(&c, 0, 0);
	add_recv(&c, full, &v, 8);		/* 0 */
	add_send(&c, full, &v, 8);		/* 1: never */
	add_send(&c, room, &v, 8);		/* 2 */
	add_recv(&c, closed, &v, 8);		/* 3 */
	add_recv(&c, big, out, sizeof(out));	/* 4 */
	add_recv(&c, full, &v, 8);		/* 5: as 0 */
	add_poll(&c, pipes[0], POLLIN);		/* 6 */
	add_poll(&c, pipes[1], POLLOUT);	/* 7 */
	add_poll(&c, pipes[1], 0);		/* 8: never */
	for (unsigned long i = 0; i < rounds; i++) {
		int at = cases_now(full, &c);

		must(at >= 0);
		counts[at]++;
		if (at == 0 || at == 5)
			send_u64(full, 1);
		if (at == 2)
			expect_recv(room, v);
		if (at == 4)
			must_int(write(big, in, sizeof(in)), sizeof(in));
	}
	expect_fair(counts, ready, 9, rounds);
}

/*
 * An element whose memory has to be made present first is no less likely for
 * that, nor one that is copied to be sent by pointer.
 */
static void with_faults(void)
{
	unsigned long counts[3] = { 0 }, rounds = rounds_for(3);
	static const bool ready[3] = { true, true, true };
	int a = chan_make(0, 8, 1), b = chan_make(0, 8, 1);
	int big = chan_make(0, 5000, 1);
	static char in[5000], out[5000];
	uint64_t v;
	struct cases c;

	send_u64(a, 1);
	send_u64(b, 2);
	for (unsigned long i = 0; i < rounds; i++) {
		char *fresh = map_pages(8);
		int at;

		cases_init(&c, 0, 0);
		add_recv(&c, a, &v, 8);
		add_recv(&c, b, fresh, 8);
		add_send(&c, big, in, sizeof(in));
		at = cases_now(a, &c);
		must(at >= 0);
		counts[at]++;
		if (at == 0)
			send_u64(a, 1);
		if (at == 1) {
			must_int(*(uint64_t *)fresh, 2);
			send_u64(b, 2);
		}
		if (at == 2)
			must_int(read(big, out, sizeof(out)), sizeof(out));
		munmap(fresh, 8);
	}
	expect_fair(counts, ready, 3, rounds);
}

/*
 * A thread that selects the same cases again and again, each time when nothing is
 * ready, and counts which one it was told. The test knows by the last case, of a
 * channel that is for nothing else, that it waits.
 */
struct waiter {
	struct cases c;
	unsigned int nr;		/* but for the last one */
	unsigned long rounds;
	unsigned long counts[KCHAN_MAX_CASES];
	int idle;
	int turn;			/* an eventfd: it may go on */
	atomic_ulong done;
	uint64_t v[KCHAN_MAX_CASES];
	pthread_t thread;
};

static void *waits(void *arg)
{
	struct waiter *w = arg;
	uint64_t n;

	for (unsigned long i = 0; i < w->rounds; i++) {
		must_int(cases_run(w->idle, &w->c), 0);
		must(w->c.s.index < w->nr);
		w->counts[w->c.s.index]++;
		atomic_store(&w->done, i + 1);
		must_int(read(w->turn, &n, 8), 8);
	}
	return NULL;
}

static void waiter_init(struct waiter *w)
{
	memset(w, 0, sizeof(*w));
	w->idle = chan_make(0, 8, 0);
	w->turn = eventfd(0, 0);
	cases_init(&w->c, 0, 0);
}

static void waiter_start(struct waiter *w)
{
	w->nr = w->c.nr;
	w->rounds = tap_scale(3000);
	if (w->rounds < 20 * w->nr)
		w->rounds = 20 * w->nr;
	add_recv(&w->c, w->idle, &w->v[w->nr], 8);
	thread_start(&w->thread, waits, w);
}

/* Between the two, something becomes ready. */
static void waiter_waits(struct waiter *w)
{
	wait_receivers(w->idle, 1);
}

static void waiter_told(struct waiter *w, unsigned long round)
{
	until(atomic_load(&w->done) == round + 1);
}

static void waiter_goes_on(struct waiter *w)
{
	const uint64_t one = 1;

	must_int(write(w->turn, &one, 8), 8);
}

static void waiter_end(struct waiter *w)
{
	bool ready[KCHAN_MAX_CASES];

	thread_join(w->thread);
	memset(ready, true, sizeof(ready));
	expect_fair(w->counts, ready, w->nr, w->rounds);
}

/* One channel in several cases: one send makes all of them ready at an instant. */
static void waiting_on_one_channel(void)
{
	static struct waiter w;
	int fd = chan_make(0, 8, 1), other = chan_make(0, 8, 0);

	waiter_init(&w);
	for (int i = 0; i < 4; i++)
		add_recv(&w.c, fd, &w.v[i], 8);
	waiter_start(&w);
	for (unsigned long i = 0; i < w.rounds; i++) {
		waiter_waits(&w);
		send_u64(fd, i);
		waiter_told(&w, i);
		must_int(w.v[w.c.s.index], i);
		waiter_goes_on(&w);
	}
	waiter_end(&w);

	/* To send, among other channels, on a rendezvous. */
	waiter_init(&w);
	for (int i = 0; i < 3; i++)
		add_send(&w.c, other, &w.v[i], 8);
	waiter_start(&w);
	for (unsigned long i = 0; i < w.rounds; i++) {
		waiter_waits(&w);
		expect_recv(other, 0);
		waiter_told(&w, i);
		waiter_goes_on(&w);
	}
	waiter_end(&w);
}

/* One fd in several cases, too, and several fds that are one file. */
static void waiting_on_one_file(void)
{
	const uint64_t one = 1;
	static struct waiter w;
	int event = eventfd(0, EFD_NONBLOCK);
	uint64_t n;

	waiter_init(&w);
	for (int i = 0; i < 4; i++)
		add_poll(&w.c, i % 2 ? dup(event) : event, POLLIN);
	waiter_start(&w);
	for (unsigned long i = 0; i < w.rounds; i++) {
		waiter_waits(&w);
		must_int(write(event, &one, 8), 8);
		waiter_told(&w, i);
		must_int(read(event, &n, 8), 8);
		waiter_goes_on(&w);
	}
	waiter_end(&w);
}

/* Of a select that waits at several channels, another select picks any. */
static void met_by_another(void)
{
	static struct waiter w;
	int fd[5];
	struct cases c;
	uint64_t v;

	waiter_init(&w);
	cases_init(&c, 0, 0);
	for (int i = 0; i < 5; i++) {
		fd[i] = chan_make(0, 8, 0);
		if (i % 2) {
			add_recv(&w.c, fd[i], &w.v[i], 8);
			add_send(&c, fd[i], &v, 8);
		} else {
			add_send(&w.c, fd[i], &w.v[i], 8);
			add_recv(&c, fd[i], &v, 8);
		}
	}
	waiter_start(&w);
	for (unsigned long i = 0; i < w.rounds; i++) {
		waiter_waits(&w);
		must(cases_now(w.idle, &c) >= 0);
		waiter_told(&w, i);
		must_int(w.c.s.index, c.s.index);
		waiter_goes_on(&w);
	}
	waiter_end(&w);
}

struct mover {
	int from;
	int to;
	atomic_bool *stop;
};

static void *keeps_one_parked(void *arg)
{
	struct mover *m = arg;
	uint64_t v = 1;
	struct cases c;

	/* One select over both: it is at both or at none, never at one. */
	while (!atomic_load(m->stop)) {
		cases_init(&c, KCHAN_SELECT_DEADLINE,
			   (uint64_t)tap_now_ns() + 2000000);
		add_send(&c, m->from, &v, 8);
		add_send(&c, m->to, &v, 8);
		cases_run(m->from, &c);
	}
	return NULL;
}

static void *moves_between(void *arg)
{
	struct mover *m = arg;
	uint64_t v;

	/* From the first to the second, and back: put in before taking out. */
	while (!atomic_load(m->stop)) {
		send_u64(m->to, 1);
		must_int(read(m->from, &v, 8), 8);
		send_u64(m->from, 1);
		must_int(read(m->to, &v, 8), 8);
	}
	return NULL;
}

/*
 * The mover puts an element into one channel before it takes that out of the
 * other, so at each instant one of the two has one. Who looks at one after the
 * other finds both empty now and then: at the second before it is filled, at the
 * first after it was emptied; the more so as there are others to look at between
 * these two, which never have any. The looker puts back what it takes before it
 * looks again, and while it holds it, does not look.
 */
static void never_the_default(void)
{
	int a = chan_make(0, 8, 4), b = chan_make(0, 8, 4);
	atomic_bool stop = false;
	struct mover m = { a, b, &stop };
	unsigned long rounds = tap_scale(20000), defaults = 0;
	pthread_t mover;
	struct cases c;
	uint64_t v;

	send_u64(a, 1);
	cases_init(&c, 0, 0);
	add_recv(&c, a, &v, 8);
	while (c.nr < KCHAN_MAX_CASES - 1)
		add_recv(&c, chan_make(0, 8, 1), &v, 8);
	add_recv(&c, b, &v, 8);
	thread_start(&mover, moves_between, &m);
	for (unsigned long i = 0; i < rounds; i++) {
		int at = cases_now(a, &c);

		if (at < 0) {
			must_int(errno, EAGAIN);
			defaults++;
			continue;
		}
		send_u64(at ? b : a, 1);
	}
	expect_int(defaults, 0);
	atomic_store(&stop, true);
	thread_join(mover);
}

/* A select that is parked at two channels is met at one, and leaves both. */
static void leaves_both(void)
{
	int a = chan_make(0, 8, 0), b = chan_make(0, 8, 0);
	atomic_bool stop = false;
	struct mover m = { a, b, &stop };
	unsigned long rounds = tap_scale(5000);
	pthread_t sender;
	struct cases c;
	uint64_t v;

	thread_start(&sender, keeps_one_parked, &m);
	cases_init(&c, 0, 0);
	add_recv(&c, a, &v, 8);
	add_recv(&c, b, &v, 8);
	for (unsigned long i = 0; i < rounds; i++)
		must(!cases_run(a, &c));
	atomic_store(&stop, true);
	thread_join(sender);
	expect_idle(a);
	expect_idle(b);
}

static const struct tap_test tests[] = {
	{ "of two", two },
	{ "of three", three },
	{ "of eight", eight },
	{ "of sixty-four", sixty_four },
	{ "of those that are ready, among others", some_of_many },
	{ "of cases of all kinds", of_all_kinds },
	{ "of cases that have to fault memory in", with_faults },
	{ "of one channel's that is waited for in several cases",
	  waiting_on_one_channel },
	{ "of one file's that is waited for in several cases",
	  waiting_on_one_file },
	{ "of those that a select waits at, for another", met_by_another },
	{ "no default while something is ready at every moment", never_the_default },
	{ "a select waits at all or at none", leaves_both },
};

TAP_MAIN(tests)
