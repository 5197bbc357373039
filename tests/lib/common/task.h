/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the kernel shows of this process and its threads.
 */
#ifndef TASK_H
#define TASK_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

unsigned int count_threads(void);

/*
 * Expects this many threads, without those of a sanitizer. A thread that has been
 * joined may still be visible for a moment.
 */
#define expect_threads(count)						\
	do {								\
		if (!THREAD_SANITIZED)					\
			until(count_threads() == (count));		\
	} while (0)
bool thread_is_there(pid_t tid);

/* The number of open descriptors. */
unsigned int count_fds(void);

/* True if the thread sleeps, in a system call that waits or just before one. */
bool is_asleep(pid_t tid);

/* Waits until all threads except the caller sleep. */
void wait_others_asleep(void);

/* The name that ps -T shows. */
void thread_name(pid_t tid, char name[16]);

/* The address space of this process, in bytes: what RLIMIT_AS counts. */
size_t address_space(void);

/* The signals that the thread blocks. */
uint64_t blocked_signals(pid_t tid);

#endif /* TASK_H */
