/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Goroutines: threads with small stacks, from a pool of parked ones.
 *
 * A goroutine whose function has returned leaves its thread to the next one. So to
 * start a goroutine again costs a wake-up, and no new thread. In between, the library
 * restores what a goroutine may have changed of its thread: name, signal mask, locale
 * (uselocale()), and the alternate signal stack. A thread whose scheduling was
 * changed (policy, priority, nice value, CPUs) is not used again. Everything else
 * stays as it is: thread-local variables, pthread_setspecific(), namespaces,
 * credentials set by raw system calls. Start a goroutine that changes those, or
 * expects them in their first state, with KC_GO_FRESH. A Go program calls
 * runtime.LockOSThread() for that, without unlocking.
 *
 * A goroutine starts with the signal mask of the goroutine that started it, as
 * threads do. It has the scheduling that the first thread of the process had when its
 * thread was made; a fresh one has that of the goroutine that started it. Parked
 * threads block all signals. A few parked threads are kept for good; the others end
 * after some seconds.
 *
 * How many there can be depends on the system. Each goroutine is a thread. One that
 * is blocked costs a stack, of which only what was touched is memory: about 40 KiB in
 * all, the kernel's part included. At any of these limits kc_go() returns -EAGAIN:
 *
 *	RLIMIT_NPROC		all threads of a user together (not for root)
 *	pids.max of the cgroup	TasksMax= of a systemd unit
 *	kernel.threads-max, kernel.pid_max
 *	vm.max_map_count	two for each goroutine: 65530 do for 32,000
 *	RLIMIT_AS		stacks count whole, and so do the guards below them
 *				(see kc_go()): about 1.2 MiB each
 *	vm.overcommit_memory = 2
 *				stacks count whole, guards do not: about 200 KiB each
 *
 * Apart from that, each channel that they use is a file (RLIMIT_NOFILE).
 *
 * After fork() the child has one thread, as always. That thread stays the goroutine
 * that it was. The other goroutines are gone, and kc_go() works. When the function of
 * a goroutine that forked returns in the child, the child ends once its other
 * goroutines have.
 */
#ifndef KCHAN_GO_H
#define KCHAN_GO_H

#include <stddef.h>
#include <stdint.h>

#include <kchan/cdefs.h>

KC_DECLS_BEGIN

/*
 * Run @fn(@arg) in a goroutine of its own. Nobody joins it: to know when it has
 * ended use a channel, or a kc_waitgroup. Its stack has room for 64 KiB, beside
 * thread-local data. Below it is a guard of 1 MiB (64 KiB where pointers have 32 bits),
 * so that an overflow is told, unless by a single frame that is larger: large arrays
 * belong on the heap.
 *
 * As in Go, the program ends when main() returns, whatever goroutines are left. A @fn
 * that is NULL is a panic here, as it is for all that start a goroutine.
 *
 * 0, or
 * -EAGAIN	the system allows no more threads or mappings: see above
 * -ENOMEM
 */
int kc_go(void (*fn)(void *arg), void *arg) KC_MUST_CHECK;

/*
 * As kc_go(), but @fn is given the address of a copy of the @size bytes at @arg. The
 * copy is made before this returns: a loop's variable can be passed so. It is aligned
 * for any type, and goes away when the goroutine ends. If @size is 0 nothing is
 * copied, and @fn is given an address that it must not read from.
 *
 * What kc_go() returns.
 */
int kc_go_copy(void (*fn)(void *arg), const void *arg, size_t size) KC_MUST_CHECK;

/*
 * kc_go_options.flags: a panic that nobody recovers ends this goroutine alone, and
 * is logged (see log.h), instead of ending the program.
 */
#define KC_GO_SAFE	((uint32_t)1 << 0)

/* A thread made for this goroutine, which ends with it. */
#define KC_GO_FRESH	((uint32_t)1 << 1)

/*
 * Options of a goroutine. Start with KC_GO_OPTIONS_INIT, which fills in the size
 * that the structure had when the program was compiled. It may grow at its end.
 */
typedef struct kc_go_options {
	uint32_t size;		/* sizeof(struct kc_go_options) */
	uint32_t flags;		/* KC_GO_* */
	const char *name;	/* as for kc_set_goname(); it is copied */
	size_t stack_size;	/* room on its stack; 0, or less than 64 KiB: 64 KiB */
	size_t copy_size;	/* if not 0: copy so many bytes, as kc_go_copy() */
} kc_go_options;

#define KC_GO_OPTIONS_INIT	{ sizeof(struct kc_go_options), 0, NULL, 0, 0 }

/*
 * As kc_go(), with options. Besides its errors:
 *
 * -EINVAL	an unknown flag, or a size that cannot be one
 *		(or a stack size beyond all bounds)
 * -E2BIG	options that this library does not know are not zero
 */
int kc_go_opts(void (*fn)(void *arg), void *arg, const kc_go_options *options)
	KC_MUST_CHECK;

/*
 * End this goroutine, now: its deferred calls run, of all scopes and through
 * every kc_protect(), and then it ends. Nothing recovers it.
 *
 * In main() the deferred calls run, and the program goes on without main() until
 * its other threads have ended. Those that the library has for itself do not count;
 * then the program exits, with status 0. (So it does when main() is left by
 * pthread_exit(); the first thread cannot be joined, then.) Where there is no /proc,
 * threads that the library did not start count only if they have called it. Any other
 * thread ends as by pthread_exit().
 */
KC_NORETURN void kc_goexit(void);

/* Let other goroutines run: Go's runtime.Gosched(). */
void kc_gosched(void);

/* Sleep for @ns nanoseconds; not at all if that is 0 or less. */
void kc_sleep(int64_t ns);

/*
 * This goroutine's number. No other goroutine of the process ever has the same one. A
 * thread that the library did not start has a number too, from its first call on.
 *
 * Returns the number; 1 is main's.
 */
uint64_t kc_goid(void);

/*
 * Get and set this goroutine's name. Names are cut to 31 bytes. ps -T and gdb show
 * the first 15. In main() the name is known to the library alone, since what the
 * kernel calls the first thread is the name of the process.
 *
 * Returns the name, "" if there is none. It is the goroutine's own.
 */
const char *kc_goname(void);
void kc_set_goname(const char *name);

/*
 * Wait until all goroutines have ended, and all threads of the pool with them. After
 * that no thread of the library is left but these, if they were needed: the one that
 * serves timers and signals (time.h, signal.h), those of kc_detect_deadlock() and of
 * kc_dump_on_signal(), and the one that waits for the end of the process where main()
 * was left by pthread_exit(). Goroutines may start others meanwhile, which are waited
 * for too. Afterwards kc_go() works as before.
 *
 * 0, or
 * -EDEADLK	called in a goroutine, which would wait for itself
 */
int kc_shutdown(void);

KC_DECLS_END

#endif /* KCHAN_GO_H */
