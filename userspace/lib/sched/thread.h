/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef LIBKCHAN_SCHED_THREAD_H
#define LIBKCHAN_SCHED_THREAD_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/shared.h"
#include "base/task.h"

/*
 * Of address space, below the stack: frames up to this large cannot jump it. It is no
 * memory, and where addresses are scarce it is small.
 */
#define KC_GUARD_SIZE	((size_t)(sizeof(void *) > 4 ? 1024 : 64) * 1024)

/*
 * A thread with that stack. It blocks all signals until it says otherwise. 0 or a
 * negative errno.
 */
int kc_thread_create(pthread_t *thread, void *(*fn)(void *arg), void *arg,
		     size_t stack_size);

/* The stack that gives a thread so much room. 0: that is too much. */
size_t kc_thread_whole_stack(size_t room);

/*
 * Schedule this thread as the first one of the process, and tell how that is. False if
 * it cannot be.
 */
bool kc_thread_schedule_as_first(struct kc_sched_attr *own, uint64_t *own_cpus);
bool kc_thread_is_scheduled(const struct kc_sched_attr *as, uint64_t as_cpus);

/* Room on a stack for what needs more than a goroutine may have left. */
#define KC_STACK_ROOMY	((size_t)256 * 1024)

/*
 * A thread of the library's own, which is no goroutine, for a function that does
 * not return, with @room on its stack. It blocks all signals. 0 or a negative errno.
 */
KC_SHARED int kc_thread_own(void (*fn)(void), size_t room);

/* This thread is one of them, or serves one that waits for it: it is no goroutine. */
extern _Thread_local bool kc_thread_is_own
	__attribute__((tls_model("initial-exec")));

/* How many of them there are; one more. */
unsigned int kc_thread_count_own(void);
void kc_thread_add_own(void);

/* This thread is one from now on, and blocks all signals. */
void kc_thread_become_own(void);

/* The first thread of the process ends, and the process goes on. */
void kc_thread_first_ends(void);

/* How many threads this process has, of whoever's; negative: not known. */
long kc_thread_count(void);

/* Of so many, @known are all that there are but for the race detector's. */
bool kc_thread_are_all(long threads, long known);

/*
 * Call @fn(@arg) in a thread with a large stack, and wait for it. If there can be
 * no such thread it is called here.
 */
void kc_thread_roomy(void (*fn)(void *arg), void *arg);

#endif /* LIBKCHAN_SCHED_THREAD_H */
