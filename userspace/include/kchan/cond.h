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
 * As in Go, and unlike POSIX, a wait returns only when it was signalled, and signals
 * go to those who wait in the order in which they came. The loop is needed all the
 * same, because the mutex is free in between. A channel is often the better choice:
 * it can be closed, and a select can wait for it together with others.
 *
 * A kc_cond is valid when zero, and needs no clean-up. Once it has been used it
 * must not be copied: to use a copy is a panic. It is for the threads of one process. Its
 * memory may be freed once all waits have returned, also by a goroutine
 * that was woken. The call that woke it need not have returned yet.
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
 * Unlock @m, wait to be signalled, and lock @m again. @m must be locked when this is
 * called. All waits that are on one kc_cond at the same time must use the same mutex.
 */
void kc_cond_wait(kc_cond *cond, kc_mutex *m);

/*
 * Let goroutines go on that wait. kc_cond_signal() wakes the one that has waited
 * longest; kc_cond_broadcast() wakes all. The mutex need not be locked.
 */
void kc_cond_signal(kc_cond *cond);
void kc_cond_broadcast(kc_cond *cond);

KC_DECLS_END

#endif /* KCHAN_COND_H */
