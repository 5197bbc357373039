// SPDX-License-Identifier: GPL-2.0-only
/*
 * The test kit. Each of its tests runs in a process of its own, because of its output.
 * Needs no channel.
 */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include <kchan/testing.h>

#include "common.h"
#include "output.h"

static struct output seen;

static int run(const char *name, void (*fn)(kc_t *t), uint32_t flags, int64_t timeout)
{
	kc_test_options options = KC_TEST_OPTIONS_INIT;

	options.flags = flags;
	options.timeout = timeout;
	options.leak_timeout = 50 * KC_MILLISECOND;
	return kc_test(name, fn, &options);
}

static void say(void *text)
{
	printf("%s\n", (const char *)text);
}

static void good(kc_t *t)
{
	KC_EXPECT(t, !strcmp(kc_t_name(t), "good"));
	KC_REQUIRE(t, 1 + 1 == 2);
	KC_EXPECT(t, !kc_t_failed(t) && !kc_t_skipped(t));
	KC_EXPECT(t, !strcmp(kc_goname(), "good"));
	kc_t_log(t, "all is %s", "well");
}

static int run_good(void)
{
	return kc_test("good", good, NULL);
}

static int run_good_verbosely(void)
{
	printf("before\n");
	return run("good", good, KC_TEST_VERBOSE, 0);
}

static int run_good_as_tap(void)
{
	return run("good", good, KC_TEST_TAP, 0);
}

static void test_passes(void)
{
	run_apart(&seen, run_good);
	expect_int(seen.status, KC_TEST_PASSED);
	expect(!seen.out[0] && !seen.err[0]);
	run_apart(&seen, run_good_verbosely);
	expect_int(seen.status, KC_TEST_PASSED);
	expect_says(seen.out, "before\n--- PASS: good (", " s)\n    all is well\n");
	run_apart(&seen, run_good_as_tap);
	expect_int(seen.status, KC_TEST_PASSED);
	expect(!strcmp(seen.out, "ok - good\n"));
}

static void bad(kc_t *t)
{
	kc_t_cleanup(t, say, (void *)"last");
	kc_t_cleanup(t, say, (void *)"first");
	kc_t_log(t, "two\nlines");
	if (KC_EXPECT(t, 1 + 1 == 3))
		kc_t_log(t, "never said");
	kc_t_error(t, "and %d", 1);
	if (kc_t_failed(t))
		kc_t_fatal(t, "the end");
	kc_t_log(t, "never said");
}

static int run_bad(void)
{
	return run("bad", bad, 0, 0);
}

static int run_bad_as_tap(void)
{
	return run("bad", bad, KC_TEST_TAP, 0);
}

static void test_fails(void)
{
	run_apart(&seen, run_bad);
	expect_int(seen.status, KC_TEST_FAILED);
	expect_says(seen.out, "first\nlast\n--- FAIL: bad (",
		    " s)\n    two\n    lines\n    ", "testing.c:",
		    ": expected: 1 + 1 == 3\n    and 1\n    the end\n");
	expect(!strstr(seen.out, "never said"));
	run_apart(&seen, run_bad_as_tap);
	expect_int(seen.status, KC_TEST_FAILED);
	expect_says(seen.out, "# two\n# lines\n# ",
		    "# and 1\n# the end\n", "not ok - bad\n");
}

static void skipped(kc_t *t)
{
	kc_t_cleanup(t, say, (void *)"cleaned up");
	kc_t_skip(t, "not on a %s", "Friday");
}

static void failed_first(kc_t *t)
{
	kc_t_fail(t);
	kc_t_skip(t, "too late");
}

static int run_skipped(void)
{
	return run("skipped", skipped, 0, 0);
}

static int run_skipped_as_tap(void)
{
	return run("skipped", skipped, KC_TEST_TAP, 0);
}

static int run_failed_first(void)
{
	return run("failed_first", failed_first, 0, 0);
}

static void test_skips(void)
{
	run_apart(&seen, run_skipped);
	expect_int(seen.status, KC_TEST_SKIPPED);
	expect_says(seen.out, "cleaned up\n--- SKIP: skipped (",
		    "    not on a Friday\n");
	run_apart(&seen, run_skipped_as_tap);
	expect_says(seen.out, "ok - skipped # SKIP not on a Friday\n");
	run_apart(&seen, run_failed_first);
	expect_int(seen.status, KC_TEST_FAILED);
}

static void panics(kc_t *t)
{
	kc_t_cleanup(t, say, (void *)"cleaned up");
	kc_panic("no more %s", "paper");
}

static void panic_apart(void *arg)
{
	kc_panic("%s has none", (const char *)arg);
}

static void panics_apart(kc_t *t)
{
	KC_REQUIRE(t, !kc_t_go(t, panic_apart, (void *)"the other"));
	kc_t_log(t, "the test goes on");
}

static int run_panics(void)
{
	return run("panics", panics, 0, 0);
}

static int run_panics_apart(void)
{
	return run("panics_apart", panics_apart, 0, 0);
}

static void test_panics(void)
{
	run_apart(&seen, run_panics);
	expect_int(seen.status, KC_TEST_FAILED);
	expect_says(seen.out, "cleaned up\n--- FAIL: panics (",
		    "    panic: no more paper\n    \n    goroutine ", "panics\n");
	run_apart(&seen, run_panics_apart);
	expect_int(seen.status, KC_TEST_FAILED);
	expect_says(seen.out, "    panic: the other has none\n", "panic_apart\n");
	expect_says(seen.out, "    the test goes on\n");
}


static void panic_now(void *arg)
{
	(void)arg;
	kc_panic("in a cleanup");
}

static void end_now(void *arg)
{
	kc_t_fatal(arg, "also in a cleanup");
}

static void one_more(void *arg)
{
	kc_t_cleanup(arg, say, (void *)"one more");
}

/* Whatever one cleanup does, the others run. */
static void untidy(kc_t *t)
{
	kc_t_cleanup(t, say, (void *)"last");
	kc_t_cleanup(t, one_more, t);
	kc_t_cleanup(t, panic_now, NULL);
	kc_t_cleanup(t, say, (void *)"second");
	kc_t_cleanup(t, end_now, t);
	kc_t_cleanup(t, say, (void *)"first");
}

static int run_untidy(void)
{
	return run("untidy", untidy, 0, 0);
}

static void test_cleanups(void)
{
	run_apart(&seen, run_untidy);
	expect_int(seen.status, KC_TEST_FAILED);
	expect_says(seen.out, "first\nsecond\none more\nlast\n--- FAIL: untidy",
		    "also in a cleanup\n", "panic: in a cleanup\n");
}

static kc_sem none = KC_SEM_INIT(0);

/* The call is not the last statement, so that the function is in backtraces. */
static void wait_for_ever(void *arg)
{
	(void)arg;
	for (;;)
		kc_sem_acquire(&none, 1);
}

static void leaves_one(kc_t *t)
{
	KC_REQUIRE(t, !kc_go(wait_for_ever, NULL));
}

static int run_leaves_one(void)
{
	return run("leaves_one", leaves_one, 0, 0);
}

static int run_leaves_one_freely(void)
{
	return run("leaves_one", leaves_one, KC_TEST_LEAKY, 0);
}

static void ends_late(void *arg)
{
	(void)arg;
	kc_sleep(20 * KC_MILLISECOND);
}

static void leaves_none(kc_t *t)
{
	KC_REQUIRE(t, !kc_go(ends_late, NULL));
}

static int run_leaves_none(void)
{
	return kc_test("leaves_none", leaves_none, NULL);
}

static void test_leaks(void)
{
	run_apart(&seen, run_leaves_one);
	expect_int(seen.status, KC_TEST_FAILED);
	expect_says(seen.out, "--- FAIL: leaves_one", "1 goroutine is left behind\n");
	expect_says(seen.err, "[semaphore acquire", "wait_for_ever\n", "leaves_one");
	run_apart(&seen, run_leaves_one_freely);
	expect_int(seen.status, KC_TEST_PASSED);
	run_apart(&seen, run_leaves_none);
	expect_int(seen.status, KC_TEST_PASSED);
}

/* By then the test has begun to wait, also on a busy machine. */
#define LIMIT	KC_SECOND

static void blocks(kc_t *t)
{
	kc_t_log(t, "about to block");
	printf("still in a buffer\n");
	KC_REQUIRE(t, !kc_t_go(t, wait_for_ever, NULL));
	wait_for_ever(NULL);
	kc_t_log(t, "never said");
}

static int run_blocks(void)
{
	run("blocks", blocks, 0, LIMIT);
	return 77;
}

static int run_blocks_as_tap(void)
{
	run("blocks", blocks, KC_TEST_TAP, LIMIT);
	return 77;
}

static void slow_cleanup(kc_t *t)
{
	kc_t_cleanup(t, wait_for_ever, NULL);
}

static int run_slow_cleanup(void)
{
	run("slow_cleanup", slow_cleanup, 0, LIMIT);
	return 77;
}

static void test_limit(void)
{
	run_apart(&seen, run_blocks);
	expect_int(seen.status, EXIT_FAILURE);
	expect_says(seen.out, "still in a buffer\n--- FAIL: blocks (",
		    "    about to block\n    not over within its time limit");
	/*
	 * The goroutine that waits for the test, the test, and its goroutine, in any
	 * order.
	 */
	expect_says(seen.err, "run_blocks\n");
	expect_says(seen.err, "\"blocks\" [semaphore acquire", "wait_for_ever\n",
		    "blocks\n");
	expect_says(seen.err, "[semaphore acquire", "[semaphore acquire");
	run_apart(&seen, run_blocks_as_tap);
	expect_int(seen.status, EXIT_FAILURE);
	expect_says(seen.out, "# about to block\n", "not ok - blocks\n");
	run_apart(&seen, run_slow_cleanup);
	expect_int(seen.status, EXIT_FAILURE);
}

static void wait_in_ctx(void *arg)
{
	kc_t *t = arg;

	if (kc_sem_acquire_ctx(kc_t_ctx(t), &none, 1) != -ECANCELED)
		kc_t_error(t, "the wait was not cancelled");
}

static void has_ctx(kc_t *t)
{
	int64_t deadline = 0;

	KC_EXPECT(t, kc_t_arg(t) == &none);
	KC_EXPECT(t, kc_t_deadline(t, &deadline) == 1 && deadline > 0);
	KC_EXPECT(t, kc_t_deadline(t, NULL) == 1);
	KC_EXPECT(t, !kc_ctx_err(kc_t_ctx(t)));
	KC_REQUIRE(t, !kc_t_go(t, wait_in_ctx, t));
}

static void has_no_deadline(kc_t *t)
{
	KC_EXPECT(t, !kc_t_deadline(t, NULL));
}

static bool member_ended;

static void end_slowly(void *arg)
{
	(void)arg;
	kc_sleep(30 * KC_MILLISECOND);
	member_ended = true;
}

static void expect_ended(void *arg)
{
	KC_EXPECT((kc_t *)arg, member_ended);
}

static void has_member(kc_t *t)
{
	kc_t_cleanup(t, expect_ended, t);
	KC_REQUIRE(t, !kc_t_go(t, end_slowly, NULL));
}

static void test_members(void)
{
	expect_int(kc_test("has_member", has_member, NULL), KC_TEST_PASSED);
}

static void test_ctx(void)
{
	kc_test_options options = KC_TEST_OPTIONS_INIT;

	options.arg = &none;
	expect_int(kc_test("has_ctx", has_ctx, &options), KC_TEST_PASSED);
	options.timeout = -1;
	expect_int(kc_test("no_deadline", has_no_deadline, &options),
		   KC_TEST_PASSED);
}

static void test_options(void)
{
	struct {
		kc_test_options options;
		char more[8];
	} later = { KC_TEST_OPTIONS_INIT, "" };

	later.options.flags = 1u << 31;
	expect_int(kc_test("x", good, &later.options), -EINVAL);
	later.options.flags = 0;
	later.options.size = 6;
	expect_int(kc_test("x", good, &later.options), -EINVAL);
	later.options.size = sizeof(later);
	expect_int(kc_test("good", good, &later.options), KC_TEST_PASSED);
	later.more[0] = 1;
	expect_int(kc_test("good", good, &later.options), -E2BIG);
}

static void uses_stack(kc_t *t)
{
	volatile char large[200 * 1024];

	large[0] = large[sizeof(large) - 1] = 1;
	KC_EXPECT(t, large[0] == 1);
}

static void test_stack(void)
{
	expect_int(kc_test("uses_stack", uses_stack, NULL), KC_TEST_PASSED);
}

static const kc_test_item items[] = {
	KC_TEST(good), KC_TEST(bad), KC_TEST(skipped), KC_TEST(failed_first),
};

static const char *arguments[8];

static int run_main(void)
{
	int argc = 0;

	while (arguments[argc])
		argc++;
	return kc_test_main(argc, (char **)arguments, items, ARRAY_SIZE(items));
}

/* The last argument is NULL. */
#define main_with(...)							\
	do {								\
		const char *const given[] = { "program", __VA_ARGS__ };	\
		memset(arguments, 0, sizeof(arguments));		\
		memcpy(arguments, given, sizeof(given));		\
		run_apart(&seen, run_main);				\
	} while (0)

static void test_main(void)
{
	main_with(NULL);
	expect_int(seen.status, EXIT_FAILURE);
	expect_says(seen.out, "--- FAIL: bad", "--- SKIP: skipped",
		    "--- FAIL: failed_first",
		    "FAIL: 1 passed, 2 failed, 1 skipped\n");
	main_with("--run=^(good|sk)", NULL);
	expect_int(seen.status, EXIT_SUCCESS);
	expect_says(seen.out, "PASS: 1 passed, 0 failed, 1 skipped\n");
	main_with("-r", "good", "-n", "3", "-v", NULL);
	expect_int(seen.status, EXIT_SUCCESS);
	expect_says(seen.out, "PASS: good", "PASS: good", "PASS: good",
		    "PASS: 3 passed, 0 failed, 0 skipped\n");
	main_with("--tap", "--count=2", NULL);
	expect_int(seen.status, EXIT_FAILURE);
	expect_says(seen.out, "1..8\nok - good\n", "not ok - bad\n",
		    "ok - skipped # SKIP", "not ok - failed_first\nok - good\n");
	main_with("--fail-fast", NULL);
	expect_says(seen.out, "FAIL: 1 passed, 1 failed, 0 skipped\n");
	main_with("--list", "--run=good|bad", NULL);
	expect_int(seen.status, EXIT_SUCCESS);
	expect(!strcmp(seen.out, "good\nbad\n"));
	main_with("--help", NULL);
	expect_int(seen.status, EXIT_SUCCESS);
	expect_says(seen.out, "--timeout=TIME");
}

static void test_wrong_arguments(void)
{
	main_with("--run=(", NULL);
	expect_int(seen.status, 2);
	main_with("--timeout=soon", NULL);
	expect_int(seen.status, 2);
	expect_says(seen.err, "--timeout: not valid: soon");
	main_with("--timeout=-1s", NULL);
	expect_int(seen.status, 2);
	main_with("--count=many", NULL);
	expect_int(seen.status, 2);
	main_with("--what", NULL);
	expect_int(seen.status, 2);
	main_with("good", NULL);
	expect_int(seen.status, 2);
	expect(!seen.out[0]);
}

static void says_limit(kc_t *t)
{
	int64_t deadline, now;
	struct timespec ts;

	if (!kc_t_deadline(t, &deadline))
		kc_t_fatal(t, "no limit");
	clock_gettime(CLOCK_MONOTONIC, &ts);
	now = ts.tv_sec * KC_SECOND + ts.tv_nsec;
	kc_t_fatal(t, "%lld minutes",
		   (long long)((deadline - now + 30 * KC_SECOND) / (60 * KC_SECOND)));
}

static const kc_test_item limits[] = { KC_TEST(says_limit) };

static int run_limits(void)
{
	return kc_test_main(2, (char **)arguments, limits, ARRAY_SIZE(limits));
}

static void expect_limit(const char *argument, const char *said)
{
	memset(arguments, 0, sizeof(arguments));
	arguments[0] = "program";
	arguments[1] = argument;
	run_apart(&seen, run_limits);
	tap_about("%s", argument);
	expect_says(seen.out, said);
}

static void test_limits(void)
{
	expect_limit("--timeout=0", "no limit");
	expect_limit("--timeout=2h", "120 minutes");
	expect_limit("--timeout=5m", "5 minutes");
	expect_limit("--timeout=180", "3 minutes");
	expect_limit("--timeout=60000ms", "1 minutes");
	expect_limit("-v", "1 minutes");
}

static const struct tap_test tests[] = {
	{ "a test that passes", test_passes },
	{ "one that fails, and its cleanups", test_fails },
	{ "one that is skipped", test_skips },
	{ "a panic fails it, also in its goroutines", test_panics },
	{ "cleanups are all done, whatever they do", test_cleanups },
	{ "goroutines left behind fail it", test_leaks },
	{ "its time limit passes", test_limit },
	{ "its goroutines end before it does", test_members },
	{ "its context, argument and deadline", test_ctx },
	{ "options that make no sense", test_options },
	{ "its stack is large", test_stack },
	{ "a program of tests", test_main },
	{ "its arguments, when they are wrong", test_wrong_arguments },
	{ "its time limits", test_limits },
};

TAP_MAIN(tests)
