/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Telling people of a panic.
 */
#ifndef LIBKCHAN_PANIC_REPORT_H
#define LIBKCHAN_PANIC_REPORT_H

#include "panic/panicking.h"

/* This thread is to report, and the process to end: no other one reports after this. */
void kc_report_begin(void);

/* Print the newest of a chain of panics, which nobody recovers, and abort. */
KC_NORETURN void kc_report_fatal(const struct kc_panic *p);

/* To be given to free(); NULL when there is no memory. */
char *kc_report_text(const char *start, const struct kc_panicked *what);

/*
 * Print a fatal error that no deferred call is run for, and abort. It is done on
 * the stack that this is called on.
 */
KC_NORETURN void kc_report_error(const char *text, const struct kc_g *g,
				 const struct kc_trace *trace);

/*
 * Does not return if another thread is about to end the process by one of these, or has
 * begun to.
 */
void kc_report_await(void);

#endif /* LIBKCHAN_PANIC_REPORT_H */
