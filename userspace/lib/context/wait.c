// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Waiting until a context is cancelled, and for nothing else, on a futex. This needs
 * neither the device nor a descriptor.
 *
 * The waiting call is in the list of each context. A thread that cancels a context
 * changes the word under kc_ctx_lock. The waiting call leaves the lists under the same
 * lock before it returns, so the word exists as long as it may be changed.
 */
#include "base/clock.h"
#include "base/futex.h"
#include "context/node.h"
#include "context/wait.h"
#include "sched/alarm.h"
#include "sched/park.h"

enum state {
	WAITING,
	OVER,			/* a context is cancelled, or the alarm has fired */
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

/*
 * The index of a cancelled context, chosen at random if there are several. Else
 * -EAGAIN.
 */
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

/* The earliest of the limit and the contexts' deadlines. */
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

/* Sleeps until the word is changed, or the limit is reached. */
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

/*
 * Joins the lists. Returns how many: fewer than @nr if the next context is cancelled.
 */
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
