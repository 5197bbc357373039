// SPDX-License-Identifier: GPL-2.0-only
/*
 * Selects against selects, and the random choice among ready cases.
 */
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common.h"

/*
 * Expects that the counts are equal except for chance: within six standard deviations,
 * which practically always holds.
 */
static void expect_even(const unsigned long *counts, unsigned int nr,
			unsigned long rounds)
{
	double want = (double)rounds / nr, var = want * (1 - 1.0 / nr), off;
	unsigned int i;

	for (i = 0; i < nr; i++) {
		off = counts[i] - want;
		if (!expect(off * off <= 36 * var))
			tap_note("case %u: %lu of %lu", i, counts[i], rounds);
	}
}

static void test_fair_channels(void)
{
	unsigned long counts[4] = { 0 }, rounds = tap_scale(8000), i;
	kc_chan *c = make(8, 1), *room = make(8, 1), *closed = make(8, 1);
	uint64_t value = 1;
	int fd = eventfd(1, 0), at;
	kc_case cases[] = {
		kc_case_recv(c, &value),
		kc_case_send(room, &value),
		kc_case_recv(closed, &value),
		kc_case_fd(fd, EPOLLIN),
		kc_case_after(0),
	};

	must_int(kc_close(closed), 0);
	send_now(c, 1);
	for (i = 0; i < rounds; i++) {
		at = kc_select(cases, 5);
		must(at >= 0 && at < 4);
		counts[at]++;
		if (at == 0)
			send_now(c, 1);
		if (at == 1)
			recv_now(room);
	}
	expect_even(counts, 4, rounds);
	kc_unref(c);
	kc_unref(room);
	kc_unref(closed);
}

/* Here the library makes the choice. */
static void test_fair_without(void)
{
	unsigned long counts[4] = { 0 }, rounds = tap_scale(8000), i;
	int fd = eventfd(1, 0), at;
	kc_case cases[4];

	for (i = 0; i < 4; i++)
		cases[i] = kc_case_fd(fd, i == 2 ? EPOLLPRI : EPOLLIN);
	for (i = 0; i < rounds; i++) {
		at = kc_try_select(cases, 4);
		must(at >= 0 && at != 2);
		counts[at == 3 ? 2 : at]++;
	}
	tap_about("descriptors");
	expect_even(counts, 3, rounds);

	memset(counts, 0, sizeof(counts));
	for (i = 0; i < 4; i++)
		cases[i] = kc_case_after(i == 1 ? KC_SECOND : -(int64_t)i);
	for (i = 0; i < rounds; i++) {
		at = kc_try_select(cases, 4);
		must(at >= 0 && at != 1);
		counts[at ? at - 1 : 0]++;
	}
	tap_about("times");
	expect_even(counts, 3, rounds);
}

/* What one side of an exchange has sent and received. */
struct side {
	kc_chan *to, *from;
	uint64_t base;
	unsigned long rounds;
	uint64_t sum;		/* the sum of what it has received */
	unsigned long came;
};

/*
 * Sends its numbers and receives those of the other side, in any order, until both are
 * done.
 */
static void exchange(struct side *s)
{
	uint64_t out = s->base, in = 0;
	kc_case cases[] = {
		kc_case_send(s->to, &out),
		kc_case_recv(s->from, &in),
		kc_case_after(tap_patience() * KC_SECOND),
	};
	unsigned long sent = 0;
	int at;

	while (sent < s->rounds || s->came < s->rounds) {
		at = kc_select(cases, 3);
		must(at == 0 || at == 1);
		must_int(cases[at].status, 0);
		if (at == 0) {
			out = s->base + ++sent;
			if (sent == s->rounds)
				cases[0].chan = NULL;
			continue;
		}
		s->sum += in;
		if (++s->came == s->rounds)
			cases[1].chan = NULL;
	}
}

static void *exchange_thread(void *arg)
{
	exchange(arg);
	return NULL;
}

/* The sum of the numbers that one side sends. */
static uint64_t sum_of(uint64_t base, uint64_t rounds)
{
	return rounds * base + rounds * (rounds - 1) / 2;
}

/* Two selects that can match on either of two channels. */
static void both_sides(size_t cap, bool processes)
{
	kc_chan *x = make(8, cap), *y = make(8, cap);
	const unsigned long rounds = tap_scale(5000);
	struct side a = { x, y, 1000, rounds, 0, 0 };
	struct side b = { y, x, 9000000, rounds, 0, 0 };
	pthread_t thread;
	int status = -1;
	pid_t pid;

	if (processes) {
		pid = fork();
		must(pid >= 0);
		if (!pid) {
			exchange(&b);
			_exit(b.sum != sum_of(a.base, rounds));
		}
		exchange(&a);
		must_int(waitpid(pid, &status, 0), pid);
		expect_int(status, 0);
	} else {
		thread = start(exchange_thread, &b);
		exchange(&a);
		join(thread);
		expect_int(b.sum, sum_of(a.base, rounds));
	}
	expect_int(a.sum, sum_of(b.base, rounds));
	expect_int(kc_len(x), 0);
	expect_int(kc_len(y), 0);
	wait_senders(x, 0);
	wait_receivers(x, 0);
	wait_senders(y, 0);
	wait_receivers(y, 0);
	kc_unref(x);
	kc_unref(y);
}

static void test_threads(void)
{
	tap_about("rendezvous");
	both_sides(0, false);
	tap_about("capacity 2");
	both_sides(2, false);
}

static void test_processes(void)
{
	tap_about("rendezvous");
	both_sides(0, true);
	tap_about("capacity 2");
	both_sides(2, true);
}

#define CHANNELS	4
#define WORKERS		4

struct crowd {
	kc_chan *c[CHANNELS];
	unsigned long rounds;
	atomic_ulong sum, came;
};

static void *send_any(void *arg)
{
	struct crowd *crowd = arg;
	kc_case cases[CHANNELS];
	uint64_t value;
	unsigned long i;

	for (i = 0; i < CHANNELS; i++)
		cases[i] = kc_case_send(crowd->c[i], &value);
	for (i = 1; i <= crowd->rounds; i++) {
		value = i;
		must(kc_select(cases, CHANNELS) >= 0);
	}
	return NULL;
}

static void *recv_any(void *arg)
{
	struct crowd *crowd = arg;
	kc_case cases[CHANNELS];
	unsigned int open = CHANNELS;
	uint64_t value;
	int i, at;

	for (i = 0; i < CHANNELS; i++)
		cases[i] = kc_case_recv(crowd->c[i], &value);
	while (open) {
		at = kc_select(cases, CHANNELS);
		must(at >= 0);
		must_int(cases[at].status, 0);
		if (!cases[at].ok) {
			cases[at].chan = NULL;
			open--;
			continue;
		}
		atomic_fetch_add(&crowd->sum, value);
		atomic_fetch_add(&crowd->came, 1);
	}
	return NULL;
}

/* Every element of every sender arrives once, and then all get end-of-stream. */
static void test_crowd(void)
{
	struct crowd crowd = { .rounds = tap_scale(3000) };
	pthread_t senders[WORKERS], receivers[WORKERS];
	int i;

	for (i = 0; i < CHANNELS; i++)
		crowd.c[i] = make(8, i % 2 ? 3 : 0);
	for (i = 0; i < WORKERS; i++) {
		receivers[i] = start(recv_any, &crowd);
		senders[i] = start(send_any, &crowd);
	}
	for (i = 0; i < WORKERS; i++)
		join(senders[i]);
	for (i = 0; i < CHANNELS; i++)
		must_int(kc_close(crowd.c[i]), 0);
	for (i = 0; i < WORKERS; i++)
		join(receivers[i]);
	expect_int(atomic_load(&crowd.came), WORKERS * crowd.rounds);
	expect_int(atomic_load(&crowd.sum),
		   WORKERS * sum_of(1, crowd.rounds));
	for (i = 0; i < CHANNELS; i++)
		kc_unref(crowd.c[i]);
}

static const struct tap_test tests[] = {
	{ "each that is ready is as likely as any other", test_fair_channels },
	{ "so also where no channel is", test_fair_without },
	{ "selects of two threads meet", test_threads },
	{ "selects of two processes meet", test_processes },
	{ "many selects on both sides, nothing lost", test_crowd },
};

TAP_MAIN(tests)
