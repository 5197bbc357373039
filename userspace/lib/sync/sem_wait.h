/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Waiting for a semaphore, until something stops that.
 */
#ifndef LIBKCHAN_SYNC_SEM_WAIT_H
#define LIBKCHAN_SYNC_SEM_WAIT_H

#include "base/clock.h"

/* What may stop a wait on a word: a context, on a higher floor. */
struct kc_stop {
	/*
	 * From now on, when the wait is to stop, change the word from @from to @to, and
	 * wake who sleeps on it. 0, or the error if it is to stop at once.
	 */
	int (*begin)(struct kc_stop *stop, uint32_t *word, uint32_t from,
		     uint32_t to);
	/* After 0 from the above: no more of that. 0, or the error it was stopped with. */
	int (*end)(struct kc_stop *stop);
};

/* @stop may be NULL. 0, -EAGAIN, -ETIMEDOUT, or the error of @stop. */
int kc_sem_wait(kc_sem *sem, int64_t n, struct kc_limit limit, struct kc_stop *stop);

#endif /* LIBKCHAN_SYNC_SEM_WAIT_H */
