// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * The handler of signals that the library's parts catch; catch.h tells more.
 *
 * The handler may begin when nobody catches the signal any more. There are two reasons.
 *
 * The signal came before. The kernel called the handler, and another thread ended the
 * catching before the handler looked. So the handler notes the signal down, and then
 * looks whether somebody still catches it. Who ends the catching says so, and then takes
 * what was noted down. Both are sequentially consistent, so one of the two sees what the
 * other one did. If that is the handler, it takes its note back and sends the signal
 * again, to its own thread and with what came with it.
 *
 * Or the program called the handler. It had installed a handler of its own over ours, and
 * that one calls the one that it replaced. Then the signal is not sent again: it would
 * come back by the same way. It is passed on to what was there before ours.
 */
#include <errno.h>
#include <string.h>

#include "base/catch.h"
#include "base/fork.h"
#include "base/futex.h"
#include "base/proc.h"
#include "base/task.h"
#include "race/race.h"

/*
 * The handler takes it too. So whoever holds it blocks all signals: see lock_quietly(),
 * and fork().
 */
static uint32_t lock;

/* Under the lock: what our handler stands in for. */
static struct stand_in {
	struct sigaction first;	/* what was there before ours */
	struct sigaction last;	/* what ours replaced last: @first, or what may call ours */
	bool used;		/* ours has not been taken away since @first was there */
} stand_ins[_NSIG];

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

static void on_signal(int signum, siginfo_t *info, void *context);

static bool is_ours(const struct sigaction *action)
{
	return action->sa_sigaction == on_signal;
}

static bool is_handler(const struct sigaction *action)
{
	return action->sa_handler != SIG_DFL && action->sa_handler != SIG_IGN;
}

static void lock_quietly(struct kc_sigmask *old)
{
	sys_block_signals(old);
	kc_lock(&lock);
}

static void unlock_quietly(const struct kc_sigmask *old)
{
	kc_unlock(&lock);
	sys_set_sigmask(old, NULL);
}

/*
 * The race detector puts its own handler in the place of one, and calls that late: too
 * late for who waits to be told. What ours does is no matter to it.
 */
static void install_at_once(int signum)
{
	const struct sigaction ours = { .sa_sigaction = on_signal };
	struct kc_sigaction action;

	if (!sys_sigaction(signum, NULL, &action)) {
		action.handler = ours.sa_handler;
		sys_sigaction(signum, &action, NULL);
	}
}

/*
 * With the lock held, as the next one. A handler that the program installed over ours may
 * call ours. So it is put back later, but nothing is passed on to it.
 */
static int install(int signum)
{
	struct sigaction action = {
		.sa_sigaction = on_signal,
		.sa_flags = SA_RESTART | SA_ONSTACK | SA_SIGINFO,
	};
	struct stand_in *s = &stand_ins[signum];
	struct sigaction now;

	sigfillset(&action.sa_mask);
	if (sigaction(signum, NULL, &now))
		return -errno;
	if (is_ours(&now))
		return 0;
	if (sigaction(signum, &action, NULL))
		return -errno;
	s->last = now;
	if (!s->used || !is_handler(&now))
		s->first = now;
	s->used = true;
	if (kc_race_on())
		install_at_once(signum);
	return 0;
}

/* 0 or a negative errno. */
static int put_back(int signum)
{
	struct stand_in *s = &stand_ins[signum];

	if (sigaction(signum, &s->last, NULL))
		return -errno;
	s->used = s->last.sa_handler != s->first.sa_handler;
	return 0;
}

/* Unless the program has installed something of its own since. */
static void take_away(int signum)
{
	struct sigaction now;

	if (!sigaction(signum, NULL, &now) && is_ours(&now))
		put_back(signum);
}

/*
 * Note it down for all who catch it: who they are. It is nobody if the signal is the
 * caller's to see to.
 */
static uint32_t note(int signum)
{
	const uint32_t whom = who_catches(signum);

	if (!whom)
		return 0;
	__atomic_fetch_or(&come[signum], whom, __ATOMIC_SEQ_CST);
	if (who_catches(signum))
		return whom;
	/* Unless who ended the catching has taken it. */
	return __atomic_exchange_n(&come[signum], 0, __ATOMIC_SEQ_CST) ? 0 : whom;
}

/*
 * With the lock held, and nobody who catches it: true if the signal is to be sent again,
 * as it does then what it did before. Else the program has called us.
 */
static bool is_to_be_resent(int signum)
{
	const struct stand_in *s = &stand_ins[signum];
	struct sigaction now;

	if (sigaction(signum, NULL, &now))
		return false;
	/* The program has put ours back, as what it had found. */
	if (is_ours(&now))
		return !put_back(signum);
	return !is_handler(&now) || now.sa_handler == s->first.sa_handler;
}

static void pass_on(const struct sigaction *to, int signum, siginfo_t *info,
		    void *context)
{
	if (to->sa_flags & SA_SIGINFO)
		to->sa_sigaction(signum, info, context);
	else
		to->sa_handler(signum);
}

/* Nobody caught it when the handler looked. */
static void see_to(int signum, siginfo_t *info, void *context)
{
	struct sigaction first;
	struct kc_sigmask old;
	uint32_t whom;
	bool resent;

	lock_quietly(&old);
	/* Somebody may do so again. */
	whom = note(signum);
	resent = !whom && is_to_be_resent(signum);
	if (resent)
		sys_queue_signal(sys_gettid(), signum, info);
	first = stand_ins[signum].first;
	unlock_quietly(&old);
	if (whom)
		wake(whom);
	else if (!resent && is_handler(&first))
		pass_on(&first, signum, info, context);
}

static void on_signal(int signum, siginfo_t *info, void *context)
{
	const int saved = errno;
	const uint32_t whom = note(signum);

	if (whom)
		wake(whom);
	else
		see_to(signum, info, context);
	errno = saved;
}

void kc_catch_wake_by(enum kc_catcher who, void (*fn)(void))
{
	wakes[who] = fn;
}

int kc_catch(enum kc_catcher who, int signum)
{
	struct kc_sigmask old;
	uint32_t was;
	int ret;

	lock_quietly(&old);
	was = who_catches(signum);
	__atomic_store_n(&catching[signum], was | bit(who), __ATOMIC_SEQ_CST);
	ret = install(signum);
	if (ret)
		__atomic_store_n(&catching[signum], was, __ATOMIC_SEQ_CST);
	unlock_quietly(&old);
	return ret;
}

void kc_catch_end(enum kc_catcher who, int signum)
{
	struct kc_sigmask old;
	uint32_t left;

	lock_quietly(&old);
	left = who_catches(signum) & ~bit(who);
	if (!left)
		take_away(signum);
	__atomic_store_n(&catching[signum], left, __ATOMIC_SEQ_CST);
	unlock_quietly(&old);
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
			take_away(signum);
		catching[signum] = 0;
		come[signum] = 0;
	}
}

KC_AT_FORK(.order = KC_FORK_CATCH, .lock = lock_all, .unlock = unlock_all,
	   .forked = forked)
