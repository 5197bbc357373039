/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Goroutines: threads with small stacks, from a pool of parked ones.
 *
 * When a goroutine's function returns, its thread is parked, and used for another
 * goroutine later. So the start of a goroutine often costs a wake-up, and no new
 * thread. In between, the library restores what a goroutine may have changed in its
 * thread: name, signal mask, locale (uselocale()), and the alternate signal stack. A
 * thread whose scheduling was changed (policy, priority, nice value, CPUs) is not used
 * again. Everything else keeps its state: thread-local variables,
 * pthread_setspecific(), namespaces, credentials set by raw system calls. If a
 * goroutine changes those, or expects them in their first state, start it with
 * KC_GO_FRESH. A Go program calls runtime.LockOSThread() for this, without unlocking.
 *
 * A goroutine starts with the signal mask of the goroutine that started it, as threads
 * do. It has the scheduling that the first thread of the process had when its thread
 * was made; a fresh one has that of the goroutine that started it. Parked threads block
 * all signals. A few parked threads are kept for ever. The others end after some
 * seconds.
 *
 * The system limits the number of goroutines. Each goroutine is a thread. A blocked
 * goroutine costs a stack, of which only the touched pages take memory: about 40 KiB in
 * all, with the kernel's part. At any of these limits kc_go() returns -EAGAIN:
 *
 *	RLIMIT_NPROC		all threads of a user together (not for root)
 *	pids.max of the cgroup	TasksMax= of a systemd unit
 *	kernel.threads-max, kernel.pid_max
 *	vm.max_map_count	two for each goroutine: 65530 are enough for 32,000
 *	RLIMIT_AS		stacks count whole, and so do the guards below them
 *				(see kc_go()): about 1.2 MiB each, the last ones less
 *	vm.overcommit_memory = 2
 *				stacks count whole, guards do not: about 200 KiB each
 *
 * Also, each handle of a channel is an open file (RLIMIT_NOFILE).
 *
 * After fork() the child has one thread, as always. That thread is still the same
 * goroutine. The other goroutines do not exist in the child, and kc_go() works. If the
 * function of a goroutine that forked returns in the child, the child ends when its
 * other goroutines have ended.
 */
#ifndef KCHAN_GO_H
#define KCHAN_GO_H

#include <stddef.h>
#include <stdint.h>

#include <kchan/cdefs.h>

KC_DECLS_BEGIN

/*
 * Run @fn(@arg) in a goroutine of its own. There is no join: use a channel or a
 * kc_waitgroup to learn when it has ended. Its stack has room for 64 KiB, beside
 * thread-local data. Below it is a guard of 1 MiB, so that an overflow is reported. (It is
 * of 64 KiB where pointers have 32 bits, or RLIMIT_AS leaves no room for more.) A single
 * frame that is larger than the guard can skip it: put large arrays on the heap.
 *
 * As in Go, the program ends when main() returns, even if goroutines are left. It is a
 * panic if @fn is NULL, in all calls that start a goroutine.
 *
 * 0, or
 * -EAGAIN	the system allows no more threads or mappings: see go.h
 * -ENOMEM
 */
int kc_go(void (*fn)(void *arg), void *arg) KC_MUST_CHECK;

/*
 * As kc_go(), but @fn is given the address of a copy of the @size bytes at @arg. The
 * copy is made before this returns, so you can pass a loop's variable. The copy is
 * aligned for any type, and is freed when the goroutine ends. If @size is 0, nothing is
 * copied, and @fn is given an address that it must not access.
 *
 * What kc_go() returns.
 */
int kc_go_copy(void (*fn)(void *arg), const void *arg, size_t size) KC_MUST_CHECK;

/*
 * kc_go_options.flags: a panic that nobody recovers ends this goroutine alone, and
 * is logged (see log.h), instead of ending the program.
 */
#define KC_GO_SAFE	((uint32_t)1 << 0)

/* The goroutine gets a new thread, which ends with it. */
#define KC_GO_FRESH	((uint32_t)1 << 1)

/*
 * Options of a goroutine. Start with KC_GO_OPTIONS_INIT, which fills in the size
 * that the structure had when the program was compiled. It may grow at its end.
 */
typedef struct kc_go_options {
	uint32_t size;		/* sizeof(struct kc_go_options) */
	uint32_t flags;		/* KC_GO_* */
	const char *name;	/* as for kc_set_goname(); it is copied */
	size_t stack_size;	/* room on its stack in bytes, at least 64 KiB */
	size_t copy_size;	/* not 0: copy so many bytes, as kc_go_copy() */
} kc_go_options;

#define KC_GO_OPTIONS_INIT	{ sizeof(struct kc_go_options), 0, NULL, 0, 0 }

/*
 * As kc_go(), with options. Besides its errors:
 *
 * -EINVAL	an unknown flag, an invalid size, or a stack size that is too large
 * -E2BIG	options that this library does not know are not zero
 */
int kc_go_opts(void (*fn)(void *arg), void *arg, const kc_go_options *options)
	KC_MUST_CHECK;

/*
 * End the calling goroutine. First all its deferred calls run, also those outside of
 * every kc_protect(). kc_recover() does not stop this.
 *
 * In main(), the program continues without main() until its other threads have ended.
 * Then it exits with status 0. The library's own threads do not count. (The same
 * happens if main() is left by pthread_exit(). The first thread cannot be joined then.)
 * Without /proc, threads that the library did not start count only if they have called
 * it. Any other thread ends as by pthread_exit().
 */
KC_NORETURN void kc_goexit(void);

/* Let other goroutines run: Go's runtime.Gosched(). */
void kc_gosched(void);

/* Sleep for @ns nanoseconds. If @ns is 0 or negative, return at once. */
void kc_sleep(int64_t ns);

/*
 * This goroutine's number. No other goroutine of the process ever has the same one. A
 * thread that the library did not start has a number too, from its first call on that
 * needs one: a transfer of a mapped channel that does not wait needs none.
 *
 * Returns the number; 1 is main's.
 */
uint64_t kc_goid(void);

/*
 * Get and set this goroutine's name. Names are cut to 31 bytes. ps -T and gdb show the
 * first 15. In main(), only the library knows the name, because the kernel's name of
 * the first thread is the name of the process.
 *
 * kc_goname() returns the name, "" if there is none. It belongs to the goroutine.
 */
const char *kc_goname(void);
void kc_set_goname(const char *name);

/*
 * Wait until all goroutines and all threads of the pool have ended. This includes
 * goroutines that are started meanwhile. After that, only these threads of the library
 * may be left: the one that serves timers and signals (time.h, signal.h), those of
 * kc_detect_deadlock() and kc_dump_on_signal(), and the one that waits for the end of
 * the process after main() was left by pthread_exit(). kc_go() works as before.
 *
 * 0, or
 * -EDEADLK	called in a goroutine, which would wait for itself
 */
int kc_shutdown(void);

KC_DECLS_END

#endif /* KCHAN_GO_H */
