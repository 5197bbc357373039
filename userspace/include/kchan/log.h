/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What the library has to say.
 *
 * It says little: that a panic ended a goroutine which was started with KC_GO_SAFE.
 * What ends the program is printed on standard error, whatever is set here.
 */
#ifndef KCHAN_LOG_H
#define KCHAN_LOG_H

#include <kchan/cdefs.h>

KC_DECLS_BEGIN

/*
 * A logger. @text is one message, of one line or several, with no newline at its end.
 * The text is the library's: it goes away when the logger returns.
 */
typedef void (*kc_logger)(void *arg, const char *text);

/*
 * Call @log(@arg, text) for each message from now on. If @log is NULL, and before the
 * first call of this, messages go to standard error.
 *
 * Several goroutines may call the logger at the same time. A goroutine may still be
 * in the previous logger when this returns, so keep what its @arg points to.
 */
void kc_set_logger(kc_logger log, void *arg);

KC_DECLS_END

#endif /* KCHAN_LOG_H */
