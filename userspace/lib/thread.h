/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef LIBKCHAN_THREAD_H
#define LIBKCHAN_THREAD_H

#include <stdbool.h>
#include <stddef.h>

struct kc_worker;

/* A thread for @w, which it owns from then on: 0 or a negative errno. */
int kc_thread_make(struct kc_worker *w);

/* Room on a stack for what needs more than a goroutine may have left. */
#define KC_STACK_ROOMY	((size_t)256 * 1024)

/*
 * A thread of the library's own, which is no goroutine, for a function that does
 * not return, with @room on its stack. It blocks all signals. 0 or a negative errno.
 */
int kc_thread_own(void (*fn)(void), size_t room);

/* This thread is one of them, or serves one that waits for it: it is no goroutine. */
extern _Thread_local bool kc_thread_is_own
	__attribute__((tls_model("initial-exec")));

/* How many of them there are. */
unsigned int kc_thread_count_own(void);

/* This thread is one from now on, and blocks all signals. */
void kc_thread_become_own(void);

/* How many threads this process has, of whoever's; negative: not known. */
long kc_thread_count(void);

/* Of so many, @known are all that there are but for the race detector's. */
bool kc_thread_are_all(long threads, long known);

/*
 * Call @fn(@arg) in a thread with a large stack, and wait for it. If there can be
 * no such thread it is called here.
 */
void kc_thread_roomy(void (*fn)(void *arg), void *arg);

#endif /* LIBKCHAN_THREAD_H */
