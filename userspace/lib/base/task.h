/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * System calls on a thread.
 */
#ifndef LIBKCHAN_BASE_TASK_H
#define LIBKCHAN_BASE_TASK_H

#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/types.h>

#include "base/sys.h"

static inline pid_t sys_gettid(void)
{
	return syscall(SYS_gettid);
}

static inline pid_t sys_getpid(void)
{
	return syscall(SYS_getpid);
}

static inline void sys_set_comm(const char *comm)
{
	syscall(SYS_prctl, PR_SET_NAME, comm, 0, 0, 0);
}

static inline void sys_get_comm(char *comm)
{
	syscall(SYS_prctl, PR_GET_NAME, comm, 0, 0, 0);
}

/* Sends @info to a thread of this process. */
static inline long sys_queue_signal(pid_t tid, int signal, const siginfo_t *info)
{
	return sys_ret(syscall(SYS_rt_tgsigqueueinfo, sys_getpid(), tid, signal,
			       info));
}

/* Sends a signal to the calling thread. */
static inline void sys_raise(int signal)
{
	syscall(SYS_tgkill, sys_getpid(), sys_gettid(), signal);
}

/* A thread's signal mask, as the kernel defines it. */
#define KC_SIGNALS	(_NSIG - 1)
#define KC_MASK_BITS	(8 * sizeof(unsigned long))

struct kc_sigmask {
	unsigned long bits[KC_SIGNALS / KC_MASK_BITS];
};

static inline void kc_sigmask_del(struct kc_sigmask *mask, int signal)
{
	mask->bits[(signal - 1) / KC_MASK_BITS] &=
		~(1UL << (signal - 1) % KC_MASK_BITS);
}

/* True if the thread itself causes the signal by what it executes. */
static inline bool kc_is_fault(int signal)
{
	return signal == SIGSEGV || signal == SIGBUS || signal == SIGFPE ||
	       signal == SIGILL || signal == SIGTRAP;
}

/*
 * The signals of libc. They must not be blocked: libc sends them to all threads, and
 * waits.
 */
#define KC_LIBC_SIGNAL	32
#define KC_LIBC_SIGNALS	3	/* their number */

static inline void sys_set_sigmask(const struct kc_sigmask *mask,
				   struct kc_sigmask *old)
{
	syscall(SYS_rt_sigprocmask, SIG_SETMASK, mask, old, sizeof(*mask));
}

/* Blocks all signals except libc's own, which another thread may wait for. */
static inline void sys_block_signals(struct kc_sigmask *old)
{
	struct kc_sigmask all;
	int i;

	memset(&all, 0xff, sizeof(all));
	for (i = KC_LIBC_SIGNAL; i < KC_LIBC_SIGNAL + KC_LIBC_SIGNALS; i++)
		kc_sigmask_del(&all, i);
	sys_set_sigmask(&all, old);
}

static inline void sys_get_sigmask(struct kc_sigmask *mask)
{
	syscall(SYS_rt_sigprocmask, SIG_SETMASK, NULL, mask, sizeof(*mask));
}

/* The first version of the kernel's struct sched_attr. */
struct kc_sched_attr {
	uint32_t size;
	uint32_t policy;
	uint64_t flags;
	int32_t nice;
	uint32_t priority;
	uint64_t runtime;
	uint64_t deadline;
	uint64_t period;
};

static inline long sys_get_sched(pid_t tid, struct kc_sched_attr *attr)
{
	/* Valgrind 3.19 takes this call for one that reads. */
	memset(attr, 0, sizeof(*attr));
	return sys_ret(syscall(SYS_sched_getattr, tid, attr, sizeof(*attr), 0));
}

static inline long sys_set_sched(pid_t tid, struct kc_sched_attr *attr)
{
	return sys_ret(syscall(SYS_sched_setattr, tid, attr, 0));
}

/* Returns the number of bytes that the kernel has filled in. */
static inline long sys_get_cpus(pid_t tid, void *mask, size_t size)
{
	return sys_ret(syscall(SYS_sched_getaffinity, tid, size, mask));
}

static inline long sys_set_cpus(pid_t tid, const void *mask, size_t size)
{
	return sys_ret(syscall(SYS_sched_setaffinity, tid, size, mask));
}

static inline void sys_yield(void)
{
	syscall(SYS_sched_yield);
}

static inline long sys_set_altstack(const stack_t *stack)
{
	return sys_ret(syscall(SYS_sigaltstack, stack, NULL));
}

#endif /* LIBKCHAN_BASE_TASK_H */
