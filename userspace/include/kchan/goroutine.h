/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Looking at what the goroutines of this process do.
 *
 * A goroutine that waits in a call of the library has recorded where it waits, for
 * what, and since when. Looking at it neither stops nor signals it. If it is woken
 * meanwhile, it continues a moment later.
 *
 * To get the backtrace of a goroutine that runs, or waits in another call, the library
 * sends the signal SIGURG to its thread. The thread has 100 milliseconds to answer, and
 * all threads together have a second. Without an answer there is no backtrace. The
 * signal may make system calls return EINTR: those that signal(7) lists as never
 * restarted. A program that has a handler for SIGURG keeps it, if the handler was there
 * before the first goroutine is asked.
 *
 * Backtraces have names and lines where the program has debug information. Backtraces
 * of waiting goroutines exist on x86-64 and on arm64 only.
 *
 * You can look into a program without rebuilding it. The environment variable
 * KCHANDEBUG may have these words, separated by commas. They are read when the program
 * first uses the library, unless it has privileges of its own (secure_getenv(3)):
 *
 *	dump		kc_dump_on_signal(SIGQUIT, KC_DUMP_EXIT)
 *	deadlock	kc_detect_deadlock(), ten times a second
 *	leaks		kc_leak_check() at exit(), for a second
 *
 * A static program has those words whose functions it is linked with. To have all
 * three, give these options to the linker:
 *
 *	-u kc_dump_on_signal -u kc_detect_deadlock -u kc_leak_check
 *
 * A signal handler that interrupts a call of this library must return. If it leaves the
 * call by siglongjmp(), the records of this goroutine are wrong from then on.
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
	KC_STATE_RECV_NIL,	/* on a NULL channel: for ever, or until a deadline */
	KC_STATE_SEND_NIL,
	KC_STATE_SELECT,
	KC_STATE_SELECT_NIL,	/* without a case that can become ready */
	KC_STATE_SLEEP,
	KC_STATE_MUTEX,
	KC_STATE_RWMUTEX_READ,
	KC_STATE_RWMUTEX_WRITE,
	KC_STATE_COND,
	KC_STATE_WAITGROUP,
	KC_STATE_SEM,
	KC_STATE_ONCE,
	KC_STATE_SHUTDOWN,
	KC_STATE_TEST		/* waits for the end of a test */
} kc_state;

/* kc_goroutine.flags: the wait has a time limit. */
#define KC_GOROUTINE_TIMED	((uint32_t)1 << 0)

/* The goroutine also waits for descriptors that are no channels. */
#define KC_GOROUTINE_FOREIGN	((uint32_t)1 << 1)

/* The goroutine is the caller. */
#define KC_GOROUTINE_SELF	((uint32_t)1 << 2)

/* A thread that the library did not start, such as main's. */
#define KC_GOROUTINE_THREAD	((uint32_t)1 << 3)

/*
 * A goroutine. It is valid until the function that gets it returns. A value that is not
 * known is 0, or an empty name.
 */
typedef struct kc_goroutine {
	uint32_t size;		/* of this structure, which may grow at its end */
	uint32_t flags;		/* KC_GOROUTINE_* */
	uint64_t id;		/* as kc_goid() */
	const char *name;
	kc_state state;
	pid_t tid;
	int64_t since;		/* ns on CLOCK_MONOTONIC, to some milliseconds */
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
 * The number of goroutines, as kc_goroutines() shows them. These are the goroutines
 * that kc_go() has started and that have not ended, and the program's own threads that
 * have called the library, such as main's. The caller counts, too.
 *
 * Returns the number, at least 1. The number may change at any time.
 */
int kc_num_goroutine(void);

/*
 * The name of a state: "chan receive", "select", "mutex lock".
 *
 * Returns the text, which is constant; "?" for an unknown state.
 */
const char *kc_state_name(kc_state state);

/*
 * Call @each(@arg, goroutine) for each goroutine that exists now, that of the oldest
 * thread first, until @each returns a value other than 0. All goroutines are recorded
 * before the first call of @each, and none is held during these calls. So @each may do
 * anything: wait, start goroutines, call this, panic or call kc_goexit(). What @g
 * points to is valid until @each returns. The object "on" may not exist any more.
 *
 * 0, or what @each returned, or
 * -ENOMEM
 */
int kc_goroutines(int (*each)(void *arg, const kc_goroutine *g), void *arg);

/*
 * Write to the descriptor @fd what each goroutine does, in Go's form. The calling
 * goroutine comes first.
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
 * Where the calling goroutine is, as text, in the form of kc_dump(): Go's
 * debug.Stack(). It begins with the function that calls this, and has no newline at its
 * end.
 *
 * Returns the text, which the caller frees with free(). NULL if there is no memory.
 */
char *kc_stack_text(void) KC_MUST_CHECK;

/* kc_dump_on_signal(): after the dump, the signal ends the program. */
#define KC_DUMP_EXIT	((uint32_t)1 << 0)

/*
 * From now on, write a kc_dump() to standard error when @signal comes, as Go programs
 * do for SIGQUIT. A thread of the library does it, so it works also when all goroutines
 * are blocked. The dump replaces the signal's previous action. But channels and
 * contexts that receive the signal (signal.h) still receive it. @flags is 0 or
 * KC_DUMP_EXIT.
 *
 * A child of fork() does not write dumps: call this again there.
 *
 * 0, or
 * -EINVAL	no such signal, or one that cannot be caught; or an unknown flag
 * -EAGAIN	the system allows no more threads
 * -ENOMEM
 */
int kc_dump_on_signal(int signal, uint32_t flags);

KC_DECLS_END

#endif /* KCHAN_GOROUTINE_H */
