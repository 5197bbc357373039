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
 *	kc_cancel(ctx);			those that it was passed to, too
 *	kc_ctx_unref(ctx);
 *
 * Contexts form a tree. Each is made from a parent, and is cancelled when that is,
 * or by itself; this never goes upward. NULL is the background: the root, which is
 * never cancelled, has no deadline and no values. Everywhere a context may be NULL.
 *
 * A context that is cancelled stays so. It can be asked (kc_ctx_err()), be given to
 * calls that wait (kc_recv_ctx() and the like), be a case of a select
 * (kc_case_done()), and has a channel that is closed then (kc_ctx_done()), for
 * epoll and for other processes.
 *
 * References are counted: every call that makes a context takes its own to the
 * parent, so that they may be dropped in any order. To drop one cancels nothing.
 * While a call that was given a context is in progress the caller has to hold it.
 *
 * Cheap is: a context that can never be cancelled; a deadline, which becomes that
 * of the wait. A wait for contexts and times alone, such as kc_sleep_ctx(), needs no
 * channel: neither the device nor a descriptor. Together with descriptors it needs an
 * eventfd. A channel is made when somebody first has to wait for a context together with
 * a channel. A thread (that of time.h) is used for a deadline only by kc_ctx_done() and
 * kc_after_func().
 *
 * After fork() each process has its own contexts. In the child, those made before
 * are cancelled also when the parent cancels its own or ends, provided that they had
 * a channel before: that somebody in the parent had called kc_ctx_done(). What the
 * child cancels stays in the child. Deadlines hold in both. Ask again for
 * kc_ctx_done() in the child; what kc_after_func() had registered is the parent's.
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
 * The root, and what stands where it is not clear yet which one to use: it is the
 * same. They are always there, and need no reference.
 */
kc_ctx *kc_background(void);
kc_ctx *kc_todo(void);

/* Take one more reference; returns @ctx. Drop one. */
kc_ctx *kc_ctx_ref(kc_ctx *ctx);
void kc_ctx_unref(kc_ctx *ctx);

/*
 * Make a context from @parent; *@out is one reference. Made from one that is
 * cancelled it is so from the start. 0, or -ENOMEM.
 *
 * It is to be cancelled by kc_cancel(), or with a cause by kc_cancel_cause().
 */
int kc_with_cancel(kc_ctx **out, kc_ctx *parent) KC_MUST_CHECK;

/*
 * To be cancelled by kc_cancel(), and in any case at @deadline, in nanoseconds on
 * CLOCK_MONOTONIC, or in @timeout nanoseconds. An earlier one of the parent
 * holds. @cause, of which it takes its own reference, is what kc_ctx_cause() says
 * then, unless it is NULL.
 */
int kc_with_deadline(kc_ctx **out, kc_ctx *parent, int64_t deadline) KC_MUST_CHECK;
int kc_with_deadline_cause(kc_ctx **out, kc_ctx *parent, int64_t deadline,
			   kc_error *cause) KC_MUST_CHECK;
int kc_with_timeout(kc_ctx **out, kc_ctx *parent, int64_t timeout) KC_MUST_CHECK;
int kc_with_timeout_cause(kc_ctx **out, kc_ctx *parent, int64_t timeout,
			  kc_error *cause) KC_MUST_CHECK;

/*
 * With a value, found by the address @key: that of a static variable of whoever
 * defines the key. @destroy(@value) is called when the context is freed; it may be
 * NULL. (If this fails it is not called.) Not to be cancelled by itself. A @key that is
 * NULL is a panic.
 */
int kc_with_value(kc_ctx **out, kc_ctx *parent, const void *key, void *value,
		  void (*destroy)(void *value)) KC_MUST_CHECK;

/* With the values of @parent, but neither its cancellation nor its deadline. */
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

/* kc_cancel() and kc_ctx_unref(), as kc_defer() calls them: Go's defer cancel(). */
void kc_cancel_unref(void *ctx);

/*
 * 0, or how it was cancelled: -ECANCELED, or -ETIMEDOUT by its deadline. It is 0 for as
 * long as the channel of kc_ctx_done() is open, and not 0 once that is closed.
 */
int kc_ctx_err(kc_ctx *ctx);

/*
 * Why it was cancelled: what was given to kc_cancel_cause() or as the cause of a
 * deadline, here or further up; else an error with the code of kc_ctx_err(). NULL
 * if it is not cancelled. It is the context's own.
 */
kc_error *kc_ctx_cause(kc_ctx *ctx);

/* 1 and when, if there is a deadline, else 0. @deadline may be NULL. */
int kc_ctx_deadline(kc_ctx *ctx, int64_t *deadline);

/* The value of the nearest context, from @ctx up, that has the key; or NULL. */
void *kc_ctx_value(kc_ctx *ctx, const void *key);

/*
 * In *@out a channel that is closed when @ctx is cancelled: for receiving only, of
 * elements of size 0, and the context's own. NULL, a channel that is never ready, if
 * @ctx can never be cancelled. For a select there is kc_case_done().
 *
 * Its descriptor may be polled, and be given to another process, where
 * kc_ctx_from_fd() makes a context of it.
 *
 * 0, or what kc_make() returns, or -EAGAIN when there can be no thread: see go.h.
 */
int kc_ctx_done(kc_chan **out, kc_ctx *ctx) KC_MUST_CHECK;

/*
 * A case that is ready when @ctx is cancelled; its status is kc_ctx_err() then.
 * Never ready if it can never be. The caller holds @ctx while the case is used. A
 * select with it and with a channel or a descriptor may fail as kc_ctx_done() does,
 * which is the case's status too.
 */
kc_case kc_case_done(kc_ctx *ctx);

/*
 * A context that is cancelled (with -ECANCELED) when the one in another process
 * is, from whose kc_ctx_done() channel @fd comes, whatever the reason there; and
 * when that process ends, or nobody is left there who could cancel it. It is also
 * cancelled when @parent is, and by kc_cancel(), which the other process does not
 * see. Deadlines, values and causes are those of @parent: they do not cross.
 *
 * Any channel for receiving only will do: the context is cancelled once there is
 * something to be received, or end-of-stream. On success @fd belongs to the
 * context, and is made close-on-exec.
 *
 * 0, or
 * -EINVAL	@fd can also send: nobody's end would close such a channel
 * -EBADF	it is not open, or cannot receive
 * -ENOTTY	it is no channel
 * -ENOMEM
 */
int kc_ctx_from_fd(kc_ctx **out, kc_ctx *parent, int fd) KC_MUST_CHECK;

/*
 * A context that is cancelled (with -ECANCELED, and a cause that names it) by the
 * first of the @n signals at @signums, or by kc_cancel(). The signals go on being
 * caught, as by kc_notify(), until kc_cancel() or the last kc_ctx_unref(): after
 * kc_cancel() a second Ctrl-C ends the program. If @n is 0 it is all that kc_notify()
 * takes then.
 *
 * 0, or what kc_notify() returns.
 */
int kc_notify_context(kc_ctx **out, kc_ctx *parent, const int *signums,
		      size_t n) KC_MUST_CHECK;

/* A function to be run when a context is cancelled. */
typedef struct kc_ctx_func kc_ctx_func;

/*
 * Run @fn(@arg), in a goroutine of its own, when @ctx is cancelled; at once if it
 * is. Until it was started or stopped, that holds a reference to @ctx. @out may be
 * NULL if it is not to be stopped. Should there be no thread to be had when the
 * time has come, it is run as soon as there is one.
 *
 * 0, -ENOMEM, or -EAGAIN when there can be no thread: see go.h.
 */
int kc_after_func(kc_ctx_func **out, kc_ctx *ctx, void (*fn)(void *arg),
		  void *arg) KC_MUST_CHECK;

/*
 * 1 if this call has prevented the run; 0 if it has been started, or was stopped
 * before. It is not waited for.
 */
int kc_after_func_stop(kc_ctx_func *func);

/* To drop the last reference does not stop it. */
kc_ctx_func *kc_after_func_ref(kc_ctx_func *func);
void kc_after_func_unref(kc_ctx_func *func);

/*
 * The calls of chan.h, select.h, go.h that wait, but no longer than until @ctx is
 * cancelled: then they return -ECANCELED or -ETIMEDOUT, as kc_ctx_err() does, and
 * nothing has moved. If it is cancelled already they do nothing. Besides, those that
 * wait for a channel or a descriptor, or with a @ctx from another process, can fail as
 * kc_ctx_done() does (but not with -EAGAIN). So a result is a cancellation if it is
 * that of kc_ctx_err(), and no other one is.
 *
 * A select may have fewer cases on channels and descriptors than kc_select(), by
 * one if @ctx can be cancelled, and by one for each process that it came through.
 */
int kc_send_ctx(kc_ctx *ctx, kc_chan *c, const void *elem) KC_MUST_CHECK;
int kc_recv_ctx(kc_ctx *ctx, kc_chan *c, void *elem) KC_MUST_CHECK;
int kc_send_msg_ctx(kc_ctx *ctx, kc_chan *c, const void *msg,
		    size_t len) KC_MUST_CHECK;
ssize_t kc_recv_msg_ctx(kc_ctx *ctx, kc_chan *c, void *buf,
			size_t size) KC_MUST_CHECK;
int kc_select_ctx(kc_ctx *ctx, kc_case *cases, size_t n) KC_MUST_CHECK;

/* 0 when @ns nanoseconds have gone by. */
int kc_sleep_ctx(kc_ctx *ctx, int64_t ns) KC_MUST_CHECK;

KC_DECLS_END

#endif /* KCHAN_CONTEXT_H */
