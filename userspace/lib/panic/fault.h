/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef LIBKCHAN_PANIC_FAULT_H
#define LIBKCHAN_PANIC_FAULT_H

#include <signal.h>
#include <stdbool.h>

/*
 * Makes stack overflows be reported, if the program has no handler for SIGSEGV. Called
 * once in a process.
 */
void kc_fault_setup(void);

/* Calls the handler @old. Returns false if @old is SIG_DFL or SIG_IGN. */
bool kc_call_handler(const struct sigaction *old, int signal, siginfo_t *info,
		     void *context);

#endif /* LIBKCHAN_PANIC_FAULT_H */
