/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Mutual exclusion: Go's sync.Mutex.
 *
 * It is valid when zero, and needs no clean-up. It belongs to no goroutine: one
 * may lock it and another unlock it. It is not recursive. Its memory may be freed
 * once the last lock of it is unlocked, though that kc_mutex_unlock() may not
 * have returned yet. It is for the threads of one process.
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

/* Lock it; wait while somebody else has it. */
void kc_mutex_lock(kc_mutex *m);

/* Lock it if that needs no waiting: 0, else -EAGAIN. */
int kc_mutex_try_lock(kc_mutex *m) KC_MUST_CHECK;

/* Unlock it. It is a panic if it is not locked. */
void kc_mutex_unlock(kc_mutex *m);

KC_DECLS_END

#endif /* KCHAN_MUTEX_H */
