/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Contexts: the cancellation, deadline and values of a piece of work. Go's context
 * package.
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
 * Contexts form a tree. Each is made from a parent. It is cancelled when the parent is
 * cancelled, or by itself. The parent is not cancelled then. NULL is the background:
 * the root, which is never cancelled, and has no deadline and no values. A context may
 * be NULL in every call.
 *
 * A cancelled context stays cancelled. kc_ctx_err() tells whether it is cancelled.
 * Calls such as kc_recv_ctx() wait no longer than until it is cancelled. kc_case_done()
 * makes it a case of a select. kc_ctx_done() returns a channel that is closed when it
 * is cancelled, for epoll and for other processes.
 *
 * References are counted. Every call that makes a context takes its own reference to
 * the parent, so references may be dropped in any order. Dropping a reference cancels
 * nothing. The caller must hold a context while a call with it is in progress.
 *
 * A context that can never be cancelled costs little. So does a deadline, which becomes
 * the deadline of the wait. A wait for contexts and times only, such as kc_sleep_ctx(),
 * needs neither the device nor a descriptor. A wait together with descriptors needs an
 * eventfd. The first wait for a context together with a channel makes a channel for the
 * context. Only kc_ctx_done() and kc_after_func() need a thread for a deadline: the
 * thread of time.h.
 *
 * After fork() each process has contexts of its own. If a context had a channel before
 * the fork (call kc_ctx_done() for that), the child's copy is also cancelled when the
 * parent cancels its own, or ends. A cancel in the child does not affect the parent.
 * Deadlines hold in both processes. Call kc_ctx_done() again in the child. Functions of
 * kc_after_func() run in the parent only.
 */
#ifndef KCHAN_CONTEXT_H
#define KCHAN_CONTEXT_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include <kchan/cdefs.h>
#include <kchan/chan.h>
#include <kchan/error.h>
#include <kchan/lease.h>
#include <kchan/select.h>

KC_DECLS_BEGIN

typedef struct kc_ctx kc_ctx;

/*
 * The root of all contexts. kc_todo() is the same. Use it where it is not clear yet
 * which context to use.
 *
 * Returns the context. It always exists, and needs no reference.
 */
kc_ctx *kc_background(void);
kc_ctx *kc_todo(void);

/*
 * Take one more reference to a context, and drop one. Dropping the last one cancels
 * nothing. @ctx may be NULL.
 *
 * kc_ctx_ref() returns @ctx.
 */
kc_ctx *kc_ctx_ref(kc_ctx *ctx);
void kc_ctx_unref(kc_ctx *ctx);

/*
 * Make a context from @parent. kc_cancel() cancels it, and kc_cancel_cause() cancels it
 * with a cause. If @parent is cancelled already, the new context is cancelled, too.
 * *@out is one reference.
 *
 * 0, or
 * -ENOMEM
 */
int kc_with_cancel(kc_ctx **out, kc_ctx *parent) KC_MUST_CHECK;

/*
 * Make a context as kc_with_cancel() does, which is also cancelled at @deadline, in
 * nanoseconds on CLOCK_MONOTONIC, or in @timeout nanoseconds. If the parent has an
 * earlier deadline, that deadline holds. After the deadline kc_ctx_cause() returns
 * @cause, unless @cause is NULL. The context takes its own reference to @cause.
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
 * Make a context from @parent that has a value. The address @key identifies the value:
 * use the address of a static variable. The context cannot be cancelled by itself. When
 * the context is freed, @destroy(@value) is called, unless @destroy is NULL. If this
 * call fails, @destroy is not called. It is a panic if @key is NULL.
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
 * Cancel @ctx and all contexts that were made from it. When this returns, kc_ctx_err()
 * of each of them returns an error, and their channels (kc_ctx_done()) are closed. This
 * is also true if another thread had begun to cancel them. Contexts that are cancelled
 * already do not change.
 *
 * The second form has a cause, which kc_ctx_cause() returns from then on. It takes over
 * the caller's reference to @cause, also if it fails, or if @ctx was cancelled before.
 * So the error can be made in the call: kc_cancel_cause(ctx, kc_errorf(-EIO, "no
 * disk")). @cause may be NULL.
 *
 * 0, or
 * -EINVAL	@ctx cannot be cancelled by itself: it is the background, or was made by
 *	kc_with_value() or kc_without_cancel()
 */
int kc_cancel(kc_ctx *ctx);
int kc_cancel_cause(kc_ctx *ctx, kc_error *cause);

/*
 * Cancel @ctx, and drop a reference to it: kc_cancel() and kc_ctx_unref(). kc_defer()
 * can call it: Go's defer cancel(). @ctx may be NULL.
 */
void kc_cancel_unref(void *ctx);

/*
 * Whether a context is cancelled, and how.
 *
 * Returns 0 if the context is not cancelled; -ECANCELED if it was cancelled; -ETIMEDOUT
 * if its deadline has passed.
 */
int kc_ctx_err(kc_ctx *ctx);

/*
 * Why a context is cancelled: the cause of kc_cancel_cause() or of a deadline, of this
 * context or of an ancestor. If no cause was given, it is an error with the code of
 * kc_ctx_err().
 *
 * Returns the error. It belongs to the context: take a reference to keep it. NULL if
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
 * The value for @key, of the nearest context that has one: @ctx or an ancestor.
 *
 * Returns the value, or NULL if no context has the key.
 */
void *kc_ctx_value(kc_ctx *ctx, const void *key);

/*
 * Get a channel that is closed when @ctx is cancelled, in *@out. It is for receiving
 * only, has elements of size 0, and belongs to the context. If @ctx can never be
 * cancelled, *@out is NULL: a channel that is never ready. For a select, use
 * kc_case_done().
 *
 * You may poll its descriptor, and you may pass the descriptor to another process,
 * where kc_ctx_from_fd() makes a context of it.
 *
 * 0, or what kc_make() returns, or -EAGAIN if no thread can be created: see go.h.
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
 * Make a context that is cancelled (with -ECANCELED) when a context in another process
 * is: the one whose kc_ctx_done() channel @fd comes from. It does not matter how that
 * one was cancelled. The new context is also cancelled when the other process ends or
 * frees its context, when @parent is cancelled, and by kc_cancel(), which does not
 * affect the other process. Deadlines, values and causes are those of @parent, not
 * those of the other process.
 *
 * @fd may be any channel that is for receiving only. The context is cancelled when
 * there is an element to receive, or end-of-stream. On success the context owns @fd,
 * which is made close-on-exec.
 *
 * 0, or
 * -EINVAL	@fd can also send, so the channel would never close by itself
 * -EBADF	@fd is not open, or cannot receive
 * -ENOTTY	@fd is no channel
 * -ENOMEM
 */
int kc_ctx_from_fd(kc_ctx **out, kc_ctx *parent, int fd) KC_MUST_CHECK;

/*
 * Make a context that is cancelled by the first of the @n signals at @signums, or by
 * kc_cancel(). Its kc_ctx_err() is -ECANCELED, and its cause names the signal. If @n is
 * 0, the signals are those that kc_notify() takes for 0.
 *
 * The signals are caught, as by kc_notify(), until kc_cancel() or the last
 * kc_ctx_unref(). So after kc_cancel() a second Ctrl-C ends the program.
 *
 * 0, or what kc_notify() returns.
 */
int kc_notify_context(kc_ctx **out, kc_ctx *parent, const int *signums,
		      size_t n) KC_MUST_CHECK;

/* A function that runs when a context is cancelled. */
typedef struct kc_ctx_func kc_ctx_func;

/*
 * Run @fn(@arg) in a goroutine of its own when @ctx is cancelled, or at once if it is
 * cancelled already. This holds a reference to @ctx until the function is started or
 * stopped. @out may be NULL if you will not stop the function. If no thread can be
 * created when @ctx is cancelled, the function runs as soon as one can.
 *
 * 0, or
 * -EAGAIN	no thread can be created: see go.h
 * -ENOMEM
 */
int kc_after_func(kc_ctx_func **out, kc_ctx *ctx, void (*fn)(void *arg),
		  void *arg) KC_MUST_CHECK;

/*
 * Prevent that the function runs. This does not wait for a function that has been
 * started.
 *
 * Returns 1 if this call has prevented the run; 0 if the function has been started, or
 * was stopped before.
 */
int kc_after_func_stop(kc_ctx_func *func);

/*
 * Take one more reference, and drop one. Dropping the last one does not stop the
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
 *
 * If it returns -ECANCELED or -ETIMEDOUT, the element was not sent.
 *
 * It can also fail as kc_ctx_done() does, but not with -EAGAIN. So a result is a
 * cancellation exactly if it equals kc_ctx_err().
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
 *
 * If it returns -ECANCELED or -ETIMEDOUT, nothing was received.
 *
 * It can also fail as kc_ctx_done() does, but not with -EAGAIN. So a result is a
 * cancellation exactly if it equals kc_ctx_err().
 */
int kc_recv_ctx(kc_ctx *ctx, kc_chan *c, void *elem) KC_MUST_CHECK;
ssize_t kc_recv_msg_ctx(kc_ctx *ctx, kc_chan *c, void *buf,
			size_t size) KC_MUST_CHECK;

/*
 * Send as kc_send_n() does, or receive as kc_recv_n() does, but wait no longer than until
 * @ctx is cancelled. If @ctx is cancelled already nothing is sent or received.
 *
 * As kc_send_n() and kc_recv_n(), and
 * -ECANCELED, -ETIMEDOUT
 *	@ctx was cancelled, before or during the call: see kc_ctx_err()
 *
 * If it returns -ECANCELED or -ETIMEDOUT, no element has moved. If some elements moved
 * before @ctx was cancelled, the call returns how many.
 *
 * It can also fail as kc_ctx_done() does, but not with -EAGAIN. So a result is a
 * cancellation exactly if it equals kc_ctx_err().
 */
ssize_t kc_send_n_ctx(kc_ctx *ctx, kc_chan *c, const void *elems,
		      size_t n) KC_MUST_CHECK;
ssize_t kc_recv_n_ctx(kc_ctx *ctx, kc_chan *c, void *elems, size_t n) KC_MUST_CHECK;

/*
 * Receive under lease as kc_lease_recv() does, but wait no longer than until @ctx is
 * cancelled. If @ctx is cancelled already nothing is received.
 *
 * As kc_lease_recv(), and
 * -ECANCELED, -ETIMEDOUT
 *	@ctx was cancelled, before or during the call: see kc_ctx_err()
 *
 * If it returns -ECANCELED or -ETIMEDOUT, nothing was received.
 *
 * It can also fail as kc_ctx_done() does, but not with -EAGAIN. So a result is a
 * cancellation exactly if it equals kc_ctx_err().
 */
int kc_lease_recv_ctx(kc_ctx *ctx, kc_lease *lease) KC_MUST_CHECK;

/*
 * Select as kc_select() does, but wait no longer than until @ctx is cancelled. If
 * @ctx is cancelled already no case commits.
 *
 * The limit for cases on channels and descriptors is lower than that of kc_select(): by
 * one if @ctx can be cancelled, and by one for each process that @ctx came through.
 *
 * As kc_select(), and
 * -ECANCELED, -ETIMEDOUT
 *	@ctx was cancelled, before or during the call: see kc_ctx_err()
 *
 * If it returns -ECANCELED or -ETIMEDOUT, no case has committed.
 *
 * It can also fail as kc_ctx_done() does, but not with -EAGAIN. So a result is a
 * cancellation exactly if it equals kc_ctx_err().
 */
int kc_select_ctx(kc_ctx *ctx, kc_case *cases, size_t n) KC_MUST_CHECK;

/*
 * Sleep for @ns nanoseconds, but no longer than until @ctx is cancelled. If @ctx is
 * cancelled already it does not sleep.
 *
 * 0 when the time has passed, or
 * -ECANCELED, -ETIMEDOUT
 *	@ctx was cancelled, before or during the call: see kc_ctx_err()
 *
 * With a @ctx that came from another process it can also fail as kc_ctx_done() does.
 */
int kc_sleep_ctx(kc_ctx *ctx, int64_t ns) KC_MUST_CHECK;

KC_DECLS_END

#endif /* KCHAN_CONTEXT_H */
