/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Errors that say more than a number: Go's error.
 *
 * A kc_error has a code, which is a negative errno (or any other negative number
 * that the program gives a meaning to), a text for people, and perhaps another
 * error that caused it. It never changes. NULL is Go's nil: no error.
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
 * References are counted. What makes an error returns one reference, to be
 * dropped by kc_error_unref(). A call that keeps an error which it is given takes a
 * reference of its own, and leaves yours to you. The exceptions are kc_cancel_cause() and
 * kc_pool_cancel(), whose errors are most often made in the call: they take over yours.
 *
 * An error goes through a channel as a pointer, within one process:
 * KC_CHAN_DEFINE(error_chan, kc_error *). The reference goes with it: who sends
 * an error gives its reference away once the send has returned 0, and who receives
 * it drops it. (What is left in a channel that is dropped is lost, as is any
 * pointer: drain it first.)
 *
 * What makes errors never returns NULL for lack of memory: then it returns one
 * error that is always there, with the code -ENOMEM.
 */
#ifndef KCHAN_ERROR_H
#define KCHAN_ERROR_H

#include <kchan/cdefs.h>

KC_DECLS_BEGIN

typedef struct kc_error kc_error;

/*
 * An error of its own. @text is copied. If it is NULL the text is what kc_strerror() says
 * of the code. errno may be given as it is: a positive code is taken for its
 * negative. One of 0, with which no error can be told from success, is taken for
 * -EINVAL.
 */
kc_error *kc_error_new(int code, const char *text) KC_MUST_CHECK;
kc_error *kc_errorf(int code, const char *fmt, ...) KC_MUST_CHECK KC_PRINTF(2, 3);

/*
 * An error that @cause has caused: Go's fmt.Errorf("...: %w", cause). Its text is
 * what is given here, ": ", and the text of @cause; its code is that of @cause,
 * or, of the second form, @code. Takes its own reference to @cause. If @cause is
 * NULL so is the result: no error stays none.
 */
kc_error *kc_error_wrap(kc_error *cause, const char *fmt, ...)
	KC_MUST_CHECK KC_PRINTF(2, 3);
kc_error *kc_error_wrap_code(kc_error *cause, int code, const char *fmt, ...)
	KC_MUST_CHECK KC_PRINTF(3, 4);

/* Its code, negative; 0 for NULL. */
int kc_error_code(const kc_error *err);

/* Its text, which is the error's own; "no error" for NULL. */
const char *kc_error_text(const kc_error *err);

/* What caused it, which is the error's own; NULL if nothing did, or for NULL. */
kc_error *kc_error_cause(const kc_error *err);

/*
 * 1 if @err, or what caused it, or what caused that, and so on, is @target itself,
 * or has @code; else 0. Go's errors.Is(). A positive @code is taken for its negative, as
 * by kc_error_new(). No error is NULL, and has the code 0.
 */
int kc_error_is(const kc_error *err, const kc_error *target);
int kc_error_is_code(const kc_error *err, int code);

/*
 * What the result @code of a call of this library means. It is what strerror() says, but
 * that -ETIMEDOUT is "deadline exceeded", and -ENODEV asks whether the kernel module is
 * loaded. A positive @code is taken for its negative. The text is constant, and never
 * NULL. Other threads may call this at the same time.
 */
const char *kc_strerror(int code);

/* Take one more reference; returns @err. Drop one. Both accept NULL. */
kc_error *kc_error_ref(kc_error *err);
void kc_error_unref(kc_error *err);

KC_DECLS_END

#endif /* KCHAN_ERROR_H */
