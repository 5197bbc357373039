// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * What has to be done around a fork().
 *
 * The child has one thread, the one that forked, and a copy of all memory. So a
 * lock of the library's that another thread held would stay locked in it: the
 * parent takes them all before, in the order in which they are taken one inside
 * the other. And what is kept of the other threads is of no use there.
 *
 * A program may have handlers of its own, which may use the library. Those that are
 * told of a fork last before it are told first after it; so that ours hold the locks
 * inside of all others, they are there before main() is. What calls the program's
 * functions is the other way around: it is there when it is first needed, and so
 * comes after the handlers that the program had by then, whose locks are free again.
 */
#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>

#include "base/fork.h"
#include "base/futex.h"
#include "base/task.h"

uint32_t kc_generation;

/*
 * Who has joined, in their order. The lock is held over a fork(), before all others.
 */
static struct kc_fork *first;
static uint32_t lock;

/*
 * What the thread that forks had blocked, under the lock. It blocks all signals for as
 * long as it holds the locks. So no handler runs that would wait for one of them. And a
 * signal that comes to the child early finds the parts put right: it waits until each
 * has taken away what was for the parent.
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

/* They are a few: so is the stack that this takes. */
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

/* What drops references, and may call the program's functions so. */
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

/* Twice is no matter: a thread of the parent's may have been about to return. */
static void setup_drop(void)
{
	if (!error)
		error = -pthread_atfork(NULL, NULL, drop_in_child);
}

/* No other thread is in the middle of it, or of what it is there for, at a fork. */
KC_EARLY static void set_up_early(void)
{
	pthread_once(&locks_once, setup_locks);
}

int kc_fork_setup(void)
{
	static pthread_once_t drop_once = PTHREAD_ONCE_INIT;
	static bool done;

	/* As in kc_g_setup(). */
	if (__atomic_load_n(&done, __ATOMIC_ACQUIRE))
		return error;
	/* A constructor may be earlier still. */
	pthread_once(&locks_once, setup_locks);
	pthread_once(&drop_once, setup_drop);
	__atomic_store_n(&done, true, __ATOMIC_RELEASE);
	return error;
}
