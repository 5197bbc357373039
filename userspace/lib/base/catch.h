/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Who catches signals, on behalf of the library's parts.
 *
 * There is one handler for all of them. It notes down for each part that catches the
 * signal that it has come, and wakes it. What the program had installed before is put
 * back when no part catches the signal any more, in whatever order they came and went,
 * and in the child of a fork().
 *
 * The program may install a handler of its own over ours that calls ours. While a part
 * catches the signal, that part is told. Then the call is passed on to the handler that
 * was there before ours, if there was one.
 */
#ifndef LIBKCHAN_BASE_CATCH_H
#define LIBKCHAN_BASE_CATCH_H

#include <signal.h>
#include <stdbool.h>

#include "base/hook.h"

#define KC_NR_SIGNALS	(_NSIG - 1)

/* The parts. */
enum kc_catcher {
	KC_CATCH_DUMP,
	KC_CATCH_NOTIFY,
	KC_NR_CATCHERS,
};

/* What wakes a part, in the handler. To be called by a constructor. */
KC_REGISTRY void kc_catch_wake_by(enum kc_catcher who, void (*wake)(void));

/*
 * Catch it from now on. If the program has installed a handler of its own over ours
 * since, ours is put there again. 0 or a negative errno.
 */
int kc_catch(enum kc_catcher who, int signum);

/*
 * The part does not catch the signal any more. A signal that comes meanwhile has come for
 * the part, which should look once more (kc_catch_take()), or it does what it did before:
 * one of the two.
 */
void kc_catch_end(enum kc_catcher who, int signum);

/* True if it has come for the part since this was asked last. */
bool kc_catch_take(enum kc_catcher who, int signum);

#endif /* LIBKCHAN_BASE_CATCH_H */
