// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Weighted semaphores.
 *
 * Those who wait are in a queue, and are given what they asked for in its order. A
 * waiter that is served is taken off the queue, with its share, under the lock; then,
 * without it, its word is changed and who sleeps on that is woken. Whatever else
 * ends a wait, such as a deadline, has to take the waiter off the queue itself. If
 * it is not there any more then it has been served, and that counts.
 *
 * A waiter is on the stack of who waits, who may return as soon as its word has
 * changed.
 */
#include "futex.h"
#include "internal.h"

struct waiter {
	struct waiter *next;
	struct waiter *prev;
	int64_t n;
	bool queued;		/* under the lock */
	uint32_t served;	/* a futex */
};

/* With the lock held, as all of these. */
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

/* Those at the head that what there is does for: to be woken without the lock. */
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
		__atomic_store_n(&served->served, true, __ATOMIC_RELEASE);
		sys_futex_wake_one(&served->served);
	}
}

static bool try_acquire(kc_sem *sem, int64_t n)
{
	if (sem->first || !fits(sem, n))
		return false;
	sem->held += n;
	return true;
}

static void await(struct waiter *w)
{
	while (!__atomic_load_n(&w->served, __ATOMIC_ACQUIRE))
		sys_futex_wait(&w->served, false);
}

/*
 * The wait is over without its having been served: 0 if it was after all. Who is
 * behind it in the queue may have waited for it alone.
 */
static int give_up(kc_sem *sem, struct waiter *w)
{
	struct waiter *served;

	kc_lock(&sem->lock);
	if (!w->queued) {
		kc_unlock(&sem->lock);
		await(w);
		return 0;
	}
	dequeue(sem, w);
	served = serve(sem);
	kc_unlock(&sem->lock);
	wake(served);
	return -ETIMEDOUT;
}

static int acquire(kc_sem *sem, int64_t n, struct kc_limit limit)
{
	struct waiter self = { .n = n };

	if (n < 0)
		kc_panic("acquire of %lld", (long long)n);
	kc_lock(&sem->lock);
	if (try_acquire(sem, n)) {
		kc_unlock(&sem->lock);
		return 0;
	}
	if (limit.flags & KCHAN_SELECT_NONBLOCK) {
		kc_unlock(&sem->lock);
		return -EAGAIN;
	}
	/* In the queue it would keep all others waiting. */
	if (n > sem->size) {
		kc_unlock(&sem->lock);
		return kc_wait_for_nothing(limit);
	}
	enqueue(sem, &self);
	kc_unlock(&sem->lock);

	if (!(limit.flags & KCHAN_SELECT_DEADLINE)) {
		await(&self);
		return 0;
	}
	while (!__atomic_load_n(&self.served, __ATOMIC_ACQUIRE)) {
		if (sys_futex_wait_until(&self.served, false,
					 limit.deadline) == -ETIMEDOUT)
			return give_up(sem, &self);
	}
	return 0;
}

void kc_sem_acquire(kc_sem *sem, int64_t n)
{
	(void)acquire(sem, n, KC_FOR_EVER);
}

int kc_sem_try_acquire(kc_sem *sem, int64_t n)
{
	return acquire(sem, n, KC_NOT_AT_ALL);
}

int kc_sem_acquire_timeout(kc_sem *sem, int64_t n, int64_t timeout)
{
	return acquire(sem, n, kc_within(timeout));
}

void kc_sem_release(kc_sem *sem, int64_t n)
{
	struct waiter *served;

	kc_lock(&sem->lock);
	if (n < 0 || n > sem->held) {
		kc_unlock(&sem->lock);
		kc_panic("release of more than is held");
	}
	sem->held -= n;
	served = serve(sem);
	kc_unlock(&sem->lock);
	wake(served);
}
