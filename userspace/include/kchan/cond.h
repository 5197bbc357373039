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
 * As in Go, and unlike POSIX, a wait returns only when it was signalled, and
 * signals go to those who wait in the order in which they came. (The loop is
 * needed all the same: the mutex is free in between.) A channel is often the
 * better choice: it can be closed, and be waited for together with others.
 *
 * It is valid when zero, and needs no clean-up. Once it has been used it must not be
 * copied: to use a copy is a panic. Its memory may be freed once all
 * waits have returned, by one who was woken too, though the call that woke them
 * may not have returned. It is for the threads of one process.
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
	const struct kc_cond *self;	/* once it is used; NULL: it is not yet */
	uint64_t reserved[2];
} kc_cond;

#define KC_COND_INIT { NULL, NULL, 0, 0, NULL, { 0, 0 } }

/*
 * Unlock @m, which must be locked, wait to be signalled, and lock it again. All
 * waits on one kc_cond at a time use one mutex.
 */
void kc_cond_wait(kc_cond *cond, kc_mutex *m);

/*
 * Let the one go on that has waited longest; let all go on. It need not be done
 * with the mutex locked.
 */
void kc_cond_signal(kc_cond *cond);
void kc_cond_broadcast(kc_cond *cond);

KC_DECLS_END

#endif /* KCHAN_COND_H */
