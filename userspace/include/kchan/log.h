/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What the library has to say.
 *
 * It says little: that a panic ended a goroutine started with KC_GO_SAFE. What
 * ends the program is printed on standard error, whatever is set here.
 */
#ifndef KCHAN_LOG_H
#define KCHAN_LOG_H

#include <kchan/cdefs.h>

KC_DECLS_BEGIN

/*
 * @text is one message, of one line or several, with no newline at its end. It
 * is the library's, and goes away when the call returns.
 */
typedef void (*kc_logger)(void *arg, const char *text);

/*
 * Log by @log(@arg, text) from now on; by default, and if @log is NULL, to
 * standard error. It may be called in several goroutines at once, and in some
 * that have begun already the previous one may still be: keep its @arg.
 */
void kc_set_logger(kc_logger log, void *arg);

KC_DECLS_END

#endif /* KCHAN_LOG_H */
