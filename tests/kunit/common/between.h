/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef _KCHAN_TEST_BETWEEN_H
#define _KCHAN_TEST_BETWEEN_H

#include "harness.h"

/**
 * struct kt_between - what another task does when the test drops a channel's lock
 * @test: the test
 * @fn: what it does
 * @arg: for @fn
 * @ran: how often it has done it
 * @watched: the task whose locks are watched
 * @at: the channel whose lock is watched; NULL for none
 * @skip: how many times the lock is dropped before that
 * @task: the task that does it; it goes before all others
 * @go: the task is to do it now
 */
struct kt_between {
	struct kunit *test;
	void (*fn)(struct kt_between *b);
	void *arg;
	unsigned int ran;
	struct task_struct *watched;
	struct kchan *at;
	unsigned int skip;
	struct task_struct *task;
	bool go;
};

struct kt_between *kt_between(struct kunit *test,
			      void (*fn)(struct kt_between *b), void *arg);
void kt_between_at(struct kt_between *b, struct kchan *ch, unsigned int skip);
void kt_between_end(struct kt_between *b, unsigned int ran);

#endif /* _KCHAN_TEST_BETWEEN_H */
