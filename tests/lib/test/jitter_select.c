// SPDX-License-Identifier: GPL-2.0-only
/*
 * Jitter: a select's choice comes from the seed.
 */
#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

#include <kchan/jitter.h>

#include "common.h"

#define ROUNDS	64
#define MANY	3

struct choices {
	int index[ROUNDS];
};

static void choose(struct choices *to, uint64_t seed, kc_case *cases, bool try)
{
	int i;

	kc_jitter(seed);
	for (i = 0; i < ROUNDS; i++)
		to->index[i] = try ? kc_try_select(cases, MANY) :
				     kc_select(cases, MANY);
	kc_jitter(0);
}

static int count(const struct choices *choices, int index)
{
	int i, nr = 0;

	for (i = 0; i < ROUNDS; i++)
		nr += choices->index[i] == index;
	return nr;
}

static void expect_choices(kc_case *cases, bool try)
{
	struct choices first, again, other;
	int i;

	choose(&first, 3, cases, try);
	choose(&again, 3, cases, try);
	choose(&other, 4, cases, try);
	expect(!memcmp(&first, &again, sizeof(first)));
	expect(memcmp(&first, &other, sizeof(first)));
	for (i = 0; i < MANY; i++)
		expect(count(&first, i) > ROUNDS / 10);
}

static void test_channels(void)
{
	uint64_t values[MANY];
	kc_case cases[MANY];
	int i, j;

	for (i = 0; i < MANY; i++) {
		kc_chan *c = make(sizeof(uint64_t), 3 * ROUNDS);

		for (j = 0; j < 3 * ROUNDS; j++)
			send_now(c, i);
		cases[i] = kc_case_recv(c, &values[i]);
	}
	expect_choices(cases, false);
	for (i = 0; i < MANY; i++)
		while (kc_len(cases[i].chan) < 3 * ROUNDS)
			send_now(cases[i].chan, i);
	expect_choices(cases, true);
}

/* Also if some cases are never ready. */
static void test_alike(void)
{
	const unsigned long rounds = 2000;
	kc_chan *ready[2], *never = make(8, 0);
	unsigned long count[5] = { 0 }, i;
	uint64_t value;
	int chosen;

	ready[0] = make(8, 1);
	ready[1] = make(8, 1);
	send_now(ready[0], 1);
	send_now(ready[1], 1);
	kc_jitter(5);
	for (i = 0; i < rounds; i++) {
		kc_case cases[] = {
			kc_case_recv(never, &value), kc_case_recv(never, &value),
			kc_case_recv(never, &value),
			kc_case_recv(ready[0], &value),
			kc_case_recv(ready[1], &value),
		};

		chosen = kc_select(cases, 5);
		must(chosen == 3 || chosen == 4);
		count[chosen]++;
		send_now(ready[chosen - 3], 1);
	}
	kc_jitter(0);
	tap_note("%lu and %lu of %lu", count[3], count[4], rounds);
	/* Ten times the usual deviation. */
	expect(count[3] > rounds / 2 - 230 && count[3] < rounds / 2 + 230);
}

static void test_descriptors(void)
{
	kc_case cases[MANY];
	int ends[2], i;

	for (i = 0; i < MANY; i++) {
		must_int(pipe(ends), 0);
		cases[i] = kc_case_fd(ends[1], POLLOUT);
	}
	expect_choices(cases, false);
}

static void test_times(void)
{
	kc_case cases[MANY];
	int i;

	for (i = 0; i < MANY; i++)
		cases[i] = kc_case_after(KC_MICROSECOND);
	expect_choices(cases, false);
}

/* A case that is not ready still waits, and there is no default. */
static void test_not_ready(void)
{
	kc_chan *a = make(sizeof(uint64_t), 1), *b = make(sizeof(uint64_t), 1);
	kc_case cases[] = { kc_case_recv(a, NULL), kc_case_recv(b, NULL) };
	uint64_t value = 0;
	struct call call;
	int i;

	cases[0].addr = cases[1].addr = &value;
	for (i = 1; i <= 20; i++) {
		kc_jitter(i);
		expect_int(kc_try_select(cases, 2), -EAGAIN);
		expect_int(kc_select_timeout(cases, 2, KC_MILLISECOND),
			   -ETIMEDOUT);
		send_now(b, i);
		expect_int(kc_select(cases, 2), 1);
		expect_int(value, i);
	}
	kc_jitter(5);
	call_recv(&call, a);
	cases[0] = kc_case_send(a, &value);
	expect_int(kc_select(cases, 2), 0);
	expect_int(call_end(&call), 1);
}

/* Wrong cases are reported, and nothing moves, whatever the choice. */
static void test_wrong(void)
{
	kc_chan *ready = make(8, 1), *recv = NULL, *send = NULL;
	const int closed = fcntl(0, F_DUPFD, 200);
	uint64_t seed, value = 1;
	kc_case cases[3];

	must_int(kc_make_pair(&recv, &send, 8, 1), 0);
	close(closed);
	cases[0] = kc_case_send(ready, &value);
	cases[1] = kc_case_send(ready, &value);
	for (seed = 1; seed <= ROUNDS; seed++) {
		cases[2] = seed % 2 ? kc_case_send(recv, &value) :
				      kc_case_fd(closed, POLLIN);
		kc_jitter(seed);
		expect_int(kc_select(cases, 3), -EBADF);
		kc_jitter(0);
		expect_int(cases[2].status, -EBADF);
		expect_int(kc_len(ready), 0);
	}
	kc_unref(ready);
	kc_unref(recv);
	kc_unref(send);
}

static const struct tap_test tests[] = {
	{ "channels", test_channels },
	{ "each as likely as any other", test_alike },
	{ "descriptors", test_descriptors },
	{ "times", test_times },
	{ "what is not ready", test_not_ready },
	{ "what is wrong", test_wrong },
};

TAP_MAIN(tests)
