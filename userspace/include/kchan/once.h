/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Running a function once: Go's sync.Once, OnceFunc and OnceValue.
 */
#ifndef KCHAN_ONCE_H
#define KCHAN_ONCE_H

#include <stddef.h>
#include <stdint.h>

#include <kchan/cdefs.h>

KC_DECLS_BEGIN

/*
 * A kc_once is valid when zero, and needs no clean-up. It is for the threads of one
 * process. The members are the library's own.
 */
typedef struct kc_once {
	uint32_t state;
	uint32_t reserved[3];
} kc_once;

#define KC_ONCE_INIT { 0, { 0, 0, 0 } }

/*
 * Run @fn(@arg) if no call with this @once has run a function before. When this
 * returns, the function has been run, by this or another goroutine, and all its effects
 * are visible. As in Go, a function that panics or calls kc_goexit() counts as run. A
 * function that calls this with the same @once waits for itself for ever.
 */
void kc_once_do(kc_once *once, void (*fn)(void *arg), void *arg);

/*
 * A function that runs another one once. If that function panics, every call panics
 * with the same value. If that function calls kc_goexit(), every call panics.
 * References are counted.
 */
typedef struct kc_once_func kc_once_func;

/*
 * Make a function that runs @fn(@arg) once, call it, and take and drop references to
 * it. *@out is one reference. A call waits until the function has been run. If the
 * function panics, every call panics with the same value. If the function calls
 * kc_goexit(), every call panics. kc_once_func_ref() and kc_once_func_unref() accept
 * NULL.
 *
 * kc_once_func_make() returns 0, or -ENOMEM. kc_once_func_ref() returns @once.
 */
int kc_once_func_make(kc_once_func **out, void (*fn)(void *arg), void *arg)
	KC_MUST_CHECK;
void kc_once_func_call(kc_once_func *once);
kc_once_func *kc_once_func_ref(kc_once_func *once);
void kc_once_func_unref(kc_once_func *once);

/*
 * The same for a function that returns a value, which each call returns. When the last
 * reference is dropped, @destroy(value) is called, unless @destroy or the value is
 * NULL.
 */
typedef struct kc_once_value kc_once_value;

/*
 * Make a function that gets a value once: the result of @fn(@arg). Get the value, and
 * take and drop references. *@out is one reference. kc_once_value_get() waits until the
 * function has been run, and panics if the function has panicked or called kc_goexit().
 * When the last reference is dropped, @destroy(value) is called, unless @destroy or the
 * value is NULL. kc_once_value_ref() and kc_once_value_unref() accept NULL.
 *
 * kc_once_value_make() returns 0, or -ENOMEM. kc_once_value_get() returns the value.
 * kc_once_value_ref() returns @once.
 */
int kc_once_value_make(kc_once_value **out, void *(*fn)(void *arg), void *arg,
		       void (*destroy)(void *value)) KC_MUST_CHECK;
void *kc_once_value_get(kc_once_value *once);
kc_once_value *kc_once_value_ref(kc_once_value *once);
void kc_once_value_unref(kc_once_value *once);

/* For the two macros below. The members are the library's own. */
struct kc_once_static {
	kc_once once;
	struct kc_panicked *panic;
	uint64_t reserved[2];
};

void kc_once_static_do(struct kc_once_static *once, void (*fn)(void *arg),
		       void *arg);

/*
 * At file level: defines a function void @name(void) that calls void @fn(void) once.
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
 * At file level: defines a function @T @name(void). It calls @T @fn(void) once, and
 * always returns that result.
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
