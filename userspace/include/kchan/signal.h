/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Signals as elements of a channel: Go's os/signal.
 */
#ifndef KCHAN_SIGNAL_H
#define KCHAN_SIGNAL_H

#include <stddef.h>

#include <kchan/cdefs.h>
#include <kchan/chan.h>

KC_DECLS_BEGIN

/*
 * From now on, send each of the @n signals at @signums to @c when the process gets it.
 * The elements of @c are of type int: the number of the signal. If @n is 0, all
 * possible signals are sent except SIGURG, which the library itself uses (goroutine.h):
 * list SIGURG if you want it. @signums may then be NULL.
 *
 * The library does not wait for room in @c. If @c is full, the signal is dropped, so
 * give @c a capacity. As always with signals, one that comes several times before it is
 * handled counts once. Calls for the same @c add to each other. Signals that all
 * threads block stay pending.
 *
 * The library installs a handler for the signal, by sigaction(). This replaces the
 * previous action until no channel and no context receives the signal any more. If the
 * program installs another action meanwhile, that action stays, and channels do not
 * receive the signal until the next kc_notify() for it. But a handler of the program
 * may call the handler that it replaced, which is the library's. Then channels receive
 * the signal. When none receives it any more, the library's handler calls the handler
 * that was installed before it, if there was one. After fork(), the child has the
 * action from before kc_notify(), and sends nothing.
 *
 * 0, or
 * -EINVAL	a signal that cannot be caught, that reports a fault (SIGSEGV, SIGBUS,
 *	SIGFPE, SIGILL, SIGTRAP, SIGSYS), or that libc reserves; @c is NULL, or its
 *	elements are no int
 * -EBADF	@c is for receiving only
 * -EAGAIN	no thread can be created: see go.h
 * -ENOMEM
 */
int kc_notify(kc_chan *c, const int *signums, size_t n) KC_MUST_CHECK;

/*
 * Send no more signals to @c. When this returns, nothing more is sent. Signals that are
 * queued stay in @c. @c may be NULL.
 */
void kc_notify_stop(kc_chan *c);

/*
 * End kc_notify() and kc_notify_context() for the @n signals at @signums. This restores
 * the previous action of each signal, except that a signal of kc_dump_on_signal() still
 * writes dumps. If @n is 0, this is done for all signals, and @signums may be NULL.
 * When this returns, nothing more is sent. Signals that are queued stay in their
 * channels.
 *
 * 0, or
 * -EINVAL	a signal that kc_notify() does not take; nothing was changed
 */
int kc_signal_reset(const int *signums, size_t n);

/*
 * Whether the process ignores a signal by SIG_IGN. A program may be started like that,
 * for example by nohup. A signal whose default action is to do nothing, such as
 * SIGCHLD, is not ignored. A signal that kc_notify() sends is not ignored.
 *
 * 1 if the signal is ignored, 0 if not, or
 * -EINVAL	there is no such signal
 */
int kc_signal_ignored(int signum);

KC_DECLS_END

#endif /* KCHAN_SIGNAL_H */
