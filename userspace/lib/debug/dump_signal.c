// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Dumps on a signal.
 *
 * The signal handler may interrupt a thread that holds any lock. So it only wakes a
 * thread of the library, which makes the dump. That thread blocks all signals and does
 * nothing else. So it works when all goroutines are blocked.
 */
#include <signal.h>

#include "base/catch.h"
#include "base/futex.h"
#include "base/kchandebug.h"
#include "base/task.h"
#include "debug/dump.h"
#include "sched/thread.h"

#define LAST	KC_NR_SIGNALS

/* Written under the lock. What the thread reads without it is atomic. */
static struct {
	uint32_t lock;
	bool runs;
	uint32_t flags[_NSIG];
	uint32_t wakes;			/* a futex: counts the signals */
} dumps;

static void lock_dumps(void)
{
	kc_lock(&dumps.lock);
}

static void unlock_dumps(void)
{
	kc_unlock(&dumps.lock);
}

/* In the child, the thread does not exist, and no signal makes a dump. */
static void forked(void)
{
	dumps.runs = false;
}

KC_AT_FORK(.order = KC_FORK_DUMP, .lock = lock_dumps, .unlock = unlock_dumps,
	   .forked = forked)

/* Called in the signal handler. */
static void wake(void)
{
	__atomic_fetch_add(&dumps.wakes, 1, __ATOMIC_RELEASE);
	sys_futex_wake_one(&dumps.wakes);
}

KC_EARLY static void wake_dumper(void)
{
	kc_catch_wake_by(KC_CATCH_DUMP, wake);
}

/* Ends the process as the signal does by default. */
static void die_of(int signal)
{
	const struct kc_sigmask none = { { 0 } };
	const struct sigaction by_default = { .sa_handler = SIG_DFL };

	sigaction(signal, &by_default, NULL);
	sys_raise(signal);
	sys_set_sigmask(&none, NULL);
}

static void serve(int signal)
{
	const struct kc_looker nobody = { .traces = true };

	kc_dump_all(&nobody, STDERR_FILENO);
	if (__atomic_load_n(&dumps.flags[signal], __ATOMIC_RELAXED) & KC_DUMP_EXIT)
		die_of(signal);
}

static void serve_all(void)
{
	uint32_t seen;
	int i;

	sys_set_comm("kchan-dump");
	for (;;) {
		seen = __atomic_load_n(&dumps.wakes, __ATOMIC_ACQUIRE);
		for (i = 1; i <= LAST; i++)
			if (kc_catch_take(KC_CATCH_DUMP, i))
				serve(i);
		sys_futex_wait(&dumps.wakes, seen);
	}
}

/* Called with the lock held. */
static int ask_for(int signal, uint32_t flags)
{
	int ret = 0;

	if (!dumps.runs)
		ret = kc_thread_own(serve_all, KC_STACK_ROOMY);
	if (ret)
		return ret;
	dumps.runs = true;
	__atomic_store_n(&dumps.flags[signal], flags, __ATOMIC_RELAXED);
	return kc_catch(KC_CATCH_DUMP, signal);
}

int kc_dump_on_signal(int signal, uint32_t flags)
{
	int ret;

	if (signal < 1 || signal > LAST || (flags & ~KC_DUMP_EXIT))
		return -EINVAL;
	ret = kc_fork_setup();
	if (ret)
		return ret;
	lock_dumps();
	ret = ask_for(signal, flags);
	unlock_dumps();
	return ret;
}

static int dump_on_quit(void)
{
	return kc_dump_on_signal(SIGQUIT, KC_DUMP_EXIT);
}

KC_DEBUG_WORD("dump", dump_on_quit)
