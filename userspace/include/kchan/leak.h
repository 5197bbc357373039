/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Goroutines that never end, and goroutines that all wait for each other.
 *
 * A goroutine that waits for what never comes is memory that is never free, and often
 * a mistake elsewhere: a channel that is not closed, a context that is not cancelled.
 * To see that at the end of a test, or of a program:
 *
 *	kc_set_logger(NULL, NULL);
 *	failed |= kc_leak_check(KC_SECOND) != 0;
 *
 * When all goroutines wait for each other, nothing happens any more. Go's runtime
 * ends a program that has come to that; here it is done where it is asked for, by
 * kc_detect_deadlock().
 *
 * Whether somebody can still be woken takes into account what other threads and
 * processes can do: see kc_detect_deadlock(). It is not said that nobody can wake a
 * goroutine unless that is certain; but signal handlers of the program that do such
 * things by themselves are not known of.
 */
#ifndef KCHAN_LEAK_H
#define KCHAN_LEAK_H

#include <stdint.h>

#include <kchan/cdefs.h>

KC_DECLS_BEGIN

/*
 * Look whether any goroutine is left but this one. Threads that the library did not
 * start do not count. Goroutines that are about to end are given @timeout
 * nanoseconds, or less if all that are left wait for each other for ever. For each
 * that is left the logger (see log.h) is given what it does, as kc_dump() has it:
 * where it waits, where it was started, and whether nobody can wake it, unless this
 * goroutine does.
 *
 * They are counted at one instant, when the time is over. Goroutines that each start
 * the next one and end are never counted as none, though what they do may go by too
 * fast to be told.
 *
 * How many there are, 0 for none, or
 * -ENOMEM
 */
int kc_leak_check(int64_t timeout);

/*
 * From now on look every @every nanoseconds (0: each second; at least every
 * millisecond) whether all goroutines are asleep. If so print that, and what each
 * waits for, to standard error, as kc_dump() does, and abort:
 *
 *	fatal error: all goroutines are asleep - deadlock!
 *
 * That is done if each thread of the process is one that has used the library or is the
 * library's own; each waits in a call of the library, with no limit of time, and for
 * no descriptor but channels; no timer, signal (signal.h) or context of another
 * process is waited for; nobody waits for all others to wait (synctest.h: there a
 * deadlock is told all the same); and each end of the channels that are waited for is
 * held by this process alone, by one descriptor. So there is no report, though there is a
 * deadlock, while another process has such an end too, or a socket's queue;
 * while an end has a second descriptor; while an armed select has such a channel;
 * while /proc cannot be read, or does not tell how many references an end has;
 * while the process has an instance of io_uring, whose requests may do anything later;
 * while some thread of the program has never used the library, or runs, for which
 * those of the race detector are taken in a forked child; and, as with anything that
 * has more than one thread, when some go on while others are stuck.
 *
 * Called again it changes the time. A forked child has to ask for itself.
 *
 * 0, or
 * -EINVAL	@every is negative
 * -EAGAIN	the system allows no more threads
 * -ENOMEM
 */
int kc_detect_deadlock(int64_t every);

KC_DECLS_END

#endif /* KCHAN_LEAK_H */
