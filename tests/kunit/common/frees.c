// SPDX-License-Identifier: GPL-2.0-only
/*
 * When memory is freed. A tracepoint of the slab allocator says so, and there the test
 * looks at what still is, and what is no more.
 */
#include <kunit/test.h>
#include <linux/slab.h>
#include <linux/tracepoint.h>

#include "frees.h"

#ifdef CONFIG_TRACEPOINTS

static void kt_frees_find(struct tracepoint *tp, void *arg)
{
	struct tracepoint **found = arg;

	if (!strcmp(tp->name, "kfree"))
		*found = tp;
}

static struct tracepoint *kt_frees_point(void)
{
	struct tracepoint *found = NULL;

	for_each_kernel_tracepoint(kt_frees_find, &found);
	return found;
}

/* The memory is not freed yet. */
static void kt_frees_probe(void *data, unsigned long ip, const void *mem)
{
	struct kt_frees *f = data;

	if (!mem || mem != READ_ONCE(f->mem))
		return;
	WRITE_ONCE(f->mem, NULL);
	f->seen = f->look(f->arg);
	f->freed++;
}

static void kt_frees_end(void *arg)
{
	struct kt_frees *f = arg;

	tracepoint_probe_unregister(kt_frees_point(), kt_frees_probe, f);
	tracepoint_synchronize_unregister();
	kfree(f);
}

/**
 * kt_frees() - be told when memory is freed
 * @test: the test, which is skipped where the kernel has no such tracepoint
 * @look: finds out a number, without sleeping
 * @arg: for @look
 *
 * Return: it, for kt_frees_watch(); it ends with the test.
 */
struct kt_frees *kt_frees(struct kunit *test, size_t (*look)(void *arg), void *arg)
{
	struct kt_frees *f;
	int ret;

	if (!kt_frees_point())
		kunit_skip(test, "no tracepoint of kfree");
	f = kzalloc(sizeof(*f), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, f);
	f->test = test;
	f->look = look;
	f->arg = arg;
	ret = tracepoint_probe_register(kt_frees_point(), kt_frees_probe, f);
	if (ret)
		kfree(f);
	KUNIT_ASSERT_EQ(test, ret, 0);
	KUNIT_ASSERT_EQ(test, 0, kunit_add_action_or_reset(test, kt_frees_end, f));
	return f;
}

#else

struct kt_frees *kt_frees(struct kunit *test, size_t (*look)(void *arg), void *arg)
{
	kunit_skip(test, "takes tracepoints");
	return NULL;
}

#endif

/**
 * kt_frees_watch() - wait for one piece of memory
 * @f: it
 * @mem: the memory
 */
void kt_frees_watch(struct kt_frees *f, const void *mem)
{
	KUNIT_EXPECT_NOT_NULL(f->test, mem);
	WRITE_ONCE(f->mem, mem);
}

/**
 * kt_frees_expect() - expect that the memory was freed, and what was so then
 * @f: it
 * @seen: what was to be found then
 */
void kt_frees_expect(struct kt_frees *f, size_t seen)
{
	KUNIT_EXPECT_EQ(f->test, f->freed, 1);
	KUNIT_EXPECT_EQ(f->test, f->seen, seen);
	f->freed = 0;
}
