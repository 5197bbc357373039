/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Condition variables: Go's sync.Cond.
 *
 *	kc_mutex_lock(&m);
 *	while (!ready)
 *		kc_cond_wait(&cond, &m);
 *	...
 *	kc_mutex_unlock(&m);
 *
 * As in Go, and unlike POSIX, a wait returns only when it was signalled. Waiters are
 * signalled in the order in which they came. The loop is still needed, because the
 * mutex is not locked between the signal and the return. A channel is often the better
 * choice: it can be closed, and a select can wait for it together with others.
 *
 * A kc_cond is valid when zero, and needs no clean-up. It must not be copied after its
 * first use: the use of a copy is a panic. It is for the threads of one process. Its
 * memory may be freed when all waits have returned, even if the call that woke the last
 * one has not returned yet.
 */
#ifndef KCHAN_COND_H
#define KCHAN_COND_H

#include <stddef.h>
#include <stdint.h>

#include <kchan/cdefs.h>
#include <kchan/mutex.h>

KC_DECLS_BEGIN

/* The members are the library's own. */
typedef struct kc_cond {
	void *first;
	void *last;
	uint32_t lock;
	uint32_t reserved32;
	const struct kc_cond *self;	/* set by the first use */
	uint64_t reserved[2];
} kc_cond;

#define KC_COND_INIT { NULL, NULL, 0, 0, NULL, { 0, 0 } }

/*
 * Unlock @m, wait until signalled, and lock @m again. The caller must have locked @m.
 * All waits on one kc_cond at the same time must use the same mutex.
 */
void kc_cond_wait(kc_cond *cond, kc_mutex *m);

/*
 * Wake waiting goroutines. kc_cond_signal() wakes the one that has waited longest.
 * kc_cond_broadcast() wakes all. The mutex need not be locked.
 */
void kc_cond_signal(kc_cond *cond);
void kc_cond_broadcast(kc_cond *cond);

KC_DECLS_END

#endif /* KCHAN_COND_H */
