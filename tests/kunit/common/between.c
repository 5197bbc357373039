// SPDX-License-Identifier: GPL-2.0-only
/*
 * Between two holds of a lock. The test makes a call of the module. When that call
 * drops a channel's lock for the n-th time, another task does something, before the
 * call goes on.
 *
 * A tracepoint of lockdep says when a lock is about to be dropped, and the other task
 * is woken there. It is on the same CPU and goes before all others, so it runs as
 * soon as the lock has been dropped.
 */
#include <kunit/test.h>
#include <linux/cpumask.h>
#include <linux/err.h>
#include <linux/kthread.h>
#include <linux/lockdep.h>
#include <linux/sched.h>
#include <linux/slab.h>
#include <linux/tracepoint.h>

#include "between.h"

#if defined(CONFIG_DEBUG_LOCK_ALLOC) && defined(CONFIG_TRACEPOINTS) && \
	defined(CONFIG_PREEMPTION)

static void kt_between_find(struct tracepoint *tp, void *arg)
{
	struct tracepoint **found = arg;

	if (!strcmp(tp->name, "lock_release"))
		*found = tp;
}

static struct tracepoint *kt_lock_release(void)
{
	struct tracepoint *found = NULL;

	for_each_kernel_tracepoint(kt_between_find, &found);
	return found;
}

/* The lock is still held. */
static void kt_between_dropped(void *data, struct lockdep_map *lock,
			       unsigned long ip)
{
	struct kt_between *b = data;
	struct kchan *at = READ_ONCE(b->at);

	if (current != b->watched || !at || lock != &at->lock.dep_map)
		return;
	if (b->skip) {
		b->skip--;
		return;
	}
	WRITE_ONCE(b->at, NULL);
	WRITE_ONCE(b->go, true);
	wake_up_process(b->task);
}

static int kt_between_fn(void *arg)
{
	struct kt_between *b = arg;

	for (;;) {
		set_current_state(TASK_INTERRUPTIBLE);
		if (kthread_should_stop())
			break;
		if (!READ_ONCE(b->go)) {
			schedule();
			continue;
		}
		__set_current_state(TASK_RUNNING);
		b->go = false;
		b->ran++;
		b->fn(b);
	}
	__set_current_state(TASK_RUNNING);
	return 0;
}

static void kt_free_between(void *arg)
{
	struct kt_between *b = arg;

	tracepoint_probe_unregister(kt_lock_release(), kt_between_dropped, b);
	tracepoint_synchronize_unregister();
	kthread_stop(b->task);
	kfree(b);
}

/**
 * kt_between() - have another task do something when the current one drops a lock
 * @test: the test, which is skipped where the kernel has no such tracepoint
 * @fn: what it does
 * @arg: for @fn, as &kt_between.arg
 *
 * Return: it, for kt_between_at(); it ends with the test.
 */
struct kt_between *kt_between(struct kunit *test,
			      void (*fn)(struct kt_between *b), void *arg)
{
	const unsigned int cpu = raw_smp_processor_id();
	struct kt_between *b;
	int ret;

	if (!kt_lock_release())
		kunit_skip(test, "no tracepoint of locks");
	KUNIT_ASSERT_EQ(test, set_cpus_allowed_ptr(current, cpumask_of(cpu)), 0);
	b = kzalloc(sizeof(*b), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, b);
	b->test = test;
	b->fn = fn;
	b->arg = arg;
	b->watched = current;
	b->task = kthread_create_on_cpu(kt_between_fn, b, cpu, "kt_other/%u");
	if (IS_ERR(b->task))
		kfree(b);
	KUNIT_ASSERT_FALSE(test, IS_ERR(b->task));
	sched_set_fifo(b->task);
	wake_up_process(b->task);
	ret = tracepoint_probe_register(kt_lock_release(), kt_between_dropped, b);
	if (ret) {
		kthread_stop(b->task);
		kfree(b);
	}
	KUNIT_ASSERT_EQ(test, ret, 0);
	KUNIT_ASSERT_EQ(test, 0,
			kunit_add_action_or_reset(test, kt_free_between, b));
	return b;
}

#else

struct kt_between *kt_between(struct kunit *test,
			      void (*fn)(struct kt_between *b), void *arg)
{
	kunit_skip(test, "takes lockdep, tracepoints and preemption");
	return NULL;
}

#endif

/**
 * kt_between_at() - run the other task when a channel's lock is dropped
 * @b: what the other task does then, once; it may call this again
 * @ch: the channel
 * @skip: how many times the lock is dropped before that
 */
void kt_between_at(struct kt_between *b, struct kchan *ch, unsigned int skip)
{
	b->skip = skip;
	WRITE_ONCE(b->at, ch);
}

/**
 * kt_between_end() - stop watching, and expect how often the other task ran
 * @b: what the other task does
 * @ran: how often
 */
void kt_between_end(struct kt_between *b, unsigned int ran)
{
	WRITE_ONCE(b->at, NULL);
	KUNIT_EXPECT_EQ_MSG(b->test, b->ran, ran, "what is between two holds");
}
