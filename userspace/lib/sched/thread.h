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
 * The size of the guard below a stack, in address space. A stack frame up to this size
 * cannot skip it. The guard takes no memory. It is small where address space is scarce:
 * where pointers have 32 bits, and where RLIMIT_AS leaves no room for a large one.
 */
#define KC_GUARD_LEAST	((size_t)64 * 1024)
#define KC_GUARD_SIZE	(sizeof(void *) > 4 ? (size_t)1024 * 1024 : KC_GUARD_LEAST)

/*
 * Creates a thread with that stack size. It starts with all signals blocked. The size
 * of its guard is in *@guard_size before it runs. Returns 0 or a negative errno.
 */
int kc_thread_create(pthread_t *thread, void *(*fn)(void *arg), void *arg,
		     size_t stack_size, size_t *guard_size);

/* The size of a stack with @room bytes for the thread. 0 if it is too large. */
size_t kc_thread_whole_stack(size_t room);

/*
 * The first schedules the calling thread as the first thread of the process is
 * scheduled, and returns the result in @own and @own_cpus. False if this is impossible.
 * The second returns true if the thread's scheduling is still the same.
 */
bool kc_thread_schedule_as_first(struct kc_sched_attr *own, uint64_t *own_cpus);
bool kc_thread_is_scheduled(const struct kc_sched_attr *as, uint64_t as_cpus);

/* The room on a stack for work that needs more than a goroutine may have left. */
#define KC_STACK_ROOMY	((size_t)256 * 1024)

/*
 * Creates a thread of the library, which is no goroutine. @fn must not return. It has
 * @room bytes on its stack, and blocks all signals. Returns 0 or a negative errno.
 */
KC_SHARED int kc_thread_own(void (*fn)(void), size_t room);

/*
 * True in a thread of the library that is no goroutine, and in a helper thread that a
 * goroutine waits for.
 */
extern _Thread_local bool kc_thread_is_own
	__attribute__((tls_model("initial-exec")));

/* The number of the library's own threads; and adding one to it. */
unsigned int kc_thread_count_own(void);
void kc_thread_add_own(void);

/* The calling thread becomes one of them: it blocks all signals from now on. */
void kc_thread_become_own(void);

/* The first thread of the process ends, and the process goes on. */
void kc_thread_first_ends(void);

/* The number of all threads of this process. Negative if it is not known. */
long kc_thread_count(void);

/* True if @known of @threads threads are all, except for the race detector's thread. */
bool kc_thread_are_all(long threads, long known);

/*
 * Calls @fn(@arg) in a thread with a large stack, and waits for it. If the thread
 * cannot be created, it calls the function here.
 */
void kc_thread_roomy(void (*fn)(void *arg), void *arg);

#endif /* LIBKCHAN_SCHED_THREAD_H */
