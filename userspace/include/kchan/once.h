/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What is done once: Go's sync.Once, OnceFunc and OnceValue.
 */
#ifndef KCHAN_ONCE_H
#define KCHAN_ONCE_H

#include <stddef.h>
#include <stdint.h>

#include <kchan/cdefs.h>

KC_DECLS_BEGIN

/*
 * It is valid when zero, and needs no clean-up. It is for the threads of one
 * process. The members are the library's own.
 */
typedef struct kc_once {
	uint32_t state;
	uint32_t reserved[3];
} kc_once;

#define KC_ONCE_INIT { 0, { 0, 0, 0 } }

/*
 * Run @fn(@arg) if no call with this @once has done so before. When it returns,
 * the function has been run, by whichever goroutine, and all that it did has
 * happened. As in Go, a panic of it, or kc_goexit(), counts as having run it; and
 * if it comes here with the same @once, it waits for itself for ever.
 */
void kc_once_do(kc_once *once, void (*fn)(void *arg), void *arg);

/*
 * A function that runs another one once. If that panics, so does every call, with
 * the same value; after a kc_goexit() in it, calls panic. References are counted.
 */
typedef struct kc_once_func kc_once_func;

/*
 * Make a function that runs @fn(@arg) once, call it, and take and drop references to
 * it. *@out is one reference. A call waits until the function has been run. If that
 * panicked each call panics, with the same value; if it was left by kc_goexit() each
 * call panics too. kc_once_func_ref() and kc_once_func_unref() accept NULL.
 *
 * kc_once_func_make() returns 0, or -ENOMEM. kc_once_func_ref() returns @once.
 */
int kc_once_func_make(kc_once_func **out, void (*fn)(void *arg), void *arg)
	KC_MUST_CHECK;
void kc_once_func_call(kc_once_func *once);
kc_once_func *kc_once_func_ref(kc_once_func *once);
void kc_once_func_unref(kc_once_func *once);

/*
 * The same for a function that returns a value, which each call returns. With the
 * last reference @destroy(value) is called, unless it is NULL, or the value is.
 */
typedef struct kc_once_value kc_once_value;

/*
 * Make a function that finds out a value once: what @fn(@arg) returns. Get the value,
 * and take and drop references. *@out is one reference. kc_once_value_get() waits
 * until the function has been run, and panics if that panicked or was left by
 * kc_goexit(). With the last reference @destroy(value) is called, unless it is NULL,
 * or the value is. kc_once_value_ref() and kc_once_value_unref() accept NULL.
 *
 * kc_once_value_make() returns 0, or -ENOMEM. kc_once_value_get() returns the value.
 * kc_once_value_ref() returns @once.
 */
int kc_once_value_make(kc_once_value **out, void *(*fn)(void *arg), void *arg,
		       void (*destroy)(void *value)) KC_MUST_CHECK;
void *kc_once_value_get(kc_once_value *once);
kc_once_value *kc_once_value_ref(kc_once_value *once);
void kc_once_value_unref(kc_once_value *once);

/* What the two macros are made with. The members are the library's own. */
struct kc_once_static {
	kc_once once;
	struct kc_panicked *panic;
	uint64_t reserved[2];
};

void kc_once_static_do(struct kc_once_static *once, void (*fn)(void *arg),
		       void *arg);

/*
 * At file level: a function void @name(void) that calls void @fn(void) once.
 */
#define KC_ONCE_FUNC(name, fn)						\
	static void name##_run(void *kc_arg_)				\
	{								\
		(void)kc_arg_;						\
		fn();							\
	}								\
									\
	KC_MAYBE_UNUSED static void name(void)				\
	{								\
		static struct kc_once_static kc_once_;			\
									\
		kc_once_static_do(&kc_once_, name##_run, NULL);		\
	}								\
									\
	/* Takes the semicolon that follows the macro. */		\
	struct name##_run_

/*
 * At file level: a function @T @name(void) that returns what @T @fn(void), called
 * once, returned.
 */
#define KC_ONCE_VALUE(name, T, fn)					\
	static void name##_run(void *kc_arg_)				\
	{								\
		*(T *)kc_arg_ = fn();					\
	}								\
									\
	KC_MAYBE_UNUSED static T name(void)				\
	{								\
		static struct kc_once_static kc_once_;			\
		static T kc_value_;					\
									\
		kc_once_static_do(&kc_once_, name##_run, &kc_value_);	\
		return kc_value_;					\
	}								\
									\
	/* Takes the semicolon that follows the macro. */		\
	struct name##_run_

KC_DECLS_END

#endif /* KCHAN_ONCE_H */
