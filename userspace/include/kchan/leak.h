/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Goroutines that never end, and goroutines that all wait for each other.
 *
 * A goroutine that waits for something that never happens keeps its memory for ever.
 * Often it shows a mistake elsewhere: a channel that is not closed, or a context that
 * is not cancelled. To check this at the end of a test, or of a program:
 *
 *	kc_set_logger(NULL, NULL);
 *	failed |= kc_leak_check(KC_SECOND) != 0;
 *
 * When all goroutines wait for each other, nothing happens any more. Go's runtime ends
 * a program in that state. Call kc_detect_deadlock() for this.
 *
 * Both calls check what other threads and processes can do. They report that nobody can
 * wake a goroutine only if that is certain. But they do not know of the program's
 * signal handlers, which may wake goroutines.
 */
#ifndef KCHAN_LEAK_H
#define KCHAN_LEAK_H

#include <stdint.h>

#include <kchan/cdefs.h>

KC_DECLS_BEGIN

/*
 * Check whether there are other goroutines. Threads that the library did not start do
 * not count. Goroutines have @timeout nanoseconds to end. The call waits less if all
 * that are left wait for each other for ever. For each goroutine that is left, the
 * logger (see log.h) gets what it does, in the form of kc_dump(): where it waits, where
 * it was started, and whether nobody except the caller can wake it.
 *
 * Goroutines are counted at one instant, when the time has passed. So a chain of
 * goroutines in which each starts the next one and ends always counts, even if it is
 * too fast to be shown.
 *
 * The number of goroutines that are left, or
 * -ENOMEM
 */
int kc_leak_check(int64_t timeout);

/*
 * From now on, check every @every nanoseconds whether all goroutines are asleep. 0
 * means each second. The minimum is a millisecond. If all are asleep, print this and a
 * kc_dump() to standard error, and abort:
 *
 *	fatal error: all goroutines are asleep - deadlock!
 *
 * A deadlock is reported only if it is certain. All of this must be true:
 *
 * - each thread of the process is one that has used the library, or is the library's own;
 * - each waits in a call of the library, with no limit of time, and for no descriptor but
 *   channels;
 * - nobody waits for a timer, a signal (signal.h) or a context of another process;
 * - nobody waits for all others to wait (synctest.h, which reports a deadlock itself);
 * - each end of the channels that are waited for is held by this process alone, by one
 *   descriptor.
 *
 * So a deadlock is not reported while another process, or the queue of a socket, has
 * such an end; while an end has a second descriptor; while an armed select has such a
 * channel; while /proc cannot be read, or does not tell how many references an end
 * has; while the process has an instance of io_uring, whose requests may do anything
 * later; while a thread of the program has never used the library, or runs (in a
 * forked child, those of the race detector count as such); or while some goroutines
 * go on and others are stuck.
 *
 * A further call changes the period. In a child of fork(), call this again.
 *
 * 0, or
 * -EINVAL	@every is negative
 * -EAGAIN	the system allows no more threads
 * -ENOMEM
 */
int kc_detect_deadlock(int64_t every);

KC_DECLS_END

#endif /* KCHAN_LEAK_H */
