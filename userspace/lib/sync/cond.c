// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Condition variables: a queue of waiters. Each waiter has a futex word of its own, so
 * a signal wakes exactly one waiter.
 *
 * A waiter is on the stack of the waiting function, which may return as soon as its
 * word has changed. So its other fields are read before the word is changed.
 */
#include "race/race.h"
#include "sched/park.h"

struct waiter {
	struct waiter *next;
	uint32_t signalled;
};

/*
 * Panics if the structure was copied: the waiters of one copy are not in the queue of
 * another.
 */
static void check_copy(kc_cond *cond)
{
	const kc_cond *none = NULL;

	if (__atomic_load_n(&cond->self, __ATOMIC_RELAXED) != cond &&
	    !__atomic_compare_exchange_n(&cond->self, &none, cond, false,
					 __ATOMIC_RELAXED, __ATOMIC_RELAXED) &&
	    none != cond)
		kc_panic("kc_cond is copied");
}

static void enqueue(kc_cond *cond, struct waiter *waiter)
{
	kc_lock(&cond->lock);
	if (cond->first)
		((struct waiter *)cond->last)->next = waiter;
	else
		cond->first = waiter;
	cond->last = waiter;
	kc_unlock(&cond->lock);
}

void kc_cond_wait(kc_cond *cond, kc_mutex *m)
{
	struct waiter self = { NULL, false };
	struct kc_parked *parked;

	kc_jitter_here();
	kc_g_ready();
	check_copy(cond);
	if (__atomic_load_n(&m->state, __ATOMIC_RELAXED) == KC_UNLOCKED)
		kc_panic("wait with an unlocked mutex");
	enqueue(cond, &self);
	kc_mutex_unlock(m);
	parked = kc_park(KC_STATE_COND, cond, 0);
	while (!__atomic_load_n(&self.signalled, __ATOMIC_ACQUIRE))
		sys_futex_wait(&self.signalled, false);
	kc_unpark(parked);
	kc_race_acquire(&self);
	kc_mutex_lock(m);
}

static void wake(struct waiter *waiter)
{
	kc_race_release(waiter);
	__atomic_store_n(&waiter->signalled, true, __ATOMIC_RELEASE);
	sys_futex_wake_one(&waiter->signalled);
}

void kc_cond_signal(kc_cond *cond)
{
	struct waiter *first;

	kc_jitter_here();
	check_copy(cond);
	kc_lock(&cond->lock);
	first = cond->first;
	if (first)
		cond->first = first->next;
	kc_unlock(&cond->lock);
	if (first)
		wake(first);
}

void kc_cond_broadcast(kc_cond *cond)
{
	struct waiter *each, *next;

	kc_jitter_here();
	check_copy(cond);
	kc_lock(&cond->lock);
	each = cond->first;
	cond->first = NULL;
	kc_unlock(&cond->lock);
	for (; each; each = next) {
		next = each->next;
		wake(each);
	}
}
