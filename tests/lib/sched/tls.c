// SPDX-License-Identifier: GPL-2.0-only
/*
 * A program with much thread-local data, which libc puts on the stack of each thread. A
 * goroutine has its promised room in addition. Needs no channel.
 */
#include <signal.h>

#include "common.h"

#define KIB	((size_t)1024)

/* This is more than a goroutine's whole stack. */
static __thread char large[400 * KIB];

#define FRAME	KIB

/* Recurses until this much of the stack is used. */
static __attribute__((noinline)) int descend(size_t room)
{
	volatile char frame[FRAME];

	frame[0] = 1;
	frame[FRAME - 1] = 1;
	if (room > 2 * FRAME)
		return descend(room - FRAME - 64) + frame[0];
	return frame[FRAME - 1];
}

static size_t promised;

static void use_all(void *arg)
{
	memset(large, 1, sizeof(large));
	/* The rest is for these functions themselves. */
	expect(descend(promised - 2 * KIB) > 1);
	expect(large[sizeof(large) - 1] == 1);
	kc_waitgroup_done(arg);
}

static void test_goroutine(void)
{
	kc_waitgroup wg = KC_WAITGROUP_INIT;
	int i;

	promised = 64 * KIB;
	for (i = 0; i < 20; i++) {
		kc_waitgroup_add(&wg, 1);
		must_int(kc_go(use_all, &wg), 0);
	}
	kc_waitgroup_wait(&wg);
}

static void test_sizes(void)
{
	kc_go_options options = KC_GO_OPTIONS_INIT;
	kc_waitgroup wg = KC_WAITGROUP_INIT;

	/* One thread of the pool, and one that is too large for the pool. */
	for (promised = 100 * KIB; promised < 10000 * KIB; promised *= 90) {
		options.stack_size = promised;
		kc_waitgroup_add(&wg, 1);
		must_int(kc_go_opts(use_all, &wg, &options), 0);
		kc_waitgroup_wait(&wg);
	}
}

/* The library's own threads have such data, too. */
static void test_own(void)
{
	kc_waitgroup wg = KC_WAITGROUP_INIT;

	promised = 64 * KIB;
	kc_waitgroup_add(&wg, 1);
	must_int(kc_timer_func(NULL, KC_MILLISECOND, use_all, &wg), 0);
	kc_waitgroup_wait(&wg);
	must_int(kc_dump_on_signal(SIGUSR1, 0), 0);
	must_int(kc_detect_deadlock(KC_SECOND), 0);
	expect_int(kc_leak_check(KC_SECOND), 0);
}

static const struct tap_test tests[] = {
	{ "the room of a goroutine", test_goroutine },
	{ "stacks of other sizes", test_sizes },
	{ "threads of the library's own", test_own },
};

TAP_MAIN(tests)
