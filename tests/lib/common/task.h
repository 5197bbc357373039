/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the kernel tells of this process's threads.
 */
#ifndef TASK_H
#define TASK_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

unsigned int count_threads(void);

/*
 * There are so many, but for those of a sanitizer. One that has been joined may still
 * be seen for a moment.
 */
#define expect_threads(count)						\
	do {								\
		if (!THREAD_SANITIZED)					\
			until(count_threads() == (count));		\
	} while (0)
bool thread_is_there(pid_t tid);

/* It sleeps: in a system call that waits, if it is not about to begin one. */
bool is_asleep(pid_t tid);

/* Until all threads but the caller do so. */
void wait_others_asleep(void);

/* What ps -T shows. */
void thread_name(pid_t tid, char name[16]);

/* The signals that it blocks. */
uint64_t blocked_signals(pid_t tid);

#endif /* TASK_H */
