/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Reporting a panic to people.
 */
#ifndef LIBKCHAN_PANIC_REPORT_H
#define LIBKCHAN_PANIC_REPORT_H

#include "panic/panicking.h"

/*
 * The calling thread is going to report and end the process. No other thread reports
 * after this.
 */
void kc_report_begin(void);

/* Prints the chain of panics, of which @p is the newest, and aborts. */
KC_NORETURN void kc_report_fatal(const struct kc_panic *p);

/* Returns the report, to be freed with free(). NULL if there is no memory. */
char *kc_report_text(const char *start, const struct kc_panicked *what);

/*
 * Prints a fatal error, and aborts. Deferred calls are not run. It uses the stack that
 * it is called on.
 */
KC_NORETURN void kc_report_error(const char *text, const struct kc_g *g,
				 const struct kc_trace *trace);

/* Does not return if another thread has called kc_report_begin(). */
void kc_report_await(void);

#endif /* LIBKCHAN_PANIC_REPORT_H */
