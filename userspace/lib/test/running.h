/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A test that runs: what the test kit's files share.
 *
 * test.c starts it, waits for its end and tells of it; running.c has what its goroutines
 * may do with it meanwhile. What several of them may change is under its lock.
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
	uint64_t jitter;		/* the seed; 0: none */
	kc_ctx *ctx;
	kc_waitgroup members;		/* goroutines of kc_t_go() */
	uint32_t over;			/* a futex: after that nobody else uses this */

	uint32_t lock;
	bool failed;
	bool skipped;
	struct kc_out log;		/* lines, each with its end */
	struct kc_cleanup *cleanups;	/* the last one first */
};

#define KC_TEST_NO_LIMIT	INT64_MAX

/* Call @fn(@arg): a panic in it fails the test. */
void kc_t_protect(kc_t *t, void (*fn)(void *arg), void *arg);

/*
 * If there is a test now it fails, for this reason, and that is told: true. The
 * caller is to end the process.
 */
bool kc_t_fail_current(const char *text);

/* The first of its cleanups, taken off; NULL if there is none. */
struct kc_cleanup *kc_t_take_cleanup(kc_t *t);

#endif /* LIBKCHAN_TEST_RUNNING_H */
