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
 * dropped by kc_error_unref(). A call that keeps an error takes a reference of its own,
 * and you keep yours. There are two exceptions, kc_cancel_cause() and kc_pool_cancel():
 * they take over your reference, since their errors are most often made in the call.
 *
 * An error goes through a channel as a pointer, within one process:
 * KC_CHAN_DEFINE(error_chan, kc_error *). When the send has returned 0, the reference
 * belongs to the receiver, which has to drop it. Errors that are still in a channel
 * when the channel is dropped are leaked, as all pointers are: drain the channel first.
 *
 * If there is no memory, calls that make errors do not return NULL. They return a
 * static error with the code -ENOMEM.
 */
#ifndef KCHAN_ERROR_H
#define KCHAN_ERROR_H

#include <kchan/cdefs.h>

KC_DECLS_BEGIN

typedef struct kc_error kc_error;

/*
 * Make an error without a cause. @text is copied. If @text is NULL, the text is that of
 * kc_strerror().
 *
 * You may pass errno as it is: a positive code is made negative. A code of 0 would mean
 * success, so it becomes -EINVAL.
 *
 * Returns the error, never NULL.
 */
kc_error *kc_error_new(int code, const char *text) KC_MUST_CHECK;
kc_error *kc_errorf(int code, const char *fmt, ...) KC_MUST_CHECK KC_PRINTF(2, 3);

/*
 * Make an error that @cause has caused: Go's fmt.Errorf("...: %w", cause). Its text is
 * the formatted text, ": ", and the text of @cause. Its code is that of @cause, or
 * @code in the second form. It takes its own reference to @cause.
 *
 * Returns the error. If @cause is NULL it returns NULL, which is no error.
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
 * Returns the text, which belongs to the error; "no error" if @err is NULL.
 */
const char *kc_error_text(const kc_error *err);

/*
 * The cause of an error: Go's errors.Unwrap().
 *
 * Returns the cause, which belongs to the error: take a reference to keep it. NULL if
 * the error has no cause, or if @err is NULL.
 */
kc_error *kc_error_cause(const kc_error *err);

/*
 * Whether an error or one of its causes is @target, or has @code: Go's errors.Is().
 * This checks @err, its cause, the cause of that, and so on. A positive @code is made
 * negative, as by kc_error_new(). If @err is NULL, there is no error: it only matches a
 * NULL @target and the code 0.
 *
 * Returns 1 if one of them is @target itself, or has @code; else 0.
 */
int kc_error_is(const kc_error *err, const kc_error *target);
int kc_error_is_code(const kc_error *err, int code);

/*
 * The text for the result @code of a call of this library. It is that of strerror(),
 * except that -ETIMEDOUT is "deadline exceeded", and -ENODEV asks whether the kernel
 * module is loaded. A positive @code is made negative.
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
