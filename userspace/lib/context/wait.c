// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Waiting until contexts are cancelled, and for nothing else: on a futex. It needs no
 * channel, so neither the device nor a descriptor.
 *
 * The one who waits is in the list of each of the contexts. Whoever cancels one changes
 * the word, under the contexts' lock; who waits leaves the lists, under that lock too,
 * before the word goes away.
 */
#include "base/clock.h"
#include "base/futex.h"
#include "context/node.h"
#include "context/wait.h"
#include "sched/alarm.h"
#include "sched/park.h"

enum state {
	WAITING,
	OVER,			/* one is cancelled, or the fake clock says so */
};

struct one {
	struct kc_ctx_wait wait;
	uint32_t *word;
};

static void cancelled(struct kc_ctx_wait *wait)
{
	const struct one *one = kc_container(wait, struct one, wait);
	uint32_t waiting = WAITING, *word = one->word;

	if (__atomic_compare_exchange_n(word, &waiting, OVER, false,
					__ATOMIC_RELEASE, __ATOMIC_RELAXED))
		sys_futex_wake_one(word);
}

/* One of those that are cancelled, each as likely as any other; else -EAGAIN. */
static int find_cancelled(struct kc_node *const *nodes, unsigned int nr)
{
	unsigned int i, seen = 0;
	int found = -EAGAIN;

	for (i = 0; i < nr; i++)
		if (kc_node_err(nodes[i]) &&
		    !((uint64_t)kc_random() * ++seen >> 32))
			found = i;
	return found;
}

/* The earliest of the deadlines. */
static struct kc_limit narrow(struct kc_limit limit, struct kc_node *const *nodes,
			      unsigned int nr)
{
	unsigned int i;

	for (i = 0; i < nr; i++) {
		if (nodes[i]->deadline == KC_NEVER ||
		    ((limit.flags & KCHAN_SELECT_DEADLINE) &&
		     limit.deadline <= nodes[i]->deadline))
			continue;
		limit = kc_until(nodes[i]->deadline);
	}
	return limit;
}

/* Until the word is changed, or the limit is over. */
static void sleep_on(const uint32_t *word, struct kc_limit limit)
{
	while (__atomic_load_n(word, __ATOMIC_ACQUIRE) == WAITING) {
		if (!(limit.flags & KCHAN_SELECT_DEADLINE))
			sys_futex_wait(word, WAITING);
		else if (sys_futex_wait_until(word, WAITING, limit.deadline) ==
			 -ETIMEDOUT)
			break;
	}
}

static void await(uint32_t *word, kc_state state, struct kc_limit limit)
{
	const bool faked = kc_clock_has(limit);
	struct kc_parked *parked;
	struct kc_alarm alarm;

	alarm.set = false;
	if (faked)
		kc_alarm_set(&alarm, word, WAITING, OVER, limit.deadline);
	parked = kc_park_within(state, NULL, limit);
	if (faked)
		limit.flags = 0;
	sleep_on(word, limit);
	kc_unpark(parked);
	kc_alarm_end(&alarm);
}

/* In the lists of how many: less than all, if the next one is cancelled. */
static unsigned int join(struct one *all, uint32_t *word,
			 struct kc_node *const *nodes, unsigned int nr)
{
	unsigned int i;

	for (i = 0; i < nr; i++) {
		all[i].word = word;
		all[i].wait.later = false;
		all[i].wait.cancelled = cancelled;
		all[i].wait.forked = NULL;
		if (kc_ctx_wait_add(nodes[i], &all[i].wait))
			break;
	}
	return i;
}

int kc_ctx_await(struct kc_node *const *nodes, unsigned int nr, kc_state state,
		 struct kc_limit limit)
{
	struct one all[KCHAN_MAX_CASES];
	uint32_t word = WAITING;
	unsigned int joined, i;
	int found;

	found = find_cancelled(nodes, nr);
	if (found >= 0 || (limit.flags & KCHAN_SELECT_NONBLOCK))
		return found;
	kc_g_ready();
	joined = join(all, &word, nodes, nr);
	if (joined == nr)
		await(&word, state, narrow(limit, nodes, nr));
	for (i = 0; i < joined; i++)
		kc_ctx_wait_del(&all[i].wait);
	found = find_cancelled(nodes, nr);
	return found >= 0 ? found : -ETIMEDOUT;
}
