// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Running a function with the fake clock, and advancing that clock.
 *
 * A thread of the library checks repeatedly whether all goroutines and the keeper wait:
 * debug/asleep.c explains how. If they do, nothing happens until this thread acts. If a
 * goroutine waits for just this, the thread wakes it. Otherwise it sets the clock to
 * the keeper's next time, and wakes the keeper.
 */
#include <stdlib.h>

#include <kchan/synctest.h>

#include "base/clock.h"
#include "base/fork.h"
#include "base/futex.h"
#include "base/hook.h"
#include "base/task.h"
#include "debug/asleep.h"
#include "debug/blocked.h"
#include "race/race.h"
#include "sched/park.h"
#include "sched/thread.h"
#include "test/alarm.h"
#include "test/running.h"

#define NEVER		INT64_MAX

/* For goroutines and threads that are about to end. */
#define PATIENCE	KC_SECOND

/* The pause between two checks. It doubles each time. */
#define FIRST_REST	(20 * KC_MICROSECOND)
#define LAST_REST	KC_MILLISECOND

struct turn {
	bool awaited;
	uint32_t given;			/* how often a turn was given: a futex */
};

static struct {
	uint32_t lock;			/* held for long only in begin(): see is_alone() */
	bool runs;			/* the thread that checks runs */
	int64_t now;
	unsigned int strangers;		/* the number of the race detector's own threads */
	uint64_t root;			/* the goroutine that runs the function */
	/* Goroutines that wait for all others to wait: */
	struct turn waiting;		/* in kc_synctest_wait() */
	struct turn ending;		/* the root, after the function has returned */
} bubble;

/* In the child, the clock is the real one. */
static void forked(void)
{
	bubble.lock = KC_UNLOCKED;
	bubble.runs = false;
	bubble.waiting.awaited = false;
	bubble.ending.awaited = false;
	kc_clock_faked = false;
}

KC_AT_FORK(.order = KC_FORK_CLOCK, .forked = forked)

static int64_t fake_now(void)
{
	return __atomic_load_n(&bubble.now, __ATOMIC_ACQUIRE);
}

/* A goroutine that gets a turn is woken before the lock is released. */
static bool is_awaited(void)
{
	bool awaited;

	kc_lock(&bubble.lock);
	awaited = bubble.waiting.awaited || bubble.ending.awaited;
	kc_unlock(&bubble.lock);
	return awaited;
}

static const struct kc_fake_clock fake_clock = {
	.now = fake_now,
	.is_awaited = is_awaited,
	.set = kc_alarm_do_set,
	.set_fd = kc_alarm_do_set_fd,
	.clear = kc_alarm_do_clear,
};

KC_SET_HOOK(kc_fake_clock, &fake_clock)

/* Lets the waiting goroutine go on. Called with the lock held. */
static void give_turn(struct turn *turn)
{
	if (!turn->awaited)
		return;
	turn->awaited = false;
	__atomic_fetch_add(&turn->given, 1, __ATOMIC_RELEASE);
	sys_futex_wake_one(&turn->given);
}

/* Ends the process: goroutines that wait cannot be ended. */
KC_NORETURN static void fail(const char *text)
{
	const bool in_test = kc_t_fail_current(text);

	kc_blocked_report(text);
	if (in_test)
		_exit(EXIT_FAILURE);
	abort();
}

/* Called with the lock held, when all goroutines are blocked. */
static void go_on(const struct kc_blocked *blocked)
{
	if (bubble.waiting.awaited) {
		give_turn(&bubble.waiting);
		return;
	}
	if (bubble.ending.awaited) {
		if (blocked->others)
			fail("deadlock: main bubble goroutine has exited but blocked goroutines remain");
		give_turn(&bubble.ending);
		return;
	}
	if (blocked->next == NEVER)
		fail("deadlock: all goroutines in bubble are blocked");
	if (blocked->next > bubble.now)
		__atomic_store_n(&bubble.now, blocked->next, __ATOMIC_RELEASE);
	kc_keeper_wake();
}

static void watch(void)
{
	const struct kc_looker nobody = { .traces = false };
	struct kc_blocked blocked;
	int64_t ns = FIRST_REST;

	sys_set_comm("kchan-clock");
	for (;;) {
		if (!kc_clock_is_fake()) {
			sys_futex_wait(&kc_clock_faked, false);
			ns = FIRST_REST;
		} else if (kc_all_blocked(&nobody, bubble.root, &blocked) &&
			   blocked.strangers <= bubble.strangers) {
			kc_lock(&bubble.lock);
			if (kc_clock_is_fake())
				go_on(&blocked);
			kc_unlock(&bubble.lock);
			ns = FIRST_REST;
		} else {
			kc_rest(ns);
			ns = ns < LAST_REST ? 2 * ns : LAST_REST;
		}
	}
}

/*
 * True if there is no other goroutine in the library, except threads that wait without
 * a limit.
 */
static bool is_alone(void)
{
	const int64_t deadline = kc_later(kc_real_now(), PATIENCE);
	struct kc_blocked blocked;
	struct kc_looker looker;

	kc_looker_take(&looker, 0);
	looker.traces = false;
	for (;;) {
		if (kc_all_blocked(&looker, kc_goid(), &blocked) &&
		    !blocked.others && !blocked.timed &&
		    (!blocked.strangers || kc_race_on())) {
			bubble.strangers = blocked.strangers;
			return true;
		}
		if (kc_real_now() >= deadline)
			return false;
		kc_rest(FIRST_REST);
	}
}

/* Called with the lock held. */
static int begin_locked(void)
{
	int ret = 0;

	if (kc_clock_faked)
		return -EBUSY;
	if (!bubble.runs)
		ret = kc_thread_own(watch, KC_STACK_ROOMY);
	if (ret)
		return ret;
	bubble.runs = true;
	if (!is_alone())
		return -EBUSY;
	bubble.now = kc_real_now();
	bubble.root = kc_goid();
	__atomic_store_n(&kc_clock_faked, true, __ATOMIC_RELEASE);
	sys_futex_wake_one(&kc_clock_faked);
	return 0;
}

static int begin(void)
{
	int ret;

	ret = kc_keeper_start();
	if (ret)
		return ret;
	kc_lock(&bubble.lock);
	ret = begin_locked();
	kc_unlock(&bubble.lock);
	/* The keeper sleeps until a time of the other clock. */
	if (!ret)
		kc_keeper_wake();
	return ret;
}

static void end(void *unused)
{
	(void)unused;
	kc_lock(&bubble.lock);
	__atomic_store_n(&kc_clock_faked, false, __ATOMIC_RELEASE);
	/* A goroutine that was left inside may wait for it. */
	give_turn(&bubble.waiting);
	kc_unlock(&bubble.lock);
	kc_keeper_wake();
}

/*
 * Waits until all other goroutines wait. Returns false if another goroutine waits for
 * that already.
 */
static bool await_others(struct turn *turn)
{
	struct kc_parked *parked;
	uint32_t given;
	bool first;

	kc_lock(&bubble.lock);
	first = kc_clock_faked && !turn->awaited;
	given = turn->given;
	if (first)
		turn->awaited = true;
	kc_unlock(&bubble.lock);
	if (!first)
		return false;
	parked = kc_park(KC_STATE_TEST, NULL, 0);
	while (__atomic_load_n(&turn->given, __ATOMIC_ACQUIRE) == given)
		sys_futex_wait(&turn->given, given);
	kc_unpark(parked);
	kc_clock_acquire();
	return true;
}

static void run(void (*fn)(void *arg), void *arg)
{
	KC_DEFER_SCOPE;

	kc_defer(end, NULL);
	fn(arg);
	await_others(&bubble.ending);
}

int kc_synctest(void (*fn)(void *arg), void *arg)
{
	int ret = begin();

	if (!ret)
		run(fn, arg);
	return ret;
}

void kc_synctest_wait(void)
{
	if (!kc_clock_is_fake())
		kc_panic("kc_synctest_wait() outside of kc_synctest()");
	if (!await_others(&bubble.waiting))
		kc_panic("kc_synctest_wait() in two goroutines at a time");
}
