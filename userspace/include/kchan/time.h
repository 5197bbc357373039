/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Timers and tickers: the part of Go's time package that is about waiting.
 *
 * They are channels, of elements of type int64_t: the time at which the element was
 * sent, in nanoseconds on CLOCK_MONOTONIC. So you can receive from them and select on
 * them, and poll() and epoll can wait for them. To end only a select after a time, use
 * kc_case_after(), which needs no channel.
 *
 * As in Go since 1.23, no old tick is received after a timer or ticker was stopped or
 * reset. Ticks are not queued for slow receivers: while a tick has not been received,
 * the next ones are dropped.
 *
 * The channels are for receiving only, and hold one tick. They are closed when the
 * timer is freed, not when it has gone off or is stopped. Each takes two descriptors.
 *
 * One thread of the library serves all timers of a process. It is made when it is first
 * needed, and blocks all signals. After fork(), timers that were made before do not go
 * off in the child. Make new timers there, because the channels are shared with the
 * parent.
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
 * Returns the time in nanoseconds.
 */
int64_t kc_now(void);

/*
 * Make a channel that is sent one tick in @ns nanoseconds: Go's time.After(). Drop it
 * with kc_unref(). If you drop it before the tick, the timer is freed.
 *
 * 0, or what kc_make() returns, or
 * -EAGAIN	no thread can be created: see go.h
 * -ENOMEM
 */
int kc_after(kc_chan **out, int64_t ns) KC_MUST_CHECK;

typedef struct kc_timer kc_timer;

/*
 * Make a timer that goes off once, in @ns nanoseconds: Go's time.NewTimer(). It sends
 * a tick on its channel then. *@out is one reference.
 *
 * 0, or what kc_make() returns, or
 * -EAGAIN	no thread can be created: see go.h
 * -ENOMEM
 */
int kc_timer_make(kc_timer **out, int64_t ns) KC_MUST_CHECK;

/*
 * Make a timer that runs @fn(@arg) in a goroutine of its own, in @ns nanoseconds: Go's
 * time.AfterFunc(). It has no channel. If @out is NULL, the timer cannot be stopped,
 * and there is no reference to drop. If no thread can be created at that time, the
 * function runs as soon as one can.
 *
 * 0, or
 * -EAGAIN	no thread can be created: see go.h
 * -ENOMEM
 */
int kc_timer_func(kc_timer **out, int64_t ns, void (*fn)(void *arg),
		  void *arg) KC_MUST_CHECK;

/*
 * The channel of a timer.
 *
 * Returns the channel, which belongs to the timer; NULL for a timer that runs a
 * function.
 */
kc_chan *kc_timer_chan(kc_timer *t);

/*
 * Stop a timer. After that no tick is received, even if the timer has gone off. This
 * does not wait for a function that has been started.
 *
 * Returns 1 if the timer had not gone off, or if nobody had received its tick; 0 if its
 * tick was received, its function was started, or it was stopped before.
 */
int kc_timer_stop(kc_timer *t);

/*
 * Let a timer go off in @ns nanoseconds from now, also if it has gone off before.
 *
 * Returns what kc_timer_stop() would have returned.
 */
int kc_timer_reset(kc_timer *t, int64_t ns);

/*
 * Take one more reference to a timer, and drop one. With the last one the timer is
 * stopped, and its channel is closed for those who still hold it. But a function still
 * runs. @t may be NULL.
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
 * -EAGAIN	no thread can be created: see go.h
 * -ENOMEM
 */
int kc_ticker_make(kc_ticker **out, int64_t period) KC_MUST_CHECK;

/*
 * The channel of a ticker.
 *
 * Returns the channel, which belongs to the ticker.
 */
kc_chan *kc_ticker_chan(kc_ticker *t);

/*
 * Let a ticker tick every @period nanoseconds from now on, also if it was stopped.
 *
 * 0, or
 * -EINVAL	@period is 0 or less. (Go panics here.)
 */
int kc_ticker_reset(kc_ticker *t, int64_t period) KC_MUST_CHECK;

/* Stop a ticker. After that no tick is received, not even an older one. */
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
