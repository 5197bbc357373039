/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A clock for tests: time stands still while a goroutine runs, and leaps when all wait.
 * Go's testing/synctest.
 *
 *	static void test_hourly(void *arg)
 *	{
 *		const int64_t begin = kc_now();
 *		kc_ticker *ticker;
 *		int64_t tick;
 *
 *		...kc_ticker_make(&ticker, 3600 * KC_SECOND)...
 *		...kc_recv(kc_ticker_chan(ticker), &tick)...
 *		an hour later to the nanosecond, and no time has gone by
 *	}
 *
 *	ret = kc_synctest(test_hourly, NULL);
 *
 * While the function runs, kc_now() and all waits of this library use a clock of their
 * own: kc_sleep(), timers and tickers, timeouts of calls, deadlines of contexts, and
 * cases with a duration. This clock begins with the current time. When all goroutines
 * of the process wait, for each other or for a time, it leaps to the next time that one
 * of them waits for. So no test waits for real time. What goroutines do at different
 * times is done in the order of these times, even on a busy machine.
 *
 * In Go this holds for the goroutines that were started inside. Here it holds for the
 * whole process, so there must be no other goroutines. A wait for a mutex counts as any
 * other wait. These count as running, so time stands still:
 *
 * - a goroutine that waits in anything but this library, as in read(2);
 * - a select, or a wait for a process, with a descriptor that is no channel;
 * - a thread that the library did not start, unless it waits in one of its calls.
 *
 * The library does not see what happens outside of the process. A wait on a channel for
 * another process, or for a signal (signal.h), counts as waiting, and time leaps.
 *
 * If all wait, and none for a time, this is a deadlock. It is reported on standard
 * error, with a kc_dump(). Then the process ends: inside of kc_test() the test fails
 * and the exit status is 1, else by abort().
 *
 * The time limit of kc_test(), and kc_t_deadline(), use the real clock.
 *
 * A call on a channel or descriptor with a timeout uses a descriptor for it. In a
 * select it also uses one of the 64 cases. If there is no free descriptor, the call
 * fails with -EMFILE or -ENFILE.
 */
#ifndef KCHAN_SYNCTEST_H
#define KCHAN_SYNCTEST_H

#include <kchan/cdefs.h>

KC_DECLS_BEGIN

/*
 * Run @fn(@arg) in this goroutine, with a clock that leaps. After that, wait until all
 * goroutines that were started inside have ended, as Go's synctest.Test() does. The
 * clock does not leap for them any more: if they wait for a time, this is a deadlock.
 * If @fn panics or calls kc_goexit(), this does not wait for them, and the clock is the
 * real one again.
 *
 * Timers that were set before use the new clock. Timers that are left use the real
 * clock after the call. It is better to have neither.
 *
 * 0, or
 * -EBUSY	kc_synctest() runs already; or there are other goroutines or threads
 *	that run, that wait with a timeout, or that wait outside of the library
 * -EAGAIN	no thread can be created: see go.h
 * -ENOMEM
 */
int kc_synctest(void (*fn)(void *arg), void *arg) KC_MUST_CHECK;

/*
 * Wait, inside of kc_synctest(), until all other goroutines wait. No time leaps
 * meanwhile. When this returns, all that was going to happen at this time has
 * happened. Go's synctest.Wait().
 *
 * It is a panic outside of kc_synctest(), and in two goroutines at a time.
 */
void kc_synctest_wait(void);

KC_DECLS_END

#endif /* KCHAN_SYNCTEST_H */
