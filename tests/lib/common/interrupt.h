/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Interrupting a thread by signals. The handler returns.
 */
#ifndef INTERRUPT_H
#define INTERRUPT_H

#include <pthread.h>
#include <stdatomic.h>

/* The number of signals that were handled since catch_signal(). */
extern atomic_int handled;

/* Handles SIGUSR1 from now on. The flags are those of sigaction(). */
void catch_signal(int flags);

/*
 * Sends SIGUSR1 to the thread, this many times. Each signal is handled before the next
 * one is sent. With the thread sanitizer this is not possible, because it calls handlers
 * late.
 */
void interrupt(pthread_t thread, int times);

#endif /* INTERRUPT_H */
