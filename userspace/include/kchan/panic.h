/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * defer, panic and recover.
 *
 * What is deferred runs last in, first out: on the way out of a scope, in a
 * panic, and in kc_goexit().
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
 * A panic first runs what is deferred, on the stack where it happened, and then
 * leaves: to the nearest kc_protect() around it, or out of the goroutine's
 * function. C has no frames to return from in between, as Go has, so that a
 * kc_recover() too goes on after that kc_protect(). A panic that nothing
 * recovers ends the program: all deferred calls of the goroutine run, its value,
 * the goroutine and a backtrace are printed on standard error, and it aborts. When
 * main() returns meanwhile, or another goroutine calls exit(), that waits: for up to a
 * second as long as the deferred calls run, and then until the program has aborted.
 * _exit(2) does not wait.
 *
 * All of it works in any thread. It leaves frames by longjmp(): C++ destructors
 * between a panic and where it ends do not run, and local variables of the
 * function that called kc_protect() keep their values, since that function is
 * not left. All functions that the library calls for the program may be left by a panic
 * or kc_goexit(): what is run or walked, what drops a value, a logger. Nothing stays
 * locked then. A panic must not leave a signal handler. Deferred calls outside of
 * every scope and kc_protect() run when the goroutine ends; in other threads
 * only a panic or kc_goexit() runs those.
 */
#ifndef KCHAN_PANIC_H
#define KCHAN_PANIC_H

#include <stddef.h>
#include <stdint.h>

#include <kchan/cdefs.h>

KC_DECLS_BEGIN

/*
 * Run @fn(@arg) when the innermost KC_DEFER_SCOPE, or kc_protect(), or goroutine
 * ends, in whatever way. If there is no memory to note that, @fn(@arg) is run at
 * once, followed by a panic: so that what was to be undone is undone.
 */
void kc_defer(void (*fn)(void *arg), void *arg);

/* The members are the library's own. */
struct kc_defer_scope {
	size_t mark;
};

/*
 * What KC_DEFER_SCOPE is made with. kc_defer_scope_end() runs what was deferred since
 * kc_defer_scope_begin().
 *
 * Returns the scope, for kc_defer_scope_end().
 */
struct kc_defer_scope kc_defer_scope_begin(void);
void kc_defer_scope_end(struct kc_defer_scope *scope);

/*
 * A declaration: what is deferred from here on runs when the block that it
 * stands in is left, by its end, return, break or goto.
 */
#define KC_DEFER_SCOPE							\
	KC_MAYBE_UNUSED __attribute__((cleanup(kc_defer_scope_end)))	\
	struct kc_defer_scope KC_LINE_NAME(kc_defer_scope_, __LINE__) =	\
		kc_defer_scope_begin()

/* What a panic was about. */
typedef struct kc_panic_info {
	const char *text;	/* what there is to read, never NULL */
	void *value;		/* that of kc_panic_value(), or NULL */
	uint64_t goid;		/* the goroutine that it happened in */
	struct kc_panicked *panic; /* the library's own; it holds the others */
	uint64_t reserved[4];
} kc_panic_info;

#define KC_PANIC_INFO_INIT { "", NULL, 0, NULL, { 0, 0, 0, 0 } }

/* Panic, with a text. */
KC_NORETURN void kc_panic(const char *fmt, ...) KC_PRINTF(1, 2);

/*
 * Panic, with a value. Whoever recovers it finds it in kc_panic_info.
 * @destroy(@value) is called once nobody can see it any more; it may be NULL.
 * @text, which is copied, is for people; NULL prints the value's address.
 */
KC_NORETURN void kc_panic_value(void *value, void (*destroy)(void *value),
				const char *text);

/*
 * The same panic again, with its value and the backtrace of where it first
 * happened. @info is left as it is.
 */
KC_NORETURN void kc_panic_again(const kc_panic_info *info);

/*
 * Run @fn(@arg). What it defers has run when this returns. (kc_goexit() does not
 * return here.)
 *
 * 0	@fn returned, or a deferred call recovered a panic of its
 * 1	it panicked. What it was is in *@out, which is to be cleared; but @out may
 *	be NULL
 */
int kc_protect(void (*fn)(void *arg), void *arg, kc_panic_info *out);

/*
 * In a deferred call that a panic runs: recover it. Once the deferred call has
 * returned, the others inside the nearest kc_protect() run, and that returns 0;
 * without one, the goroutine ends as if its function had returned.
 *
 * 1	there was a panic, and now there is none. What it was is in *@out, which
 *	is to be cleared; but @out may be NULL
 * 0	there was none to recover: nothing panics; or this is not called in a
 *	deferred call, but in a kc_protect() inside of one; or in no kc_protect()
 *	of a thread that is no goroutine, which has nowhere to go on
 */
int kc_recover(kc_panic_info *out);

/* Copy what is known of a panic to *@to, which is to be cleared by itself. */
void kc_panic_info_copy(kc_panic_info *to, const kc_panic_info *from);

/* Drop what @info holds. It can be done twice. */
void kc_panic_info_clear(kc_panic_info *info);

/*
 * What would have been printed, had nobody recovered the panic: its text, the
 * goroutine and a backtrace.
 *
 * Returns the text, to be given to free(). NULL when there is no memory, or when
 * @info has no panic.
 */
char *kc_panic_report(const kc_panic_info *info) KC_MUST_CHECK;

/*
 * From now on an invalid memory access or a division by zero in code of the
 * program or shared library that holds the function @code is a panic, which can
 * be recovered, as in Go. It is for programs that are written for it: whatever
 * the code was about to do stays half done. Faults in other objects, among them
 * libc and this library, end the program as ever. Objects of C++ must not be
 * given. This handles SIGSEGV, SIGBUS and SIGFPE; what handled them before goes
 * on getting the faults that are not ours.
 *
 * (A goroutine that runs out of its stack is a fatal error in any case, and told
 * so, unless the program handles SIGSEGV itself.)
 *
 * 0, or
 * -EINVAL	no object has that function
 * -EOPNOTSUPP	the object also holds libc or this library, being linked to them
 *		statically; or it is one of them; or on this architecture
 * -ENOSPC	too many objects
 */
int kc_panic_on_fault(void (*code)(void)) KC_MUST_CHECK;

KC_DECLS_END

#endif /* KCHAN_PANIC_H */
