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
 * A test is a function that is given a kc_t. It fails if it calls kc_t_fail() or a
 * similar function, if it or a goroutine of kc_t_go() panics, if it leaves goroutines
 * behind, or if it does not end within its time limit. A blocked function cannot be
 * ended from outside. So when the time limit has passed, a kc_dump() is written to
 * standard error, and the process ends with the status 1.
 *
 * Results are written to standard output. The buffer of stdout is flushed before.
 * Except for fatal errors, this is all that the library prints. There are two forms:
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

/* kc_test_options.flags: write TAP: one line for the test, without a number. */
#define KC_TEST_TAP	((uint32_t)1 << 0)

/* Also write what tests that pass have logged, and that they have passed. */
#define KC_TEST_VERBOSE	((uint32_t)1 << 1)

/* Goroutines that are left behind do not fail the test. */
#define KC_TEST_LEAKY	((uint32_t)1 << 2)

/*
 * Options of a test. Start with KC_TEST_OPTIONS_INIT, which fills in the size that
 * the structure had when the program was compiled. It may grow at its end.
 */
typedef struct kc_test_options {
	uint32_t size;		/* sizeof(struct kc_test_options) */
	uint32_t flags;		/* KC_TEST_* */
	int64_t timeout;	/* in ns; 0: one minute; negative: no limit */
	int64_t leak_timeout;	/* in ns, for goroutines to end; 0: one second */
	size_t stack_size;	/* in bytes; 0: 256 KiB */
	void *arg;		/* for kc_t_arg() */
	uint64_t jitter;	/* a seed for kc_jitter(); 0: not changed */
} kc_test_options;

#define KC_TEST_OPTIONS_INIT \
	{ sizeof(struct kc_test_options), 0, 0, 0, 0, NULL, 0 }

/* What kc_test() returns. */
#define KC_TEST_PASSED	0
#define KC_TEST_FAILED	1
#define KC_TEST_SKIPPED	2

/*
 * Run @fn as a test in a goroutine of its own, and write the result. @options may be
 * NULL.
 *
 * When the function has ended, however it ends, the test's context is cancelled. Then
 * this waits for the goroutines of kc_t_go(), and runs the functions of kc_t_cleanup().
 * The time limit includes all this. At last, kc_leak_check() must find nothing. So
 * goroutines that existed before the test count as left behind, too, unless
 * KC_TEST_LEAKY is set.
 *
 * KC_TEST_PASSED, KC_TEST_FAILED, KC_TEST_SKIPPED, or
 * -EAGAIN	no thread can be created: see go.h
 * -ENOMEM
 * -EINVAL	an unknown flag, or an invalid size
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
 * Log a text, of one line or several. It is written if the test fails. kc_t_error()
 * also makes the test fail. The test continues.
 */
void kc_t_log(kc_t *t, const char *fmt, ...) KC_PRINTF(2, 3);
void kc_t_error(kc_t *t, const char *fmt, ...) KC_PRINTF(2, 3);

/*
 * As kc_t_error(), and then end this goroutine, which is most often the test's own,
 * as kc_goexit() does.
 */
KC_NORETURN void kc_t_fatal(kc_t *t, const char *fmt, ...) KC_PRINTF(2, 3);

/*
 * Make the test fail, without a text. kc_t_fail_now() also ends this goroutine, as
 * kc_goexit() does.
 */
void kc_t_fail(kc_t *t);
KC_NORETURN void kc_t_fail_now(kc_t *t);

/*
 * Skip the test: log the reason, and end this goroutine, as kc_goexit() does. If the
 * test has failed before, it still counts as failed.
 */
KC_NORETURN void kc_t_skip(kc_t *t, const char *fmt, ...) KC_PRINTF(2, 3);

/*
 * Whether the test has failed, or has been skipped.
 *
 * Returns 1 if it has, else 0.
 */
int kc_t_failed(const kc_t *t);
int kc_t_skipped(const kc_t *t);

/*
 * If @good is 0, make the test fail. @file, @line and @text say where, and what was
 * expected.
 *
 * Returns @good.
 */
int kc_t_check(kc_t *t, int good, const char *file, int line, const char *text);

/*
 * If @cond is false, the test fails, and continues. The value is that of the condition,
 * as 1 or 0.
 */
#define KC_EXPECT(t, cond) \
	kc_t_check((t), (cond) ? 1 : 0, __FILE__, __LINE__, #cond)

/* If @cond is false, the test fails, and this goroutine ends, as by kc_t_fail_now(). */
#define KC_REQUIRE(t, cond)						\
	do {								\
		if (!KC_EXPECT(t, cond))				\
			kc_t_fail_now(t);				\
	} while (0)

/*
 * Run @fn(@arg) when the test has ended, in the test's goroutine. The newest cleanup
 * runs first. A cleanup may fail, panic, and add more cleanups. If there is no memory
 * for it, @fn(@arg) is run at once, and then the test ends as by kc_t_fatal().
 */
void kc_t_cleanup(kc_t *t, void (*fn)(void *arg), void *arg);

/*
 * Run @fn(@arg) in a goroutine that belongs to the test. The test waits for its end. A
 * panic in it fails the test, and does not end the program.
 *
 * 0, or what kc_go() returns.
 */
int kc_t_go(kc_t *t, void (*fn)(void *arg), void *arg) KC_MUST_CHECK;

/*
 * A context that is cancelled when the test's function has ended: goroutines of the
 * test that wait with it end then.
 *
 * Returns the context, which belongs to the test.
 */
kc_ctx *kc_t_ctx(const kc_t *t);

/*
 * The time when the test's time limit passes, in nanoseconds on CLOCK_MONOTONIC.
 * @deadline may be NULL.
 *
 * Returns 1, and the time in *@deadline; or 0 if there is no limit.
 */
int kc_t_deadline(const kc_t *t, int64_t *deadline);

/* A test of a program. KC_TEST() gives it the name of its function. */
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
 * --count=N	run them N times
 * --fail-fast	stop after the first that fails
 * --jitter=SEED	with kc_jitter() during each test; each further round has the
 *	next seed
 * --tap		write TAP
 * --verbose	also write about tests that pass
 * --help	show these options, and their short forms
 *
 * Returns what main() is to return: 0 if no test has failed, 1 if one has, and 2 if the
 * arguments are wrong.
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
