/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Waiting for a semaphore, with something that can stop the wait.
 */
#ifndef LIBKCHAN_SYNC_SEM_WAIT_H
#define LIBKCHAN_SYNC_SEM_WAIT_H

#include "base/clock.h"

/* What can stop a wait on a futex word. Contexts implement it, on a higher floor. */
struct kc_stop {
	/*
	 * From now on, to stop the wait, change the word from @from to @to, and wake
	 * its waiters. Returns 0, or the error if the wait must stop at once.
	 */
	int (*begin)(struct kc_stop *stop, uint32_t *word, uint32_t from,
		     uint32_t to);
	/*
	 * Ends that, if begin() returned 0. Returns 0, or the error that the wait was
	 * stopped with.
	 */
	int (*end)(struct kc_stop *stop);
};

/*
 * Acquires @n. @stop may be NULL. Returns 0, -EAGAIN, -ETIMEDOUT, or the error of
 * @stop.
 */
int kc_sem_wait(kc_sem *sem, int64_t n, struct kc_limit limit, struct kc_stop *stop);

#endif /* LIBKCHAN_SYNC_SEM_WAIT_H */
