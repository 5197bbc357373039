// SPDX-License-Identifier: GPL-2.0-only
/*
 * Interrupting a thread by signals; see interrupt.h.
 */
#include "interrupt.h"

#include <signal.h>

#include "common.h"

atomic_int handled;

static void on_signal(int signal)
{
	(void)signal;
	atomic_fetch_add(&handled, 1);
}

void catch_signal(int flags)
{
	struct sigaction action = { .sa_handler = on_signal, .sa_flags = flags };

	must_int(sigaction(SIGUSR1, &action, NULL), 0);
	atomic_store(&handled, 0);
}

void interrupt(pthread_t thread, int times)
{
	int i;

	for (i = 1; i <= times; i++) {
		must_int(pthread_kill(thread, SIGUSR1), 0);
		if (THREAD_SANITIZED)
			sleep_ms(20);
		else
			until(atomic_load(&handled) == i);
	}
}
