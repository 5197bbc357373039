// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * The handler of signals that parts of the library catch: see catch.h.
 *
 * The handler may run when no part catches the signal any more. There are two reasons.
 *
 * First, the signal came before. The kernel called the handler, and another thread
 * called kc_catch_end() before the handler looked at catching[]. So the handler sets
 * come[] first, and then reads catching[] once more. kc_catch_end() clears catching[],
 * and its caller then reads come[] (kc_catch_take()). All four are sequentially
 * consistent, so at least one of the two sees the store of the other. If the handler
 * sees that catching[] is clear, it takes the bits of come[] back. Then it sends the
 * signal again to its own thread, with the same siginfo.
 *
 * Second, the program called the handler. The program had installed a handler of its
 * own over ours, and that handler calls the one that it replaced. Then the signal is
 * not sent again, since it would arrive here again. Instead our handler calls the
 * handler that was installed before ours.
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
 * The handler takes this lock, too. So a thread that holds it blocks all signals: see
 * lock_quietly(), and before() in fork.c.
 */
static uint32_t lock;

/* What our handler replaces. Protected by the lock. */
static struct stand_in {
	struct sigaction first;	/* the action before ours */
	struct sigaction last;	/* the action that the last install() replaced: @first, or one
				 * that may call ours */
	bool used;		/* @first is valid: ours may still be called */
} stand_ins[_NSIG];

/* One bit for each part. Written under the lock, read by the handler without it. */
static uint32_t catching[_NSIG];

/* One bit for each part. The handler sets it, and the part clears it. */
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
 * The race detector replaces a handler by its own, and calls the handler later. That is
 * too late for a part that waits to be woken. So this sets our handler directly in the
 * kernel. The detector need not know what our handler does.
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
 * Called with the lock held. If the program has installed a handler over ours, that
 * handler may call ours. So @last remembers it, to be restored later, but @first does
 * not change: our handler must not call it.
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

/* Returns 0 or a negative errno. Called with the lock held. */
static int put_back(int signum)
{
	struct stand_in *s = &stand_ins[signum];

	if (sigaction(signum, &s->last, NULL))
		return -errno;
	s->used = s->last.sa_handler != s->first.sa_handler;
	return 0;
}

/* Restores the action before ours, unless the program has installed its own since. */
static void take_away(int signum)
{
	struct sigaction now;

	if (!sigaction(signum, NULL, &now) && is_ours(&now))
		put_back(signum);
}

/*
 * Notes the signal for all parts that catch it. Returns their bits. If it returns 0,
 * the caller has to deal with the signal.
 */
static uint32_t note(int signum)
{
	const uint32_t whom = who_catches(signum);

	if (!whom)
		return 0;
	__atomic_fetch_or(&come[signum], whom, __ATOMIC_SEQ_CST);
	if (who_catches(signum))
		return whom;
	/* If the bits are clear, the thread that ended the catching has taken them. */
	return __atomic_exchange_n(&come[signum], 0, __ATOMIC_SEQ_CST) ? 0 : whom;
}

/*
 * Called with the lock held, when no part catches the signal. True if the caller is to
 * send the signal again, because that now does what it did before kc_catch(). False if
 * the program called our handler.
 */
static bool is_to_be_resent(int signum)
{
	const struct stand_in *s = &stand_ins[signum];
	struct sigaction now;

	if (sigaction(signum, NULL, &now))
		return false;
	/*
	 * The program has saved our handler as the old action, and has restored it now.
	 */
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

/* Deals with a signal that no part caught when the handler looked. */
static void see_to(int signum, siginfo_t *info, void *context)
{
	struct sigaction first;
	struct kc_sigmask old;
	uint32_t whom;
	bool resent;

	lock_quietly(&old);
	/* A part may catch it again by now. */
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

/* The child restores the actions of before all kc_catch(). */
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
