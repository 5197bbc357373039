// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * The handler of signals that the library's parts catch; catch.h tells more.
 *
 * A handler may begin in one thread while another thread ends the catching: it runs
 * after what was there before is back, and for nobody. So it notes the signal down and
 * looks then whether anybody still catches it. Who ends the catching says so first, and
 * then takes what was noted down. Both are sequentially consistent, so one of the two
 * sees what the other one did. If that is the handler it takes its note back, and sends
 * the signal again: it does what it did before.
 */
#include <errno.h>
#include <string.h>

#include "base/catch.h"
#include "base/fork.h"
#include "base/futex.h"
#include "base/proc.h"
#include "base/task.h"
#include "race/race.h"

static uint32_t lock;

/* Under the lock. */
static struct sigaction before[_NSIG];

/* A bit for each part. Changed under the lock, read by the handler. */
static uint32_t catching[_NSIG];

/* A bit for each part, set by the handler, and cleared by the part. */
static uint32_t come[_NSIG];

static void (*wakes[KC_NR_CATCHERS])(void);

static uint32_t bit(enum kc_catcher who)
{
	return (uint32_t)1 << who;
}

static uint32_t who_catches(int signum)
{
	return __atomic_load_n(&catching[signum], __ATOMIC_SEQ_CST);
}

static void wake(uint32_t whom)
{
	int i;

	for (i = 0; i < KC_NR_CATCHERS; i++)
		if (whom & bit(i))
			wakes[i]();
}

static void on_signal(int signum)
{
	const uint32_t whom = who_catches(signum);
	const int saved = errno;
	bool late = !whom;

	if (whom) {
		__atomic_fetch_or(&come[signum], whom, __ATOMIC_SEQ_CST);
		if (!who_catches(signum))
			late = __atomic_exchange_n(&come[signum], 0,
						   __ATOMIC_SEQ_CST);
	}
	if (late)
		syscall(SYS_kill, sys_getpid(), signum);
	else
		wake(whom);
	errno = saved;
}

/*
 * The race detector puts its own handler in the place of one, and calls that late: too
 * late for who waits to be told. What ours does is no matter to it.
 */
static void install_at_once(int signum)
{
	struct kc_sigaction action;

	if (!sys_sigaction(signum, NULL, &action)) {
		action.handler = on_signal;
		sys_sigaction(signum, &action, NULL);
	}
}

/* With the lock held, as the next one. */
static int install(int signum)
{
	struct sigaction action = {
		.sa_handler = on_signal,
		.sa_flags = SA_RESTART | SA_ONSTACK,
	};
	struct sigaction now;

	sigfillset(&action.sa_mask);
	if (sigaction(signum, NULL, &now))
		return -errno;
	if (now.sa_handler == on_signal)
		return 0;
	if (sigaction(signum, &action, NULL))
		return -errno;
	before[signum] = now;
	if (kc_race_on())
		install_at_once(signum);
	return 0;
}

/* Unless the program has installed something of its own since. */
static void put_back(int signum)
{
	struct sigaction now;

	if (!sigaction(signum, NULL, &now) && now.sa_handler == on_signal)
		sigaction(signum, &before[signum], NULL);
}

void kc_catch_wake_by(enum kc_catcher who, void (*fn)(void))
{
	wakes[who] = fn;
}

int kc_catch(enum kc_catcher who, int signum)
{
	uint32_t was;
	int ret;

	kc_lock(&lock);
	was = who_catches(signum);
	__atomic_store_n(&catching[signum], was | bit(who), __ATOMIC_SEQ_CST);
	ret = install(signum);
	if (ret)
		__atomic_store_n(&catching[signum], was, __ATOMIC_SEQ_CST);
	kc_unlock(&lock);
	return ret;
}

void kc_catch_end(enum kc_catcher who, int signum)
{
	uint32_t left;

	kc_lock(&lock);
	left = who_catches(signum) & ~bit(who);
	/* Or the handler would send it to itself, until it is. */
	if (!left)
		put_back(signum);
	__atomic_store_n(&catching[signum], left, __ATOMIC_SEQ_CST);
	kc_unlock(&lock);
}

bool kc_catch_take(enum kc_catcher who, int signum)
{
	return __atomic_fetch_and(&come[signum], ~bit(who), __ATOMIC_SEQ_CST) &
	       bit(who);
}

static void lock_all(void)
{
	kc_lock(&lock);
}

static void unlock_all(void)
{
	kc_unlock(&lock);
}

/* The child does what was done before any of it. */
static void forked(void)
{
	int signum;

	for (signum = 1; signum <= KC_NR_SIGNALS; signum++) {
		if (catching[signum])
			put_back(signum);
		catching[signum] = 0;
		come[signum] = 0;
	}
}

KC_AT_FORK(.order = KC_FORK_CATCH, .lock = lock_all, .unlock = unlock_all,
	   .forked = forked)
