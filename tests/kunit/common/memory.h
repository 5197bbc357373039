/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef _KCHAN_TEST_MEMORY_H
#define _KCHAN_TEST_MEMORY_H

#include "harness.h"

/**
 * struct kt_slow - a page of user memory that is not there until the test says so
 * @test: the test
 * @touched: a task waits for the page
 * @go: it may be there now
 * @bad: it will never be there
 * @page: what it will be
 */
struct kt_slow {
	struct kunit *test;
	struct completion touched;
	struct completion go;
	bool bad;
	struct page *page;
};

unsigned long kt_user_pages(struct kunit *test, unsigned int nr);
struct kt_slow *kt_slow(struct kunit *test, unsigned long addr);
void kt_slow_wait(struct kt_slow *slow);
void kt_slow_go(struct kt_slow *slow, bool bad);
unsigned int kt_fail_nth(unsigned int nth);
void kt_failslab(struct kunit *test, bool on);

#endif /* _KCHAN_TEST_MEMORY_H */
