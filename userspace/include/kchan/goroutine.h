/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Seeing what the goroutines of this process do.
 *
 * A goroutine that waits in a call of the library has noted down where it waits, on
 * what, and since when. To look at it stops nobody and signals nobody. If it is woken
 * meanwhile it goes on a moment later.
 *
 * A goroutine that runs, or waits in a call that is not the library's, is asked by
 * the signal SIGURG when its backtrace is wanted. It has 100 milliseconds to answer,
 * and all of them together have a second; else there is no backtrace of it. The
 * signal may make calls of others return EINTR: those that signal(7) lists as never
 * restarted. A program that has a handler for SIGURG keeps it, if the handler was
 * there before the first goroutine is asked.
 *
 * Backtraces have names and lines where the program has debug information. Backtraces
 * of goroutines that wait are there on x86-64 only.
 *
 * A program need not be built anew to be looked into. The environment variable
 * KCHANDEBUG may have these words, with commas between them. They are read when the
 * program first uses the library, unless it has privileges of its own
 * (secure_getenv(3)):
 *
 *	dump		kc_dump_on_signal(SIGQUIT, KC_DUMP_EXIT)
 *	deadlock	kc_detect_deadlock(), ten times a second
 *	leaks		kc_leak_check() at exit(), for a second
 *
 * A static program has those words whose functions it is linked with. To have all
 * three give the linker these options:
 *
 *	-u kc_dump_on_signal -u kc_detect_deadlock -u kc_leak_check
 *
 * A signal handler that interrupts a call of this library must return. If it leaves
 * the call by siglongjmp(), what is noted down here is wrong from then on.
 */
#ifndef KCHAN_GOROUTINE_H
#define KCHAN_GOROUTINE_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include <kchan/cdefs.h>

KC_DECLS_BEGIN

/* What a goroutine does: kc_goroutine.state. */
typedef enum kc_state {
	KC_STATE_RUNNING,	/* or waits in a call that is not the library's */
	KC_STATE_RECV,
	KC_STATE_SEND,
	KC_STATE_RECV_NIL,	/* of no channel: for ever, or to a deadline */
	KC_STATE_SEND_NIL,
	KC_STATE_SELECT,
	KC_STATE_SELECT_NIL,	/* of no case that can be ready */
	KC_STATE_SLEEP,
	KC_STATE_MUTEX,
	KC_STATE_RWMUTEX_READ,
	KC_STATE_RWMUTEX_WRITE,
	KC_STATE_COND,
	KC_STATE_WAITGROUP,
	KC_STATE_SEM,
	KC_STATE_ONCE,
	KC_STATE_SHUTDOWN,
	KC_STATE_TEST		/* for the end of one */
} kc_state;

/* kc_goroutine.flags: it waits no longer than until some time. */
#define KC_GOROUTINE_TIMED	((uint32_t)1 << 0)

/* It also waits for descriptors that are no channels. */
#define KC_GOROUTINE_FOREIGN	((uint32_t)1 << 1)

/* It is the one that asks. */
#define KC_GOROUTINE_SELF	((uint32_t)1 << 2)

/* A thread that the library did not start: main, and those of others. */
#define KC_GOROUTINE_THREAD	((uint32_t)1 << 3)

/*
 * One goroutine, for as long as the function that is given it runs. What is not known
 * is 0, or an empty name.
 */
typedef struct kc_goroutine {
	uint32_t size;		/* of this: it may grow at its end */
	uint32_t flags;		/* KC_GOROUTINE_* */
	uint64_t id;		/* as kc_goid() */
	const char *name;
	kc_state state;
	pid_t tid;
	int64_t since;		/* ns on CLOCK_MONOTONIC; to some milliseconds */
	const void *on;		/* kc_chan, kc_mutex, ...; not of a select */
	int fd;			/* of a single channel, or -1 */
	uint32_t nr_pcs;
	uint64_t channel;	/* a single channel's id, as in its fdinfo */
	uint64_t parent;	/* the goroutine that started it */
	uintptr_t started_at;	/* where that call returns to */
	void (*fn)(void *arg);
	void *arg;
	const uintptr_t *pcs;	/* return addresses, the innermost first */
} kc_goroutine;

/*
 * How many goroutines there are: those that kc_goroutines() shows. They are what
 * kc_go() started and has not ended, and the threads of others, main() among them,
 * that have called the library. The caller counts.
 *
 * Returns the number, at least 1. By the time that you look at it it may be another.
 */
int kc_num_goroutine(void);

/*
 * What to call a state: "chan receive", "select", "mutex lock".
 *
 * Returns the text, which is constant; "?" for an unknown state.
 */
const char *kc_state_name(kc_state state);

/*
 * Call @each(@arg, goroutine) for each one that there is now, the oldest thread's
 * first, until it returns something else than 0. What each of them does is noted down
 * first, and told when all have been looked at: by then they have gone on. So @each may
 * do what it likes: wait, start goroutines, call this, panic or call kc_goexit(). What
 * @g points to is its own until it returns; "on" may not be there any more.
 *
 * 0, or what @each returned, or
 * -ENOMEM
 */
int kc_goroutines(int (*each)(void *arg, const kc_goroutine *g), void *arg);

/*
 * Write to the descriptor @fd what each goroutine does, in the form that Go has: the
 * one that calls this first.
 *
 *	goroutine 7 "name" [chan receive on channel 12 (fd 5), 2.5 s]:
 *	kc_recv
 *		/the/file.c:12 +0x1f
 *	worker
 *		/the/file.c:34 +0x2a
 *	created by main in goroutine 1
 *		/the/file.c:56 +0x11
 *
 * 0, or
 * -ENOMEM
 * -EBADF	@fd is no open descriptor
 */
int kc_dump(int fd);

/*
 * Where this goroutine is, as text, in the form that kc_dump() has: Go's
 * debug.Stack(). It begins with the function that calls this, and has no newline at
 * its end.
 *
 * Returns the text, to be given to free(), or NULL when there is no memory.
 */
char *kc_stack_text(void) KC_MUST_CHECK;

/* kc_dump_on_signal(): then the program dies of the signal. */
#define KC_DUMP_EXIT	((uint32_t)1 << 0)

/*
 * From now on do kc_dump() to standard error when @signal comes, SIGQUIT for example,
 * as Go programs do. A thread of the library's own does it, so that it works also when
 * all goroutines are blocked. What was done at the signal before is not done any more;
 * but who is told of it (signal.h) is told as well, whoever of the two came first.
 * @flags is 0 or KC_DUMP_EXIT.
 *
 * A forked child is as it was before the first such call: it has to ask for itself.
 *
 * 0, or
 * -EINVAL	no such signal, or one that cannot be caught; or an unknown flag
 * -EAGAIN	the system allows no more threads
 * -ENOMEM
 */
int kc_dump_on_signal(int signal, uint32_t flags);

KC_DECLS_END

#endif /* KCHAN_GOROUTINE_H */
