// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Detecting that all goroutines are asleep. A thread of the library checks it
 * periodically, which is enough, since a deadlock never ends.
 */
#include "base/clock.h"
#include "base/kchandebug.h"
#include "base/task.h"
#include "debug/asleep.h"
#include "debug/blocked.h"
#include "sched/thread.h"

#define EVERY	KC_SECOND
#define LEAST	KC_MILLISECOND

static struct {
	uint32_t lock;		/* held by callers of kc_detect_deadlock(); no other lock is
				 * taken under it */
	bool runs;
	uint32_t changes;	/* a futex: @every has changed */
	int64_t every;
} watch;

/* In the child, the thread does not exist. */
static void forked(void)
{
	watch.lock = KC_UNLOCKED;
	watch.runs = false;
}

KC_AT_FORK(.order = KC_FORK_DEADLOCK, .forked = forked)

static void look_on(void)
{
	const struct kc_looker nobody = { .traces = false };
	uint32_t changes;
	int64_t every;
	bool asleep = false, before;

	sys_set_comm("kchan-deadlock");
	for (;;) {
		changes = __atomic_load_n(&watch.changes, __ATOMIC_ACQUIRE);
		every = __atomic_load_n(&watch.every, __ATOMIC_RELAXED);
		sys_futex_wait_until(&watch.changes, changes,
				     kc_later(kc_real_now(), every));
		before = asleep;
		asleep = kc_all_asleep(&nobody);
		if (asleep && before)
			kc_blocked_abort();
	}
}

int kc_detect_deadlock(int64_t every)
{
	int ret;

	if (every < 0)
		return -EINVAL;
	if (!every)
		every = EVERY;
	if (every < LEAST)
		every = LEAST;
	ret = kc_fork_setup();
	if (ret)
		return ret;
	kc_lock(&watch.lock);
	__atomic_store_n(&watch.every, every, __ATOMIC_RELAXED);
	__atomic_fetch_add(&watch.changes, 1, __ATOMIC_RELEASE);
	if (watch.runs)
		sys_futex_wake_one(&watch.changes);
	else
		ret = kc_thread_own(look_on, KC_STACK_ROOMY);
	watch.runs |= !ret;
	kc_unlock(&watch.lock);
	return ret;
}

/* A person who sets KCHANDEBUG waits for the answer. */
static int detect_soon(void)
{
	return kc_detect_deadlock(100 * KC_MILLISECOND);
}

KC_DEBUG_WORD("deadlock", detect_soon)
