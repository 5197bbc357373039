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
 * A panic first runs the deferred calls, on the stack where it happened. Then it
 * leaves: to the nearest kc_protect() around it, or out of the goroutine's function.
 * C has no frames to return from in between, as Go has. So after kc_recover(), too,
 * the program goes on after that kc_protect().
 *
 * A panic that nothing recovers ends the program. All deferred calls of the goroutine
 * run. Its value, the goroutine and a backtrace are printed on standard error. Then
 * the program aborts. When main() returns meanwhile, or another goroutine calls
 * exit(), that waits: for up to a second while the deferred calls run, and then until
 * the program has aborted. _exit(2) does not wait.
 *
 * All of it works in any thread. A panic leaves frames by longjmp(). So C++
 * destructors between a panic and where it ends do not run. Local variables of the
 * function that called kc_protect() keep their values, since that function is not
 * left. A panic or kc_goexit() may leave all functions that the library calls for the
 * program: what it runs or walks, what drops a value, a logger. Nothing stays locked
 * then. A panic must not leave a signal handler.
 *
 * Deferred calls outside of every scope and kc_protect() run when the goroutine ends.
 * In threads that are no goroutines only a panic or kc_goexit() runs those.
 */
#ifndef KCHAN_PANIC_H
#define KCHAN_PANIC_H

#include <stddef.h>
#include <stdint.h>

#include <kchan/cdefs.h>

KC_DECLS_BEGIN

/*
 * Run @fn(@arg) when the innermost KC_DEFER_SCOPE, kc_protect() or goroutine ends, in
 * whatever way. If there is no memory to note that, @fn(@arg) is run at once, and
 * then this panics: so what was to be undone is undone.
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
 * Run @fn(@arg), and end its panics here. What it defers has run when this returns.
 * kc_goexit() in it does not return here. @out may be NULL.
 *
 * 0	@fn returned, or a deferred call recovered its panic
 * 1	it panicked; what the panic was is in *@out, which is to be cleared
 */
int kc_protect(void (*fn)(void *arg), void *arg, kc_panic_info *out);

/*
 * Recover a panic, in a deferred call that the panic runs. Once the deferred call has
 * returned, the other deferred calls inside the nearest kc_protect() run, and
 * kc_protect() returns 0. Without one, the goroutine ends as if its function had
 * returned. @out may be NULL.
 *
 * 1	there was a panic, and now there is none; what it was is in *@out,
 *	which is to be cleared
 * 0	there was none to recover: nothing panics; or this is not called in a
 *	deferred call, but in a kc_protect() inside of one; or it is called in
 *	no kc_protect() of a thread that is no goroutine, which has nowhere to
 *	go on
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
 * Make a panic, which can be recovered, of an invalid memory access or a division by
 * zero in code of the program or shared library that holds the function @code, from
 * now on, as Go does. This is for programs that are written for it: whatever the code
 * was about to do stays half done. Faults in other objects, among them libc and this
 * library, end the program as ever. Objects of C++ must not be given. The call
 * handles SIGSEGV, SIGBUS and SIGFPE. What handled them before still gets the faults
 * that are in other objects.
 *
 * When a goroutine runs out of its stack that is a fatal error in any case. It is
 * reported, unless the program handles SIGSEGV itself.
 *
 * 0, or
 * -EINVAL	no object has that function
 * -EOPNOTSUPP	the object also holds libc or this library, being linked to them
 *	statically; or it is one of them; or on this architecture
 * -ENOSPC	too many objects
 */
int kc_panic_on_fault(void (*code)(void)) KC_MUST_CHECK;

KC_DECLS_END

#endif /* KCHAN_PANIC_H */
