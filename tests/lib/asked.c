// SPDX-License-Identifier: GPL-2.0-only
/*
 * Goroutines that run, and are asked where by a signal.
 */
#include <signal.h>

#include "seen.h"

static atomic_bool stop;

static void spin(void *arg)
{
	(void)arg;
	while (!atomic_load(&stop))
		;
}

/* One that runs says where it is; the one that asks is told too. */
static void test_running(void)
{
	struct wanted w;

	kc_set_goname("asks");
	go_named("runs", spin);
	until(goes_through((w = look_for("runs"), &w), spin));
	expect_int(w.g.state, KC_STATE_RUNNING);
	expect_int(w.g.flags, 0);
	expect_int(w.g.since, 0);
	w = look_for("asks");
	expect_int(w.seen, 1);
	expect_int(w.g.flags, KC_GOROUTINE_SELF | KC_GOROUTINE_THREAD);
	expect_int(w.g.id, 1);
	expect_int(w.g.parent, 0);
	expect(w.g.nr_pcs > 2);
	atomic_store(&stop, true);
}

/* Whoever does not answer is not waited for, alone or with many others. */
#define DEAF	30

static atomic_uint deaf;

static void hear_nothing(void *arg)
{
	sigset_t all;

	sigfillset(&all);
	pthread_sigmask(SIG_BLOCK, &all, NULL);
	atomic_fetch_add(&deaf, 1);
	while (!atomic_load(&stop))
		sleep_ms(1);
	(void)arg;
}

static void test_deaf(void)
{
	struct wanted w;
	long long begin;

	go_named("deaf", hear_nothing);
	until(atomic_load(&deaf) == 1);
	begin = tap_now_ns();
	expect_int(look_for("deaf").g.nr_pcs, 0);
	expect(tap_now_ns() - begin < 900 * KC_MILLISECOND);

	for (unsigned int i = 1; i < DEAF; i++)
		go_named("deaf", hear_nothing);
	until(atomic_load(&deaf) == DEAF);
	begin = tap_now_ns();
	w = look_for("deaf");
	expect_int(w.seen, DEAF);
	expect_int(w.g.nr_pcs, 0);
	/* Each is given a tenth of a second, all of them one. */
	expect(tap_now_ns() - begin < 2500 * KC_MILLISECOND);
	expect(tap_now_ns() - begin > 900 * KC_MILLISECOND);
	/* Their signals come in the end, and disturb nobody. */
	atomic_store(&stop, true);
	expect_int(kc_shutdown(), 0);
}

static atomic_uint handled;

static void handle(int signal)
{
	(void)signal;
	atomic_fetch_add(&handled, 1);
}

/* A handler that the program has for SIGURG stays, and is not told of questions. */
static void test_handler_stays(void)
{
	const struct sigaction action = { .sa_handler = handle };
	struct wanted w;

	must_int(sigaction(SIGURG, &action, NULL), 0);
	go_named("runs", spin);
	until(goes_through((w = look_for("runs"), &w), spin));
	expect_int(atomic_load(&handled), 0);
	raise(SIGURG);
	expect_int(atomic_load(&handled), 1);
	atomic_store(&stop, true);
}

static const struct tap_test tests[] = {
	{ "who runs is asked where", test_running },
	{ "who does not answer holds nobody up", test_deaf },
	{ "the program's handler of the signal stays", test_handler_stays },
};

TAP_MAIN(tests)
