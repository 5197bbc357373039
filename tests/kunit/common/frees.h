/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef _KCHAN_TEST_FREES_H
#define _KCHAN_TEST_FREES_H

#include "harness.h"

/**
 * struct kt_frees - what is so at the moment when a piece of memory is freed
 * @test: the test
 * @look: finds out a number, without sleeping
 * @arg: for @look
 * @mem: the memory, of the slab allocator; NULL for none
 * @seen: what @look has found, when @mem was freed
 * @freed: how many pieces were freed
 */
struct kt_frees {
	struct kunit *test;
	size_t (*look)(void *arg);
	void *arg;
	const void *mem;
	size_t seen;
	unsigned int freed;
};

struct kt_frees *kt_frees(struct kunit *test, size_t (*look)(void *arg), void *arg);
void kt_frees_watch(struct kt_frees *f, const void *mem);
void kt_frees_expect(struct kt_frees *f, size_t seen);

#endif /* _KCHAN_TEST_FREES_H */
