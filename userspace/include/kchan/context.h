/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Contexts: that a piece of work is no longer wanted, when it has to be done, and
 * what it is about. Go's context package.
 *
 *	kc_ctx *ctx;
 *
 *	if (kc_with_timeout(&ctx, parent, 5 * KC_SECOND))
 *		...
 *	ret = kc_recv_ctx(ctx, results, &result);
 *	if (ret == -ETIMEDOUT || ret == -ECANCELED)
 *		...
 *	kc_cancel(ctx);			those that were made from it, too
 *	kc_ctx_unref(ctx);
 *
 * Contexts form a tree. Each is made from a parent. It is cancelled when the parent
 * is, or by itself. This never goes upward. NULL is the background: the root, which
 * is never cancelled, and has no deadline and no values. A context may be NULL in
 * every call.
 *
 * A context that is cancelled stays so. It can be asked (kc_ctx_err()), be given to
 * calls that wait (kc_recv_ctx() and the like), and be a case of a select
 * (kc_case_done()). It has a channel that is closed then (kc_ctx_done()), for epoll
 * and for other processes.
 *
 * References are counted. Every call that makes a context takes its own reference to
 * the parent, so references may be dropped in any order. To drop one cancels nothing.
 * The caller has to hold a context while a call that was given it is in progress.
 *
 * A context that can never be cancelled costs little, and so does a deadline, which
 * becomes the deadline of the wait. A wait for contexts and times alone, such as
 * kc_sleep_ctx(), needs no channel: neither the device nor a descriptor. Together with
 * descriptors it needs an eventfd. A channel is made when somebody first has to wait for
 * a context together with a channel. Only kc_ctx_done() and kc_after_func()
 * need a thread for a deadline, which is that of time.h.
 *
 * After fork() each process has its own contexts. In the child, a context that was
 * made before is also cancelled when the parent cancels its own or ends, if it had a
 * channel before: if somebody in the parent had called kc_ctx_done(). What the child
 * cancels stays in the child. Deadlines hold in both. Ask again for kc_ctx_done() in
 * the child. What kc_after_func() had registered is the parent's.
 */
#ifndef KCHAN_CONTEXT_H
#define KCHAN_CONTEXT_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include <kchan/cdefs.h>
#include <kchan/chan.h>
#include <kchan/error.h>
#include <kchan/select.h>

KC_DECLS_BEGIN

typedef struct kc_ctx kc_ctx;

/*
 * The root of all contexts. kc_todo() is the same; it stands where it is not clear
 * yet which context to use.
 *
 * Returns the context. It is always there, and needs no reference.
 */
kc_ctx *kc_background(void);
kc_ctx *kc_todo(void);

/*
 * Take one more reference to a context, and drop one. To drop the last one cancels
 * nothing. @ctx may be NULL.
 *
 * kc_ctx_ref() returns @ctx.
 */
kc_ctx *kc_ctx_ref(kc_ctx *ctx);
void kc_ctx_unref(kc_ctx *ctx);

/*
 * Make a context from @parent, to be cancelled by kc_cancel(), or with a cause by
 * kc_cancel_cause(). If @parent is cancelled the new one is so from the start. *@out
 * is one reference.
 *
 * 0, or
 * -ENOMEM
 */
int kc_with_cancel(kc_ctx **out, kc_ctx *parent) KC_MUST_CHECK;

/*
 * Make a context as kc_with_cancel() does, which is also cancelled at @deadline, in
 * nanoseconds on CLOCK_MONOTONIC, or in @timeout nanoseconds. If the parent has an
 * earlier deadline that one holds. @cause is what kc_ctx_cause() returns then, unless
 * it is NULL; the context takes its own reference to it.
 *
 * 0, or
 * -ENOMEM
 */
int kc_with_deadline(kc_ctx **out, kc_ctx *parent, int64_t deadline) KC_MUST_CHECK;
int kc_with_deadline_cause(kc_ctx **out, kc_ctx *parent, int64_t deadline,
			   kc_error *cause) KC_MUST_CHECK;
int kc_with_timeout(kc_ctx **out, kc_ctx *parent, int64_t timeout) KC_MUST_CHECK;
int kc_with_timeout_cause(kc_ctx **out, kc_ctx *parent, int64_t timeout,
			  kc_error *cause) KC_MUST_CHECK;

/*
 * Make a context from @parent that has a value. The value is found by the address
 * @key: that of a static variable of whoever defines the key. The context cannot be
 * cancelled by itself. When it is freed @destroy(@value) is called, unless @destroy
 * is NULL. If this call fails it is not called. A @key that is NULL is a panic.
 *
 * 0, or
 * -ENOMEM
 */
int kc_with_value(kc_ctx **out, kc_ctx *parent, const void *key, void *value,
		  void (*destroy)(void *value)) KC_MUST_CHECK;

/*
 * Make a context that has the values of @parent, but neither its cancellation nor its
 * deadline.
 *
 * 0, or
 * -ENOMEM
 */
int kc_without_cancel(kc_ctx **out, kc_ctx *parent) KC_MUST_CHECK;

/*
 * Cancel @ctx and all that was made from it: when this returns kc_ctx_err() of all
 * of them says so, and all their channels (kc_ctx_done()) are closed. So it is also
 * when another thread had begun to cancel them. What is cancelled already is left as it
 * is.
 *
 * The second form gives a cause, which kc_ctx_cause() returns from then on. It takes over
 * the caller's reference to it, also when it fails or @ctx was cancelled before. So the
 * error can be made in the call: kc_cancel_cause(ctx, kc_errorf(-EIO, "no disk")). NULL
 * is no cause.
 *
 * 0, or
 * -EINVAL	@ctx is none that can be cancelled by itself: the background, or
 *		made by kc_with_value() or kc_without_cancel()
 */
int kc_cancel(kc_ctx *ctx);
int kc_cancel_cause(kc_ctx *ctx, kc_error *cause);

/*
 * Cancel @ctx, and drop a reference to it: kc_cancel() and kc_ctx_unref(). It has the
 * form that kc_defer() calls: Go's defer cancel(). @ctx may be NULL.
 */
void kc_cancel_unref(void *ctx);

/*
 * Whether a context is cancelled, and how.
 *
 * Returns 0 if it is not; -ECANCELED if it was cancelled; -ETIMEDOUT if its deadline
 * is over.
 */
int kc_ctx_err(kc_ctx *ctx);

/*
 * Why a context is cancelled: what was given to kc_cancel_cause() or as the cause of
 * a deadline, here or further up; else an error with the code of kc_ctx_err().
 *
 * Returns the error, which is the context's own: take a reference to keep it. NULL if
 * the context is not cancelled.
 */
kc_error *kc_ctx_cause(kc_ctx *ctx);

/*
 * The deadline of a context, in nanoseconds on CLOCK_MONOTONIC. @deadline may be
 * NULL.
 *
 * Returns 1, and the deadline in *@deadline; or 0 if there is none.
 */
int kc_ctx_deadline(kc_ctx *ctx, int64_t *deadline);

/*
 * The value of the nearest context, from @ctx up, that has the key.
 *
 * Returns the value, or NULL if none has it.
 */
void *kc_ctx_value(kc_ctx *ctx, const void *key);

/*
 * Get a channel that is closed when @ctx is cancelled, in *@out. It is for receiving
 * only, of elements of size 0, and the context's own. If @ctx can never be cancelled
 * *@out is NULL, a channel that is never ready. For a select there is kc_case_done().
 *
 * Its descriptor may be polled, and may be given to another process, where
 * kc_ctx_from_fd() makes a context of it.
 *
 * 0, or what kc_make() returns, or -EAGAIN when there can be no thread: see go.h.
 */
int kc_ctx_done(kc_chan **out, kc_ctx *ctx) KC_MUST_CHECK;

/*
 * Wait until @ctx is cancelled: the case is ready then, and its status is
 * kc_ctx_err(). It is never ready if @ctx can never be cancelled. The caller holds
 * @ctx while the case is used. A select with it and with a channel or a descriptor
 * may fail as kc_ctx_done() does; that is the case's status too.
 *
 * Returns the case.
 */
kc_case kc_case_done(kc_ctx *ctx);

/*
 * Make a context that is cancelled (with -ECANCELED) when a context in another
 * process is: the one whose kc_ctx_done() channel @fd comes from. It does not matter
 * how that one was cancelled. It is also cancelled when the other process ends, or
 * nobody is left there who could cancel it; when @parent is cancelled; and by
 * kc_cancel(), which the other process does not see. Deadlines, values and causes are
 * those of @parent: they do not cross.
 *
 * Any channel for receiving only will do. The context is cancelled once there is
 * something to be received, or end-of-stream. On success @fd belongs to the context,
 * and is made close-on-exec.
 *
 * 0, or
 * -EINVAL	@fd can also send: nobody's end would close such a channel
 * -EBADF	it is not open, or cannot receive
 * -ENOTTY	it is no channel
 * -ENOMEM
 */
int kc_ctx_from_fd(kc_ctx **out, kc_ctx *parent, int fd) KC_MUST_CHECK;

/*
 * Make a context that is cancelled by the first of the @n signals at @signums, or by
 * kc_cancel(). Its kc_ctx_err() is -ECANCELED, and its cause names the signal. If @n
 * is 0 it is cancelled by all that kc_notify() takes then.
 *
 * The signals go on being caught, as by kc_notify(), until kc_cancel() or the last
 * kc_ctx_unref(). So after kc_cancel() a second Ctrl-C ends the program.
 *
 * 0, or what kc_notify() returns.
 */
int kc_notify_context(kc_ctx **out, kc_ctx *parent, const int *signums,
		      size_t n) KC_MUST_CHECK;

/* A function to be run when a context is cancelled. */
typedef struct kc_ctx_func kc_ctx_func;

/*
 * Run @fn(@arg) in a goroutine of its own when @ctx is cancelled, or at once if it
 * is. Until the function was started or stopped that holds a reference to @ctx. @out
 * may be NULL if it is not to be stopped. If no thread can be had when the time has
 * come, the function is run as soon as there is one.
 *
 * 0, or
 * -EAGAIN	there can be no thread: see go.h
 * -ENOMEM
 */
int kc_after_func(kc_ctx_func **out, kc_ctx *ctx, void (*fn)(void *arg),
		  void *arg) KC_MUST_CHECK;

/*
 * Do not run the function any more. A function that has been started is not waited
 * for.
 *
 * Returns 1 if this call has prevented the run; 0 if it has been started, or was
 * stopped before.
 */
int kc_after_func_stop(kc_ctx_func *func);

/*
 * Take one more reference, and drop one. To drop the last one does not stop the
 * function. @func may be NULL.
 *
 * kc_after_func_ref() returns @func.
 */
kc_ctx_func *kc_after_func_ref(kc_ctx_func *func);
void kc_after_func_unref(kc_ctx_func *func);

/*
 * Send as kc_send() and kc_send_msg() do, but wait no longer than until @ctx is
 * cancelled. If @ctx is cancelled already nothing is sent.
 *
 * As kc_send() and kc_send_msg(), and
 * -ECANCELED, -ETIMEDOUT
 *	@ctx was cancelled, before or during the call: see kc_ctx_err()
 * and then the element was not sent.
 *
 * It can also fail as kc_ctx_done() does, but not with -EAGAIN. So a result is a
 * cancellation if it is that of kc_ctx_err(), and no other one is.
 */
int kc_send_ctx(kc_ctx *ctx, kc_chan *c, const void *elem) KC_MUST_CHECK;
int kc_send_msg_ctx(kc_ctx *ctx, kc_chan *c, const void *msg,
		    size_t len) KC_MUST_CHECK;

/*
 * Receive as kc_recv() and kc_recv_msg() do, but wait no longer than until @ctx is
 * cancelled. If @ctx is cancelled already nothing is received.
 *
 * As kc_recv() and kc_recv_msg(), and
 * -ECANCELED, -ETIMEDOUT
 *	@ctx was cancelled, before or during the call: see kc_ctx_err()
 * and then nothing was received.
 *
 * It can also fail as kc_ctx_done() does, but not with -EAGAIN. So a result is a
 * cancellation if it is that of kc_ctx_err(), and no other one is.
 */
int kc_recv_ctx(kc_ctx *ctx, kc_chan *c, void *elem) KC_MUST_CHECK;
ssize_t kc_recv_msg_ctx(kc_ctx *ctx, kc_chan *c, void *buf,
			size_t size) KC_MUST_CHECK;

/*
 * Select as kc_select() does, but wait no longer than until @ctx is cancelled. If
 * @ctx is cancelled already no case commits.
 *
 * There may be fewer cases on channels and descriptors than for kc_select(): by one
 * if @ctx can be cancelled, and by one for each process that it came through.
 *
 * As kc_select(), and
 * -ECANCELED, -ETIMEDOUT
 *	@ctx was cancelled, before or during the call: see kc_ctx_err()
 * and then no case has committed.
 *
 * It can also fail as kc_ctx_done() does, but not with -EAGAIN. So a result is a
 * cancellation if it is that of kc_ctx_err(), and no other one is.
 */
int kc_select_ctx(kc_ctx *ctx, kc_case *cases, size_t n) KC_MUST_CHECK;

/*
 * Sleep for @ns nanoseconds, but no longer than until @ctx is cancelled. If @ctx is
 * cancelled already it does not sleep.
 *
 * 0 when the time has gone by, or
 * -ECANCELED, -ETIMEDOUT
 *	@ctx was cancelled, before or during the call: see kc_ctx_err()
 *
 * With a @ctx that came from another process it can also fail as kc_ctx_done() does.
 */
int kc_sleep_ctx(kc_ctx *ctx, int64_t ns) KC_MUST_CHECK;

KC_DECLS_END

#endif /* KCHAN_CONTEXT_H */
