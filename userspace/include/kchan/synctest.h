/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A clock for tests: time stands still while anyone runs, and leaps when all wait.
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
 * While it runs, kc_now() and all that waits by it in this library have a clock of
 * their own: kc_sleep(), timers and tickers, limits of calls, deadlines of contexts,
 * cases that wait for a time. The clock begins with the time that it is. When all
 * goroutines of the process wait, for each other or for a time, it leaps to the next
 * time that one of them waits for. So nobody waits for real time to go by. What two
 * goroutines do at different times is done in the order of these times, however
 * loaded the machine is.
 *
 * Go has this for the goroutines that were started inside. Here it is for the whole
 * process, so there may be no others. To wait for a mutex counts as any other wait
 * does. These count as running, so that time stands still:
 *
 * - a goroutine that waits in anything but this library, as in read(2);
 * - a select, or a wait for a process, with a descriptor that is no channel;
 * - a thread that the library did not start, unless it waits in one of its calls.
 *
 * What is outside of the process is not seen. To wait in a channel for another
 * process, or for a signal (signal.h), counts as waiting, and time leaps.
 *
 * If all wait, and there is no time to leap to, nothing will ever happen: that is a
 * deadlock. It is reported on standard error, with what all goroutines do, as by
 * kc_dump(). Then the process ends: inside of kc_test() with that test's failure and
 * the status 1, else by abort().
 *
 * The time limit of kc_test() goes by the real clock, as does kc_t_deadline().
 *
 * A call with a limit takes a descriptor for its time. A select with a limit also
 * takes one of its cases on channels and descriptors. If there is no descriptor, the
 * call fails with -EMFILE or -ENFILE.
 */
#ifndef KCHAN_SYNCTEST_H
#define KCHAN_SYNCTEST_H

#include <kchan/cdefs.h>

KC_DECLS_BEGIN

/*
 * Run @fn(@arg) in this goroutine, with a clock that leaps. Afterwards wait until all
 * goroutines that were started inside have ended, as Go's synctest.Test() does. No
 * time goes by for them any more: if they wait for a time, that is a deadlock. When
 * @fn is left by a panic or kc_goexit(), this does not wait for them, and the clock
 * is the real one again.
 *
 * Timers that were set before go by the new clock, and those that are left go by the
 * real one after. It is better to have none of either.
 *
 * 0, or
 * -EBUSY	it is done already; or there are goroutines or threads besides this one
 *	that do more than wait, with no limit, in a call of the library
 * -EAGAIN	there can be no thread: see go.h
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
