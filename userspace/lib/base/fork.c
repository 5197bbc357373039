// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * What the library does around a fork().
 *
 * The child has one thread, the one that called fork(), and a copy of the whole memory.
 * A lock that another thread held would stay locked in the child. So the parent takes
 * all locks of the library before, in their nesting order. What the library stores
 * about other threads is removed in the child.
 *
 * A program may have fork handlers of its own, and they may use the library.
 * pthread_atfork() calls the handlers before a fork in reverse order of registration,
 * and those after it in order of registration. The handlers that take our locks must be
 * the innermost: they run last before the fork, and first after it. So they are
 * registered first, before main(). The handler drop_in_child() calls functions of the
 * program, so it must be outermost: it is registered when it is first needed. So it
 * runs after the handlers that the program had registered by then, when the program's
 * locks are free again.
 */
#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>

#include "base/fork.h"
#include "base/futex.h"
#include "base/task.h"

uint32_t kc_generation;

/*
 * The parts that have joined, sorted by order. before() takes this lock first and holds it
 * over the fork().
 */
static struct kc_fork *first;
static uint32_t lock;

/*
 * The signal mask of the thread that forks. Protected by the lock. The thread blocks
 * all signals while it holds the locks. So no signal handler runs in it that would wait
 * for one of the locks. A signal that comes to the child early waits until all parts
 * are repaired.
 */
static struct kc_sigmask blocked;

static pthread_once_t locks_once = PTHREAD_ONCE_INIT;
static int error;

void kc_fork_join(struct kc_fork *f)
{
	struct kc_fork **at = &first;

	kc_lock(&lock);
	while (*at && (*at)->order < f->order)
		at = &(*at)->next;
	f->next = *at;
	*at = f;
	kc_unlock(&lock);
}

/* The recursion is not deep: there are only a few parts. */
static void lock_from_last(const struct kc_fork *f)
{
	if (!f)
		return;
	lock_from_last(f->next);
	if (f->lock)
		f->lock();
}

static void before(void)
{
	struct kc_sigmask mask;

	sys_block_signals(&mask);
	kc_lock(&lock);
	blocked = mask;
	lock_from_last(first);
}

static void unlock_all(void)
{
	const struct kc_sigmask mask = blocked;
	const struct kc_fork *f;

	for (f = first; f; f = f->next)
		if (f->unlock)
			f->unlock();
	kc_unlock(&lock);
	sys_set_sigmask(&mask, NULL);
}

static void in_child(void)
{
	const struct kc_fork *f;

	kc_generation++;
	for (f = first; f; f = f->next)
		if (f->forked)
			f->forked();
	unlock_all();
}

/* The functions that drop references. This may call functions of the program. */
static void drop_in_child(void)
{
	const struct kc_fork *f;

	for (f = first; f; f = f->next)
		if (f->drop)
			f->drop();
}

static void setup_locks(void)
{
	error = -pthread_atfork(before, unlock_all, in_child);
}

/*
 * The child of a fork() may call this a second time, if a thread of the parent was
 * inside of it. Calling drop_in_child() twice does no harm.
 */
static void setup_drop(void)
{
	if (!error)
		error = -pthread_atfork(NULL, NULL, drop_in_child);
}

/*
 * Before main() no other thread can be inside of pthread_once() at a fork(), and no
 * fork() is missed.
 */
KC_EARLY static void set_up_early(void)
{
	pthread_once(&locks_once, setup_locks);
}

int kc_fork_setup(void)
{
	static pthread_once_t drop_once = PTHREAD_ONCE_INIT;
	static bool done;

	/* Pairs with the release below, as in kc_g_setup(). */
	if (__atomic_load_n(&done, __ATOMIC_ACQUIRE))
		return error;
	/*
	 * Another constructor with the same priority may call this before
	 * set_up_early().
	 */
	pthread_once(&locks_once, setup_locks);
	pthread_once(&drop_once, setup_drop);
	__atomic_store_n(&done, true, __ATOMIC_RELEASE);
	return error;
}
