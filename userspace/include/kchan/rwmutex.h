/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * One writer or many readers: Go's sync.RWMutex.
 *
 * A writer that waits keeps new readers out, and so is let in; the readers that
 * came while it had the lock are let in before the next writer. Because of the
 * former a goroutine must not take it for reading twice: a writer may come in
 * between.
 *
 * It is valid when zero, and needs no clean-up. It belongs to no goroutine: one
 * may lock it and another unlock it. Its memory may be freed when no call is in
 * progress. It is for the threads of one process.
 */
#ifndef KCHAN_RWMUTEX_H
#define KCHAN_RWMUTEX_H

#include <stdint.h>

#include <kchan/cdefs.h>
#include <kchan/mutex.h>

KC_DECLS_BEGIN

/* The members are the library's own. */
typedef struct kc_rwmutex {
	kc_mutex writers;
	uint32_t readers;
	uint32_t leaving;
	uint32_t writer_turn;
	uint32_t reader_turn;
	uint64_t reserved[4];
} kc_rwmutex;

#define KC_RWMUTEX_INIT { KC_MUTEX_INIT, 0, 0, 0, 0, { 0, 0, 0, 0 } }

/* For writing. */
void kc_rwmutex_lock(kc_rwmutex *rw);
void kc_rwmutex_unlock(kc_rwmutex *rw);

/* For reading. */
void kc_rwmutex_rlock(kc_rwmutex *rw);
void kc_rwmutex_runlock(kc_rwmutex *rw);

/* Lock it if that needs no waiting: 0, else -EAGAIN. */
int kc_rwmutex_try_lock(kc_rwmutex *rw) KC_MUST_CHECK;
int kc_rwmutex_try_rlock(kc_rwmutex *rw) KC_MUST_CHECK;

/* An unlock of what is not locked so is a panic. */

KC_DECLS_END

#endif /* KCHAN_RWMUTEX_H */
