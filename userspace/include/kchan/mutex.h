/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Mutual exclusion: Go's sync.Mutex.
 *
 * A kc_mutex is valid when zero, and needs no clean-up. No goroutine owns it: one
 * goroutine may lock it and another may unlock it. It is not recursive. It is for the
 * threads of one process.
 *
 * Its memory may be freed once the last goroutine that locked it has unlocked it.
 * That kc_mutex_unlock() need not have returned yet.
 */
#ifndef KCHAN_MUTEX_H
#define KCHAN_MUTEX_H

#include <stdint.h>

#include <kchan/cdefs.h>

KC_DECLS_BEGIN

/* The members are the library's own. */
typedef struct kc_mutex {
	uint32_t state;
	uint32_t reserved[3];
} kc_mutex;

#define KC_MUTEX_INIT { 0, { 0, 0, 0 } }

/* Lock the mutex. The call waits while another goroutine has it locked. */
void kc_mutex_lock(kc_mutex *m);

/*
 * Lock the mutex if this is possible without waiting.
 *
 * 0, or
 * -EAGAIN	the mutex is locked already
 */
int kc_mutex_try_lock(kc_mutex *m) KC_MUST_CHECK;

/* Unlock the mutex. It is a panic if the mutex is not locked. */
void kc_mutex_unlock(kc_mutex *m);

KC_DECLS_END

#endif /* KCHAN_MUTEX_H */
