// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * What has to be done around a fork().
 *
 * The child has one thread, the one that forked, and a copy of all memory. So a
 * lock of the library's that another thread held would stay locked in it: the
 * parent takes them all before. And what is kept of the other threads is of no
 * use there.
 */
#include <pthread.h>

#include "fork.h"
#include "log.h"
#include "pool.h"
#include "report.h"

static void before(void)
{
	kc_log_lock();
	kc_lock(&kc_sched.lock);
}

static void in_parent(void)
{
	kc_unlock(&kc_sched.lock);
	kc_log_unlock();
}

static void in_child(void)
{
	kc_pool_forked();
	kc_g_forked();
	/* Another goroutine may be dying in the parent, for ever. */
	kc_report_forked();
	kc_unlock(&kc_sched.lock);
	kc_log_unlock();
}

int kc_fork_setup(void)
{
	return pthread_atfork(before, in_parent, in_child);
}
