// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * The race detector, ThreadSanitizer.
 *
 * How it is used. Compile the program with -fsanitize=thread, and link it with the
 * library as it is, static or shared: nothing else is needed, and it must not be
 * compiled with that itself. A race is reported on stderr, and the exit status is
 * that of TSAN_OPTIONS=exitcode=N, 66 if nothing is said. A program that forks with
 * goroutines running, and uses them in the child, wants die_after_fork=0 there.
 * Kernels that randomise more than 28 bits of an address (vm.mmap_rnd_bits) are too
 * much for older detectors: setarch -R helps.
 *
 * What it knows: the edges of Go's memory model.
 *
 *	the go statement	-> what the goroutine does
 *	a send, a close		-> the receive that gets it; see chan/races.c
 *	a receive		-> the send that it made room for
 *	an unlock, a release	-> the lock, the acquire that is let in
 *	done			-> the wait that it ends
 *	signal, broadcast	-> the wait that it ends
 *	the end of a once	-> each call that returns after it
 *	a cancel		-> whoever sees it: kc_ctx_err(), the channel, a case
 *	set, register		-> the timer's, the context's function, and its tick
 *	a wait			-> with the clock of kc_synctest(), such a function,
 *				   and the return of kc_synctest_wait()
 *	drop of a reference	-> what is done with the last one: destructors, free
 *	all of a goroutine	-> the return of kc_shutdown()
 *
 * and no other ones. That a goroutine has ended orders nothing. The library's own
 * locks (futex.h) are not seen. Elements are read and written as if the program did
 * so itself in the line that calls the library.
 *
 * Goroutines. With the detector each has a thread of its own: no thread of the pool
 * is used again. So it takes a new thread's stack, thread-local variables and errno
 * to be nobody else's, as they are, and two goroutines have nothing in common that
 * they have not made common. (Fibers on parked threads, which the detector also has,
 * would not do: the second goroutine on a stack would race with the first one over
 * each variable that is at the same place, and over errno; and pthread_exit() in a
 * fiber is fatal.) A thread that ends is joined by kc_shutdown() or by nobody: who
 * starts a goroutine would come after all that the thread did.
 *
 * What is not exact, and may hide a race, but never makes one up:
 *
 *	What several have released on one thing is known as one. Who gets a semaphore
 *	comes after all who had released it by then, not only after those who had to.
 *	The same goes for channels.
 *
 *	The keeper, which does what is due for timers, deadlines and signals, tells
 *	nothing: a tick comes after the call that set its timer, and after those that
 *	had set it before. What it starts comes after what was done before the keeper
 *	itself was, by who needed it first.
 *
 * What it cannot do:
 *
 *	More than some 8000 goroutines at a time: it has no room for more threads.
 *	And they are slow to start.
 *
 *	A handler of a signal is called late: when the goroutine that it came in is
 *	out of the library. A wait here ends for it only if it was installed without
 *	SA_RESTART.
 *
 *	Other processes, and who uses a channel's descriptor by itself. In the child
 *	of a process with several threads the detector gives up: nothing is found, it
 *	may call no handler, and may end the child when that starts a goroutine. In any
 *	child it has threads that are not told from the program's, so that no deadlock
 *	is reported there (leak.h).
 */
#include <stddef.h>
#include <string.h>

#include "race/race.h"

/* As the compiler declares those that it knows. */
extern void __tsan_ignore_thread_begin(void) __attribute__((weak));
extern void __tsan_ignore_thread_end(void) __attribute__((weak));
extern void __tsan_func_entry(void *at) __attribute__((weak));
extern void __tsan_func_exit(void *unused) __attribute__((weak));
extern unsigned char __tsan_atomic8_load(const volatile void *at, int order)
	__attribute__((weak));
extern void AnnotateThreadName(const char *file, int line, const char *name)
	__attribute__((weak));

/* This thread is a servant's. */
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

/* A servant is hidden for good. */
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
 * A signal handler is put off until the detector is called: which any atomic access
 * does that is compiled with it.
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
