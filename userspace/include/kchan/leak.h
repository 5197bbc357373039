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
 * When all goroutines wait for each other nothing happens any more. Go's runtime ends
 * a program in that state. Here kc_detect_deadlock() asks for that.
 *
 * Both look at what other threads and processes can do, and say that nobody can wake
 * a goroutine only when that is certain. They do not know of signal handlers of the
 * program that wake goroutines.
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
 * Look every @every nanoseconds from now on whether all goroutines are asleep. 0 is
 * each second; the least is a millisecond. If they are, print that to standard error,
 * with what each goroutine waits for, as kc_dump() does, and abort:
 *
 *	fatal error: all goroutines are asleep - deadlock!
 *
 * It is reported only when it is certain, which takes all of this:
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
 * A further call changes the time. A forked child has to ask for itself.
 *
 * 0, or
 * -EINVAL	@every is negative
 * -EAGAIN	the system allows no more threads
 * -ENOMEM
 */
int kc_detect_deadlock(int64_t every);

KC_DECLS_END

#endif /* KCHAN_LEAK_H */
