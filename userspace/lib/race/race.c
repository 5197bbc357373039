// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * The race detector, ThreadSanitizer.
 *
 * How to use it. Compile the program with -fsanitize=thread. Link it with the library as
 * it is, static or shared. The library itself must not be compiled with that option. The
 * detector reports a race on stderr. The exit status is then that of
 * TSAN_OPTIONS=exitcode=N, by default 66. A program that forks while goroutines run, and
 * starts goroutines in the child, needs die_after_fork=0 there. Older detectors do not
 * support kernels that randomise more than 28 bits of an address (vm.mmap_rnd_bits):
 * setarch -R helps.
 *
 * What it knows: the edges of Go's memory model.
 *
 *	the go statement	-> what the goroutine does
 *	a send, a close		-> the receive that gets it; see chan/races.c
 *	a receive		-> the send that it made room for
 *	an unlock, a release	-> the lock, the acquire that then succeeds
 *	done			-> the wait that it ends
 *	signal, broadcast	-> the wait that it ends
 *	the end of a once	-> each call that returns after it
 *	a cancel		-> what sees it: kc_ctx_err(), the channel, a case
 *	set, register		-> the timer's or context's function, and the tick
 *	a wait			-> with the clock of kc_synctest(), such a function,
 *				   and the return of kc_synctest_wait()
 *	drop of a reference	-> what the last drop does: destructors, free
 *	all of a goroutine	-> the return of kc_shutdown()
 *
 * There are no other edges. The end of a goroutine alone orders nothing. The detector does
 * not see the library's own locks (base/futex.h). It is told of the reads and writes of
 * elements as if the program did them in the line that calls the library.
 *
 * Goroutines. With the detector each goroutine has a thread of its own: the pool does not
 * reuse a thread. So the detector takes a new thread's stack, thread-local variables and
 * errno as private to that goroutine, and two goroutines share only what the program shares
 * between them. (The detector's fibers on parked threads do not work for this. The second
 * goroutine on a stack would race with the first one over each variable at the same
 * address, and over errno. And pthread_exit() in a fiber is fatal.) Only kc_shutdown()
 * joins a thread that has ended. If the start of a goroutine joined it, the caller would be
 * ordered after all that the thread did.
 *
 * Three things are not exact. They may hide a race, but never report a false one:
 *
 *	The releases of several goroutines on one object are merged. A goroutine that
 *	acquires a semaphore is ordered after all releases so far, not only after those
 *	that it needed. The same holds for channels.
 *
 *	The keeper, which serves timers, deadlines and signals, releases and acquires
 *	nothing. A tick is ordered after the call that set its timer, and after earlier
 *	calls that set it. A goroutine that the keeper starts is ordered after what the
 *	first user of the keeper did before it started the keeper.
 *
 * What it cannot do:
 *
 *	It has no room for more than about 8000 goroutines at a time. They are slow to
 *	start.
 *
 *	It calls a signal handler late: when the goroutine that it interrupted has left
 *	the library. The signal ends a wait in the library only if the handler was
 *	installed without SA_RESTART.
 *
 *	It does not see other processes, nor direct use of a channel's descriptor. In the
 *	child of a process with several threads the detector gives up: it finds nothing,
 *	may call no handler, and may end the child when the child starts a goroutine. In
 *	any child it has threads that cannot be told from the program's. So no deadlock is
 *	reported there (kchan/leak.h).
 */
#include <stddef.h>
#include <string.h>

#include "race/race.h"

/* The declarations must be those that the compiler has built in. */
extern void __tsan_ignore_thread_begin(void) __attribute__((weak));
extern void __tsan_ignore_thread_end(void) __attribute__((weak));
extern void __tsan_func_entry(void *at) __attribute__((weak));
extern void __tsan_func_exit(void *unused) __attribute__((weak));
extern unsigned char __tsan_atomic8_load(const volatile void *at, int order)
	__attribute__((weak));
extern void AnnotateThreadName(const char *file, int line, const char *name)
	__attribute__((weak));

/* True in a thread that has called kc_race_serve(). */
static _Thread_local bool serves __attribute__((tls_model("initial-exec")));

void kc_race_do_acquire(const void *addr)
{
	if (!serves)
		__tsan_acquire((void *)addr);
}

void kc_race_do_release(const void *addr)
{
	if (!serves)
		__tsan_release((void *)addr);
}

/* A serving thread is hidden for ever. */
void kc_race_do_hide(bool hide)
{
	if (serves || !__tsan_ignore_thread_begin)
		return;
	if (hide)
		__tsan_ignore_thread_begin();
	else
		__tsan_ignore_thread_end();
}

void kc_race_serve(void)
{
	if (!kc_race_on())
		return;
	kc_race_do_hide(true);
	serves = true;
}

/*
 * The detector delays a signal handler until the program calls the detector. Any atomic
 * access of instrumented code does that.
 */
void kc_race_run_handlers(void)
{
	static const volatile unsigned char any;

	if (__tsan_atomic8_load)
		__tsan_atomic8_load(&any, __ATOMIC_RELAXED);
}

void kc_race_name(uint64_t id, const char *name)
{
	char text[32] = "goroutine ", digits[20], *at = digits + sizeof(digits);

	if (!kc_race_on() || !AnnotateThreadName)
		return;
	if (!name[0]) {
		do {
			*--at = '0' + id % 10;
			id /= 10;
		} while (id);
		memcpy(text + strlen(text), at, digits + sizeof(digits) - at);
		name = text;
	}
	AnnotateThreadName(__FILE__, __LINE__, name);
}

void kc_race_enter(uintptr_t at)
{
	if (kc_race_on() && __tsan_func_entry)
		__tsan_func_entry((void *)at);
}

void kc_race_leave(void)
{
	if (kc_race_on() && __tsan_func_exit)
		__tsan_func_exit(NULL);
}
