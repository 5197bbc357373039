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
 * Send each of the @n signals at @signums that the process gets to @c, from now on.
 * The elements of @c are of type int: the number of the signal. If @n is 0 all
 * signals are sent that can be, but for SIGURG, which the library itself uses
 * (goroutine.h): name that one if you want it. @signums may be NULL then.
 *
 * Nobody waits for @c. A signal that it has no room for is dropped, so give it a
 * capacity. A signal that comes several times before it is seen is one, as ever.
 * Calls for the same @c add to each other. Signals that all threads block stay
 * pending.
 *
 * The process does not do on that signal what it did before, until nobody is told of
 * it any more. The library handles the signal, by sigaction(). When the program
 * changes that itself meanwhile, nobody is told until the next kc_notify() of that
 * signal, and what the program installed stays. A handler that it installs may call the
 * one that it replaced, which is the library's. Then channels are told by way of it. When
 * nobody is told any more, the library's handler calls the handler that was there before,
 * if there was one. After fork() the child does what the parent did before, and sends
 * nothing.
 *
 * 0, or
 * -EINVAL	a signal that cannot be caught, or is the mark of a fault (SIGSEGV,
 *	SIGBUS, SIGFPE, SIGILL, SIGTRAP, SIGSYS), or one of libc's own; @c is
 *	NULL, or has other elements
 * -EBADF	@c is for receiving only
 * -EAGAIN	there can be no thread: see go.h
 * -ENOMEM
 */
int kc_notify(kc_chan *c, const int *signums, size_t n) KC_MUST_CHECK;

/*
 * Tell @c of no more signals. When this returns nothing more is sent. What is queued
 * stays so. @c may be NULL.
 */
void kc_notify_stop(kc_chan *c);

/*
 * Nobody is told of the @n signals at @signums any more, neither by kc_notify() nor by
 * kc_notify_context(). The process does again on them what it did before; but a signal
 * that kc_dump_on_signal() was asked for goes on writing dumps. If @n is 0 that is so of
 * all signals, and @signums may be NULL. When this returns nothing more is sent. What is
 * queued stays so.
 *
 * 0, or
 * -EINVAL	a signal that kc_notify() does not take; nothing was changed
 */
int kc_signal_reset(const int *signums, size_t n);

/*
 * Whether the process ignores a signal: by SIG_IGN, which a program can be started with
 * (by nohup, for example). One whose default is to do nothing, as SIGCHLD, is not
 * ignored, and one that somebody is told of is not.
 *
 * 1 if it is ignored, 0 if not, or
 * -EINVAL	there is no such signal
 */
int kc_signal_ignored(int signum);

KC_DECLS_END

#endif /* KCHAN_SIGNAL_H */
