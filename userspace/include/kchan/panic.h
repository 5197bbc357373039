/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * defer, panic and recover.
 *
 * Deferred calls run last in, first out: on the way out of a scope, in a panic, and
 * in kc_goexit().
 *
 *	void work(void *arg)
 *	{
 *		KC_DEFER_SCOPE;
 *		FILE *f = fopen(arg, "r");
 *
 *		if (!f)
 *			kc_panic("%s: no such file", (char *)arg);
 *		kc_defer(close_file, f);
 *		...
 *		return;				closes the file
 *	}
 *
 *	kc_panic_info info;
 *
 *	if (kc_protect(work, name, &info)) {	so does a panic
 *		fprintf(stderr, "%s\n", info.text);
 *		kc_panic_info_clear(&info);
 *	}
 *
 * A panic first runs the deferred calls, on the stack where it happened. Then it leaves
 * that stack for the nearest kc_protect() around it, or ends the goroutine's function.
 * C cannot return from the function that deferred a call, as Go does. So after
 * kc_recover(), too, the program continues after that kc_protect().
 *
 * A panic that nothing recovers ends the program. All deferred calls of the goroutine
 * run. Its value, the goroutine and a backtrace are printed on standard error. Then the
 * program aborts. If main() returns or another goroutine calls exit() meanwhile, exit()
 * waits: for up to a second while the deferred calls run, and then until the program
 * has aborted. _exit(2) does not wait.
 *
 * All this works in any thread. A panic leaves frames by longjmp(). So C++ destructors
 * between a panic and where it ends do not run. Local variables of the function that
 * called kc_protect() keep their values, since that function is not left. All functions
 * of the program that the library calls may panic or call kc_goexit(): those that it
 * runs or calls for each element, destructors of values, and loggers. No lock stays
 * locked then. A panic must not leave a signal handler.
 *
 * Deferred calls outside of every scope and kc_protect() run when the goroutine ends.
 * In threads that the library did not start, only a panic or kc_goexit() runs them.
 */
#ifndef KCHAN_PANIC_H
#define KCHAN_PANIC_H

#include <stddef.h>
#include <stdint.h>

#include <kchan/cdefs.h>

KC_DECLS_BEGIN

/*
 * Run @fn(@arg) when the innermost KC_DEFER_SCOPE, kc_protect() or goroutine ends,
 * however it ends. If there is no memory for this, @fn(@arg) is run at once, and then
 * this panics.
 */
void kc_defer(void (*fn)(void *arg), void *arg);

/* The members are the library's own. */
struct kc_defer_scope {
	size_t mark;
};

/*
 * For KC_DEFER_SCOPE. kc_defer_scope_end() runs what was deferred since
 * kc_defer_scope_begin().
 *
 * Returns the scope, for kc_defer_scope_end().
 */
struct kc_defer_scope kc_defer_scope_begin(void);
void kc_defer_scope_end(struct kc_defer_scope *scope);

/*
 * A declaration. What is deferred after it runs when the program leaves the block
 * around it: at its end, or by return, break or goto.
 */
#define KC_DEFER_SCOPE							\
	KC_MAYBE_UNUSED __attribute__((cleanup(kc_defer_scope_end)))	\
	struct kc_defer_scope KC_LINE_NAME(kc_defer_scope_, __LINE__) =	\
		kc_defer_scope_begin()

/* The description of a panic. */
typedef struct kc_panic_info {
	const char *text;	/* for people, never NULL */
	void *value;		/* that of kc_panic_value(), or NULL */
	uint64_t goid;		/* the goroutine that it happened in */
	struct kc_panicked *panic; /* the library's own; it holds the others */
	uint64_t reserved[4];
} kc_panic_info;

#define KC_PANIC_INFO_INIT { "", NULL, 0, NULL, { 0, 0, 0, 0 } }

/* Panic, with a text. */
KC_NORETURN void kc_panic(const char *fmt, ...) KC_PRINTF(1, 2);

/*
 * Panic, with a value. After a recovery the value is in kc_panic_info. @destroy(@value)
 * is called when the last reference to the panic is dropped. @destroy may be NULL.
 * @text is for people, and is copied. If @text is NULL, the value's address is printed.
 */
KC_NORETURN void kc_panic_value(void *value, void (*destroy)(void *value),
				const char *text);

/*
 * Raise the same panic again, with its value and its first backtrace. @info is not
 * changed.
 */
KC_NORETURN void kc_panic_again(const kc_panic_info *info);

/*
 * Run @fn(@arg), and end its panics here. The calls that @fn defers have run when this
 * returns. kc_goexit() in @fn does not return here. @out may be NULL.
 *
 * 0	@fn returned, or a deferred call recovered its panic
 * 1	@fn panicked; *@out describes the panic: clear it with kc_panic_info_clear()
 */
int kc_protect(void (*fn)(void *arg), void *arg, kc_panic_info *out);

/*
 * Recover a panic, in a deferred call that the panic runs. When the deferred call has
 * returned, the other deferred calls inside the nearest kc_protect() run, and
 * kc_protect() returns 0. Without a kc_protect(), the goroutine ends as if its function
 * had returned. @out may be NULL.
 *
 * 1	there was a panic, and it is recovered; *@out describes it: clear it with
 *	kc_panic_info_clear()
 * 0	there is no panic that this can recover: nothing panics; or the caller is inside
 *	of a kc_protect() in the deferred call; or the thread was not started by the
 *	library and has no kc_protect(), so there is no place to continue
 */
int kc_recover(kc_panic_info *out);

/* Copy the description of a panic to *@to, which must be cleared separately. */
void kc_panic_info_copy(kc_panic_info *to, const kc_panic_info *from);

/* Drop what @info holds. It may be called twice. */
void kc_panic_info_clear(kc_panic_info *info);

/*
 * The report that is printed for a panic that nobody recovers: its text, the goroutine
 * and a backtrace.
 *
 * Returns the text, which the caller frees with free(). NULL if there is no memory, or
 * if @info has no panic.
 */
char *kc_panic_report(const kc_panic_info *info) KC_MUST_CHECK;

/*
 * From now on, turn invalid memory accesses and divisions by zero into panics, which
 * can be recovered, as Go does. This is done for faults in code of one object: the
 * program or shared library that contains the function @code. The program must be
 * written for it, since the fault leaves the code in the middle of an operation. Faults
 * in other objects, such as libc and this library, end the program as before. Do not
 * use this for objects with C++ code. The call installs handlers for SIGSEGV, SIGBUS
 * and SIGFPE. The handlers that were installed before still get the faults in other
 * objects.
 *
 * This exists on x86-64 and on arm64. On arm64 a division of integers by zero is no fault:
 * its result is 0.
 *
 * A stack overflow in a goroutine is always a fatal error. It is reported, unless the
 * program handles SIGSEGV itself.
 *
 * 0, or
 * -EINVAL	no object contains that function
 * -EOPNOTSUPP	the object is libc or this library, or contains one of them by static
 *	linking; or the architecture is not supported
 * -ENOSPC	too many objects
 */
int kc_panic_on_fault(void (*code)(void)) KC_MUST_CHECK;

KC_DECLS_END

#endif /* KCHAN_PANIC_H */
