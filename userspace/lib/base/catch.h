/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Catching signals for parts of the library.
 *
 * There is one handler for all parts. It notes the signal for each part that catches
 * the signal, and wakes that part. When no part catches the signal any more, the action
 * that the program had installed before is installed again. This does not depend on the
 * order in which the parts begin and end. The child of a fork() restores the action,
 * too.
 *
 * The program may install a handler of its own over ours, and call ours from it. While
 * a part catches the signal, our handler tells that part. Otherwise our handler calls
 * the handler that was installed before ours, if there was one.
 */
#ifndef LIBKCHAN_BASE_CATCH_H
#define LIBKCHAN_BASE_CATCH_H

#include <signal.h>
#include <stdbool.h>

#include "base/hook.h"

#define KC_NR_SIGNALS	(_NSIG - 1)

/* A part that catches signals. */
enum kc_catcher {
	KC_CATCH_DUMP,
	KC_CATCH_NOTIFY,
	KC_NR_CATCHERS,
};

/* Sets the function that the handler calls to wake a part. For constructors only. */
KC_REGISTRY void kc_catch_wake_by(enum kc_catcher who, void (*wake)(void));

/*
 * Catches @signum for the part from now on. Returns 0 or a negative errno. If the
 * program has installed a handler of its own over ours, ours is installed again.
 */
int kc_catch(enum kc_catcher who, int signum);

/*
 * Ends the catching of @signum for the part. A signal that arrives during this call has
 * exactly one of two effects: it is noted for the part, or it does what it did before
 * kc_catch(). So the caller must call kc_catch_take() once more after this.
 */
void kc_catch_end(enum kc_catcher who, int signum);

/* True if the signal has come for the part since the last call. */
bool kc_catch_take(enum kc_catcher who, int signum);

#endif /* LIBKCHAN_BASE_CATCH_H */
