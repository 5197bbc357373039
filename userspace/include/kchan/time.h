/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Timers and tickers: Go's time package, as far as it is about waiting.
 *
 * They are channels: of elements of type int64_t, each the time at which it was
 * sent, in nanoseconds on CLOCK_MONOTONIC. So they can be received from, be cases
 * of a select, and be waited for by poll() and epoll. Who only wants a select to
 * end after a time uses kc_case_after(), which needs no channel.
 *
 * As in Go since 1.23, once a timer or ticker is stopped or reset nothing is
 * received that is from before, and a tick that nobody has taken when the next one
 * comes is all there is: ticks are not saved up for slow receivers.
 *
 * The channels are for receiving only, and hold one tick. They are not closed when
 * a timer has fired or is stopped; only when it is freed. Each takes two
 * descriptors.
 *
 * All timers of a process are served by one thread of the library, made when it is
 * first needed, which blocks all signals. After fork() no timer made before goes
 * off in the child; make new ones there, for their channels are shared with the
 * parent.
 *
 * The calls that make something return 0, or
 * -EAGAIN	there can be no thread: see go.h
 * -ENOMEM	and, when there is a channel, what kc_make() returns
 */
#ifndef KCHAN_TIME_H
#define KCHAN_TIME_H

#include <stdint.h>

#include <kchan/cdefs.h>
#include <kchan/chan.h>

KC_DECLS_BEGIN

/* The time, in nanoseconds: CLOCK_MONOTONIC, but inside of kc_synctest() its clock. */
int64_t kc_now(void);

/*
 * A channel that is sent one tick in @ns nanoseconds: Go's time.After(). To
 * kc_unref() it is all there is to do; when that is done before, nothing is left
 * of the timer.
 */
int kc_after(kc_chan **out, int64_t ns) KC_MUST_CHECK;

typedef struct kc_timer kc_timer;

/* A timer that goes off once, in @ns nanoseconds: Go's time.NewTimer(). */
int kc_timer_make(kc_timer **out, int64_t ns) KC_MUST_CHECK;

/*
 * A timer that runs @fn(@arg) in a goroutine of its own, in @ns nanoseconds: Go's
 * time.AfterFunc(). It has no channel. @out may be NULL: then there is nothing to
 * stop it by, nor to be dropped. Should there be no thread to be had when its time
 * has come, it is run as soon as there is one.
 */
int kc_timer_func(kc_timer **out, int64_t ns, void (*fn)(void *arg),
		  void *arg) KC_MUST_CHECK;

/* Its channel, which is the timer's own; NULL for one that runs a function. */
kc_chan *kc_timer_chan(kc_timer *t);

/*
 * Stop it: 1 if it would have gone off, or has, but nobody had received its tick,
 * and nobody will; 0 if it has gone off, or was stopped before. A function that has
 * been started is not waited for.
 */
int kc_timer_stop(kc_timer *t);

/*
 * Let it go off in @ns nanoseconds from now, whether it has before or not. Returns
 * what kc_timer_stop() would have.
 */
int kc_timer_reset(kc_timer *t, int64_t ns);

/*
 * With the last reference a timer is stopped, and its channel closed, should
 * somebody still hold that; but a function is run all the same.
 */
kc_timer *kc_timer_ref(kc_timer *t);
void kc_timer_unref(kc_timer *t);

typedef struct kc_ticker kc_ticker;

/*
 * A ticker, which ticks every @period nanoseconds: Go's time.NewTicker(). Besides
 * the errors above, -EINVAL for a @period of 0 or less. (Go panics here.)
 */
int kc_ticker_make(kc_ticker **out, int64_t period) KC_MUST_CHECK;

/* Its channel, which is the ticker's own. */
kc_chan *kc_ticker_chan(kc_ticker *t);

/*
 * Tick every @period nanoseconds from now on, also if it was stopped: 0, or
 * -EINVAL for one of 0 or less. (Go panics here.)
 */
int kc_ticker_reset(kc_ticker *t, int64_t period) KC_MUST_CHECK;

/* No more ticks, and none that is left from before. */
void kc_ticker_stop(kc_ticker *t);

/* As of timers. */
kc_ticker *kc_ticker_ref(kc_ticker *t);
void kc_ticker_unref(kc_ticker *t);

KC_DECLS_END

#endif /* KCHAN_TIME_H */
