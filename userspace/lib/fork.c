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

#include "clock.h"
#include "ctx.h"
#include "deadlock.h"
#include "dump_signal.h"
#include "fault.h"
#include "fork.h"
#include "keeper.h"
#include "log.h"
#include "look.h"
#include "notify.h"
#include "pool.h"
#include "race_chan.h"
#include "report.h"
#include "thread.h"

uint32_t kc_generation;

static pthread_once_t locks_once = PTHREAD_ONCE_INIT;
static int error;

static void before(void)
{
	kc_notify_lock();
	kc_ctx_lock_all();
	kc_keeper_lock();
	kc_log_lock();
	kc_fault_lock();
	kc_dump_lock();
	kc_lock(&kc_sched.lock);
	kc_race_lock();
}

static void unlock_all(void)
{
	kc_race_unlock();
	kc_unlock(&kc_sched.lock);
	kc_dump_unlock();
	kc_fault_unlock();
	kc_log_unlock();
	kc_keeper_unlock();
	kc_ctx_unlock_all();
	kc_notify_unlock();
}

static void in_child(void)
{
	kc_generation++;
	kc_thread_forked();
	kc_pool_forked();
	kc_g_forked();
	/* Another goroutine may be dying in the parent, for ever, or look at others. */
	kc_report_forked();
	kc_look_forked();
	kc_dump_forked();
	kc_deadlock_forked();
	kc_clock_forked();
	kc_keeper_forked();
	kc_ctx_forked();
	kc_notify_forked();
	unlock_all();
}

/* What drops references, and may call the program's functions so. */
static void drop_in_child(void)
{
	kc_keeper_tell_forked();
	kc_ctx_drop_forked();
	kc_notify_drop_forked();
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
__attribute__((constructor(101))) static void set_up_early(void)
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
