/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A running test: what the files of the test kit share.
 *
 * test.c starts a test, waits for its end, and prints the result. running.c has the
 * functions that the test's goroutines call. The lock protects what several of them may
 * change.
 */
#ifndef LIBKCHAN_TEST_RUNNING_H
#define LIBKCHAN_TEST_RUNNING_H

#include <kchan/testing.h>

#include "base/base.h"
#include "base/print.h"

struct kc_cleanup {
	struct kc_cleanup *next;
	void (*fn)(void *arg);
	void *arg;
};

struct kc_t {
	const char *name;
	void (*fn)(kc_t *t);
	kc_test_options options;
	int64_t begun;
	int64_t deadline;		/* KC_TEST_NO_LIMIT: none */
	uint64_t jitter;		/* the seed; 0: no jitter */
	kc_ctx *ctx;
	kc_waitgroup members;		/* the goroutines of kc_t_go() */
	uint32_t over;			/* a futex: once it is set, no other thread uses this
					 * structure */

	uint32_t lock;
	bool failed;
	bool skipped;
	struct kc_print log;		/* lines, each with its newline */
	struct kc_cleanup *cleanups;	/* the newest first */
};

#define KC_TEST_NO_LIMIT	INT64_MAX

/* Calls @fn(@arg). A panic in it fails the test. */
void kc_t_protect(kc_t *t, void (*fn)(void *arg), void *arg);

/*
 * If a test runs, makes it fail with this text, prints its result, and returns true.
 * The caller must then end the process.
 */
bool kc_t_fail_current(const char *text);

/* Takes the newest cleanup off the list. Returns NULL if there is none. */
struct kc_cleanup *kc_t_take_cleanup(kc_t *t);

#endif /* LIBKCHAN_TEST_RUNNING_H */
