// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Weighted semaphores.
 *
 * Waiters are in a queue, and are served in its order. To serve a waiter means to take
 * it off the queue and count its share as held, under the lock. Then, without the lock,
 * its word is changed and its thread is woken. Anything else that ends a wait, such as
 * a deadline, has to take the waiter off the queue. If the waiter is no longer in the
 * queue, it has been served. If a deadline ended the wait, the acquire then succeeds.
 * If a cancelled context ended the wait, the share is given back.
 *
 * A waiter is on the stack of the waiting function, which may return as soon as its
 * word is SERVED. A cancelled context, or an alarm, changes only the word.
 */
#include "base/clock.h"
#include "race/race.h"
#include "sched/alarm.h"
#include "sched/park.h"
#include "sched/sleep.h"
#include "sync/sem_wait.h"

enum state {
	WAITING,
	CANCELLED,		/* the context is cancelled, or the alarm has fired */
	SERVED,
};

struct waiter {
	struct waiter *next;
	struct waiter *prev;
	int64_t n;
	bool queued;		/* protected by the lock */
	uint32_t state;		/* a futex */
};

/* The next functions are called with the lock held. */
static bool fits(const kc_sem *sem, int64_t n)
{
	return n <= sem->size - sem->held;
}

static void enqueue(kc_sem *sem, struct waiter *w)
{
	w->queued = true;
	w->next = NULL;
	w->prev = sem->last;
	if (w->prev)
		w->prev->next = w;
	else
		sem->first = w;
	sem->last = w;
}

static void dequeue(kc_sem *sem, struct waiter *w)
{
	if (w->prev)
		w->prev->next = w->next;
	else
		sem->first = w->next;
	if (w->next)
		w->next->prev = w->prev;
	else
		sem->last = w->prev;
}

/*
 * Serves the waiters at the head for which there is enough. Returns their list, to be
 * woken without the lock.
 */
static struct waiter *serve(kc_sem *sem)
{
	struct waiter *served = sem->first, *w = served, *before = NULL;

	while (w && fits(sem, w->n)) {
		sem->held += w->n;
		w->queued = false;
		before = w;
		w = w->next;
	}
	if (!before)
		return NULL;
	before->next = NULL;
	sem->first = w;
	if (w)
		w->prev = NULL;
	else
		sem->last = NULL;
	return served;
}

static void wake(struct waiter *served)
{
	struct waiter *next;

	for (; served; served = next) {
		next = served->next;
		__atomic_store_n(&served->state, SERVED, __ATOMIC_RELEASE);
		sys_futex_wake_one(&served->state);
	}
}

static bool try_acquire(kc_sem *sem, int64_t n)
{
	if (sem->first || !fits(sem, n))
		return false;
	sem->held += n;
	return true;
}

static uint32_t state_of(const struct waiter *w)
{
	return __atomic_load_n(&w->state, __ATOMIC_ACQUIRE);
}

/*
 * Waits until the waiter is served, or the limit is reached, or the context is
 * cancelled. True if it is served.
 */
static bool await(const kc_sem *sem, struct waiter *w, struct kc_limit limit)
{
	const bool faked = kc_clock_has(limit);
	struct kc_parked *parked;
	struct kc_alarm alarm;

	if (faked)
		kc_alarm_set(&alarm, &w->state, WAITING, CANCELLED, limit.deadline);
	parked = kc_park_within(KC_STATE_SEM, sem, limit);
	while (state_of(w) == WAITING) {
		if (faked || !(limit.flags & KCHAN_SELECT_DEADLINE))
			sys_futex_wait(&w->state, WAITING);
		else if (sys_futex_wait_until(&w->state, WAITING,
					      limit.deadline) == -ETIMEDOUT)
			break;
	}
	kc_unpark(parked);
	if (faked)
		kc_alarm_end(&alarm);
	return state_of(w) == SERVED;
}

/*
 * Waits for SERVED. The waiter is off the queue, so another thread is about to set it.
 */
static void await_served(struct waiter *w)
{
	uint32_t state;

	while ((state = state_of(w)) != SERVED)
		sys_futex_wait(&w->state, state);
}

/*
 * Takes the waiter off the queue. Returns false if it had been served. Waiters behind
 * it may have been blocked only by this one, so they are served now.
 */
static bool leave_queue(kc_sem *sem, struct waiter *w)
{
	struct waiter *served = NULL;
	bool queued;

	kc_lock(&sem->lock);
	queued = w->queued;
	if (queued) {
		dequeue(sem, w);
		served = serve(sem);
	}
	kc_unlock(&sem->lock);
	wake(served);
	if (!queued)
		await_served(w);
	return queued;
}

/* Returns false if less than @n is held. */
static bool give_back(kc_sem *sem, int64_t n)
{
	struct waiter *served;

	kc_lock(&sem->lock);
	if (n < 0 || n > sem->held) {
		kc_unlock(&sem->lock);
		return false;
	}
	sem->held -= n;
	served = serve(sem);
	kc_unlock(&sem->lock);
	wake(served);
	return true;
}

/*
 * Returns 0 if the waiter was served before anything stopped the wait, else a negative
 * errno.
 */
static int await_or_stop(const kc_sem *sem, struct waiter *w, struct kc_limit limit,
			 struct kc_stop *stop)
{
	const int ret = stop->begin(stop, &w->state, WAITING, CANCELLED);

	if (ret)
		return ret;
	await(sem, w, limit);
	return stop->end(stop);
}

/*
 * The waiter is in the queue, or has been served already. On an error, nothing stays
 * acquired.
 */
static int wait_or_stop(kc_sem *sem, struct waiter *w, struct kc_limit limit,
			struct kc_stop *stop)
{
	const int err = await_or_stop(sem, w, limit, stop);

	if (err && !leave_queue(sem, w))
		give_back(sem, w->n);
	return err;
}

static int wait_for(kc_sem *sem, int64_t n, struct kc_limit limit,
		    struct kc_stop *stop)
{
	struct waiter self = { .n = n };

	if (n < 0)
		kc_panic("acquire of %lld", (long long)n);
	kc_jitter_here();
	if (!(limit.flags & KCHAN_SELECT_NONBLOCK))
		kc_g_ready();
	kc_lock(&sem->lock);
	if (try_acquire(sem, n)) {
		kc_unlock(&sem->lock);
		return 0;
	}
	if (limit.flags & KCHAN_SELECT_NONBLOCK) {
		kc_unlock(&sem->lock);
		return -EAGAIN;
	}
	/*
	 * It can never be served. It must not be in the queue, where it would block all
	 * others.
	 */
	if (n > sem->size) {
		kc_unlock(&sem->lock);
		return stop ? await_or_stop(sem, &self, limit, stop) :
			      kc_wait_for_nothing(KC_STATE_SEM, limit);
	}
	enqueue(sem, &self);
	kc_unlock(&sem->lock);

	if (stop)
		return wait_or_stop(sem, &self, limit, stop);
	if (await(sem, &self, limit) || !leave_queue(sem, &self))
		return 0;
	return -ETIMEDOUT;
}

int kc_sem_wait(kc_sem *sem, int64_t n, struct kc_limit limit, struct kc_stop *stop)
{
	const int ret = wait_for(sem, n, limit, stop);

	if (!ret)
		kc_race_acquire(sem);
	return ret;
}

void kc_sem_acquire(kc_sem *sem, int64_t n)
{
	(void)kc_sem_wait(sem, n, KC_FOR_EVER, NULL);
}

int kc_sem_try_acquire(kc_sem *sem, int64_t n)
{
	return kc_sem_wait(sem, n, KC_NOT_AT_ALL, NULL);
}

int kc_sem_acquire_timeout(kc_sem *sem, int64_t n, int64_t timeout)
{
	return kc_sem_wait(sem, n, kc_within(timeout), NULL);
}

void kc_sem_release(kc_sem *sem, int64_t n)
{
	kc_jitter_here();
	/* The release comes before any other goroutine can acquire it. */
	kc_race_release(sem);
	if (!give_back(sem, n))
		kc_panic("release of more than is held");
}
