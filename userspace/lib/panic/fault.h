/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef LIBKCHAN_PANIC_FAULT_H
#define LIBKCHAN_PANIC_FAULT_H

#include <signal.h>
#include <stdbool.h>

/* Have stack overflows told, if nobody handles such faults. Once in a process. */
void kc_fault_setup(void);

/* Call the handler that was there before ours: false if there was none. */
bool kc_call_handler(const struct sigaction *old, int signal, siginfo_t *info,
		     void *context);

#endif /* LIBKCHAN_PANIC_FAULT_H */
