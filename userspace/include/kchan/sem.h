/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A weighted semaphore: Go's golang.org/x/sync/semaphore.
 *
 *	kc_sem memory = KC_SEM_INIT(1024);
 *
 *	if (!kc_sem_acquire_timeout(&memory, 64, KC_SECOND)) {
 *		...
 *		kc_sem_release(&memory, 64);
 *	}
 *
 * Goroutines that wait are served first come, first served. A small request does not
 * overtake a large one that waits. A request for more than the size of the semaphore
 * waits until its timeout, or for ever if it has none.
 *
 * A kc_sem is valid when zero: its size is 0 then. It needs no clean-up. Its memory
 * may be freed when no call is in progress. It is for the threads of one process.
 */
#ifndef KCHAN_SEM_H
#define KCHAN_SEM_H

#include <stddef.h>
#include <stdint.h>

#include <kchan/cdefs.h>
#include <kchan/context.h>

KC_DECLS_BEGIN

/* The members are the library's own. */
typedef struct kc_sem {
	int64_t size;
	int64_t held;
	void *first;
	void *last;
	uint32_t lock;
	uint32_t reserved32;
	uint64_t reserved[3];
} kc_sem;

/* A semaphore of size @n. */
#define KC_SEM_INIT(n)	{ (n), 0, NULL, NULL, 0, 0, { 0, 0, 0 } }

/*
 * Acquire @n of the semaphore, and wait until that many are free. It is a panic if @n
 * is negative.
 *
 * The try form does not wait. The timed form waits at most @timeout nanoseconds. If @n
 * are free at once, they are acquired, also if the timeout is 0 or negative.
 *
 * 0, or
 * -EAGAIN	in the try form: the call would have to wait, since too few are free or
 *	others wait
 * -ETIMEDOUT	in the timed form: the timeout has passed
 */
void kc_sem_acquire(kc_sem *sem, int64_t n);
int kc_sem_try_acquire(kc_sem *sem, int64_t n) KC_MUST_CHECK;
int kc_sem_acquire_timeout(kc_sem *sem, int64_t n, int64_t timeout) KC_MUST_CHECK;

/*
 * As kc_sem_acquire(), but wait no longer than until @ctx is cancelled. A wait never
 * succeeds after @ctx is cancelled: what it has acquired just then is released. If @n
 * is larger than the semaphore, the call waits until @ctx is cancelled.
 *
 * 0, or
 * -ECANCELED, -ETIMEDOUT
 *	@ctx was cancelled, before or during the wait: see kc_ctx_err()
 *
 * If @ctx comes from another process, or from before a fork(), it can also fail as
 * kc_ctx_done() does.
 */
int kc_sem_acquire_ctx(kc_ctx *ctx, kc_sem *sem, int64_t n) KC_MUST_CHECK;

/*
 * Release @n of the semaphore. It is a panic if less than @n is held, or if @n is
 * negative.
 */
void kc_sem_release(kc_sem *sem, int64_t n);

KC_DECLS_END

#endif /* KCHAN_SEM_H */
