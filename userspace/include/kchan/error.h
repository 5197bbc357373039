/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Errors that say more than a number: Go's error.
 *
 * A kc_error has a code, which is a negative errno (or any other negative number that
 * the program gives a meaning to), a text for people, and perhaps another error that
 * caused it. It never changes. NULL is Go's nil: no error.
 *
 *	kc_error *open_all(void)
 *	{
 *		int fd = open(path, O_RDONLY);
 *
 *		if (fd < 0)
 *			return kc_errorf(-errno, "open %s", path);
 *		...
 *		err = read_header(fd);
 *		if (err) {
 *			wrapped = kc_error_wrap(err, "%s", path);
 *			kc_error_unref(err);
 *			return wrapped;
 *		}
 *
 * References are counted. A call that makes an error returns one reference, to be
 * dropped by kc_error_unref(). A call that keeps an error which it is given takes a
 * reference of its own, and leaves yours to you. The exceptions are kc_cancel_cause()
 * and kc_pool_cancel(), whose errors are most often made in the call: they take over
 * yours.
 *
 * An error goes through a channel as a pointer, within one process:
 * KC_CHAN_DEFINE(error_chan, kc_error *). The reference goes with it. Who sends an
 * error gives its reference away once the send has returned 0, and who receives it
 * drops it. Errors that are still in a channel when that is dropped are lost, as any
 * pointers are: drain it first.
 *
 * Calls that make errors never return NULL for lack of memory. They return one error
 * then that is always there, with the code -ENOMEM.
 */
#ifndef KCHAN_ERROR_H
#define KCHAN_ERROR_H

#include <kchan/cdefs.h>

KC_DECLS_BEGIN

typedef struct kc_error kc_error;

/*
 * Make an error that nothing caused. @text is copied. If it is NULL the text is what
 * kc_strerror() says of the code.
 *
 * errno may be given as it is: a positive code is taken for its negative. A code of
 * 0, with which no error could be told from success, is taken for -EINVAL.
 *
 * Returns the error, never NULL.
 */
kc_error *kc_error_new(int code, const char *text) KC_MUST_CHECK;
kc_error *kc_errorf(int code, const char *fmt, ...) KC_MUST_CHECK KC_PRINTF(2, 3);

/*
 * Make an error that @cause has caused: Go's fmt.Errorf("...: %w", cause). Its text
 * is what is given here, ": ", and the text of @cause. Its code is that of @cause, or
 * @code in the second form. It takes its own reference to @cause.
 *
 * Returns the error. If @cause is NULL it returns NULL: no error stays none.
 */
kc_error *kc_error_wrap(kc_error *cause, const char *fmt, ...)
	KC_MUST_CHECK KC_PRINTF(2, 3);
kc_error *kc_error_wrap_code(kc_error *cause, int code, const char *fmt, ...)
	KC_MUST_CHECK KC_PRINTF(3, 4);

/*
 * The code of an error.
 *
 * Returns the code, which is negative; 0 if @err is NULL.
 */
int kc_error_code(const kc_error *err);

/*
 * The text of an error.
 *
 * Returns the text, which is the error's own; "no error" if @err is NULL.
 */
const char *kc_error_text(const kc_error *err);

/*
 * What caused an error: Go's errors.Unwrap().
 *
 * Returns the cause, which is the error's own: take a reference to keep it. NULL if
 * nothing caused it, or if @err is NULL.
 */
kc_error *kc_error_cause(const kc_error *err);

/*
 * Whether an error is another one, or has a code, itself or in what caused it: Go's
 * errors.Is(). It looks at @err, at what caused it, at what caused that, and so on. A
 * positive @code is taken for its negative, as by kc_error_new(). No error is NULL,
 * and has the code 0.
 *
 * Returns 1 if one of them is @target itself, or has @code; else 0.
 */
int kc_error_is(const kc_error *err, const kc_error *target);
int kc_error_is_code(const kc_error *err, int code);

/*
 * What the result @code of a call of this library means. It is what strerror() says,
 * but that -ETIMEDOUT is "deadline exceeded", and -ENODEV asks whether the kernel
 * module is loaded. A positive @code is taken for its negative.
 *
 * Returns the text, which is constant, and never NULL.
 */
const char *kc_strerror(int code);

/*
 * Take one more reference to an error, and drop one. @err may be NULL.
 *
 * kc_error_ref() returns @err.
 */
kc_error *kc_error_ref(kc_error *err);
void kc_error_unref(kc_error *err);

KC_DECLS_END

#endif /* KCHAN_ERROR_H */
