// SPDX-License-Identifier: GPL-2.0-only
/*
 * kc_goexit(), and panics together with it. Needs no channel.
 */
#include "common.h"
#include "trail.h"

static void run(void (*fn)(void *arg))
{
	kc_waitgroup wg = KC_WAITGROUP_INIT;

	must_int(kc_waitgroup_go(&wg, fn, NULL), 0);
	kc_waitgroup_wait(&wg);
}

static void does_not_recover(void *arg)
{
	(void)arg;
	expect_int(kc_recover(NULL), 0);
	mark((void *)"n");
}

static void leaves(void *arg)
{
	KC_DEFER_SCOPE;

	(void)arg;
	defer_mark("a");
	kc_defer(does_not_recover, NULL);
	kc_goexit();
}

static void calls_leaves(void *arg)
{
	KC_DEFER_SCOPE;

	(void)arg;
	defer_mark("b");
	leaves(NULL);
	mark((void *)"not here");
}

static void protects_leaves(void *arg)
{
	defer_mark("c");
	kc_protect(calls_leaves, arg, NULL);
	mark((void *)"nor here");
}

/* All deferred calls run, and no kc_protect() stops it. */
static void test_goexit(void)
{
	run(leaves);
	expect_trail("na");
	run(calls_leaves);
	expect_trail("nab");
	run(protects_leaves);
	expect_trail("nabc");
}

static void panics(void *arg)
{
	(void)arg;
	kc_panic("while it leaves");
}

static void recovers(void *arg)
{
	if (kc_recover(NULL))
		mark(arg);
}

static void leaves_panicking(void *arg)
{
	KC_DEFER_SCOPE;

	(void)arg;
	defer_mark("d");
	kc_defer(panics, NULL);
	kc_goexit();
}

static void protects_panicking(void *arg)
{
	KC_DEFER_SCOPE;

	defer_mark("e");
	kc_protect(leaves_panicking, arg, NULL);
	mark((void *)"not here");
}

static void recovers_panicking(void *arg)
{
	KC_DEFER_SCOPE;

	defer_mark("f");
	kc_defer(recovers, (void *)"r");
	leaves_panicking(arg);
	mark((void *)"not here");
}

/* A panic on the way is recovered. Then kc_goexit() continues. */
static void test_panic_on_the_way(void)
{
	run(protects_panicking);
	expect_trail("de");
	run(recovers_panicking);
	expect_trail("drf");
}

static void goexits(void *arg)
{
	(void)arg;
	kc_goexit();
}

static void panics_leaving(void *arg)
{
	KC_DEFER_SCOPE;

	(void)arg;
	defer_mark("g");
	kc_defer(goexits, NULL);
	kc_panic("nobody will know");
}

static void protects_panics_leaving(void *arg)
{
	kc_protect(panics_leaving, arg, NULL);
	mark((void *)"not here");
}

/* kc_goexit() ends the goroutine, and so also the panic. */
static void test_in_a_panic(void)
{
	run(panics_leaving);
	expect_trail("g");
	run(protects_panics_leaving);
	expect_trail("g");
}

static void *thread_leaves(void *arg)
{
	protects_leaves(arg);
	return arg;
}

static void test_thread(void)
{
	join(start(thread_leaves, NULL));
	expect_trail("nabc");
}

static const struct tap_test tests[] = {
	{ "it runs what is deferred, and nothing stops it", test_goexit },
	{ "a panic on the way", test_panic_on_the_way },
	{ "it is called in a panic", test_in_a_panic },
	{ "in another thread", test_thread },
};

TAP_MAIN(tests)
