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
 * Those who wait are served first come, first served: nobody overtakes one that
 * waits for much. Who asks for more than there is in all waits until its time is
 * over, if it has one.
 *
 * It is valid when zero (then there is nothing to be had), and needs no clean-up.
 * Its memory may be freed when no call is in progress. It is for the threads of
 * one process.
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
 * Acquire @n; wait until they are to be had.
 *
 * The try form does not wait: 0, or -EAGAIN when it would have to, be it only
 * behind others. The timed form waits at most @timeout nanoseconds: 0, or then
 * -ETIMEDOUT. What can be had at once is, however small or negative the timeout.
 *
 * @n of less than 0 is a panic.
 */
void kc_sem_acquire(kc_sem *sem, int64_t n);
int kc_sem_try_acquire(kc_sem *sem, int64_t n) KC_MUST_CHECK;
int kc_sem_acquire_timeout(kc_sem *sem, int64_t n, int64_t timeout) KC_MUST_CHECK;

/*
 * As kc_sem_acquire(), but no longer than until @ctx is cancelled: 0, or then
 * -ECANCELED or -ETIMEDOUT, as kc_ctx_err() says; also if it is already. A wait never
 * succeeds once @ctx is cancelled: what became free just then goes back. With @n over
 * the semaphore's size it waits until @ctx is cancelled. If @ctx comes from another
 * process, or from before a fork(), it can also fail as kc_ctx_done() does.
 */
int kc_sem_acquire_ctx(kc_ctx *ctx, kc_sem *sem, int64_t n) KC_MUST_CHECK;

/* Give @n back. More than is held, or less than 0, is a panic. */
void kc_sem_release(kc_sem *sem, int64_t n);

KC_DECLS_END

#endif /* KCHAN_SEM_H */
