/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * One writer or many readers: Go's sync.RWMutex.
 *
 * New readers wait while a writer waits, so that the writer gets its turn. Readers that
 * came while a writer had the lock get their turn before the next writer. A goroutine
 * must not lock it for reading twice: a writer that comes in between waits for the
 * first lock, and the second lock waits for that writer.
 *
 * A kc_rwmutex is valid when zero, and needs no clean-up. No goroutine owns it: one
 * goroutine may lock it and another may unlock it. Its memory may be freed when no
 * call is in progress. It is for the threads of one process.
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

/*
 * Lock it for writing, and unlock it again.
 *
 * kc_rwmutex_lock() waits until no other goroutine has it locked, for writing or for
 * reading. Readers that come meanwhile wait too.
 *
 * kc_rwmutex_unlock() wakes all waiting readers, or else one writer. It is a panic if
 * the lock is not locked for writing.
 */
void kc_rwmutex_lock(kc_rwmutex *rw);
void kc_rwmutex_unlock(kc_rwmutex *rw);

/*
 * Lock it for reading, and unlock it again.
 *
 * kc_rwmutex_rlock() waits while a writer has it locked or waits for it. Any number
 * of readers may have it locked at a time.
 *
 * kc_rwmutex_runlock() of the last reader wakes a waiting writer. It is a panic if the
 * lock is not locked for reading.
 */
void kc_rwmutex_rlock(kc_rwmutex *rw);
void kc_rwmutex_runlock(kc_rwmutex *rw);

/*
 * Lock it for writing, or for reading, if this is possible without waiting.
 *
 * 0, or
 * -EAGAIN	another goroutine has locked it, or waits for it, in a mode that
 *	conflicts
 */
int kc_rwmutex_try_lock(kc_rwmutex *rw) KC_MUST_CHECK;
int kc_rwmutex_try_rlock(kc_rwmutex *rw) KC_MUST_CHECK;

/* Unlocking a lock that is not locked in that mode is a panic. */

KC_DECLS_END

#endif /* KCHAN_RWMUTEX_H */
