/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Waiting for a number of goroutines to end: Go's sync.WaitGroup.
 *
 *	kc_waitgroup wg = KC_WAITGROUP_INIT;
 *
 *	kc_waitgroup_go(&wg, fn, arg);	as often as there are things to do
 *	kc_waitgroup_wait(&wg);
 *
 * or, by hand,
 *
 *	kc_waitgroup_add(&wg, 1);	before the goroutine is started
 *	kc_waitgroup_done(&wg);		the last thing that it does
 *
 * A kc_waitgroup is valid when zero, and needs no clean-up. Once all waits have
 * returned it may be used again, or its memory may be freed. The last
 * kc_waitgroup_done() need not have returned yet. It is for the threads of one
 * process.
 */
#ifndef KCHAN_WAITGROUP_H
#define KCHAN_WAITGROUP_H

#include <stddef.h>
#include <stdint.h>

#include <kchan/cdefs.h>

KC_DECLS_BEGIN

/* The members are the library's own. */
typedef struct kc_waitgroup {
	uint64_t state __attribute__((aligned(8)));
	uint64_t reserved[3];
} kc_waitgroup;

#define KC_WAITGROUP_INIT { 0, { 0, 0, 0 } }

/*
 * Add @delta, which may be negative, to the counter. When the counter becomes 0, all
 * waits return. A counter below 0 is a panic, as in Go. So is a counter above
 * INT32_MAX.
 */
void kc_waitgroup_add(kc_waitgroup *wg, int delta);

/* Take 1 from the counter. */
void kc_waitgroup_done(kc_waitgroup *wg);

/*
 * Wait until the counter is 0. All that goroutines did before their kc_waitgroup_done()
 * has happened when this returns.
 */
void kc_waitgroup_wait(kc_waitgroup *wg);

/*
 * Add 1 to the counter, run @fn(@arg) in a goroutine of its own, and take 1 from the
 * counter when that goroutine ends: by returning, by a recovered panic, or by
 * kc_goexit(). A panic that nobody recovers does not change the counter, so no wait
 * returns before the program ends.
 *
 * What kc_go() returns. After an error the counter is as before.
 */
int kc_waitgroup_go(kc_waitgroup *wg, void (*fn)(void *arg), void *arg)
	KC_MUST_CHECK;

/*
 * As kc_waitgroup_go(), but @fn is given the address of a copy of the @size bytes at
 * @arg, as by kc_go_copy(). So each goroutine of a loop gets its own argument.
 *
 * What kc_go_copy() returns. After an error the counter is as before.
 */
int kc_waitgroup_go_copy(kc_waitgroup *wg, void (*fn)(void *arg), const void *arg,
			 size_t size) KC_MUST_CHECK;

KC_DECLS_END

#endif /* KCHAN_WAITGROUP_H */
