/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Timers and tickers: Go's time package, as far as it is about waiting.
 *
 * They are channels, of elements of type int64_t: the time at which the element was
 * sent, in nanoseconds on CLOCK_MONOTONIC. So one can receive from them, they can be
 * cases of a select, and poll() and epoll can wait for them. If only a select is to
 * end after a time use kc_case_after(), which needs no channel.
 *
 * As in Go since 1.23, nothing old is received once a timer or ticker was stopped or
 * reset. Ticks are not saved up for slow receivers: while one tick has not been taken
 * the next ones are dropped.
 *
 * The channels are for receiving only, and hold one tick. They are closed when the
 * timer is freed, not when it has gone off or is stopped. Each takes two descriptors.
 *
 * One thread of the library serves all timers of a process. It is made when it is
 * first needed, and blocks all signals. After fork() no timer that was made before
 * goes off in the child. Make new ones there, because the channels are shared with
 * the parent.
 */
#ifndef KCHAN_TIME_H
#define KCHAN_TIME_H

#include <stdint.h>

#include <kchan/cdefs.h>
#include <kchan/chan.h>

KC_DECLS_BEGIN

/*
 * The time: of CLOCK_MONOTONIC, but inside of kc_synctest() of its clock.
 *
 * Returns nanoseconds.
 */
int64_t kc_now(void);

/*
 * Make a channel that is sent one tick in @ns nanoseconds: Go's time.After(). Drop it
 * with kc_unref(). If that is done before the tick nothing is left of the timer.
 *
 * 0, or what kc_make() returns, or
 * -EAGAIN	there can be no thread: see go.h
 * -ENOMEM
 */
int kc_after(kc_chan **out, int64_t ns) KC_MUST_CHECK;

typedef struct kc_timer kc_timer;

/*
 * Make a timer that goes off once, in @ns nanoseconds: Go's time.NewTimer(). It sends
 * a tick on its channel then. *@out is one reference.
 *
 * 0, or what kc_make() returns, or
 * -EAGAIN	there can be no thread: see go.h
 * -ENOMEM
 */
int kc_timer_make(kc_timer **out, int64_t ns) KC_MUST_CHECK;

/*
 * Make a timer that runs @fn(@arg) in a goroutine of its own, in @ns nanoseconds:
 * Go's time.AfterFunc(). It has no channel. If @out is NULL there is nothing to stop
 * it by, and nothing to be dropped. If no thread can be had when its time has come,
 * the function is run as soon as there is one.
 *
 * 0, or
 * -EAGAIN	there can be no thread: see go.h
 * -ENOMEM
 */
int kc_timer_func(kc_timer **out, int64_t ns, void (*fn)(void *arg),
		  void *arg) KC_MUST_CHECK;

/*
 * The channel of a timer.
 *
 * Returns the channel, which is the timer's own; NULL for a timer that runs a
 * function.
 */
kc_chan *kc_timer_chan(kc_timer *t);

/*
 * Stop a timer. Nobody receives its tick after that, even if it has gone off. A
 * function that has been started is not waited for.
 *
 * Returns 1 if the timer would have gone off, or has and nobody had received its
 * tick; 0 if its tick was received, its function was started, or it was stopped
 * before.
 */
int kc_timer_stop(kc_timer *t);

/*
 * Let a timer go off in @ns nanoseconds from now, whether it has gone off before or
 * not.
 *
 * Returns what kc_timer_stop() would have returned.
 */
int kc_timer_reset(kc_timer *t, int64_t ns);

/*
 * Take one more reference to a timer, and drop one. With the last one the timer is
 * stopped, and its channel is closed for those who still hold it. A function is run
 * all the same. @t may be NULL.
 *
 * kc_timer_ref() returns @t.
 */
kc_timer *kc_timer_ref(kc_timer *t);
void kc_timer_unref(kc_timer *t);

typedef struct kc_ticker kc_ticker;

/*
 * Make a ticker, which ticks every @period nanoseconds: Go's time.NewTicker(). *@out
 * is one reference.
 *
 * 0, or what kc_make() returns, or
 * -EINVAL	@period is 0 or less. (Go panics here.)
 * -EAGAIN	there can be no thread: see go.h
 * -ENOMEM
 */
int kc_ticker_make(kc_ticker **out, int64_t period) KC_MUST_CHECK;

/*
 * The channel of a ticker.
 *
 * Returns the channel, which is the ticker's own.
 */
kc_chan *kc_ticker_chan(kc_ticker *t);

/*
 * Let a ticker tick every @period nanoseconds from now on, also if it was stopped.
 *
 * 0, or
 * -EINVAL	@period is 0 or less. (Go panics here.)
 */
int kc_ticker_reset(kc_ticker *t, int64_t period) KC_MUST_CHECK;

/* Stop a ticker. Nothing is received after that, not even a tick from before. */
void kc_ticker_stop(kc_ticker *t);

/*
 * Take one more reference to a ticker, and drop one. With the last one it is stopped,
 * and its channel is closed for those who still hold it. @t may be NULL.
 *
 * kc_ticker_ref() returns @t.
 */
kc_ticker *kc_ticker_ref(kc_ticker *t);
void kc_ticker_unref(kc_ticker *t);

KC_DECLS_END

#endif /* KCHAN_TIME_H */
