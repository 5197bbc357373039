/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Tests of concurrent code: Go's testing package.
 *
 *	#include <kchan/kchan.h>
 *	#include <kchan/testing.h>
 *
 *	static void test_closed(kc_t *t)
 *	{
 *		kc_chan *c;
 *		int n;
 *
 *		KC_REQUIRE(t, !kc_make(&c, sizeof(n), 0));
 *		kc_close(c);
 *		if (kc_recv(c, &n))
 *			kc_t_error(t, "received %d from a closed channel", n);
 *		kc_unref(c);
 *	}
 *
 *	static const kc_test_item tests[] = { KC_TEST(test_closed) };
 *
 *	KC_TEST_MAIN(tests)
 *
 * It is in libkchan-test, a library of its own: $(pkg-config --libs libkchan-test).
 *
 * A test is a function that is given a kc_t. It passes unless it says that it fails, or
 * panics (as a goroutine of kc_t_go() may too), or leaves goroutines behind, or is not over
 * within its time limit. A blocked function cannot be ended from outside. So when the limit
 * is over, what all goroutines do is written to standard error, as by kc_dump(), and the
 * process ends with the status 1.
 *
 * Results are written to standard output. What stdio holds back there is written before.
 * Besides fatal errors this is the one thing that the library prints. There are two forms:
 * plain, as Go has it, where tests that pass say nothing,
 *
 *	--- FAIL: test_closed (0.01 s)
 *	    received 7 from a closed channel
 *
 * and TAP, for the programs that run tests.
 *
 * There is one test at a time. All goroutines of a test may use its kc_t, until the test
 * is over.
 */
#ifndef KCHAN_TESTING_H
#define KCHAN_TESTING_H

#include <stddef.h>
#include <stdint.h>

#include <kchan/cdefs.h>
#include <kchan/context.h>

KC_DECLS_BEGIN

/* A test that runs. */
typedef struct kc_t kc_t;

/* kc_test_options.flags: write TAP, one line of it for the test, with no number. */
#define KC_TEST_TAP	((uint32_t)1 << 0)

/* Also write what tests that pass have logged, and that they have passed. */
#define KC_TEST_VERBOSE	((uint32_t)1 << 1)

/* Goroutines that are left behind are no failure. */
#define KC_TEST_LEAKY	((uint32_t)1 << 2)

/*
 * Options of a test. Start with KC_TEST_OPTIONS_INIT, which fills in the size that
 * the structure had when the program was compiled. It may grow at its end.
 */
typedef struct kc_test_options {
	uint32_t size;		/* sizeof(struct kc_test_options) */
	uint32_t flags;		/* KC_TEST_* */
	int64_t timeout;	/* in ns; 0: one minute; negative: none */
	int64_t leak_timeout;	/* for goroutines to end; 0: one second */
	size_t stack_size;	/* 0: 256 KiB */
	void *arg;		/* for kc_t_arg() */
	uint64_t jitter;	/* a seed for kc_jitter(); 0: as it is */
} kc_test_options;

#define KC_TEST_OPTIONS_INIT \
	{ sizeof(struct kc_test_options), 0, 0, 0, 0, NULL, 0 }

/* What kc_test() returns. */
#define KC_TEST_PASSED	0
#define KC_TEST_FAILED	1
#define KC_TEST_SKIPPED	2

/*
 * Run @fn as a test in a goroutine of its own, and tell how it was. @options may be
 * NULL.
 *
 * When the function has ended, in whatever way, the test's context is cancelled; then
 * the goroutines of kc_t_go() are waited for; then what kc_t_cleanup() has noted is
 * done. All this is held to the time limit. At last kc_leak_check() has to find
 * nothing: so goroutines that the program had before count as left behind, unless
 * there is KC_TEST_LEAKY.
 *
 * KC_TEST_PASSED, KC_TEST_FAILED, KC_TEST_SKIPPED, or
 * -EAGAIN	there can be no thread: see go.h
 * -ENOMEM
 * -EINVAL	an unknown flag, or a size that cannot be one
 * -E2BIG	options that this library does not know are not zero
 */
int kc_test(const char *name, void (*fn)(kc_t *t), const kc_test_options *options)
	KC_MUST_CHECK;

/*
 * The name of the test, and what kc_test_options.arg was.
 *
 * kc_t_name() returns the name. kc_t_arg() returns the argument.
 */
const char *kc_t_name(const kc_t *t);
void *kc_t_arg(const kc_t *t);

/*
 * Note a text, of one line or several. It is written when the test fails.
 * kc_t_error() is also a failure. The test goes on.
 */
void kc_t_log(kc_t *t, const char *fmt, ...) KC_PRINTF(2, 3);
void kc_t_error(kc_t *t, const char *fmt, ...) KC_PRINTF(2, 3);

/*
 * As kc_t_error(), and then end this goroutine, which is most often the test's own,
 * as kc_goexit() does.
 */
KC_NORETURN void kc_t_fatal(kc_t *t, const char *fmt, ...) KC_PRINTF(2, 3);

/*
 * The test has failed, with nothing said. kc_t_fail_now() also ends this goroutine,
 * as kc_goexit() does.
 */
void kc_t_fail(kc_t *t);
KC_NORETURN void kc_t_fail_now(kc_t *t);

/*
 * The test cannot be run here and now, for a reason. This ends the goroutine. If the
 * test has failed before, it has failed all the same.
 */
KC_NORETURN void kc_t_skip(kc_t *t, const char *fmt, ...) KC_PRINTF(2, 3);

/*
 * Whether the test has failed, or has been skipped.
 *
 * Returns 1 or 0.
 */
int kc_t_failed(const kc_t *t);
int kc_t_skipped(const kc_t *t);

/*
 * If @good is 0 the test has failed; @file, @line and @text say where, and what was
 * expected.
 *
 * Returns @good.
 */
int kc_t_check(kc_t *t, int good, const char *file, int line, const char *text);

/*
 * @cond is to be true; else the test fails, and goes on. The value is that of the
 * condition, as 1 or 0.
 */
#define KC_EXPECT(t, cond) \
	kc_t_check((t), (cond) ? 1 : 0, __FILE__, __LINE__, #cond)

/* @cond has to be true: else the test fails, and ends as by kc_t_fail_now(). */
#define KC_REQUIRE(t, cond)						\
	do {								\
		if (!KC_EXPECT(t, cond))				\
			kc_t_fail_now(t);				\
	} while (0)

/*
 * Run @fn(@arg) when the test is over, in the test's goroutine; what was noted last
 * is done first. It may fail, panic, and note more. If there is no memory to note it
 * the test ends as by kc_t_fatal(), once @fn(@arg) has been run.
 */
void kc_t_cleanup(kc_t *t, void (*fn)(void *arg), void *arg);

/*
 * Run @fn(@arg) in a goroutine that belongs to the test, which is not over before it
 * has ended. A panic there fails the test, and not the program.
 *
 * 0, or what kc_go() returns.
 */
int kc_t_go(kc_t *t, void (*fn)(void *arg), void *arg) KC_MUST_CHECK;

/*
 * A context that is cancelled when the test's function has ended: goroutines of the
 * test that wait with it end then.
 *
 * Returns the context, which is the test's own.
 */
kc_ctx *kc_t_ctx(const kc_t *t);

/*
 * When the time limit of the test is over, in nanoseconds on CLOCK_MONOTONIC.
 * @deadline may be NULL.
 *
 * Returns 1, and the time in *@deadline; or 0 if there is no limit.
 */
int kc_t_deadline(const kc_t *t, int64_t *deadline);

/* A test of a program's: KC_TEST() names it as its function. */
typedef struct kc_test_item {
	const char *name;
	void (*fn)(kc_t *t);
	uint64_t reserved[2];	/* zero */
} kc_test_item;

/* One element of the array that kc_test_main() takes. */
#define KC_TEST(fn)	{ #fn, (fn), { 0, 0 } }

/*
 * Run a program's tests, one after another, as its arguments say:
 *
 * --run=REGEX	only those whose name has a match (regex(7), extended)
 * --list	only list their names
 * --timeout=TIME	for each test: 500ms, 10s, 2m; 0 is no limit
 * --count=N	run them so often
 * --fail-fast	stop after the first that fails
 * --jitter=SEED	with kc_jitter(), which is turned on for the time of each test; of
 *		each further round by the next number
 * --tap		write TAP
 * --verbose	also write of tests that pass
 * --help	tell of these, and of their short forms
 *
 * Returns what main() is to return: 0 if no test has failed, 1 if one has, and 2 if
 * the arguments make no sense.
 */
int kc_test_main(int argc, char **argv, const kc_test_item *tests, size_t n);

/* Define a main() that is kc_test_main() for the array @tests. */
#define KC_TEST_MAIN(tests)						\
	int main(int argc, char **argv)					\
	{								\
		return kc_test_main(argc, argv, (tests),		\
				    sizeof(tests) / sizeof((tests)[0]));	\
	}

KC_DECLS_END

#endif /* KCHAN_TESTING_H */
