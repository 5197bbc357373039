/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * libkchan: Go's channels and the rest of its concurrency model, for C. This is the
 * header to include.
 *
 * The library needs Linux and the GNU C library (glibc). It does not work with musl.
 *
 * The rules that hold for every call:
 *
 * - A call returns 0 or a positive result, or a negative errno. The value of errno itself
 *   after a call has no meaning.
 * - A call never prints, and never ends the program. Its messages go to a logger
 *   (log.h). The exceptions are a panic that nobody recovers (panic.h) and other fatal
 *   errors. Misuse that panics in Go panics here, too. The page of each call tells
 *   when.
 * - A call never returns -EINTR. It continues after a signal handler has run, keeps its
 *   deadline, and queues again at the tail.
 * - No call is a thread-cancellation point.
 * - A signal handler may call kc_try_send(), kc_try_send_n(), kc_try_send_msg(), kc_fd()
 *   and kc_strerror(), and no other call: others take locks and memory. It should save
 *   errno. Something else must hold the channel's handle meanwhile. With the race
 *   detector it may call none of them. fork() takes the library's locks: a handler may
 *   call it only if it has interrupted no call, or one that waits. kc_notify() gets
 *   signals without a handler.
 * - A handle is opaque and counts its references. A call in progress holds one. A structure
 *   that you declare yourself is valid when zero.
 * - Options are structures that carry their size, and may grow at their end. A program
 *   works with a newer library: fields that its structure does not have are zero. A
 *   size of 0 means the form that was published first, so a structure that is zero is
 *   valid. With an older library, the fields that the library does not know must be
 *   zero, else the call returns -E2BIG.
 * - Times are in nanoseconds, on CLOCK_MONOTONIC. There are constants for the larger units,
 *   as in Go: 5 * KC_MILLISECOND.
 * - Tests have a library of their own, libkchan-test. Its headers are not included by
 *   this one: testing.h, synctest.h, jitter.h.
 */
#ifndef KCHAN_KCHAN_H
#define KCHAN_KCHAN_H

#include <kchan/chan.h>
#include <kchan/chan_define.h>
#include <kchan/cond.h>
#include <kchan/context.h>
#include <kchan/errgroup.h>
#include <kchan/error.h>
#include <kchan/go.h>
#include <kchan/goroutine.h>
#include <kchan/leak.h>
#include <kchan/lease.h>
#include <kchan/log.h>
#include <kchan/mutex.h>
#include <kchan/name.h>
#include <kchan/once.h>
#include <kchan/panic.h>
#include <kchan/pattern.h>
#include <kchan/process.h>
#include <kchan/rwmutex.h>
#include <kchan/select.h>
#include <kchan/sem.h>
#include <kchan/signal.h>
#include <kchan/singleflight.h>
#include <kchan/supervisor.h>
#include <kchan/time.h>
#include <kchan/version.h>
#include <kchan/waitgroup.h>
#include <kchan/workpool.h>

#endif /* KCHAN_KCHAN_H */
