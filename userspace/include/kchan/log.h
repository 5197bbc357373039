/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The library's messages.
 *
 * There are few: a panic that ended a goroutine which was started with KC_GO_SAFE,
 * goroutines that kc_leak_check() has found, the error of a pattern without a group
 * (pattern.h), and unknown words in KCHANDEBUG. An error that ends the program is
 * always printed on standard error.
 */
#ifndef KCHAN_LOG_H
#define KCHAN_LOG_H

#include <kchan/cdefs.h>

KC_DECLS_BEGIN

/*
 * A logger. @text is one message, of one line or several, with no newline at its end.
 * The text belongs to the library, and is valid until the logger returns.
 */
typedef void (*kc_logger)(void *arg, const char *text);

/*
 * From now on, call @log(@arg, text) for each message. If @log is NULL, and before the
 * first call of this, messages go to standard error.
 *
 * Several goroutines may call the logger at the same time. A goroutine may still run
 * the previous logger when this returns, so do not free what its @arg points to.
 */
void kc_set_logger(kc_logger log, void *arg);

KC_DECLS_END

#endif /* KCHAN_LOG_H */
