/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Jitter: running goroutines in unusual orders.
 *
 * A mistake that depends on the order in which goroutines go on may have an effect only
 * once in a million runs. With jitter a goroutine first does nothing, lets others run,
 * or sleeps for a moment, wherever it starts another one, sends, receives, selects,
 * closes, locks, unlocks, waits or signals by this library. A generator of pseudo
 * random numbers decides which of these. Each goroutine has its own generator. With the
 * same seed the same goroutine gets the same decisions in each run. So a seed with
 * which a run failed most often makes it fail again.
 *
 *	for i in $(seq 100); do KCHAN_JITTER=$i ./test || break; done
 *
 * A goroutine's generator begins with a number out of the generator of the goroutine
 * that started it. Goroutines that are there already when jitter is turned on, and
 * threads that the library did not start, begin with the seed and their own number
 * (kc_goid()). So the decisions do not depend on the order in which goroutines come
 * to run. What the kernel does in between does depend on it: the whole run of the
 * program need not be the same.
 *
 * The generator also decides the random choices of kc_select().
 *
 * The environment variable KCHAN_JITTER turns it on for the whole program, if it is a
 * number other than 0. It is read once, when the program begins, and is ignored where
 * secure_getenv(3) ignores it. kc_test() starts each test with the seed, and reports
 * the seed if a test fails.
 */
#ifndef KCHAN_JITTER_H
#define KCHAN_JITTER_H

#include <stdint.h>

#include <kchan/cdefs.h>

KC_DECLS_BEGIN

/*
 * Turn jitter on with @seed, or off if @seed is 0. The generator of the calling
 * goroutine begins with the seed alone, not with its number.
 */
void kc_jitter(uint64_t seed);

/* What kc_jitter_point() has done. */
#define KC_JITTER_NOTHING	0
#define KC_JITTER_YIELDED	1
#define KC_JITTER_SLEPT		2

/*
 * A place where the program also wants jitter: for example, between two accesses to
 * data that has no lock.
 *
 * Returns KC_JITTER_NOTHING, KC_JITTER_YIELDED or KC_JITTER_SLEPT. Without jitter it
 * does nothing.
 */
int kc_jitter_point(void);

KC_DECLS_END

#endif /* KCHAN_JITTER_H */
