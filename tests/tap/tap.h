/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A small harness that writes TAP.
 *
 * Each test runs in a process of its own, in its own process group, with a
 * watchdog: a test that hangs or crashes is a failed one, and the next runs.
 * A failed expectation prints a diagnostic and the test goes on; a failed
 * must() ends the test (and only it). Both may be used in threads, and in
 * children that the test forks.
 *
 * Environment: KCHAN_TEST_SCALE, a factor for the number of rounds (1; 0.1 on
 * an instrumented kernel); KCHAN_TEST_TIMEOUT, seconds for each test.
 */
#ifndef TAP_H
#define TAP_H

#include <stdbool.h>
#include <stddef.h>

struct tap_test {
	const char *text;
	void (*run)(void);
};

/* Runs all of them; the result is main's. */
int tap_run(const struct tap_test *tests, size_t count);

#define TAP_MAIN(tests)							\
	int main(void)							\
	{								\
		return tap_run(tests, sizeof(tests) / sizeof((tests)[0])); \
	}

/* In a test: which of them it is. */
const struct tap_test *tap_current(void);

/* True on a kernel with sanitizers, where everything is several times slower. */
bool tap_instrumented(void);

/* @count, made smaller on an instrumented kernel or by KCHAN_TEST_SCALE. */
unsigned long tap_scale(unsigned long count);

/* How long to wait for what has to happen, in seconds. */
unsigned int tap_patience(void);

/* A diagnostic line. */
void tap_note(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/* What the following expectations are about; printed with those that fail. */
void tap_about(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/* Ends the test as skipped. */
void tap_skip(const char *reason) __attribute__((noreturn));

void tap_fail(const char *file, int line, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
void tap_end(void) __attribute__((noreturn));

bool tap_expect_int(const char *file, int line, const char *text,
		    long long seen, long long want);
bool tap_expect_errno(const char *file, int line, const char *text,
		      long long ret, int want);

#define expect(cond)							\
	((cond) ? true : (tap_fail(__FILE__, __LINE__, "%s", #cond), false))

#define expect_int(expr, want)						\
	tap_expect_int(__FILE__, __LINE__, #expr, (expr), (want))

/* The call returns -1 and this error. */
#define expect_errno(expr, want)					\
	tap_expect_errno(__FILE__, __LINE__, #expr, (expr), (want))

#define must(cond)							\
	do {								\
		if (!(cond)) {						\
			tap_fail(__FILE__, __LINE__, "%s", #cond);	\
			tap_end();					\
		}							\
	} while (0)

#define must_int(expr, want)						\
	do {								\
		if (!expect_int(expr, want))				\
			tap_end();					\
	} while (0)

/*
 * Waits for a condition that nothing can be slept on for: what another task
 * does, as the kernel tells it. Ends the test when it does not come.
 */
#define until(cond)							\
	do {								\
		struct tap_wait wait_ = { 0 };				\
		while (!(cond)) {					\
			if (!tap_wait_more(&wait_)) {			\
				tap_fail(__FILE__, __LINE__,		\
					 "never came: %s", #cond);	\
				tap_end();				\
			}						\
		}							\
	} while (0)

struct tap_wait {
	long long deadline;
};

bool tap_wait_more(struct tap_wait *w);
long long tap_now_ns(void);

#endif /* TAP_H */
